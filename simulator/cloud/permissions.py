"""What IAM says when one AWS service acts for the account: with MiniStack's own evaluator and the roles it keeps.

Every question is answered by None (allowed) or by the reason, one line that names principal, action and resource.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

#: Action and resource ARN.
Check = tuple[str, str]


def role_refusal(role_arn: str | None, service: str, checks: Iterable[Check]) -> str | None:
    """Why `service` (`events.amazonaws.com`) may not assume the role and do all of `checks` with it."""
    from ministack.core import iam_evaluator, responses
    from ministack.services import iam

    name = (role_arn or "").rsplit("/", 1)[-1]
    role = iam._roles.get(name)
    if not role:
        return f"the role {role_arn} does not exist"
    document = role.get("AssumeRolePolicyDocument") or "{}"
    trust = json.loads(document) if isinstance(document, str) else document
    statements = trust.get("Statement", [])
    if not any(
        statement.get("Effect") == "Allow"
        and iam_evaluator._service_principal_matches(statement.get("Principal"), service)
        for statement in (statements if isinstance(statements, list) else [statements])
    ):
        return f"{service} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    account = responses.get_account_id()
    policies = iam_evaluator._gather_role_policies(name, account)
    boundary = iam_evaluator._permissions_boundary(iam._roles, name, account)
    principal = f"arn:aws:sts::{account}:assumed-role/{name}/{service.split('.')[0]}"
    for action, resource in checks:
        context = _context(principal, "AssumedRole", action, resource)
        if iam_evaluator.evaluate(context, policies, *boundary).decision != "Allow":
            return f"{principal} is not authorized to perform: {action} on resource: {resource}"
    return None


def resource_refusal(
    policy: str | dict[str, Any] | None, service: str, action: str, resource: str, source_arn: str | None
) -> str | None:
    """Why a resource's own policy does not let `service` in on behalf of `source_arn`."""
    from ministack.core import iam_evaluator, responses

    conditions = {"aws:sourcearn": source_arn or "", "aws:sourceaccount": responses.get_account_id()}
    context = _context(f"service/{service}", "Service", action, resource, conditions)
    if iam_evaluator.evaluate_resource_policy(policy or {}, context, service=service).decision == "Allow":
        return None
    return f"{service} is not authorized to perform: {action} on resource: {resource} for {source_arn}"


def function_refusal(function_arn: str, service: str, source_arn: str | None) -> str | None:
    """Why `service` may not invoke the function; None also when there is no such function."""
    from ministack.services import lambda_svc

    function, config, _ = lambda_svc._get_func_record_for_ref(function_arn)
    if not function or not config:
        return None
    return resource_refusal(function.get("policy"), service, "lambda:InvokeFunction", config["FunctionArn"], source_arn)


def queue_refusal(queue: dict[str, Any], service: str, source_arn: str | None) -> str | None:
    attributes = queue.get("attributes", {})
    arn = attributes.get("QueueArn") or queue.get("arn") or ""
    return resource_refusal(attributes.get("Policy"), service, "sqs:SendMessage", arn, source_arn)


def topic_refusal(topic: dict[str, Any], service: str, source_arn: str | None) -> str | None:
    policy = topic.get("attributes", {}).get("Policy")
    return resource_refusal(policy, service, "sns:Publish", topic.get("arn", ""), source_arn)


def _context(
    principal: str, principal_type: str, action: str, resource: str, conditions: dict[str, str] | None = None
) -> Any:
    from ministack.core import iam_evaluator, responses

    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type=principal_type,
        principal_account=responses.get_account_id(),
        action=action,
        resource_arn=resource,
        region=responses.get_region(),
        service_context=conditions or {},
    )
