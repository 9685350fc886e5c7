"""Evaluate's other use case: once a minute, find the watches that are silent and those that are back.

As with alerts about readings, decisions are saved together with the events they cause, and published after that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from smartwatch_contracts.catalogue import ALERT_CLEARED, TECHNICAL_ALERT_RAISED
from smartwatch_contracts.events import TechnicalAlertRaisedV1
from smartwatch_contracts.ids import derived_id
from smartwatch_contracts.rules import RuleSet

from evaluate.ports import Bus, Configuration, Presence, RosterPart
from evaluate.presence import Heard, SilenceEvent, check, merged
from evaluate.service import as_json

#: Events that are decided, saved and published together: with more, a part of the roster would not fit into its item.
EVENTS_AT_ONCE = 500


@dataclass(frozen=True)
class Dependencies:
    """What the use case works with; `evaluate.wiring` joins it to AWS."""

    configuration: Configuration
    presence: Presence
    bus: Bus
    clock: Callable[[], datetime]
    trace_for_alert: Callable[[str | None], str]


@dataclass(frozen=True)
class Report:
    """What one look found."""

    watches: int
    silent: int
    back: int


def look(deps: Dependencies, trace: str | None) -> Report:
    """Merge what was handed over into the roster and look through it. Errors: `ConflictError`, `PublishError`."""
    deps.configuration.refresh()
    heard, receipts = deps.presence.collect()
    news: dict[int, dict[str, Heard]] = defaultdict(dict)
    for device_id, what in heard.items():
        news[deps.presence.part_of(device_id)][device_id] = what
    watches = silent = back = 0
    for stored in deps.presence.parts():
        part, roster = stored, merged(stored.roster, news[stored.index])
        while True:
            now = deps.clock()
            roster, events = check(roster, _rule_sets(deps), int(now.timestamp() * 1000), at_most=EVENTS_AT_ONCE)
            silent += sum(isinstance(event, TechnicalAlertRaisedV1) for event in events)
            back += sum(not isinstance(event, TechnicalAlertRaisedV1) for event in events)
            unpublished = (*part.unpublished, *(_envelope(event, now, deps, trace) for event in events))
            if roster != dict(part.roster) or unpublished:
                part = _save(replace(part, roster=roster, unpublished=unpublished), deps)
            if len(events) < EVENTS_AT_ONCE:
                break
        watches += len(roster)
    deps.presence.discard(receipts)
    return Report(watches, silent, back)


def _rule_sets(deps: Dependencies) -> Callable[[str], RuleSet]:
    return lambda device_id: deps.configuration.rules_of(device_id).rule_set


def _save(part: RosterPart, deps: Dependencies) -> RosterPart:
    saved = deps.presence.save(part)
    if saved.unpublished:
        deps.bus.publish(saved.unpublished)
        saved = deps.presence.save(replace(saved, unpublished=()))
    return saved


def _envelope(event: SilenceEvent, now: datetime, deps: Dependencies, trace: str | None) -> Mapping[str, Any]:
    event_type = TECHNICAL_ALERT_RAISED if isinstance(event, TechnicalAlertRaisedV1) else ALERT_CLEARED
    return as_json(
        event_type.envelope(
            event,
            event_id=derived_id(event_type.detail_type, event.alert_id),
            correlation_id=event.alert_id,
            occurred_at=now,
            trace=deps.trace_for_alert(trace),
        )
    )
