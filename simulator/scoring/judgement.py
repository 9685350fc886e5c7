"""One replay against the truth: what was found, how soon, what was missed, and who was woken for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from smartwatch_contracts.rules import RuleSet

from simulator.devices.library import Truth
from simulator.scoring import signs
from simulator.scoring.replay import Alarm, Replay
from simulator.scoring.streams import Stream

#: An alert that comes so soon after a condition has passed was still about it, in milliseconds.
SLACK_MS = 30_000


@dataclass(frozen=True)
class Detection:
    """One rule's alert for one truth. All times in seconds.

    `delay` runs from the onset to the word of the platform. `stated` is what the rule itself asks for at the values it
    saw; `longest` what it asks for just beyond its limit, where a delay that shrinks has not begun to. `reading` is the
    time from one reading to the next.
    """

    rule_id: str
    delay: float
    stated: float
    longest: float
    reading: float

    @property
    def within(self) -> bool:
        """Whether it came when the rule says, or one reading later."""
        return self.delay <= self.stated + self.reading + 1e-6


@dataclass(frozen=True)
class Finding:
    """One truth, and every rule's first suitable alert for it, the earliest first."""

    truth: Truth
    detections: tuple[Detection, ...]


@dataclass(frozen=True)
class Judgement:
    """One rule set on one stream. `false` are alerts about nothing; `too_severe` are critical for what is a warning."""

    stream: Stream
    replay: Replay
    findings: tuple[Finding, ...]
    false: tuple[Alarm, ...]
    too_severe: tuple[Alarm, ...]

    @property
    def missed(self) -> list[Truth]:
        return [finding.truth for finding in self.findings if not finding.detections]


def judged(rule_set: RuleSet, stream: Stream, made: Replay) -> Judgement:
    """What a replay is worth. Where the truth is unknown and the stream not innocent, no alert counts as false."""
    looked_at = signs.by_rule(rule_set)
    truths = stream.truths or ()
    explained: set[str] = set()
    severest: dict[str, str] = {}
    findings = []
    for truth in truths:
        detections: dict[str, Detection] = {}
        for alarm in made.alarms:
            if not _about(truth, alarm, looked_at[alarm.rule_id]):
                continue
            explained.add(alarm.alert_id)
            if severest.get(alarm.alert_id) != "critical":
                severest[alarm.alert_id] = truth.severity
            detection = _detection(truth, alarm, stream, made)
            if detection and (alarm.rule_id not in detections or detection.delay < detections[alarm.rule_id].delay):
                detections[alarm.rule_id] = detection
        findings.append(Finding(truth, tuple(sorted(detections.values(), key=lambda found: found.delay))))
    knows = stream.truths is not None or stream.innocent
    return Judgement(
        stream=stream,
        replay=made,
        findings=tuple(findings),
        # What a recording's watch did is not labelled: its technical alerts are neither right nor wrong.
        false=tuple(
            alarm
            for alarm in made.alarms
            if knows and alarm.alert_id not in explained and not (alarm.technical and stream.truths is None)
        ),
        too_severe=tuple(
            alarm
            for alarm in made.alarms
            if not alarm.technical and alarm.severity == "critical" and severest.get(alarm.alert_id) == "warning"
        ),
    )


def _about(truth: Truth, alarm: Alarm, looked_at: frozenset[str]) -> bool:
    return (
        alarm.technical == truth.condition.technical
        and bool(looked_at & truth.condition.signs)
        and alarm.raised_at <= truth.end + SLACK_MS
        and (alarm.cleared_at is None or alarm.cleared_at >= truth.onset)
    )


def _detection(truth: Truth, alarm: Alarm, stream: Stream, made: Replay) -> Detection | None:
    told = alarm.at_severity(truth.severity)
    if told is None or told[0] > truth.end + SLACK_MS:
        return None
    at, seen_at = max(told[0], truth.onset), told[1]
    stated, longest = stated_ms(alarm.rule_id, truth.severity, seen_at, stream, made)
    return Detection(
        alarm.rule_id,
        delay=(at - truth.onset) / 1000,
        stated=stated / 1000,
        longest=longest / 1000,
        reading=stream.every_ms / 1000,
    )


def stated_ms(rule_id: str, severity: str, seen_at: int, stream: Stream, made: Replay) -> tuple[float, float]:
    """How long the rule says that it waits: at the values before the reading that ended its wait, and at most."""
    silence = made.rules.rule_set.silence
    if silence and rule_id == silence.id:
        return silence.after_seconds * 1000.0, silence.after_seconds * 1000.0
    rule = next(rule for rule in (*made.rules.rules, *made.rules.clock_rules) if rule.id == rule_id)
    band = next((band for band in rule.bands if band.severity == severity), rule.bands[0])
    before = [seen for seen in sorted(stream.observations) if seen.at < seen_at]
    gaps = [later.at - sooner.at for sooner, later in pairwise(before[-20:]) if later.at > sooner.at]
    every = max(gaps, default=0) if len(gaps) < 3 else sorted(gaps)[len(gaps) // 2]
    if band.of_last:
        return float((band.of_last[0] - 1) * every), float((band.of_last[1] - 1) * every)
    delay = float(band.for_ms)
    if band.signal and band.slope:
        name = {"heartRate": "heart_rate"}.get(band.signal, band.signal)
        values = [value for seen in before[-6:] if (value := getattr(seen, name))]
        beyond = [value for value in values if band.sign * (value - band.limit) > 0][-2:]
        if len(beyond) == 2:
            delay = band.delay_ms(min(beyond) if band.sign > 0 else max(beyond))
    least = float((band.readings - 1) * every)
    return max(delay, least), max(float(band.for_ms), least)
