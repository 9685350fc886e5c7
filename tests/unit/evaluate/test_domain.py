"""When an alert opens, becomes worse and clears: one test for each kind of rule."""

from __future__ import annotations

import pytest
from evaluate import rule_files
from evaluate.compiled import compiled
from evaluate.domain import evaluate
from evaluate.episodes import DeviceState
from smartwatch_contracts.events import AlertClearedV1, AlertRaisedV1, AlertSeverityChangedV1, TechnicalAlertRaisedV1
from smartwatch_contracts.profiles import Profile

from tests.support.builders import T0
from tests.support.watches import every_second, outcome, rules, seconds, seen, told

SIMPLE = compiled(rule_files.built_in("simple"))
DEFAULT = compiled(rule_files.built_in("default"))

LASTING = rules("""
  - id: high
    title: High for ten seconds
    bands: [{severity: critical, when: {signal: heartRate, above: 150}, forSeconds: 10}]
    clear: {when: {signal: heartRate, below: 145}, forSeconds: 3, readings: 2}
""")
BANDS = rules("""
  - id: high
    title: Two bands and a shrinking delay
    bands:
      - {severity: warning, when: {signal: heartRate, above: 120}, forSeconds: 20, atOnce: 160}
      - {severity: critical, when: {signal: heartRate, above: 150}, forSeconds: 5}
    clear: {when: {signal: heartRate, below: 110}, readings: 2}
""")


# ------------------------------------------------------------------------------------------------------ the plain rules


def test_a_breach_opens_one_alert_however_long_it_lasts() -> None:
    assert told(SIMPLE, every_second([160] * 100)) == "+"


def test_the_limit_itself_is_no_breach() -> None:
    assert told(SIMPLE, every_second([150, 150])) == ""


def test_an_alert_says_what_when_by_which_rules_and_never_the_value_in_its_title() -> None:
    _, (raised,) = outcome(SIMPLE, every_second([90, 151]))

    assert isinstance(raised, AlertRaisedV1)
    assert (seconds(raised.started_at), raised.value, raised.early_warning_band) == (1, 151, 3)
    assert (raised.rule_id, raised.rule_set, raised.rule_set_version) == ("heart-rate-high", "simple", "1")
    assert raised.title == "Heart rate above 150 bpm"
    assert raised.drill is False


def test_an_alert_about_a_drill_watch_is_marked() -> None:
    (raised,) = evaluate(SIMPLE, DeviceState("drill-7"), [seen(0, heart_rate=151)]).events

    assert isinstance(raised, AlertRaisedV1)
    assert (raised.title, raised.drill) == ("DRILL: Heart rate above 150 bpm", True)


def test_flapping_at_the_limit_is_one_alert() -> None:
    assert told(SIMPLE, every_second([151, 149] * 50)) == "+"


def test_three_recovered_readings_in_a_row_clear_it_and_two_do_not() -> None:
    assert told(SIMPLE, every_second([160, 145, 145])) == "+"
    assert told(SIMPLE, every_second([160, 145, 145, 145])) == "+-"


def test_a_reading_inside_the_margin_starts_the_count_again() -> None:
    assert told(SIMPLE, every_second([160, 145, 145, 148, 145, 145])) == "+"


def test_the_next_episode_after_a_clear_is_a_new_alert() -> None:
    _, events = outcome(SIMPLE, every_second([160, 140, 140, 140, 160]))

    assert len({event.alert_id for event in events if isinstance(event, AlertRaisedV1)}) == 2


@pytest.mark.parametrize(
    "fields", [{"heart_rate": 0}, {"heart_rate": 0, "spo2": 0}, {"heart_rate": 170, "on_wrist": False}]
)
def test_no_signal_opens_nothing_and_clears_nothing(fields: dict[str, int]) -> None:
    assert told(SIMPLE, [seen(n, **fields) for n in range(9)]) == ""
    assert told(SIMPLE, [seen(0, heart_rate=160), *(seen(n, **fields) for n in range(1, 9))]) == "+"


