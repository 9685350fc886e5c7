"""What an alert's timeline says: its plans, who was told at which step, and when. Values in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from notify.domain import milliseconds
from notify.plans import Cause, Plan, plan
from smartwatch_contracts.events import Severity
from smartwatch_contracts.policies import EscalationPolicy

Alert = dict[str, Any]
Entry = dict[str, str]

#: A message was sent, or may have been.
SENT = ("told", "perhaps-told")
#: What is sent besides: none of these asks for an answer.
NOTICES = ("said-cleared", "said-acknowledged", "told-in-digest")
#: A step did what it does, also where its people were spared.
ACTED = (*SENT, "held-back")

_PLANNED = re.compile(r"policy (?P<name>\S+) (?P<version>\S+), (?P<severity>warning|critical)")
_JOINED = re.compile(r"by (?P<title>.*), (?P<severity>warning|critical), (?P<alert>\S+)")


@dataclass(frozen=True)
class Planned:
    """One plan of an alert, made at `at` (milliseconds since 1970), and what happened until the next."""

    at: int
    policy: str
    version: str
    severity: Severity
    cause: Cause
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Expected:
    """A telling that a plan foresees: this step for this round, so many milliseconds after the plan was made."""

    step: str
    round: int
    after: int
    wait: int


@dataclass(frozen=True)
class Joined:
    """An alert that joined this one, when it did."""

    alert_id: str
    title: str
    severity: str


def entries(alert: Alert) -> list[Entry]:
    return list(alert.get("timeline", []))


def first(found: Iterable[Entry], *what: str) -> int | None:
    """When one of these happened first, in milliseconds since 1970."""
    return min((milliseconds(entry["at"]) for entry in found if entry["what"] in what), default=None)


def plans(alert: Alert) -> list[Planned]:
    """Every plan of an alert, in order."""
    found: list[Planned] = []
    collected: list[Entry] = []
    cause: Cause = "raised"
    for entry in entries(alert):
        match = _PLANNED.fullmatch(entry["detail"]) if entry["what"] == "planned" else None
        if match is None:
            collected.append(entry)
            if entry["what"] == "severity-raised":
                cause = "worsened"
            elif entry["what"] == "acknowledgement-expired":
                cause = "expired"
            continue
        collected = []
        severity = cast(Severity, match["severity"])
        at = milliseconds(entry["at"])
        found.append(Planned(at, match["name"], match["version"], severity, cause, collected))
    return found


def joined(alert: Alert) -> list[Joined]:
    """The alerts that joined this one, in order, each once."""
    matches = [_JOINED.fullmatch(entry["detail"]) for entry in entries(alert) if entry["what"] == "joined"]
    found = {match["alert"]: Joined(match["alert"], match["title"], match["severity"]) for match in matches if match}
    return list(found.values())


def plan_of(planned: Planned, policy: EscalationPolicy) -> Plan:
    """The plan again, from the policy that it was made of; silences apart."""
    return plan(policy, planned.severity, 1, planned.cause, datetime.fromtimestamp(planned.at / 1000).astimezone())


def expected(made: Plan) -> list[Expected]:
    """The tellings of a plan; what holds them off is part of `after`."""
    found, after = [], 0
    for telling in made.tellings:
        if telling.kind == "tell":
            found.append(Expected(telling.step, telling.round, after, telling.wait_seconds * 1000))
        after += telling.wait_seconds * 1000
    return found


def seconds(made: Plan) -> int:
    """How long a plan takes when nobody answers."""
    return sum(telling.wait_seconds for telling in made.tellings)


def told(found: Iterable[Entry], *what: str) -> dict[tuple[str, int], int]:
    """When each step acted in each of its rounds, by step and round: a recipient's second message is the second round.

    Milliseconds since 1970. `what` are the entries that count; by default, those by which a step acts.
    """
    rounds: dict[tuple[str, str], int] = {}
    acted: dict[tuple[str, int], int] = {}
    for entry in found:
        if entry["what"] not in (what or ACTED) or not entry.get("step"):
            continue
        recipient = entry["step"], entry.get("to", "")
        number = rounds.get(recipient, 0)
        rounds[recipient] = number + 1
        acted.setdefault((entry["step"], number), milliseconds(entry["at"]))
    return acted


def told_after(found: Sequence[Entry]) -> list[Entry]:
    """Messages that asked for an answer after an acknowledgement that was still good."""
    late, answered = [], False
    for entry in found:
        if entry["what"] == "acknowledged":
            answered = True
        elif entry["what"] in ("acknowledgement-expired", "reopened"):
            answered = False
        elif answered and entry["what"] in SENT:
            late.append(entry)
    return late


def all_have_heard(found: Sequence[Entry]) -> bool:
    """Whether everybody who was told has heard that it is over, or may have."""
    told = {entry["to"] for entry in found if entry["what"] == "told"}
    heard = {
        entry["to"]
        for entry in found
        if entry["what"] == "said-cleared" or (entry["what"] == "perhaps-told" and not entry.get("step"))
    }
    return told <= heard
