"""`smartwatch on-call`: who is on call and when, who stands in for whom, and the roster that says so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from notify import policy_files
from notify.on_call import Gap, Turn, gaps, on_call, standing_in, turns
from smartwatch_contracts.roster import Override, Roster, Rotation

from simulator import cli_spans, moments, policies, texts
from simulator.cli_spans import Owner, Reason
from simulator.console import AsJson, Profile, Region, StackName, Target, login, report, say
from simulator.errors import UsageError

app = typer.Typer(help="Who is on call, who stands in, and the roster.", no_args_is_help=True)
roster_app = typer.Typer(help="The roster: people, teams, rotations, and the fallback.", no_args_is_help=True)
app.add_typer(roster_app, name="roster")

Since = Annotated[str | None, typer.Option("--from", help="ISO 8601, UTC without an offset; now by default.")]


@app.command()
def who(
    rotation: Annotated[str | None, typer.Argument(help="All of them without one.")] = None,
    at: Annotated[str | None, typer.Option(help="ISO 8601, UTC without an offset; now by default.")] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Who is on call, and until when."""
    moment = moments.instant(at, "--at") if at else moments.now()
    target = Target(stack, profile, region).existing()
    roster, overrides = policies.roster_of(target), policies.overrides_of(target)
    names = [_known(roster, rotation)] if rotation else sorted(roster.rotations)
    found = [(name, on_call(roster.rotations[name], moment, standing_in(roster, name, overrides))) for name in names]
    answer = {"at": moment.isoformat(), "onCall": [{"rotation": name, **_turn(turn)} for name, turn in found]}
    lines = [f"{name:<20} {_shown(turn, roster.rotations[name])}" for name, turn in found]
    report(answer, as_json, "\n".join(lines) or "the roster has no rotations")


