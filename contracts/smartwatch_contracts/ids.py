"""Deterministic ids: the same fact has the same id, however often it is found."""

from __future__ import annotations

import hashlib


def derived_id(*parts: str | int) -> str:
    """32 hexadecimal digits that depend on every part and on nothing else."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:32]


def alert_id(device_id: str, rule_id: str, started_at_ms: int) -> str:
    """The id of the episode of `rule_id` on `device_id` that began at `started_at_ms`."""
    return derived_id("alert", device_id, rule_id, started_at_ms)
