"""Times as recordings write them, in milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime

#: Where clocks that count from a recording's start begin: 2000-01-01T00:00:00Z. A fixed moment, because the file's own
#: dates change when it is copied, and the same file must give the same samples.
ELAPSED_FROM_MS = 946_684_800_000

#: A number of seconds below this (1973-03-03) counts from the recording's start, from here on from 1970.
SINCE_1970_FROM_SECONDS = 100_000_000

#: Bounds of a credible time, both excluded: 1970-01-01 and 2100-01-01. What lies outside is a broken clock.
EARLIEST_MS, LATEST_MS = 0, 4_102_444_800_000

_LOOSE = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(\.\d+)?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?",
    re.ASCII | re.IGNORECASE,
)
_OF_DAY = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?", re.ASCII)


def since_1970(text: str) -> int | None:
    """ISO 8601 and its usual relatives (`2024-03-05 07:12:09 +0100`, `2024/3/5 7:12`); UTC where no zone is given.

    None where the text is no such time.
    """
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        strict = _strict(text)
        if strict is None:
            return None
        try:
            moment = datetime.fromisoformat(strict)
        except ValueError:
            return None
    return milliseconds(moment)


def milliseconds(moment: datetime) -> int | None:
    """A moment's milliseconds since 1970; UTC where it has no zone, None outside of credible times."""
    try:
        found = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (OverflowError, ValueError):
        return None
    return credible(found)


def elapsed(text: str) -> int | None:
    """`H:MM` or `H:MM:SS` since the recording's start, or of a day whose date is not told."""
    match = _OF_DAY.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = match.groups(default="0")
    return credible(ELAPSED_FROM_MS + round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000))


def counted(number: float, unit_seconds: float | None) -> int | None:
    """A clock that counts: from 1970 or, where the number is too small for that, from the recording's start.

    `unit_seconds` is what one stands for; None where it is not told, so that the magnitude tells seconds from
    milliseconds.
    """
    if unit_seconds is None:
        unit_seconds = 0.001 if abs(number) >= SINCE_1970_FROM_SECONDS * 1000 else 1
    seconds = number * unit_seconds
    if not abs(seconds) < LATEST_MS:
        return None
    return credible(round(seconds * 1000) + (ELAPSED_FROM_MS if seconds < SINCE_1970_FROM_SECONDS else 0))


def credible(timestamp: int) -> int | None:
    return timestamp if EARLIEST_MS < timestamp < LATEST_MS else None


def _strict(text: str) -> str | None:
    match = _LOOSE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups(default="")
    zone = "Z" if zone.upper() in {"Z", "UTC"} else zone
    return (
        f"{year}-{month:0>2}-{day:0>2}T{hour or '0':0>2}:{minute or '0':0>2}:{second or '0':0>2}{fraction}{zone or 'Z'}"
    )
