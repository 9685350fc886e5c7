"""The same readings through two rule sets: which alerts one has and the other has not, and which moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evaluate.observations import Observation
from smartwatch_contracts.rules import RuleSet

from simulator.scoring import signs
from simulator.scoring.replay import Alarm, replay
from simulator.scoring.streams import Stream

#: As many readings of each alert are shown, the last ones before it.
SHOWN = 12


@dataclass(frozen=True)
class Difference:
    """One alert that differs, under the old and the new rules, and the readings that caused it."""

    stream: str
    what: Literal["added", "lost", "moved"]
    old: Alarm | None
    new: Alarm | None
    readings: tuple[Observation, ...]
    reading_count: int

    @property
    def alarm(self) -> Alarm:
        alarm = self.new or self.old
        assert alarm is not None  # noqa: S101 (one of the two made the difference)
        return alarm

    def as_json(self) -> dict[str, Any]:
        return {
            "stream": self.stream,
            "what": self.what,
            "old": _alarm(self.old),
            "new": _alarm(self.new),
            "readingCount": self.reading_count,
            "readings": [reading(seen) for seen in self.readings],
        }


def differences(old: RuleSet, new: RuleSet, streams: Sequence[Stream]) -> list[Difference]:
    """Every alert that the change adds, loses or moves, technical ones too. Errors: `LimitError`."""
    found = []
    for stream in streams:
        before, after = list(replay(old, stream).alarms), list(replay(new, stream).alarms)
        pairs = _paired(before, after, signs.by_rule(old), signs.by_rule(new))
        matched = {id(alarm) for pair in pairs for alarm in pair}
        for was, now in pairs:
            if _told(was) != _told(now):
                found.append(_difference(stream, "moved", was, now))
        found += [_difference(stream, "lost", alarm, None) for alarm in before if id(alarm) not in matched]
        found += [_difference(stream, "added", None, alarm) for alarm in after if id(alarm) not in matched]
    return found


def reading(seen: Observation) -> dict[str, Any]:
    """A reading under its contract's names; what it does not say is left out."""
    fields = {
        "timestamp": seen.at,
        "receivedAt": seen.received_at,
        "heartRate": seen.heart_rate,
        "spo2": seen.spo2,
        "steps": seen.steps,
        "onWrist": seen.on_wrist,
        "battery": seen.battery,
        "quality": seen.quality,
        "activity": seen.activity,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _paired(
    before: Sequence[Alarm],
    after: Sequence[Alarm],
    old_signs: dict[str, frozenset[str]],
    new_signs: dict[str, frozenset[str]],
) -> list[tuple[Alarm, Alarm]]:
    """The same alert in both: of one rule, or of rules that look at the same, at the same time."""
    pairs: list[tuple[Alarm, Alarm]] = []
    left = list(after)
    for same_rule in (True, False):
        for was in before:
            if any(was is pair[0] for pair in pairs):
                continue
            for now in left:
                alike = (
                    was.rule_id == now.rule_id
                    if same_rule
                    else was.technical == now.technical and bool(old_signs[was.rule_id] & new_signs[now.rule_id])
                )
                if alike and _overlap(was, now):
                    pairs.append((was, now))
                    left.remove(now)
                    break
    return pairs


def _overlap(was: Alarm, now: Alarm) -> bool:
    return (was.cleared_at is None or now.started_at <= was.cleared_at) and (
        now.cleared_at is None or was.started_at <= now.cleared_at
    )


def _told(alarm: Alarm) -> tuple[object, ...]:
    """What people would notice of an alert."""
    return alarm.rule_id, alarm.opened_as, alarm.raised_at, alarm.critical_at, alarm.cleared_at


def _difference(
    stream: Stream, what: Literal["added", "lost", "moved"], old: Alarm | None, new: Alarm | None
) -> Difference:
    alarm = new or old
    assert alarm is not None  # noqa: S101 (one of the two is given)
    since = min(one.started_at for one in (old, new) if one)
    until = max(one.critical_seen_at or one.seen_at for one in (old, new) if one)
    caused = tuple(seen for seen in sorted(stream.observations) if since <= seen.at <= until)
    return Difference(stream.name, what, old, new, caused[-SHOWN:], len(caused))


def _alarm(alarm: Alarm | None) -> dict[str, Any] | None:
    if alarm is None:
        return None
    return {
        "ruleId": alarm.rule_id,
        "severity": alarm.severity,
        "technical": alarm.technical,
        "startedAt": alarm.started_at,
        "raisedAt": alarm.raised_at,
        "criticalAt": alarm.critical_at,
        "clearedAt": alarm.cleared_at,
    }
