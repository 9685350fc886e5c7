"""Notify's other ports on AWS: SNS, Step Functions and EventBridge; and the clients of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic_core import to_json
from smartwatch_contracts import wire
from smartwatch_contracts.envelope import Envelope

from notify.domain import Message
from notify.ports import Bus, Messenger, PublishError, Workflow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_stepfunctions.client import SFNClient

#: Each attempt of a call, in seconds; with the retries it stays well inside the function's timeout.
CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})

#: What Step Functions says of a token whose task is over (API reference, SendTaskSuccess).
NO_LONGER_WAITING = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class SnsTopic(Messenger):
    """A topic: e-mail, SMS and whatever else is subscribed to it."""

    def __init__(self, client: SNSClient, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def send(self, message: Message) -> str:
        answer = self._client.publish(
            TopicArn=self._topic_arn,
            Subject=message.subject,
            Message=message.body,
            MessageAttributes={
                "severity": {"DataType": "String", "StringValue": message.severity},
                "alertId": {"DataType": "String", "StringValue": message.alert_id},
                "drill": {"DataType": "String", "StringValue": str(message.drill).lower()},
            },
        )
        return answer["MessageId"]


class StepFunctionsWorkflow(Workflow):
    """The escalation's state machine, through its task tokens."""

    def __init__(self, client: SFNClient) -> None:
        self._client = client

    def answer(self, task_token: str, output: dict[str, Any]) -> bool:
        try:
            self._client.send_task_success(taskToken=task_token, output=to_json(output).decode())
        except ClientError as error:
            if error.response["Error"]["Code"] in NO_LONGER_WAITING:
                return False
            raise
        return True


class EventBridgeBus(Bus):
    """The event bus."""

    def __init__(self, client: EventBridgeClient, bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, envelope: Envelope[Any]) -> None:
        answer = self._client.put_events(Entries=[wire.entry(envelope, self._bus_name)])  # type: ignore[list-item]
        if answer["FailedEntryCount"]:
            raise PublishError(str(answer["Entries"][0].get("ErrorCode")))


def dynamodb_client() -> DynamoDBClient:
    return boto3.client("dynamodb", config=CLIENT_CONFIG)


def event_bridge_client() -> EventBridgeClient:
    return boto3.client("events", config=CLIENT_CONFIG)


def sns_client() -> SNSClient:
    return boto3.client("sns", config=CLIENT_CONFIG)


def step_functions_client() -> SFNClient:
    return boto3.client("stepfunctions", config=CLIENT_CONFIG)
