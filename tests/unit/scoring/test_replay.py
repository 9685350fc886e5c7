"""A replay takes readings as they arrive, and is judged against the truth."""

from __future__ import annotations

import pytest
from evaluate import rule_files
from evaluate.observations import Observation
from smartwatch_contracts.rules import RuleSet

from simulator.devices.library import Story, Truth, stories
from simulator.devices.library.conditions import DESATURATION, DEVICE_SILENT, HIGH_AT_REST
from simulator.scoring.judgement import Judgement, judged
from simulator.scoring.naive import Messages, messages
from simulator.scoring.replay import replay
from simulator.scoring.streams import Stream, from_stored, from_story
from tests.support.builders import T0

RULES = rule_files.rule_set("""
name: two-bands
version: "1"
silence: {afterSeconds: 60}
rules:
  - id: high
    title: High
    bands:
      - {severity: warning, when: {signal: heartRate, above: 120}, forSeconds: 20}
      - {severity: critical, when: {signal: heartRate, above: 150}, forSeconds: 20}
    clear: {when: {signal: heartRate, below: 110}, readings: 2}
""")
LIBRARY = {story.name: story for story in stories()}


def stream(values: list[int], *truths: Truth, innocent: bool = False) -> Stream:
    """One reading every ten seconds, received as it is taken."""
    observations = tuple(Observation(T0 + i * 10_000, T0 + i * 10_000, value) for i, value in enumerate(values))
    return Stream(
        "watch", observations, 10_000, T0, observations[-1].at, truths=None if innocent else truths, innocent=innocent
    )


def truth(severity: str, since: int, until: int, condition: object = HIGH_AT_REST) -> Truth:
    return Truth(condition, severity, T0 + since * 1000, T0 + until * 1000)  # type: ignore[arg-type]


def judge(values: list[int], *truths: Truth, rules: RuleSet = RULES) -> Judgement:
    made = stream(values, *truths)
    return judged(rules, made, replay(rules, made))


def test_the_delay_runs_from_the_onset_to_the_alert() -> None:
    judgement = judge([80, 130, 130, 130, 130, 130], truth("warning", 10, 50))

    (detection,) = judgement.findings[0].detections
    assert (detection.rule_id, detection.delay, detection.stated, detection.longest) == ("high", 20, 20, 20)
    assert detection.within
    assert judgement.false == ()


def test_a_critical_condition_is_found_when_the_alert_has_become_critical() -> None:
    judgement = judge([80, 130, 130, 130, 170, 170, 170, 170], truth("critical", 40, 70))

    assert [d.delay for d in judgement.findings[0].detections] == [20]
    assert [alarm.opened_as for alarm in judgement.replay.alarms] == ["warning"]


def test_a_warning_is_no_detection_of_a_critical_condition() -> None:
    judgement = judge([80, 130, 130, 130, 130, 130], truth("critical", 10, 50))

    assert [missed.severity for missed in judgement.missed] == ["critical"]
    assert judgement.false == ()


def test_a_critical_alert_about_what_is_a_warning_is_too_severe() -> None:
    judgement = judge([80, 170, 170, 170, 170], truth("warning", 10, 40))

    assert [alarm.rule_id for alarm in judgement.too_severe] == ["high"]


def test_an_alert_about_another_vital_is_false_and_finds_nothing() -> None:
    judgement = judge([80, 130, 130, 130, 130], truth("warning", 10, 40, DESATURATION))

    assert [alarm.rule_id for alarm in judgement.false] == ["high"]
    assert len(judgement.missed) == 1


def test_an_alert_after_the_condition_has_passed_is_false() -> None:
    judgement = judge([80] * 10 + [130] * 5, truth("warning", 0, 20))

    assert [alarm.rule_id for alarm in judgement.false] == ["high"]


def test_silence_is_judged_by_the_limits_of_the_rule_set() -> None:
    base = stream([80, 80], truth("technical", 10, 200, DEVICE_SILENT))
    made = Stream(base.name, base.observations, 10_000, T0, T0 + 200_000, truths=base.truths)

    judgement = judged(RULES, made, replay(RULES, made))

    assert [d.delay for d in judgement.findings[0].detections] == [60]
    assert [(a.rule_id, a.technical) for a in judgement.replay.alarms] == [("device-silent", True)]


def test_an_alarm_says_when_it_was_heard_and_not_when_it_happened() -> None:
    """Three readings that arrive together a minute later open an alert a minute later."""
    observations = tuple(Observation(T0 + i * 10_000, T0 + 60_000, 130) for i in range(4))
    made = Stream("watch", observations, 60_000, T0, T0 + 60_000)

    (alarm,) = replay(RULES, made).alarms

    assert (alarm.started_at, alarm.raised_at) == (T0, T0 + 60_000)


@pytest.mark.parametrize(
    "name", ["tachycardia-sudden", "slow-recovery", "backfill", "taken-off", "weights", "jumping-heart-rate"]
)
@pytest.mark.parametrize("rules", ["default", "simple"])
def test_readings_that_are_quiet_may_be_passed_over(name: str, rules: str) -> None:
    rule_set, made = rule_files.built_in(rules), from_story(LIBRARY[name])

    assert replay(rule_set, made).alarms == replay(rule_set, made, every_reading=True).alarms


def test_messages_without_episodes_are_counted_for_each_reading_and_for_each_crossing() -> None:
    made = stream([80, 130, 130, 0, 130, 90, 130])

    assert messages(replay(RULES, made).rules, made) == Messages(per_reading=4, per_crossing=2)


def test_stored_readings_keep_their_receipt_and_are_live_without_one() -> None:
    made = from_stored(
        "watch-001",
        [{"timestamp": T0, "heartRate": 70, "receivedAt": T0 + 9_000}, {"timestamp": T0 + 1_000, "spo2": 97.0}],
    )

    assert [(seen.at - T0, seen.received_at - T0) for seen in made.observations] == [(1_000, 2_000), (0, 9_000)]


def test_a_person_whose_profile_differs_is_judged_by_it() -> None:
    story: Story = LIBRARY["chronic-lung-disease"]
    known = from_story(story)
    unknown = Stream(known.name, known.observations, known.every_ms, known.begins_at, known.ends_at)
    rules = rule_files.built_in("default")

    assert replay(rules, known).alarms == ()
    assert {alarm.rule_id for alarm in replay(rules, unknown).alarms} == {"spo2-low"}
