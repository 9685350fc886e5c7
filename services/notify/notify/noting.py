"""Use cases: what becomes of an alert besides, kept on its record; and what a rise in severity changes."""

from __future__ import annotations

from typing import Any

from notify.dependencies import Dependencies
from notify.domain import AlertRecord, more_severe
from notify.ports import UnknownAlertError
from notify.requests import Noted, Raised, Worsened
from notify.resuming import open_again_if_more_severe, plan_again_if_more_severe


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
    while record is not None and record.lead:
        lead = _known(record.lead, deps)
        if lead is not None and more_severe(request.severity, lead.severity):
            about = deps.entry("severity-raised", f"to {request.severity}, by {request.alert_id}")
            deps.alerts.worsen(lead.alert_id, request.severity, request.event_id, about)
            lead = deps.alerts.get(lead.alert_id)
        record = lead
    if record is not None:
        open_again_if_more_severe(record, deps)
        plan_again_if_more_severe(record, deps)
    return {"severity": request.severity}


def _known(alert_id: str, deps: Dependencies) -> AlertRecord | None:
    try:
        return deps.alerts.get(alert_id)
    except UnknownAlertError:
        return None
