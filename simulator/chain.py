"""Waiting for the chain: what was published must be stored, and what was raised must come to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from notify.domain import milliseconds

from simulator.stack import Stack

T = TypeVar("T")

#: Alerts of which nobody is told.
UNTOLD = ("technical", "retrospective")


def poll(
    probe: Callable[[], T],
    done: Callable[[T], bool],
    *,
    seconds: float,
    every: float = 0.2,
    sleep: Callable[[float], object] = time.sleep,
) -> T:
    """The first answer that is `done`, or the last one when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if done(answer) or time.monotonic() >= deadline:
            return answer
        sleep(every)


def stored(stack: Stack, device_id: str, *, since_ms: int, until_ms: int) -> int:
    """How many distinct readings of a watch, taken between two times (both included), are stored."""
    return sum(since_ms <= int(reading["timestamp"]) <= until_ms for reading in stack.readings(device_id))


def alert_of(stack: Stack, device_id: str, since_ms: int = 0) -> dict[str, Any] | None:
    """The alert that escalates for a watch, with its timeline: the latest raised since then, or the one it joined."""
    found = [
        alert
        for alert in stack.alerts(device_id=device_id)
        if alert["status"] not in UNTOLD and milliseconds(alert["raisedAt"]) >= since_ms
    ]
    return leading(stack, stack.alert(found[0]["alertId"])) if found else None


def escalating(stack: Stack, alert: dict[str, Any]) -> bool:
    """Whether an escalation still goes on: about to begin, or telling people. Once somebody answers it only waits."""
    now = stack.alert(alert["alertId"])
    if now["status"] in {"acknowledged", "joined", *UNTOLD}:
        return False
    if "executionArn" not in now:
        return bool(now["status"] == "open")
    return stack.execution_status(now["executionArn"]) == "RUNNING"


def leading(stack: Stack, alert: dict[str, Any]) -> dict[str, Any]:
    """The alert that escalates for this one: itself, unless it has joined another."""
    while "leadAlertId" in alert:
        alert = stack.alert(alert["leadAlertId"])
    return alert
