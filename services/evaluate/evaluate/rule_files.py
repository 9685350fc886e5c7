"""Rule sets and profiles as people write them: YAML in, model out, or the line and the reason why not."""

from __future__ import annotations

from importlib.resources import files

from smartwatch_contracts.documents import DocumentError, parsed
from smartwatch_contracts.profiles import Profile
from smartwatch_contracts.rules import RuleSet

from evaluate.compiled import LimitError, compiled

#: The rule sets that come with the function.
BUILT_IN = ("default", "simple")


def rule_set(text: str) -> RuleSet:
    """A rule set from YAML. Errors: `DocumentError`."""
    made = parsed(text, RuleSet)
    try:
        compiled(made)
    except LimitError as error:
        raise DocumentError(f"line {_line_of(text, str(error))}: {error}") from None
    return made


def profile(text: str, rules: RuleSet) -> Profile:
    """A profile from YAML, to be used with `rules`. Errors: `DocumentError`."""
    made = parsed_profile(text)
    try:
        compiled(rules, made)
    except LimitError as error:
        raise DocumentError(f"line 1: {error}") from None
    return made


def parsed_profile(text: str) -> Profile:
    """A profile from YAML (or JSON, which is YAML). Errors: `DocumentError`."""
    return parsed(text, Profile)


def built_in(name: str) -> RuleSet:
    """A rule set that comes with the function."""
    return rule_set(built_in_text(name))


def built_in_text(name: str) -> str:
    """Its YAML, as people may copy and change it."""
    return (files("evaluate") / "rule_sets" / f"{name}.yaml").read_text()


def _line_of(text: str, message: str) -> int:
    """Where the rule stands that a message begins with."""
    rule_id = message.split(":")[0]
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if f"id: {rule_id}" in line), 1)
