"""Use cases: what becomes of an alert besides, kept on its record; and what a rise in severity changes."""

from __future__ import annotations

from typing import Any

from notify.dependencies import Dependencies
from notify.domain import AlertRecord, more_severe
from notify.ports import UnknownAlertError
from notify.requests import Noted, Raised, Worsened
from notify.resuming import plan_again, plan_again_if_more_severe


def raised(request: Raised, deps: Dependencies) -> dict[str, Any]:
    """Know of the alert, should its workflow never begin. A second time changes nothing."""
    deps.alerts.raised(request, deps.entry("raised", f"{request.alert.title}, {request.alert.severity}"))
    return {"noted": "raised"}


def noted(request: Noted, deps: Dependencies) -> dict[str, Any]:
    """Keep a fault of a watch, or an episode of the past, beside the alerts. A second time changes nothing."""
    what = "technical-alert-raised" if request.status == "technical" else "found-in-late-readings"
    deps.alerts.note(request, deps.entry(what, request.alert.title))
    return {"noted": request.status}


def worsened(request: Worsened, deps: Dependencies) -> dict[str, Any]:
    """Note that an alert became more severe, once, and let its escalation, or the one it joined, plan again at once."""
    entry = deps.entry("severity-raised", f"to {request.severity}")
    deps.alerts.worsen(request.alert_id, request.severity, request.event_id, entry)
    record = _known(request.alert_id, deps)
    if record is not None and record.lead:
        lead = _known(record.lead, deps)
        if lead is not None and more_severe(request.severity, lead.severity):
            about = deps.entry("severity-raised", f"to {request.severity}, by {request.alert_id}")
            deps.alerts.worsen(record.lead, request.severity, request.event_id, about)
        record = _known(record.lead, deps)
    if record is not None:
        _open_again_if_more_severe(record, deps)
        plan_again_if_more_severe(record, deps)
    return {"severity": request.severity}


def _open_again_if_more_severe(record: AlertRecord, deps: Dependencies) -> None:
    """Whoever took responsibility did so for less. Where no execution waits any more, the auditor starts one."""
    if record.status == "acknowledged" and more_severe(record.severity, record.acknowledged_severity):
        token = deps.alerts.waiting_token(record.alert_id)
        entry = deps.entry("reopened", f"{record.severity}, and acknowledged as {record.acknowledged_severity}")
        if deps.alerts.reopen(record.alert_id, entry) and token is not None:
            deps.workflow.answer(token, plan_again("worsened"))


def _known(alert_id: str, deps: Dependencies) -> AlertRecord | None:
    try:
        return deps.alerts.get(alert_id)
    except UnknownAlertError:
        return None
