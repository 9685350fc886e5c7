"""Which column of a table is which, by its name in the header."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

#: What one unit of a clock that counts stands for, in seconds.
UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
}


def _names(listed: str) -> frozenset[str]:
    return frozenset(" ".join(name.split()) for name in listed.split(","))


#: Names of columns, in small letters, without units and signs.
TIME = _names(
    """
    time, timestamp, time stamp, datetime, date time, time utc, timestamp utc, utc time, utc, iso time, recorded at,
    measured at, start time, starttime, start date, unix time, unix timestamp, unix, epoch, epoch time, local time,
    t
    """
)
ELAPSED = _names(
    """
    elapsed, elapsed time, time elapsed, offset, time offset, duration, relative time, since start, time since
    start, seconds, secs, minutes, milliseconds
    """
)
DATE = _names("date, day")
HEART_RATE = _names(
    """
    hr, heart rate, heartrate, heart rate value, bpm, pulse, pulse rate, pulserate, heart beat, heartbeat, hr ecg,
    pulse ppg, hr ppg, heart rate ecg, heart rate ppg, beats per minute, heart rate beats per minute
    """
)
SPO2 = _names(
    """
    spo2, sp o2, sao2, oxygen saturation, blood oxygen, blood oxygen saturation, blood oxygen level, oxygen level,
    o2 saturation, o2 sat, pulse ox, pulse oximetry, saturation o2
    """
)
STEPS = _names("steps, step, step count, stepcount, steps count, number of steps")
CADENCE = _names("cadence, step cadence, step rate, steps per minute")
ACTIVITY = _names("activity, activity type, activitytype, sport, exercise")

#: Units behind vitals, which say nothing that the name has not said.
VITAL_UNITS = _names("bpm, percent, pct, count min, beats min, 1 min, count")

#: Units of a cadence that counts steps, and not strides or turns of a crank.
STEP_UNITS = _names("spm, steps min, steps minute")

_ALL = TIME | ELAPSED | DATE | HEART_RATE | SPO2 | STEPS | CADENCE | ACTIVITY
_ALL_UNITS = sorted(VITAL_UNITS | STEP_UNITS | UNITS.keys(), key=len, reverse=True)


@dataclass(frozen=True)
class Name:
    """A column's name in small letters without signs, and its unit: `Elapsed_s` is `elapsed` and `s`."""

    name: str
    unit: str

    @classmethod
    def of(cls, cell: str) -> Name:
        text = unicodedata.normalize("NFKC", cell).strip()
        text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text).lower()
        outside, _, inside = re.sub(r"[\])]\s*$", "", text).replace("[", "(").partition("(")
        name, unit = (" ".join(re.findall(r"[a-z0-9]+", part)) for part in (outside, inside))
        if not unit and name not in _ALL:
            for known in _ALL_UNITS:
                if name.endswith(f" {known}"):
                    return cls(name.removesuffix(f" {known}"), known)
        return cls(name, unit)


@dataclass(frozen=True)
class Clock:
    """The column of times. `unit` is what one stands for in seconds; None where the header does not tell.

    `counts` where it counts from the start whatever its magnitude.
    """

    index: int
    unit: float | None
    counts: bool


@dataclass(frozen=True)
class Columns:
    """Where in a row each kind of value stands; of several columns of one kind, the first that has a reading counts."""

    delimiter: str
    clock: Clock
    date: int | None
    heart_rate: tuple[int, ...]
    spo2: tuple[int, ...]
    steps: tuple[int, ...]
    steps_per_minute: tuple[int, ...]
    activity: int | None

    @property
    def vitals(self) -> tuple[int, ...]:
        return self.heart_rate + self.spo2 + self.steps + self.steps_per_minute

    @cached_property
    def first_vital(self) -> int:
        return min(self.vitals)


def recognised(line: str, delimiter: str) -> Columns | None:
    """The columns of a header; None where the line is none that has a time and a vital."""
    try:
        names = [Name.of(cell) for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return None
    dates = _where(names, lambda column: column.name in DATE)
    # A time of day beside a date, before a clock that counts; a date alone has the time in it.
    clocks = [clock for index, column in enumerate(names) if (clock := _clock(index, column))]
    clocks = sorted(clocks, key=lambda clock: clock.counts) or [Clock(index, None, False) for index in dates]
    if not clocks:
        return None
    columns = Columns(
        delimiter=delimiter,
        clock=clocks[0],
        date=next((index for index in dates if index != clocks[0].index), None),
        heart_rate=_where(names, lambda column: column.name in HEART_RATE),
        spo2=_where(names, lambda column: column.name in SPO2),
        steps=_where(names, lambda column: column.name in STEPS),
        steps_per_minute=_where(names, _counts_steps),
        activity=next(iter(_where(names, lambda column: column.name in ACTIVITY)), None),
    )
    return columns if columns.vitals else None


def _clock(index: int, column: Name) -> Clock | None:
    if column.name in TIME:
        return Clock(index, UNITS.get(column.unit), False)
    if column.name in ELAPSED:
        return Clock(index, UNITS.get(column.unit) or UNITS.get(column.name, 1.0), True)
    return None


def _counts_steps(column: Name) -> bool:
    return column.name in CADENCE and (column.unit in STEP_UNITS or column.name == "steps per minute")


def _where(names: Sequence[Name], wanted: Callable[[Name], bool]) -> tuple[int, ...]:
    return tuple(index for index, column in enumerate(names) if wanted(column))
