"""Use case: find what should be escalating and isn't, start it again or page the fallback, once, and say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smartwatch_contracts.catalogue import ESCALATION_STALLED
from smartwatch_contracts.events import EscalationStalledV1
from smartwatch_contracts.ids import derived_id
from smartwatch_contracts.roster import Channel

from notify import audit, messages
from notify.audit import Stalled
from notify.delivering import deliver
from notify.dependencies import Dependencies
from notify.domain import SENDING, AlertRecord
from notify.notices import say_cleared
from notify.ports import (
    AlreadyRanError,
    Delivery,
    Executions,
    Ledger,
    NotSentError,
    PerhapsSentError,
    UnknownAlertError,
)
from notify.requests import Alert
from notify.resuming import resume_to_plan_again
from notify.silencing import silenced
from notify.telling import FALLBACK

Action = Literal["restarted", "fallback-paged", "paged-directly"]
#: How far back exhausted alerts are looked at, by when they were raised: they need nothing but a word, soon.
LOOK_BACK_MS = 7_200_000
#: An escalation that fails so often is not started again: the fallback is paged.
MAX_RESTARTS = 2


@dataclass(frozen=True)
class Audit:
    """What one round found. Drills are counted apart."""

    looked_at: int = 0
    stalled: int = 0
    stalled_drills: int = 0
    failed: Exception | None = None


def audit_escalations(deps: Dependencies, ledger: Ledger, executions: Executions) -> Audit:
    """One round. One alert that can't be looked at never hides the others: the first error is `failed`."""
    looked_at = stalled = drills = 0
    first: Exception | None = None
    # What somebody acknowledged and is over stays so for as long as it is remembered: nothing is left to look after.
    for status in ("open", "acknowledged", "joined", "exhausted"):
        since_ms = deps.now_ms() - LOOK_BACK_MS if status == "exhausted" else 0
        for alert_id in ledger.with_status(status, since_ms=since_ms, cleared=status != "acknowledged"):
            looked_at += 1
            try:
                record = ledger.get(alert_id)
                if _look(record, deps, ledger, executions):
                    stalled, drills = stalled + (not record.drill), drills + record.drill
            except UnknownAlertError:
                continue
            except Exception as error:
                first = first or error
    return Audit(looked_at, stalled, drills, first)


def _look(record: AlertRecord, deps: Dependencies, ledger: Ledger, executions: Executions) -> bool:
    if record.status == "joined":
        return _part(record, deps, ledger, executions)
    execution = executions.status(record.execution_arn) if record.execution_arn else ""
    found = audit.stalled(record, execution, deps.now_ms())
    if found is None:
        if record.holding == "silence" and silenced(record, deps.clock(), deps)[0] is None:
            resume_to_plan_again(record.alert_id, "unsilenced", deps)
        return False
    if found.reason == "notify-failed":
        return _say_paged_directly(record, found, deps)
    if found.reason in ("never-started", "ended") and record.failures < MAX_RESTARTS:
        return _restart(record, found, execution, deps, ledger, executions)
    if record.status == "acknowledged":
        # Whoever is paged now must be able to take it.
        ledger.reopen(record.alert_id, deps.entry("acknowledgement-expired", found.detail))
    return _page_fallback(record, found, deps)


def _part(record: AlertRecord, deps: Dependencies, ledger: Ledger, executions: Executions) -> bool:
    """An alert whose lead is over, or was answered by nobody: it escalates by itself, from the next round on.

    A lead that somebody acknowledged, and that others alone hold open, is found through them.
    """
    try:
        lead = ledger.get(record.lead)
    except UnknownAlertError:
        lead = None
    if lead is not None and lead.status not in ("cleared", "exhausted"):
        found_through_us = lead.status == "acknowledged" and lead.cleared_at and record.alert_id == min(lead.members)
        return bool(found_through_us) and _look(lead, deps, ledger, executions)
    why = "was answered by nobody" if lead is not None and lead.status == "exhausted" else "is over"
    if lead is not None:
        # First: a round that is stopped in between finds the alert still joined.
        lead = ledger.leave(lead.alert_id, record.alert_id)
    ledger.part(record.alert_id, deps.entry("parted", f"from {record.lead}, which {why}"))
    if lead is not None and lead.over:
        say_cleared(lead, deps)
    return False


