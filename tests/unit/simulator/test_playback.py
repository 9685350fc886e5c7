"""A recording is sent at its own pace, faster, or as fast as possible; no test waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.devices import playback
from simulator.devices.recordings import Recording, Sample
from tests.support.builders import T0


def a_recording(seconds: list[float], *, heart_rate: int | None = 72) -> Recording:
    """Samples so many seconds after T0."""
    samples = tuple(
        Sample(timestamp=T0 + round(s * 1000), heart_rate=heart_rate, spo2=None, steps=None) for s in seconds
    )
    return Recording(samples=samples, sport=None, damage=None)


class Clock:
    """Time that passes only while somebody sleeps, or when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


class Broker:
    """Notes what was published, and when; taking it may cost time."""

    def __init__(self, clock: Clock, takes: float = 0.0) -> None:
        self.messages: list[list[dict[str, Any]]] = []
        self.times: list[float] = []
        self._clock = clock
        self._takes = takes

    def publish(self, readings: list[dict[str, Any]]) -> None:
        self.messages.append(readings)
        self.times.append(round(self._clock.now - 100.0, 6))
        self._clock.now += self._takes


def played(recording: Recording, *, speed: float | None, takes: float = 0.0, **more: Any) -> tuple[Broker, int]:
    clock = Clock()
    broker = Broker(clock, takes)
    sent = playback.play(recording, broker.publish, speed=speed, sleep=clock.sleep, monotonic=clock.monotonic, **more)
    return broker, sent


def test_at_its_own_pace_each_reading_is_sent_when_it_was_taken() -> None:
    broker, sent = played(a_recording([0, 1, 2, 62.5]), speed=1)

    assert broker.times == [0, 1, 2, 62.5]
    assert [len(message) for message in broker.messages] == [1, 1, 1, 1]
    assert sent == 4


def test_at_ten_times_its_pace_the_gaps_are_a_tenth() -> None:
    broker, _ = played(a_recording([0, 1, 2, 62.5]), speed=10)

    assert broker.times == [0, 0.1, 0.2, 6.25]


def test_at_half_its_pace_the_gaps_are_double() -> None:
    broker, _ = played(a_recording([0, 1, 2]), speed=0.5)

    assert broker.times == [0, 2, 4]


def test_a_broker_that_was_slow_is_caught_up_with() -> None:
    broker, _ = played(a_recording([0, 1, 2, 10]), speed=1, takes=1.5)

    assert broker.times == [0, 1.5, 3, 10]


def test_as_fast_as_possible_nobody_sleeps_and_sixty_readings_share_a_message() -> None:
    broker, sent = played(a_recording([float(s) for s in range(130)]), speed=None)

    assert broker.times == [0, 0, 0]
    assert [len(message) for message in broker.messages] == [60, 60, 10]
    assert [message[0]["timestamp"] for message in broker.messages] == [1_700_000_000, 1_700_000_060, 1_700_000_120]
    assert sent == 130


def test_samples_without_a_vital_are_left_out() -> None:
    silent = a_recording([1], heart_rate=None).samples
    told = a_recording([0, 2]).samples

    broker, sent = played(Recording(samples=(told[0], *silent, told[1]), sport=None, damage=None), speed=1)

    assert broker.messages == [
        [{"timestamp": 1_700_000_000, "heartRate": 72}],
        [{"timestamp": 1_700_000_002, "heartRate": 72}],
    ]
    assert sent == 2


def test_progress_counts_what_was_sent() -> None:
    counts: list[int] = []

    played(a_recording([float(s) for s in range(61)]), speed=None, progress=counts.append)

    assert counts == [60, 61]


def test_shifting_moves_the_last_sample_to_the_given_time_and_keeps_the_gaps() -> None:
    now = 1_800_000_000_123

    moved = playback.shifted(a_recording([0, 1, 61.5]).samples, last_at_ms=now)

    assert [sample.timestamp - now for sample in moved] == [-61_500, -60_500, 0]
    assert {sample.heart_rate for sample in moved} == {72}


@pytest.mark.parametrize("speed", [1, None])
def test_shifted_samples_are_sent_at_the_pace_of_the_recording(speed: float | None) -> None:
    recording = a_recording([0, 1, 2])
    moved = playback.shifted(recording.samples, last_at_ms=1_800_000_002_000)

    broker, _ = played(recording, speed=speed, samples=moved)

    assert [reading["timestamp"] for message in broker.messages for reading in message] == [
        1_800_000_000,
        1_800_000_001,
        1_800_000_002,
    ]
    assert broker.times == ([0, 1, 2] if speed else [0])
