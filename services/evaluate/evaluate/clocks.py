"""Whether a watch's clock is wrong: how far its readings lag behind their receipt, message by message."""

from __future__ import annotations

from collections.abc import Sequence

from evaluate.compiled import CompiledRules
from evaluate.episodes import Clock
from evaluate.machine import Episode, Machine, Note
from evaluate.observations import Observation


def check(
    rules: CompiledRules, clock: Clock, observations: Sequence[Observation], note: Note | None
) -> tuple[Clock, list[Episode]]:
    """How far the watch's clock is off, message by message, in order of receipt."""
    if not rules.clock_rules:
        return clock, []
    limits = rules.rule_set.clock_skew
    newest: dict[int, int] = {}
    for seen in observations:
        newest[seen.received_at] = max(seen.at, newest.get(seen.received_at, 0))
    received = sorted(at for at in newest if clock.last_received_at is None or at > clock.last_received_at)
    lags = [at - newest[at] for at in received]
    beyond_ms = limits.beyond_seconds * 1000
    if clock.lag is None and all(abs(lag) <= beyond_ms for lag in lags) and not (clock.machine or {}).get("states"):
        # The ordinary case. Only a clock that was wrong is worth a note of when it was last seen.
        return clock, _episodes(rules, clock)
    machine = Machine.load(rules, clock.machine, note)
    lag: int | None = clock.lag
    for at, off in zip(received, lags, strict=True):
        if abs(off) <= beyond_ms:
            lag, wrong = None, False
        elif lag is not None and abs(off - lag) <= limits.steady_within_seconds * 1000:
            wrong = True
        else:
            lag, wrong = off, False
        machine.step_clock(at, wrong)
    if not received:
        return clock, machine.episodes
    machine.forget(received[-1] - 2 * rules.rule_set.gap_seconds * 1000)
    return Clock(machine.dump(), lag, received[-1]), machine.episodes


def _episodes(rules: CompiledRules, clock: Clock) -> list[Episode]:
    return Machine.load(rules, clock.machine).episodes if clock.machine else []
