"""Which rules a command means: a built-in rule set by name, a file, or those in force for a watch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evaluate import rule_files
from evaluate.compiled import CompiledRules, compiled
from smartwatch_contracts.documents import DocumentError
from smartwatch_contracts.rules import RuleSet

from simulator import texts
from simulator.errors import UsageError
from simulator.stack import Stack


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with a document, and the line it is in."""

    line: int
    reason: str


def mistakes(text: str) -> list[Mistake]:
    """Everything that is wrong with a rule set, as far as it can be read; nothing for a good one."""
    try:
        rule_files.rule_set(text)
    except DocumentError as error:
        return [_mistake(line) for line in str(error).splitlines()]
    return []


def chosen(name_or_file: str) -> RuleSet:
    """A built-in rule set by its name, or one in a file. Errors: `UsageError`, with each mistake."""
    if name_or_file in rule_files.BUILT_IN:
        return rule_files.built_in(name_or_file)
    text = read(Path(name_or_file))
    if found := mistakes(text):
        listed = "\n".join(f"  line {mistake.line}: {mistake.reason}" for mistake in found)
        raise UsageError(f"{name_or_file} is no valid rule set:\n{listed}")
    return rule_files.rule_set(text)


def read(path: Path) -> str:
    """The text of a rule set's file. Errors: `UsageError`."""
    return texts.read(path, f" (built in are {' and '.join(rule_files.BUILT_IN)})")


def rules_in_force(stack: Stack, device_id: str) -> CompiledRules:
    """The rules by which a stack judges a watch: those that its wearer's profile names, and its limits.

    Errors: `UsageError`, `DocumentError`, `LimitError` where the stack falls back to what was good before.
    """
    configuration = stack.configuration
    put = configuration.profile(device_id)
    profile = None if put is None else rule_files.parsed_profile(put.text)
    name = (profile.rule_set if profile else None) or "default"
    document = configuration.rule_set(name)
    if document is None:
        raise UsageError(f"the profile of {device_id} names the rule set {name}, which there is not")
    return compiled(rule_files.rule_set(document.text), profile)


def version(text: str) -> str:
    """The version of a rule set in force; `broken` for one that is refused."""
    try:
        return rule_files.rule_set(text).version
    except DocumentError:
        return "broken"


def _mistake(line: str) -> Mistake:
    place, _, reason = line.partition(": ")
    number = place.removeprefix("line ")
    return Mistake(int(number), reason) if number.isdigit() else Mistake(1, line)
