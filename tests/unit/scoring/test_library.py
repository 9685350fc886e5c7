"""The labelled scenarios say what they mean, and say it again."""

from __future__ import annotations

import pytest

from simulator.devices.library import CONDITIONS, Story, stories
from simulator.devices.library.conditions import HIGH_AT_REST
from simulator.devices.library.story import Tape


def library() -> tuple[Story, ...]:
    return stories()


def test_there_are_at_least_two_dozen_scenarios_each_of_its_own_name() -> None:
    assert len(library()) >= 24
    assert len({story.name for story in library()}) == len(library())


def test_every_condition_happens_in_some_scenario() -> None:
    happened = {truth.condition.name for story in library() for truth in story.truths}

    assert happened == {condition.name for condition in CONDITIONS}


def test_the_same_seed_gives_the_same_readings_and_another_seed_others() -> None:
    assert stories(2)[0] == stories(2)[0]
    assert stories(2)[0].readings != library()[0].readings


@pytest.mark.parametrize("story", library(), ids=lambda story: story.name)
def test_readings_are_in_order_of_receipt_and_none_is_received_before_it_was_taken(story: Story) -> None:
    received = [sent.received_at for sent in story.readings]

    assert received == sorted(received)
    assert all(sent.received_at >= sent.at for sent in story.readings)
    assert all(story.begins_at <= truth.onset <= truth.end <= story.ends_at for truth in story.truths)


def test_scenarios_about_the_watch_alone_are_innocent() -> None:
    innocent = {story.name for story in library() if story.innocent}

    assert {"sensor-off", "taken-off", "clock-an-hour-slow", "hard-run", "sleeping-athlete", "fever"} <= innocent
    assert {"tachycardia-critical", "desaturation-warning", "low-asleep"}.isdisjoint(innocent)


def test_a_condition_begins_when_the_body_passes_the_limit() -> None:
    tape = Tape(1, resting=60)
    tape.live(60)
    with tape.truth(HIGH_AT_REST, "critical", above=140):
        tape.live(60, 200, within=0.01)
        tape.live(60, 100, within=0.01)

    (truth,) = tape.truths
    assert (truth.onset - tape.readings[0].at) / 1000 == 60
    assert (truth.end - truth.onset) / 1000 == 55


def test_a_condition_that_never_comes_is_no_truth() -> None:
    tape = Tape(1, resting=60)
    with pytest.raises(ValueError, match="never passed"), tape.truth(HIGH_AT_REST, "critical", above=140):
        tape.live(60)


def test_what_a_gap_left_behind_is_sent_in_full_messages_after_it() -> None:
    tape = Tape(1, every=1.0)
    with tape.offline():
        tape.live(150)

    received = [sent.received_at - tape.now for sent in tape.readings]
    assert [received.count(lag) for lag in (500, 1500, 2500)] == [60, 60, 30]


def test_a_watch_that_sends_a_minute_at_a_time_sends_it_at_the_end_of_the_minute() -> None:
    tape = Tape(1)
    tape.live(120)
    tape.in_messages(60)

    lags = [(sent.received_at - sent.at) / 1000 for sent in tape.readings]
    assert max(lags) == 55.5
    assert min(lags) == 0.5
