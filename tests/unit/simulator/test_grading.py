"""How a drill is graded by its policy: 5 s for the care team, 5 s after a reminder, 4 s for the on-call."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import grading, timeline
from simulator.grading import Course, Hop, Times
from tests.support.timelines import alert, at, policy, said, told

PLANNED = said(0.4, "planned", "policy p 1, critical")
#: Nobody answers, and every message comes when the policy says.
UNANSWERED = [PLANNED, told(0.5), told(5.6), told(10.7, "on-call"), said(14.8, "exhausted")]
ANSWERED = [PLANNED, told(0.5), said(2.5, "acknowledged", "by ada", through="command")]


def course(*entries: dict[str, str], **changes: Any) -> Course:
    record = alert(*entries)
    plans = timeline.plans(record)
    made = [timeline.plan_of(each, policy(**changes)) for each in plans]
    return Course(record, made[0], made[-1], plans[-1])


def shown(hops: list[Hop]) -> list[tuple[str, int | None, int | None, bool]]:
    return [(hop.name, hop.milliseconds, hop.budget_milliseconds, hop.passed) for hop in hops]


def unanswered(*entries: dict[str, str]) -> list[Hop]:
    made = course(*entries)
    return grading.unanswered(made, grading.times(made, None))


def answered(*entries: dict[str, str], after_ms: int = 2_000, **changes: Any) -> dict[str, bool]:
    made = course(*entries, **changes)
    return {hop.name: hop.passed for hop in grading.answered(made, grading.times(made, None), after_ms)}


@pytest.mark.parametrize(("milliseconds", "passed"), [(0, True), (8_000, True), (8_001, False), (None, False)], ids=str)
def test_a_hop_passes_up_to_its_budget_and_never_when_it_was_not_reached(
    milliseconds: int | None, passed: bool
) -> None:
    assert grading.within("told", milliseconds, 8_000) == Hop("told", milliseconds, 8_000, passed)


def test_people_wait_from_the_raise_on_and_for_the_clear_from_the_recovery_on() -> None:
    made = course(*UNANSWERED, said(16, "acknowledged", "by ada"), said(23, "cleared"))

    assert grading.times(made, at(20)) == Times(notify=500, acknowledge=16_000, page=10_700, clear=3_000)


def test_what_did_not_happen_has_no_time() -> None:
    assert grading.times(course(PLANNED), None) == Times(None, None, None, None)


def test_an_unanswered_drill_grades_every_telling_of_the_policy() -> None:
    assert shown(unanswered(*UNANSWERED)) == [
        ("care-team told", 100, 8_000, True),
        ("care-team told again", 5_100, 10_000, True),
        ("on-call told", 5_100, 10_000, True),
        ("exhausted", 4_100, 9_000, True),
        ("time to page", 10_700, 400 + 10_000 + 8_000 + 2 * 5_000, True),
    ]


def test_a_late_message_fails_alone() -> None:
    late = [PLANNED, told(0.5), told(10.6), told(15.7, "on-call"), said(19.8, "exhausted")]

    assert [hop.name for hop in unanswered(*late) if not hop.passed] == ["care-team told again"]


def test_a_page_that_never_came_fails_and_so_does_what_is_measured_by_it() -> None:
    unpaged = [entry for entry in UNANSWERED if entry.get("step") != "on-call"]

    assert [hop.name for hop in unanswered(*unpaged) if not hop.passed] == ["on-call told", "exhausted", "time to page"]


def test_an_alert_that_worsens_is_graded_by_its_latest_plan() -> None:
    worsened = [
        said(0.4, "planned", "policy p 1, warning"),
        told(0.5),
        said(3, "severity-raised", "to critical"),
        said(3.2, "planned", "policy p 1, critical"),
        told(3.3),
        told(8.4),
        told(13.5, "on-call"),
        said(17.6, "exhausted"),
    ]

    hops = unanswered(*worsened)

    assert all(hop.passed for hop in hops)
    assert shown(hops)[-1] == ("time to page", 13_500, 3_200 + 10_000 + 8_000 + 2 * 5_000, True)


def test_an_answer_in_time_passes() -> None:
    assert answered(*ANSWERED) == {"time to acknowledge": True, "nobody told after that": True, "nobody paged": True}


def test_an_answer_may_take_as_long_as_it_was_meant_to_and_five_seconds_more() -> None:
    made = course(*ANSWERED)
    (first, *_) = grading.answered(made, grading.times(made, None), 2_000)

    assert first == Hop("time to acknowledge", 2_500, 8_000 + 2_000 + 5_000, True)


def test_a_reminder_before_the_answer_is_no_fault() -> None:
    assert all(answered(PLANNED, told(0.5), told(5.5), said(6, "acknowledged", "by ada"), after_ms=5_500).values())


def test_a_reminder_after_the_answer_fails() -> None:
    assert answered(*ANSWERED, told(5.5)) == {
        "time to acknowledge": True,
        "nobody told after that": False,
        "nobody paged": True,
    }


def test_a_page_after_the_answer_fails_twice() -> None:
    assert answered(*ANSWERED, told(10.5, "on-call")) == {
        "time to acknowledge": True,
        "nobody told after that": False,
        "nobody paged": False,
    }


def test_a_page_before_the_answer_is_graded_as_one() -> None:
    late = [PLANNED, told(0.5), told(5.6), told(10.7, "on-call"), said(12, "acknowledged", "by ada")]

    assert answered(*late, after_ms=11_500) == {
        "time to acknowledge": True,
        "nobody told after that": True,
        "time to page": True,
    }


def test_an_answer_that_was_never_noted_fails() -> None:
    assert answered(PLANNED, told(0.5)) == {"time to acknowledge": False, "nobody told after that": False}


def test_a_policy_of_one_step_pages_at_once() -> None:
    one = [{"name": "on-call", "tell": ["on-call"], "waitSeconds": 4}]
    paged = [PLANNED, told(0.5, "on-call"), said(2.5, "acknowledged", "by ada")]

    assert answered(*paged, steps=one) == {"time to acknowledge": True, "nobody told after that": True}


@pytest.mark.parametrize(
    ("cleared_at", "decided_at", "budget", "passed"),
    [(23, 21, 11_000, True), (33, 21, 11_000, False), (21, None, 10_000, True)],
    ids=["within", "late", "nobody knows when"],
)
def test_a_clear_may_take_what_the_rule_takes_and_ten_seconds_more(
    cleared_at: int, decided_at: int | None, budget: int, passed: bool
) -> None:
    made = course(*ANSWERED, said(cleared_at, "cleared"), said(cleared_at, "said-cleared", to="care-team"))
    decided = None if decided_at is None else at(decided_at)

    first, heard = grading.cleared(made.alert, at(20), decided, grading.times(made, at(20)))

    assert first == Hop("time to clear", (cleared_at - 20) * 1000, budget, passed)
    assert heard == Hop("everyone told that it is over", None, None, True)


def message(**changes: str) -> dict[str, Any]:
    return {"subject": "DRILL - Alert: x", "message": f"DRILL - a rehearsal.\nAlert: {alert()['alertId']}", **changes}


@pytest.mark.parametrize(
    ("messages", "passed"),
    [
        ([message()], True),
        ([message(subject="")], True),
        ([message(subject="Alert: x")], False),
        ([message(message=f"Alert: {alert()['alertId']}")], False),
        ([message(), message(message="Alert: another", subject="Alert")], True),
        ([], False),
    ],
    ids=["both", "a text message", "subject unmarked", "text unmarked", "another alert's", "none"],
)
def test_whatever_people_receive_about_a_drill_says_so(messages: list[dict[str, Any]], passed: bool) -> None:
    assert grading.marked(alert(), messages).passed is passed


@pytest.mark.parametrize(
    ("entries", "messages", "passed"),
    [
        ([told(1, receipt="dry run, not sent")], [], True),
        ([told(1, receipt="dry run, not sent")], None, True),
        ([told(1, receipt="dry run, not sent")], [message()], False),
        ([told(1, receipt="dry run, not sent"), told(2)], [], False),
        ([told(1, receipt="dry run, not sent"), said(2, "paged-directly", receipt="r2")], [], False),
        ([told(1, receipt="dry run, not sent"), said(2, "perhaps-told", "SNS: timeout", to="ada")], [], False),
        ([], [], False),
    ],
    ids=["dry", "no outbox", "in the outbox", "a receipt", "a direct page", "perhaps", "nobody would have been told"],
)
def test_a_dry_run_sends_nothing_and_notes_what_it_did_not_send(
    entries: list[dict[str, str]], messages: list[dict[str, Any]] | None, passed: bool
) -> None:
    (hop,) = grading.spared(alert(*entries), messages)

    assert (hop.name, hop.passed) == ("nobody was sent anything", passed)
