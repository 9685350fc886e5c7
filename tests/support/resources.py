"""What tests of the local cloud need before they begin: roles, functions, queues. Every name is new."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.support.clouds import TestCloud, function_zip


def new_name(prefix: str = "test") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def role(cloud: TestCloud, service: str, **actions: Any) -> str:
    """The ARN of a role that `service` may assume; `actions` is `allow=[...]`, on any resource."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    name = new_name("role")
    arn: str = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if actions.get("allow"):
        statement = {"Effect": "Allow", "Action": actions["allow"], "Resource": "*"}
        cloud.client("iam").put_role_policy(
            RoleName=name,
            PolicyName="allow",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
    return arn


def function(cloud: TestCloud, source: str, *, allow: list[str] | None = None, **configuration: Any) -> str:
    """The ARN of a Python function; `source` defines `handler(event, context)`."""
    arn: str = cloud.client("lambda").create_function(
        FunctionName=new_name("function"),
        Runtime="python3.11",
        Handler="main.handler",
        Role=role(cloud, "lambda.amazonaws.com", allow=allow),
        Code={"ZipFile": function_zip(main=source)},
        **configuration,
    )["FunctionArn"]
    return arn


def queue(cloud: TestCloud, *, open_to: str | None = None) -> tuple[str, str]:
    """The URL and the ARN of a queue; `open_to` is a service that may send to it."""
    sqs = cloud.client("sqs")
    url: str = sqs.create_queue(QueueName=new_name("queue"))["QueueUrl"]
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    if open_to:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": open_to},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def received(cloud: TestCloud, url: str) -> list[dict[str, Any]]:
    """Up to ten messages of a queue, with their attributes; they are deleted from it."""
    messages: list[dict[str, Any]] = (
        cloud.client("sqs")
        .receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        .get("Messages", [])
    )
    for message in messages:
        cloud.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return messages
