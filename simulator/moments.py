"""Times as people write and read them: ISO 8601, spans such as 90m, and the clocks of a time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from simulator.errors import UsageError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
#: Beyond these years something is mistyped.
_YEARS = range(1970, 2200)


def instant(text: str, option: str, *, local: bool = False) -> datetime:
    """An instant from ISO 8601; without an offset in UTC, or on this machine's clocks. Errors: `UsageError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} takes a time such as 2026-03-29T08:00Z, not {text!r}") from None
    if moment.year not in _YEARS:
        raise UsageError(f"{option} takes a year from {_YEARS[0]} to {_YEARS[-1]}, not {moment.year}")
    return (moment if moment.tzinfo or local else moment.replace(tzinfo=UTC)).astimezone(UTC)


def span(text: str, option: str) -> timedelta:
    """How long, from a number and a unit. Errors: `UsageError`, naming the option."""
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    if found is None:
        raise UsageError(f"{option} takes a time span such as 90s, 30m, 2h or 1d, not {text!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def now() -> datetime:
    """This instant, in whole seconds of UTC."""
    return datetime.now(UTC).replace(microsecond=0)


def shown(at: datetime, time_zone: str = "UTC") -> str:
    """An instant on the clocks of a time zone, with the day of the week."""
    try:
        local = at.astimezone(ZoneInfo(time_zone))
    except OverflowError:
        # The end of the calendar, on clocks that are ahead.
        local = at
    return f"{local:%a %Y-%m-%d %H:%M %Z}"
