"""A state machine's tracing configuration.

Stock has no field for it: templates and API calls may switch tracing on, and nothing remembers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

_TYPE = "AWS::StepFunctions::StateMachine"


def install(_: CloudSettings) -> None:
    from ministack.services import stepfunctions
    from ministack.services.cloudformation import provisioners

    require(stepfunctions, "_state_machines")
    require(provisioners, "_RESOURCE_HANDLERS")
    handler = provisioners._RESOURCE_HANDLERS[_TYPE]
    provisioners._RESOURCE_HANDLERS[_TYPE] = {
        **handler,
        "create": _from_template(handler["create"], properties_at=1),
        "update": _from_template(handler["update"], properties_at=2),
    }
    replace(stepfunctions, "_create_state_machine", _from_call)
    replace(stepfunctions, "_update_state_machine", _from_call)
    replace(stepfunctions, "_describe_state_machine", _described)


def enabled(arn: str) -> bool:
    from ministack.services import stepfunctions

    machine = stepfunctions._state_machines.get(arn) or {}
    return bool((machine.get("tracingConfiguration") or {}).get("enabled"))


def _remember(arn: str, on: bool) -> None:
    from ministack.services import stepfunctions

    machine = stepfunctions._state_machines.get(arn)
    if machine is not None:
        machine["tracingConfiguration"] = {"enabled": on}


def _from_template(original: Callable[..., Any], *, properties_at: int) -> Callable[..., Any]:
    def provision(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        on = (args[properties_at].get("TracingConfiguration") or {}).get("Enabled")
        _remember(made[0], str(on).lower() == "true")
        return made

    return provision


def _from_call(original: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def call(data: dict[str, Any]) -> Any:
        answer = original(data)
        if "tracingConfiguration" in data and answer[0] == 200:
            arn = data.get("stateMachineArn") or json.loads(answer[2]).get("stateMachineArn", "")
            _remember(arn, bool((data["tracingConfiguration"] or {}).get("enabled")))
        return answer

    return call


def _described(original: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def describe(data: dict[str, Any]) -> Any:
        status, headers, body = original(data)
        if status == 200:
            described = json.loads(body)
            described["tracingConfiguration"] = {"enabled": enabled(data.get("stateMachineArn", ""))}
            body = json.dumps(described).encode()
        return status, headers, body

    return describe
