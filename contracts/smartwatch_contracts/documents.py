"""Documents as people write them: YAML in, model out, or the line and the reason why not. Needs PyYAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

import yaml
from pydantic import ValidationError

from smartwatch_contracts.model import Document

#: A document of this size holds hundreds of rules or people; a longer one is a mistake.
MAX_BYTES = 100_000

#: Kinds of document in the configuration table: its partition keys. A history holds every version ever put.
RULE_SETS, RULE_SET_HISTORY, PROFILES = "rule-set", "rule-set-history", "profile"
POLICIES, POLICY_HISTORY = "policy", "policy-history"
ROSTERS, ROSTER_HISTORY, OVERRIDES = "roster", "roster-history", "override"
SILENCES = "silence"
#: How drills went: written by whoever holds them, and read by nobody else.
DRILLS = "drill"

DocumentT = TypeVar("DocumentT", bound=Document)


class DocumentError(ValueError):
    """A document that can't be used: one `line N: reason` for each mistake."""


class _Loader(yaml.SafeLoader):
    """YAML without two traps of its version 1.1, where `on` means true and 22:00 is the number 1320."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:int" and (tag != "tag:yaml.org,2002:bool" or first in "tTfF")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)


def parsed(text: str, model: type[DocumentT]) -> DocumentT:
    """A document from YAML (or JSON, which is YAML). Errors: `DocumentError`."""
    if len(text.encode()) > MAX_BYTES:
        raise DocumentError(f"line 1: the document is longer than {MAX_BYTES} bytes")
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is not None:
            _refuse_repetition(node, set())
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DocumentError(f"line {line}: {error.problem or 'not YAML'}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(
            f"line 1: not YAML: {str(error).splitlines()[0] if str(error) else 'nested too deep'}"
        ) from None
    if node is None or not isinstance(value, dict):
        raise DocumentError("line 1: must be a mapping of fields")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise DocumentError("\n".join(dict.fromkeys(_mistakes(node, error)))) from None
    except RecursionError:
        raise DocumentError("line 1: nested too deep") from None


def _mistakes(node: yaml.Node, error: ValidationError) -> Iterator[str]:
    mistakes = error.errors(include_url=False, include_context=False, include_input=False)
    for mistake in mistakes:
        inner = any(other["loc"][: len(mistake["loc"])] == mistake["loc"] for other in mistakes if other is not mistake)
        if mistake["type"] == "too_short" and inner:
            # What is wrong inside a list counts as missing from it.
            continue
        line, path = _place(node, mistake["loc"])
        reason = mistake["msg"].removeprefix("Value error, ")
        yield f"line {line}: {path}: {reason}" if path else f"line {line}: {reason}"


def _place(node: yaml.Node, location: tuple[int | str, ...]) -> tuple[int, str]:
    """The line of the nearest part of the document that a location names, and the location as people write it."""
    line, path = node.start_mark.line + 1, []
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if pair is None:
                # The name of a model in a union, or a field that is missing.
                if not str(part)[:1].isupper():
                    path.append(str(part))
                continue
            line, node = pair[0].start_mark.line + 1, pair[1]
            path.append(str(part))
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
            path.append(f"[{part}]")
    return line, ".".join(path).replace(".[", "[")


def _refuse_repetition(node: yaml.Node, seen: set[int]) -> None:
    """No aliases, which can make a short document endless; no field twice, of which one would be lost in silence."""
    if id(node) in seen:
        raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=node.start_mark)
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a field's name must be plain text", problem_mark=key.start_mark)
            if key.value in keys:
                raise yaml.MarkedYAMLError(problem=f"{key.value} stands twice", problem_mark=key.start_mark)
            keys.add(key.value)
            _refuse_repetition(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_repetition(value, seen)
