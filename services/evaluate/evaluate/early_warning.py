"""Early-warning bands of single vitals: 0 is ordinary, 3 is the most severe.

The borders are those that NEWS2 gives to pulse and SpO2 (Royal College of Physicians, "National Early Warning Score
(NEWS) 2", 2017). A band is not a NEWS2 score: that adds seven measurements, of which a watch has two.
"""

from __future__ import annotations

from typing import Literal

Side = Literal["low", "high"]

#: Highest rounded value of each band on the low side, and lowest on the high side: band → (low, high).
_PULSE: dict[int, tuple[float, float]] = {1: (50, 91), 2: (40, 111), 3: (40, 131)}
#: Scale 1 is everybody's, scale 2 for people whose target is 88 to 92 %. Breathing air: no high side.
_SPO2: dict[int, dict[int, float]] = {1: {1: 95, 2: 93, 3: 91}, 2: {1: 87, 2: 85, 3: 83}}


def border(signal: str, band: int, side: Side, spo2_scale: int) -> float:
    """The limit beyond which a value is in `band` or a more severe one. Between two whole numbers: NEWS2 rounds.

    Errors: `ValueError` for a side that the vital does not have.
    """
    if signal == "spo2" and side == "low":
        return _SPO2[spo2_scale][band] + 0.5
    if signal == "heartRate":
        low, high = _PULSE[band]
        return low + 0.5 if side == "low" else high - 0.5
    raise ValueError(f"{signal} has no {side} early-warning bands")


def band_of(signal: str, value: float, spo2_scale: int) -> int | None:
    """The band of one value; None for what has no bands."""
    if signal == "spo2":
        return max((b for b in (1, 2, 3) if value < border("spo2", b, "low", spo2_scale)), default=0)
    if signal == "heartRate":
        return max(
            (b for b in (1, 2, 3) if value < border(signal, b, "low", 1) or value > border(signal, b, "high", 1)),
            default=0,
        )
    return None
