"""How drills have gone from one to the next: each time against the median of the earlier ones. Values in and out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, Literal

#: What is followed from one drill to the next (`simulator.grading.Times`).
MEASURES = ("notify", "acknowledge", "page", "clear")
#: What differs by less than this share, or by less than so many milliseconds, is the same: a busy machine is no trend.
SAME_SHARE = 0.2
SAME_MS = 500

Direction = Literal["first", "faster", "same", "slower"]

_BARS = "▁▂▃▄▅▆▇█"


def with_trends(cards: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cards, the earliest first, each with `trend`: measure → direction, and the median that it is against.

    Drills are compared that rehearse the same: scenario, policy in the same version, and whether somebody answers.
    """
    told = []
    for number, card in enumerate(cards):
        earlier = [other for other in cards[:number] if kind(other) == kind(card)]
        told.append({**card, "trend": {name: _trend(name, card, earlier) for name in MEASURES}})
    return told


def kind(card: dict[str, Any]) -> tuple[Any, ...]:
    """What a drill rehearses: only those of one kind are compared."""
    policy = card["policy"] or {}
    return card["scenario"], policy.get("name"), policy.get("version"), card["ackAfter"]


def _trend(name: str, card: dict[str, Any], earlier: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    took = card["times"][name]
    if took is None:
        return None
    known = [other["times"][name] for other in earlier if other["times"][name] is not None]
    middle = median(known) if known else None
    return {"direction": direction(took, middle), "median": middle}


def direction(took: float, middle: float | None) -> Direction:
    """How a time, in milliseconds, stands to the median of the earlier ones."""
    if middle is None:
        return "first"
    if abs(took - middle) < max(SAME_MS, SAME_SHARE * middle):
        return "same"
    return "faster" if took < middle else "slower"


def sparkline(values: Sequence[float | None]) -> str:
    """A bar for each value, from nothing to the greatest: small differences look small. A blank where there is none."""
    high = max((value for value in values if value is not None), default=0.0)
    scale = (len(_BARS) - 1) / high if high > 0 else 0.0
    return "".join(" " if value is None else _BARS[round(max(0.0, value) * scale)] for value in values)
