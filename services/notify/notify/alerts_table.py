"""Notify's alerts table on DynamoDB: one item for each alert, its timeline and the waiting task's token."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError
from smartwatch_contracts.events import Severity

from notify.domain import AlertRecord, Status, TimelineEntry
from notify.ports import Alerts, NotOpenError, OvertakenError, UnknownAlertError
from notify.requests import STEPS, Noted, Step

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

#: A redelivered event is noted once.
_NOT_NOTED = "NOT contains(noted, :id)"
_APPEND = "timeline = list_append(if_not_exists(timeline, :none), :entry)"


class DynamoDbAlerts(Alerts):
    """Partition key `alertId`. The workflow creates the item when it claims the alert."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        retention_seconds: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._retention_seconds = retention_seconds
        self._now = now

    def begin_step(self, alert_id: str, step: Step, task_token: str) -> AlertRecord:
        item = self._update(
            alert_id,
            "SET taskToken = :token, waitingStep = :step, stepsBegun = :rank, expiresAt = :expires",
            "#status = :open AND attribute_not_exists(pagedDirectly) "
            "AND (attribute_not_exists(stepsBegun) OR stepsBegun <= :rank)",
            {
                ":token": {"S": task_token},
                ":step": {"S": step},
                ":rank": {"N": str(STEPS.index(step))},
                ":open": {"S": "open"},
                ":expires": self._expires(),
            },
        )
        if item is not None:
            return _record(item)
        record = self._load(alert_id)
        if record.status == "open":
            raise OvertakenError(alert_id, step)
        return record

    def step_done(self, alert_id: str, step: Step, entry: TimelineEntry) -> None:
        self._update(
            alert_id,
            f"SET told.#step = :at, {_APPEND}",
            "attribute_not_exists(told.#step)",
            {":at": {"S": entry.at}, **_appended(entry)},
            {"#step": step},
        )

    def acknowledge(self, alert_id: str, by: str, at_ms: int, entry: TimelineEntry) -> AlertRecord:
        item = self._update(
            alert_id,
            f"SET #status = :acknowledged, acknowledgedBy = :by, acknowledgedAt = :at, {_APPEND}",
            "#status IN (:open, :exhausted, :technical)",
            {
                ":acknowledged": {"S": "acknowledged"},
                ":open": {"S": "open"},
                ":exhausted": {"S": "exhausted"},
                ":technical": {"S": "technical"},
                ":by": {"S": by},
                ":at": {"N": str(at_ms)},
                **_appended(entry),
            },
        )
        if item is None:
            raise NotOpenError(self._load(alert_id))
        return _record(item)

    def clear(self, alert_id: str, device_id: str, cleared_at_ms: int, entry: TimelineEntry) -> AlertRecord:
        cleared = {
            ":cleared": {"S": "cleared"},
            ":device": {"S": device_id},
            ":at": {"N": str(cleared_at_ms)},
            ":expires": self._expires(),
            **_appended(entry),
        }
        noted = f"deviceId = :device, clearedAt = :at, expiresAt = :expires, {_APPEND}"
        item = self._update(
            alert_id,
            f"SET #status = :cleared, {noted}",
            "attribute_not_exists(clearedAt) AND (attribute_not_exists(#status) OR #status IN (:open, :technical))",
            {**cleared, ":open": {"S": "open"}, ":technical": {"S": "technical"}},
        )
        if item is None:
            del cleared[":cleared"]
            # Acknowledged or exhausted: it stays so, and the clear is noted beside it, once.
            self._update(alert_id, f"SET {noted}", "attribute_not_exists(clearedAt)", cleared)
            return self._load(alert_id)
        return _record(item)

    def note(self, request: Noted, entry: TimelineEntry) -> None:
        alert = request.alert
        self._update(
            alert.alert_id,
            "SET #status = if_not_exists(#status, :status), deviceId = :device, ruleId = :rule, severity = :severity, "
            "title = :title, startedAt = :started, drill = :drill, raisedAt = :raised, correlationId = :correlation, "
            f"#trace = :trace, expiresAt = :expires, {_APPEND} ADD noted :event",
            _NOT_NOTED,
            {
                ":status": {"S": request.status},
                ":device": {"S": alert.device_id},
                ":rule": {"S": alert.rule_id},
                ":severity": {"S": alert.severity},
                ":title": {"S": alert.title},
                ":started": {"N": str(alert.started_at)},
                ":drill": {"BOOL": alert.drill},
                ":raised": {"S": request.raised_at},
                ":correlation": {"S": request.correlation_id},
                ":trace": {"S": request.trace},
                ":expires": self._expires(),
                **_event(request.event_id),
                **_appended(entry),
            },
            {"#trace": "trace"},
        )
        if request.ended_at is not None:
            self._update(
                alert.alert_id,
                "SET clearedAt = :ended",
                "attribute_not_exists(clearedAt) OR clearedAt < :ended",
                {":ended": {"N": str(request.ended_at)}},
            )

    def worsen(self, alert_id: str, severity: Severity, event_id: str, entry: TimelineEntry) -> None:
        self._update(
            alert_id,
            f"SET severity = :severity, {_APPEND} ADD noted :event",
            _NOT_NOTED,
            {":severity": {"S": severity}, **_event(event_id), **_appended(entry)},
        )

    def waiting_token(self, alert_id: str) -> str | None:
        token = self._item(alert_id).get("taskToken")
        return None if token is None else str(token["S"])

    def forget_token(self, alert_id: str, task_token: str) -> None:
        self._update(alert_id, "REMOVE taskToken, waitingStep", "taskToken = :token", {":token": {"S": task_token}})

    def _update(
        self,
        alert_id: str,
        update: str,
        condition: str,
        values: dict[str, Any],
        names: dict[str, str] | None = None,
    ) -> dict[str, Any] | None:
        """The item after the update; None when the condition does not hold."""
        request: dict[str, Any] = {
            "TableName": self._table_name,
            "Key": {"alertId": {"S": alert_id}},
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        }
        used = {**(names or {}), **({"#status": "status"} if "#status" in update + condition else {})}
        if used:
            request["ExpressionAttributeNames"] = used
        try:
            answer = self._client.update_item(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise
        return answer["Attributes"]

    def _load(self, alert_id: str) -> AlertRecord:
        item = self._item(alert_id)
        if "status" not in item:
            raise UnknownAlertError(alert_id)
        return _record(item)

    def _item(self, alert_id: str) -> dict[str, Any]:
        answer = self._client.get_item(
            TableName=self._table_name, Key={"alertId": {"S": alert_id}}, ConsistentRead=True
        )
        return answer.get("Item", {})

    def _expires(self) -> dict[str, str]:
        return {"N": str(int(self._now()) + self._retention_seconds)}


def _event(event_id: str) -> dict[str, Any]:
    return {":event": {"SS": [event_id]}, ":id": {"S": event_id}}


def _appended(entry: TimelineEntry) -> dict[str, Any]:
    fields = {"at": entry.at, "what": entry.what, "detail": entry.detail}
    return {":none": {"L": []}, ":entry": {"L": [{"M": {name: {"S": text} for name, text in fields.items()}}]}}


def _record(item: dict[str, Any]) -> AlertRecord:
    return AlertRecord(
        alert_id=item["alertId"]["S"],
        status=cast(Status, item["status"]["S"]),
        device_id=item.get("deviceId", {}).get("S", ""),
        drill=item.get("drill", {}).get("BOOL", False),
        correlation_id=item.get("correlationId", {}).get("S", ""),
        acknowledged_by=item.get("acknowledgedBy", {}).get("S"),
        acknowledged_at=int(item.get("acknowledgedAt", {}).get("N", "0")),
        told=frozenset(cast(Step, step) for step in item.get("told", {}).get("M", {})),
    )