@pytest.mark.parametrize(
    ("rule_id", "fields"),
    [
        ("heart-rate-high", {"heart_rate": 151}),
        ("heart-rate-low", {"heart_rate": 39}),
        ("spo2-low", {"heart_rate": None, "spo2": 89}),
    ],
)
def test_the_simple_rules_are_those_that_the_platform_began_with(rule_id: str, fields: dict[str, int]) -> None:
    _, (raised,) = outcome(SIMPLE, [seen(0, **fields)])

    assert raised.rule_id == rule_id


# -------------------------------------------------------------------------------------------------- durations and bands


def test_a_condition_must_last() -> None:
    assert told(LASTING, every_second([160] * 10)) == ""
    assert told(LASTING, every_second([160] * 11)) == "+"


def test_one_reading_back_inside_starts_the_delay_again() -> None:
    assert told(LASTING, every_second([160] * 9 + [150] + [160] * 10)) == ""


def test_an_alert_starts_with_the_breach_and_not_with_the_end_of_its_delay() -> None:
    _, (raised,) = outcome(LASTING, every_second([100, 100] + [160] * 11))

    assert isinstance(raised, AlertRaisedV1)
    assert seconds(raised.started_at) == 2


def test_the_clear_condition_must_last_too() -> None:
    assert told(LASTING, every_second([160] * 11 + [140] * 3)) == "+"
    assert told(LASTING, every_second([160] * 11 + [140] * 4)) == "+-"


def test_readings_that_are_missing_for_a_while_do_not_end_what_is_pending() -> None:
    assert told(LASTING, [seen(0, heart_rate=160), seen(600, heart_rate=160)]) == "+"


def test_after_a_long_gap_a_breach_counts_from_anew() -> None:
    assert told(LASTING, [seen(0, heart_rate=160), seen(1000, heart_rate=160)]) == ""


@pytest.mark.parametrize(("value", "delay"), [(121, 20), (130, 15), (140, 10), (150, 5), (160, 1)])
def test_the_delay_shrinks_in_a_straight_line_with_magnitude(value: int, delay: int) -> None:
    only_warning = rules("""
  - id: high
    title: A delay that shrinks
    bands: [{severity: warning, when: {signal: heartRate, above: 120}, forSeconds: 20, atOnce: 160}]
    clear: {when: {signal: heartRate, below: 110}}
""")
    _, (raised, *_) = outcome(only_warning, every_second([value] * 30))
    _, events = outcome(only_warning, every_second([value] * delay))

    assert isinstance(raised, AlertRaisedV1)
    assert events == []


def test_a_single_spike_far_beyond_the_limit_is_not_at_once() -> None:
    assert told(BANDS, every_second([100, 200, 100, 100])) == ""


def test_an_open_alert_becomes_worse_once_and_says_so() -> None:
    _, events = outcome(BANDS, every_second([130] * 20 + [155] * 30))

    assert [type(event) for event in events] == [AlertRaisedV1, AlertSeverityChangedV1]
    assert isinstance(events[0], AlertRaisedV1)
    assert isinstance(events[1], AlertSeverityChangedV1)
    assert (events[0].severity, events[1].previous_severity, events[1].severity) == ("warning", "warning", "critical")
    assert seconds(events[1].changed_at) == 25


def test_a_severity_never_falls_during_an_episode() -> None:
    assert told(BANDS, every_second([155] * 10 + [130] * 40)) == "+!"


def test_some_of_the_last_readings_are_enough_for_a_rule_that_says_so() -> None:
    of_last = rules("""
  - id: dips
    title: Three of the last five
    bands: [{severity: critical, when: {signal: spo2, below: 90}, ofLast: {breaching: 3, readings: 5}}]
    clear: {when: {signal: spo2, above: 92}, readings: 3}
""")
    assert told(of_last, every_second([88, 95, 88, 95, 88], "spo2")) == "+"
    assert told(of_last, every_second([88, 95, 95, 88, 95, 95, 88], "spo2")) == ""


