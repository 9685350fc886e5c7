"""`smartwatch silence`: hold alerts back while something is being done about a watch, a rule or a site."""

from __future__ import annotations

from typing import Annotated

import typer
from smartwatch_contracts.roster import Silence

from simulator import cli_spans, moments
from simulator.cli_spans import Owner, Reason
from simulator.console import AsJson, Profile, Region, StackName, Target, report
from simulator.errors import UsageError

app = typer.Typer(help="Silences: alerts that wait, for a while, and are never dropped.", no_args_is_help=True)


@app.command()
def add(
    reason: Reason,
    watch: Annotated[str | None, typer.Option(help="Alerts about this watch.")] = None,
    rule: Annotated[str | None, typer.Option(help="Alerts by this rule.")] = None,
    site: Annotated[str | None, typer.Option(help="Alerts at this site of profiles.")] = None,
    length: Annotated[str | None, typer.Option("--for", help="How long from now: 30m, 2h; a day at most.")] = None,
    until: Annotated[str | None, typer.Option(help="ISO 8601, UTC without an offset, in place of --for.")] = None,
    owner: Owner = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Hold alerts back until it ends. What is named together must all be the alert's."""
    if (length is None) == (until is None):
        raise UsageError("a silence takes either --for or --until")
    begins = moments.now()
    ends = begins + moments.span(length, "--for") if length else moments.instant(until or "", "--until")
    about = {"watch": watch, "rule": rule, "site": site}
    silences = Target(stack, profile, region).existing().configuration.silences
    fields = {**about, "from": begins, "until": ends, "owner": cli_spans.owner(owner), "reason": reason}
    made = cli_spans.put(silences, Silence, f"silence-{begins:%m%d-%H%M%S}", fields)
    shown = f"{made.name}: alerts {_about(made)} wait until {moments.shown(made.until)}"
    report(cli_spans.of(made), as_json, shown)


@app.command("list")
def list_(as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None) -> None:
    """Every silence that is not ended, the latest put last."""
    found, now = Target(stack, profile, region).existing().configuration.silences.all(), moments.now()
    lines = [cli_spans.line(each, now, f"alerts {_about(each.document)}") for each in found]
    report({"silences": [cli_spans.as_json(each, now) for each in found]}, as_json, "\n".join(lines) or "no silences")


@app.command()
def end(
    name: str, as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None
) -> None:
    """End a silence before its time: what it holds back is told."""
    cli_spans.end(Target(stack, profile, region).existing().configuration.silences, name, "silence")
    report({"name": name}, as_json, f"{name} is ended")


def _about(silence: Silence) -> str:
    named = [("about", silence.watch), ("by", silence.rule), ("at", silence.site)]
    return " ".join(f"{word} {name}" for word, name in named if name)
