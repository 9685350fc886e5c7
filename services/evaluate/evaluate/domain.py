"""When an alert opens, becomes worse and clears: one pure function over the readings of one watch.

Readings that come in time are taken in event time, whatever order they come in: the last few minutes are kept, and one
that comes out of order rewinds to before it. So any order gives the same episodes, and a repeated reading changes
nothing. What has been announced is then reconciled with what is true: people are told again only of what is open and
was not announced as open.

Readings that come late have a lane of their own. Episodes in it are history and reach nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from smartwatch_contracts.device import MAX_FUTURE_MS
from smartwatch_contracts.events import (
    AlertClearedV1,
    AlertRaisedV1,
    AlertSeverityChangedV1,
    RetrospectiveEpisodeFoundV1,
    TechnicalAlertRaisedV1,
)

from evaluate import announcements, clocks, history
from evaluate.compiled import CompiledRules
from evaluate.episodes import DeviceState
from evaluate.machine import Machine, Note
from evaluate.observations import EFFORTS, Observation

#: How long an effort may go on before the state says so again, in milliseconds: it only decides what counts as rest.
EFFORT_SAVED_MS = 60_000

AlertEvent = (
    AlertRaisedV1 | TechnicalAlertRaisedV1 | AlertSeverityChangedV1 | AlertClearedV1 | RetrospectiveEpisodeFoundV1
)


@dataclass(frozen=True)
class Outcome:
    """What the readings changed. `state` is the very object that was passed in when nothing changed."""

    state: DeviceState
    events: tuple[AlertEvent, ...] = ()


def evaluate(
    rules: CompiledRules, state: DeviceState, observations: Sequence[Observation], note: Note | None = None
) -> Outcome:
    """Apply readings of one watch to what is known of it. `note` hears why, decision by decision."""
    in_time, late = _sorted_out(rules, state, observations)
    state_, machine = _take(rules, state, in_time, note)
    clock, clock_episodes = clocks.check(rules, state.clock, observations, note)
    lane, found = history.look_back(rules, state.device_id, state.late, late, in_time)
    changed = replace(state_, clock=clock, late=lane)
    if machine is None and clock is state.clock and not _may_have_orphans(rules, state):
        return Outcome(state if lane is state.late else changed, tuple(found))
    if machine is None:
        # What the rules of now do not know is left out, and may not come back with rules that do.
        machine = Machine.load(rules, state.head)
        changed = replace(changed, head=machine.dump())
    announced, events = announcements.reconciled(rules, changed, [*machine.episodes, *clock_episodes])
    return Outcome(replace(changed, announced=announced, ruled_by=rules.digest), (*events, *found))


def _may_have_orphans(rules: CompiledRules, state: DeviceState) -> bool:
    """Whether an alert is open that other rules raised than those in force."""
    return state.ruled_by != rules.digest and any(alert.cleared_at is None for alert in state.announced)


def _sorted_out(
    rules: CompiledRules, state: DeviceState, observations: Iterable[Observation]
) -> tuple[list[Observation], list[Observation]]:
    late_ms = rules.rule_set.late_after_seconds * 1000
    oldest = -1 if state.checkpoint_at is None else state.checkpoint_at
    in_time: list[Observation] = []
    late: list[Observation] = []
    for seen in observations:
        is_late = seen.received_at - seen.at > late_ms or seen.at <= oldest
        (late if is_late else in_time).append(seen)
    return in_time, late


def _take(
    rules: CompiledRules, state: DeviceState, in_time: list[Observation], note: Note | None
) -> tuple[DeviceState, Machine | None]:
    """The state after readings in time, and its machine; None when none of them was new."""
    recent = {seen.at: seen for seen in state.recent}
    newest = state.recent[-1].at if state.recent else -1
    new: dict[int, Observation] = {}
    for seen in in_time:
        known = new.get(seen.at) or recent.get(seen.at)
        # Two readings of one moment: the same one wins, whichever comes first.
        if known is None or str(seen[2:]) > str(known[2:]):
            new[seen.at] = seen
    if not new:
        return state, None
    in_order = sorted(new.values())
    if in_order[0].at > newest:
        machine = Machine.load(rules, state.head, note)
        for seen in in_order:
            machine.step(seen)
        kept = [*state.recent, *in_order]
    else:
        kept = sorted({**recent, **new}.values())
        machine = Machine.load(rules, state.checkpoint, note)
        for seen in kept:
            machine.step(seen)
    return _folded(rules, state, machine, kept), machine


def _folded(rules: CompiledRules, state: DeviceState, machine: Machine, kept: list[Observation]) -> DeviceState:
    """The state with readings that nothing in time can precede any more folded into its checkpoint."""
    checkpoint, checkpoint_at = state.checkpoint, state.checkpoint_at
    keep_ms = rules.rule_set.late_after_seconds * 1000 + MAX_FUTURE_MS
    if kept[-1].at - kept[0].at > 2 * keep_ms:
        until = min(kept[-1].at, max(seen.received_at for seen in kept)) - keep_ms
        folded = Machine.load(rules, checkpoint)
        while kept[0].at <= until:
            checkpoint_at = kept[0].at
            folded.step(kept.pop(0))
        if checkpoint_at is not None:
            folded.forget(checkpoint_at)
            machine.forget(checkpoint_at)
        checkpoint = folded.dump()
    return replace(state, head=machine.dump(), checkpoint=checkpoint, checkpoint_at=checkpoint_at, recent=tuple(kept))


def worth_saving(before: DeviceState, outcome: Outcome) -> bool:
    """Whether somebody who loads the state later could decide otherwise for it."""
    after = outcome.state
    if before.unpublished or outcome.events:
        return True
    if after is before:
        return False
    if before.watched or after.watched or after.clock is not before.clock or after.late.at != before.late.at:
        return True
    if after.activity == "settling":
        return True
    if after.effort_at != before.effort_at and after.activity not in EFFORTS:
        # When an effort ended decides when rest begins.
        return True
    return (after.effort_at or 0) - (before.effort_at or 0) >= EFFORT_SAVED_MS
