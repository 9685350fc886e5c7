"""`smartwatch rules`: check and compare rule sets, and bring them into force. Exit code 2 for one that is no good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from evaluate.compiled import LimitError

from simulator.alarm_configuration import Put
from simulator.console import AsJson, Profile, Region, StackName, Target, login, report
from simulator.data import Data, Recordings, Watch, gathered
from simulator.errors import UsageError
from simulator.scoring import difference, rule_sets, tables

app = typer.Typer(help="Rule sets: check, compare, bring into force.", no_args_is_help=True)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A rule set in YAML.")], as_json: AsJson = False) -> None:
    """Say whether a rule set is valid, or each mistake with its line."""
    mistakes = rule_sets.mistakes(rule_sets.read(file))
    answer = {
        "file": str(file),
        "valid": not mistakes,
        "mistakes": [{"line": mistake.line, "reason": mistake.reason} for mistake in mistakes],
    }
    listed = "\n".join(f"{file}:{mistake.line}: {mistake.reason}" for mistake in mistakes)
    report(answer, as_json, listed or f"{file} is valid")
    if mistakes:
        raise typer.Exit(2)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="A rule set: default, simple, or a file.")],
    new: Annotated[str, typer.Argument(help="Another one.")],
    recordings: Recordings = None,
    watch: Watch = None,
    scenarios: Annotated[bool, typer.Option("--scenarios", help="The labelled scenarios (the default).")] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """The same readings through both: alerts added, lost and moved, and the readings that caused each."""
    before, after = rule_sets.chosen(old), rule_sets.chosen(new)
    streams = gathered(Data(recordings or [], watch, scenarios), Target(stack, profile, region))
    try:
        found = difference.differences(before, after, streams)
    except LimitError as error:
        raise UsageError(str(error)) from None
    names = [f"{rules.name} {rules.version}" for rules in (before, after)]
    if names[0] == names[1]:
        names = [old, new]
    answer = {
        "old": {"name": before.name, "version": before.version},
        "new": {"name": after.name, "version": after.version},
        "streams": len(streams),
        **{what: sum(each.what == what for each in found) for what in ("added", "lost", "moved")},
        "differences": [each.as_json() for each in found],
    }
    report(answer, as_json, tables.differences(found, *names))


@app.command("list")
def list_(as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None) -> None:
    """The rule sets in force."""
    found = Target(stack, profile, region).existing().configuration.rule_sets()
    answer = [_described(document) for document in found]
    lines = [f"{each['name']:<20} version {each['version']:<12} {each['since']}" for each in answer]
    report({"ruleSets": answer}, as_json, "\n".join(lines))


@app.command()
def show(
    name: str, as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None
) -> None:
    """A rule set in force, as people wrote it."""
    document = Target(stack, profile, region).existing().configuration.rule_set(name)
    if document is None:
        raise UsageError(f"there is no rule set {name!r}")
    report({**_described(document), "document": document.text}, as_json, document.text.rstrip())


@app.command()
def put(
    file: Annotated[Path, typer.Argument(help="A rule set in YAML.")],
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Bring a rule set into force under its own name: no deployment, and in every function within its cache's life."""
    made = Target(stack, profile, region).existing().configuration.put_rule_set(rule_sets.read(file), login())
    answer = {"name": made.name, "version": made.version}
    report(answer, as_json, f"{made.name} version {made.version} comes into force")


@app.command()
def remove(
    name: str, as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None
) -> None:
    """Take a rule set out of force; the built-in one of that name takes its place."""
    configuration = Target(stack, profile, region).existing().configuration
    if configuration.rule_set(name) is None:
        raise UsageError(f"there is no rule set {name!r}")
    configuration.remove_rule_set(name, login())
    report({"name": name}, as_json, f"{name} is out of force")


def _described(document: Put) -> dict[str, str]:
    return {"name": document.name, "version": rule_sets.version(document.text), "since": document.since}
