"""Readings as the decisions see them, and what one reading means beside those before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from smartwatch_contracts.events import Reading
from smartwatch_contracts.rules import Plausible, RuleSet

#: How long a vital counts as known for a condition that combines several, in milliseconds.
KNOWN_FOR_MS = 120_000
#: Steps over less than this say nothing about an activity, in milliseconds.
LEAST_STEPS_MS = 15_000

#: Spacings between readings that are remembered: one much wider than the narrowest is a gap in what was seen.
SPACINGS_KEPT = 3
GAP_IN_SPACINGS = 3

EFFORTS = frozenset({"walking", "running", "cycling", "other"})


class Observation(NamedTuple):
    """One reading of one watch. Times are in milliseconds since 1970."""

    at: int
    received_at: int
    heart_rate: int | None = None
    spo2: float | None = None
    steps: int | None = None
    on_wrist: bool | None = None
    battery: float | None = None
    quality: float | None = None
    activity: str | None = None


def observed(readings: Iterable[Reading], received_at: int) -> list[Observation]:
    """Accepted readings that the broker received together."""
    return [
        Observation(
            r.timestamp, received_at, r.heart_rate, r.spo2, r.steps, r.on_wrist, r.battery, r.quality, r.activity
        )
        for r in readings
    ]


Trend = deque[tuple[int, float]]


class Moment:
    """What is known of a person at one reading. A vital is None when it was not measured or can't be believed.

    The faults are None when the reading does not say. `trends` holds, by signal, believable values with their times,
    oldest first, as far back as a rule may look.
    """

    __slots__ = (
        "activity",
        "at",
        "battery",
        "clock_skew",
        "heart_rate",
        "implausible_heart_rate",
        "implausible_spo2",
        "no_heart_rate",
        "no_spo2",
        "off_wrist",
        "spo2",
        "trends",
    )

    def __init__(self, at: int, trends: dict[str, Trend]) -> None:
        self.at = at
        self.trends = trends
        self.heart_rate: float | None = None
        self.spo2: float | None = None
        self.battery: float | None = None
        self.activity = "unknown"
        self.off_wrist: bool | None = None
        self.no_heart_rate: bool | None = None
        self.no_spo2: bool | None = None
        self.implausible_heart_rate: bool | None = None
        self.implausible_spo2: bool | None = None
        self.clock_skew: bool | None = None

    def known(self, signal: str) -> float | None:
        """The latest believable value that is not too old."""
        trend = self.trends.get(signal)
        return trend[-1][1] if trend and self.at - trend[-1][0] <= KNOWN_FOR_MS else None

    def hide(self, signals: set[str]) -> None:
        """Take away what a fault of the watch makes worthless."""
        if "heartRate" in signals:
            self.heart_rate = None
        if "spo2" in signals:
            self.spo2 = None
        self.trends = {signal: trend for signal, trend in self.trends.items() if signal not in signals}


class Context:
    """What earlier readings of one watch say about the next one. `look_back_ms` is as far as a trend may reach."""

    __slots__ = (
        "_bounds",
        "_gap_ms",
        "_limits",
        "_look_back_ms",
        "_minimum_quality",
        "_settle_ms",
        "_spacings",
        "_steps",
        "_steps_sum",
        "_trends",
        "_window_ms",
        "activity",
        "effort_at",
        "last_at",
    )

    def __init__(self, rules: RuleSet, look_back_ms: int) -> None:
        self._gap_ms = rules.gap_seconds * 1000
        self._settle_ms = rules.activity.settle_seconds * 1000
        self._window_ms = rules.activity.window_seconds * 1000
        self._limits = rules.activity
        self._minimum_quality = rules.plausible.minimum_quality
        self._bounds = (rules.plausible.heart_rate, rules.plausible.spo2)
        self._look_back_ms = look_back_ms
        self._steps: deque[tuple[int, int]] = deque()
        self._steps_sum = 0
        self._spacings: deque[int] = deque(maxlen=SPACINGS_KEPT)
        self._trends: dict[str, Trend] = {"heartRate": deque(), "spo2": deque()}
        self.activity = "unknown"
        self.effort_at: int | None = None
        self.last_at: int | None = None

    def moment(self, seen: Observation) -> Moment:
        """The moment of the next reading, in event time."""
        at = seen.at
        if self.last_at is not None and at - self.last_at > self._gap_ms:
            self._forget()
        self.last_at = at
        made = Moment(at, self._trends)
        made.battery = seen.battery
        if seen.on_wrist is not None:
            made.off_wrist = not seen.on_wrist
        elif seen.heart_rate:
            made.off_wrist = False
        # A watch that lies on the table measures nothing, whatever it sends.
        if not made.off_wrist:
            believed = seen.quality is None or seen.quality >= self._minimum_quality
            if seen.heart_rate is not None:
                made.no_heart_rate = seen.heart_rate == 0
                if seen.heart_rate and believed:
                    value = self._believable(self._trends["heartRate"], self._bounds[0], at, seen.heart_rate)
                    made.heart_rate, made.implausible_heart_rate = value, value is None
            if seen.spo2 is not None:
                made.no_spo2 = seen.spo2 == 0
                if seen.spo2 and believed:
                    value = self._believable(self._trends["spo2"], self._bounds[1], at, seen.spo2)
                    made.spo2, made.implausible_spo2 = value, value is None
        made.activity = self.activity = self._activity(seen)
        return made

    def _believable(self, trend: Trend, bounds: Plausible, at: int, value: float) -> float | None:
        """The value, remembered; None when no living person can have it, or can have come to it so fast."""
        if not bounds.at_least <= value <= bounds.at_most:
            return None
        if trend:
            before, last = trend[-1]
            if abs(value - last) > bounds.jump and at - before <= bounds.jump_seconds * 1000:
                return None
            while len(trend) > 1 and at - trend[1][0] >= self._look_back_ms:
                trend.popleft()
            if at - trend[0][0] > self._look_back_ms and at - trend[0][0] > KNOWN_FOR_MS:
                trend.popleft()
        trend.append((at, value))
        return value

    def _activity(self, seen: Observation) -> str:
        told = seen.activity
        if told is None:
            told = "unknown" if seen.steps is None else self._from_steps(seen.at, seen.steps)
        if told in EFFORTS:
            self.effort_at = seen.at
        elif self.effort_at is not None and told != "sleeping":
            if seen.at - self.effort_at <= self._settle_ms:
                return "recovering"
            self.effort_at = None
        return told

    def _from_steps(self, at: int, count: int) -> str:
        """Steps are those since the previous reading: the oldest entry marks only where the window begins.

        Readings that this state has not seen took steps too: after a gap the window begins anew.
        """
        steps = self._steps
        if steps:
            spacing = at - steps[-1][0]
            if self._spacings and spacing > max(LEAST_STEPS_MS, GAP_IN_SPACINGS * min(self._spacings)):
                steps.clear()
                self._steps_sum = 0
            else:
                self._steps_sum += count
            self._spacings.append(spacing)
        steps.append((at, count))
        while len(steps) > 2 and at - steps[1][0] >= self._window_ms:
            steps.popleft()
            self._steps_sum -= steps[0][1]
        covered = at - steps[0][0]
        if covered < LEAST_STEPS_MS:
            return "settling"
        a_minute = self._steps_sum * 60_000 / covered
        if a_minute >= self._limits.running_steps_per_minute:
            return "running"
        return "walking" if a_minute >= self._limits.walking_steps_per_minute else "resting"

    def _forget(self) -> None:
        self._steps.clear()
        self._steps_sum = 0
        for trend in self._trends.values():
            trend.clear()
        self.effort_at = None

    def dump(self) -> dict[str, Any]:
        return {
            "lastAt": self.last_at,
            "effortAt": self.effort_at,
            "activity": self.activity,
            "spacings": list(self._spacings),
            "steps": [list(entry) for entry in self._steps],
            "trends": {signal: [list(entry) for entry in trend] for signal, trend in self._trends.items()},
        }

    def restore(self, dumped: Mapping[str, Any]) -> None:
        self.last_at = dumped.get("lastAt")
        self.effort_at = dumped.get("effortAt")
        self.activity = dumped.get("activity", "unknown")
        self._spacings.extend(dumped.get("spacings", ()))
        self._steps = deque((at, count) for at, count in dumped.get("steps", ()))
        self._steps_sum = sum(count for _, count in self._steps) - (self._steps[0][1] if self._steps else 0)
        for signal, trend in self._trends.items():
            trend.extend((at, value) for at, value in dumped.get("trends", {}).get(signal, ()))
