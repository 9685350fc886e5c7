"""Times as people write them: an offset counts, UTC without one, and what is no time is refused by its option."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from simulator import moments
from simulator.errors import UsageError


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-29T08:00Z", datetime(2026, 3, 29, 8, tzinfo=UTC)),
        ("2026-03-29T08:00:30+02:00", datetime(2026, 3, 29, 6, 0, 30, tzinfo=UTC)),
        ("2026-03-29 08:00", datetime(2026, 3, 29, 8, tzinfo=UTC)),
        ("2026-03-29", datetime(2026, 3, 29, tzinfo=UTC)),
    ],
)
def test_an_instant_is_iso_8601_and_utc_without_an_offset(text: str, at: datetime) -> None:
    assert moments.instant(text, "--at") == at


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tomorrow", "--at takes a time such as 2026-03-29T08:00Z, not 'tomorrow'"),
        ("", "--at takes a time such as 2026-03-29T08:00Z, not ''"),
        ("9999-12-31T23:59Z", "--at takes a year from 1970 to 2199, not 9999"),
    ],
)
def test_what_is_no_instant_is_refused_by_its_option(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        moments.instant(text, "--at")
    assert str(caught.value) == said


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400)])
def test_a_span_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert moments.span(text, "--for") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "0h", "-1h", "1.5h", "2 h", "2w", "99999999d"])
def test_what_is_no_span_is_refused_by_its_option(text: str) -> None:
    with pytest.raises(UsageError, match="--for takes a time span such as 90s, 30m, 2h or 1d"):
        moments.span(text, "--for")


def test_an_instant_is_shown_on_the_clocks_of_a_zone_and_at_the_end_of_the_calendar_on_its_own() -> None:
    assert moments.shown(datetime(2026, 3, 29, 6, tzinfo=UTC), "Europe/Zurich") == "Sun 2026-03-29 08:00 CEST"
    assert moments.shown(datetime.max.replace(tzinfo=UTC), "Europe/Zurich") == "Fri 9999-12-31 23:59 UTC"
