"""GPX: tracks of points, with vitals in extensions (GPX 1.1, Garmin's TrackPointExtension v1 and v2)."""

from __future__ import annotations

from simulator.devices.recordings.collector import Collector
from simulator.devices.recordings.times import since_1970

ROOT = "gpx"

#: Local names of extensions that hold a vital, in whichever namespace the exporter put them.
HEART_RATE = frozenset({"hr", "heartrate", "heart_rate"})
CADENCE = frozenset({"cad", "cadence"})
SPO2 = frozenset({"spo2"})


class GpxHandler:
    """Takes each point of a track once it is complete; routes and way points were never recorded.

    Of several heart rates at one point, the first that is a number counts. A time without a zone is UTC.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._activity: str | None = None
        self._in_track = self._in_point = self._in_link = False
        self._time: int | None = None
        self._heart_rate: float | None = None
        self._spo2: float | None = None
        self._cadence: float | None = None

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if name == "trkpt":
            self._in_point = True
            self._time = self._heart_rate = self._spo2 = self._cadence = None
        elif name == "trk":
            self._in_track, self._activity = True, None
        elif name == "link":
            # A link has a type too, and that one is a MIME type.
            self._in_link = True

    def end(self, name: str, text: str) -> None:
        if self._in_point:
            self._end_in_point(name, text)
        elif name == "type" and self._in_track and not self._in_link:
            self._activity = self._collector.sport(text)
        elif name == "trk":
            self._in_track = False
        elif name == "link":
            self._in_link = False

    def _end_in_point(self, name: str, text: str) -> None:
        if name == "trkpt":
            self._in_point = False
            self._collector.reading(
                self._time,
                heart_rate=self._heart_rate,
                spo2=self._spo2,
                strides_per_minute=self._cadence,
                activity=self._activity,
            )
        elif name == "time":
            self._time = since_1970(text) if self._time is None else self._time
        elif name in HEART_RATE:
            self._heart_rate = self._collector.number(text) if self._heart_rate is None else self._heart_rate
        elif name in SPO2:
            self._spo2 = self._collector.number(text) if self._spo2 is None else self._spo2
        elif name in CADENCE:
            self._cadence = self._collector.number(text) if self._cadence is None else self._cadence
