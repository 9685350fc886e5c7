"""Gathers what a file tells, in whatever order, and makes a recording of it."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from simulator.devices.recordings.activities import ON_FOOT, activity_of
from simulator.devices.recordings.model import BrokenError, Recording, RecordingError, Sample, one_line
from simulator.devices.recordings.numbers import (
    HIGHEST_HEART_RATE,
    HIGHEST_SPO2,
    MOST_STEPS,
    NotANumberError,
    number,
    percent,
    rounded,
)

#: A cadence says nothing of a longer gap before it.
LONGEST_STRIDE_GAP_SECONDS = 10.0

#: More samples than ten years of a reading every half minute; they are kept in memory, about 200 bytes each.
MOST_SAMPLES = 10_000_000


class Collector:
    """The samples, sports and flaws of one file so far."""

    def __init__(self) -> None:
        #: The format's name, as soon as it is known.
        self.form: str | None = None
        self._samples: dict[int, Sample] = {}
        #: Steps a minute at a moment; the flag says whether they are steps whatever the activity.
        self._cadences: dict[int, tuple[float, bool]] = {}
        self._intervals: list[tuple[int, int, str]] = []
        self._sport: str | None = None
        self._activities: set[str] = set()
        #: What could not be read, in the singular and in the plural → how often.
        self._flaws: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        return len(self._samples)

    def number(self, text: str) -> float | None:
        """The number that a file has at some place; text that is none is no reading, and counted."""
        try:
            return number(text)
        except NotANumberError:
            self.flaw("value that is no number", "values that are no numbers")
            return None

    def flaw(self, one: str, several: str) -> None:
        """Count something that could not be read, under its name in the singular and in the plural."""
        self._flaws[one, several] += 1

    def untimed(self) -> None:
        self.flaw("moment without a readable time", "moments without a readable time")

    def reading(
        self,
        timestamp: int | None,
        *,
        heart_rate: float | None = None,
        spo2: float | None = None,
        steps: float | None = None,
        strides_per_minute: float | None = None,
        steps_per_minute: float | None = None,
        activity: str | None = None,
    ) -> None:
        """What was measured at a moment, in the units of `Sample`.

        Of two values for one moment the first stays: files repeat points at the borders of laps. What is impossible is
        no reading, and counted. Errors: `BrokenError` where there are too many samples.
        """
        if timestamp is None:
            self.untimed()
            return
        beats = self._possible(heart_rate, HIGHEST_HEART_RATE)
        saturation = self._possible(None if spo2 is None else percent(spo2), HIGHEST_SPO2)
        counted = self._possible(steps, MOST_STEPS)
        per_minute = steps_per_minute if strides_per_minute is None else 2 * strides_per_minute
        if per_minute is not None and 0 <= per_minute <= MOST_STEPS:
            self._cadences.setdefault(timestamp, (per_minute, strides_per_minute is None))
        fresh = Sample(
            timestamp,
            None if beats is None else rounded(beats),
            saturation,
            None if counted is None else rounded(counted),
            activity,
        )
        known = self._samples.get(timestamp)
        if known is None and len(self._samples) >= MOST_SAMPLES:
            raise BrokenError(f"more than {MOST_SAMPLES:,} samples")
        self._samples[timestamp] = fresh if known is None else _merged(known, fresh)

    def has_heart_rate(self, timestamp: int) -> bool:
        known = self._samples.get(timestamp)
        return known is not None and known.heart_rate is not None

    def sport(self, sport: str | None) -> str | None:
        """Note a sport that the file names; its activity. Where a file has one only, it holds for every sample."""
        activity = activity_of(sport)
        if activity is not None:
            self._activities.add(activity)
            self._sport = self._sport or one_line(sport, 40).lower()
        return activity

    def during(self, start: int | None, end: int | None, activity: str | None) -> None:
        """Note what somebody was doing from one moment to another."""
        if start is not None and end is not None and activity is not None and start <= end:
            self._intervals.append((start, end, activity))

    def recording(self, name: str, broken: str | None) -> Recording:
        """What was gathered, once: the collector is empty afterwards.

        `name` is the file's, for the line about damage, `broken` says why it ended early. Errors: `RecordingError`.
        """
        flaws = [f"{count:,} {names[count > 1]}" for names, count in self._flaws.items()]
        if not self._samples:
            why = "; ".join([*([broken] if broken else []), *flaws])
            raise RecordingError(f"no readable samples{f' ({why})' if why else ''}")
        if broken:
            samples = "sample" if len(self) == 1 else "samples"
            flaws.insert(0, f"only {len(self):,} {samples} could be read ({broken})")
        damage = f"{name}: damaged, {', '.join(flaws)}" if flaws else None
        return Recording(tuple(self._finished()), self._sport, damage, self.form)

    def _possible(self, value: float | None, highest: float) -> float | None:
        if value is None or 0 <= value <= highest:
            return value
        self.flaw("impossible value", "impossible values")
        return None

    def _finished(self) -> Iterator[Sample]:
        """The samples in time order, with activities, and with the steps that cadences stand for.

        Fractions of a step are carried on.
        """
        timestamps = sorted(self._samples)
        everywhere = next(iter(self._activities)) if len(self._activities) == 1 else None
        previous: int | None = None
        fraction = 0.0
        for timestamp, during in zip(timestamps, _covering(self._intervals, timestamps), strict=True):
            sample = self._samples.pop(timestamp)
            activity = sample.activity or during or everywhere
            steps = sample.steps
            per_minute, certain = self._cadences.get(timestamp, (0.0, False))
            if (
                steps is None
                and previous is not None
                and timestamp in self._cadences
                and (certain or activity in ON_FOOT)
            ):
                seconds = min((timestamp - previous) / 1000, LONGEST_STRIDE_GAP_SECONDS)
                fraction += per_minute / 60 * seconds
                steps = math.floor(fraction)
                fraction -= steps
            previous = timestamp
            if steps != sample.steps or activity != sample.activity:
                sample = replace(sample, steps=steps, activity=activity)
            yield sample


def _merged(known: Sample, fresh: Sample) -> Sample:
    """One moment's sample, with what a later mention of it adds."""
    return Sample(
        known.timestamp,
        fresh.heart_rate if known.heart_rate is None else known.heart_rate,
        fresh.spo2 if known.spo2 is None else known.spo2,
        fresh.steps if known.steps is None else known.steps,
        known.activity or fresh.activity,
    )


def _covering(intervals: list[tuple[int, int, str]], timestamps: Sequence[int]) -> Iterator[str | None]:
    """For each of the ascending timestamps, the activity of the interval around it that began last."""
    waiting = sorted(intervals, reverse=True)
    begun: list[tuple[int, int, str]] = []
    for timestamp in timestamps:
        while waiting and waiting[-1][0] <= timestamp:
            start, end, activity = waiting.pop()
            heapq.heappush(begun, (-start, end, activity))
        while begun and begun[0][1] < timestamp:
            heapq.heappop(begun)
        yield begun[0][2] if begun else None
