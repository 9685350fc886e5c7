"""What if the limit were another, and the delay: one rule with every pair of them, over the same readings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

from evaluate.compiled import CompiledRules, compiled
from evaluate.machine import Machine
from evaluate.observations import KNOWN_FOR_MS, Context, Observation
from smartwatch_contracts.rules import Band, Clear, Gate, Level, Rule, RuleSet

from simulator.errors import UsageError
from simulator.scoring.streams import Stream, total_days

Side = Literal["above", "below"]
Swept = Literal["heartRate", "spo2"]

#: More pairs than this are no table that anybody reads.
MOST_PAIRS = 600
RULE = "what-if"


@dataclass(frozen=True)
class Cell:
    """One limit and one delay. `missed_seconds` is time beyond the limit while no alert was open."""

    limit: float
    for_seconds: int
    alerts: int
    alerts_per_person_day: float
    missed_seconds: float


@dataclass(frozen=True)
class Sweep:
    """All pairs, limits within delays. `beyond_seconds` is, by limit, the time that was spent beyond it."""

    signal: Swept
    side: Side
    limits: tuple[float, ...]
    delays: tuple[int, ...]
    cells: tuple[Cell, ...]
    beyond_seconds: tuple[float, ...]
    days: float

    def row(self, delay: int) -> list[Cell]:
        return [cell for cell in self.cells if cell.for_seconds == delay]

    def as_json(self) -> dict[str, Any]:
        return {
            "signal": self.signal,
            "side": self.side,
            "personDays": round(self.days, 4),
            "beyondSeconds": dict(zip((f"{limit:g}" for limit in self.limits), self.beyond_seconds, strict=True)),
            "cells": [
                {
                    "limit": cell.limit,
                    "forSeconds": cell.for_seconds,
                    "alerts": cell.alerts,
                    "alertsPerPersonDay": round(cell.alerts_per_person_day, 3),
                    "missedSeconds": round(cell.missed_seconds, 1),
                }
                for cell in self.cells
            ],
        }


def steps(text: str, name: str) -> tuple[float, ...]:
    """`FROM:TO:STEP`, both ends included, or one number. Errors: `UsageError`."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if len(parts) == 1 and math.isfinite(parts[0]):
        return (parts[0],)
    if len(parts) != 3 or not all(math.isfinite(part) for part in parts) or parts[2] <= 0 or parts[1] < parts[0]:
        raise UsageError(f"--{name} takes FROM:TO:STEP, such as 110:150:10, not {text!r}")
    count = math.floor((parts[1] - parts[0]) / parts[2] + 1e-9) + 1
    if count > MOST_PAIRS:
        raise UsageError(f"--{name}: {count} steps are too many")
    return tuple(round(parts[0] + index * parts[2], 6) for index in range(count))


def activities(text: str | None) -> tuple[Gate, ...] | None:
    """Activities, with commas between them. Errors: `UsageError`."""
    if text is None:
        return None
    named = tuple(part.strip() for part in text.split(",") if part.strip())
    if not named or any(part not in get_args(Gate) for part in named):
        raise UsageError(f"--during takes some of {', '.join(get_args(Gate))}, not {text!r}")
    return named  # type: ignore[return-value]


def swept(
    streams: Sequence[Stream],
    signal: Swept,
    side: Side,
    limits: Sequence[float],
    delays: Sequence[float],
    during: tuple[Gate, ...] | None = None,
) -> Sweep:
    """Every limit with every delay. Readings that came late, as nobody acts on them, are left out. Errors:
    `UsageError`."""
    if len(limits) * len(delays) > MOST_PAIRS:
        raise UsageError(f"{len(limits)} limits and {len(delays)} delays are too many: {MOST_PAIRS} pairs at the most")
    if any(delay < 0 or delay != int(delay) or delay > 86_400 for delay in delays):
        raise UsageError("--for takes whole seconds, up to a day")
    days = total_days(streams)
    timelines = [_in_time(stream) for stream in streams]
    values = [_believed(_rules(signal, side, limits[0], 0, during), timeline, signal) for timeline in timelines]
    beyond = tuple(
        sum(length for believed in values for _, value, length in believed if _is_beyond(value, limit, side)) / 1000
        for limit in limits
    )
    cells = []
    for delay in delays:
        for limit in limits:
            rules = _rules(signal, side, limit, int(delay), during)
            alerts, missed = 0, 0.0
            for timeline, believed in zip(timelines, values, strict=True):
                opened = _episodes(rules, timeline)
                alerts += len(opened)
                missed += _missed_ms(opened, believed, limit, side) / 1000
            cells.append(Cell(limit, int(delay), alerts, alerts / days if days else 0.0, missed))
    return Sweep(signal, side, tuple(limits), tuple(int(d) for d in delays), tuple(cells), beyond, days)


def _in_time(stream: Stream) -> list[Observation]:
    late_ms = RuleSet.model_fields["late_after_seconds"].default * 1000
    distinct = {seen.at: seen for seen in stream.observations if seen.received_at - seen.at <= late_ms}
    return [distinct[at] for at in sorted(distinct)]


def _rules(signal: Swept, side: Side, limit: float, delay: int, during: tuple[Gate, ...] | None) -> CompiledRules:
    other = "below" if side == "above" else "above"
    rule = Rule(
        id=RULE,
        title="What if",
        during=during,
        bands=(Band(severity="critical", when=Level(signal=signal, **{side: limit}), for_seconds=delay),),
        clear=Clear(when=Level(signal=signal, **{other: limit})),
    )
    return compiled(RuleSet(name=RULE, version="1", rules=(rule,)))


def _believed(rules: CompiledRules, timeline: Sequence[Observation], signal: Swept) -> list[tuple[int, float, int]]:
    """Each believable value with its time, and how long it stood, in milliseconds; not longer than it is known for."""
    context = Context(rules.rule_set, rules.look_back_ms)
    found = []
    for seen, following in pairwise([*timeline, None]):
        if seen is None:
            continue
        moment = context.moment(seen)
        value = moment.heart_rate if signal == "heartRate" else moment.spo2
        if value is not None:
            length = 0 if following is None else min(following.at - seen.at, KNOWN_FOR_MS)
            found.append((seen.at, value, length))
    return found


def _is_beyond(value: float, limit: float, side: Side) -> bool:
    return value > limit if side == "above" else value < limit


def _episodes(rules: CompiledRules, timeline: Sequence[Observation]) -> list[tuple[int, float]]:
    """When each episode was open."""
    machine = Machine(rules)
    for seen in timeline:
        machine.step(seen)
    return [
        (episode.opened_at, math.inf if episode.ended_at is None else episode.ended_at) for episode in machine.episodes
    ]


def _missed_ms(
    opened: Sequence[tuple[int, float]], believed: Sequence[tuple[int, float, int]], limit: float, side: Side
) -> int:
    missed = 0
    episodes: Iterator[tuple[int, float]] = iter(sorted(opened))
    current = next(episodes, None)
    for at, value, length in believed:
        while current is not None and current[1] <= at:
            current = next(episodes, None)
        if _is_beyond(value, limit, side) and (current is None or at < current[0]):
            missed += length
    return missed
