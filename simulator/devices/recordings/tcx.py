"""TCX, Garmin's Training Center XML: activities of laps of track points (TrainingCenterDatabase v2)."""

from __future__ import annotations

from simulator.devices.recordings.collector import Collector
from simulator.devices.recordings.times import since_1970

ROOT = "TrainingCenterDatabase"


class TcxHandler:
    """Takes each track point once it is complete.

    Cadence is strides a minute, under `Cadence` or, from Garmin's watches, `RunCadence` in the extension
    (ActivityExtension v2). Of several heart rates at one point, the first that is a number counts.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._activity: str | None = None
        self._in_point = self._in_heart_rate = False
        self._time: int | None = None
        self._heart_rate: float | None = None
        self._cadence: float | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Trackpoint":
            self._in_point, self._in_heart_rate = True, False
            self._time = self._heart_rate = self._cadence = None
        elif name == "HeartRateBpm":
            self._in_heart_rate = self._in_point
        elif name == "Activity":
            self._activity = self._collector.sport(attributes.get("Sport"))

    def end(self, name: str, text: str) -> None:
        if not self._in_point:
            return
        if name == "Value" and self._in_heart_rate and self._heart_rate is None:
            self._heart_rate = self._collector.number(text)
        elif name == "HeartRateBpm":
            self._in_heart_rate = False
        elif name in {"Cadence", "RunCadence"} and self._cadence is None:
            self._cadence = self._collector.number(text)
        elif name == "Time":
            self._time = since_1970(text)
        elif name == "Trackpoint":
            self._in_point = False
            self._collector.reading(
                self._time,
                heart_rate=self._heart_rate,
                strides_per_minute=self._cadence,
                activity=self._activity,
            )
