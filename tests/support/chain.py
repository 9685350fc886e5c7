"""A deployed stack as a test sees it: watches in, tables, queues, logs and executions out."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluate import rule_files
from smartwatch_contracts import wire
from smartwatch_contracts.catalogue import ALERT_RAISED
from smartwatch_contracts.device import is_drill, titled
from smartwatch_contracts.events import AlertRaisedV1

from simulator.alarm_configuration import AlarmConfiguration
from simulator.cloud.settings import BROKER_HOST
from simulator.devices import payloads
from simulator.devices.provisioning import Identity, provision
from simulator.devices.watch import Broker, Watch
from tests.support.clouds import TestCloud

#: What came since the last call.
Events = Callable[[], list[dict[str, Any]]]


class Chain:
    """The stack that the `deployed` fixture made."""

    def __init__(self, cloud: TestCloud, outputs: dict[str, str], folder: Path) -> None:
        self.cloud = cloud
        self.outputs = outputs
        self._folder = folder

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    # ------------------------------------------------------------------------------------------------------- watches

    def provision(self, device_id: str) -> Identity:
        with urllib.request.urlopen(f"{self.cloud.settings.endpoint}/_ministack/iot/ca.pem", timeout=10) as answer:
            ca = answer.read()
        return provision(
            self.client("iot"),
            device_id,
            policy=self.outputs["DevicePolicyName"],
            thing_type=self.outputs["WatchTypeName"],
            ca=ca,
            directory=self._folder,
        )

    def broker(self, *, basic_ingest: bool = True) -> Broker:
        rule = self.outputs["ReadingsRuleName"] if basic_ingest else None
        return Broker(BROKER_HOST, self.cloud.settings.mqtt_port, rule)

    @contextmanager
    def watch(self, device_id: str, *, basic_ingest: bool = True) -> Iterator[Watch]:
        watch = Watch(self.provision(device_id), self.broker(basic_ingest=basic_ingest))
        watch.connect()
        try:
            yield watch
        finally:
            watch.stop()

    def send(self, device_id: str, *heart_rates: int, at_ms: int | None = None) -> None:
        """One message through real MQTT, a reading a second up to now."""
        last = at_ms or int(time.time() * 1000)
        readings = [
            payloads.reading(last - 1000 * (len(heart_rates) - 1 - index), heart_rate=rate, spo2=98)
            for index, rate in enumerate(heart_rates)
        ]
        with self.watch(device_id) as watch:
            watch.publish(readings)
            assert watch.flush(10) == 0

    def put_records(self, *payloads_by_device: tuple[str, bytes]) -> None:
        """Straight onto the stream, as the IoT rule writes it."""
        now = int(time.time() * 1000)
        entries = [
            {
                "PartitionKey": device_id,
                "Data": json.dumps(
                    {"payload": base64.b64encode(data).decode(), "deviceId": device_id, "receivedAt": now}
                ).encode(),
            }
            for device_id, data in payloads_by_device
        ]
        for start in range(0, len(entries), 500):
            self.client("kinesis").put_records(
                StreamName=self.outputs["ReadingsStreamName"], Records=entries[start : start + 500]
            )

    # ------------------------------------------------------------------------------------------------------- outcomes

    def stored(self, device_id: str) -> int:
        """Distinct readings of a watch in DynamoDB."""
        pages = (
            self.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.outputs["ReadingsTableName"],
                KeyConditionExpression="deviceId = :d",
                ExpressionAttributeValues={":d": {"S": device_id}},
            )
        )
        rows = [row for page in pages for row in page["Items"]]
        return len({json.dumps(reading, sort_keys=True) for row in rows for reading in row["readings"]["L"]})

    def alerts(self, device_id: str) -> list[dict[str, Any]]:
        items = self.client("dynamodb").scan(TableName=self.outputs["AlertsTableName"])["Items"]
        return [item for item in items if item.get("deviceId", {}).get("S") == device_id]

    def raise_alert(self, device_id: str, severity: str = "critical") -> str:
        """Put AlertRaised on the bus, as evaluate does; the alert's id."""
        now = datetime.now(UTC)
        alert_id = uuid.uuid4().hex
        data = AlertRaisedV1(
            alert_id=alert_id,
            device_id=device_id,
            rule_id="heart-rate-high",
            rule_set_version="1",
            severity=severity,  # type: ignore[arg-type]
            signal="heartRate",
            title=titled("Heart rate above 150 bpm", device_id),
            started_at=int(now.timestamp() * 1000),
            value=160,
            drill=is_drill(device_id),
        )
        trace = f"Root=1-{int(now.timestamp()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=1"
        envelope = ALERT_RAISED.envelope(
            data, event_id=uuid.uuid4().hex, correlation_id=uuid.uuid4().hex, occurred_at=now, trace=trace
        )
        answer = self.client("events").put_events(Entries=[wire.entry(envelope, self.outputs["EventBusName"])])
        assert answer["FailedEntryCount"] == 0
        return alert_id

    def timeline(self, device_id: str) -> list[str]:
        """What happened to the alerts of one watch."""
        return [entry["M"]["what"]["S"] for item in self.alerts(device_id) for entry in item["timeline"]["L"]]

    @contextmanager
    def events(self, pattern: dict[str, Any]) -> Iterator[Events]:
        """Events on the bus that match, for a while: a call gives those that came since the last one."""
        sqs, events, name = self.client("sqs"), self.client("events"), a_watch_name("events")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allowed = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        bus = self.outputs["EventBusName"]
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

        def received() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                for message in messages:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    found.append(json.loads(message["Body"]))
            return found

        try:
            yield received
        finally:
            events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
            events.delete_rule(Name=name, EventBusName=bus)
            sqs.delete_queue(QueueUrl=url)

    def executions(self, device_id: str) -> list[str]:
        """ARNs of the executions about one watch."""
        sfn = self.client("stepfunctions")
        listed = sfn.list_executions(stateMachineArn=self.outputs["EscalationStateMachineArn"], maxResults=1000)
        found = []
        for execution in listed["executions"]:
            described = sfn.describe_execution(executionArn=execution["executionArn"])
            if json.loads(described["input"])["alert"]["deviceId"] == device_id:
                found.append(execution["executionArn"])
        return found

    def history(self, execution_arn: str) -> list[dict[str, Any]]:
        answer = self.client("stepfunctions").get_execution_history(executionArn=execution_arn, maxResults=1000)
        return list(answer["events"])

    def take(self, queue: str) -> list[dict[str, Any]]:
        """Messages of a queue, by output name; they are taken off it."""
        url = self.outputs[queue]
        answer = self.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
        )
        messages = answer.get("Messages", [])
        for message in messages:
            self.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return list(messages)

    def outbox(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.cloud.settings.endpoint}/_local/outbox", timeout=10) as answer:
            return list(json.load(answer))

    def log_lines(self, output: str) -> int:
        """Lines in a function's log so far, apart from the three that Lambda itself writes for each invocation."""
        pages = (
            self.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=f"/aws/lambda/{self.outputs[output]}")
        )
        messages = [event["message"] for page in pages for event in page["events"]]
        return sum(not message.startswith(("START", "END", "REPORT")) for message in messages)

    # ------------------------------------------------------------------------------------------------------ permissions

    @contextmanager
    def without(self, role_logical_id: str, *actions: str) -> Iterator[None]:
        """A role of the stack with some actions taken out of its policy, for a while."""
        iam = self.client("iam")
        role = self.physical(role_logical_id)
        (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        kept = []
        for statement in document["Statement"]:
            wanted = statement["Action"]
            left = [a for a in ([wanted] if isinstance(wanted, str) else wanted) if a not in actions]
            if left:
                kept.append({**statement, "Action": left})
        assert kept != document["Statement"], f"{role_logical_id} never had {actions}"
        if kept:
            changed = json.dumps({**document, "Statement": kept})
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=changed)
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))

    @contextmanager
    def without_queue_policy(self, logical_id: str) -> Iterator[None]:
        sqs = self.client("sqs")
        url = self.physical(logical_id)
        policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    @contextmanager
    def without_function_permission(self, output: str) -> Iterator[None]:
        """A function whose policy lets nobody in."""
        client, name = self.client("lambda"), self.outputs[output]
        statements = json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"]
        for statement in statements:
            client.remove_permission(FunctionName=name, StatementId=statement["Sid"])
        try:
            yield
        finally:
            for statement in statements:
                client.add_permission(
                    FunctionName=name,
                    StatementId=statement["Sid"],
                    Action="lambda:InvokeFunction",
                    Principal="events.amazonaws.com",
                    SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
                )

    def use_plain_rules(self) -> None:
        """One limit and at once: a test says what raises an alert in one number."""
        rules = rule_files.built_in_text("simple").replace("name: simple", "name: default")
        self.configuration.put_rule_set(rules, "test")

    @property
    def configuration(self) -> AlarmConfiguration:
        return AlarmConfiguration(self.client("dynamodb"), self.outputs["AlarmConfigurationTableName"])

    def physical(self, logical_id: str) -> str:
        return str(
            self.client("cloudformation").describe_stack_resource(StackName="smartwatch", LogicalResourceId=logical_id)[
                "StackResourceDetail"
            ]["PhysicalResourceId"]
        )


def a_watch_name(prefix: str = "watch") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"
