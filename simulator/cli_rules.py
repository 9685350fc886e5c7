"""`smartwatch rules`: what a rule set is before it is in force. Exit code 2 for one that is no good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from evaluate.compiled import LimitError

from simulator.console import AsJson, Profile, Region, StackName, Target, report
from simulator.data import Data, Recordings, Watch, gathered
from simulator.errors import UsageError
from simulator.scoring import difference, rule_sets, tables

app = typer.Typer(help="Rule sets: check, compare.", no_args_is_help=True)


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
    report(answer, as_json, listed.replace("[", "\\[") or f"{file} is valid")
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
