"""Which error a retrier or catcher matches, and how long a retrier waits.

Stock ignores `MaxDelaySeconds` and `JitterStrategy`, and lets `States.ALL` match what can't be caught. AWS: Step
Functions, "Handling errors" (`States.ALL` matches neither `States.DataLimitExceeded` nor `States.Runtime`; a missed
heartbeat is a timeout).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings

_ONLY_BY_NAME = frozenset({"States.Runtime", "States.DataLimitExceeded"})


def install(_: CloudSettings) -> None:
    from ministack.services import stepfunctions

    replace(stepfunctions, "_error_matches", lambda _: matches)


def matches(equals: Sequence[str], error: str) -> bool:
    if error in equals:
        return True
    if error in _ONLY_BY_NAME:
        return False
    if error == "States.HeartbeatTimeout" and "States.Timeout" in equals:
        return True
    return "States.ALL" in equals or ("States.TaskFailed" in equals and error != "States.Timeout")


def delay(retrier: dict[str, Any], retries: int) -> float:
    """Seconds before the retry after `retries` earlier ones."""
    seconds = float(retrier.get("IntervalSeconds", 1)) * float(retrier.get("BackoffRate", 2.0)) ** retries
    seconds = min(seconds, float(retrier.get("MaxDelaySeconds", seconds)))
    return random.uniform(0, seconds) if retrier.get("JitterStrategy") == "FULL" else seconds  # noqa: S311
