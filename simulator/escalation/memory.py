"""Notify's tables in memory, with the same conditions on every write as the ones on DynamoDB.

The tests that hold the DynamoDB tables to their promises hold these to the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from notify.domain import PAGER, SENDING, AlertRecord, Status, TimelineEntry, milliseconds, told_key
from notify.plans import Telling
from notify.ports import (
    Delivery,
    HeldBack,
    Ledger,
    NotOpenError,
    OvertakenError,
    Throttles,
    UnknownAlertError,
    UsedLinkError,
)
from notify.requests import Alert, Noted, Raised
from smartwatch_contracts.events import Severity
from smartwatch_contracts.roster import Throttle

#: No task waits for an answer.
_NOT_WAITING: dict[str, Any] = {"waiting_severity": None, "waiting_until": 0}
#: And nobody is being told.
_NOT_TELLING: dict[str, Any] = {**_NOT_WAITING, "holding": "", "telling_since": 0}


@dataclass
class Item:
    """One alert. Before it is `known`, its status means nothing."""

    record: AlertRecord
    known: bool = False
    timeline: list[TimelineEntry] = field(default_factory=list)
    token: str | None = None
    rank: int = -1
    reopened_at: str = ""
    noted: set[str] = field(default_factory=set)


class MemoryAlerts(Ledger):
    """The alerts table, and what the workflow does to it by itself."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.watches: dict[str, str] = {}
        #: By status, and whether it has cleared.
        self._index: dict[tuple[str, bool], dict[str, None]] = defaultdict(dict)

    # ----------------------------------------------------------------------------------------- the workflow's own calls

    def claim(
        self,
        alert: Alert,
        execution: str,
        *,
        raised_at: str,
        correlation_id: str,
        trace: str,
        causation_id: str,
        entry: TimelineEntry,
    ) -> AlertRecord | None:
        """`ClaimAlert`: None when another execution has the alert."""
        item = self._item(alert.alert_id)
        if item.record.execution_arn not in ("", execution):
            return None
        record = _described(item, alert, raised_at, correlation_id, trace)
        self._save(
            item,
            replace(record, execution_arn=execution, causation_id=causation_id, paged_directly=False, reopened=0),
            "open",
        )
        item.timeline.append(entry)
        return item.record

    def find(self, alert_id: str) -> AlertRecord | None:
        """`ReadWhoWasTold`, `ReadOutcome`: None for an alert that has no status."""
        item = self.items.get(alert_id)
        return item.record if item is not None and item.known else None

    def mark_exhausted(self, alert_id: str, execution: str, entry: TimelineEntry) -> bool:
        """`MarkExhausted`: False when the alert is no longer open."""
        item = self._item(alert_id)
        if not item.known or item.record.status != "open" or item.record.execution_arn not in ("", execution):
            return False
        self._save(item, replace(item.record, status="exhausted", **_NOT_TELLING))
        item.token = None
        item.timeline.append(entry)
        return True

    def paged_directly(self, alert_id: str, entry: TimelineEntry) -> None:
        """`NoteDirectPage`."""
        item = self._item(alert_id)
        item.record = replace(item.record, paged_directly=True)
        item.timeline.append(entry)

    def expire(self, alert_id: str, execution: str, entry: TimelineEntry) -> bool:
        """`Reopen`: False when the alert is over, or nobody's; the same however often it is asked with one entry."""
        item = self._item(alert_id)
        if item.record.execution_arn != execution:
            return False
        if item.known and item.record.status == "open" and item.reopened_at == entry.at:
            return True
        if item.record.status != "acknowledged" or not self.reopen(alert_id, entry):
            return False
        item.reopened_at = entry.at
        item.record = replace(item.record, reopened=0)
        return True

    # -------------------------------------------------------------------------------------------------- notify's calls

    def raised(self, request: Raised, entry: TimelineEntry) -> None:
        item = self._item(request.alert.alert_id)
        if request.event_id in item.noted:
            return
        item.noted.add(request.event_id)
        record = _described(item, request.alert, request.raised_at, request.correlation_id, request.trace)
        self._save(item, replace(record, causation_id=record.causation_id or request.event_id), "open")
        item.timeline.append(entry)

    def get(self, alert_id: str) -> AlertRecord:
        return self._known(alert_id).record

    def begin_plan(self, alert_id: str, team: str, expiry_seconds: int, entry: TimelineEntry) -> AlertRecord:
        item = self._known(alert_id)
        item.record = replace(
            item.record,
            team=team,
            plans=item.record.plans + 1,
            planned_severity=item.record.severity,
            acknowledgement_expiry_seconds=expiry_seconds,
        )
        item.timeline.append(entry)
        return item.record

    def lead_of(self, record: AlertRecord, entry: TimelineEntry) -> AlertRecord | None:
        if record.lead:
            return self.get(record.lead)
        lead_id = self.watches.get(record.device_id, "")
        if lead_id == record.alert_id:
            return None
        lead = self.items.get(lead_id)
        me = self._known(record.alert_id)
        if lead is not None and me.record.status != "open":
            return lead.record
        if lead is None or lead.record.status != "open":
            self.watches[record.device_id] = record.alert_id
            return None
        self._save(lead, replace(lead.record, members=lead.record.members | {record.alert_id}))
        lead.timeline.append(entry)
        self._save(me, replace(me.record, status="joined", lead=lead_id))
        return lead.record

    def begin_telling(self, alert_id: str, telling: Telling, task_token: str, waiting_until: int) -> AlertRecord:
        item = self._known(alert_id)
        if item.record.status != "open":
            return item.record
        if item.record.paged_directly or item.rank > telling.rank:
            raise OvertakenError(alert_id, telling.key)
        item.token, item.rank = task_token, telling.rank
        item.record = replace(
            item.record,
            waiting_severity=telling.severity,
            waiting_until=waiting_until,
            holding=telling.step if telling.kind == "hold" else "",
            telling_since=0
            if telling.kind == "hold"
            else item.record.telling_since or waiting_until - telling.wait_seconds * 1000,
        )
        return item.record

    def await_recovery(self, alert_id: str, task_token: str, waiting_until: int) -> AlertRecord:
        item = self._known(alert_id)
        if item.record.status == "acknowledged" and not item.record.over:
            item.token = task_token
            item.record = replace(item.record, **{**_NOT_TELLING, "waiting_until": waiting_until})
        return item.record

    def claim_delivery(self, alert_id: str, key: str, *, while_open: bool = False) -> bool:
        item = self._known(alert_id)
        if key in item.record.deliveries or (while_open and item.record.status != "open"):
            return False
        self._deliver(item, {**item.record.deliveries, key: SENDING})
        return True

    def release_delivery(self, alert_id: str, key: str) -> None:
        item = self._known(alert_id)
        if item.record.deliveries.get(key) == SENDING:
            self._deliver(item, {name: value for name, value in item.record.deliveries.items() if name != key})

    def delivered(self, alert_id: str, delivery: Delivery, entry: TimelineEntry) -> AlertRecord:
        item = self._known(alert_id)
        self._deliver(item, {**item.record.deliveries, delivery.key: delivery.receipt or "sent"})
        if delivery.telling:
            told = {**item.record.told, told_key(delivery.recipient, delivery.channel): delivery.channel}
            item.record = replace(item.record, told=told, last_telling=delivery.telling)
        item.timeline.append(entry)
        return item.record

    def append(self, alert_id: str, entry: TimelineEntry, *, telling: str = "") -> None:
        item = self._known(alert_id)
        item.timeline.append(entry)
        if telling:
            item.record = replace(item.record, last_telling=telling)

    def acknowledge(self, alert_id: str, by: str, at_ms: int, link: str | None, entry: TimelineEntry) -> AlertRecord:
        item = self._known(alert_id)
        if link is not None and link in item.record.used_links:
            raise UsedLinkError(item.record)
        if link is not None and link.startswith(PAGER):
            item.record = replace(item.record, used_links=item.record.used_links | {link})
        if item.record.status not in ("open", "exhausted", "technical") or item.record.over:
            raise NotOpenError(item.record)
        used = item.record.used_links | ({link} if link is not None else set())
        record = replace(item.record, acknowledged_by=by, acknowledged_at=at_ms, used_links=used)
        self._save(item, replace(record, status="acknowledged", acknowledged_severity=record.severity))
        item.timeline.append(entry)
        return item.record

    def clear(self, alert_id: str, device_id: str, cleared_at_ms: int, entry: TimelineEntry) -> AlertRecord:
        item = self._item(alert_id)
        if item.record.cleared_at == 0:
            status: Status = item.record.status if item.known else "open"
            if not item.record.members and status in ("open", "joined", "technical"):
                status = "cleared"
            record = replace(item.record, status=status, device_id=device_id, cleared_at=cleared_at_ms)
            self._save(item, record, status)
            item.timeline.append(entry)
        return item.record

    def leave(self, lead_id: str, member_id: str) -> AlertRecord:
        lead = self._known(lead_id)
        self._save(lead, replace(lead.record, members=lead.record.members - {member_id}))
        if lead.record.over and lead.record.status in ("open", "joined"):
            self._save(lead, replace(lead.record, status="cleared"))
        return lead.record

    def note(self, request: Noted, entry: TimelineEntry) -> None:
        item = self._item(request.alert.alert_id)
        if request.event_id in item.noted:
            return
        item.noted.add(request.event_id)
        record = _described(item, request.alert, request.raised_at, request.correlation_id, request.trace)
        ended = max(item.record.cleared_at, request.ended_at or 0)
        self._save(item, replace(record, cleared_at=ended), request.status)
        item.timeline.append(entry)

    def worsen(self, alert_id: str, severity: Severity, event_id: str, entry: TimelineEntry) -> None:
        item = self._item(alert_id)
        if event_id not in item.noted:
            item.noted |= {event_id, _WORSENED}
            item.record = replace(item.record, severity=severity)
            item.timeline.append(entry)

    def waiting_token(self, alert_id: str, *, telling: bool = False) -> str | None:
        item = self._item(alert_id)
        return None if telling and item.record.waiting_severity is None else item.token

    def forget_token(self, alert_id: str, task_token: str) -> None:
        item = self._item(alert_id)
        if item.token == task_token:
            item.token = None
            item.record = replace(item.record, **_NOT_WAITING)

    # ---------------------------------------------------------------------------------------------- the auditor's calls

    def with_status(self, status: str, *, since_ms: int = 0, cleared: bool = True) -> Sequence[str]:
        found = [*self._index[status, False], *(self._index[status, True] if cleared else ())]
        # As the index of the table: without `raisedAt` an alert is not in it.
        known = [self.items[alert_id].record for alert_id in found]
        return [each.alert_id for each in known if each.raised_at and each.raised_ms >= since_ms]

    def reopen(self, alert_id: str, entry: TimelineEntry) -> bool:
        item = self._item(alert_id)
        if not item.known or item.record.status not in ("acknowledged", "exhausted") or item.record.over:
            return False
        record = replace(
            item.record,
            acknowledged_by=None,
            acknowledged_at=0,
            last_telling="",
            paged_directly=False,
            failures=0,
            reopened=milliseconds(entry.at),
            reopens=item.record.reopens + 1,
            **_NOT_TELLING,
        )
        self._save(item, replace(record, status="open"))
        item.token = None
        item.timeline.append(entry)
        return True

    def take_over(self, record: AlertRecord, entry: TimelineEntry) -> bool:
        item = self._known(record.alert_id)
        now = item.record
        same = (now.restarts, now.execution_arn) == (record.restarts, record.execution_arn)
        if now.status != "open" or not same:
            return False
        item.record = replace(
            now,
            restarts=now.restarts + 1,
            failures=now.failures + 1,
            execution_arn="",
            last_telling="",
            paged_directly=False,
            **_NOT_TELLING,
        )
        item.token = None
        item.timeline.append(entry)
        return True

    def part(self, alert_id: str, entry: TimelineEntry) -> None:
        item = self._item(alert_id)
        if item.record.status == "joined":
            self._save(item, replace(item.record, status="open", lead="", reopened=milliseconds(entry.at)))
            item.timeline.append(entry)

    def _item(self, alert_id: str) -> Item:
        if alert_id not in self.items:
            self.items[alert_id] = Item(AlertRecord(alert_id, "open"))
        return self.items[alert_id]

    def _known(self, alert_id: str) -> Item:
        item = self.items.get(alert_id)
        if item is None or not item.known:
            raise UnknownAlertError(alert_id)
        return item

    def _save(self, item: Item, record: AlertRecord, first: Status | None = None) -> None:
        """Keep the record, and its status in the index. `first` is the status of an alert that had none."""
        if first is not None and not item.known:
            item.known, record = True, replace(record, status=first)
        self._index[item.record.status, item.record.cleared_at > 0].pop(record.alert_id, None)
        self._index[record.status, record.cleared_at > 0][record.alert_id] = None
        item.record = record

    @staticmethod
    def _deliver(item: Item, deliveries: dict[str, str]) -> None:
        item.record = replace(item.record, deliveries=deliveries)


