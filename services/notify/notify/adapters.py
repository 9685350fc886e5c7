"""Notify's other ports on AWS: Step Functions and EventBridge; and their clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic_core import to_json
from smartwatch_contracts import wire
from smartwatch_contracts.envelope import Envelope

from notify.domain import AlertRecord
from notify.ports import AlreadyRanError, Bus, Executions, PublishError, Workflow
from notify.requests import Alert

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_stepfunctions.client import SFNClient

#: Each attempt of a call, in seconds; with the retries it stays well inside the function's timeout.
CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})

#: What Step Functions says of a token whose task is over (API reference, SendTaskSuccess).
NO_LONGER_WAITING = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


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


class StepFunctionsExecutions(Executions):
    """The escalation's executions. `direct_page_seconds` is part of what each begins with."""

    def __init__(self, client: SFNClient, state_machine_arn: str, direct_page_seconds: int) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn
        self._direct_page_seconds = direct_page_seconds

    def status(self, execution_arn: str) -> str:
        try:
            return self._client.describe_execution(executionArn=execution_arn)["status"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return "MISSING"
            raise

    def start(self, alert: Alert, record: AlertRecord, number: int) -> None:
        # The very input that the rule on the bus makes of AlertRaised.
        began = {
            "alert": alert.model_dump(mode="json", by_alias=True),
            "causationId": record.causation_id or alert.alert_id,
            "correlationId": record.correlation_id,
            "raisedAt": record.raised_at,
            "trace": record.trace,
            "cause": "raised",
            "planned": {"plan": {"policy": None}},
            "directPageSeconds": self._direct_page_seconds,
        }
        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn,
                name=f"{alert.alert_id}-{number}",
                input=to_json(began).decode(),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
                raise AlreadyRanError(number) from None
            raise


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


def step_functions_client() -> SFNClient:
    return boto3.client("stepfunctions", config=CLIENT_CONFIG)
