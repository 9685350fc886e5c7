"""Readings of one watch for tests of the decisions, and what the decisions make of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from evaluate import rule_files
from evaluate.compiled import CompiledRules, compiled
from evaluate.domain import AlertEvent, evaluate
from evaluate.episodes import DeviceState
from evaluate.observations import Observation
from smartwatch_contracts.events import (
    AlertClearedV1,
    AlertRaisedV1,
    AlertSeverityChangedV1,
    RetrospectiveEpisodeFoundV1,
    TechnicalAlertRaisedV1,
)

from tests.support.builders import T0

_SIGNS: dict[type, str] = {
    AlertRaisedV1: "+",
    TechnicalAlertRaisedV1: "t",
    AlertSeverityChangedV1: "!",
    AlertClearedV1: "-",
    RetrospectiveEpisodeFoundV1: "r",
}


def rules(text: str) -> CompiledRules:
    """Rules from YAML: a list of rules, and before it whatever else the rule set says."""
    head = "" if "rules:" in text else "rules:\n"
    return compiled(rule_files.rule_set(f'name: test\nversion: "1"\n{head}{text}'))


def seen(seconds: float, *, received: float | None = None, **fields: Any) -> Observation:
    """A reading so many seconds after T0, received 0.4 s later unless told otherwise; 72 bpm unless told otherwise."""
    at = T0 + round(seconds * 1000)
    received_at = at + 400 if received is None else T0 + round(received * 1000)
    return Observation(at, received_at, **({"heart_rate": 72} | fields))


def every_second(
    values: Iterable[Any], signal: str = "heart_rate", *, start: float = 0, **more: Any
) -> list[Observation]:
    """A reading a second."""
    return [seen(start + n, **{signal: value, **more}) for n, value in enumerate(values)]


def outcome(
    under: CompiledRules, readings: Sequence[Observation], device_id: str = "watch-001"
) -> tuple[DeviceState, list[AlertEvent]]:
    """The state and the events when each reading comes in a batch of its own."""
    state, events = DeviceState(device_id), []
    for reading in readings:
        made = evaluate(under, state, [reading])
        state = made.state
        events.extend(made.events)
    return state, events


def told(under: CompiledRules, readings: Sequence[Observation]) -> str:
    """What the readings lead to: `+` an alert, `!` worse, `-` a clear, `t` a fault of the watch, `r` history."""
    return "".join(_SIGNS[type(event)] for event in outcome(under, readings)[1])


def seconds(at_ms: int) -> float:
    """Seconds after T0."""
    return (at_ms - T0) / 1000
