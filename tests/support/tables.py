"""Notify's tables, on DynamoDB as moto plays it and in memory, with the workflow's own calls on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from botocore.exceptions import ClientError
from notify.alerts_table import DynamoDbAlerts
from notify.domain import TimelineEntry
from notify.ports import Ledger
from notify.requests import Alert

from simulator.escalation.memory import MemoryAlerts
from tests.support.project import workflow

RETENTION_SECONDS = 60
#: What an execution that claims an alert knows besides.
RAISED_AT, CORRELATION, CAUSATION, TRACE = "2023-11-14T22:13:20.000+00:00", "c1", "e1", "Root=1-2-3"


#: When the workflow does something.
T = "2023-11-14T22:13:20.000+00:00"


class AlertsTable(Protocol):
    """A table: notify's port, and what the workflow does to it by itself."""

    ledger: Ledger

    def claim(self, alert: Alert, execution: str) -> str | None:
        """`ClaimAlert`: the status; None when another execution has the alert."""

    def exhaust(self, alert_id: str) -> bool:
        """`MarkExhausted`: whether it was open."""

    def expire(self, alert_id: str, at: str) -> bool:
        """`Reopen`, entered at an instant: whether it is open again."""

    def page_directly(self, alert_id: str) -> None:
        """`NoteDirectPage`."""

    def timeline(self, alert_id: str) -> list[str]:
        """What is on it."""


class MemoryTable(AlertsTable):
    """In memory."""

    def __init__(self) -> None:
        self.ledger = self._alerts = MemoryAlerts()

    def claim(self, alert: Alert, execution: str) -> str | None:
        entry = TimelineEntry(T, "escalation-started", "e")
        record = self._alerts.claim(
            alert,
            execution,
            raised_at=RAISED_AT,
            correlation_id=CORRELATION,
            trace=TRACE,
            causation_id=CAUSATION,
            entry=entry,
        )
        return None if record is None else record.status

    def exhaust(self, alert_id: str) -> bool:
        return self._alerts.mark_exhausted(alert_id, "e1", TimelineEntry(T, "exhausted"))

    def expire(self, alert_id: str, at: str) -> bool:
        return self._alerts.expire(alert_id, "e1", TimelineEntry(at, "acknowledgement-expired"))

    def page_directly(self, alert_id: str) -> None:
        self._alerts.paged_directly(alert_id, TimelineEntry(T, "paged-directly"))

    def timeline(self, alert_id: str) -> list[str]:
        return [entry.what for entry in self._alerts.items[alert_id].timeline]


class DynamoDbTable(AlertsTable):
    """On DynamoDB. The workflow's calls are those of its definition, with the values that it would put in."""

    def __init__(self, client: Any, table: str) -> None:
        self.client, self.table = client, table
        self.ledger: Ledger = DynamoDbAlerts(client, table, retention_seconds=RETENTION_SECONDS)

    def claim(self, alert: Alert, execution: str) -> str | None:
        answer = self._call("ClaimAlert", alert.model_dump(by_alias=True), execution)
        return None if answer is None else str(self.item(alert.alert_id)["status"]["S"])

    def exhaust(self, alert_id: str) -> bool:
        return self._call("MarkExhausted", {"alertId": alert_id}) is not None

    def expire(self, alert_id: str, at: str) -> bool:
        return self._call("Reopen", {"alertId": alert_id}, at=at) is not None

    def page_directly(self, alert_id: str) -> None:
        self._call("NoteDirectPage", {"alertId": alert_id})

    def timeline(self, alert_id: str) -> list[str]:
        return [entry["M"]["what"]["S"] for entry in self.item(alert_id).get("timeline", {}).get("L", [])]

    def item(self, alert_id: str) -> dict[str, Any]:
        answer = self.client.get_item(TableName=self.table, Key={"alertId": {"S": alert_id}}, ConsistentRead=True)
        item: dict[str, Any] = answer.get("Item", {})
        return item

    def _call(self, state: str, alert: dict[str, Any], execution: str = "e1", at: str = T) -> dict[str, Any] | None:
        known = {
            "$.correlationId": CORRELATION,
            "$.trace": TRACE,
            "$.raisedAt": RAISED_AT,
            "$.causationId": CAUSATION,
            "$.receipt.MessageId": "r",
            "$$.Execution.Id": execution,
            "$$.Execution.Name": execution,
            "$$.State.EnteredTime": at,
            **{f"$.alert.{name}": value for name, value in alert.items()},
        }
        parameters = _filled(workflow()["States"][state]["Parameters"], known)
        try:
            answer: dict[str, Any] = self.client.update_item(**{**parameters, "TableName": self.table})
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise
        return answer


_TEXT = re.compile(r"States\.Format\('\{\}', (.+)\)")


def _filled(value: Any, known: dict[str, Any]) -> Any:
    """The parameters of a task with each path's value in its place."""
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, each in value.items():
        if not name.endswith(".$"):
            made[name] = _filled(each, known)
        elif (formatted := _TEXT.fullmatch(each)) is not None:
            made[name[:-2]] = str(known[formatted[1]])
        else:
            made[name[:-2]] = known[each]
    return made


class InterruptedCallError(Exception):
    """Something happened to a function between two of its calls."""


class Between:
    """A DynamoDB client before whose so many-th write something else happens."""

    def __init__(self, client: Any, number: int, do: Callable[[], object]) -> None:
        self._client, self._left, self._do = client, number, do

    def update_item(self, **request: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self._do()
        return self._client.update_item(**request)

    def transact_write_items(self, **request: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self._do()
        return self._client.transact_write_items(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
