"""Episodes in readings that came too late to act on."""

from __future__ import annotations

from bisect import insort

from smartwatch_contracts.device import is_drill, titled
from smartwatch_contracts.events import RetrospectiveEpisodeFoundV1
from smartwatch_contracts.ids import alert_id

from evaluate.compiled import CompiledRules
from evaluate.episodes import LateLane
from evaluate.machine import Episode, Machine
from evaluate.observations import Observation

#: Two late readings further apart than this leave a gap that later ones may fill, in milliseconds.
COVERED_TOGETHER_MS = 60_000
#: Covered stretches that are remembered for one watch.
COVERED_KEPT = 50


def look_back(
    rules: CompiledRules,
    device_id: str,
    lane: LateLane,
    late: list[Observation],
    in_time: list[Observation],
) -> tuple[LateLane, list[RetrospectiveEpisodeFoundV1]]:
    """Episodes in late readings, each stretch of event time once, and the stretches that are decided by now."""
    covered = list(lane.covered)
    for seen in sorted(in_time):
        _cover(covered, seen.at)
    found: list[RetrospectiveEpisodeFoundV1] = []
    at = lane.at
    machine: Machine | None = None
    for seen in sorted(late):
        if any(since <= seen.at <= until for since, until in lane.covered) or seen.at == at:
            continue
        if machine is None:
            machine = Machine.load(rules, lane.machine, looks_back=True)
        if at is not None and seen.at < at:
            machine = Machine(rules, looks_back=True)
        machine.step(seen)
        at = seen.at
        _cover(covered, seen.at)
        if machine.touched:
            found.extend(_retrospective(rules, device_id, episode) for episode in machine.episodes)
            machine.closed, machine.touched = [], False
    if tuple(covered) == lane.covered and machine is None:
        return lane, found
    return LateLane(machine.dump() if machine else lane.machine, at, tuple(covered[-COVERED_KEPT:])), found


def _cover(covered: list[tuple[int, int]], at: int) -> None:
    """Add a time to the stretches, which stay in order of their end and apart from one another."""
    for index in range(len(covered) - 1, -1, -1):
        since, until = covered[index]
        if since - COVERED_TOGETHER_MS <= at <= until + COVERED_TOGETHER_MS:
            covered[index] = (min(since, at), max(until, at))
            return
    insort(covered, (at, at))


def _retrospective(rules: CompiledRules, device_id: str, episode: Episode) -> RetrospectiveEpisodeFoundV1:
    rule = rules.by_id[episode.rule_id]
    return RetrospectiveEpisodeFoundV1(
        alert_id=alert_id(device_id, episode.rule_id, episode.started_at),
        device_id=device_id,
        rule_id=episode.rule_id,
        rule_set=rules.rule_set.name,
        rule_set_version=rules.rule_set.version,
        severity=episode.severity,
        signal=rule.signal,
        title=titled(rule.rule.title, device_id),
        started_at=episode.started_at,
        ended_at=episode.ended_at or episode.unrecovered_at,
        drill=is_drill(device_id),
    )
