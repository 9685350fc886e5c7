"""A rule set over many streams: found, missed, false, delays, alerts for each person and day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from smartwatch_contracts.rules import RuleSet

from simulator.devices.library import CONDITIONS, Condition
from simulator.scoring import signs
from simulator.scoring.judgement import Detection, Judgement, judged
from simulator.scoring.naive import Messages, messages
from simulator.scoring.replay import replay
from simulator.scoring.streams import Stream, total_days

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Delays:
    """Delays in seconds; None where nothing was found. `stated` is the median of what the rules ask for at the values.

    `within`: in the median no later than the rule's `forSeconds` and one reading.
    """

    median: float | None
    worst: float | None
    stated: float | None
    within: bool

    @classmethod
    def of(cls, detections: Sequence[Detection]) -> Delays:
        if not detections:
            return cls(None, None, None, True)
        found = [detection.delay for detection in detections]
        return cls(
            median=median(found),
            worst=max(found),
            stated=median(detection.stated for detection in detections),
            within=median(d.delay - d.longest - d.reading for d in detections) <= 1e-6,
        )


@dataclass(frozen=True)
class ConditionScore:
    """How one condition fares, whichever rule finds it first."""

    condition: Condition
    severity: str
    truths: int
    detected: int
    delays: Delays

    @property
    def missed(self) -> int:
        return self.truths - self.detected


@dataclass(frozen=True)
class RuleScore:
    """How one rule fares. `missed` are conditions that it is meant for and that no rule found."""

    rule_id: str
    technical: bool
    detected: int
    missed: int
    false: int
    too_severe: int
    alerts: int
    per_person_day: float
    delays: Delays


@dataclass(frozen=True)
class Score:
    """A rule set's score. The judgements are in order of the streams."""

    rule_set: RuleSet
    judgements: tuple[Judgement, ...]
    conditions: tuple[ConditionScore, ...]
    rules: tuple[RuleScore, ...]
    naive: Messages
    naive_on_recordings: Messages

    @property
    def name(self) -> str:
        return f"{self.rule_set.name} {self.rule_set.version}"

    @property
    def missed_critical(self) -> int:
        return sum(score.missed for score in self.conditions if score.severity == "critical")

    def alarms(self, *, technical: bool = False, recorded: bool | None = None) -> int:
        return sum(
            alarm.technical == technical
            for judgement in self.judgements
            if recorded is None or judgement.stream.recorded == recorded
            for alarm in judgement.replay.alarms
        )

    @property
    def innocents_alarmed(self) -> list[str]:
        """Streams in which nothing was the matter with the person, and somebody was woken."""
        return [
            j.stream.name
            for j in self.judgements
            if j.stream.innocent and any(not alarm.technical for alarm in j.replay.alarms)
        ]

    @property
    def innocent_alerts_per_person_day(self) -> float:
        innocent = [j for j in self.judgements if j.stream.innocent]
        days = total_days([j.stream for j in innocent])
        return sum(not alarm.technical for j in innocent for alarm in j.replay.alarms) / days if days else 0.0

    def as_json(self) -> dict[str, Any]:
        """The score under JSON's names."""
        return {
            "name": self.rule_set.name,
            "version": self.rule_set.version,
            "missedCritical": self.missed_critical,
            "innocentsAlarmed": self.innocents_alarmed,
            "innocentAlertsPerPersonDay": round(self.innocent_alerts_per_person_day, 3),
            "alerts": self.alarms(),
            "technicalAlerts": self.alarms(technical=True),
            "alertsOnRecordings": self.alarms(recorded=True),
            "conditions": [
                {
                    "condition": score.condition.name,
                    "severity": score.severity,
                    "truths": score.truths,
                    "detected": score.detected,
                    "missed": score.missed,
                    **_delays(score.delays),
                }
                for score in self.conditions
            ],
            "rules": [
                {
                    "ruleId": score.rule_id,
                    "kind": "technical" if score.technical else "physiological",
                    "detected": score.detected,
                    "missed": score.missed,
                    "false": score.false,
                    "tooSevere": score.too_severe,
                    "alerts": score.alerts,
                    "alertsPerPersonDay": round(score.per_person_day, 3),
                    **_delays(score.delays),
                }
                for score in self.rules
            ],
            "naive": _messages(self.naive),
            "naiveOnRecordings": _messages(self.naive_on_recordings),
            "streams": [
                {
                    "name": j.stream.name,
                    "innocent": j.stream.innocent,
                    "missed": [f"{truth.condition.name} {truth.severity}" for truth in j.missed],
                    "false": [alarm.rule_id for alarm in j.false],
                    "tooSevere": [alarm.rule_id for alarm in j.too_severe],
                    "alerts": [
                        {
                            "ruleId": alarm.rule_id,
                            "severity": alarm.severity,
                            "startedAt": alarm.started_at,
                            "raisedAt": alarm.raised_at,
                        }
                        for alarm in j.replay.alarms
                    ],
                    "retrospective": len(j.replay.retrospective),
                }
                for j in self.judgements
            ],
        }


