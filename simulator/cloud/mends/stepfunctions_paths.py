"""Reference paths that lead nowhere.

Stock yields null for a missing path. AWS fails the state: `States.ParameterPathFailure` in a payload template,
`States.Runtime` for the variable of a choice (Step Functions, "Error names").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings


def install(_: CloudSettings) -> None:
    from ministack.services import stepfunctions

    require(stepfunctions, "_parse_jsonpath_tokens", "_ExecutionError")
    replace(stepfunctions, "_resolve_params_obj", _failing_on_missing_paths)
    replace(stepfunctions, "_evaluate_rule", _failing_on_missing_variables)


def _failing_on_missing_paths(original: Callable[..., Any]) -> Callable[..., Any]:
    from ministack.services import stepfunctions

    def resolve(template: Any, data: Any, context: dict[str, Any] | None = None) -> Any:
        if isinstance(template, dict):
            for name, path in template.items():
                if name.endswith(".$") and isinstance(path, str) and _is_reference(path) and not _exists(path, data):
                    raise stepfunctions._ExecutionError(
                        "States.ParameterPathFailure",
                        f"The JSONPath '{path}' specified for the field '{name}' could not be found in the input",
                    )
        return original(template, data, context)

    return resolve


def _failing_on_missing_variables(original: Callable[..., Any]) -> Callable[..., Any]:
    from ministack.services import stepfunctions

    def evaluate(rule: dict[str, Any], data: Any, context: dict[str, Any] | None = None) -> Any:
        variable = rule.get("Variable")
        if variable and "IsPresent" not in rule and _is_reference(variable) and not _exists(variable, data):
            raise stepfunctions._ExecutionError(
                "States.Runtime", f"Invalid path '{variable}': the choice state's path references an invalid value."
            )
        return original(rule, data, context)

    return evaluate


def _is_reference(path: str) -> bool:
    """A plain path into the input: not the context object, and nothing that may select several nodes or none."""
    return path.startswith("$") and not path.startswith("$$") and not any(t in path for t in ("[*]", "..", "[?", ":"))


def _exists(path: str, data: Any) -> bool:
    from ministack.services import stepfunctions

    for kind, value in stepfunctions._parse_jsonpath_tokens(path) or []:
        if kind not in {"field", "index"}:
            return True
        try:
            data = data[value]
        except (LookupError, TypeError):
            return False
    return True
