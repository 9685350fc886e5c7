"""A person that one would believe: heart rate follows effort with inertia, steps come with it, SpO2 barely moves.

Heart rate tends to the activity's own level exponentially, faster up than down: with time constants of about half a
minute at the onset of exercise and about a minute and more in recovery (first-order heart rate kinetics; Bunc et al.,
Eur J Appl Physiol 57, 1988: 20-40 s on, slower off). Cadences are those of adults: about 100-120 steps a minute
walking, 150-180 running (Tudor-Locke et al., Br J Sports Med 52, 2018).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum

ONSET_SECONDS = 30.0
RECOVERY_SECONDS = 70.0

#: Breaths a second at rest, and how far they sway the heart rate, in bpm (respiratory sinus arrhythmia).
BREATHS_PER_SECOND = 0.25
BREATH_SWAY_BPM = 2.0


class Activity(StrEnum):
    REST = "rest"
    WALK = "walk"
    RUN = "run"
    SLEEP = "sleep"


@dataclass(frozen=True)
class Effort:
    """What an activity does to a person: bpm above the resting heart rate, and steps a minute."""

    heart_rate_rise: float
    steps_per_minute: float


EFFORTS = {
    Activity.SLEEP: Effort(-8, 0),
    Activity.REST: Effort(4, 0),
    Activity.WALK: Effort(32, 108),
    Activity.RUN: Effort(75, 165),
}


@dataclass(frozen=True)
class Vitals:
    """One look at the body: bpm, % and the steps since the last look."""

    heart_rate: int
    spo2: int
    steps: int


class Person:
    """One person, the same for the same seed and the same calls."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (a simulation, not a secret)
        self.resting_heart_rate = self._random.uniform(56, 70)
        self._base_spo2 = self._random.uniform(96.5, 98.5)
        self._heart_rate = self.resting_heart_rate + EFFORTS[Activity.REST].heart_rate_rise
        self._phase = self._random.uniform(0, 2 * math.pi)
        self._fraction_of_step = 0.0
        self._seconds_to_change = 0.0
        self.activity = Activity.REST

    @property
    def heart_rate(self) -> float:
        """What the heart does, in bpm, before breath and sensor have moved it."""
        return self._heart_rate

    def live(self, seconds: float) -> Vitals:
        """Go about an ordinary day for `seconds`: mostly rest, some walking, never anything alarming."""
        self._seconds_to_change -= seconds
        if self._seconds_to_change <= 0:
            self.activity = self._random.choices([Activity.REST, Activity.WALK], [0.6, 0.4])[0]
            self._seconds_to_change = self._random.uniform(40, 240)
        return self.do(self.activity, seconds)

    def do(self, activity: Activity, seconds: float) -> Vitals:
        """Do one thing for `seconds`."""
        self.activity = activity
        effort = EFFORTS[activity]
        return self.tend_to(self.resting_heart_rate + effort.heart_rate_rise, effort.steps_per_minute, seconds)

    def tend_to(
        self, heart_rate: float, steps_per_minute: float, seconds: float, *, time_constant: float | None = None
    ) -> Vitals:
        """Approach a heart rate for `seconds`, walking or running meanwhile."""
        if time_constant is None:
            time_constant = ONSET_SECONDS if heart_rate > self._heart_rate else RECOVERY_SECONDS
        self._heart_rate += (heart_rate - self._heart_rate) * (1 - math.exp(-seconds / time_constant))
        self._phase = (self._phase + 2 * math.pi * BREATHS_PER_SECOND * seconds) % (2 * math.pi)
        sway = BREATH_SWAY_BPM * math.sin(self._phase)
        self._fraction_of_step += steps_per_minute / 60 * seconds * self._random.uniform(0.92, 1.08)
        steps = int(self._fraction_of_step)
        self._fraction_of_step -= steps
        return Vitals(
            heart_rate=round(self._heart_rate + sway + self._random.gauss(0, 0.8)),
            spo2=min(100, round(self._base_spo2 + self._random.gauss(0, 0.4))),
            steps=steps,
        )
