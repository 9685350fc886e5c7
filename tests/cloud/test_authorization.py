"""What services may do for each other is up to roles and resource policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.clouds import TestCloud, eventually
from tests.support.machines import machine, run
from tests.support.resources import function, new_name, queue, received, role

BATCHES = """
import boto3, os
def handler(event, context):
    entries = [{"Id": "1", "MessageBody": "m"}]
    boto3.client("sqs").send_message_batch(QueueUrl=os.environ["URL"], Entries=entries)
"""
PUBLISHES = """
import boto3, os
def handler(event, context):
    return boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Message="m")["MessageId"]
"""


def rule(cloud: TestCloud, target_arn: str, dead_letters: str, **target: Any) -> str:
    """The source that a rule on the default bus sends to a target."""
    source, name = new_name("source"), new_name("rule")
    events = cloud.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(
        Rule=name,
        Targets=[{"Id": "1", "Arn": target_arn, "DeadLetterConfig": {"Arn": dead_letters}, **target}],
    )
    return source


def put(cloud: TestCloud, source: str) -> None:
    cloud.client("events").put_events(Entries=[{"Source": source, "DetailType": "T", "Detail": "{}"}])


def refused(cloud: TestCloud, target_arn: str, **target: Any) -> str:
    """The error code with which a target's event is dead-lettered."""
    url, arn = queue(cloud, open_to="events.amazonaws.com")
    put(cloud, rule(cloud, target_arn, arn, **target))
    [message] = eventually(lambda: received(cloud, url))
    return str(message["MessageAttributes"]["ERROR_CODE"]["StringValue"])


def test_a_queue_whose_policy_does_not_let_the_bus_in_is_not_reached(mended: TestCloud) -> None:
    _, closed = queue(mended)

    assert refused(mended, closed) == "NO_PERMISSIONS"


def test_a_function_whose_policy_does_not_let_the_bus_in_is_not_invoked(mended: TestCloud) -> None:
    assert refused(mended, function(mended, BATCHES)) == "NO_PERMISSIONS"


def test_a_workflow_is_not_started_without_a_role_that_may(mended: TestCloud) -> None:
    target = machine(mended, {"End": {"Type": "Succeed"}})

    assert refused(mended, target, RoleArn=role(mended, "events.amazonaws.com")) == "NO_PERMISSIONS"


def test_a_queue_that_lets_the_bus_in_is_reached(mended: TestCloud) -> None:
    url, arn = queue(mended, open_to="events.amazonaws.com")

    put(mended, rule(mended, arn, arn))

    assert eventually(lambda: received(mended, url))


def test_an_event_that_its_dead_letter_queue_refuses_is_lost_and_the_log_says_so(mended: TestCloud) -> None:
    _, closed = queue(mended)

    put(mended, rule(mended, closed, closed))

    eventually(lambda: "an event is lost" in mended.log())


def test_stock_delivers_whatever_the_policy_says(stock: TestCloud) -> None:
    url, closed = queue(stock)

    put(stock, rule(stock, closed, closed))

    assert eventually(lambda: received(stock, url))


def task(resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"Do": {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}}


def tasks(cloud: TestCloud) -> dict[str, dict[str, Any]]:
    topic = cloud.client("sns").create_topic(Name=new_name("topic"))["TopicArn"]
    key = {"TableName": "t", "Key": {"k": {"S": "x"}}}
    entry = {"Source": "s", "DetailType": "T", "Detail": {}}
    name = function(cloud, "def handler(event, context):\n    return 1\n")
    return {
        "lambda:InvokeFunction": task("arn:aws:states:::lambda:invoke", {"FunctionName": name}),
        "sns:Publish": task("arn:aws:states:::sns:publish", {"TopicArn": topic, "Message": "m"}),
        "dynamodb:GetItem": task("arn:aws:states:::dynamodb:getItem", key),
        "events:PutEvents": task("arn:aws:states:::events:putEvents", {"Entries": [entry]}),
    }


@pytest.mark.parametrize("action", ["lambda:InvokeFunction", "sns:Publish", "dynamodb:GetItem", "events:PutEvents"])
def test_a_workflow_does_only_what_its_role_allows(mended: TestCloud, action: str) -> None:
    answer = run(mended, tasks(mended)[action], allow=["logs:PutLogEvents"])

    assert answer["status"] == "FAILED"
    assert f"is not authorized to perform: {action}" in answer["cause"]


def test_stock_lets_a_workflow_do_anything(stock: TestCloud) -> None:
    answer = run(stock, tasks(stock)["lambda:InvokeFunction"], allow=["logs:PutLogEvents"])

    assert answer["status"] == "SUCCEEDED"


def called(cloud: TestCloud, source: str, variables: dict[str, str], *allow: str) -> dict[str, Any]:
    name = function(cloud, source, allow=list(allow), Environment={"Variables": variables})
    return dict(cloud.client("lambda").invoke(FunctionName=name))


def test_sending_a_batch_takes_the_permission_to_send(mended: TestCloud) -> None:
    url, _ = queue(mended)

    assert "FunctionError" not in called(mended, BATCHES, {"URL": url}, "sqs:SendMessage")


def test_stock_asks_for_an_action_that_does_not_exist(stock: TestCloud) -> None:
    url, _ = queue(stock)

    assert "FunctionError" in called(stock, BATCHES, {"URL": url}, "sqs:SendMessage")


def a_templates_topic(cloud: TestCloud) -> str:
    """A topic that CloudFormation made, with the policy that every topic has."""
    name = new_name("stack")
    body = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Arn": {"Value": {"Ref": "Topic"}}}}
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(body))
    outputs = eventually(lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs"))
    return str(outputs[0]["OutputValue"])


def test_a_topics_default_policy_lets_no_role_publish(mended: TestCloud) -> None:
    topic = a_templates_topic(mended)

    assert "FunctionError" in called(mended, PUBLISHES, {"TOPIC": topic}, "sqs:SendMessage")
    assert "FunctionError" not in called(mended, PUBLISHES, {"TOPIC": topic}, "sns:Publish")


def test_stock_lets_every_role_publish_to_a_templates_topic(stock: TestCloud) -> None:
    topic = a_templates_topic(stock)

    assert "FunctionError" not in called(stock, PUBLISHES, {"TOPIC": topic}, "sqs:SendMessage")
