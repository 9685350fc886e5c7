"""One labelled scenario, and the tape on which it is written, reading by reading."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from smartwatch_contracts.profiles import Profile

from simulator.devices.library.conditions import Condition
from simulator.devices.physiology import Person

Severity = Literal["warning", "critical", "technical"]

#: When every scenario begins, in milliseconds since 1970.
BEGINS_AT = 1_700_000_000_000
#: From wrist to broker over a phone in the pocket, in milliseconds.
LAG_MS = 500
#: Blood gives up its oxygen, and takes it back, within about half a minute where no other pace is given.
SPO2_SECONDS = 25.0
#: What a watch that comes back from a gap puts in one message, and the time between two such messages.
BACKFILL_READINGS = 60
BACKFILL_MS = 1_000


@dataclass(frozen=True)
class Sent:
    """One reading, when it was taken by the watch's clock and when the broker had it. Milliseconds since 1970."""

    at: int
    received_at: int
    heart_rate: int | None = None
    spo2: float | None = None
    steps: int | None = None
    on_wrist: bool | None = None
    battery: float | None = None
    quality: float | None = None
    activity: str | None = None


@dataclass(frozen=True)
class Truth:
    """What was really the matter, from when the body passed the scenario's own limit until it came back, in true time.

    The body, not the sensor: a reading may be beyond the limit sooner, and not be so for a while after.
    """

    condition: Condition
    severity: Severity
    onset: int
    end: int


@dataclass(frozen=True)
class Story:
    """A stream of readings in order of receipt, and the truth about it.

    `every_ms` is how often the platform hears of the person: a reading, or a message of several. `begins_at` and
    `ends_at` are the time that the person was looked after.
    """

    name: str
    description: str
    readings: tuple[Sent, ...]
    truths: tuple[Truth, ...]
    profile: Profile | None
    every_ms: int
    begins_at: int
    ends_at: int

    @property
    def innocent(self) -> bool:
        """Whether nothing is the matter with the person: nobody may be woken, whatever the watch does."""
        return all(truth.condition.technical for truth in self.truths)


@dataclass
class Tape:
    """Somebody's readings, written as they live. The same seed and the same calls give the same tape."""

    seed: int
    every: float = 5.0
    resting: float | None = None
    #: Fields of every reading from here on, unless a call says otherwise.
    activity: str | None = None
    on_wrist: bool | None = None
    battery: float | None = None
    quality: float | None = None
    #: What the watch's clock is ahead of the true time.
    clock_ms: int = 0
    #: Without a sensor for it, a vital is absent.
    has_spo2: bool = True
    counts_steps: bool = True
    lag_ms: int = LAG_MS
    now: int = BEGINS_AT
    readings: list[Sent] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    delivery_ms: int = 0
    #: SpO2 of a person who is well, in per cent.
    well: float | None = None
    #: What heart and blood really did at each reading: true time, bpm, per cent.
    _body: list[tuple[int, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.person = Person(self.seed)
        self.random = random.Random(self.seed * 7919)  # noqa: S311 (a simulation, not a secret)
        if self.resting is not None:
            self.person.resting_heart_rate = self.resting
        usual = float(self.person.tend_to(self.rest, 0, 600).spo2)
        self.well = usual if self.well is None else self.well
        self._oxygen = self.well

    @property
    def rest(self) -> float:
        """The person's heart rate at rest, in bpm."""
        return self.person.resting_heart_rate

    def live(
        self,
        seconds: float,
        heart_rate: float | None = None,
        steps: float = 0,
        *,
        within: float | None = None,
        spo2: float | None = None,
        spo2_within: float = SPO2_SECONDS,
        shown_heart_rate: int | None = None,
        shown_spo2: float | None = None,
        activity: str | None = None,
        quality: float | None = None,
    ) -> None:
        """Go on for so many seconds: heart rate tends to a value, `steps` a minute are made, SpO2 tends to a value.

        `within` and `spo2_within` are time constants in seconds. `shown_...` is what the sensor claims instead.
        """
        for _ in range(round(seconds / self.every)):
            self.now += round(self.every * 1000)
            vitals = self.person.tend_to(
                self.rest if heart_rate is None else heart_rate, steps, self.every, time_constant=within
            )
            target = (self.well or 0.0) if spo2 is None else spo2
            self._oxygen += (target - self._oxygen) * (1 - math.exp(-self.every / spo2_within))
            oxygen = min(100, round(self._oxygen + self.random.gauss(0, 0.4)))
            at = self.now + self.clock_ms
            self._body.append((self.now, self.person.heart_rate, self._oxygen))
            self.readings.append(
                Sent(
                    at=at,
                    received_at=self.now + self.lag_ms,
                    heart_rate=vitals.heart_rate if shown_heart_rate is None else shown_heart_rate,
                    spo2=(oxygen if shown_spo2 is None else shown_spo2) if self.has_spo2 else None,
                    steps=vitals.steps if self.counts_steps else None,
                    on_wrist=self.on_wrist,
                    battery=None if self.battery is None else round(self.battery, 1),
                    quality=self.quality if quality is None else quality,
                    activity=self.activity if activity is None else activity,
                )
            )

    @contextmanager
    def truth(
        self, condition: Condition, severity: Severity, *, above: float | None = None, below: float | None = None
    ) -> Iterator[None]:
        """What happens inside is this condition, from the first to the last value beyond the limit (or all of it)."""
        first = len(self._body)
        yield
        inside = self._body[first:]
        if condition.signal and (above is not None or below is not None):
            which = 1 if condition.signal == "heart_rate" else 2
            inside = [
                body for body in inside if (body[which] > above if above is not None else body[which] < (below or 0.0))
            ]
        if not inside:
            raise ValueError(f"{condition.name}: the body never passed the scenario's limit")
        self.truths.append(Truth(condition, severity, inside[0][0], inside[-1][0]))

    @contextmanager
    def offline(self) -> Iterator[None]:
        """What happens inside is sent when it is over, in full messages one after the other."""
        first = len(self.readings)
        yield
        for index in range(first, len(self.readings)):
            message = (index - first) // BACKFILL_READINGS
            self.readings[index] = replace(
                self.readings[index], received_at=self.now + self.lag_ms + message * BACKFILL_MS
            )

    def in_messages(self, seconds: int) -> None:
        """The watch sends so many seconds of readings at a time."""
        self.delivery_ms = seconds * 1000
        for index, sent in enumerate(self.readings):
            true_at = sent.at - self.clock_ms
            last = -(-(true_at - BEGINS_AT) // self.delivery_ms) * self.delivery_ms + BEGINS_AT
            self.readings[index] = replace(sent, received_at=last + self.lag_ms)

    def story(self, name: str, description: str, profile: Profile | None = None) -> Story:
        """The tape as a labelled scenario."""
        return Story(
            name=name,
            description=description,
            readings=tuple(sorted(self.readings, key=lambda sent: (sent.received_at, sent.at))),
            truths=tuple(self.truths),
            profile=profile,
            every_ms=max(round(self.every * 1000), self.delivery_ms) + self.lag_ms,
            begins_at=BEGINS_AT,
            ends_at=self.now,
        )
