"""Use cases: somebody takes responsibility, or the episode is over; each ends the escalation, and is said once."""

from __future__ import annotations

from typing import Any

from smartwatch_contracts.catalogue import ALERT_ACKNOWLEDGED
from smartwatch_contracts.events import AlertAcknowledgedV1
from smartwatch_contracts.ids import derived_id

from notify.dependencies import Dependencies
from notify.domain import AlertRecord
from notify.notices import say_cleared, tell_pagers
from notify.ports import NotOpenError, UnknownAlertError, UsedLinkError
from notify.requests import Acknowledge, AwaitRecovery, Cleared
from notify.resuming import answer, resume


def acknowledge(request: Acknowledge, deps: Dependencies) -> dict[str, Any]:
    """Record who takes responsibility, end the escalation and announce it. A second one changes nothing and says so.

    An alert that has joined another is acknowledged with that one.
    """
    try:
        alert_id = _leading(request.alert_id, deps)
        entry = deps.entry("acknowledged", f"by {request.acknowledged_by}", through=request.via)
        record = deps.alerts.acknowledge(alert_id, request.acknowledged_by, deps.now_ms(), request.link, entry)
    except UnknownAlertError:
        return {"acknowledged": False, "reason": "unknown"}
    except (UsedLinkError, NotOpenError) as error:
        if error.record.status == "joined":
            # It has joined another one in this very moment.
            return acknowledge(request, deps)
        # The first acknowledgement may have failed between its record and its answer to the workflow, or to the bus.
        if error.record.status == "acknowledged":
            _said(error.record, deps)
        # One that nobody answered and that is over keeps its status, and needs nobody.
        why = "cleared" if error.record.over and error.record.status != "acknowledged" else error.record.status
        return _refused("used" if isinstance(error, UsedLinkError) else why, error.record)
    _said(record, deps)
    if record.raised_at:
        deps.measures.time("TimeToAcknowledge", record.acknowledged_at - record.raised_ms, record)
        deps.measures.count("Acknowledged", record)
    return {"acknowledged": True, "by": request.acknowledged_by, "at": record.acknowledged_at}


def _leading(alert_id: str, deps: Dependencies) -> str:
    """The alert that escalates for this one: itself, unless it has joined another."""
    record = deps.alerts.get(alert_id)
    while record.status == "joined":
        record = deps.alerts.get(record.lead)
    return record.alert_id


def _refused(reason: str, record: AlertRecord) -> dict[str, Any]:
    return {
        "acknowledged": False,
        "reason": reason,
        "status": record.status,
        "by": record.acknowledged_by,
        "at": record.acknowledged_at,
    }


def _said(record: AlertRecord, deps: Dependencies) -> None:
    resume(record, deps)
    _announce(record, deps)
    tell_pagers(record, deps)


def _announce(record: AlertRecord, deps: Dependencies) -> None:
    """Say on the bus who took responsibility: the same event, however often it is said."""
    deps.bus.publish(
        ALERT_ACKNOWLEDGED.envelope(
            AlertAcknowledgedV1(
                alert_id=record.alert_id,
                device_id=record.device_id,
                acknowledged_by=record.acknowledged_by or "",
                acknowledged_at=record.acknowledged_at,
                drill=record.drill,
            ),
            event_id=derived_id(ALERT_ACKNOWLEDGED.detail_type, record.alert_id, str(record.acknowledged_at)),
            correlation_id=record.correlation_id or record.alert_id,
            occurred_at=deps.clock(),
        )
    )


def await_recovery(request: AwaitRecovery, deps: Dependencies) -> dict[str, Any]:
    """Keep the token for the end of the episode; answer at once when that has come, or nobody is responsible now."""
    alert_id = request.alert.alert_id
    expiry = deps.alerts.get(alert_id).acknowledgement_expiry_seconds
    record = deps.alerts.await_recovery(alert_id, request.task_token, deps.now_ms() + expiry * 1000)
    if record.status != "acknowledged" or record.over:
        deps.workflow.answer(request.task_token, answer(record))
    return {"status": record.status}


def cleared(request: Cleared, deps: Dependencies) -> dict[str, Any]:
    """Note that the episode is over, end an escalation that still waits, and say so to everyone who was told, once.

    An escalation that several alerts share ends with the last of them. Errors: `NotSentError` when somebody could not
    be told; the event comes again.
    """
    entry = deps.entry("cleared", "back within limits")
    record = deps.alerts.clear(request.alert_id, request.device_id, request.cleared_at, entry)
    while record.lead and record.over:
        # Some may have been told of this one before it joined.
        say_cleared(record, deps)
        record = deps.alerts.leave(record.lead, record.alert_id)
    if record.over:
        resume(record, deps)
        if record.raised_at and record.alert_id == request.alert_id:
            deps.measures.time("TimeToClear", max(0, deps.now_ms() - record.raised_ms), record)
        say_cleared(record, deps)
    return {"status": record.status}
