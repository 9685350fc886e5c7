"""Why there was an alert at some time, or why there was none: the rules' own decisions over the readings around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from evaluate.compiled import CompiledBand, CompiledRule, CompiledRules
from evaluate.domain import evaluate
from evaluate.episodes import DeviceState
from evaluate.observations import Context, Moment, Observation
from smartwatch_contracts.events import AlertRaisedV1, TechnicalAlertRaisedV1

from simulator.scoring.difference import reading
from simulator.scoring.streams import Stream

#: Readings before these are not needed to know what the rules thought, in milliseconds.
WARM_UP_MS = 2 * 3_600_000
#: What is explained: so long before the time in question, and so long after it, in milliseconds.
BEFORE_MS, AFTER_MS = 15 * 60_000, 5 * 60_000
#: As many readings are shown, the nearest to the time in question.
SHOWN = 40
#: What is said of a rule that looks at no single vital, or at one of the watch itself.
NEVER_HELD = "its condition never held."


@dataclass(frozen=True)
class Decision:
    """One thing that the rules decided. `rule_id` is empty for what concerns several."""

    at: int
    rule_id: str
    what: str
    why: str

    def as_json(self) -> dict[str, Any]:
        return {"at": self.at, "ruleId": self.rule_id or None, "what": self.what, "why": self.why}


@dataclass(frozen=True)
class Run:
    """One decision again and again: how often, from when to when; `why` is that of the last."""

    rule_id: str
    what: str
    why: str
    since: int
    until: int
    count: int


def runs(decisions: Sequence[Decision]) -> list[Run]:
    """Decisions with what repeats itself taken together, by rule and severity, in order of their beginning."""
    found: list[Run] = []
    last: dict[tuple[str, str], int] = {}
    for decision in decisions:
        severity = decision.why.partition(":")[0] if decision.what in {"pending", "holds", "gated"} else ""
        key = (decision.rule_id, severity)
        index = last.get(key)
        if index is not None and found[index].what == decision.what:
            run = found[index]
            found[index] = replace(run, why=decision.why, until=decision.at, count=run.count + 1)
        else:
            last[key] = len(found)
            found.append(Run(decision.rule_id, decision.what, decision.why, decision.at, decision.at, 1))
    return found


@dataclass(frozen=True)
class Verdict:
    """What became of one rule: `opened`, `open`, `pending`, `gated`, `inhibited`, `disbelieved`, `late`, `within`."""

    rule_id: str
    outcome: str
    text: str
    limits: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "ruleId": self.rule_id,
            "outcome": self.outcome,
            "text": self.text,
            "limits": list(self.limits),
        }


@dataclass(frozen=True)
class Seen:
    """A reading and what the rules took from it: None for a vital that was not there or not believed."""

    observation: Observation
    late: bool
    heart_rate: float | None
    spo2: float | None
    activity: str
    doubts: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            **reading(self.observation),
            "late": self.late,
            "believed": {"heartRate": self.heart_rate, "spo2": self.spo2},
            "consideredAs": self.activity,
            "doubts": list(self.doubts),
        }


@dataclass(frozen=True)
class Explanation:
    """Everything about one watch around one time."""

    device_id: str
    at: int
    rule_set: str
    version: str
    alert_id: str | None
    rule_id: str | None
    verdicts: tuple[Verdict, ...]
    decisions: tuple[Decision, ...]
    readings: tuple[Seen, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "deviceId": self.device_id,
            "at": self.at,
            "alertId": self.alert_id,
            "ruleId": self.rule_id,
            "ruleSet": self.rule_set,
            "ruleSetVersion": self.version,
            "rules": [verdict.as_json() for verdict in self.verdicts],
            "decisions": [decision.as_json() for decision in self.decisions],
            "readings": [seen.as_json() for seen in self.readings],
        }


def explained(
    rules: CompiledRules,
    device_id: str,
    stream: Stream,
    at: int,
    *,
    rule_id: str | None = None,
    alert_id: str | None = None,
) -> Explanation:
    """Why what happened at a time happened. With `rule_id`, only that rule's side of it. Times in ms since 1970."""
    chosen = [seen for seen in stream.observations if at - WARM_UP_MS <= seen.at <= at + AFTER_MS]
    since = at - BEFORE_MS
    decisions, raised = _decided(rules, device_id, stream, chosen)
    if alert_id is not None:
        since = min([since, *(started for made, started in raised if made == alert_id)])
    window = [decision for decision in decisions if since <= decision.at <= at + AFTER_MS]
    looked = _looked_at(rules, chosen)
    around = [seen for seen in looked if since <= seen.observation.at <= at + AFTER_MS]
    wanted = [rule for rule in (*rules.rules, *rules.clock_rules) if rule_id is None or rule.id == rule_id]
    # About an alert, its beginning is the time in question, and it opened later; about a time, "not yet" is the answer.
    asked_at = at if alert_id is None else at + AFTER_MS
    verdicts = [_verdict(rule, rules, window, decisions, around, asked_at) for rule in wanted]
    nearest = sorted(sorted(around, key=lambda seen: abs(seen.observation.at - at))[:SHOWN], key=_time)
    return Explanation(
        device_id=device_id,
        at=at,
        rule_set=rules.rule_set.name,
        version=rules.rule_set.version,
        alert_id=alert_id,
        rule_id=rule_id,
        verdicts=tuple(verdicts),
        decisions=tuple(d for d in window if rule_id is None or d.rule_id in {rule_id, ""}),
        readings=tuple(nearest),
    )


