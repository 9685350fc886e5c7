"""What the clocks of a place show, as instants. Values in, values out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """When the clocks show a time on a day, in UTC: the first time that they do, or when they skip it."""
    wall = datetime.combine(day, clock, zone)
    late = wall.astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None, fold=0) == wall.replace(tzinfo=None):
        return late
    # The two readings of a skipped time (PEP 495) lie before the change of the clocks, and not before it.
    early = wall.replace(fold=1).astimezone(UTC)
    offset = early.astimezone(zone).utcoffset()
    while (seconds := int((late - early).total_seconds())) > 1:
        middle = early + timedelta(seconds=seconds // 2)
        early, late = (middle, late) if middle.astimezone(zone).utcoffset() == offset else (early, middle)
    return late
