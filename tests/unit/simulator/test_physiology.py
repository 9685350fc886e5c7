"""A simulated person is one that a nurse would believe."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.devices.physiology import Activity, Person, Vitals

#: What a healthy heart's rate may differ by within a second: effort, breath and the sensor's noise together.
BELIEVABLE_CHANGE_PER_SECOND = 12

SEEDS = [1, 2, 3, 42, 1234]


def doing(person: Person, activity: Activity, seconds: int) -> list[Vitals]:
    """One look a second."""
    return [person.do(activity, 1) for _ in range(seconds)]


def mean_heart_rate(looks: list[Vitals]) -> float:
    return sum(look.heart_rate for look in looks) / len(looks)


def test_the_same_seed_lives_the_same_life() -> None:
    one, other = Person(7), Person(7)

    assert [one.live(1) for _ in range(600)] == [other.live(1) for _ in range(600)]


def test_another_seed_is_another_person() -> None:
    one, other = Person(7), Person(8)

    assert [one.live(1) for _ in range(600)] != [other.live(1) for _ in range(600)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_heart_follows_effort_within_two_minutes_and_not_at_once(seed: int) -> None:
    person = Person(seed)
    at_rest = mean_heart_rate(doing(person, Activity.REST, 120))

    running = doing(person, Activity.RUN, 150)

    assert running[0].heart_rate < at_rest + 15
    assert mean_heart_rate(running[110:130]) > at_rest + 60
    # From then on it stays: two minutes are enough.
    assert abs(mean_heart_rate(running[130:150]) - mean_heart_rate(running[110:130])) < 5


@pytest.mark.parametrize("seed", SEEDS)
def test_the_heart_recovers_more_slowly_than_it_rises(seed: int) -> None:
    person = Person(seed)
    at_rest = mean_heart_rate(doing(person, Activity.REST, 120))
    running = doing(person, Activity.RUN, 300)
    at_effort = mean_heart_rate(running[-60:])
    half = (at_rest + at_effort) / 2

    rise = next(second for second, look in enumerate(running) if look.heart_rate > half)
    fall = next(second for second, look in enumerate(doing(person, Activity.REST, 300)) if look.heart_rate < half)

    assert 10 < rise < 35
    assert rise < fall < 90


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), efforts=st.lists(st.sampled_from(list(Activity)), min_size=1, max_size=6))
def test_the_heart_never_jumps_whatever_a_person_does_next(seed: int, efforts: list[Activity]) -> None:
    person = Person(seed)
    looks = [look for effort in efforts for look in doing(person, effort, 60)]

    changes = [abs(after.heart_rate - before.heart_rate) for before, after in pairwise(looks)]

    assert max(changes) <= BELIEVABLE_CHANGE_PER_SECOND


@pytest.mark.parametrize(
    ("activity", "least", "most"), [("sleep", 0, 0), ("rest", 0, 0), ("walk", 100, 116), ("run", 155, 175)]
)
@pytest.mark.parametrize("interval", [1, 5])
def test_steps_come_with_the_activity_at_an_adults_cadence(activity: str, least: int, most: int, interval: int) -> None:
    person = Person(1)
    minutes = 5

    steps = sum(person.do(Activity(activity), interval).steps for _ in range(minutes * 60 // interval))

    assert least <= steps / minutes <= most


def test_steps_between_two_looks_are_not_lost_to_rounding() -> None:
    """At ten looks a second every look is less than half a step."""
    person = Person(1)

    assert 100 <= sum(person.do(Activity.WALK, 0.1).steps for _ in range(600)) <= 116


@pytest.mark.parametrize("seed", SEEDS)
def test_oxygen_saturation_barely_moves_whatever_a_person_does(seed: int) -> None:
    person = Person(seed)
    looks = [look for activity in Activity for look in doing(person, activity, 600)]

    assert {look.spo2 for look in looks} <= {95, 96, 97, 98, 99, 100}
    assert max(look.spo2 for look in looks) - min(look.spo2 for look in looks) <= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sleeping_heart_is_slower_than_a_resting_one(seed: int) -> None:
    person = Person(seed)
    resting = mean_heart_rate(doing(person, Activity.REST, 300))

    sleeping = mean_heart_rate(doing(person, Activity.SLEEP, 600)[300:])

    assert resting - 16 < sleeping < resting - 8
    assert sleeping > 40
