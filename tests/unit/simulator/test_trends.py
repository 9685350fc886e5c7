"""How a drill stands to the earlier ones of its kind."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import trends


def card(notify: int | None = 1_000, **changes: Any) -> dict[str, Any]:
    return {
        "scenario": "tachycardia",
        "policy": {"name": "default", "version": "1"},
        "ackAfter": None,
        "times": {"notify": notify, "acknowledge": None, "page": None, "clear": None},
        **changes,
    }


@pytest.mark.parametrize(
    ("took", "middle", "expected"),
    [
        (1_000, None, "first"),
        (1_499, 1_000, "same"),
        (1_500, 1_000, "slower"),
        (501, 1_000, "same"),
        (500, 1_000, "faster"),
        (11_999, 10_000, "same"),
        (12_000, 10_000, "slower"),
        (8_000, 10_000, "faster"),
    ],
)
def test_a_fifth_or_half_a_second_makes_a_difference(took: int, middle: int | None, expected: str) -> None:
    assert trends.direction(took, middle) == expected


def test_each_is_held_against_the_median_of_the_earlier_ones() -> None:
    found = trends.with_trends([card(1_000), card(9_000), card(2_000), card(4_000)])

    assert [each["trend"]["notify"] for each in found] == [
        {"direction": "first", "median": None},
        {"direction": "slower", "median": 1_000},
        {"direction": "faster", "median": 5_000.0},
        {"direction": "slower", "median": 2_000},
    ]


@pytest.mark.parametrize(
    "change",
    [{"scenario": "bradycardia"}, {"policy": {"name": "default", "version": "2"}}, {"policy": None}, {"ackAfter": 2.0}],
    ids=["scenario", "policy", "no policy", "answer"],
)
def test_what_rehearses_something_else_is_not_compared(change: dict[str, Any]) -> None:
    assert trends.with_trends([card(**change), card()])[1]["trend"]["notify"]["direction"] == "first"


def test_what_did_not_happen_has_no_trend_and_counts_for_none() -> None:
    found = trends.with_trends([card(None), card(1_000)])

    assert [each["trend"]["notify"] for each in found] == [None, {"direction": "first", "median": None}]
    assert found[1]["trend"]["page"] is None


@pytest.mark.parametrize(
    ("values", "line"),
    [([], ""), ([None], " "), ([0, 7, 14], "▁▅█"), ([100, 101], "██"), ([5, None, 10], "▅ █")],
    ids=str,
)
def test_a_sparkline_begins_at_nothing(values: list[float | None], line: str) -> None:
    assert trends.sparkline(values) == line
