"""A deployed stack, local or on AWS, through boto3 and the stack's outputs alone."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import certifi
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.exceptions import ClientError
from notify import policy_files
from notify.plans import Plan
from smartwatch_contracts.documents import DocumentError
from smartwatch_contracts.policies import EscalationPolicy

from simulator import timeline
from simulator.alarm_configuration import AlarmConfiguration
from simulator.cloud.deploy import STACK, outputs
from simulator.cloud.process import RunningCloud
from simulator.cloud.settings import BROKER_HOST, REGION
from simulator.devices.provisioning import Identity, check_device_id, provision
from simulator.devices.watch import Broker
from simulator.errors import ChainError, UsageError
from simulator.home import watches_home
from simulator.timeline import Planned

#: Port of MQTT with client certificates on AWS IoT Core.
AWS_MQTT_PORT = 8883
STATUSES = ("open", "acknowledged", "cleared", "exhausted", "joined", "technical", "retrospective")
#: Never the task token.
ALERT_FIELDS = (
    "alertId, #status, deviceId, ruleId, severity, title, startedAt, raisedAt, drill, team, executionArn, "
    "acknowledgedBy, acknowledgedAt, clearedAt, reopenedAt, restarts, leadAlertId, members, "
    "correlationId, #trace, timeline"
)
ALERT_NAMES = {"#status": "status", "#trace": "trace"}
#: BatchGetItem takes so many keys.
BATCH = 100

_CONFIG = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 3}, inject_host_prefix=False
)
_plain = TypeDeserializer().deserialize

Alert = dict[str, Any]
Reading = dict[str, Any]


class Stack:
    """Everything that the commands ask of a stack. Errors: botocore's, `UsageError`, `ChainError`."""

    def __init__(self, session: boto3.Session, name: str, cloud: RunningCloud | None = None) -> None:
        self._session = session
        self._clients: dict[str, Any] = {}
        self.name = name
        self.cloud = cloud

    @classmethod
    def local(cls, cloud: RunningCloud) -> Stack:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        return cls(session, STACK, cloud)

    @classmethod
    def on_aws(cls, name: str, profile: str | None, region: str | None) -> Stack:
        return cls(boto3.Session(profile_name=profile, region_name=region), name)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            endpoint = {"endpoint_url": self.cloud.settings.endpoint} if self.cloud else {}
            self._clients[service] = self._session.client(service, config=_CONFIG, **endpoint)  # type: ignore[call-overload]
        return self._clients[service]

    @cached_property
    def outputs(self) -> dict[str, str]:
        try:
            return outputs(self.client("cloudformation"), self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                hint = "; `smartwatch down` and `up` make it anew" if self.cloud else ""
                raise UsageError(f"there is no stack {self.name!r}{hint}") from None
            raise

    @cached_property
    def configuration(self) -> AlarmConfiguration:
        """What people put: rule sets and profiles, policies and the roster, overrides and silences."""
        return AlarmConfiguration(self.client("dynamodb"), self.outputs["AlarmConfigurationTableName"])

    # ------------------------------------------------------------------------------------------------------- watches

    def broker(self, *, basic_ingest: bool = True) -> Broker:
        rule = self.outputs["ReadingsRuleName"] if basic_ingest else None
        if self.cloud:
            return Broker(BROKER_HOST, self.cloud.settings.mqtt_port, rule)
        described = self.client("iot").describe_endpoint(endpointType="iot:Data-ATS")
        return Broker(described["endpointAddress"], AWS_MQTT_PORT, rule)

    def provision(self, device_id: str) -> Identity:
        return provision(
            self.client("iot"),
            device_id,
            policy=self.outputs["DevicePolicyName"],
            thing_type=self.outputs["WatchTypeName"],
            ca=self._ca(),
            directory=watches_home(self.name if self.cloud is None else "local"),
        )

    def ensure_known(self, device_id: str) -> None:
        """Errors: `UsageError` when there is no such watch, or no such stack."""
        check_device_id(device_id)
        _ = self.outputs
        try:
            self.client("iot").describe_thing(thingName=device_id)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                raise UsageError(f"there is no watch {device_id!r}") from None
            raise

    def _ca(self) -> bytes:
        if self.cloud is None:
            return Path(certifi.where()).read_bytes()
        with urllib.request.urlopen(f"{self.cloud.settings.endpoint}/_ministack/iot/ca.pem", timeout=10) as answer:
            return bytes(answer.read())

    # ------------------------------------------------------------------------------------------------------ readings

    def readings(self, device_id: str) -> list[Reading]:
        """A watch's stored readings in time order; one that two rows share counts once."""
        rows = self._query(
            TableName=self.outputs["ReadingsTableName"],
            KeyConditionExpression="deviceId = :device",
            ExpressionAttributeValues={":device": {"S": device_id}},
            ProjectionExpression="readings",
        )
        distinct: dict[str, Reading] = {}
        for row in rows:
            for reading in row["readings"]:
                distinct[json.dumps(reading, sort_keys=True)] = reading
        return sorted(distinct.values(), key=lambda reading: int(reading["timestamp"]))

    def readings_as_received(self, device_id: str) -> list[Reading]:
        """As `readings`, each with when the broker first had it, as `receivedAt` in milliseconds since 1970."""
        rows = self._query(
            TableName=self.outputs["ReadingsTableName"],
            KeyConditionExpression="deviceId = :device",
            ExpressionAttributeValues={":device": {"S": device_id}},
            ProjectionExpression="readings, receivedAt",
        )
        distinct: dict[str, Reading] = {}
        for row in sorted(rows, key=lambda row: int(row["receivedAt"])):
            for reading in row["readings"]:
                distinct.setdefault(
                    json.dumps(reading, sort_keys=True), {**reading, "receivedAt": int(row["receivedAt"])}
                )
        return sorted(distinct.values(), key=lambda reading: int(reading["timestamp"]))

    # -------------------------------------------------------------------------------------------------------- alerts

    def alerts(self, *, status: str | None = None, device_id: str | None = None) -> list[Alert]:
        """Alerts, the latest first, without their timelines."""
        found = [
            alert
            for each in ([status] if status else STATUSES)
            for alert in self._query(
                TableName=self.outputs["AlertsTableName"],
                IndexName="status",
                KeyConditionExpression="#status = :status",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":status": {"S": each}},
            )
        ]
        chosen = [alert for alert in found if device_id is None or alert["deviceId"] == device_id]
        return sorted(chosen, key=lambda alert: str(alert.get("raisedAt", "")), reverse=True)

    def alert(self, alert_id: str) -> Alert:
        """One alert with its timeline, never with a task token. Errors: `UsageError` when there is none."""
        answer = self.client("dynamodb").get_item(
            TableName=self.outputs["AlertsTableName"],
            Key={"alertId": {"S": alert_id}},
            ConsistentRead=True,
            ProjectionExpression=ALERT_FIELDS,
            ExpressionAttributeNames=ALERT_NAMES,
        )
        if "status" not in answer.get("Item", {}):
            raise UsageError(f"there is no alert {alert_id!r}")
        return _item(answer["Item"])

    def alerts_between(self, since: datetime, until: datetime, statuses: Sequence[str]) -> list[Alert]:
        """Alerts that were raised in a period, from `since` on and before `until`, with their timelines."""
        raised: dict[str, str] = {}
        for status in statuses:
            for alert in self._query(
                TableName=self.outputs["AlertsTableName"],
                IndexName="status",
                # Texts: whole seconds sort before what is inside them, and are refined below.
                KeyConditionExpression="#status = :status AND raisedAt BETWEEN :since AND :until",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={
                    ":status": {"S": status},
                    ":since": {"S": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"},
                    ":until": {"S": f"{until.astimezone(UTC):%Y-%m-%dT%H:%M:%S}~"},
                },
            ):
                raised[alert["alertId"]] = alert["raisedAt"]
        wanted = [key for key, at in raised.items() if since <= datetime.fromisoformat(at) < until]
        found = [
            alert for start in range(0, len(wanted), BATCH) for alert in self._batch(wanted[start : start + BATCH])
        ]
        return sorted(found, key=lambda alert: str(alert["raisedAt"]))

    def _batch(self, alert_ids: list[str]) -> Iterator[Alert]:
        table = self.outputs["AlertsTableName"]
        request: dict[str, Any] = {
            table: {
                "Keys": [{"alertId": {"S": alert_id}} for alert_id in alert_ids],
                "ConsistentRead": True,
                "ProjectionExpression": ALERT_FIELDS,
                "ExpressionAttributeNames": ALERT_NAMES,
            }
        }
        while request:
            answer = self.client("dynamodb").batch_get_item(RequestItems=request)
            yield from (_item(item) for item in answer["Responses"].get(table, []) if "status" in item)
            request = answer.get("UnprocessedKeys") or {}

    def policy(self, name: str, version: str) -> EscalationPolicy | None:
        """The policy of this name and version, in force or from before; None where it was never put here."""
        texts = [put.text for put in self.configuration.policies.history(name)]
        if name == policy_files.DEFAULT:
            texts.append(policy_files.built_in_policy_text())
        for text in texts:
            try:
                made = policy_files.policy(text)
            except DocumentError:
                continue
            if made.version == version:
                return made
        return None

    def plan(self, planned: Planned) -> Plan | None:
        """A plan of an alert again, step by step; None where its policy is not known here."""
        policy = self.policy(planned.policy, planned.version)
        return None if policy is None else timeline.plan_of(planned, policy)

    def seconds_to_answer(self, planned: Planned) -> int | None:
        """How long a plan takes when nobody answers; None where its policy is not known here."""
        made = self.plan(planned)
        return None if made is None else timeline.seconds(made)

    def acknowledge(self, alert_id: str, by: str) -> dict[str, Any]:
        """Notify's answer. Errors: `ChainError` when the function fails."""
        if not by.strip():
            raise UsageError("an acknowledgement needs a name")
        if not alert_id.strip():
            raise UsageError("an acknowledgement needs an alert's id")
        answer = self.client("lambda").invoke(
            FunctionName=self.outputs["NotifyFunctionName"],
            Payload=json.dumps({"action": "acknowledge", "alertId": alert_id, "acknowledgedBy": by}),
        )
        payload = json.loads(answer["Payload"].read() or "null")
        if answer.get("FunctionError"):
            raise ChainError(f"the notify function failed: {payload.get('errorType')}")
        return dict(payload)

    # ---------------------------------------------------------------------------------------- executions and traces

    def executions(self) -> list[dict[str, Any]]:
        """Executions, the latest first, each with the name of the state it is in or ended in."""
        pages = self.client("stepfunctions").get_paginator("list_executions")
        found = []
        for page in pages.paginate(stateMachineArn=self.outputs["EscalationStateMachineArn"]):
            for execution in page["executions"]:
                found.append(
                    {
                        "executionArn": execution["executionArn"],
                        "name": execution["name"],
                        "status": execution["status"],
                        "state": self.state(execution["executionArn"]),
                        "startedAt": execution["startDate"].isoformat(),
                        "endedAt": execution["stopDate"].isoformat() if execution.get("stopDate") else None,
                    }
                )
        return sorted(found, key=lambda execution: str(execution["startedAt"]), reverse=True)

    def execution_status(self, execution_arn: str) -> str:
        """`RUNNING`, `SUCCEEDED` and so on; empty where the execution is forgotten."""
        try:
            return str(self.client("stepfunctions").describe_execution(executionArn=execution_arn)["status"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return ""
            raise

    def execution(self, name_or_arn: str) -> dict[str, Any]:
        """One execution with its input and its states. Errors: `UsageError` when there is none."""
        arn = name_or_arn
        if not arn.startswith("arn:"):
            machine = self.outputs["EscalationStateMachineArn"]
            arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name_or_arn}"
        try:
            described = self.client("stepfunctions").describe_execution(executionArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"ExecutionDoesNotExist", "InvalidArn"}:
                raise UsageError(f"there is no execution {name_or_arn!r}") from None
            raise
        return {
            "executionArn": arn,
            "name": described["name"],
            "status": described["status"],
            "startedAt": described["startDate"].isoformat(),
            "endedAt": described["stopDate"].isoformat() if described.get("stopDate") else None,
            "input": json.loads(described["input"]),
            "states": self.states(arn),
        }

    def states(self, execution_arn: str) -> list[dict[str, Any]]:
        """The states that an execution went through: name, and when it entered each."""
        pages = self.client("stepfunctions").get_paginator("get_execution_history")
        return [
            {"name": event["stateEnteredEventDetails"]["name"], "enteredAt": event["timestamp"].isoformat()}
            for page in pages.paginate(executionArn=execution_arn, includeExecutionData=False)
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        ]

    def state(self, execution_arn: str) -> str:
        """The state that an execution is in or ended in."""
        latest = self.client("stepfunctions").get_execution_history(
            executionArn=execution_arn, reverseOrder=True, maxResults=30, includeExecutionData=False
        )
        for event in latest["events"]:
            if "stateEnteredEventDetails" in event:
                return str(event["stateEnteredEventDetails"]["name"])
        return ""

    def trace(self, trace_id: str) -> list[dict[str, Any]]:
        """The segments of a trace, in order of their start."""
        found = self.client("xray").batch_get_traces(TraceIds=[trace_id])["Traces"]
        segments = [json.loads(segment["Document"]) for trace in found for segment in trace["Segments"]]
        return sorted(segments, key=lambda segment: float(segment["start_time"]))

    def outbox(self) -> list[dict[str, Any]]:
        """What people would have received, on the local cloud."""
        if self.cloud is None:
            raise UsageError("the outbox exists on the local cloud only")
        with urllib.request.urlopen(f"{self.cloud.settings.endpoint}/_local/outbox", timeout=10) as answer:
            return list(json.load(answer))

    def quarantined(self) -> int:
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs["QuarantineQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(attributes["Attributes"]["ApproximateNumberOfMessages"])

    def _query(self, **request: Any) -> Iterator[dict[str, Any]]:
        for page in self.client("dynamodb").get_paginator("query").paginate(**request):
            for item in page["Items"]:
                yield _item(item)


def trace_id_of(alert: Alert) -> str:
    """The trace that an alert's header names; empty for none."""
    parts = dict(part.split("=", 1) for part in str(alert.get("trace", "")).split(";") if "=" in part)
    return parts.get("Root", "")


def _item(item: dict[str, Any]) -> dict[str, Any]:
    return {name: _numbers(_plain(value)) for name, value in item.items()}


def _numbers(value: Any) -> Any:
    """DynamoDB's decimals as the integers and floats of JSON, and its sets as lists."""
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, dict):
        return {name: _numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    if hasattr(value, "as_integer_ratio") and not isinstance(value, int | float):
        return int(value) if value == int(value) else float(value)
    return value
