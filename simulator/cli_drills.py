"""`smartwatch drill` and `drills`: rehearse an escalation, keep how it went, and see how drills have gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from notify.domain import DRY_RUN_PREFIX
from smartwatch_contracts.device import DRILL_PREFIX

from simulator import drill as rehearsals
from simulator import trends, view
from simulator.console import (
    AsJson,
    MqttPort,
    Port,
    Profile,
    Region,
    StackName,
    Target,
    XrayPort,
    login,
    out,
    report,
    say,
    settings,
)
from simulator.devices import scenarios
from simulator.drill import Rehearsal
from simulator.errors import ChainError, UsageError
from simulator.stack import Stack


def register(app: typer.Typer) -> None:
    app.command()(drill)
    app.command()(drills)


def drill(
    scenario: Annotated[str, typer.Option(help=", ".join(scenarios.SCENARIOS))] = "tachycardia",
    policy: Annotated[
        str | None, typer.Option(help="By the policy of this name, or the one in this file; the watch's own otherwise.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; say who would have been told.")] = False,
    page_for_real: Annotated[
        bool, typer.Option("--page-for-real", help="Send to people. Must be said on AWS, unless it is a dry run.")
    ] = False,
    ack_after: Annotated[
        float | None, typer.Option(min=0, help="Acknowledge, this many seconds after the first message.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=20, help="So many at once, each with a watch of its own.")] = 1,
    every: Annotated[float | None, typer.Option(min=1, help="Again so many seconds after the last began.")] = None,
    times: Annotated[int | None, typer.Option(min=1, help="How often, with --every.")] = None,
    watch: Annotated[str | None, typer.Option(help="Its name; must begin with drill-.")] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    port: Port = 4566,
    mqtt_port: MqttPort = 8883,
    xray_port: XrayPort = 2000,
) -> None:
    """Rehearse an escalation, marked DRILL, grade every hop, and keep the card."""
    rehearsal = Rehearsal(scenarios.named(scenario), login(), ack_after, dry_run)
    _refuse(rehearsal, stack, page_for_real, watch, count, every, times)
    cards: list[dict[str, Any]] = []
    with (
        Target(stack, profile, region).existing_or_local(settings(port, mqtt_port, xray_port)) as target,
        rehearsals.policy_for(target, policy, rehearsal.by) as chosen,
    ):
        for _ in _rounds(every, times or 1):
            names = [watch or rehearsal.device_id() for _ in range(count)]
            for card in rehearsals.hold(target, rehearsal, names, chosen, say):
                cards.append(card)
                _keep(target, card)
                if not as_json:
                    out.print(view.card(card), highlight=False)
    single = count * (times or 1) == 1
    if as_json:
        all_passed = {"passed": all(card["passed"] for card in cards), "drills": cards}
        report(cards[0] if single else all_passed, True, "")
    failed = [f"{card['deviceId']}: {hop['name']}" for card in cards for hop in card["hops"] if not hop["passed"]]
    if failed:
        raise ChainError("the drill failed: " + ", ".join(failed))


def drills(as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None) -> None:
    """List the drills that were held, the earliest first, and how each stands to those before it."""
    found = trends.with_trends(Target(stack, profile, region).existing().configuration.drills())
    report({"drills": found}, as_json, view.drills(found) if found else "no drills")


def _refuse(
    rehearsal: Rehearsal,
    stack: str | None,
    page_for_real: bool,
    watch: str | None,
    count: int,
    every: float | None,
    times: int | None,
) -> None:
    """What no cloud is needed to refuse. Errors: `UsageError`."""
    if rehearsal.dry_run and page_for_real:
        raise UsageError("--dry-run or --page-for-real, not both")
    if stack and not (rehearsal.dry_run or page_for_real):
        raise UsageError("a drill on AWS reaches people: say --page-for-real, or --dry-run")
    if watch is not None:
        if not watch.startswith(DRILL_PREFIX):
            raise UsageError("a drill's watch must be named drill-..., or people would take it for real")
        if watch.startswith(DRY_RUN_PREFIX) != rehearsal.dry_run:
            raise UsageError(f"a watch is named {DRY_RUN_PREFIX}... for a dry run, and only then")
        if count > 1:
            raise UsageError("--watch names one watch, and --count wants several")
    if (every is None) != (times is None):
        raise UsageError("--every and --times go together")


def _rounds(every: float | None, times: int) -> Iterator[int]:
    """The rounds, each when its time has come."""
    due = time.monotonic()
    for number in range(times):
        if number and every is not None:
            pause = max(0.0, due - time.monotonic())
            say(f"round {number + 1} of {times} in {pause:.0f} s")
            time.sleep(pause)
        due = time.monotonic() + (every or 0)
        yield number


def _keep(stack: Stack, card: dict[str, Any]) -> None:
    """A card that can't be kept is still shown."""
    try:
        stack.configuration.keep_drill(card, card["by"])
    except (BotoCoreError, ClientError) as error:
        say(f"the card could not be kept: {error}")