@app.command()
def schedule(
    rotation: str,
    since: Since = None,
    weeks: Annotated[int, typer.Option(min=1, max=104)] = 4,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Who is on call when, with overrides and gaps, on the clocks of the rotation."""
    begins = moments.instant(since, "--from") if since else moments.now()
    ends = begins + timedelta(weeks=weeks)
    target = Target(stack, profile, region).existing()
    roster, overrides = policies.roster_of(target), policies.overrides_of(target)
    made, stand_ins = roster.rotations[_known(roster, rotation)], standing_in(roster, rotation, overrides)
    had: list[Turn | Gap] = [*turns(made, stand_ins, begins, ends), *gaps(made, begins, ends, stand_ins)]
    had.sort(key=lambda each: each.since)
    answer = {
        "rotation": rotation,
        "from": begins.isoformat(),
        "until": ends.isoformat(),
        "turns": [_turn(each) for each in had if isinstance(each, Turn)],
        "gaps": [_span(each) for each in had if isinstance(each, Gap)],
    }
    report(answer, as_json, "\n".join(_line(each, made) for each in had))


@app.command()
def override(
    rotation: str,
    person: str,
    until: Annotated[str, typer.Option(help="ISO 8601, UTC without an offset.")],
    reason: Reason,
    since: Since = None,
    owner: Owner = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Let somebody stand in. Where two overrides overlap, the latest put wins."""
    begins = moments.instant(since, "--from") if since else moments.now()
    ends = moments.instant(until, "--until")
    target = Target(stack, profile, region).existing()
    roster = policies.roster_of(target)
    zone = roster.rotations[_known(roster, rotation)].layers[0].time_zone
    if person not in roster.people:
        raise UsageError(f"there is no person {person!r} in the roster; there are {_listed(roster.people)}")
    fields = {
        "rotation": rotation,
        "person": person,
        "from": begins,
        "until": ends,
        "owner": cli_spans.owner(owner),
        "reason": reason,
    }
    name = f"{rotation[:24]}-{person[:24]}-{begins:%m%d-%H%M}"
    made = cli_spans.put(target.configuration.overrides, Override, name, fields)
    span = f"from {moments.shown(begins, zone)} to {moments.shown(ends, zone)}"
    report(cli_spans.of(made), as_json, f"{made.name}: {person} stands in on {rotation} {span}")


@app.command()
def overrides(as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None) -> None:
    """Every override that is not ended, the latest put last."""
    found, now = Target(stack, profile, region).existing().configuration.overrides.all(), moments.now()
    lines = [cli_spans.line(each, now, f"{each.document.person} on {each.document.rotation}") for each in found]
    report({"overrides": [cli_spans.as_json(each, now) for each in found]}, as_json, "\n".join(lines) or "no overrides")


@app.command("end-override")
def end_override(
    name: str, as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None
) -> None:
    """End an override before its time: the rotation counts again."""
    cli_spans.end(Target(stack, profile, region).existing().configuration.overrides, name, "override")
    report({"name": name}, as_json, f"{name} is ended")


# ---------------------------------------------------------------------------------------------------------- the roster


@roster_app.command()
def show(as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None) -> None:
    """The roster in force, as people wrote it."""
    documents = Target(stack, profile, region).existing().configuration.rosters
    text = policies.in_force(documents, policy_files.DEFAULT, "roster").text
    report({"name": policy_files.DEFAULT, "document": text}, as_json, text.rstrip())


@roster_app.command()
def put(
    file: Annotated[Path, typer.Argument(help="A roster in YAML.")],
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Bring a roster into force, and say what is wrong with the policies in force now."""
    target = Target(stack, profile, region).existing()
    made = policies.parsed(file, texts.read(file), lambda text: target.configuration.rosters.put(text, login()))
    found = policies.findings_of_all(made, target)
    for finding in found:
        say(policies.line(finding))
    answer = {"name": made.name, "findings": [policies.as_json(finding) for finding in found]}
    report(answer, as_json, "the roster comes into force")


@roster_app.command()
def remove(as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None) -> None:
    """Take the roster out of force; the built-in one takes its place."""
    Target(stack, profile, region).existing().configuration.rosters.remove(policy_files.DEFAULT, login())
    report({"name": policy_files.DEFAULT}, as_json, "the built-in roster comes into force")


@roster_app.command()
def history(as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None) -> None:
    """Every roster that was ever put, the latest first."""
    found = policies.versions(Target(stack, profile, region).existing().configuration.rosters, policy_files.DEFAULT)
    answer = [{"name": each.name, "since": each.since, "document": each.text} for each in found]
    report({"versions": answer}, as_json, "\n".join(each.since for each in found))


# ------------------------------------------------------------------------------------------------------ what is shared


def _known(roster: Roster, rotation: str) -> str:
    if rotation not in roster.rotations:
        raise UsageError(f"there is no rotation {rotation!r}; there are {_listed(roster.rotations)}")
    return rotation


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(sorted(names)) or "none"


def _turn(turn: Turn | None) -> dict[str, Any]:
    if turn is None:
        return {"person": None}
    return {"person": turn.person, **_span(turn), **({"override": turn.override} if turn.override else {})}


def _span(each: Turn | Gap) -> dict[str, str]:
    return {"since": each.since.isoformat(), "until": each.until.isoformat()}


def _shown(turn: Turn | None, rotation: Rotation) -> str:
    if turn is None:
        return "nobody: the fallback is told"
    by = f" (override {turn.override})" if turn.override else ""
    return f"{turn.person} until {moments.shown(turn.until, rotation.layers[0].time_zone)}{by}"


def _line(each: Turn | Gap, rotation: Rotation) -> str:
    zone = rotation.layers[0].time_zone
    span = f"{moments.shown(each.since, zone):<26} to {moments.shown(each.until, zone):<26}"
    if isinstance(each, Gap):
        return f"{span} nobody: the fallback is told"
    return f"{span} {each.person}" + (f" (override {each.override})" if each.override else "")
