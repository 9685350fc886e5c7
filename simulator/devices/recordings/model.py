"""What a recording is once it has been read, whatever the file was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class RecordingError(ValueError):
    """A file that holds no readable recording. One line, for a person."""


class BrokenError(Exception):
    """The rest of a file can't be read; what came before it is good. One line that says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of a recording; what was not measured is None.

    `timestamp` is in milliseconds since 1970, `heart_rate` in beats a minute, `spo2` in % (0 is "no signal" in both),
    `steps` are those since the previous sample, `activity` is one of the contract's (`Activity`).
    """

    timestamp: int
    heart_rate: int | None
    spo2: float | None
    steps: int | None
    activity: str | None = None


@dataclass(frozen=True)
class Recording:
    """Samples in time order, one for each moment. `damage` says in one line what could not be read."""

    samples: tuple[Sample, ...]
    sport: str | None
    damage: str | None
    format: str | None = None

    def summary(self) -> dict[str, Any]:
        """Count, minimum and maximum of each vital; None where there is none."""
        return {
            "format": self.format,
            "samples": len(self.samples),
            "sport": self.sport,
            "heartRate": _range([s.heart_rate for s in self.samples if s.heart_rate is not None]),
            "spo2": _range([s.spo2 for s in self.samples if s.spo2 is not None]),
            "damage": self.damage,
        }


def one_line(text: object, longest: int = 160) -> str:
    """Text that came out of a file, made fit to stand in one line of a message."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())[:longest]


def _range(values: Sequence[float]) -> dict[str, Any]:
    if not values:
        return {"count": 0, "min": None, "max": None}
    return {"count": len(values), "min": min(values), "max": max(values)}
