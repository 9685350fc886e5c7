"""A laptop's share of Lambda concurrency.

Stock starts a worker process for each concurrent invocation: two hundred events are two hundred processes. AWS scales
out too, but on its own machines. Here a function runs `lambda_concurrency` times at once, and the rest wait their turn.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings

#: How long an invocation waits for its turn before it is throttled.
QUEUE_SECONDS = 120

Dispatch = Callable[..., dict[str, Any]]


def install(settings: CloudSettings) -> None:
    from ministack.services import lambda_svc

    turns: dict[str, threading.BoundedSemaphore] = defaultdict(
        lambda: threading.BoundedSemaphore(settings.lambda_concurrency)
    )
    creating = threading.Lock()

    def taking_turns(original: Dispatch) -> Dispatch:
        def dispatch(
            function: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
        ) -> dict[str, Any]:
            with creating:
                turn = turns[config.get("FunctionArn", "")]
            if not turn.acquire(timeout=QUEUE_SECONDS):
                return dict(
                    lambda_svc._throttle_response(
                        reason_code="ConcurrentInvocationLimitExceeded",
                        msg=f"Rate Exceeded: {config.get('FunctionName')} waited {QUEUE_SECONDS} s for its turn",
                    )
                )
            try:
                return original(function, config, event, request_id, started)
            finally:
                turn.release()

        return dispatch

    replace(lambda_svc, "_execute_function_dispatch", taking_turns)
