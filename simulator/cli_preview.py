"""`smartwatch policy preview`: what a policy would do about one alert, step by step, before it has to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import Annotated, get_args

import typer
from notify import policy_files
from smartwatch_contracts.events import Severity
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.roster import Override, Roster, Silence

from simulator import moments, policies, texts, view
from simulator.console import AsJson, Profile, Region, StackName, Target, report
from simulator.errors import UsageError
from simulator.escalation.preview import About
from simulator.escalation.preview import preview as foretold


def register(app: typer.Typer) -> None:
    """Add the command to those about policies."""
    app.command()(preview)


@dataclass(frozen=True)
class Chosen:
    """What an escalation goes by."""

    policy: EscalationPolicy
    roster: Roster
    overrides: Sequence[Override] = ()
    silences: Sequence[Silence] = ()


def preview(
    policy: Annotated[str, typer.Argument(help="A policy in force by its name, or a file in YAML.")] = "default",
    severity: Annotated[str, typer.Option(help="critical or warning.")] = "critical",
    at: Annotated[str | None, typer.Option(help="When it is raised, ISO 8601; now by default.")] = None,
    roster: Annotated[Path | None, typer.Option(help="A roster in YAML, without overrides and silences.")] = None,
    ack_after: Annotated[
        int | None, typer.Option(min=0, max=604_800, help="Somebody answers after so many seconds.")
    ] = None,
    watch: Annotated[str, typer.Option(help="The watch, for silences that name it.")] = "watch-001",
    rule: Annotated[str, typer.Option(help="The rule, for silences that name it.")] = "heart-rate-high",
    site: Annotated[str | None, typer.Option(help="The wearer's site, for silences that name it.")] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Who would be told of an alert, when and through what, if nobody answered. Nothing is sent."""
    how_severe = _severity(severity)
    # On this machine's clocks, and shown by them.
    raised = (moments.instant(at, "--at", local=True) if at else moments.now()).astimezone()
    chosen = _chosen(policy, roster, Target(stack, profile, region))
    lines = foretold(
        chosen.policy,
        chosen.roster,
        chosen.overrides,
        chosen.silences,
        how_severe,
        raised,
        ack_after,
        About(watch, rule, site),
    )
    instants = [raised + timedelta(seconds=line.offset_seconds) for line in lines]
    answer = {
        "policy": chosen.policy.name,
        "version": chosen.policy.version,
        "severity": how_severe,
        "at": raised.astimezone(UTC).isoformat(),
        "lines": [
            {
                "offsetSeconds": line.offset_seconds,
                "at": moment.astimezone(UTC).isoformat(),
                "what": line.what,
                "step": line.step,
                "to": line.to,
                "through": line.through,
                "detail": line.detail,
            }
            for line, moment in zip(lines, instants, strict=True)
        ],
    }
    report(answer, as_json, view.foretold(lines, raised))


def _chosen(policy: str, roster: Path | None, target: Target) -> Chosen:
    """With files alone no stack is asked. Overrides and silences are those of the stack whose roster counts."""
    from_file = Path(policy).is_file()
    if from_file and roster is not None:
        return Chosen(policy_files.policy(texts.read(Path(policy))), policy_files.roster(texts.read(roster)))
    stack = target.existing()
    configuration = stack.configuration
    if from_file:
        text = texts.read(Path(policy))
    else:
        found = configuration.policies.get(policy)
        if found is None:
            raise UsageError(f"there is no policy {policy!r}, in force or as a file")
        text = found.text
    made = policy_files.policy(text)
    if roster is not None:
        return Chosen(made, policy_files.roster(texts.read(roster)))
    silences = [span.document for span in configuration.silences.all()]
    return Chosen(made, policies.roster_of(stack), policies.overrides_of(stack), silences)


def _severity(text: str) -> Severity:
    for severity in get_args(Severity):
        if text == severity:
            return severity  # type: ignore[no-any-return]
    raise UsageError(f"a severity is {' or '.join(get_args(Severity))}, not {text!r}")
