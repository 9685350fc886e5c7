"""Readings as they would reach the rules: from a labelled scenario, from a recording, from a stack's table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median
from typing import Any

from evaluate.observations import Observation
from smartwatch_contracts.profiles import Profile

from simulator.devices import recordings
from simulator.devices.library import Story, Truth

#: A recording plays live: each reading is received so long after it was taken, whenever that was. Milliseconds.
LIVE_LAG_MS = 1_000


@dataclass(frozen=True)
class Stream:
    """The readings of one person in order of receipt, and what is known of the truth.

    `every_ms` is how long the platform waits for the next reading, the way to it included. `truths` is None where
    nobody knows the truth; `innocent` where it is known that nobody needs help.
    """

    name: str
    observations: tuple[Observation, ...]
    every_ms: int
    begins_at: int
    ends_at: int
    profile: Profile | None = None
    truths: tuple[Truth, ...] | None = None
    innocent: bool = False
    recorded: bool = False

    @property
    def days(self) -> float:
        """How many person-days the stream covers."""
        return (self.ends_at - self.begins_at) / 86_400_000

    def batches(self) -> Iterator[list[Observation]]:
        """The readings as they arrive: together what was received together."""
        for _, group in groupby(self.observations, key=lambda seen: seen.received_at):
            yield list(group)


def from_story(story: Story) -> Stream:
    """A labelled scenario."""
    return Stream(
        name=story.name,
        observations=tuple(
            Observation(
                s.at,
                s.received_at,
                s.heart_rate,
                s.spo2,
                s.steps,
                s.on_wrist,
                s.battery,
                s.quality,
                s.activity,
            )
            for s in story.readings
        ),
        every_ms=story.every_ms,
        begins_at=story.begins_at,
        ends_at=story.ends_at,
        profile=story.profile,
        truths=story.truths,
        innocent=story.innocent,
    )


def from_recording(path: Path) -> Stream:
    """A real recording, as if it were live: received a second after each sample. Errors: `RecordingError`.

    People who exercise, and a patient who is watched already, need no help from here: a recording is innocent.
    """
    recording = recordings.read(path)
    observations = tuple(
        Observation(
            sample.timestamp,
            sample.timestamp + LIVE_LAG_MS,
            sample.heart_rate,
            sample.spo2,
            sample.steps,
            activity=sample.activity,
        )
        for sample in recording.samples
        if sample.heart_rate is not None or sample.spo2 is not None or sample.steps is not None
    )
    return _measured(path.name, observations, innocent=True)


def from_stored(device_id: str, readings: Iterable[Mapping[str, Any]], profile: Profile | None = None) -> Stream:
    """Stored readings of one watch, under their contract names; `receivedAt` where it is known."""
    observations = sorted(
        (
            Observation(
                at=int(r["timestamp"]),
                received_at=int(r.get("receivedAt", int(r["timestamp"]) + LIVE_LAG_MS)),
                heart_rate=r.get("heartRate"),
                spo2=r.get("spo2"),
                steps=r.get("steps"),
                on_wrist=r.get("onWrist"),
                battery=r.get("battery"),
                quality=r.get("quality"),
                activity=r.get("activity"),
            )
            for r in readings
        ),
        key=lambda seen: (seen.received_at, seen.at),
    )
    return _measured(device_id, tuple(observations), profile=profile)


def recordings_in(folder: Path) -> tuple[list[Stream], list[str]]:
    """Every recording under a folder (or one file) that can be read, and why others can't, a line each."""
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else [folder]
    found: list[Stream] = []
    unread: list[str] = []
    for path in files:
        try:
            found.append(from_recording(path))
        except recordings.RecordingError as error:
            unread.append(str(error))
    return found, unread


def _measured(
    name: str, observations: tuple[Observation, ...], *, profile: Profile | None = None, innocent: bool = False
) -> Stream:
    times = sorted(seen.at for seen in observations)
    gaps = [later - sooner for sooner, later in pairwise(times) if later > sooner]
    return Stream(
        name=name,
        observations=observations,
        every_ms=round(median(gaps)) + LIVE_LAG_MS if gaps else LIVE_LAG_MS,
        begins_at=times[0] if times else 0,
        ends_at=times[-1] if times else 0,
        profile=profile,
        innocent=innocent,
        recorded=True,
    )


def total_days(streams: Sequence[Stream]) -> float:
    return sum(stream.days for stream in streams)
