"""What the auditor calls stalled: an alert that should be escalating and isn't. Values in, values out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from notify.domain import AlertRecord, more_severe

#: How long an execution may take to begin, a wait to end, and the first message to go out, in milliseconds.
GRACE_MS = 60_000

Reason = Literal["never-started", "ended", "overdue", "nobody-told", "notify-failed"]


@dataclass(frozen=True)
class Stalled:
    """Why an alert is not escalating. `detail` is for people."""

    reason: Reason
    detail: str


def stalled(record: AlertRecord, execution: str, now_ms: int, grace_ms: int = GRACE_MS) -> Stalled | None:
    """What is wrong with an alert that is open, exhausted, or acknowledged and not over; None when it is looked after.

    `execution` is the status of its execution, empty when it never had one.
    """
    if record.status == "acknowledged":
        return _acknowledged(record, execution, now_ms, grace_ms)
    if record.status == "exhausted":
        if more_severe(record.severity, record.planned_severity) and not record.over:
            return Stalled("ended", f"it became {record.severity} after everybody was told of less")
        return _paged_directly(record)
    if record.status != "open":
        return None
    if not execution:
        late = record.raised_at != "" and record.raised_ms + grace_ms < now_ms
        return Stalled("never-started", "no execution has claimed it") if late else None
    if execution != "RUNNING":
        return Stalled("ended", f"its execution is {execution.lower().replace('_', ' ')}")
    if record.paged_directly:
        return _paged_directly(record)
    if record.reopened and not record.waiting_until and record.reopened + grace_ms < now_ms:
        return Stalled("overdue", "it is open again, and its execution does not know")
    if record.waiting_until and record.waiting_until + grace_ms < now_ms:
        return Stalled("overdue", f"it has waited in {record.last_telling or 'its first step'} for longer than planned")
    if not record.told and not record.last_telling and not record.holding:
        # What was held back for a night has a minute from the morning on.
        since = max(record.raised_ms if record.raised_at else now_ms, record.telling_since)
        if since + grace_ms < now_ms:
            return Stalled("nobody-told", "nobody has certainly been told yet")
    return None


def _paged_directly(record: AlertRecord) -> Stalled | None:
    detail = "the workflow had to page the on-call without notify"
    return Stalled("notify-failed", detail) if record.paged_directly else None


def _acknowledged(record: AlertRecord, execution: str, now_ms: int, grace_ms: int) -> Stalled | None:
    expiry = record.acknowledgement_expiry_seconds
    # Its execution may have begun to wait for the end later than that.
    expires = max(record.acknowledged_at + expiry * 1000, record.waiting_until if execution == "RUNNING" else 0)
    if not expiry or record.over or expires + grace_ms >= now_ms:
        return None
    if execution == "RUNNING":
        return Stalled("overdue", "its acknowledgement has expired and its execution goes on waiting")
    return Stalled("ended", "its acknowledgement has expired and no execution is there to say so")
