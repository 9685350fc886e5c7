"""What befalls a wearer shows in the readings, and an ordinary day wakes nobody."""

from __future__ import annotations

import pytest
from evaluate.domain import breaches
from evaluate.rules import RuleSet
from evaluate.wiring import RULES_FILE
from hypothesis import given, settings
from hypothesis import strategies as st
from smartwatch_contracts.events import Reading

from simulator.devices.physiology import Activity, Person, Vitals
from simulator.devices.scenarios import SCENARIOS, UnknownScenarioError, named
from tests.support.builders import T0

SHIPPED = RuleSet.model_validate_json(RULES_FILE.read_bytes())
DAY_SECONDS = 24 * 60 * 60
SEEDS = [1, 2, 3, 42, 1234]


def befalling(scenario: str, person: Person, seconds: int) -> list[Vitals]:
    """One look a second."""
    return [SCENARIOS[scenario].step(person, 1) for _ in range(seconds)]


def somebody(seed: int, activity: Activity = Activity.REST) -> Person:
    """A person who has been at it for a while."""
    person = Person(seed)
    for _ in range(120):
        person.do(activity, 1)
    return person


@pytest.mark.parametrize("activity", [Activity.SLEEP, Activity.REST, Activity.RUN])
@pytest.mark.parametrize("seed", SEEDS)
def test_tachycardia_is_above_150_within_five_seconds_and_stays(seed: int, activity: Activity) -> None:
    looks = befalling("tachycardia", somebody(seed, activity), 300)

    assert all(150 < look.heart_rate < 200 for look in looks[5:])
    assert sum(look.steps for look in looks) == 0


@pytest.mark.parametrize("activity", [Activity.SLEEP, Activity.REST, Activity.RUN])
@pytest.mark.parametrize("seed", SEEDS)
def test_bradycardia_is_below_40_within_eight_seconds_and_stays(seed: int, activity: Activity) -> None:
    looks = befalling("bradycardia", somebody(seed, activity), 300)

    assert all(20 < look.heart_rate < 40 for look in looks[8:])


@pytest.mark.parametrize("seed", SEEDS)
def test_desaturation_is_below_90_from_the_first_reading_and_the_heart_answers(seed: int) -> None:
    before = somebody(seed).do(Activity.REST, 1)

    looks = befalling("desaturation", somebody(seed), 300)

    assert all(80 <= look.spo2 < 90 for look in looks)
    assert all(before.heart_rate < look.heart_rate < 150 for look in looks)


def test_a_watch_that_is_taken_off_sends_zeros() -> None:
    assert set(befalling("sensor-off", somebody(1, Activity.WALK), 60)) == {Vitals(heart_rate=0, spo2=0, steps=0)}


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), interval=st.sampled_from([1, 2, 5, 10]))
def test_a_normal_day_never_breaches_the_rules_that_ship(seed: int, interval: int) -> None:
    person = Person(seed)
    day = (SCENARIOS["normal"].step(person, interval) for _ in range(DAY_SECONDS // interval))

    # Times don't matter to a limit, so each different look is asked about once.
    readings = [Reading(timestamp=T0, heart_rate=bpm, spo2=spo2) for bpm, spo2 in {(v.heart_rate, v.spo2) for v in day}]

    assert not breaches(SHIPPED, readings)


@pytest.mark.parametrize("scenario", ["tachycardia", "bradycardia", "desaturation"])
def test_every_emergency_breaches_the_rules_that_ship(scenario: str) -> None:
    looks = befalling(scenario, somebody(1), 10)

    assert breaches(SHIPPED, [Reading(timestamp=T0, heart_rate=v.heart_rate, spo2=v.spo2) for v in looks])


def test_a_watch_that_is_taken_off_breaches_nothing() -> None:
    looks = befalling("sensor-off", somebody(1), 10)

    assert not breaches(SHIPPED, [Reading(timestamp=T0, heart_rate=v.heart_rate, spo2=v.spo2) for v in looks])


def test_the_same_name_seed_and_interval_give_the_same_readings() -> None:
    for name in SCENARIOS:
        assert befalling(name, Person(3), 60) == befalling(name, Person(3), 60)


def test_an_unknown_scenario_names_the_known_ones() -> None:
    with pytest.raises(
        UnknownScenarioError,
        match=r"^no scenario 'flu'; there are bradycardia, desaturation, normal, sensor-off, tachycardia$",
    ):
        named("flu")
