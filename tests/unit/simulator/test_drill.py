"""How a drill grades a timeline."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from simulator.drill import Hop, _answered, _between, _unanswered, _within

POLICY = {"careTeamSeconds": 3, "reminderSeconds": 3, "onCallSeconds": 4}
#: Nobody answers, and every step comes when the policy says; milliseconds.
ON_TIME = {"care-team-notified": 1_000, "care-team-reminded": 4_100, "on-call-paged": 7_200, "exhausted": 11_300}


def grades(hops: list[Hop]) -> dict[str, bool]:
    return {hop.name: hop.passed for hop in hops}


@pytest.mark.parametrize(("milliseconds", "passed"), [(0, True), (8_000, True), (8_001, False), (None, False)], ids=str)
def test_a_hop_passes_up_to_its_budget_and_never_when_it_was_not_reached(
    milliseconds: int | None, passed: bool
) -> None:
    assert _within("care team told", milliseconds, 8_000) == Hop("care team told", milliseconds, 8_000, passed)


@pytest.mark.parametrize(("begin", "end", "took"), [(5, 12, 7), (None, 12, None), (5, None, None)], ids=str)
def test_a_time_between_exists_only_when_both_ends_do(begin: int | None, end: int | None, took: int | None) -> None:
    assert _between(begin, end) == took


def test_an_unanswered_drill_grades_every_wait_of_the_policy_with_five_seconds_of_slack() -> None:
    assert [asdict(hop) for hop in _unanswered(ON_TIME, POLICY)] == [
        {"name": "care team reminded", "milliseconds": 3_100, "budget_milliseconds": 8_000, "passed": True},
        {"name": "on-call paged", "milliseconds": 3_100, "budget_milliseconds": 8_000, "passed": True},
        {"name": "exhausted", "milliseconds": 4_100, "budget_milliseconds": 9_000, "passed": True},
    ]


def test_a_late_reminder_fails_alone() -> None:
    late = {**ON_TIME, "care-team-reminded": 9_001, "on-call-paged": 12_000, "exhausted": 16_000}

    assert grades(_unanswered(late, POLICY)) == {"care team reminded": False, "on-call paged": True, "exhausted": True}


def test_a_page_that_never_came_fails_and_so_does_what_follows_it() -> None:
    unpaged = {what: at for what, at in ON_TIME.items() if what != "on-call-paged"}

    assert grades(_unanswered(unpaged, POLICY)) == {
        "care team reminded": True,
        "on-call paged": False,
        "exhausted": False,
    }


def test_an_answer_in_time_passes() -> None:
    assert [asdict(hop) for hop in _answered({"care-team-notified": 1_000, "acknowledged": 2_000})] == [
        {"name": "acknowledged", "milliseconds": None, "budget_milliseconds": None, "passed": True},
        {"name": "nobody told after that", "milliseconds": None, "budget_milliseconds": None, "passed": True},
        {"name": "nobody paged", "milliseconds": None, "budget_milliseconds": None, "passed": True},
    ]


def test_a_reminder_before_the_answer_is_no_fault() -> None:
    at = {"care-team-notified": 1_000, "care-team-reminded": 4_000, "acknowledged": 5_000}

    assert all(grades(_answered(at)).values())


def test_a_reminder_after_the_answer_fails() -> None:
    at = {"care-team-notified": 1_000, "acknowledged": 2_000, "care-team-reminded": 4_000}

    assert grades(_answered(at)) == {"acknowledged": True, "nobody told after that": False, "nobody paged": True}


def test_a_page_after_the_answer_fails_twice() -> None:
    at = {"care-team-notified": 1_000, "acknowledged": 2_000, "on-call-paged": 7_000}

    assert grades(_answered(at)) == {"acknowledged": True, "nobody told after that": False, "nobody paged": False}


def test_an_answer_that_was_never_noted_fails() -> None:
    assert grades(_answered({"care-team-notified": 1_000})) == {
        "acknowledged": False,
        "nobody told after that": False,
        "nobody paged": True,
    }
