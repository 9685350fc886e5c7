"""Device payload v1, as a watch writes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def reading(
    timestamp_ms: int,
    *,
    heart_rate: int | None = None,
    steps: int | None = None,
    spo2: float | None = None,
    activity: str | None = None,
) -> dict[str, Any]:
    """One reading under its wire names; whole seconds since 1970 where they will do, milliseconds otherwise."""
    timestamp = timestamp_ms // 1000 if timestamp_ms % 1000 == 0 else timestamp_ms
    fields = {
        "timestamp": timestamp,
        "heartRate": heart_rate,
        "steps": steps,
        "spo2": spo2,
        "activity": activity,
    }
    return {name: value for name, value in fields.items() if value is not None}


def encode(device_id: str, readings: Sequence[dict[str, Any]]) -> bytes:
    """One message: the single form for one reading, the array form for several."""
    body = (
        {"deviceId": device_id, **readings[0]} if len(readings) == 1 else {"deviceId": device_id, "readings": readings}
    )
    return json.dumps(body, separators=(",", ":")).encode()
