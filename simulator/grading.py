"""How a drill is graded: what came of it, hop by hop, against what its policy foresees. Values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from notify.domain import DRY_RUN, milliseconds
from notify.plans import Plan

from simulator import timeline
from simulator.timeline import Alert, Expected, Planned

#: What the platform may add to what rules and policies wait for, in milliseconds: windows, cold starts, a slow laptop.
STORE_BUDGET_MS = 15_000
ALERT_BUDGET_MS = 10_000
TELL_BUDGET_MS = 8_000
STEP_BUDGET_MS = 5_000
ANSWER_BUDGET_MS = 5_000
CLEAR_BUDGET_MS = 10_000


@dataclass(frozen=True)
class Hop:
    """One step of the chain. `milliseconds` is None when it was never reached, or when no time is asked for."""

    name: str
    milliseconds: int | None
    budget_milliseconds: int | None
    passed: bool


@dataclass(frozen=True)
class Times:
    """How long people waited, in milliseconds; None for what did not happen.

    To the first message, to the acknowledgement and to the first message of the last step from when the alert was
    raised; to the clear from when the wearer recovered.
    """

    notify: int | None
    acknowledge: int | None
    page: int | None
    clear: int | None


@dataclass(frozen=True)
class Course:
    """An escalation as it went. `plan` is the alert's latest; `first` the one that it began with."""

    alert: Alert
    first: Plan
    plan: Plan
    planned: Planned

    @property
    def raised(self) -> int:
        """In milliseconds since 1970."""
        return milliseconds(self.alert["raisedAt"])

    @property
    def expected(self) -> list[Expected]:
        return timeline.expected(self.plan)

    @property
    def last_step(self) -> str:
        """The step that must not fail."""
        return self.expected[-1].step

    @property
    def last_resort(self) -> Expected:
        """The first telling of the last step."""
        return next(each for each in self.expected if each.step == self.last_step)

    @property
    def told(self) -> dict[tuple[str, int], int]:
        return timeline.told(self.planned.entries)


def times(course: Course, recovered_at: int | None) -> Times:
    """`recovered_at` is in milliseconds since 1970; None for a wearer who did not recover."""
    found = timeline.entries(course.alert)
    paged = course.told.get((course.last_step, 0))
    return Times(
        notify=_between(course.raised, timeline.first(found, *timeline.SENT)),
        acknowledge=_between(course.raised, timeline.first(found, "acknowledged")),
        page=_between(course.raised, paged),
        clear=_between(recovered_at, timeline.first(found, "cleared")),
    )


def notified(course: Course, taken: Times) -> Hop:
    """What holds the first message off, quiet hours for one, is no delay of the platform."""
    return within("time to notify", taken.notify, _first_after(course) + TELL_BUDGET_MS)


def unanswered(course: Course, taken: Times) -> list[Hop]:
    """Every telling of the plan after the one before, the exhaustion, and the page from the beginning."""
    hops = []
    before = 0
    before_at: int | None = course.planned.at
    told = course.told
    for number, expected in enumerate(course.expected):
        at = told.get((expected.step, expected.round))
        budget = expected.after - before + (STEP_BUDGET_MS if number else TELL_BUDGET_MS)
        hops.append(within(named(expected), _between(before_at, at), budget))
        before, before_at = expected.after, at
    exhausted = timeline.first(course.planned.entries, "exhausted")
    hops.append(within("exhausted", _between(before_at, exhausted), course.expected[-1].wait + STEP_BUDGET_MS))
    hops.append(paged(course, taken))
    return hops


def paged(course: Course, taken: Times) -> Hop:
    """The first message of the last step, by the plan that was in force then."""
    steps = course.expected.index(course.last_resort)
    planned = max(0, course.planned.at - course.raised)
    budget = planned + course.last_resort.after + TELL_BUDGET_MS + steps * STEP_BUDGET_MS
    return within("time to page", taken.page, budget)


def answered(course: Course, taken: Times, ack_after_ms: int) -> list[Hop]:
    """Somebody answered so long after the first message: then nobody is told any more, least of all the last."""
    found = timeline.entries(course.alert)
    budget = _first_after(course) + TELL_BUDGET_MS + ack_after_ms + ANSWER_BUDGET_MS
    acknowledged = timeline.first(found, "acknowledged")
    hops = [
        within("time to acknowledge", taken.acknowledge, budget),
        said("nobody told after that", acknowledged is not None and not timeline.told_after(found)),
    ]
    due = course.planned.at + course.last_resort.after
    if acknowledged is None or course.last_resort.after == 0:
        return hops
    if acknowledged < due:
        hops.append(said("nobody paged", taken.page is None))
    elif taken.page is not None:
        hops.append(paged(course, taken))
    return hops


def cleared(alert: Alert, recovered_at: int, decided_at: int | None, taken: Times) -> list[Hop]:
    """Noted soon after the reading that decides it, and said to everybody who was told. Milliseconds since 1970."""
    found = timeline.entries(alert)
    rule = max(0, decided_at - recovered_at) if decided_at is not None else 0
    return [
        within("time to clear", taken.clear, rule + CLEAR_BUDGET_MS),
        said("everyone told that it is over", timeline.all_have_heard(found)),
    ]


def spared(alert: Alert, messages: Sequence[dict[str, Any]] | None) -> list[Hop]:
    """A dry run: it says of every message that it was not sent, and nothing about it is in the outbox, if there is one.

    `messages` is the outbox.
    """
    sent = [entry for entry in timeline.entries(alert) if "receipt" in entry or entry["what"] == "perhaps-told"]
    about = [message for message in messages or [] if alert["alertId"] in message["message"]]
    dry = all(entry.get("receipt") == DRY_RUN for entry in sent)
    return [said("nobody was sent anything", bool(sent) and dry and not about)]


def marked(alert: Alert, messages: Sequence[dict[str, Any]]) -> Hop:
    """Whatever a person received says DRILL, in its subject and in its text."""
    about = [message for message in messages if alert["alertId"] in message["message"]]
    good = all("DRILL" in m["message"] and (not m["subject"] or "DRILL" in m["subject"]) for m in about)
    return said("every message marked DRILL", bool(about) and good)


def named(expected: Expected) -> str:
    """A telling, for people."""
    again = ("", " again")[min(expected.round, 1)]
    return f"{expected.step} told{again}" + (f" ({expected.round})" if expected.round > 1 else "")


def within(name: str, milliseconds: int | None, budget: int) -> Hop:
    return Hop(name, milliseconds, budget, milliseconds is not None and milliseconds <= budget)


def said(name: str, passed: bool) -> Hop:
    """A hop that no time is asked of."""
    return Hop(name, None, None, passed)


def _first_after(course: Course) -> int:
    return timeline.expected(course.first)[0].after


def _between(begin: int | None, end: int | None) -> int | None:
    return None if begin is None or end is None else end - begin
