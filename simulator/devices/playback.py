"""A recording, sent by a watch: at its own pace, faster, or as fast as the broker takes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from simulator.devices import payloads
from simulator.devices.recordings import Recording, Sample

#: Readings of one message when nobody waits for them: a minute at one a second.
BATCH_AT_MAX_SPEED = 60


def shifted(samples: Sequence[Sample], *, last_at_ms: int) -> list[Sample]:
    """The same samples, moved in time so that the last is at `last_at_ms`."""
    offset = last_at_ms - samples[-1].timestamp
    return [replace(sample, timestamp=sample.timestamp + offset) for sample in samples]


def messages(samples: Sequence[Sample], batch: int) -> Iterator[list[Sample]]:
    """The samples that a watch would send, `batch` to a message; those that hold no vital are left out."""
    telling = (s for s in samples if s.heart_rate is not None or s.spo2 is not None or s.steps is not None)
    while group := list(islice(telling, batch)):
        yield group


def play(
    recording: Recording,
    publish: Callable[[list[dict[str, Any]]], None],
    *,
    speed: float | None,
    samples: Sequence[Sample] | None = None,
    progress: Callable[[int], None] = lambda _count: None,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> int:
    """Send a recording; the number of readings sent. `speed` 1 is its own pace, None is as fast as possible."""
    chosen = recording.samples if samples is None else samples
    started, first = monotonic(), chosen[0].timestamp
    sent = 0
    for group in messages(chosen, BATCH_AT_MAX_SPEED if speed is None else 1):
        if speed is not None:
            ahead = (group[0].timestamp - first) / 1000 / speed - (monotonic() - started)
            if ahead > 0:
                sleep(ahead)
        publish([_reading(sample) for sample in group])
        sent += len(group)
        progress(sent)
    return sent


def _reading(sample: Sample) -> dict[str, Any]:
    return payloads.reading(
        sample.timestamp,
        heart_rate=sample.heart_rate,
        steps=sample.steps,
        spo2=sample.spo2,
        activity=sample.activity,
    )
