"""Real recordings: FIT files as sports watches write them.

A damaged file gives what is readable of it, and says what is wrong in one line. Muscle oxygen, which some files call
saturation, is never taken for SpO2.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fitdecode

#: Sports whose cadence is strides a minute, one for each two steps (FIT profile, `record.cadence`).
ON_FOOT = frozenset({"running", "walking", "hiking"})

#: A cadence says nothing of a longer gap before it.
LONGEST_STRIDE_GAP_SECONDS = 10.0

#: Field of a `record` message that holds oxygen saturation in the blood, and nothing else does.
SPO2_FIELD = "pulse_oximetry_saturation"


class RecordingError(ValueError):
    """A file that holds no readable recording. One line, for a person."""


@dataclass(frozen=True)
class Sample:
    """One moment of a recording. `timestamp` is in milliseconds since 1970; what was not measured is None."""

    timestamp: int
    heart_rate: int | None
    spo2: float | None
    steps: int | None


@dataclass(frozen=True)
class Recording:
    """Samples in time order, one for each moment. `damage` says in one line what could not be read."""

    samples: tuple[Sample, ...]
    sport: str | None
    damage: str | None

    def summary(self) -> dict[str, Any]:
        """Count, minimum and maximum of each vital; None where there is none."""
        return {
            "samples": len(self.samples),
            "sport": self.sport,
            "heartRate": _range([s.heart_rate for s in self.samples if s.heart_rate is not None]),
            "spo2": _range([s.spo2 for s in self.samples if s.spo2 is not None]),
            "damage": self.damage,
        }


def read(path: Path) -> Recording:
    """The recording in a file. Errors: `RecordingError`."""
    if path.suffix.lower() != ".fit":
        raise RecordingError(f"{path.name}: only .fit recordings can be played")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from None
    return _read_fit(path.name, data)


@dataclass
class _Found:
    """What has been read of a FIT file so far."""

    samples: dict[int, Sample] = field(default_factory=dict)
    cadences: dict[int, float] = field(default_factory=dict)
    sport: str | None = None


def _read_fit(name: str, data: bytes) -> Recording:
    if len(data) < 12 or data[8:12] != b".FIT":
        raise RecordingError(f"{name}: not a FIT file")
    found = _Found()
    damage = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for frame in _messages(data):
                _take(frame, found)
    except (fitdecode.FitError, ValueError, LookupError, TypeError, ArithmeticError) as error:
        damage = f"{name}: damaged, only the first {len(found.samples)} samples could be read ({_one_line(error)})"
    if not found.samples:
        raise RecordingError(f"{name}: no readable samples{f' ({damage})' if damage else ''}")
    # The sport stands at the end of a file, after the samples.
    cadences = found.cadences if found.sport in ON_FOOT else {}
    return Recording(tuple(_with_steps(found.samples, cadences)), found.sport, damage)


def _messages(data: bytes) -> Iterator[Any]:
    with fitdecode.FitReader(data, check_crc=fitdecode.CrcCheck.RAISE) as reader:
        for frame in reader:
            if isinstance(frame, fitdecode.FitDataMessage):
                yield frame


def _take(frame: Any, found: _Found) -> None:
    if frame.name == "session" or frame.name == "sport":
        found.sport = found.sport or _text(frame.get_value("sport", fallback=None))
    if frame.name != "record":
        return
    taken = frame.get_value("timestamp", fallback=None)
    if not isinstance(taken, datetime):
        return
    timestamp = round(taken.replace(tzinfo=taken.tzinfo or UTC).timestamp() * 1000)
    heart_rate = frame.get_value("heart_rate", fallback=None)
    cadence = _number(frame.get_value("cadence", fallback=None))
    if cadence is not None:
        found.cadences[timestamp] = cadence
    found.samples[timestamp] = Sample(
        timestamp=timestamp,
        heart_rate=int(heart_rate) if isinstance(heart_rate, int | float) else None,
        spo2=_number(frame.get_value(SPO2_FIELD, fallback=None)),
        steps=None,
    )


def _with_steps(samples: dict[int, Sample], cadences: dict[int, float]) -> Iterator[Sample]:
    """The samples in time order, with the steps since the previous one; fractions of a step are carried on."""
    previous: int | None = None
    fraction = 0.0
    for timestamp in sorted(samples):
        steps = None
        if previous is not None and timestamp in cadences:
            seconds = min((timestamp - previous) / 1000, LONGEST_STRIDE_GAP_SECONDS)
            fraction += 2 * cadences[timestamp] / 60 * seconds
            steps = int(fraction)
            fraction -= steps
        previous = timestamp
        yield replace(samples[timestamp], steps=steps)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]


def _range(values: list[Any]) -> dict[str, Any]:
    if not values:
        return {"count": 0, "min": None, "max": None}
    return {"count": len(values), "min": min(values), "max": max(values)}