def _restart(
    record: AlertRecord, found: Stalled, execution: str, deps: Dependencies, ledger: Ledger, executions: Executions
) -> bool:
    if record.status != "open":
        what = "acknowledgement-expired" if record.status == "acknowledged" else "reopened"
        if not ledger.reopen(record.alert_id, deps.entry(what, found.detail)):
            return False
        record = ledger.get(record.alert_id)
    number = record.restarts
    # It ended as it should while somebody was responsible, and nobody is any more.
    due = record.reopened > 0 and execution == "SUCCEEDED"
    if found.reason == "ended":
        if not ledger.take_over(record, deps.entry("execution-ended" if due else "stalled", found.detail)):
            return False
        number += 1
    alert = Alert.model_validate({name: getattr(record, name) for name in Alert.model_fields})
    try:
        executions.start(alert, record, number)
    except AlreadyRanError:
        # It began and ended without ever claiming the alert.
        if not ledger.take_over(record, deps.entry("stalled", found.detail)):
            return False
        number += 1
        executions.start(alert, record, number)
    ledger.append(record.alert_id, deps.entry("restarted", found.detail))
    if due:
        return False
    _announce(record, found, "restarted", number, deps)
    return True


def _say_paged_directly(record: AlertRecord, found: Stalled, deps: Dependencies) -> bool:
    """The on-call has been told: only that notify failed is said, once."""
    if not deps.alerts.claim_delivery(record.alert_id, f"stalled/direct/{record.plans}"):
        return False
    deps.alerts.append(record.alert_id, deps.entry("stalled", found.detail))
    _announce(record, found, "paged-directly", record.plans, deps)
    return True


def _page_fallback(record: AlertRecord, found: Stalled, deps: Dependencies) -> bool:
    key = f"stalled/{record.plans}"
    if record.deliveries.get(key) == SENDING:
        # A round was stopped while it paged. This is the last resort: better twice than not at all.
        key = f"{key}/again"
    if not deps.alerts.claim_delivery(record.alert_id, key, while_open=True):
        return False
    link = deps.links.acknowledgement(record.alert_id, FALLBACK, key, deps.clock())
    perhaps: Channel | None = None
    for index, channel in enumerate(deps.configuration.roster().fallback.channels):
        message = messages.stalled(record, found.detail, key=f"{key}/{index}", link=link)
        try:
            receipt = deliver(message, channel, record, deps, to=FALLBACK, through=channel.type)
        except NotSentError:
            continue
        except PerhapsSentError:
            perhaps = channel
            continue
        return _paged(record, found, key, channel, receipt, deps)
    if perhaps is not None:
        return _paged(record, found, key, perhaps, "unknown", deps)
    deps.alerts.release_delivery(record.alert_id, key)
    raise NotSentError("an escalation has stalled and the fallback could not be paged")


def _paged(record: AlertRecord, found: Stalled, key: str, channel: Channel, receipt: str, deps: Dependencies) -> bool:
    about = {"to": FALLBACK, "through": channel.type}
    entry = deps.entry("stalled", f"{found.detail}; the fallback was paged", receipt=receipt, **about)
    # Told, whatever else was: the fallback hears how it goes on, too.
    telling = record.last_telling or key
    deps.alerts.delivered(record.alert_id, Delivery(key, FALLBACK, channel, receipt, telling), entry)
    _announce(record, found, "fallback-paged", record.plans, deps)
    return True


def _announce(record: AlertRecord, found: Stalled, action: Action, number: int, deps: Dependencies) -> None:
    deps.bus.publish(
        ESCALATION_STALLED.envelope(
            EscalationStalledV1(
                alert_id=record.alert_id,
                device_id=record.device_id,
                rule_id=record.rule_id,
                severity=record.severity,
                reason=found.reason,
                action=action,
                execution_arn=record.execution_arn or None,
                drill=record.drill,
            ),
            event_id=derived_id(ESCALATION_STALLED.detail_type, record.alert_id, found.reason, action, str(number)),
            correlation_id=record.correlation_id or record.alert_id,
            occurred_at=deps.clock(),
        )
    )
