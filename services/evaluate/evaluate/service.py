"""Evaluate's use case: apply one event's readings to the alarm states that they concern.

Decisions are saved together with the events they cause, and published after that: a crash in between loses nothing,
because the next invocation that looks at the watch finds them and publishes them; a race cannot open an episode twice,
because only one of two saves succeeds.
"""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from smartwatch_contracts.catalogue import (
    ALERT_CLEARED,
    ALERT_RAISED,
    ALERT_SEVERITY_CHANGED,
    DEVICE_PRESENCE_CHANGED,
    READINGS_ACCEPTED,
    RETROSPECTIVE_EPISODE_FOUND,
    TECHNICAL_ALERT_RAISED,
    EventType,
)
from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import (
    AlertClearedV1,
    AlertRaisedV1,
    AlertSeverityChangedV1,
    DevicePresenceChangedV1,
    ReadingsAcceptedV1,
    RetrospectiveEpisodeFoundV1,
    TechnicalAlertRaisedV1,
)
from smartwatch_contracts.ids import derived_id

from evaluate.domain import AlertEvent, Outcome, evaluate, worth_saving
from evaluate.episodes import DeviceState
from evaluate.memory import RecentlyHeard, RecentReadings
from evaluate.observations import Observation, observed
from evaluate.ports import AlarmStates, Bus, Configuration, ConflictError, Presence, PresenceError

logger = logging.getLogger(__name__)

#: How often a lost race is run again before the event goes back to Lambda's retry queue.
SAVE_ATTEMPTS = 5

EVENT_TYPES: dict[type, EventType] = {
    AlertRaisedV1: ALERT_RAISED,
    TechnicalAlertRaisedV1: TECHNICAL_ALERT_RAISED,
    AlertSeverityChangedV1: ALERT_SEVERITY_CHANGED,
    AlertClearedV1: ALERT_CLEARED,
    RetrospectiveEpisodeFoundV1: RETROSPECTIVE_EPISODE_FOUND,
}


@dataclass(frozen=True)
class Dependencies:
    """What the use case works with; `evaluate.wiring` joins it to AWS."""

    configuration: Configuration
    states: AlarmStates
    bus: Bus
    clock: Callable[[], datetime]
    trace_for_alert: Callable[[str | None], str]
    presence: Presence
    heard: RecentlyHeard
    monotonic: Callable[[], float] = time.monotonic
    memory: RecentReadings = field(default_factory=RecentReadings)


@dataclass(frozen=True)
class Report:
    """What one event led to. `decided` counts events by their type."""

    readings: int
    decided: Mapping[str, int]


def apply(event: Mapping[str, Any], deps: Dependencies, trace: str | None) -> Report:
    """Evaluate one `ReadingsAccepted` bus event.

    Errors: pydantic's `ValidationError`, `ConflictError`, `PublishError`; Lambda then delivers the event again.
    """
    envelope: Envelope[ReadingsAcceptedV1] = READINGS_ACCEPTED.parse(event["detail"])
    deps.configuration.refresh()
    watched = deps.states.watched()
    loud: dict[str, list[Observation]] = defaultdict(list)
    count = 0
    for device in envelope.data.devices:
        device_id, readings = device.device_id, device.readings
        count += len(readings)
        deps.heard.reading(device_id, device.received_at)
        quiet = (
            device_id not in watched
            and device_id not in loud
            and deps.configuration.rules_of(device_id).are_quiet(readings, device.received_at)
        )
        if quiet:
            deps.memory.keep(device_id, readings, device.received_at)
        else:
            loud[device_id].extend(observed(readings, device.received_at))
    decided: dict[str, int] = defaultdict(int)
    for device_id, new in loud.items():
        observations = [*deps.memory.take(device_id), *new]
        outcome = _apply_to_device(device_id, observations, envelope, deps, trace)
        if outcome is None:
            deps.memory.keep(device_id, observations)
            continue
        for made in outcome.events:
            decided[EVENT_TYPES[type(made)].detail_type] += 1
    hand_over(deps)
    return Report(count, decided)


def take_presence(event: Mapping[str, Any], deps: Dependencies) -> None:
    """Note that a watch connected or left. Errors: pydantic's `ValidationError`."""
    envelope: Envelope[DevicePresenceChangedV1] = DEVICE_PRESENCE_CHANGED.parse(event["detail"])
    deps.heard.presence(envelope.data)
    hand_over(deps)


def hand_over(deps: Dependencies) -> None:
    """Store whom this instance heard, if it is time to. What can't be stored now is kept and stored later."""
    now = deps.monotonic()
    if deps.heard.due(now):
        try:
            deps.presence.hand_over(deps.heard.waiting())
        except PresenceError as error:
            logger.warning("whom this instance heard is stored later: %s", error)
        else:
            deps.heard.handed_over(now)


def _apply_to_device(
    device_id: str, observations: Sequence[Observation], cause: Envelope[Any], deps: Dependencies, trace: str | None
) -> Outcome | None:
    """What the readings led to; None when nothing of it was worth saving."""
    rules = deps.configuration.rules_of(device_id)
    for attempt in range(1, SAVE_ATTEMPTS + 1):
        state = deps.states.load(device_id)
        outcome = evaluate(rules, state, observations)
        if not worth_saving(state, outcome):
            return None
        unpublished = (*state.unpublished, *(_envelope(made, cause, deps, trace) for made in outcome.events))
        try:
            saved = deps.states.save(replace(outcome.state, unpublished=unpublished))
        except ConflictError:
            if attempt == SAVE_ATTEMPTS:
                raise
            continue
        if unpublished:
            deps.bus.publish(unpublished)
            _forget_published(replace(saved, unpublished=()), deps)
        return outcome
    raise AssertionError("unreachable")


def _forget_published(state: DeviceState, deps: Dependencies) -> None:
    try:
        deps.states.save(state)
    except ConflictError:
        # Somebody saved in between, with these events still marked: they are published once more, under the same ids.
        return


def _envelope(made: AlertEvent, cause: Envelope[Any], deps: Dependencies, trace: str | None) -> dict[str, Any]:
    event_type = EVENT_TYPES[type(made)]
    return as_json(
        event_type.envelope(
            made,
            event_id=derived_id(event_type.detail_type, *_identity(made)),
            correlation_id=cause.correlation_id,
            causation_id=cause.id,
            occurred_at=deps.clock(),
            trace=deps.trace_for_alert(trace),
        )
    )


def as_json(envelope: Envelope[Any]) -> dict[str, Any]:
    """An envelope as it is saved until it is published."""
    return dict(json.loads(envelope.to_json()))


def _identity(made: AlertEvent) -> tuple[str | int, ...]:
    """What makes two events the same fact."""
    if isinstance(made, AlertSeverityChangedV1):
        return made.alert_id, made.severity
    if isinstance(made, RetrospectiveEpisodeFoundV1):
        return made.alert_id, made.severity, made.ended_at
    return (made.alert_id,)
