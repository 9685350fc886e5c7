"""The Task state: timeouts, retries, callbacks, and a history as the console shows it.

Stock ignores `TimeoutSecondsPath`, waits up to a minute between retries whatever `MaxDelaySeconds` says, gives every
attempt of a callback the same token, and writes a thin history: no parameters, no `TaskStarted`, no `TaskSubmitted`, no
`TaskTimedOut`. AWS: Step Functions, "Task workflow state"; API reference, "HistoryEvent".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from simulator.cloud.mends import stepfunctions_callbacks as callbacks
from simulator.cloud.mends import stepfunctions_executions as executions
from simulator.cloud.mends.stepfunctions_errors import delay
from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

_TIMEOUTS = frozenset({"States.Timeout", "States.HeartbeatTimeout"})

State = dict[str, Any]
ExecuteTask = Callable[[State, Any, executions.Execution, dict[str, Any]], tuple[Any, str | None]]


def install(_: CloudSettings) -> None:
    from ministack.services import stepfunctions

    require(
        stepfunctions,
        "_apply_input_path",
        "_apply_parameters",
        "_apply_result_selector",
        "_apply_result_path",
        "_apply_output_path",
        "_apply_catcher",
        "_find_matching_retrier",
        "_find_matching_catcher",
        "_invoke_resource",
        "_invoke_resource_with_timeout",
        "_next_or_end",
        "_resolve_path_or_ctx",
        "_state_query_language",
        "_sfn_mock_config",
    )
    replace(stepfunctions, "_execute_task", _mended)


def _mended(original: ExecuteTask) -> ExecuteTask:
    from ministack.services import stepfunctions

    def execute(
        state: State, raw: Any, execution: executions.Execution, context: dict[str, Any]
    ) -> tuple[Any, str | None]:
        jsonata = stepfunctions._state_query_language(state, context) == "JSONata"
        if jsonata or stepfunctions._sfn_mock_config or ":activity:" in state.get("Resource", ""):
            return original(state, raw, execution, context)
        return _execute(state, raw, execution, context)

    return execute


def _execute(
    state: State, raw: Any, execution: executions.Execution, context: dict[str, Any]
) -> tuple[Any, str | None]:
    from ministack.services import stepfunctions

    details = _resource_details(state["Resource"])
    retries: dict[int, int] = {}
    while True:
        executions.ensure_running(execution)
        context["State"]["RetryCount"] = sum(retries.values())
        try:
            result = _attempt(state, raw, execution, context, details)
            selected = stepfunctions._apply_result_selector(state, result)
            placed = stepfunctions._apply_result_path(state, raw, selected)
            return stepfunctions._apply_output_path(state, placed, context), stepfunctions._next_or_end(state)
        except stepfunctions._ExecutionError as error:
            executions.ensure_running(execution)
            _note_failure(execution, details, error)
            retrier, index = stepfunctions._find_matching_retrier(state.get("Retry", []), error.error, retries)
            if retrier is not None:
                retries[index] = retries.get(index, 0) + 1
                executions.sleep(delay(retrier, retries[index] - 1))
                continue
            catcher = stepfunctions._find_matching_catcher(state.get("Catch", []), error.error)
            if not catcher:
                raise
            output = {"Error": error.error, **({"Cause": error.cause} if error.cause else {})}
            return stepfunctions._apply_catcher(catcher, raw, context, "JSONPath", output), catcher["Next"]


def _attempt(
    state: State, raw: Any, execution: executions.Execution, context: dict[str, Any], details: dict[str, Any]
) -> Any:
    from ministack.core.responses import new_uuid
    from ministack.services import stepfunctions

    resource = state["Resource"]
    is_callback = ".waitForTaskToken" in resource
    if is_callback:
        context["Task"] = {"Token": new_uuid() + new_uuid().replace("-", "")}
    effective_input = stepfunctions._apply_input_path(state, raw, context)
    timeout = _seconds(state, "TimeoutSeconds", effective_input, context)
    heartbeat = _seconds(state, "HeartbeatSeconds", effective_input, context)
    parameters = stepfunctions._apply_parameters(state, effective_input, context)
    executions.add_event(
        execution,
        "TaskScheduled",
        {
            "taskScheduledEventDetails": {
                **details,
                "region": execution["executionArn"].split(":")[3],
                "parameters": json.dumps(parameters),
                **({"timeoutInSeconds": timeout} if timeout else {}),
                **({"heartbeatInSeconds": heartbeat} if heartbeat else {}),
            }
        },
    )
    executions.add_event(execution, "TaskStarted", {"taskStartedEventDetails": details})
    if is_callback:
        result = callbacks.wait(
            resource,
            parameters,
            context["Task"]["Token"],
            timeout_seconds=timeout,
            heartbeat_seconds=heartbeat,
            details=details,
        )
    else:
        result = _invoke(resource, parameters, timeout, execution)
    executions.ensure_running(execution)
    executions.add_event(
        execution, "TaskSucceeded", {"taskSucceededEventDetails": {**details, "output": json.dumps(result)}}
    )
    return result


def _invoke(resource: str, parameters: Any, timeout: float | None, execution: executions.Execution) -> Any:
    from ministack.services import stepfunctions

    deadline = executions.runtime(execution).deadline
    limits = [executions.scaled(timeout)] if timeout else []
    if deadline is not None:
        limits.append(deadline - time.monotonic())
    if not limits:
        return stepfunctions._invoke_resource(resource, parameters)
    return stepfunctions._invoke_resource_with_timeout(resource, parameters, max(0.001, min(limits)))


def _note_failure(execution: executions.Execution, details: dict[str, Any], error: Any) -> None:
    timed_out = error.error in _TIMEOUTS
    described = {**details, "error": error.error, **({"cause": error.cause} if error.cause and not timed_out else {})}
    if timed_out:
        executions.add_event(execution, "TaskTimedOut", {"taskTimedOutEventDetails": described})
    else:
        executions.add_event(execution, "TaskFailed", {"taskFailedEventDetails": described})


def _seconds(state: State, name: str, effective_input: Any, context: dict[str, Any]) -> int | None:
    """`TimeoutSeconds` or `HeartbeatSeconds`, given as such or by a path to a positive integer."""
    from ministack.services import stepfunctions

    path = state.get(f"{name}Path")
    if path is None:
        return state.get(name)
    value = stepfunctions._resolve_path_or_ctx(path, effective_input, context)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise stepfunctions._ExecutionError(
            "States.Runtime", f"The {name}Path parameter '{path}' must reference a positive integer"
        )
    return value


def _resource_details(resource: str) -> dict[str, str]:
    """`resourceType` and `resource` as the history names them: `lambda` and `invoke.waitForTaskToken`."""
    _, _, integration = resource.partition(":::")
    if not integration:
        return {"resourceType": "lambda", "resource": resource}
    service, _, action = integration.partition(":")
    if service == "aws-sdk":
        service, _, action = action.partition(":")
        service = f"aws-sdk:{service}"
    return {"resourceType": service, "resource": action}
