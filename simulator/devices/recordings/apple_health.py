"""Apple Health's `export.xml`: everything that a phone knows of a person, of which we take four kinds of records.

Heart rate and SpO2 stand at the start of their records, steps at the end of the interval that they were counted in.
Workouts and sleep tell the activity of what lies in them. (Apple's HealthKit documentation names the types and units.)
"""

from __future__ import annotations

from simulator.devices.recordings.activities import activity_of
from simulator.devices.recordings.collector import Collector
from simulator.devices.recordings.times import since_1970

ROOT = "HealthData"

HEART_RATE = "HKQuantityTypeIdentifierHeartRate"
SPO2 = "HKQuantityTypeIdentifierOxygenSaturation"
STEPS = "HKQuantityTypeIdentifierStepCount"
SLEEP = "HKCategoryTypeIdentifierSleepAnalysis"

#: Values of a sleep record that mean sleep, and not lying in bed or waking: `AsleepCore`, `AsleepREM` and the like.
ASLEEP = "HKCategoryValueSleepAnalysisAsleep"

WORKOUT_PREFIX = "HKWorkoutActivityType"


class AppleHealthHandler:
    """Takes records and workouts as they come: all that matters of them is in their attributes."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Record":
            self._record(attributes)
        elif name == "Workout":
            sport = attributes.get("workoutActivityType", "").removeprefix(WORKOUT_PREFIX)
            self._during(attributes, activity_of(sport))

    def end(self, name: str, text: str) -> None:
        """Nothing is told by text."""

    def _record(self, attributes: dict[str, str]) -> None:
        kind = attributes.get("type")
        if kind == HEART_RATE:
            beats = self._collector.number(attributes.get("value", ""))
            if beats is not None and attributes.get("unit") == "count/s":
                beats *= 60
            self._collector.reading(_time(attributes.get("startDate", "")), heart_rate=beats)
        elif kind == STEPS:
            steps = self._collector.number(attributes.get("value", ""))
            self._collector.reading(_time(attributes.get("endDate", "")), steps=steps)
        elif kind == SPO2:
            saturation = self._collector.number(attributes.get("value", ""))
            self._collector.reading(_time(attributes.get("startDate", "")), spo2=saturation)
        elif kind == SLEEP and attributes.get("value", "").startswith(ASLEEP):
            self._during(attributes, "sleeping")

    def _during(self, attributes: dict[str, str], activity: str | None) -> None:
        start, end = _time(attributes.get("startDate", "")), _time(attributes.get("endDate", ""))
        self._collector.during(start, end, activity)


def _time(text: str) -> int | None:
    """`2024-03-05 07:12:09 +0100`: Python reads millions of them quickly once the last blank is gone."""
    if text[19:20] == " ":
        text = text[:19] + text[20:]
    return since_1970(text)
