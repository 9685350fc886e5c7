"""Evaluate's one use case: apply one event's readings to the alarm states that they concern.

Decisions are saved together with the events they cause, and published after that: a crash in between loses nothing,
because the next invocation that looks at the watch finds them and publishes them; a race cannot open an episode twice,
because only one of two saves succeeds.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartwatch_contracts.catalogue import ALERT_CLEARED, ALERT_RAISED, READINGS_ACCEPTED
from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import AlertRaisedV1, Reading, ReadingsAcceptedV1
from smartwatch_contracts.ids import derived_id

from evaluate.domain import AlertEvent, breaches, evaluate
from evaluate.ports import AlarmStates, Bus, ConflictError
from evaluate.rules import RuleSet

#: How often a lost race is run again before the event goes back to Lambda's retry queue.
SAVE_ATTEMPTS = 5


@dataclass(frozen=True)
class Dependencies:
    """What the use case works with; `evaluate.wiring` joins it to AWS."""

    rules: RuleSet
    states: AlarmStates
    bus: Bus
    clock: Callable[[], datetime]
    trace_for_alert: Callable[[str | None], str]


@dataclass(frozen=True)
class Report:
    """What one event led to."""

    readings: int
    raised: int
    cleared: int


def apply(event: Mapping[str, Any], deps: Dependencies, trace: str | None) -> Report:
    """Evaluate one `ReadingsAccepted` bus event.

    Errors: pydantic's `ValidationError`, `ConflictError`, `PublishError`; Lambda then delivers the event again.
    """
    envelope: Envelope[ReadingsAcceptedV1] = READINGS_ACCEPTED.parse(event["detail"])
    by_device: dict[str, list[Reading]] = defaultdict(list)
    for device in envelope.data.devices:
        by_device[device.device_id].extend(device.readings)
    watched = deps.states.watched()
    decided: list[AlertEvent] = []
    for device_id, readings in by_device.items():
        if device_id in watched or breaches(deps.rules, readings):
            decided.extend(_apply_to_device(device_id, readings, envelope, deps, trace))
    raised = sum(isinstance(made, AlertRaisedV1) for made in decided)
    return Report(sum(len(readings) for readings in by_device.values()), raised, len(decided) - raised)


def _apply_to_device(
    device_id: str, readings: Sequence[Reading], cause: Envelope[Any], deps: Dependencies, trace: str | None
) -> tuple[AlertEvent, ...]:
    for attempt in range(1, SAVE_ATTEMPTS + 1):
        state = deps.states.load(device_id)
        outcome = evaluate(deps.rules, state, readings)
        if outcome.state is state and not state.unpublished:
            return ()
        unpublished = (*state.unpublished, *(_envelope(made, cause, deps, trace) for made in outcome.events))
        try:
            saved = deps.states.save(outcome.state.model_copy(update={"unpublished": unpublished}))
        except ConflictError:
            if attempt == SAVE_ATTEMPTS:
                raise
            continue
        if unpublished:
            deps.bus.publish(unpublished)
            _forget_published(saved.model_copy(update={"unpublished": ()}), deps)
        return outcome.events
    raise AssertionError("unreachable")


def _forget_published(state: Any, deps: Dependencies) -> None:
    try:
        deps.states.save(state)
    except ConflictError:
        # Somebody saved in between, with these events still marked: they are published once more, under the same ids.
        return


def _envelope(made: AlertEvent, cause: Envelope[Any], deps: Dependencies, trace: str | None) -> dict[str, Any]:
    event_type = ALERT_RAISED if isinstance(made, AlertRaisedV1) else ALERT_CLEARED
    envelope = event_type.envelope(
        made,
        event_id=derived_id(event_type.detail_type, made.alert_id),
        correlation_id=cause.correlation_id,
        causation_id=cause.id,
        occurred_at=deps.clock(),
        trace=deps.trace_for_alert(trace),
    )
    return dict(json.loads(envelope.to_json()))
