"""Numbers as recordings write them, and the bounds of what a vital can be."""

from __future__ import annotations

import re

#: How files say that there was no reading.
NO_READING = frozenset({"", "-", "--", "---", "—", "–", "nan", "null", "none", "nil", "na", "n/a", "?"})

#: Bounds of the device contract: what is physically possible, not what is healthy.
HIGHEST_HEART_RATE = 300
HIGHEST_SPO2 = 100.0
MOST_STEPS = 1_000_000

#: No longer than a double's own text: what is longer is no reading of a watch.
_NUMBER = re.compile(r"([-+]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][-+]?\d{1,2})?)\s*(?:%|bpm)?", re.ASCII)


class NotANumberError(ValueError):
    """Text where a number should be."""


def number(text: str) -> float | None:
    """The number, None where the text says that there is none. Errors: `NotANumberError`."""
    text = text.strip()
    if text.lower() in NO_READING:
        return None
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise NotANumberError(text)
    return float(match[1])


def percent(saturation: float) -> float:
    """SpO2 in %: nobody lives at 1 %, so what lies above 0 and up to 1 is a fraction of one."""
    return round(saturation * 100, 3) if 0 < saturation <= 1 else saturation


def rounded(value: float) -> int:
    """The nearest whole number, halves upwards."""
    return int(value + 0.5)
