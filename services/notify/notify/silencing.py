"""Whether an alert is silenced at an instant, until when and by whom."""

from __future__ import annotations

from datetime import datetime

from notify.dependencies import Dependencies
from notify.domain import AlertRecord


def silenced(record: AlertRecord, now: datetime, deps: Dependencies) -> tuple[datetime | None, str]:
    """Until when an alert is silenced and by whom; None when it isn't."""
    silences = deps.configuration.silences()
    if not silences:
        return None, ""
    site = deps.configuration.site(record.device_id)
    covering = [
        silence
        for silence in silences
        if silence.covers(device_id=record.device_id, rule_id=record.rule_id, site=site, at=now)
    ]
    if not covering:
        return None, ""
    longest = max(covering, key=lambda silence: silence.until)
    return longest.until, f"{longest.name}, by {longest.owner}: {longest.reason}"
