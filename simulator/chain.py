"""Waiting for the chain: what was published must be stored, and what was raised must come to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from simulator.stack import Stack

T = TypeVar("T")


def poll(probe: Callable[[], T], done: Callable[[T], bool], *, seconds: float, every: float = 0.2) -> T:
    """The first answer that is `done`, or the last one when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if done(answer) or time.monotonic() >= deadline:
            return answer
        time.sleep(every)


def stored(stack: Stack, device_id: str, *, since_ms: int, until_ms: int) -> int:
    """How many distinct readings of a watch, taken between two times (both included), are stored."""
    return sum(since_ms <= int(reading["timestamp"]) <= until_ms for reading in stack.readings(device_id))


def alert_of(stack: Stack, device_id: str) -> dict[str, Any] | None:
    """The latest alert of a watch, with its timeline."""
    found = stack.alerts(device_id=device_id)
    return stack.alert(found[0]["alertId"]) if found else None


def running_executions(stack: Stack) -> int:
    answer = stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.outputs["EscalationStateMachineArn"], statusFilter="RUNNING"
    )
    return len(answer["executions"])


def milliseconds(text: str) -> int:
    """ISO 8601 as milliseconds since 1970."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