#: A rise in severity came before the alert itself.
_WORSENED = "worsened"


def _described(item: Item, alert: Alert, raised_at: str, correlation_id: str, trace: str) -> AlertRecord:
    risen = _WORSENED in item.noted or item.record.title != ""
    return replace(
        item.record,
        device_id=alert.device_id,
        rule_id=alert.rule_id,
        severity=item.record.severity if risen else alert.severity,
        title=alert.title,
        started_at=alert.started_at,
        raised_at=raised_at,
        drill=alert.drill,
        correlation_id=correlation_id,
        trace=trace,
    )


class MemoryThrottles(Throttles):
    """The recipients table."""

    def __init__(self) -> None:
        self.windows: dict[str, tuple[int, int]] = {}
        self.held: dict[str, tuple[int, list[tuple[str, str]]]] = {}

    def admit(self, recipient: str, throttle: Throttle, now: datetime) -> bool:
        window = int(now.timestamp()) // throttle.per_seconds * throttle.per_seconds
        start, count = self.windows.get(recipient, (-1, 0))
        if start < window:
            self.windows[recipient] = (window, 1)
            return True
        if count >= throttle.messages:
            return False
        self.windows[recipient] = (start, count + 1)
        return True

    def hold(self, recipient: str, alert_id: str, line: str, throttle: Throttle, now: datetime) -> None:
        window = int(now.timestamp()) // throttle.per_seconds * throttle.per_seconds
        due, lines = self.held.get(recipient, (window + throttle.per_seconds, []))
        self.held[recipient] = (due, [*lines, (alert_id, line)])

    def due(self, now: datetime) -> Sequence[HeldBack]:
        return [
            HeldBack(recipient, tuple(lines[:DIGEST_LINES]), drill=recipient.startswith("drill/"))
            for recipient, (due, lines) in self.held.items()
            if due <= int(now.timestamp())
        ]

    def told(self, held: HeldBack) -> None:
        due, lines = self.held.get(held.recipient, (0, []))
        if lines[:1] != [*held.lines[:1]] or len(lines) < len(held.lines):
            return
        del self.held[held.recipient]
        if lines[len(held.lines) :]:
            self.held[held.recipient] = (due, lines[len(held.lines) :])


#: As in the table.
DIGEST_LINES = 100
