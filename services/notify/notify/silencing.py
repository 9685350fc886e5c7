"""Whether an escalation is silenced at an instant, until when and by whom."""

from __future__ import annotations

from datetime import datetime

from notify.dependencies import Dependencies
from notify.domain import AlertRecord


def silenced(record: AlertRecord, now: datetime, deps: Dependencies) -> tuple[datetime | None, str]:
    """Until when an escalation is silenced and by whom; None when it isn't.

    Every alert that shares it must be: a silence on one rule is none on another that concerns the same person.
    """
    if not deps.configuration.silences():
        return None, ""
    each = [_silenced(record, now, deps)] if not record.cleared_at else []
    each += [_silenced(deps.alerts.get(member), now, deps) for member in sorted(record.members)]
    if not each or any(found is None for found in each):
        return None, ""
    return min((found for found in each if found is not None), key=lambda found: found[0])


def _silenced(record: AlertRecord, now: datetime, deps: Dependencies) -> tuple[datetime, str] | None:
    silences = deps.configuration.silences()
    site = deps.configuration.site(record.device_id)
    covering = [
        silence
        for silence in silences
        if silence.covers(device_id=record.device_id, rule_id=record.rule_id, site=site, at=now)
    ]
    if not covering:
        return None
    longest = max(covering, key=lambda silence: silence.until)
    return longest.until, f"{longest.name}, by {longest.owner}: {longest.reason}"
