"""Notify's alerts table on DynamoDB: one item for each alert, its timeline and the waiting task's token."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter
from smartwatch_contracts.events import Severity
from smartwatch_contracts.roster import Channel

from notify.conditional import update_if
from notify.domain import PAGER, SENDING, AlertRecord, Status, TimelineEntry, milliseconds, told_key
from notify.plans import Telling
from notify.ports import (
    Delivery,
    Ledger,
    NotOpenError,
    OvertakenError,
    UnknownAlertError,
    UsedLinkError,
)
from notify.requests import Alert, Noted, Raised

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

#: The index by status; it holds no task token.
STATUS_INDEX = "status"
#: Beside the alerts, `watch/<device id>` names the alert that escalates for a watch.
WATCH_KEY = "watch/{}"
#: How often two alerts of one watch may get in each other's way before the workflow tries again.
LEAD_ATTEMPTS = 5

#: A redelivered event is noted once.
_NOT_NOTED = "NOT contains(noted, :id)"
_APPEND = "timeline = list_append(if_not_exists(timeline, :none), :entry)"
#: What is known of the task that waits.
_WAITING = "taskToken, waitingSeverity, waitingUntil"
_KNOWN = "attribute_exists(#status)"

_CHANNEL: TypeAdapter[Channel] = TypeAdapter(Channel)


class DynamoDbAlerts(Ledger):
    """Partition key `alertId`. The workflow claims an item, and `raised` may have made it before."""

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

    def raised(self, request: Raised, entry: TimelineEntry) -> None:
        update, values, names = _described(request.alert, request.raised_at, request.correlation_id, request.trace)
        self._update(
            request.alert.alert_id,
            f"{update}, #status = if_not_exists(#status, :open), causationId = if_not_exists(causationId, :cause), "
            f"deliveries = if_not_exists(deliveries, :nothing), told = if_not_exists(told, :nobody), "
            f"expiresAt = :expires, {_APPEND} ADD noted :event",
            _NOT_NOTED,
            {
                **values,
                ":nothing": {"M": {}},
                ":nobody": {"M": {}},
                ":open": {"S": "open"},
                ":cause": {"S": request.event_id},
                ":expires": self._expires(),
                **_event(request.event_id),
                **_appended(entry),
            },
            names,
        )

    def get(self, alert_id: str) -> AlertRecord:
        item = self._item(alert_id)
        if "status" not in item:
            raise UnknownAlertError(alert_id)
        return _record(item)

    def begin_plan(self, alert_id: str, team: str, expiry_seconds: int, entry: TimelineEntry) -> AlertRecord:
        return self._must(
            alert_id,
            "SET team = :team, plannedSeverity = if_not_exists(severity, :critical), "
            "acknowledgementExpirySeconds = :expiry, plans = if_not_exists(plans, :zero) + :one, "
            f"deliveries = if_not_exists(deliveries, :nothing), told = if_not_exists(told, :nobody), "
            f"expiresAt = :expires, {_APPEND}",
            {
                ":team": {"S": team},
                ":critical": {"S": "critical"},
                ":expiry": {"N": str(expiry_seconds)},
                ":zero": {"N": "0"},
                ":one": {"N": "1"},
                ":nothing": {"M": {}},
                ":nobody": {"M": {}},
                ":expires": self._expires(),
                **_appended(entry),
            },
        )

    def lead_of(self, record: AlertRecord, entry: TimelineEntry) -> AlertRecord | None:
        if record.lead:
            return self.get(record.lead)
        for _ in range(LEAD_ATTEMPTS):
            pointer = self._item(WATCH_KEY.format(record.device_id)).get("leadAlertId", {}).get("S", "")
            if pointer == record.alert_id:
                return None
            lead = self._join(pointer, record.alert_id, entry) if pointer else None
            if lead is not None:
                return lead
            if self._lead(record, pointer):
                return None
        raise OvertakenError(record.alert_id)

    def _join(self, lead_id: str, alert_id: str, entry: TimelineEntry) -> AlertRecord | None:
        """Both know of it or neither: a member that knows of no lead would hold that one open for ever."""
        joins = {
            "Key": {"alertId": {"S": lead_id}},
            "UpdateExpression": f"SET {_APPEND} ADD members :members",
            "ConditionExpression": "#status = :open AND NOT contains(members, :member)",
            "ExpressionAttributeValues": {
                ":members": {"SS": [alert_id]},
                ":member": {"S": alert_id},
                ":open": {"S": "open"},
                **_appended(entry),
            },
        }
        joined = {
            "Key": {"alertId": {"S": alert_id}},
            "UpdateExpression": "SET #status = :joined, leadAlertId = :lead",
            "ConditionExpression": "#status = :open",
            "ExpressionAttributeValues": {
                ":joined": {"S": "joined"},
                ":open": {"S": "open"},
                ":lead": {"S": lead_id},
            },
        }
        both: dict[str, Any] = {"TableName": self._table_name, "ExpressionAttributeNames": {"#status": "status"}}
        try:
            updates: list[Any] = [{"Update": {**both, **each}} for each in (joins, joined)]
            self._client.transact_write_items(TransactItems=updates)
        except self._client.exceptions.TransactionCanceledException as error:
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            if "ConditionalCheckFailed" not in reasons:
                raise
            # The lead is not open any more; or this alert is not, and needs none.
            return None if self.get(alert_id).status == "open" else self.get(lead_id)
        return self.get(lead_id)

    def _lead(self, record: AlertRecord, before: str) -> bool:
        values: dict[str, Any] = {":before": {"S": before}, ":me": {"S": record.alert_id}, ":expires": self._expires()}
        pointer = WATCH_KEY.format(record.device_id)
        condition = "attribute_not_exists(leadAlertId) OR leadAlertId = :before"
        update = "SET leadAlertId = :me, expiresAt = :expires"
        return self._update(pointer, update, condition, values) is not None

    def begin_telling(self, alert_id: str, telling: Telling, task_token: str, waiting_until: int) -> AlertRecord:
        values: dict[str, Any] = {}
        if telling.kind == "hold":
            since = " REMOVE tellingSince"
        else:
            since = ", tellingSince = if_not_exists(tellingSince, :begun)"
            values = {":begun": {"N": str(waiting_until - telling.wait_seconds * 1000)}}
        item = self._update(
            alert_id,
            "SET taskToken = :token, waitingSeverity = :severity, waitingUntil = :until, holding = :holding, "
            f"stepsBegun = :rank, expiresAt = :expires{since}",
            "#status = :open AND attribute_not_exists(pagedDirectly) "
            "AND (attribute_not_exists(stepsBegun) OR stepsBegun <= :rank)",
            {
                ":token": {"S": task_token},
                ":severity": {"S": telling.severity},
                ":until": {"N": str(waiting_until)},
                ":holding": {"S": telling.step if telling.kind == "hold" else ""},
                ":rank": {"N": str(telling.rank)},
                ":open": {"S": "open"},
                ":expires": self._expires(),
                **values,
            },
        )
        if item is not None:
            return _record(item)
        record = self.get(alert_id)
        if record.status == "open":
            raise OvertakenError(alert_id, telling.key)
        return record

    def await_recovery(self, alert_id: str, task_token: str, waiting_until: int) -> AlertRecord:
        item = self._update(
            alert_id,
            "SET taskToken = :token, waitingUntil = :until REMOVE waitingSeverity, holding, tellingSince",
            "#status = :acknowledged AND (attribute_not_exists(clearedAt) OR attribute_exists(members))",
            {
                ":token": {"S": task_token},
                ":until": {"N": str(waiting_until)},
                ":acknowledged": {"S": "acknowledged"},
            },
        )
        return self.get(alert_id) if item is None else _record(item)

    def claim_delivery(self, alert_id: str, key: str, *, while_open: bool = False) -> bool:
        values = {":sending": {"S": SENDING}}
        condition = "attribute_not_exists(deliveries.#key)"
        if while_open:
            condition += " AND #status = :open"
            values[":open"] = {"S": "open"}
        return self._update(alert_id, "SET deliveries.#key = :sending", condition, values, {"#key": key}) is not None

    def release_delivery(self, alert_id: str, key: str) -> None:
        values = {":sending": {"S": SENDING}}
        self._update(alert_id, "REMOVE deliveries.#key", "deliveries.#key = :sending", values, {"#key": key})

    def delivered(self, alert_id: str, delivery: Delivery, entry: TimelineEntry) -> AlertRecord:
        update = f"SET deliveries.#key = :receipt, {_APPEND}"
        values = {":receipt": {"S": delivery.receipt or "sent"}, **_appended(entry)}
        names = {"#key": delivery.key}
        if delivery.telling:
            update += ", told.#recipient = :channel, lastTelling = :telling"
            # A pager is remembered apart: it follows the alert, whatever else reaches the same person later.
            names["#recipient"] = told_key(delivery.recipient, delivery.channel)
            values[":channel"] = {"S": delivery.channel.model_dump_json(by_alias=True)}
            values[":telling"] = {"S": delivery.telling}
        return self._must(alert_id, update, values, names)

    def append(self, alert_id: str, entry: TimelineEntry, *, telling: str = "") -> None:
        update, values = f"SET {_APPEND}", _appended(entry)
        if telling:
            update, values = f"{update}, lastTelling = :telling", {**values, ":telling": {"S": telling}}
        self._must(alert_id, update, values)

    def acknowledge(self, alert_id: str, by: str, at_ms: int, link: str | None, entry: TimelineEntry) -> AlertRecord:
        update = (
            "SET #status = :acknowledged, acknowledgedBy = :by, acknowledgedAt = :at, "
            f"acknowledgedSeverity = if_not_exists(severity, :critical), {_APPEND}"
        )
        over = "attribute_exists(clearedAt) AND attribute_not_exists(members)"
        condition = f"#status IN (:open, :exhausted, :technical) AND NOT ({over})"
        values: dict[str, Any] = {
            ":acknowledged": {"S": "acknowledged"},
            ":critical": {"S": "critical"},
            ":open": {"S": "open"},
            ":exhausted": {"S": "exhausted"},
            ":technical": {"S": "technical"},
            ":by": {"S": by},
            ":at": {"N": str(at_ms)},
            **_appended(entry),
        }
        if link is not None:
            update += " ADD usedLinks :links"
            condition += " AND NOT contains(usedLinks, :link)"
            values |= {":links": {"SS": [link]}, ":link": {"S": link}}
        item = self._update(alert_id, update, condition, values)
        if item is None:
            record = self.get(alert_id)
            if link is not None and link in record.used_links:
                raise UsedLinkError(record)
            if link is not None and link.startswith(PAGER):
                # What the pager says again later is no new answer.
                self._update(alert_id, "ADD usedLinks :links", _KNOWN, {":links": {"SS": [link]}})
            raise NotOpenError(record)
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
            "attribute_not_exists(clearedAt) AND attribute_not_exists(members) "
            "AND (attribute_not_exists(#status) OR #status IN (:open, :joined, :technical))",
            {
                **cleared,
                ":open": {"S": "open"},
                ":joined": {"S": "joined"},
                ":technical": {"S": "technical"},
            },
        )
        if item is None:
            del cleared[":cleared"]
            # Acknowledged, exhausted or held open by others: it stays so, and the clear is noted beside it, once.
            self._update(alert_id, f"SET {noted}", "attribute_not_exists(clearedAt)", cleared)
            return self.get(alert_id)
        return _record(item)

    def leave(self, lead_id: str, member_id: str) -> AlertRecord:
        self._must(lead_id, "DELETE members :member", {":member": {"SS": [member_id]}})
        over = self._update(
            lead_id,
            "SET #status = :cleared",
            "attribute_exists(clearedAt) AND attribute_not_exists(members) AND #status IN (:open, :joined)",
            {":cleared": {"S": "cleared"}, ":open": {"S": "open"}, ":joined": {"S": "joined"}},
        )
        return self.get(lead_id) if over is None else _record(over)

    def note(self, request: Noted, entry: TimelineEntry) -> None:
        update, values, names = _described(request.alert, request.raised_at, request.correlation_id, request.trace)
        self._update(
            request.alert.alert_id,
            f"{update}, #status = if_not_exists(#status, :status), expiresAt = :expires, {_APPEND} ADD noted :event",
            _NOT_NOTED,
            {
                **values,
                ":status": {"S": request.status},
                ":expires": self._expires(),
                **_event(request.event_id),
                **_appended(entry),
            },
            names,
        )
        if request.ended_at is not None:
            self._update(
                request.alert.alert_id,
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

    def waiting_token(self, alert_id: str, *, telling: bool = False) -> str | None:
        item = self._item(alert_id)
        if "taskToken" not in item or (telling and "waitingSeverity" not in item):
            return None
        return str(item["taskToken"]["S"])

    def forget_token(self, alert_id: str, task_token: str) -> None:
        # What was held stays so until people are told.
        update = f"REMOVE {_WAITING}"
        self._update(alert_id, update, "taskToken = :token", {":token": {"S": task_token}})

    # -------------------------------------------------------------------------------------------------- the auditor

    def with_status(self, status: str, *, since_ms: int = 0, cleared: bool = True) -> Sequence[str]:
        # Raised at ISO 8601 in UTC, which sorts by time.
        since = datetime.fromtimestamp(since_ms / 1000, UTC)
        filtered: dict[str, Any] = {} if cleared else {"FilterExpression": "attribute_not_exists(clearedAt)"}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name,
            IndexName=STATUS_INDEX,
            KeyConditionExpression="#status = :status AND raisedAt >= :since",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": status}, ":since": {"S": since.isoformat()}},
            ProjectionExpression="alertId",
            **filtered,
        )
        return [item["alertId"]["S"] for page in pages for item in page["Items"]]

    def reopen(self, alert_id: str, entry: TimelineEntry) -> bool:
        item = self._update(
            alert_id,
            f"SET #status = :open, reopened = :at, reopens = if_not_exists(reopens, :zero) + :one, {_APPEND} "
            "REMOVE acknowledgedBy, acknowledgedAt, lastTelling, pagedDirectly, failures, holding, tellingSince, "
            f"{_WAITING}",
            "#status IN (:acknowledged, :exhausted) AND (attribute_not_exists(clearedAt) OR attribute_exists(members))",
            {
                ":open": {"S": "open"},
                ":acknowledged": {"S": "acknowledged"},
                ":exhausted": {"S": "exhausted"},
                ":at": {"N": str(milliseconds(entry.at))},
                ":zero": {"N": "0"},
                ":one": {"N": "1"},
                **_appended(entry),
            },
        )
        return item is not None

    def take_over(self, record: AlertRecord, entry: TimelineEntry) -> bool:
        values = {
            ":restarts": {"N": str(record.restarts)},
            ":more": {"N": str(record.restarts + 1)},
            ":zero": {"N": "0"},
            ":one": {"N": "1"},
            ":open": {"S": "open"},
            **_appended(entry),
        }
        never = "(attribute_not_exists(restarts) AND :restarts = :zero)"
        condition = f"#status = :open AND (restarts = :restarts OR {never})"
        if record.execution_arn:
            condition += " AND executionArn = :dead"
            values[":dead"] = {"S": record.execution_arn}
        else:
            condition += " AND attribute_not_exists(executionArn)"
        update = (
            f"SET restarts = :more, failures = if_not_exists(failures, :zero) + :one, {_APPEND} "
            f"REMOVE executionArn, lastTelling, pagedDirectly, holding, tellingSince, {_WAITING}"
        )
        return self._update(record.alert_id, update, condition, values) is not None

    def part(self, alert_id: str, entry: TimelineEntry) -> None:
        self._update(
            alert_id,
            f"SET #status = :open, reopened = :at, {_APPEND} REMOVE leadAlertId",
            "#status = :joined",
            {
                ":open": {"S": "open"},
                ":joined": {"S": "joined"},
                ":at": {"N": str(milliseconds(entry.at))},
                **_appended(entry),
            },
        )

    # ------------------------------------------------------------------------------------------------------ requests

    def _must(
        self, alert_id: str, update: str, values: dict[str, Any], names: dict[str, str] | None = None
    ) -> AlertRecord:
        item = self._update(alert_id, update, _KNOWN, values, names)
        if item is None:
            raise UnknownAlertError(alert_id)
        return _record(item)

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
        answer = update_if(self._client, request)
        return None if answer is None else answer["Attributes"]

    def _item(self, alert_id: str) -> dict[str, Any]:
        answer = self._client.get_item(
            TableName=self._table_name, Key={"alertId": {"S": alert_id}}, ConsistentRead=True
        )
        return answer.get("Item", {})

    def _expires(self) -> dict[str, str]:
        return {"N": str(int(self._now()) + self._retention_seconds)}


def _described(
    alert: Alert, raised_at: str, correlation_id: str, trace: str
) -> tuple[str, dict[str, Any], dict[str, str]]:
    """What an alert is, for an update: a severity that has risen in the meantime stays."""
    update = (
        "SET deviceId = :device, ruleId = :rule, severity = if_not_exists(severity, :severity), title = :title, "
        "startedAt = :started, drill = :drill, raisedAt = :raised, correlationId = :correlation, #trace = :trace"
    )
    values = {
        ":device": {"S": alert.device_id},
        ":rule": {"S": alert.rule_id},
        ":severity": {"S": alert.severity},
        ":title": {"S": alert.title},
        ":started": {"N": str(alert.started_at)},
        ":drill": {"BOOL": alert.drill},
        ":raised": {"S": raised_at},
        ":correlation": {"S": correlation_id},
        ":trace": {"S": trace},
    }
    return update, values, {"#trace": "trace"}


def _event(event_id: str) -> dict[str, Any]:
    return {":event": {"SS": [event_id]}, ":id": {"S": event_id}}


def _appended(entry: TimelineEntry) -> dict[str, Any]:
    fields = {name: {"S": text} for name, text in entry.fields().items()}
    return {":none": {"L": []}, ":entry": {"L": [{"M": fields}]}}


def _record(item: dict[str, Any]) -> AlertRecord:
    def text(name: str) -> str:
        return str(item.get(name, {}).get("S", ""))

    def number(name: str) -> int:
        return int(item.get(name, {}).get("N", "0"))

    def texts(name: str) -> frozenset[str]:
        return frozenset(item.get(name, {}).get("SS", ()))

    return AlertRecord(
        alert_id=text("alertId"),
        status=cast(Status, text("status")),
        device_id=text("deviceId"),
        rule_id=text("ruleId"),
        severity=cast(Severity, text("severity") or "critical"),
        title=text("title"),
        started_at=number("startedAt"),
        raised_at=text("raisedAt"),
        team=text("team"),
        drill=item.get("drill", {}).get("BOOL", False),
        correlation_id=text("correlationId"),
        trace=text("trace"),
        causation_id=text("causationId"),
        execution_arn=text("executionArn"),
        acknowledged_by=text("acknowledgedBy") or None,
        acknowledged_at=number("acknowledgedAt"),
        acknowledged_severity=cast(Severity, text("acknowledgedSeverity") or "critical"),
        cleared_at=number("clearedAt"),
        plans=number("plans"),
        last_telling=text("lastTelling"),
        waiting_until=number("waitingUntil"),
        waiting_severity=cast(Severity, text("waitingSeverity")) if "waitingSeverity" in item else None,
        holding=text("holding"),
        telling_since=number("tellingSince"),
        deliveries={key: value["S"] for key, value in item.get("deliveries", {}).get("M", {}).items()},
        told={
            recipient: _CHANNEL.validate_json(value["S"])
            for recipient, value in item.get("told", {}).get("M", {}).items()
        },
        members=texts("members"),
        lead=text("leadAlertId"),
        used_links=texts("usedLinks"),
        restarts=number("restarts"),
        failures=number("failures"),
        reopened=number("reopened"),
        reopens=number("reopens"),
        planned_severity=cast(Severity, text("plannedSeverity") or "critical"),
        paged_directly="pagedDirectly" in item,
        acknowledgement_expiry_seconds=number("acknowledgementExpirySeconds"),
    )
