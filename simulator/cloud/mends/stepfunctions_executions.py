"""An execution's life: its deadline, its abort, its history.

Stock ignores the state machine's `TimeoutSeconds`, lets an execution that was stopped go on until its current wait is
over, gives every history event no `previousEventId`, and refuses to start a running execution again under the same name
and input. AWS times executions out, stops them at once, links the history, and takes the same start for done.
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

Execution = dict[str, Any]

#: The events after which nothing may follow.
_TERMINAL = frozenset({"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"})


class StoppedError(Exception):
    """The execution is no longer running: its thread must end without another word."""


@dataclass
class Runtime:
    """What a running execution's thread waits on. `deadline` is monotonic seconds."""

    stopped: threading.Event = field(default_factory=threading.Event)
    deadline: float | None = None


CURRENT: contextvars.ContextVar[Execution | None] = contextvars.ContextVar("sfn_execution", default=None)
PREVIOUS_EVENT: contextvars.ContextVar[int] = contextvars.ContextVar("sfn_previous_event", default=0)
LOCK = threading.RLock()
_runtimes: dict[str, Runtime] = {}


def install(_: CloudSettings) -> None:
    from ministack.services import stepfunctions

    require(stepfunctions, "_executions", "_state_machines", "_emit_execution_status_event", "_SFN_WAIT_SCALE")
    replace(stepfunctions, "_add_event", lambda _: add_event)
    replace(stepfunctions, "_scaled_sleep", lambda _: sleep)
    replace(stepfunctions, "_run_execution", _run)
    replace(stepfunctions, "_fail_execution", lambda _: _fail)
    replace(stepfunctions, "_stop_execution", _stop)
    replace(stepfunctions, "_start_execution", _start)


def runtime(execution: Execution | None) -> Runtime:
    """The execution's runtime; one that never ends for work outside any execution."""
    return _runtimes.get(execution["executionArn"], Runtime()) if execution else Runtime()


def add_event(execution: Execution, event_type: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """Append to the history; nothing after the event that ended it."""
    from ministack.core.responses import now_iso

    with LOCK:
        if execution.get("closed"):
            return {}
        event = {
            "id": len(execution["events"]) + 1,
            "type": event_type,
            "timestamp": now_iso(),
            "previousEventId": PREVIOUS_EVENT.get(),
            **(details or {}),
        }
        execution["events"].append(event)
        PREVIOUS_EVENT.set(event["id"])
        if event_type in _TERMINAL:
            execution["closed"] = True
        return event


def ensure_running(execution: Execution | None) -> None:
    """Raise `StoppedError` when the execution was stopped, or has just run into its deadline."""
    if execution is None:
        return
    if execution["status"] != "RUNNING":
        raise StoppedError
    deadline = runtime(execution).deadline
    if deadline is not None and time.monotonic() >= deadline:
        _time_out(execution)
        raise StoppedError


def scaled(seconds: float) -> float:
    from ministack.services import stepfunctions

    return float(seconds * stepfunctions._SFN_WAIT_SCALE)


def sleep(seconds: float) -> None:
    """Sleep as a state does: until the time is up, the execution is stopped, or its deadline passes."""
    execution = CURRENT.get()
    own = runtime(execution)
    end = time.monotonic() + scaled(seconds)
    if own.deadline is not None:
        end = min(end, own.deadline)
    while (left := end - time.monotonic()) > 0 and not own.stopped.wait(left):
        pass
    ensure_running(execution)


def _time_out(execution: Execution) -> None:
    from ministack.core.responses import now_iso
    from ministack.services import stepfunctions

    with LOCK:
        if execution["status"] != "RUNNING":
            return
        execution.update(status="TIMED_OUT", stopDate=now_iso(), error="States.Timeout", cause=None)
        add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
    _release(execution)
    stepfunctions._emit_execution_status_event(execution)


def _release(execution: Execution) -> None:
    runtime(execution).stopped.set()


def _run(original: Callable[[str], None]) -> Callable[[str], None]:
    from ministack.services import stepfunctions

    def run(arn: str) -> None:
        execution = stepfunctions._executions.get(arn)
        if execution is None:
            return
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
        seconds = json.loads(machine.get("definition") or "{}").get("TimeoutSeconds")
        _runtimes[arn] = Runtime(deadline=time.monotonic() + scaled(seconds) if seconds else None)
        CURRENT.set(execution)
        PREVIOUS_EVENT.set(0)
        try:
            original(arn)
        finally:
            _runtimes.pop(arn, None)

    return run


def _fail(execution: Execution, error: str, cause: str | None) -> None:
    """End as FAILED; also where stock's catch-all takes `StoppedError`, and then there is nothing left to do."""
    from ministack.core.responses import now_iso
    from ministack.services import stepfunctions

    with LOCK:
        if execution["status"] != "RUNNING":
            return
        execution.update(status="FAILED", error=error, cause=cause, stopDate=now_iso())
        details = {"error": error, **({"cause": cause} if cause else {})}
        add_event(execution, "ExecutionFailed", {"executionFailedEventDetails": details})
    stepfunctions._emit_execution_status_event(execution)


def _stop(original: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    from ministack.services import stepfunctions

    def stop(data: dict[str, Any]) -> Any:
        execution = stepfunctions._executions.get(data.get("executionArn"))
        if execution and execution["status"] == "RUNNING":
            entered = _entered_and_not_exited(execution)
            if entered is not None:
                PREVIOUS_EVENT.set(entered["id"])
                add_event(execution, entered["type"].replace("Entered", "Aborted"))
        answer = original(data)
        if execution:
            _release(execution)
        return answer

    return stop


def _entered_and_not_exited(execution: Execution) -> dict[str, Any] | None:
    for event in reversed(execution["events"]):
        if event["type"].endswith("StateExited"):
            return None
        if event["type"].endswith("StateEntered"):
            return dict(event)
    return None


def _start(original: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    from ministack.core.responses import json_response
    from ministack.services import stepfunctions

    def start(data: dict[str, Any]) -> Any:
        base = stepfunctions._resolve_state_machine_arn(data.get("stateMachineArn", "").split("#")[0])
        if base and data.get("name"):
            arn = f"{base.replace(':stateMachine:', ':execution:')}:{data['name']}"
            running = stepfunctions._executions.get(arn)
            if running and running["status"] == "RUNNING" and running["input"] == data.get("input", "{}"):
                return json_response({"executionArn": arn, "startDate": running["startDate"]})
        return original(data)

    return start
