"""What a function may call is up to its role: the action, on the resource's own ARN. Stock has this; may it stay so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.clouds import TestCloud
from tests.support.machines import ended, machine, started
from tests.support.resources import function, new_name, role

CALLS = """
import boto3
from botocore.exceptions import ClientError
def handler(event, context):
    try:
        getattr(boto3.client(event["service"]), event["call"])(**event["arguments"])
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"
"""
ELSEWHERE = "arn:aws:{}:us-east-1:000000000000:elsewhere"


@dataclass
class Things:
    topic: str
    machine: str
    execution: str
    function: str
    secret: str


@pytest.fixture(scope="module")
def things(mended: TestCloud) -> Things:
    waiting = machine(mended, {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}})
    return Things(
        topic=mended.client("sns").create_topic(Name=new_name("topic"))["TopicArn"],
        machine=waiting,
        execution=started(mended, waiting, name="one"),
        function=function(mended, "def handler(event, context): return 1"),
        secret=mended.client("secretsmanager").create_secret(Name=new_name("secret"), SecretString="s")["ARN"],
    )


def answer(cloud: TestCloud, call: dict[str, Any], action: str, resource: str) -> str:
    """What a function is told whose role may do one thing on one resource."""
    arn = function(cloud, CALLS)
    name = cloud.client("lambda").get_function_configuration(FunctionName=arn)["Role"].rsplit("/", 1)[1]
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("iam").put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=document)
    return str(json.loads(cloud.client("lambda").invoke(FunctionName=arn, Payload=json.dumps(call))["Payload"].read()))


def calls(things: Things) -> dict[str, tuple[dict[str, Any], str, str]]:
    """The call, its action, and the resource on which it must be allowed."""

    def call(service: str, name: str, **arguments: Any) -> dict[str, Any]:
        return {"service": service, "call": name, "arguments": arguments}

    return {
        "a text message": (call("sns", "publish", PhoneNumber="+15550101", Message="m"), "sns:Publish", "*"),
        "a topic": (call("sns", "publish", TopicArn=things.topic, Message="m"), "sns:Publish", things.topic),
        "look at an execution": (
            call("stepfunctions", "describe_execution", executionArn=things.execution),
            "states:DescribeExecution",
            things.execution,
        ),
        "look at every execution of a machine": (
            call("stepfunctions", "describe_execution", executionArn=things.execution),
            "states:DescribeExecution",
            things.machine.replace(":stateMachine:", ":execution:") + ":*",
        ),
        "start an execution": (
            call("stepfunctions", "start_execution", stateMachineArn=things.machine),
            "states:StartExecution",
            things.machine,
        ),
        "invoke a function": (
            call("lambda", "invoke", FunctionName=things.function),
            "lambda:InvokeFunction",
            things.function,
        ),
        "invoke a function by its name": (
            call("lambda", "invoke", FunctionName=things.function.rsplit(":", 1)[1]),
            "lambda:InvokeFunction",
            things.function,
        ),
        "read a secret": (
            call("secretsmanager", "get_secret_value", SecretId=things.secret),
            "secretsmanager:GetSecretValue",
            things.secret,
        ),
        "read a secret by its name": (
            call("secretsmanager", "get_secret_value", SecretId=things.secret.rsplit(":", 1)[1][:-7]),
            "secretsmanager:GetSecretValue",
            things.secret,
        ),
        "write a secret": (
            call("secretsmanager", "put_secret_value", SecretId=things.secret, SecretString="s"),
            "secretsmanager:PutSecretValue",
            things.secret,
        ),
        "make up a password": (
            call("secretsmanager", "get_random_password"),
            "secretsmanager:GetRandomPassword",
            "*",
        ),
    }


NAMES = sorted(calls(Things("a:topic", "a:stateMachine:b", "a", "a:b", "a:secret-1234567")))


@pytest.mark.parametrize("name", NAMES)
def test_a_call_that_the_role_allows_on_its_resource_is_made(mended: TestCloud, things: Things, name: str) -> None:
    call, action, resource = calls(things)[name]

    assert answer(mended, call, action, resource) == "done"


@pytest.mark.parametrize("name", NAMES)
def test_a_call_that_the_role_allows_only_elsewhere_is_refused(mended: TestCloud, things: Things, name: str) -> None:
    call, action, _ = calls(things)[name]
    refusal = "AuthorizationError" if action.startswith("sns:") else "AccessDeniedException"

    assert answer(mended, call, action, ELSEWHERE.format(action.split(":")[0])) == refusal


def test_a_role_that_may_publish_to_a_topic_may_not_send_text_messages(mended: TestCloud, things: Things) -> None:
    call, action, _ = calls(things)["a text message"]

    assert answer(mended, call, action, things.topic) == "AuthorizationError"


def test_looking_at_an_execution_takes_its_own_arn_not_its_machines(mended: TestCloud, things: Things) -> None:
    call, action, _ = calls(things)["look at an execution"]

    assert answer(mended, call, action, things.machine) == "AccessDeniedException"


@pytest.mark.parametrize(("resource", "status"), [("*", "SUCCEEDED"), ("topic", "FAILED")])
def test_a_workflow_sends_text_messages_only_if_its_role_may_publish_to_anything(
    mended: TestCloud, things: Things, resource: str, status: str
) -> None:
    name = role(mended, "states.amazonaws.com").rsplit("/", 1)[1]
    statement = {"Effect": "Allow", "Action": "sns:Publish", "Resource": things.topic if resource == "topic" else "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    mended.client("iam").put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=document)
    parameters = {"PhoneNumber": "+15550102", "Message": "m"}
    send = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": parameters, "End": True}
    arn = mended.client("stepfunctions").create_state_machine(
        name=new_name("machine"),
        definition=json.dumps({"StartAt": "Send", "States": {"Send": send}}),
        roleArn=f"arn:aws:iam::000000000000:role/{name}",
    )["stateMachineArn"]

    assert ended(mended, started(mended, arn))["status"] == status
