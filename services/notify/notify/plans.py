"""Plans: a policy, made into what the workflow does at an instant: whom to tell, or what to wait for, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from smartwatch_contracts.events import Severity
from smartwatch_contracts.model import Name
from smartwatch_contracts.policies import ChannelType, EscalationPolicy, QuietHours, WarningCourse

from notify.clocks import instant

#: Why a plan is made: the alert is new, became more severe, or its acknowledgement expired; or a silence was put while
#: the escalation was under way, or ended early.
Cause = Literal["raised", "worsened", "expired", "silenced", "unsilenced"]


class _Planned(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, hide_input_in_errors=True)


class Telling(_Planned):
    """One thing that the workflow does: tell people and wait for an answer, or (`hold`) wait and tell nobody.

    `key` is unique for the alert; `rank` grows from one telling to the next, from one plan to the next. `round` counts
    how often this step has told its people before in this plan.
    """

    key: str
    rank: int
    kind: Literal["tell", "hold"]
    cause: Cause
    step: str
    severity: Severity
    tell: list[Name] = []
    through: list[ChannelType] | None = None
    round: int = 0
    first_step: bool = False
    wait_seconds: int
    reason: str = ""


class Plan(_Planned):
    """What is frozen into an execution. `acknowledgement_expiry_seconds` is 0 where an acknowledgement is for good."""

    policy: EscalationPolicy
    severity: Severity
    tellings: list[Telling]
    acknowledgement_expiry_seconds: int


#: Ranks of one plan; a policy has at most 20 steps of 11 messages, each with quiet hours before it.
RANKS = 1000


def plan(
    policy: EscalationPolicy,
    severity: Severity,
    number: int,
    cause: Cause,
    now: datetime,
    *,
    silenced_until: datetime | None = None,
    silence: str = "",
) -> Plan:
    """The plan for an alert of `severity`, made at `now`; `number` counts the plans of the alert."""
    course = policy.course(severity)
    tellings: list[Telling] = []

    def add(kind: Literal["tell", "hold"], step: str, wait_seconds: int, **rest: object) -> None:
        position = len(tellings)
        tellings.append(
            Telling.model_validate(
                {
                    "key": f"{number}.{position}",
                    "rank": number * RANKS + position,
                    "kind": kind,
                    "cause": cause,
                    "step": step,
                    "severity": severity,
                    "wait_seconds": wait_seconds,
                    **rest,
                }
            )
        )

    at = now
    if silenced_until is not None and silenced_until > at:
        add("hold", "silence", _seconds(silenced_until - at), reason=silence)
        at = silenced_until
    quiet = course.quiet_hours if isinstance(course, WarningCourse) else None
    for number_of_step, step in enumerate(course.steps):
        for round_ in range(step.repeat + 1):
            until = quiet_until(quiet, at) if quiet else None
            if quiet and until is not None:
                add(
                    "hold",
                    "quiet-hours",
                    _seconds(until - at),
                    reason=f"quiet until {quiet.until} {quiet.time_zone}",
                )
                at = until
            add(
                "tell",
                step.name,
                step.wait_seconds,
                tell=step.tell,
                through=step.through,
                round=round_,
                first_step=number_of_step == 0,
            )
            at += timedelta(seconds=step.wait_seconds)
    return Plan(
        policy=policy,
        severity=severity,
        tellings=tellings,
        acknowledgement_expiry_seconds=course.acknowledgement_expiry_seconds or 0,
    )


def quiet_until(hours: QuietHours, at: datetime) -> datetime | None:
    """When the quiet hours end that `at` is in; None outside them."""
    for begins, ends in _quiet_spans(hours, at):
        if begins <= at < ends:
            return ends
    return None


def _quiet_spans(hours: QuietHours, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Those that begin yesterday and today on the local clocks. Days are counted, not hours: clocks may change."""
    zone = ZoneInfo(hours.time_zone)
    over_midnight = timedelta(days=hours.ends <= hours.begins)
    for back in (1, 0):
        day = at.astimezone(zone).date() - timedelta(days=back)
        yield instant(day, hours.begins, zone), instant(day + over_midnight, hours.ends, zone)


def _seconds(length: timedelta) -> int:
    """Whole seconds, rounded up: nobody is told too early. At least one: a task waits for something."""
    return max(1, -int(-length.total_seconds() // 1))
