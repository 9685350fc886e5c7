"""The whole story of one alert, from its record, those that share its escalation, and its execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator import chain, timeline
from simulator.errors import UsageError
from simulator.stack import Stack, trace_id_of
from simulator.timeline import Alert, Entry

#: What an entry of the timeline says of one message.
_OUTCOMES = {
    "told": "sent",
    "perhaps-told": "perhaps sent",
    "said-cleared": "said: cleared",
    "said-acknowledged": "said: acknowledged",
    "told-in-digest": "sent in a digest",
    "channel-failed": "failed",
    "paged-directly": "paged without notify",
}
#: Why nobody was told of something, by the entry's `what`; the holds of a plan say so by their step.
_HELD = {"held-back": "throttle", "not-told": "nobody to tell"}


def story(
    alert: Alert,
    *,
    trace_id: str,
    lead: Alert | None = None,
    others: Sequence[Alert] = (),
    execution: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything about an alert, as JSON: its record, and what its timeline means.

    `lead` is the alert that this one joined: what happened after that is in its timeline. `others` are the alerts that
    joined this one.
    """
    told_of = lead or alert
    found = timeline.entries(told_of)
    planned = timeline.plans(told_of)
    members = set(alert.get("members", []))
    named = {each["alertId"]: each for each in others}
    return {
        **alert,
        "policy": None
        if not planned
        else {"name": planned[-1].policy, "version": planned[-1].version, "severity": planned[-1].severity},
        "team": told_of.get("team"),
        "messages": [_message(entry) for entry in found if _is_message(entry)],
        "heldBack": [_held(entry) for entry in found if _why_held(entry)],
        "acknowledgements": [
            {
                "at": entry["at"],
                "by": entry["detail"].removeprefix("by "),
                "through": entry.get("through", ""),
            }
            for entry in found
            if entry["what"] == "acknowledged"
        ],
        "cleared": next((entry["at"] for entry in timeline.entries(alert) if entry["what"] == "cleared"), None),
        "lead": None if lead is None else _named(lead),
        "joinedBy": [
            {
                **(_named(named[each.alert_id]) if each.alert_id in named else {"alertId": each.alert_id}),
                "title": each.title,
                "severity": each.severity,
                "holdsItOpen": each.alert_id in members,
            }
            for each in timeline.joined(alert)
        ],
        "execution": None if execution is None else dict(execution),
        "traceId": trace_id,
    }


def gathered(stack: Stack, alert_id: str) -> dict[str, Any]:
    """The story of an alert of a stack. Errors: `UsageError` when there is no such alert."""
    alert = stack.alert(alert_id)
    lead = chain.leading(stack, alert) if "leadAlertId" in alert else None
    arn = (lead or alert).get("executionArn")
    return story(
        alert,
        trace_id=trace_id_of(alert),
        lead=lead,
        others=[other for each in timeline.joined(alert) if (other := _known(stack, each.alert_id)) is not None],
        execution=_execution(stack, arn) if arn else None,
    )


def _known(stack: Stack, alert_id: str) -> Alert | None:
    try:
        return stack.alert(alert_id)
    except UsageError:
        return None


def _execution(stack: Stack, arn: str) -> dict[str, Any] | None:
    """None once the execution is forgotten, which is long before the alert is."""
    try:
        found = stack.execution(arn)
    except UsageError:
        return None
    names = ("executionArn", "name", "status", "startedAt", "endedAt")
    return {**{name: found[name] for name in names}, "state": found["states"][-1]["name"] if found["states"] else ""}


def _named(alert: Alert) -> dict[str, Any]:
    names = ("alertId", "status", "ruleId", "title", "severity", "raisedAt", "acknowledgedBy")
    return {name: alert[name] for name in names if name in alert}


def _is_message(entry: Entry) -> bool:
    # Of an escalation that had stalled, the fallback may have been paged.
    return entry["what"] in _OUTCOMES or (entry["what"] == "stalled" and "receipt" in entry)


def _message(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry["at"],
        "what": entry["what"],
        "outcome": _OUTCOMES.get(entry["what"], "sent"),
        "step": entry.get("step", ""),
        "to": entry.get("to", ""),
        "through": entry.get("through", "topic" if entry["what"] == "paged-directly" else ""),
        "receipt": entry.get("receipt", ""),
        "detail": entry["detail"],
    }


def _why_held(entry: Entry) -> str:
    return entry.get("step", "") if entry["what"] == "waiting" else _HELD.get(entry["what"], "")


def _held(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry["at"],
        "why": _why_held(entry),
        "step": "" if entry["what"] == "waiting" else entry.get("step", ""),
        "to": entry.get("to", ""),
        "detail": entry["detail"],
    }
