"""The type of the error that a Python function raises.

Stock says `Runtime.HandlerError` for every exception. AWS gives the exception's class name, and that is what a
workflow's `ErrorEquals` matches (Step Functions, "Error names").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings

#: The last line of a Python traceback: `package.module.Class: message`.
_LAST_LINE = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)")

Dispatch = Callable[..., dict[str, Any]]


def install(_: CloudSettings) -> None:
    from ministack.services import lambda_svc

    replace(lambda_svc, "_execute_function_dispatch", _naming_the_error)


def _naming_the_error(original: Dispatch) -> Dispatch:
    def dispatch(*args: Any) -> dict[str, Any]:
        result = original(*args)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            name = _class_name(result.get("log") or "")
            if name:
                body["errorType"] = name
        return result

    return dispatch


def _class_name(log: str) -> str | None:
    lines = [line for line in log.strip().splitlines() if line and not line.startswith(" ")]
    found = _LAST_LINE.match(lines[-1]) if lines else None
    return found.group(1).rsplit(".", 1)[-1] if found else None