# ------------------------------------------------------------------------------------------ change, combination, effort


FALLING = rules("""
  - id: falling
    title: Falls fast and is low
    bands:
      - severity: critical
        when: {all: [{signal: heartRate, fallsPerMinute: 60, overSeconds: 20}, {signal: heartRate, below: 60}]}
    clear: {when: {signal: heartRate, above: 65}, readings: 2}
""")


def test_a_fast_fall_that_ends_low_is_an_alert_and_a_slow_one_is_not() -> None:
    assert told(FALLING, every_second(range(90, 50, -2))) == "+"
    assert told(FALLING, every_second(value for value in range(90, 50, -1) for _ in range(3))) == ""


TOGETHER = rules("""
  - id: both
    title: Both together
    bands:
      - severity: critical
        when: {all: [{signal: heartRate, above: 110}, {signal: spo2, below: 93}]}
        forSeconds: 5
    clear: {when: {any: [{signal: heartRate, below: 100}, {signal: spo2, above: 94}]}, readings: 2}
""")


def test_two_conditions_together_need_both() -> None:
    assert told(TOGETHER, [seen(n, heart_rate=120, spo2=97) for n in range(20)]) == ""
    assert told(TOGETHER, [seen(n, heart_rate=80, spo2=91) for n in range(20)]) == ""
    assert told(TOGETHER, [seen(n, heart_rate=120, spo2=91) for n in range(20)]) == "+"


def test_a_combination_knows_a_vital_that_came_in_a_reading_before() -> None:
    alternating = [seen(n, heart_rate=120) if n % 2 else seen(n, heart_rate=None, spo2=91) for n in range(20)]
    assert told(TOGETHER, alternating) == "+"


def test_a_high_heart_rate_while_running_is_no_alert_and_at_rest_it_is_one() -> None:
    assert told(DEFAULT, every_second([165] * 300, steps=3)) == ""
    assert told(DEFAULT, every_second([165] * 300, steps=0)) == "+!"


def test_a_cyclist_takes_no_steps_and_says_what_he_does() -> None:
    assert told(DEFAULT, every_second([165] * 300, steps=0, activity="cycling")) == ""


