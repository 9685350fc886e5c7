"""What came of a period's alerts: how soon people were told, answered and were done, and what was sent. Values only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

from notify.domain import DRY_RUN, milliseconds

from simulator import timeline
from simulator.timeline import Alert, Planned

#: The alerts that are counted: of the others nobody is told.
STATUSES = ("open", "acknowledged", "cleared", "exhausted", "joined")
#: What is measured of an alert, in milliseconds from when it was raised.
MEASURES = ("notify", "acknowledge", "clear")

#: How long, in seconds, nobody may answer before a plan has told everybody; None for one that is not known.
Patience = Callable[[Planned], int | None]


def report(alerts: Iterable[Alert], *, now_ms: int, patience: Patience, drills: bool = False) -> dict[str, Any]:
    """The report, as JSON. Rehearsals are never mixed with the rest: `drills` says which of the two it is about."""
    counted = [alert for alert in alerts if alert["status"] in STATUSES and bool(alert.get("drill")) is drills]
    # One that joined another is answered with that one, and told of by it.
    leading = [alert for alert in counted if alert["status"] != "joined" and "leadAlertId" not in alert]
    unanswered = [alert for alert in leading if _unanswered(alert, now_ms, patience)]
    return {
        "drills": drills,
        "alerts": len(counted),
        "joined": len(counted) - len(leading),
        "byStatus": {status: sum(alert["status"] == status for alert in counted) for status in STATUSES},
        "unacknowledged": len(unanswered),
        "unacknowledgedShare": _share(len(unanswered), len(leading)),
        "unacknowledgedAlerts": [alert["alertId"] for alert in unanswered],
        "rules": _groups(counted, "ruleId"),
        "teams": _groups(counted, "team"),
        "messages": _messages(counted),
    }


def _unanswered(alert: Alert, now_ms: int, patience: Patience) -> bool:
    """Exhausted, or open for longer than its policy gives everybody together."""
    if alert["status"] != "open":
        return bool(alert["status"] == "exhausted")
    planned = timeline.plans(alert)
    if not planned:
        return False
    seconds = patience(planned[-1])
    return seconds is not None and now_ms > planned[-1].at + seconds * 1000


def _groups(alerts: Sequence[Alert], field: str) -> list[dict[str, Any]]:
    """How soon, by rule or by team; those with most alerts first."""
    groups: dict[str, list[Alert]] = {}
    for alert in alerts:
        # An alert that joined another has no plan of its own, and so no team.
        if alert.get(field):
            groups.setdefault(alert[field], []).append(alert)
    described = [
        {"name": name, "alerts": len(members), **{measure: _spread(members, measure) for measure in MEASURES}}
        for name, members in groups.items()
    ]
    return sorted(described, key=lambda group: (-int(group["alerts"]), group["name"]))


def _spread(alerts: Sequence[Alert], measure: str) -> dict[str, int | None]:
    taken = sorted(took for alert in alerts if (took := _took(alert, measure)) is not None)
    return {"count": len(taken), "median": round(median(taken)) if taken else None, "p90": percentile(taken, 90)}


def _took(alert: Alert, measure: str) -> int | None:
    what = {"notify": timeline.SENT, "acknowledge": ("acknowledged",), "clear": ("cleared",)}[measure]
    at = timeline.first(timeline.entries(alert), *what)
    # A clear may be noted before its alert is.
    return None if at is None else max(0, at - milliseconds(alert["raisedAt"]))


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The nearest rank: the least value that so many per cent do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None


def _messages(alerts: Sequence[Alert]) -> dict[str, Any]:
    # What a dry run did not send is no message.
    found = [entry for alert in alerts for entry in timeline.entries(alert) if entry.get("receipt") != DRY_RUN]
    sent = ("told", "paged-directly", *timeline.NOTICES)
    failed = [entry.get("through", "") for entry in found if entry["what"] == "channel-failed"]
    return {
        # A digest stands in the timeline of each alert that it tells of: one message, one receipt.
        "sent": len(
            {
                (entry["what"], entry["at"], entry.get("to", ""), entry.get("receipt", ""))
                if entry["what"] == "told-in-digest"
                else number
                for number, entry in enumerate(found)
                if entry["what"] in sent or (entry["what"] == "stalled" and "receipt" in entry)
            }
        ),
        "perhapsSent": sum(entry["what"] == "perhaps-told" for entry in found),
        "heldBack": sum(entry["what"] == "held-back" for entry in found),
        "crossed": sum(entry["what"] == "crossed" for entry in found),
        "failed": len(failed),
        "failedChannels": {channel: failed.count(channel) for channel in sorted(set(failed))},
    }


def _share(part: int, whole: int) -> float | None:
    return None if whole == 0 else round(part / whole, 4)
