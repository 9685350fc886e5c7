"""The recipients table, on DynamoDB and in memory: so many messages in a window; what is held back is not lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from notify.ports import HeldBack, Throttles
from notify.throttles_table import DIGEST_LINES, DynamoDbThrottles
from smartwatch_contracts.roster import Throttle

from simulator.escalation import memory
from simulator.escalation.memory import MemoryThrottles
from tests.adapters.conftest import TableMaker

#: Windows of ten minutes begin at multiples of ten minutes: this is the begin of one.
WINDOW = datetime.fromtimestamp(1_700_000_000 // 600 * 600, UTC)
TWO_IN_TEN_MINUTES = Throttle(messages=2, per_seconds=600)


@pytest.fixture(params=["dynamodb", "memory"])
def throttles(request: pytest.FixtureRequest) -> Throttles:
    if request.param == "memory":
        return MemoryThrottles()
    client, table = request.getfixturevalue("dynamodb"), request.getfixturevalue("table")
    return DynamoDbThrottles(client, table("Recipients"))


def after(seconds: int) -> datetime:
    return WINDOW + timedelta(seconds=seconds)


def hold(throttles: Throttles, recipient: str, line: str, seconds: int, alert_id: str = "a1") -> None:
    throttles.hold(recipient, alert_id, line, TWO_IN_TEN_MINUTES, after(seconds))


def test_a_window_takes_so_many_messages_to_each(throttles: Throttles) -> None:
    admitted = [throttles.admit("anna", TWO_IN_TEN_MINUTES, after(seconds)) for seconds in (0, 10, 20, 599)]

    assert admitted == [True, True, False, False]
    assert throttles.admit("ben", TWO_IN_TEN_MINUTES, after(20)) is True


def test_the_next_window_counts_from_none(throttles: Throttles) -> None:
    for seconds in (0, 10, 20):
        throttles.admit("anna", TWO_IN_TEN_MINUTES, after(seconds))

    assert [throttles.admit("anna", TWO_IN_TEN_MINUTES, after(seconds)) for seconds in (600, 610, 620)] == [
        True,
        True,
        False,
    ]


def test_what_is_held_back_is_due_when_its_window_is_over(throttles: Throttles) -> None:
    hold(throttles, "anna", "first", 20)
    hold(throttles, "anna", "second", 30, "a2")

    assert throttles.due(after(599)) == []
    assert throttles.due(after(600)) == [HeldBack("anna", (("a1", "first"), ("a2", "second")))]


def test_what_is_held_back_counts_for_no_window(throttles: Throttles) -> None:
    hold(throttles, "anna", "first", 20)

    assert throttles.admit("anna", TWO_IN_TEN_MINUTES, after(30)) is True


def test_a_drill_s_digest_is_a_drill(throttles: Throttles) -> None:
    hold(throttles, "drill/anna", "first", 20)

    assert throttles.due(after(600)) == [HeldBack("drill/anna", (("a1", "first"),), drill=True)]


def test_what_was_said_is_forgotten_and_what_came_in_the_meantime_is_due_at_once(throttles: Throttles) -> None:
    hold(throttles, "anna", "first", 20)
    (due,) = throttles.due(after(600))
    hold(throttles, "anna", "second", 601)
    throttles.told(due)

    assert throttles.due(after(602)) == [HeldBack("anna", (("a1", "second"),))]
    throttles.told(throttles.due(after(602))[0])
    assert throttles.due(after(5000)) == []


def test_after_a_digest_the_next_one_waits_for_its_own_window(throttles: Throttles) -> None:
    hold(throttles, "anna", "first", 20)
    throttles.told(throttles.due(after(600))[0])
    hold(throttles, "anna", "second", 700)

    assert throttles.due(after(1199)) == []
    assert throttles.due(after(1200)) == [HeldBack("anna", (("a1", "second"),))]


def test_a_digest_holds_a_hundred_lines_and_the_next_one_the_rest(throttles: Throttles) -> None:
    for number in range(103):
        hold(throttles, "anna", f"line {number}", 20)

    (first,) = throttles.due(after(600))
    throttles.told(first)
    (second,) = throttles.due(after(600))

    assert (len(first.lines), [line for _, line in second.lines]) == (100, ["line 100", "line 101", "line 102"])


def test_a_digest_that_is_said_twice_takes_nothing_that_it_did_not_say(throttles: Throttles) -> None:
    hold(throttles, "anna", "first", 20)
    (due,) = throttles.due(after(600))
    throttles.told(due)
    throttles.told(due)
    assert throttles.due(after(5000)) == []

    hold(throttles, "anna", "second", 601)
    throttles.told(due)

    assert throttles.due(after(5000)) == [HeldBack("anna", (("a1", "second"),))]


def test_both_know_how_much_a_digest_holds() -> None:
    assert memory.DIGEST_LINES == DIGEST_LINES == 100


@pytest.mark.parametrize("seed", range(3))
def test_both_tables_do_the_same_whatever_happens_to_them(dynamodb: Any, table: TableMaker, seed: int) -> None:
    random, seconds = Random(seed), 0  # noqa: S311 - the same every time
    both: tuple[Throttles, ...] = (DynamoDbThrottles(dynamodb, table("Recipients")), MemoryThrottles())
    for number in range(80):
        seconds += random.choice((1, 60, 300))
        recipient = random.choice(("anna", "ben"))
        throttle = Throttle(messages=random.choice((1, 2)), per_seconds=600)
        call = random.choice(("admit", "admit", "hold", "digest"))
        for each in both if call == "hold" else ():
            each.hold(recipient, "a1", f"line {number}", throttle, after(seconds))
        if call == "admit":
            admitted = [each.admit(recipient, throttle, after(seconds)) for each in both]
            assert admitted[0] == admitted[1]
        if call == "digest":
            due = [sorted(each.due(after(seconds)), key=lambda held: held.recipient) for each in both]
            assert due[0] == due[1]
            for each, found in zip(both, due, strict=True):
                for held in found:
                    each.told(held)
