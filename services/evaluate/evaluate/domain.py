"""When an alert opens and when it clears: one pure function. The same readings in any order end in the same alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smartwatch_contracts.device import is_drill
from smartwatch_contracts.events import AlertClearedV1, AlertRaisedV1, Reading
from smartwatch_contracts.ids import alert_id

from evaluate.episodes import DeviceState, OpenEpisode, RuleState
from evaluate.rules import Rule, RuleSet

AlertEvent = AlertRaisedV1 | AlertClearedV1


@dataclass(frozen=True)
class Outcome:
    """What the readings changed. `state` is the very object that was passed in when nothing changed."""

    state: DeviceState
    events: tuple[AlertEvent, ...] = ()


def breaches(rule_set: RuleSet, readings: Iterable[Reading]) -> bool:
    """Whether any reading is beyond any limit: the only normal path's only question."""
    for reading in readings:
        for rule in rule_set.rules:
            value = rule.value_of(reading)
            if value is not None and rule.breached_by(value):
                return True
    return False


def evaluate(rule_set: RuleSet, state: DeviceState, readings: Sequence[Reading]) -> Outcome:
    """Apply readings of one watch, in event time, to what is known of it."""
    in_order = sorted(readings, key=lambda reading: reading.timestamp)
    events: list[AlertEvent] = []
    changed = dict(state.rules)
    for rule in rule_set.rules:
        before = state.rules.get(rule.id, RuleState())
        after = before
        for reading in in_order:
            value = rule.value_of(reading)
            if value is None:
                continue
            after, event = _step(rule, rule_set.version, state.device_id, after, reading.timestamp, value)
            if event is not None:
                events.append(event)
        if after is not before:
            changed[rule.id] = after
    if changed == state.rules:
        return Outcome(state)
    return Outcome(state.model_copy(update={"rules": changed}), tuple(events))


def _step(
    rule: Rule, version: str, device_id: str, state: RuleState, at: int, value: float
) -> tuple[RuleState, AlertEvent | None]:
    if state.open is None:
        if not rule.breached_by(value) or state.covers(at):
            return state, None
        return _opened(rule, version, device_id, state, at, value)
    return _continued(rule, device_id, state, state.open, at, value)


def _opened(
    rule: Rule, version: str, device_id: str, state: RuleState, at: int, value: float
) -> tuple[RuleState, AlertEvent]:
    episode = OpenEpisode(alert_id=alert_id(device_id, rule.id, at), started_at=at, unrecovered_at=at)
    drill = is_drill(device_id)
    raised = AlertRaisedV1(
        alert_id=episode.alert_id,
        device_id=device_id,
        rule_id=rule.id,
        rule_set_version=version,
        severity=rule.severity,
        signal=rule.signal,
        title=f"DRILL: {rule.title}" if drill else rule.title,
        started_at=at,
        value=value,
        drill=drill,
    )
    return state.model_copy(update={"open": episode}), raised


def _continued(
    rule: Rule, device_id: str, state: RuleState, episode: OpenEpisode, at: int, value: float
) -> tuple[RuleState, AlertEvent | None]:
    """A reading while the episode is open: it prolongs it, or counts towards its end.

    Only times later than the last reading that was not recovered count, each once: so neither a repeated nor a late
    reading can end the episode early or keep it open.
    """
    if rule.recovered_by(value):
        if at <= episode.unrecovered_at or at in episode.recovered_at:
            return state, None
        recovered_at = tuple(sorted((*episode.recovered_at, at)))
        if len(recovered_at) < rule.clear_readings:
            return state.model_copy(update={"open": episode.model_copy(update={"recovered_at": recovered_at})}), None
        cleared = AlertClearedV1(
            alert_id=episode.alert_id,
            device_id=device_id,
            rule_id=rule.id,
            started_at=episode.started_at,
            cleared_at=recovered_at[-1],
            drill=is_drill(device_id),
        )
        return state.closing(episode, recovered_at[-1]), cleared
    if episode.started_at <= at <= episode.unrecovered_at or (at < episode.started_at and state.covers(at)):
        return state, None
    if at < episode.started_at and not rule.breached_by(value):
        return state, None
    prolonged = episode.model_copy(
        update={
            # The id stays: an episode that turns out to have begun earlier is still the same one.
            "started_at": min(at, episode.started_at),
            "unrecovered_at": max(at, episode.unrecovered_at),
            "recovered_at": tuple(time for time in episode.recovered_at if time > at),
        }
    )
    return state.model_copy(update={"open": prolonged}), None
