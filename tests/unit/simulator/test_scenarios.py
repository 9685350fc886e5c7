"""What befalls a wearer shows in the readings, and an ordinary day wakes nobody."""

from __future__ import annotations

import pytest
from evaluate import rule_files
from evaluate.compiled import compiled
from evaluate.domain import AlertEvent, evaluate
from evaluate.episodes import DeviceState
from hypothesis import given, settings
from hypothesis import strategies as st
from smartwatch_contracts.events import AlertRaisedV1, TechnicalAlertRaisedV1

from simulator.devices.physiology import Activity, Person, Vitals
from simulator.devices.scenarios import SCENARIOS, UnknownScenarioError, named
from tests.support.watches import seen

SHIPPED = compiled(rule_files.built_in("default"))
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


def decided(looks: list[Vitals], interval: int) -> tuple[AlertEvent, ...]:
    """What the rules that ship make of a wearer."""
    readings = [seen(n * interval, heart_rate=v.heart_rate, spo2=v.spo2, steps=v.steps) for n, v in enumerate(looks)]
    return evaluate(SHIPPED, DeviceState("watch-001"), readings).events


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), interval=st.sampled_from([5, 10, 30]))
def test_a_normal_day_raises_nothing_by_the_rules_that_ship(seed: int, interval: int) -> None:
    person = Person(seed)

    assert decided([SCENARIOS["normal"].step(person, interval) for _ in range(DAY_SECONDS // interval)], interval) == ()


@pytest.mark.parametrize("scenario", ["tachycardia", "bradycardia", "desaturation"])
def test_every_emergency_is_a_critical_alert_within_two_minutes(scenario: str) -> None:
    raised = [event for event in decided(befalling(scenario, somebody(1), 120), 1) if isinstance(event, AlertRaisedV1)]

    assert "critical" in {event.severity for event in raised}


def test_a_watch_that_is_taken_off_is_a_fault_of_the_watch_and_of_nobody() -> None:
    events = decided(befalling("sensor-off", somebody(1), 150), 1)

    assert {event.rule_id for event in events if isinstance(event, TechnicalAlertRaisedV1)} == {
        "no-heart-rate",
        "no-spo2",
    }
    assert not [event for event in events if isinstance(event, AlertRaisedV1)]


def test_the_same_name_seed_and_interval_give_the_same_readings() -> None:
    for name in SCENARIOS:
        assert befalling(name, Person(3), 60) == befalling(name, Person(3), 60)


def test_an_unknown_scenario_names_the_known_ones() -> None:
    with pytest.raises(
        UnknownScenarioError,
        match=r"^no scenario 'flu'; there are bradycardia, desaturation, normal, rest, sensor-off, tachycardia$",
    ):
        named("flu")