def score(rule_set: RuleSet, streams: Sequence[Stream], progress: Progress = lambda _text: None) -> Score:
    """A rule set over streams. Errors: `LimitError` when it can't be used for one of the wearers."""
    judgements = []
    everywhere = on_recordings = Messages()
    for stream in streams:
        progress(f"{rule_set.name}: {stream.name}")
        made = replay(rule_set, stream)
        judgements.append(judged(rule_set, stream, made))
        sent = messages(made.rules, stream)
        everywhere += sent
        if stream.recorded:
            on_recordings += sent
    return Score(
        rule_set=rule_set,
        judgements=tuple(judgements),
        conditions=tuple(_conditions(judgements)),
        rules=tuple(_rules(rule_set, judgements, total_days(streams))),
        naive=everywhere,
        naive_on_recordings=on_recordings,
    )


def _conditions(judgements: Sequence[Judgement]) -> list[ConditionScore]:
    made = []
    for condition in CONDITIONS:
        for severity in ("warning", "critical", "technical"):
            findings = [
                finding
                for judgement in judgements
                for finding in judgement.findings
                if finding.truth.condition is condition and finding.truth.severity == severity
            ]
            if findings:
                found = [finding.detections[0] for finding in findings if finding.detections]
                made.append(ConditionScore(condition, severity, len(findings), len(found), Delays.of(found)))
    return made


def _rules(rule_set: RuleSet, judgements: Sequence[Judgement], days: float) -> list[RuleScore]:
    technical = {rule.id: rule.kind == "technical" for rule in rule_set.rules}
    if rule_set.silence:
        technical[rule_set.silence.id] = True
    missed = [rule for j in judgements for truth in j.missed for rule in signs.meant_for(rule_set, truth.condition)]
    made = []
    for rule_id, is_technical in technical.items():
        detections = [d for j in judgements for f in j.findings for d in f.detections if d.rule_id == rule_id]
        alerts = sum(alarm.rule_id == rule_id for j in judgements for alarm in j.replay.alarms)
        made.append(
            RuleScore(
                rule_id=rule_id,
                technical=is_technical,
                detected=len(detections),
                missed=missed.count(rule_id),
                false=sum(alarm.rule_id == rule_id for j in judgements for alarm in j.false),
                too_severe=sum(alarm.rule_id == rule_id for j in judgements for alarm in j.too_severe),
                alerts=alerts,
                per_person_day=alerts / days if days else 0.0,
                delays=Delays.of(detections),
            )
        )
    return made


def _delays(delays: Delays) -> dict[str, Any]:
    return {
        "medianDelaySeconds": delays.median,
        "worstDelaySeconds": delays.worst,
        "statedDelaySeconds": delays.stated,
        "withinStatedDelay": delays.within,
    }


def _messages(sent: Messages) -> dict[str, int]:
    return {"perReading": sent.per_reading, "perCrossing": sent.per_crossing}
