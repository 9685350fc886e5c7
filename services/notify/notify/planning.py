"""Use case: what is to be done about an alert, decided once and frozen into its execution."""

from __future__ import annotations

from typing import Any

from notify.dependencies import Dependencies
from notify.domain import AlertRecord, more_severe
from notify.plans import plan
from notify.requests import MakePlan
from notify.resuming import open_again_if_more_severe, plan_again_if_more_severe, resume_to_plan_again
from notify.silencing import silenced


def make_plan(request: MakePlan, deps: Dependencies) -> dict[str, Any]:
    """The plan, or why there is none: the alert has joined another, or it has an answer already.

    The first plan of an execution takes the policy in force; a later one the policy that it is given.
    """
    alert_id = request.alert.alert_id
    record = deps.alerts.get(alert_id)
    if record.status not in ("open", "joined"):
        return {"decision": "answered", "status": record.status}
    lead = deps.alerts.lead_of(record, deps.entry("joined", f"by {record.title}, {record.severity}, {alert_id}"))
    if lead is not None:
        record = deps.alerts.get(alert_id)
        if record.status != "joined":
            # It was answered while it was about to join.
            return {"decision": "answered", "status": record.status}
        _join(record, lead, deps)
        return {"decision": "join", "status": "joined", "lead": lead.alert_id}
    policy = request.policy or deps.configuration.policy(record.device_id)
    expiry = policy.course(record.severity).acknowledgement_expiry_seconds or 0
    named = f"policy {policy.name} {policy.version}, {record.severity}"
    record = deps.alerts.begin_plan(alert_id, policy.team, expiry, deps.entry("planned", named))
    if record.plans == 1:
        deps.measures.count("Escalations", record)
    now = deps.clock()
    until, why = silenced(record, now, deps)
    made = plan(policy, record.severity, record.plans, request.cause, now, silenced_until=until, silence=why)
    return {"decision": "escalate", "status": "open", "plan": made.model_dump(mode="json", by_alias=True)}


def _join(record: AlertRecord, lead: AlertRecord, deps: Dependencies) -> None:
    """A more severe alert makes the escalation that it joins as severe: announced, and without the rest of the wait."""
    if more_severe(record.severity, lead.severity):
        entry = deps.entry("severity-raised", f"to {record.severity}, by {record.alert_id}")
        deps.alerts.worsen(lead.alert_id, record.severity, f"join/{record.alert_id}", entry)
    lead = deps.alerts.get(lead.alert_id)
    open_again_if_more_severe(lead, deps)
    plan_again_if_more_severe(lead, deps)
    if lead.holding == "silence" and silenced(lead, deps.clock(), deps)[0] is None:
        # The silence is not about the one that has joined.
        resume_to_plan_again(lead.alert_id, "unsilenced", deps)
