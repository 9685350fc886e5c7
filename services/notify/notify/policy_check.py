"""What an escalation policy would do that nobody can mean, said before a life depends on it. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from smartwatch_contracts.policies import Course, EscalationPolicy, Step
from smartwatch_contracts.roster import Override, Recipient, Roster

from notify.on_call import Gap, gaps, standing_in

#: The workflow ends after so long, whatever a policy says: its `TimeoutSeconds`.
BACKSTOP_SECONDS = 7 * 86_400
#: A state takes 256 KB, and a plan says more of a step than the policy does (Step Functions quotas).
PLAN_BYTES_MAX = 80_000
#: How far ahead rotas are looked through.
WEEKS_AHEAD = 8


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: an error makes a policy useless in some case, a warning asks for a second look."""

    severity: Literal["error", "warning"]
    where: str
    text: str


def mistakes(
    policy: EscalationPolicy,
    roster: Roster,
    overrides: Sequence[Override],
    *,
    at: datetime,
    ledger_days: int,
) -> list[Finding]:
    """Everything that can be known to be wrong at an instant; nothing for a good policy.

    `overrides` are all that there are, the latest put last. An alert is remembered for `ledger_days`.
    """
    current = [override for override in overrides if override.until > at]
    courses = [("critical", policy.severities.critical), ("warning", policy.severities.warning)]
    found: list[Finding] = []
    for severity, course in courses:
        found += _of_course(severity, course, roster, current, ledger_days)
    told = dict.fromkeys(name for _, course in courses for step in course.steps for name in step.tell)
    for name in told:
        if name in roster.rotations:
            found += _of_rotation(name, roster, current, at)
    for override in current:
        found += _of_override(override, roster)
    return found


def _of_course(
    severity: str, course: Course, roster: Roster, overrides: Sequence[Override], ledger_days: int
) -> Iterator[Finding]:
    begins = 0
    for step in course.steps:
        where = f"{severity}, step {step.name}"
        if begins >= BACKSTOP_SECONDS:
            reason = f"it would begin after {_span(begins)}, and an escalation ends after {_span(BACKSTOP_SECONDS)}"
            yield Finding("error", where, f"is never reached: {reason}")
        begins += step.wait_seconds * (1 + step.repeat)
        yield from _of_step(where, step, roster, overrides)
    plan_bytes = sum(len(step.model_dump_json()) * (1 + step.repeat) for step in course.steps)
    if plan_bytes > PLAN_BYTES_MAX:
        yield Finding("error", severity, f"makes a plan of {plan_bytes} bytes; Step Functions takes {PLAN_BYTES_MAX}")
    expiry = course.acknowledgement_expiry_seconds or 0
    whole = begins + expiry
    if whole > ledger_days * 86_400:
        text = f"takes up to {_span(whole)}, and an alert is remembered for {_span(ledger_days * 86_400)}"
        yield Finding("error", severity, text)
    elif expiry >= BACKSTOP_SECONDS:
        text = f"an answer expires after {_span(expiry)}, and an escalation ends after {_span(BACKSTOP_SECONDS)}"
        yield Finding("warning", severity, text)


def _of_step(where: str, step: Step, roster: Roster, overrides: Sequence[Override]) -> Iterator[Finding]:
    told: dict[str, Recipient] = {}
    for name in step.tell:
        reached = recipients(name, roster, overrides)
        if reached is None:
            yield Finding("error", where, f"{name} is not in the roster")
        else:
            told |= reached
    if step.through is None:
        return
    through = " or ".join(step.through)
    deaf = [
        name
        for name, recipient in told.items()
        if not {channel.type for channel in recipient.channels} & set(step.through)
    ]
    if told and len(deaf) == len(told):
        yield Finding("error", where, f"tells nobody: none of {', '.join(deaf)} has a channel through {through}")
        return
    for name in deaf:
        yield Finding("warning", where, f"{name} has no channel through {through}")


def recipients(name: str, roster: Roster, overrides: Sequence[Override]) -> dict[str, Recipient] | None:
    """Everybody whom a name can mean; None for an unknown one."""
    if name in roster.teams:
        return {name: roster.teams[name]}
    if name in roster.people:
        return {name: roster.people[name]}
    if name not in roster.rotations:
        return None
    people = [person for layer in roster.rotations[name].layers for person in layer.people]
    people += [override.person for override in standing_in(roster, name, overrides)]
    return {person: roster.people[person] for person in people}


def _of_rotation(name: str, roster: Roster, overrides: Sequence[Override], at: datetime) -> Iterator[Finding]:
    rotation, until = roster.rotations[name], at + timedelta(weeks=WEEKS_AHEAD)
    empty = list(gaps(rotation, at, until, standing_in(roster, name, overrides)))
    if not empty:
        return
    if (empty[0].since, empty[0].until) == (at, until):
        text = f"nobody is on call in the next {WEEKS_AHEAD} weeks: the fallback is told instead"
        yield Finding("error", f"rotation {name}", text)
        return
    first = _local(empty[0], rotation.layers[0].time_zone)
    more = f", and in {len(empty) - 1} more gaps of the next {WEEKS_AHEAD} weeks" if len(empty) > 1 else ""
    text = f"nobody is on call {first}{more}: the fallback is told then"
    yield Finding("warning", f"rotation {name}", text)


def _of_override(override: Override, roster: Roster) -> Iterator[Finding]:
    where = f"override {override.name}"
    if override.rotation not in roster.rotations:
        yield Finding("warning", where, f"counts for nothing: there is no rotation {override.rotation}")
    if override.person not in roster.people:
        yield Finding("warning", where, f"is ignored: {override.person} is no person of the roster")


def _local(gap: Gap, time_zone: str) -> str:
    zone = ZoneInfo(time_zone)
    since, until = gap.since.astimezone(zone), gap.until.astimezone(zone)
    return f"from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} ({time_zone})"


def _span(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"
