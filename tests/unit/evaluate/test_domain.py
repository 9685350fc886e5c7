"""When an alert opens and when it clears."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from evaluate.domain import breaches, evaluate
from evaluate.episodes import CLOSED_EPISODES_KEPT, DeviceState
from evaluate.rules import Rule, RuleSet
from evaluate.wiring import RULES_FILE
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from smartwatch_contracts.events import AlertClearedV1, AlertRaisedV1, Reading

from tests.support.builders import T0, a_reading

HIGH = Rule(
    id="heart-rate-high",
    title="Heart rate above 150 bpm",
    signal="heartRate",
    comparison="above",
    threshold=150,
    clear_margin=5,
    clear_readings=3,
    severity="critical",
)
RULES = RuleSet(version="t", rules=(HIGH,))
SHIPPED = RuleSet.model_validate_json(RULES_FILE.read_bytes())


def beats(*rates: int) -> list[Reading]:
    """One reading a second."""
    return [a_reading(second, heart_rate=rate) for second, rate in enumerate(rates)]


def run(readings: Sequence[Reading], state: DeviceState | None = None, rules: RuleSet = RULES) -> list[str]:
    """What the readings, one batch each, lead to: `+` for an alert, `-` for a clear."""
    state = state or DeviceState(device_id="watch-001")
    happened = []
    for reading in readings:
        outcome = evaluate(rules, state, [reading])
        state = outcome.state
        happened += ["+" if isinstance(event, AlertRaisedV1) else "-" for event in outcome.events]
    return happened


def test_a_breach_opens_one_alert_however_long_it_lasts() -> None:
    assert run(beats(*[160] * 100)) == ["+"]


def test_the_limit_itself_is_no_breach() -> None:
    assert run(beats(150, 150)) == []


def test_an_alert_says_what_when_and_never_the_value_in_its_title() -> None:
    outcome = evaluate(RULES, DeviceState(device_id="watch-001"), beats(72, 151))

    (raised,) = outcome.events
    assert isinstance(raised, AlertRaisedV1)
    assert raised.started_at == T0 + 1000
    assert raised.value == 151
    assert raised.title == "Heart rate above 150 bpm"
    assert raised.drill is False


def test_an_alert_about_a_drill_watch_is_marked() -> None:
    (raised,) = evaluate(RULES, DeviceState(device_id="drill-7"), beats(151)).events

    assert isinstance(raised, AlertRaisedV1)
    assert raised.title == "DRILL: Heart rate above 150 bpm"
    assert raised.drill is True


def test_three_recovered_readings_in_a_row_clear_it() -> None:
    assert run(beats(160, 145, 145, 145)) == ["+", "-"]


def test_two_recovered_readings_do_not_clear_it() -> None:
    assert run(beats(160, 145, 145)) == ["+"]


def test_a_reading_inside_the_margin_starts_the_count_again() -> None:
    assert run(beats(160, 145, 145, 148, 145, 145)) == ["+"]


def test_flapping_at_the_limit_is_one_alert() -> None:
    assert run(beats(*[151, 149] * 50)) == ["+"]


def test_the_next_episode_after_a_clear_is_a_new_alert() -> None:
    assert run(beats(160, 140, 140, 140, 160)) == ["+", "-", "+"]


def test_no_signal_opens_nothing() -> None:
    low = RuleSet(version="t", rules=(next(rule for rule in SHIPPED.rules if rule.id == "heart-rate-low"),))

    assert run(beats(0, 0, 0), rules=low) == []


def test_no_signal_clears_nothing() -> None:
    assert run(beats(160, 0, 0, 0, 0, 0)) == ["+"]


def test_a_reading_off_the_wrist_is_no_signal() -> None:
    assert run([a_reading(0, heart_rate=170, on_wrist=False)]) == []


def test_readings_that_change_nothing_leave_the_very_state() -> None:
    state = DeviceState(device_id="watch-001")

    assert evaluate(RULES, state, beats(72, 80)).state is state


@pytest.mark.parametrize(
    ("rule_id", "vitals"),
    [
        ("heart-rate-high", {"heart_rate": 151}),
        ("heart-rate-low", {"heart_rate": 39}),
        ("spo2-low", {"heart_rate": None, "spo2": 89}),
    ],
)
def test_the_shipped_rules_are_the_seeds_limit_bradycardia_and_desaturation(
    rule_id: str, vitals: dict[str, int]
) -> None:
    (raised,) = evaluate(SHIPPED, DeviceState(device_id="w"), [a_reading(0, **vitals)]).events

    assert raised.rule_id == rule_id


@pytest.mark.parametrize(
    "vitals", [{"heart_rate": 150}, {"heart_rate": 40}, {"spo2": 90}, {"heart_rate": 0, "spo2": 0}]
)
def test_the_shipped_rules_raise_nothing_at_the_limits(vitals: dict[str, int]) -> None:
    assert not breaches(SHIPPED, [a_reading(0, **vitals)])


def test_two_rules_of_one_id_are_refused() -> None:
    with pytest.raises(ValidationError, match="two rules have the same id"):
        RuleSet(version="t", rules=(HIGH, HIGH))


def test_an_episode_that_is_no_longer_remembered_is_not_opened_again() -> None:
    cycle = [160, 140, 140, 140]
    readings = beats(*cycle * (CLOSED_EPISODES_KEPT + 10))
    state = DeviceState(device_id="watch-001")
    for reading in readings:
        state = evaluate(RULES, state, [reading]).state

    assert run(readings, state) == []


rates = st.lists(st.sampled_from([0, 72, 144, 146, 149, 151, 170]), min_size=1, max_size=40)


@settings(max_examples=300, deadline=None)
@given(rates, st.data())
def test_splitting_into_batches_differently_gives_the_same_alerts(values: list[int], data: st.DataObject) -> None:
    readings = beats(*values)
    cuts = data.draw(st.sets(st.integers(1, len(readings))))
    bounds = [0, *sorted(cuts), len(readings)]
    state = DeviceState(device_id="watch-001")
    split = []
    for begin, end in pairwise(bounds):
        outcome = evaluate(RULES, state, readings[begin:end])
        state = outcome.state
        split += outcome.events

    assert split == list(evaluate(RULES, DeviceState(device_id="watch-001"), readings).events)


@settings(max_examples=300, deadline=None)
@given(rates)
def test_the_same_readings_again_change_nothing(values: list[int]) -> None:
    readings = beats(*values)
    state = evaluate(RULES, DeviceState(device_id="watch-001"), readings).state

    again = evaluate(RULES, state, readings)

    assert again.events == ()


@settings(max_examples=300, deadline=None)
@given(rates, st.randoms(use_true_random=False))
def test_in_whatever_order_readings_come_no_alert_opens_twice_and_none_is_missed(
    values: list[int], random: object
) -> None:
    readings = beats(*values)
    shuffled = list(readings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    state = DeviceState(device_id="watch-001")
    events = []
    for reading in shuffled:
        outcome = evaluate(RULES, state, [reading])
        state = outcome.state
        events += outcome.events

    raised = [event.alert_id for event in events if isinstance(event, AlertRaisedV1)]
    cleared = [event.alert_id for event in events if isinstance(event, AlertClearedV1)]
    assert len(set(raised)) == len(raised)
    assert len(set(cleared)) == len(cleared)
    assert set(cleared) <= set(raised)
    assert bool(raised) == any(value > 150 for value in values)
