"""Values in an update: each attribute gets its own.

Stock puts one and the same value into every attribute that an expression sets from one placeholder, or from another
attribute: what later changes inside one of them changes inside all. On AWS they are apart (DynamoDB, "Update
expressions").
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings

Evaluate = Callable[..., Any]


def install(_: CloudSettings) -> None:
    from ministack.services import dynamodb

    replace(dynamodb, "_eval_set_value", _apart)


def _apart(original: Evaluate) -> Evaluate:
    def evaluated(*args: Any) -> Any:
        return deepcopy(original(*args))

    return evaluated
