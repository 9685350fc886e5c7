"""`smartwatch profile`: what is known of a watch's wearer, and what that changes about the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.console import AsJson, Profile, Region, StackName, Target, login, report
from simulator.errors import UsageError
from simulator.scoring import rule_sets

app = typer.Typer(help="Profiles of the people who wear watches.", no_args_is_help=True)


@app.command()
def show(
    watch: str, as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None
) -> None:
    """The profile of a watch's wearer."""
    document = Target(stack, profile, region).existing().configuration.profile(watch)
    if document is None:
        raise UsageError(f"{watch} has no profile: it has the rules of everybody")
    report({"deviceId": watch, "document": document.text}, as_json, document.text.rstrip())


@app.command()
def put(
    file: Annotated[Path, typer.Argument(help="A profile in YAML: deviceId, age, restingHeartRate, limits, ...")],
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Bring a profile into force for its watch."""
    made = Target(stack, profile, region).existing().configuration.put_profile(rule_sets.read(file), login())
    report({"deviceId": made.device_id}, as_json, f"{made.device_id} has a profile")


@app.command()
def remove(
    watch: str, as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None
) -> None:
    """Forget who wears a watch."""
    configuration = Target(stack, profile, region).existing().configuration
    if configuration.profile(watch) is None:
        raise UsageError(f"{watch} has no profile")
    configuration.remove_profile(watch, login())
    report({"deviceId": watch}, as_json, f"{watch} has the rules of everybody")