def clock(at: int) -> str:
    """A time of day in UTC."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%H:%M:%S}"


def _decided(
    rules: CompiledRules, device_id: str, stream: Stream, chosen: Sequence[Observation]
) -> tuple[list[Decision], list[tuple[str, int]]]:
    """Every decision once, in order of time, and the alerts with when they began."""
    heard: dict[Decision, None] = {}
    raised: list[tuple[str, int]] = []
    state = DeviceState(device_id)
    wanted = set(chosen)

    def note(rule_id: str, at: int, what: str, why: str) -> None:
        heard[Decision(at, rule_id, what, why)] = None

    for batch in stream.batches():
        taken = [seen for seen in batch if seen in wanted]
        if not taken:
            continue
        outcome = evaluate(rules, state, taken, note)
        state = outcome.state
        raised += [
            (event.alert_id, event.started_at)
            for event in outcome.events
            if isinstance(event, AlertRaisedV1 | TechnicalAlertRaisedV1)
        ]
    return sorted(heard, key=lambda decision: decision.at), raised


def _looked_at(rules: CompiledRules, chosen: Sequence[Observation]) -> list[Seen]:
    context = Context(rules.rule_set, rules.look_back_ms)
    late_ms = rules.rule_set.late_after_seconds * 1000
    found = []
    for seen in sorted(chosen):
        late = seen.received_at - seen.at > late_ms
        moment = Moment(seen.at, {}) if late else context.moment(seen)
        doubts = _late(seen) if late else _doubts(seen, moment, rules)
        found.append(Seen(seen, late, moment.heart_rate, moment.spo2, moment.activity, doubts))
    return found


def _late(seen: Observation) -> tuple[str, ...]:
    return (f"received {(seen.received_at - seen.at) / 60_000:.0f} min after it was taken",)


def _doubts(seen: Observation, moment: Moment, rules: CompiledRules) -> tuple[str, ...]:
    doubts = []
    if moment.off_wrist:
        doubts.append("not worn")
    minimum = rules.rule_set.plausible.minimum_quality
    if seen.quality is not None and seen.quality < minimum:
        doubts.append(f"quality {seen.quality:g} % is under {minimum:g} %")
    if moment.no_heart_rate:
        doubts.append("heart rate 0 is no signal")
    if moment.no_spo2:
        doubts.append("SpO2 0 is no signal")
    if moment.implausible_heart_rate:
        doubts.append(f"{seen.heart_rate} bpm can not be true")
    if moment.implausible_spo2:
        doubts.append(f"SpO2 {seen.spo2:g} % can not be true")
    return tuple(doubts)


def _verdict(
    rule: CompiledRule,
    rules: CompiledRules,
    window: Sequence[Decision],
    decisions: Sequence[Decision],
    around: Sequence[Seen],
    at: int,
) -> Verdict:
    limits = tuple(_limit(band) for band in rule.bands)
    own = [decision for decision in window if decision.rule_id == rule.id]
    said = (
        _opened(own, at)
        or _still_open(rule, decisions, at)
        or _pending(own, at)
        or _gated(rule, own, at)
        or _unseen(rule, rules, window, around)
    )
    if said:
        return Verdict(rule.id, said[0], said[1], limits)
    return Verdict(rule.id, "within", _within(rule, around), limits)


def _opened(own: Sequence[Decision], at: int) -> tuple[str, str] | None:
    opened = [decision for decision in own if decision.what in {"opened", "severity"}]
    if not opened:
        return None
    # Where it opened is worth more than where it became worse.
    first = min(opened, key=lambda decision: (decision.what == "severity", abs(decision.at - at)))
    why = next(
        (d.why for d in reversed(own) if d.what == "holds" and d.at == first.at),
        "",
    )
    if first.what == "severity":
        return "opened", f"became critical at {clock(first.at)}: {why}."
    severity, _, since = first.why.partition(", since ")
    text = f"opened as {severity} at {clock(first.at)}, beyond its limit since {clock(int(since))}: {why}."
    if first.at > at:
        text = f"not yet at {clock(at)}: {text}"
    worse = next((d for d in own if d.what == "severity" and d.at > first.at), None)
    if worse:
        text += f" Became critical at {clock(worse.at)}."
    cleared = next((d for d in own if d.what == "cleared" and d.at > first.at), None)
    return "opened", text + (f" Cleared at {clock(cleared.at)}." if cleared else "")


def _still_open(rule: CompiledRule, decisions: Sequence[Decision], at: int) -> tuple[str, str] | None:
    before = [d for d in decisions if d.rule_id == rule.id and d.at <= at and d.what in {"opened", "cleared"}]
    if before and before[-1].what == "opened":
        return "open", f"has been open since {clock(before[-1].at)}: one episode, one alert."
    return None


def _pending(own: Sequence[Decision], at: int) -> tuple[str, str] | None:
    pending = [decision for decision in own if decision.what == "pending"]
    if not pending:
        return None
    last = min(pending, key=lambda decision: (abs(decision.at - at), -decision.at))
    text = f"waited, and its time was not over: at {clock(last.at)} {last.why}."
    resets = [decision for decision in own if decision.what == "reset"]
    if resets:
        reset = min(resets, key=lambda decision: abs(decision.at - at))
        _, _, reason = reset.why.partition(": ")
        told = "the value was back inside" if reason == "back" else f"the wearer was {reason}"
        text += f" It began anew {len(resets)} times, at {clock(reset.at)} because {told}."
    return "pending", text


def _gated(rule: CompiledRule, own: Sequence[Decision], at: int) -> tuple[str, str] | None:
    gated = [decision for decision in own if decision.what == "gated"]
    if not gated:
        return None
    nearest = min(gated, key=lambda decision: abs(decision.at - at))
    _, _, activity = nearest.why.partition(": ")
    during = ", ".join(sorted(rule.during or ()))
    return (
        "gated",
        f"was beyond its limit at {clock(nearest.at)}, but the wearer was {activity}; it looks during {during}.",
    )


def _unseen(
    rule: CompiledRule, rules: CompiledRules, window: Sequence[Decision], around: Sequence[Seen]
) -> tuple[str, str] | None:
    """Values beyond the limit that the rule never saw: late, not believed, or hidden by a fault of the watch."""
    band = rule.bands[0]
    if band.signal not in {"heartRate", "spo2"}:
        return None
    name = "heart_rate" if band.signal == "heartRate" else "spo2"
    beyond = [seen for seen in around if _is_beyond(band, getattr(seen.observation, name))]
    if not beyond:
        return None
    if late := [seen for seen in beyond if seen.late]:
        minutes = rules.rule_set.late_after_seconds / 60
        return (
            "late",
            f"{len(late)} readings beyond its limit came more than {minutes:g} min late: history, and nobody is woken.",
        )
    if doubted := [seen for seen in beyond if getattr(seen, name) is None]:
        reasons = sorted({doubt for seen in doubted for doubt in seen.doubts})[:3]
        return "disbelieved", f"{len(doubted)} readings beyond its limit were not believed: {'; '.join(reasons)}."
    hidden = [decision for decision in window if decision.what == "inhibited" and band.signal in decision.why]
    if hidden:
        by = sorted({r.id for r in rules.rules if r.technical and band.signal in r.inhibits})
        opened = sorted({d.rule_id for d in window if d.what in {"opened", "holds"}} & set(by))
        return (
            "inhibited",
            f"could not see {band.signal} from {clock(hidden[0].at)} to {clock(hidden[-1].at)}: "
            f"a fault of the watch was open ({', '.join(opened or by)}).",
        )
    return None


def _within(rule: CompiledRule, around: Sequence[Seen]) -> str:
    band = rule.bands[0]
    if not around:
        return "there are no readings around that time."
    if band.signal not in {"heartRate", "spo2"}:
        return NEVER_HELD
    name = "heart_rate" if band.signal == "heartRate" else "spo2"
    values = [value for seen in around if (value := getattr(seen, name)) is not None]
    if not values:
        return f"there was no believable {band.signal}."
    extreme = max(values) if band.sign > 0 else min(values)
    return f"never beyond its limit: {'highest' if band.sign > 0 else 'lowest'} {extreme:g}, {_limit(band)}."


def _limit(band: CompiledBand) -> str:
    if band.signal is None:
        return f"{band.severity} after {band.for_ms / 1000:g} s"
    side = "above" if band.sign > 0 else "below"
    after = f"{band.of_last[0]} of {band.of_last[1]} readings" if band.of_last else f"{band.for_ms / 1000:g} s"
    shrinks = ", sooner the further beyond" if band.slope else ""
    return f"{band.severity} {side} {band.limit:g} for {after}{shrinks}"


def _is_beyond(band: CompiledBand, value: float | None) -> bool:
    return bool(value) and band.sign * ((value or 0.0) - band.limit) > 0


def _time(seen: Seen) -> int:
    return seen.observation.at
