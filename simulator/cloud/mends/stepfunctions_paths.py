"""Reference paths that lead nowhere.

Stock yields null for a missing path, and takes a null that is there for missing. AWS fails the state:
`States.ParameterPathFailure` in a payload template, `States.Runtime` for a path of a choice (Step Functions, "Error
names"). Stock also compares anything by `StringEqualsPath`, and never matches `StringLessThanPath`,
`TimestampEqualsPath` and their like: such a choice fails here, as they are not emulated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

#: Comparisons with another path.
_COMPARED_BY_STOCK = {
    "StringEqualsPath",
    "BooleanEqualsPath",
    "NumericEqualsPath",
    "NumericLessThanPath",
    "NumericGreaterThanPath",
    "NumericLessThanEqualsPath",
    "NumericGreaterThanEqualsPath",
}


def install(_: CloudSettings) -> None:
    from ministack.services import stepfunctions

    require(stepfunctions, "_parse_jsonpath_tokens", "_ExecutionError", "_resolve_path_or_ctx")
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
        if not variable:
            return original(rule, data, context)
        if "IsPresent" in rule and _is_reference(variable):
            return _exists(variable, data) == rule["IsPresent"]
        compared = [name for name in rule if name.endswith("Path")]
        for name in compared:
            if name not in _COMPARED_BY_STOCK:
                raise stepfunctions._ExecutionError("States.Runtime", f"{name} is not emulated here")
        for path in ([] if "IsPresent" in rule else [variable]) + [rule[name] for name in compared]:
            if _is_reference(path) and not _exists(path, data):
                raise stepfunctions._ExecutionError(
                    "States.Runtime", f"Invalid path '{path}': the choice state's path references an invalid value."
                )
        if "StringEqualsPath" in rule and not isinstance(
            stepfunctions._resolve_path_or_ctx(variable, data, context), str
        ):
            return False
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
