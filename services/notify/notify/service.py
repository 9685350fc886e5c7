"""Notify's use cases: tell people, take an acknowledgement, note what else becomes of an alert."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartwatch_contracts.catalogue import ALERT_ACKNOWLEDGED
from smartwatch_contracts.events import AlertAcknowledgedV1
from smartwatch_contracts.ids import derived_id

from notify.domain import STEP_DONE, AlertRecord, TimelineEntry, message
from notify.ports import Alerts, Bus, Messenger, NotOpenError, OvertakenError, UnknownAlertError, Workflow
from notify.requests import Acknowledge, Cleared, Noted, Request, Step, Tell, Worsened


@dataclass(frozen=True)
class Dependencies:
    """What the use cases work with; `notify.wiring` joins it to AWS."""

    alerts: Alerts
    channels: Mapping[Step, Messenger]
    workflow: Workflow
    bus: Bus
    clock: Callable[[], datetime]


def serve(request: Request, deps: Dependencies) -> dict[str, Any]:
    """Do what is asked; a JSON object that says what came of it."""
    match request:
        case Tell():
            return tell(request, deps)
        case Acknowledge():
            return acknowledge(request, deps)
        case Cleared():
            return cleared(request, deps)
        case Noted():
            return noted(request, deps)
        case Worsened():
            return worsened(request, deps)


def tell(request: Tell, deps: Dependencies) -> dict[str, Any]:
    """Tell the people of one step, unless somebody has answered already or they were told before.

    The token is kept before the message goes out: whoever reads the message can answer at once. Errors: the channel's;
    the workflow retries, and then goes on to the next step.
    """
    alert_id, step = request.alert.alert_id, request.step
    try:
        record = deps.alerts.begin_step(alert_id, step, request.task_token)
    except OvertakenError:
        return {"told": False, "status": "overtaken"}
    if record.status != "open":
        deps.workflow.answer(request.task_token, _answer(record))
        return {"told": False, "status": record.status}
    if step in record.told:
        return {"told": False, "status": record.status}
    receipt = deps.channels[step].send(message(step, request.alert))
    deps.alerts.step_done(alert_id, step, _entry(deps, STEP_DONE[step], f"receipt {receipt}"))
    return {"told": True, "receipt": receipt}


def acknowledge(request: Acknowledge, deps: Dependencies) -> dict[str, Any]:
    """Record who takes responsibility, end the escalation and announce it. A second one changes nothing and says so."""
    now = deps.clock()
    at_ms = int(now.timestamp() * 1000)
    try:
        record = deps.alerts.acknowledge(
            request.alert_id,
            request.acknowledged_by,
            at_ms,
            _entry(deps, "acknowledged", f"by {request.acknowledged_by}"),
        )
    except UnknownAlertError:
        return {"acknowledged": False, "reason": "unknown"}
    except NotOpenError as error:
        # The first acknowledgement may have failed between its record and its answer to the workflow, or to the bus.
        _resume(error.record, deps)
        if error.record.status == "acknowledged":
            _announce(error.record, now, deps)
        return {"acknowledged": False, "reason": error.record.status, "by": error.record.acknowledged_by}
    _resume(record, deps)
    _announce(record, now, deps)
    return {"acknowledged": True, "by": request.acknowledged_by}


def _announce(record: AlertRecord, now: datetime, deps: Dependencies) -> None:
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
            event_id=derived_id(ALERT_ACKNOWLEDGED.detail_type, record.alert_id),
            correlation_id=record.correlation_id or record.alert_id,
            occurred_at=now,
        )
    )


def cleared(request: Cleared, deps: Dependencies) -> dict[str, Any]:
    """Note that the episode is over and end an escalation that still waits."""
    record = deps.alerts.clear(
        request.alert_id, request.device_id, request.cleared_at, _entry(deps, "cleared", "back within limits")
    )
    _resume(record, deps)
    return {"status": record.status}


def noted(request: Noted, deps: Dependencies) -> dict[str, Any]:
    """Keep a fault of a watch, or an episode of the past, beside the alerts. A second time changes nothing."""
    what = "technical-alert-raised" if request.status == "technical" else "found-in-late-readings"
    deps.alerts.note(request, _entry(deps, what, request.alert.title))
    return {"noted": request.status}


def worsened(request: Worsened, deps: Dependencies) -> dict[str, Any]:
    """Note that an alert became more severe, once."""
    entry = _entry(deps, "severity-raised", f"to {request.severity}")
    deps.alerts.worsen(request.alert_id, request.severity, request.event_id, entry)
    return {"severity": request.severity}


def _resume(record: AlertRecord, deps: Dependencies) -> None:
    """Answer the task that waits, if one does. The record is saved first: a task that is missed here asks it later."""
    token = deps.alerts.waiting_token(record.alert_id)
    if token is not None:
        deps.workflow.answer(token, _answer(record))
        deps.alerts.forget_token(record.alert_id, token)


def _answer(record: AlertRecord) -> dict[str, Any]:
    return {"status": record.status, "acknowledgedBy": record.acknowledged_by or ""}


def _entry(deps: Dependencies, what: str, detail: str) -> TimelineEntry:
    return TimelineEntry(at=deps.clock().isoformat(timespec="milliseconds"), what=what, detail=detail)
