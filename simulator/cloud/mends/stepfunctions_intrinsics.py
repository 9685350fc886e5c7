"""Intrinsic functions whose arguments they can't take.

Stock takes Python's word for it: an index below zero counts from the end, a text has an array's length, a sum drops
fractions, and what Python can't do is `States.Runtime`, which nothing may catch. On AWS it is
`States.IntrinsicFailure`, and a sum rounds its terms.
https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

_OF_ARRAYS = {
    "States.ArrayContains",
    "States.ArrayGetItem",
    "States.ArrayLength",
    "States.ArrayPartition",
    "States.ArrayUnique",
}

#: Name and arguments, as stock parses a call.
Node = tuple[str, str, list[Any]]


def install(_: CloudSettings) -> None:
    from ministack.services import stepfunctions

    require(stepfunctions, "_eval_intrinsic_arg", "_ExecutionError", "_parse_intrinsic_call")
    replace(stepfunctions, "_exec_intrinsic", _failing_as_intrinsics)
    replace(stepfunctions, "_evaluate_intrinsic", _failing_when_malformed)


def _failing_as_intrinsics(original: Callable[..., Any]) -> Callable[..., Any]:
    from ministack.services import stepfunctions

    def execute(node: Node, data: Any, context: dict[str, Any] | None) -> Any:
        _, name, arguments = node
        try:
            values = [stepfunctions._eval_intrinsic_arg(argument, data, context) for argument in arguments]
            if name in _OF_ARRAYS and not isinstance(values[0], list):
                raise TypeError(f"its first argument is no array but {values[0]!r}")
            if name == "States.ArrayGetItem" and not 0 <= _integer(values[1]) < len(values[0]):
                raise IndexError(f"there is no item {values[1]} in an array of {len(values[0])}")
            if name == "States.MathAdd":
                return _integer(values[0]) + _integer(values[1])
            return original(node, data, context)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise stepfunctions._ExecutionError(
                "States.IntrinsicFailure", f"The function '{name}' had the following error: {error}"
            ) from error

    return execute


def _failing_when_malformed(original: Callable[..., Any]) -> Callable[..., Any]:
    from ministack.services import stepfunctions

    def evaluate(expression: str, data: Any, context: dict[str, Any] | None) -> Any:
        try:
            stepfunctions._parse_intrinsic_call(expression, 0)
        except ValueError as error:
            raise stepfunctions._ExecutionError(
                "States.IntrinsicFailure", f"The intrinsic function '{expression}' is not one"
            ) from error
        return original(expression, data, context)

    return evaluate


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return round(value)
