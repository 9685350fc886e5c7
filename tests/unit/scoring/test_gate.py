"""The default rule set is held to the labelled scenarios and the real recordings: alarms mean something."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from statistics import median

import pytest
from evaluate import rule_files
from evaluate.compiled import compiled
from smartwatch_contracts.profiles import Profile

from simulator.devices import recordings
from simulator.devices.library import stories
from simulator.scoring.judgement import Judgement
from simulator.scoring.replay import Replay, replay
from simulator.scoring.score import Score, score
from simulator.scoring.streams import from_recording, from_story
from tests.support.project import SHARED

RECORDINGS = SHARED / "recordings"


@cache
def scored(name: str) -> Score:
    return score(rule_files.built_in(name), [from_story(story) for story in stories()])


def default() -> Score:
    return scored("default")


def of(name: str) -> Judgement:
    return next(judgement for judgement in default().judgements if judgement.stream.name == name)


def physiological(played: Replay) -> list[str]:
    return [alarm.rule_id for alarm in played.alarms if not alarm.technical]


def test_no_condition_is_missed_and_above_all_no_critical_one() -> None:
    assert default().missed_critical == 0
    assert [j.stream.name for j in default().judgements if j.missed] == []


def test_nobody_is_woken_about_the_innocent() -> None:
    assert default().innocents_alarmed == []
    assert default().innocent_alerts_per_person_day == 0


def test_no_alert_is_about_nothing_and_none_is_more_severe_than_the_truth() -> None:
    assert [(j.stream.name, alarm.rule_id) for j in default().judgements for alarm in j.false] == []
    assert [(j.stream.name, alarm.rule_id) for j in default().judgements for alarm in j.too_severe] == []


@pytest.mark.parametrize("rule_id", [rule.id for rule in rule_files.built_in("default").rules])
def test_the_median_delay_of_each_rule_is_what_it_states_and_at_most_one_reading_more(rule_id: str) -> None:
    found = [d for j in default().judgements for f in j.findings for d in f.detections if d.rule_id == rule_id]

    assert found
    assert median(detection.delay - detection.longest - detection.reading for detection in found) <= 0


def test_other_people_fare_as_well() -> None:
    other = score(rule_files.built_in("default"), [from_story(story) for story in stories(2)])

    assert [j.stream.name for j in other.judgements if j.missed or j.false] == []
    assert other.innocents_alarmed == []


def test_a_value_that_flaps_around_the_limit_is_at_most_one_episode() -> None:
    assert physiological(of("tachycardia-at-the-limit").replay) == ["heart-rate-high-at-rest"]
    assert physiological(of("flapping-at-the-limit").replay) == []


def test_an_episode_that_came_late_is_history_and_wakes_nobody() -> None:
    played = of("backfill").replay

    assert physiological(played) == []
    assert "heart-rate-high-at-rest" in {found.rule_id for found in played.retrospective}


def test_of_a_watch_with_a_wrong_clock_only_the_clock_is_told() -> None:
    assert [alarm.rule_id for alarm in of("clock-an-hour-slow").replay.alarms] == ["clock-skew"]


def test_one_condition_is_one_alert_of_each_rule() -> None:
    for judgement in default().judgements:
        raised = physiological(judgement.replay)
        assert len(raised) == len(set(raised)), judgement.stream.name


def test_the_plain_rules_wake_people_for_nothing_and_messages_without_episodes_are_worse_still() -> None:
    plain = scored("simple")

    assert len(plain.innocents_alarmed) >= 9
    assert plain.naive.per_crossing > 5 * plain.alarms()
    assert plain.naive.per_reading > 50 * plain.alarms()


@pytest.mark.parametrize("resting", [40, 44, 52, 65, 80])
@pytest.mark.parametrize("age", [18, 45, 90])
@pytest.mark.parametrize("scale", [1, 2])
def test_the_default_rules_fit_every_person(resting: int, age: int, scale: int) -> None:
    profile = Profile(device_id="watch-001", resting_heart_rate=resting, age=age, spo2_scale=scale)  # type: ignore[arg-type]

    assert compiled(rule_files.built_in("default"), profile).rules


def readable() -> list[Path]:
    found = []
    for path in sorted(RECORDINGS.rglob("*")) if RECORDINGS.is_dir() else []:
        try:
            recordings.read(path)
        except (recordings.RecordingError, OSError):
            continue
        found.append(path)
    return found


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the real recordings are not beside this checkout")
def test_a_real_recording_raises_nothing() -> None:
    paths = readable()
    played = {path.name: replay(rule_files.built_in("default"), from_recording(path)) for path in paths}

    assert len(paths) >= 4
    assert {name: physiological(made) for name, made in played.items() if physiological(made)} == {}