def test_after_an_effort_the_heart_has_five_minutes_to_come_down() -> None:
    run = every_second([165] * 120, steps=3)
    coming_down = every_second([165 - n // 4 for n in range(240)], start=120, steps=0)
    staying_up = every_second([165] * 600, start=120, steps=0)

    assert told(DEFAULT, run + coming_down) == ""
    assert told(DEFAULT, run + staying_up).startswith("+")


def test_a_heart_rate_beyond_the_maximum_is_an_alert_in_any_activity() -> None:
    assert told(DEFAULT, every_second([245] * 40, activity="running")) == "+"


def test_an_athlete_asleep_at_38_is_no_alert_and_awake_at_38_somebody_else_is() -> None:
    assert told(DEFAULT, every_second([38] * 600, steps=0, activity="sleeping")) == ""
    assert told(DEFAULT, every_second([38] * 600, steps=0)).startswith("+")


# ---------------------------------------------------------------------------------------------------- faults of watches


def test_zeros_are_a_fault_of_the_watch_and_clear_when_the_signal_is_back() -> None:
    zeros = every_second([0] * 70)

    assert told(DEFAULT, zeros) == "t"
    assert told(DEFAULT, zeros + every_second([72] * 12, start=70)) == "t-"


def test_a_watch_that_is_not_worn_measures_nothing_whatever_it_sends() -> None:
    assert told(DEFAULT, every_second([190] * 300, on_wrist=False)) == "t"


def test_while_a_fault_lasts_the_vital_that_it_concerns_decides_nothing() -> None:
    inhibited = rules("""
  - id: no-signal
    title: No signal
    kind: technical
    inhibits: [heartRate]
    bands: [{severity: warning, when: {fault: no-signal, signal: heartRate}, forSeconds: 3}]
    clear: {when: {fault: no-signal, signal: heartRate, present: false}, forSeconds: 5, readings: 2}
  - id: high
    title: High
    bands: [{severity: critical, when: {signal: heartRate, above: 150}}]
    clear: {when: {signal: heartRate, below: 145}}
""")

    assert told(inhibited, every_second([0, 0, 0, 0, 180, 180, 180])) == "t"
    assert told(inhibited, every_second([0, 0, 0, 0] + [180] * 8)) == "t-+"


def test_impossible_values_and_jumps_are_a_fault_and_no_vital_sign() -> None:
    assert told(DEFAULT, every_second([70, 290, 70, 290, 70, 290])) == "t"
    assert told(DEFAULT, every_second([70, 180, 70, 180, 70, 180], steps=0)) == "t"


def test_a_value_that_the_watch_itself_does_not_trust_decides_nothing() -> None:
    assert told(DEFAULT, every_second([80] * 300, "spo2", quality=10)) == ""
    assert told(DEFAULT, every_second([80] * 300, "spo2", quality=90)).startswith("+")


def test_a_low_battery_is_said_once_and_is_over_when_it_charges() -> None:
    levels = [20, 16, 14, 13, 12, 14, 16, 19, 21, 22]

    assert told(DEFAULT, every_second(levels, "battery")) == "t-"


def test_a_clock_that_is_an_hour_slow_is_found_and_wakes_nobody() -> None:
    slow = [seen(n * 5 - 3600, received=n * 5, heart_rate=190) for n in range(40)]

    _, events = outcome(DEFAULT, slow)

    assert [event.rule_id for event in events if isinstance(event, TechnicalAlertRaisedV1)] == ["clock-skew"]
    assert not any(isinstance(event, AlertRaisedV1) for event in events)


def test_a_clock_that_is_set_right_clears_it() -> None:
    slow = [seen(n * 5 - 3600, received=n * 5) for n in range(40)]
    right = [seen(200 + n * 5) for n in range(5)]

    assert told(DEFAULT, slow + right) == "t-"


def test_what_a_gap_left_behind_is_no_wrong_clock() -> None:
    backlog = [seen(n * 60 - 21_600, received=n * 0.5) for n in range(360)]

    assert told(DEFAULT, backlog) == ""


# ------------------------------------------------------------------------------------------------------------ late data


def test_late_readings_hold_history_and_wake_nobody() -> None:
    backlog = [seen(n - 20_000, received=n, heart_rate=160) for n in range(10)]
    back = [seen(n - 20_000, received=n, heart_rate=100) for n in range(10, 14)]

    assert told(SIMPLE, backlog + back) == "rr"


def test_late_readings_that_come_again_are_no_second_history() -> None:
    backlog = [seen(n - 20_000, received=n, heart_rate=160) for n in range(10)]
    again = [reading._replace(received_at=reading.received_at + 5_000_000) for reading in backlog]

    assert told(SIMPLE, backlog + again) == "r"


def test_a_reading_in_time_that_comes_late_again_is_no_history() -> None:
    live = every_second([160, 160, 140, 140, 140])
    again = [reading._replace(received_at=reading.received_at + 5_000_000) for reading in live]

    assert told(SIMPLE, live + again) == "+-"


def test_the_limit_of_lateness_is_up_to_the_rule_set() -> None:
    patient = rules("""
lateAfterSeconds: 3600
rules:
  - id: high
    title: High
    bands: [{severity: critical, when: {signal: heartRate, above: 150}}]
    clear: {when: {signal: heartRate, below: 145}}
""")

    assert told(patient, [seen(0, received=1000, heart_rate=160)]) == "+"
    assert told(SIMPLE, [seen(0, received=1000, heart_rate=160)]) == "r"


# ----------------------------------------------------------------------------------------------------- order, amendment


def test_a_reading_that_comes_out_of_order_can_withdraw_an_alert() -> None:
    readings = every_second([160] * 6 + [100] + [160] * 5)
    out_of_order = readings[:6] + readings[7:] + [readings[6]]

    _, events = outcome(LASTING, out_of_order)

    assert [type(event) for event in events] == [AlertRaisedV1, AlertClearedV1]
    assert isinstance(events[1], AlertClearedV1)
    assert events[1].withdrawn is True


def test_an_episode_that_turns_out_not_to_be_over_is_a_new_alert() -> None:
    """Its people were told that it is over: the same alert again would find nobody."""
    readings = every_second([160, 140, 140, 140, 140])
    missing = seen(2.5, heart_rate=170)

    _, events = outcome(SIMPLE, [*readings[:4], missing])

    raised = [event for event in events if isinstance(event, AlertRaisedV1)]
    assert len(raised) == 2
    assert len({event.alert_id for event in raised}) == 2


# ------------------------------------------------------------------------------------------------------------- profiles


def test_a_profile_changes_what_a_rule_means_for_one_watch() -> None:
    frail = compiled(
        rule_files.built_in("simple"),
        Profile(device_id="watch-001", limits={"heart-rate-high": {"critical": 110}}),
    )

    assert told(frail, every_second([115])) == "+"
    assert told(SIMPLE, every_second([115])) == ""


def test_a_limit_of_ones_own_keeps_the_margin_of_the_rule() -> None:
    frail = compiled(
        rule_files.built_in("simple"),
        Profile(device_id="watch-001", limits={"heart-rate-high": {"critical": 110}}),
    )

    assert told(frail, every_second([115, 107, 107, 107])) == "+"
    assert told(frail, every_second([115, 105, 105, 105])) == "+-"


def test_spo2_that_is_low_for_most_is_ordinary_on_scale_2() -> None:
    lungs = compiled(rule_files.built_in("default"), Profile(device_id="watch-001", spo2_scale=2))
    readings = every_second([89] * 400, "spo2", steps=0)

    assert told(lungs, readings) == ""
    assert told(DEFAULT, readings) == "+"


def test_the_maximum_heart_rate_is_the_measured_one_or_else_estimated_from_age() -> None:
    defaults = rule_files.built_in("default").person

    assert Profile(device_id="w", age=40).person(defaults).maximum_heart_rate == 180
    assert Profile(device_id="w", age=40, maximum_heart_rate=191).person(defaults).maximum_heart_rate == 191
    assert Profile(device_id="w").person(defaults).maximum_heart_rate == 200


def test_a_state_remembers_a_bounded_stretch_however_long_a_watch_is_watched() -> None:
    state, _ = outcome(LASTING, [seen(n * 5, heart_rate=160) for n in range(2000)])

    assert len(state.recent) <= 250
    assert state.checkpoint_at is not None
    assert state.checkpoint_at > T0


def test_a_rule_that_is_renamed_while_a_watch_remembers_an_episode_of_it_silences_nothing() -> None:
    text = rule_files.built_in_text("simple")
    renamed = compiled(rule_files.rule_set(text.replace("id: spo2-low", "id: oxygen-low")))
    state, _ = outcome(SIMPLE, every_second([85, 95, 95, 95], "spo2"))

    made = evaluate(renamed, state, every_second([190], start=10))

    assert [event.rule_id for event in made.events] == ["heart-rate-high"]


def test_an_alert_whose_rule_is_gone_is_withdrawn_even_by_readings_that_are_not_new() -> None:
    text = rule_files.built_in_text("simple")
    renamed = compiled(rule_files.rule_set(text.replace("id: spo2-low", "id: oxygen-low")))
    readings = every_second([85], "spo2")
    state, _ = outcome(SIMPLE, readings)

    (cleared,) = evaluate(renamed, state, readings).events

    assert isinstance(cleared, AlertClearedV1)
    assert (cleared.rule_id, cleared.withdrawn) == ("spo2-low", True)
