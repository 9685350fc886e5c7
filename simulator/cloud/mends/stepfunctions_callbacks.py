"""Tasks that wait for a token: `.waitForTaskToken`.

Stock takes a token that is used up for a success, hangs when the task itself could not be dispatched, and ignores
`TimeoutSecondsPath` and `HeartbeatSeconds`. AWS answers `TaskTimedOut` for a task that is over and `InvalidToken` for
what never was one (Step Functions API reference, SendTaskSuccess), and fails the task with the dispatch's own error.
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.cloud.mends import stepfunctions_executions as executions
from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

#: Tokens of tasks that are over, kept to tell them from tokens that never were.
CLOSED_TOKENS_KEPT = 10_000

Handler = Callable[[dict[str, Any]], Any]


@dataclass
class _Waiting:
    """One task that waits. `heartbeat_at` is monotonic seconds."""

    answered: threading.Event = field(default_factory=threading.Event)
    result: str | None = None
    error: tuple[str, str | None] | None = None
    heartbeat_at: float = field(default_factory=time.monotonic)
    submitted_event: int | None = None


_waiting: dict[str, _Waiting] = {}
_closed: OrderedDict[str, None] = OrderedDict()


def install(_: CloudSettings) -> None:
    from ministack.services import stepfunctions

    require(stepfunctions, "_invoke_resource", "_ExecutionError")
    replace(stepfunctions, "_send_task_success", lambda _: _send_task_success)
    replace(stepfunctions, "_send_task_failure", lambda _: _send_task_failure)
    replace(stepfunctions, "_send_task_heartbeat", lambda _: _send_task_heartbeat)


def wait(
    resource: str,
    parameters: Any,
    token: str,
    *,
    timeout_seconds: float | None,
    heartbeat_seconds: float | None,
    details: dict[str, Any],
) -> Any:
    """Dispatch the task and wait for its answer. Errors: `_ExecutionError` with the task's error, `StoppedError`."""
    from ministack.services import stepfunctions

    execution = executions.CURRENT.get()
    waiting = _waiting[token] = _Waiting()
    dispatching = contextvars.copy_context()
    threading.Thread(
        target=dispatching.run, args=(_dispatch, execution, waiting, resource, parameters, details), daemon=True
    ).start()
    started = time.monotonic()
    try:
        error = _await_answer(execution, waiting, started, timeout_seconds, heartbeat_seconds)
    finally:
        if waiting.submitted_event is not None:
            executions.PREVIOUS_EVENT.set(waiting.submitted_event)
        _close(token)
    if error is not None:
        raise stepfunctions._ExecutionError(error, None)
    if waiting.error is not None:
        raise stepfunctions._ExecutionError(*waiting.error)
    return json.loads(waiting.result or "null")


def _dispatch(
    execution: executions.Execution | None, waiting: _Waiting, resource: str, parameters: Any, details: dict[str, Any]
) -> None:
    from ministack.services import stepfunctions

    try:
        output = stepfunctions._invoke_resource(resource.replace(".waitForTaskToken", ""), parameters)
    except stepfunctions._ExecutionError as error:
        _fail_unless_answered(waiting, error.error, error.cause)
    except Exception as error:
        _fail_unless_answered(waiting, "States.Runtime", str(error))
    else:
        with executions.LOCK:
            if execution is not None and not waiting.answered.is_set():
                event = executions.add_event(
                    execution, "TaskSubmitted", {"taskSubmittedEventDetails": {**details, "output": json.dumps(output)}}
                )
                waiting.submitted_event = event.get("id")


def _fail_unless_answered(waiting: _Waiting, error: str, cause: str | None) -> None:
    with executions.LOCK:
        if not waiting.answered.is_set():
            waiting.error = (error, cause)
            waiting.answered.set()


def _await_answer(
    execution: executions.Execution | None,
    waiting: _Waiting,
    started: float,
    timeout_seconds: float | None,
    heartbeat_seconds: float | None,
) -> str | None:
    """None once the task is answered; otherwise the name of the timeout that came first."""
    own = executions.runtime(execution)
    while True:
        limits: list[tuple[float, str | None]] = []
        if timeout_seconds:
            limits.append((started + executions.scaled(timeout_seconds), "States.Timeout"))
        if heartbeat_seconds:
            limits.append((waiting.heartbeat_at + executions.scaled(heartbeat_seconds), "States.HeartbeatTimeout"))
        if own.deadline is not None:
            limits.append((own.deadline, None))
        until, name = min(limits, key=lambda limit: limit[0]) if limits else (float("inf"), None)
        answered = _wait_for_any(waiting.answered, own.stopped, until)
        executions.ensure_running(execution)
        if answered:
            return None
        if time.monotonic() < until:
            continue
        with executions.LOCK:
            if waiting.answered.is_set():
                return None
            if name == "States.HeartbeatTimeout" and _beat_since(waiting, heartbeat_seconds):
                continue
            # From here on an answer comes too late.
            waiting.answered.set()
            return name


def _beat_since(waiting: _Waiting, heartbeat_seconds: float | None) -> bool:
    return waiting.heartbeat_at + executions.scaled(heartbeat_seconds or 0) > time.monotonic()


def _wait_for_any(answered: threading.Event, stopped: threading.Event, until: float) -> bool:
    """Wait until the answer, the stop (seen within 50 ms) or the time; whether the answer is there."""
    while not stopped.is_set() and (left := until - time.monotonic()) > 0:
        if answered.wait(min(left, 0.05)):
            return True
    return answered.is_set()


def _close(token: str) -> None:
    _waiting.pop(token, None)
    _closed[token] = None
    if len(_closed) > CLOSED_TOKENS_KEPT:
        _closed.popitem(last=False)


def _answering(take: Callable[[_Waiting, dict[str, Any]], Any]) -> Handler:
    def handler(data: dict[str, Any]) -> Any:
        from ministack.core.responses import error_response_json, json_response

        token = data.get("taskToken") or ""
        with executions.LOCK:
            waiting = _waiting.get(token)
            if waiting is None and token not in _closed:
                return error_response_json("InvalidToken", "Invalid Token: 'Invalid token'", 400)
            if waiting is None or waiting.answered.is_set():
                message = "Task Timed Out: 'Provided task does not exist anymore'"
                return error_response_json("TaskTimedOut", message, 400)
            return take(waiting, data) or json_response({})

    return handler


def _take_success(waiting: _Waiting, data: dict[str, Any]) -> Any:
    from ministack.core.responses import error_response_json

    try:
        json.loads(data.get("output", ""))
    except ValueError as error:
        return error_response_json("InvalidOutput", f"Invalid Output: '{error}'", 400)
    waiting.result = data["output"]
    waiting.answered.set()
    return None


def _take_failure(waiting: _Waiting, data: dict[str, Any]) -> None:
    waiting.error = (data.get("error") or "States.TaskFailed", data.get("cause"))
    waiting.answered.set()


def _take_heartbeat(waiting: _Waiting, _: dict[str, Any]) -> None:
    waiting.heartbeat_at = time.monotonic()


_send_task_success = _answering(_take_success)
_send_task_failure = _answering(_take_failure)
_send_task_heartbeat = _answering(_take_heartbeat)
