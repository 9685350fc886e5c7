"""A stream of readings through a rule set, batch by batch, exactly as the evaluate service takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evaluate.compiled import CompiledRules, compiled
from evaluate.domain import evaluate, worth_saving
from evaluate.episodes import DeviceState
from evaluate.machine import Note
from evaluate.memory import RecentReadings
from evaluate.observations import Observation
from smartwatch_contracts.events import (
    AlertClearedV1,
    AlertRaisedV1,
    AlertSeverityChangedV1,
    Reading,
    RetrospectiveEpisodeFoundV1,
    Severity,
    TechnicalAlertRaisedV1,
)
from smartwatch_contracts.ids import alert_id
from smartwatch_contracts.rules import RuleSet

from simulator.scoring.streams import Stream

#: Stands for a watch where a stream has none: never a drill.
WATCH = "watch-scored"


@dataclass(frozen=True)
class Alarm:
    """One alert. `raised_at`, `critical_at` and `cleared_at` are when the platform said so, in time of receipt.

    `seen_at` and `critical_seen_at` are the event times of the readings that made it say so.
    """

    alert_id: str
    rule_id: str
    technical: bool
    opened_as: Severity
    started_at: int
    raised_at: int
    seen_at: int
    value: float | None = None
    critical_at: int | None = None
    critical_seen_at: int | None = None
    cleared_at: int | None = None
    withdrawn: bool = False

    @property
    def severity(self) -> Severity:
        """The worst that it became."""
        return "warning" if self.critical_at is None else "critical"

    def at_severity(self, severity: str) -> tuple[int, int] | None:
        """When it was at least so severe, in time of receipt and in event time; None if it never was."""
        if severity == "critical":
            return None if self.critical_at is None else (self.critical_at, self.critical_seen_at or 0)
        return self.raised_at, self.seen_at


@dataclass(frozen=True)
class Replay:
    """What one rule set made of one stream. `retrospective` are episodes found in readings that came late."""

    rules: CompiledRules
    alarms: tuple[Alarm, ...]
    retrospective: tuple[RetrospectiveEpisodeFoundV1, ...]


def rules_for(rule_set: RuleSet, stream: Stream) -> CompiledRules:
    """The rule set for the stream's wearer. Errors: `LimitError`."""
    return compiled(rule_set, stream.profile)


def replay(
    rule_set: RuleSet,
    stream: Stream,
    *,
    rules: CompiledRules | None = None,
    note: Note | None = None,
    every_reading: bool = False,
) -> Replay:
    """Everything that would have been said. Each batch is decided with what earlier ones left behind.

    As in the service, readings of a watch with nothing to save are only remembered for a while, unless `every_reading`
    is to be decided (and noted).
    """
    rules = rules or rules_for(rule_set, stream)
    state = DeviceState(WATCH)
    memory = RecentReadings()
    alarms: dict[str, Alarm] = {}
    retrospective: list[RetrospectiveEpisodeFoundV1] = []
    for batch in stream.batches():
        if not every_reading and not state.watched and rules.are_quiet(_readings(batch), batch[0].received_at):
            memory.keep(WATCH, batch)
            continue
        observations = [*memory.take(WATCH), *batch]
        outcome = evaluate(rules, state, observations, note)
        if not every_reading and not worth_saving(state, outcome):
            memory.keep(WATCH, observations)
            continue
        state = outcome.state
        for event in outcome.events:
            if isinstance(event, RetrospectiveEpisodeFoundV1):
                retrospective.append(event)
            else:
                _take(alarms, event, batch)
    for alarm in _silence(rule_set, stream):
        alarms[alarm.alert_id] = alarm
    return Replay(rules, tuple(alarms.values()), tuple(retrospective))


def _readings(batch: list[Observation]) -> list[Reading]:
    return [
        Reading.model_construct(
            timestamp=seen.at,
            heart_rate=seen.heart_rate,
            spo2=seen.spo2,
            battery=seen.battery,
            on_wrist=seen.on_wrist,
        )
        for seen in batch
    ]


def _take(
    alarms: dict[str, Alarm],
    event: AlertRaisedV1 | TechnicalAlertRaisedV1 | AlertSeverityChangedV1 | AlertClearedV1,
    batch: list[Observation],
) -> None:
    now, seen_at = batch[0].received_at, max(seen.at for seen in batch)
    if isinstance(event, AlertRaisedV1 | TechnicalAlertRaisedV1):
        critical = event.severity == "critical"
        alarms[event.alert_id] = Alarm(
            alert_id=event.alert_id,
            rule_id=event.rule_id,
            technical=isinstance(event, TechnicalAlertRaisedV1),
            opened_as=event.severity,
            started_at=event.started_at,
            raised_at=now,
            seen_at=seen_at,
            value=event.value if isinstance(event, AlertRaisedV1) else None,
            critical_at=now if critical else None,
            critical_seen_at=seen_at if critical else None,
        )
    elif isinstance(event, AlertSeverityChangedV1):
        alarms[event.alert_id] = replace(alarms[event.alert_id], critical_at=now, critical_seen_at=seen_at)
    else:
        alarms[event.alert_id] = replace(alarms[event.alert_id], cleared_at=now, withdrawn=bool(event.withdrawn))


def _silence(rule_set: RuleSet, stream: Stream) -> list[Alarm]:
    """The alerts of silence, by the rule set's own limits: in the cloud a schedule looks for them, not a reading."""
    limits = rule_set.silence
    if limits is None or stream.recorded or not stream.observations:
        return []
    received = sorted({seen.received_at for seen in stream.observations})
    made = []
    for last, following in zip(received, [*received[1:], None], strict=True):
        due = last + limits.after_seconds * 1000
        if due < (stream.ends_at if following is None else following):
            critical = due if limits.severity == "critical" else None
            made.append(
                Alarm(
                    alert_id=alert_id(WATCH, limits.id, last),
                    rule_id=limits.id,
                    technical=True,
                    opened_as=limits.severity,
                    started_at=last,
                    raised_at=due,
                    seen_at=due,
                    critical_at=critical,
                    critical_seen_at=critical,
                    cleared_at=following,
                )
            )
    return made
