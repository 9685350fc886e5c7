"""DynamoDB's reserved words in expressions: AWS refuses them as names of attributes, and no stand-in sees to all."""

from __future__ import annotations

import re
from typing import Any

from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

#: The parameters that hold expressions.
EXPRESSIONS = (
    "UpdateExpression",
    "ConditionExpression",
    "KeyConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
)
#: AWS's list (Developer Guide, "Reserved words in DynamoDB"), as moto keeps it. Case does not matter.
WORDS = frozenset(word.upper() for word in ReservedKeywords.get_reserved_keywords())

_OPERATORS = frozenset({"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "IN", "BETWEEN"})
#: A name; not a placeholder (`#name`), a value (`:value`) or a function.
_NAMES = re.compile(r"(?<![#:\w])[A-Za-z_]\w*(?!\w)(?!\s*\()")


def reserved(expression: str) -> list[str]:
    """The reserved words that an expression uses as names of attributes."""
    # `IN (` is no function.
    names = _NAMES.findall(re.sub(r"\bIN\b", ",", expression))
    return sorted({name for name in names if name not in _OPERATORS and name.upper() in WORDS})


def check(params: dict[str, Any], **_: Any) -> None:
    """For botocore's `provide-client-params`: no request with a reserved word leaves a test."""
    for parameter in EXPRESSIONS:
        found = reserved(params.get(parameter, ""))
        assert not found, f"{parameter} uses reserved words: {found}"
