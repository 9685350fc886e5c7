"""What a workflow may do: the state machine's role decides.

Stock makes every call of a task as the account's root. AWS makes it under the state machine's role, and a refusal fails
the task with the service's own error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.cloud import permissions
from simulator.cloud.mends import stepfunctions_executions as executions
from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings


def install(_: CloudSettings) -> None:
    from ministack.services import stepfunctions

    replace(stepfunctions, "_invoke_resource", _asking_first)


def _asking_first(original: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    from ministack.services import stepfunctions

    def invoke(resource: str, parameters: Any) -> Any:
        execution = executions.CURRENT.get()
        machine = execution and stepfunctions._state_machines.get(execution["stateMachineArn"])
        if machine:
            error, checks = _checks(resource, parameters if isinstance(parameters, dict) else {})
            refusal = permissions.role_refusal(machine["roleArn"], "states.amazonaws.com", checks) if checks else None
            if refusal:
                raise stepfunctions._ExecutionError(error, refusal)
        return original(resource, parameters)

    return invoke


def _checks(resource: str, parameters: dict[str, Any]) -> tuple[str, list[permissions.Check]]:
    """The error that a refusal raises, and what the role must be allowed to do."""
    from ministack.core import responses
    from ministack.services import lambda_svc

    here = f"{responses.get_region()}:{responses.get_account_id()}"
    _, _, integration = resource.replace(".waitForTaskToken", "").replace(".sync", "").partition(":::")
    service, _, action = integration.partition(":")
    if service == "lambda" or not integration:
        _, config, _ = lambda_svc._get_func_record_for_ref(parameters.get("FunctionName") or resource)
        return "Lambda.AWSLambdaException", [("lambda:InvokeFunction", config["FunctionArn"])] if config else []
    if service == "sns":
        target = parameters.get("TopicArn") or parameters.get("TargetArn") or "*"
        return "SNS.AuthorizationErrorException", [("sns:Publish", target)]
    if service == "sqs":
        queue = str(parameters.get("QueueUrl", "")).rsplit("/", 1)[-1]
        return "SQS.AmazonSQSException", [("sqs:SendMessage", f"arn:aws:sqs:{here}:{queue}")]
    if service == "dynamodb":
        table = str(parameters.get("TableName", ""))
        arn = table if table.startswith("arn:") else f"arn:aws:dynamodb:{here}:table/{table}"
        return "DynamoDB.AccessDeniedException", [(f"dynamodb:{action[0].upper()}{action[1:]}", arn)]
    if service == "events":
        buses = [str(entry.get("EventBusName", "default")) for entry in parameters.get("Entries", [])]
        arns = [bus if bus.startswith("arn:") else f"arn:aws:events:{here}:event-bus/{bus}" for bus in buses]
        return "EventBridge.AccessDeniedException", [("events:PutEvents", arn) for arn in arns]
    return "States.Runtime", []
