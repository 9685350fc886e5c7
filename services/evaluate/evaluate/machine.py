"""The rules on one watch, moment by moment in event time: what is pending, what is open, what is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from smartwatch_contracts.events import Severity

from evaluate.compiled import CompiledBand, CompiledRule, CompiledRules, Truth
from evaluate.observations import Context, Moment, Observation

#: Told of every decision: rule id, time, what was decided and why.
Note = Callable[[str, int, str, str], None]


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode of one rule. `started_at` is its first breach; `unrecovered_at` its last reading that was not back.

    It opened as `opened_as` at `opened_at`, for `value`, and became critical at `worsened_at`, if it did so later.
    `ended_at` is None while it is open.
    """

    rule_id: str
    started_at: int
    opened_as: Severity
    opened_at: int
    unrecovered_at: int
    value: float | None = None
    worsened_at: int | None = None
    ended_at: int | None = None

    @property
    def severity(self) -> Severity:
        """The worst that it reached."""
        return self.opened_as if self.worsened_at is None else "critical"


@dataclass(slots=True)
class BandState:
    """How long one band's condition has held: `since` is None while it does not."""

    since: int | None = None
    count: int = 0
    last_value: float | None = None
    recent: list[int] = field(default_factory=list)

    def reset(self) -> None:
        self.since, self.count, self.last_value = None, 0, None


@dataclass(slots=True)
class RuleState:
    """One rule on one watch."""

    bands: list[BandState]
    seen_at: int | None = None
    episode: Episode | None = None
    recovered_since: int | None = None
    recovered: int = 0

    @property
    def idle(self) -> bool:
        return self.episode is None and all(band.since is None and not any(band.recent) for band in self.bands)

    def dump(self) -> dict[str, Any]:
        return {
            "bands": [[b.since, b.count, b.last_value, b.recent] for b in self.bands],
            "seenAt": self.seen_at,
            "episode": list(astuple(self.episode)) if self.episode else None,
            "recovered": [self.recovered_since, self.recovered],
        }

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> RuleState:
        return cls(
            bands=[BandState(since, count, value, list(recent)) for since, count, value, recent in dumped["bands"]],
            seen_at=dumped["seenAt"],
            episode=Episode(*dumped["episode"]) if dumped["episode"] else None,
            recovered_since=dumped["recovered"][0],
            recovered=dumped["recovered"][1],
        )


class Machine:
    """All rules on one watch. `closed` are the episodes that are over and not yet forgotten."""

    __slots__ = ("_gap_ms", "_looks_back", "_note", "_rules", "closed", "context", "states", "touched")

    def __init__(self, rules: CompiledRules, note: Note | None = None, *, looks_back: bool = False) -> None:
        """A machine that has seen nothing. One that looks back, over late readings, leaves the watch's faults out."""
        self._rules = rules
        self._gap_ms = rules.rule_set.gap_seconds * 1000
        self._note = note
        self._looks_back = looks_back
        self.context = Context(rules.rule_set, rules.look_back_ms)
        #: Only rules that are not idle, by id.
        self.states: dict[str, RuleState] = {}
        self.closed: list[Episode] = []
        #: Whether an episode has opened, closed or become worse since somebody last looked.
        self.touched = False

    @property
    def episodes(self) -> list[Episode]:
        """Every episode that is open or not yet forgotten, in order of rule and start."""
        opened = [state.episode for state in self.states.values() if state.episode]
        return sorted([*self.closed, *opened], key=lambda e: (e.started_at, e.rule_id))

    def step(self, seen: Observation) -> None:
        """Take the next reading, in event time."""
        moment = self.context.moment(seen)
        states, activity = self.states, moment.activity
        if not states and self._rules.is_quiet(moment):
            return
        inhibited: set[str] = set()
        for rule in self._rules.rules:
            if rule.id not in states:
                gated = rule.during is not None and activity not in rule.during
                if not rule.wakes(moment) or (gated and self._note is None):
                    continue
            if rule.technical:
                if self._looks_back:
                    continue
                self._decide(rule, moment)
                if rule.inhibits and self._is_open(rule.id):
                    inhibited |= rule.inhibits
                continue
            if inhibited:
                moment.hide(inhibited)
                if self._note:
                    self._note("", moment.at, "inhibited", ", ".join(sorted(inhibited)))
                inhibited = set()
            self._decide(rule, moment)

    def step_clock(self, at: int, wrong: bool | None) -> None:
        """Take one look at the watch's clock, in time of receipt."""
        moment = Moment(at, {})
        moment.clock_skew = wrong
        for rule in self._rules.clock_rules:
            self._decide(rule, moment)

    def forget(self, before: int) -> None:
        """Drop episodes that ended before a time."""
        self.closed = [e for e in self.closed if e.ended_at is None or e.ended_at >= before]

    def _is_open(self, rule_id: str) -> bool:
        state = self.states.get(rule_id)
        return state is not None and state.episode is not None

    def _decide(self, rule: CompiledRule, moment: Moment) -> None:
        state = self.states.get(rule.id)
        bands = rule.bands
        truths = [bands[0].holds(moment)] if len(bands) == 1 else [bands[0].holds(moment), bands[1].holds(moment)]
        if state is None:
            if True not in truths:
                return
            state = RuleState([BandState() for _ in rule.bands])
        if state.seen_at is not None and moment.at - state.seen_at > self._gap_ms:
            self._after_gap(state)
        if state.episode is None:
            self._pending(rule, state, moment, truths)
        else:
            self._open(rule, state, state.episode, moment, truths)
        if state.idle:
            self.states.pop(rule.id, None)
        else:
            self.states[rule.id] = state

    @staticmethod
    def _after_gap(state: RuleState) -> None:
        """Nobody knows what was in a long gap: what was pending begins anew; what is open stays open."""
        for band in state.bands:
            band.reset()
            band.recent = []
        state.recovered_since, state.recovered = None, 0

    def _pending(self, rule: CompiledRule, state: RuleState, moment: Moment, truths: list[Truth]) -> None:
        gated = rule.during is not None and moment.activity not in rule.during
        fired = self._fire(rule, state, moment, truths, gated=gated, above=-1)
        if fired is None:
            return
        started_at = min(band.since for band in state.bands if band.since is not None)
        severity = rule.bands[fired].severity
        state.episode = Episode(
            rule_id=rule.id,
            started_at=started_at,
            opened_as=severity,
            opened_at=moment.at,
            unrecovered_at=moment.at,
            value=_value(rule, fired, moment),
        )
        state.recovered_since, state.recovered = None, 0
        self.touched = True
        if self._note:
            self._note(rule.id, moment.at, "opened", f"{severity}, since {started_at}")

    def _open(
        self, rule: CompiledRule, state: RuleState, episode: Episode, moment: Moment, truths: list[Truth]
    ) -> None:
        cleared = rule.clears(moment)
        gated = rule.during is not None and moment.activity not in rule.during
        current = next(index for index, band in enumerate(rule.bands) if band.severity == episode.severity)
        fired = self._fire(rule, state, moment, truths, gated=gated, above=current)
        if fired is not None:
            episode = replace(episode, worsened_at=moment.at)
            self.touched = True
            if self._note:
                self._note(rule.id, moment.at, "severity", episode.severity)
        if True in truths or cleared is False:
            episode = replace(episode, unrecovered_at=moment.at)
            state.recovered_since, state.recovered = None, 0
        elif cleared:
            state.recovered_since = moment.at if state.recovered_since is None else state.recovered_since
            state.recovered += 1
            state.seen_at = moment.at
            if state.recovered >= rule.clear_readings and moment.at - state.recovered_since >= rule.clear_ms:
                self._close(rule, state, episode, moment)
                return
        state.episode = episode

    def _close(self, rule: CompiledRule, state: RuleState, episode: Episode, moment: Moment) -> None:
        self.closed.append(replace(episode, ended_at=moment.at))
        state.episode = None
        for band in state.bands:
            band.reset()
            band.recent = []
        self.touched = True
        if self._note:
            self._note(rule.id, moment.at, "cleared", f"recovered since {state.recovered_since}")

    def _fire(
        self, rule: CompiledRule, state: RuleState, moment: Moment, truths: list[Truth], *, gated: bool, above: int
    ) -> int | None:
        """The most severe band beyond `above` whose delay is over; the bands' own states move on."""
        fired = None
        for index, band in enumerate(rule.bands):
            # What is critical is a warning too, also where the two conditions differ.
            truth = True if True in truths[index:] else truths[index]
            held = state.bands[index]
            if truth is None:
                continue
            state.seen_at = moment.at
            if gated or not truth:
                if self._note and held.since is not None:
                    self._note(rule.id, moment.at, "reset", f"{band.severity}: {moment.activity if gated else 'back'}")
                held.reset()
            if self._note and truth and gated:
                self._note(rule.id, moment.at, "gated", f"{band.severity}: {moment.activity}")
            if band.of_last:
                held.recent = [*held.recent, int(truth and not gated)][-band.of_last[1] :]
            if truth and not gated and self._delay_is_over(rule, band, held, moment) and index > above:
                fired = index
        return fired

    def _delay_is_over(self, rule: CompiledRule, band: CompiledBand, held: BandState, moment: Moment) -> bool:
        value = _attribute(moment, band.signal)
        if held.since is None:
            held.since, milder = moment.at, None
        elif value is None or held.last_value is None:
            milder = None
        else:
            milder = min(value, held.last_value) if band.sign > 0 else max(value, held.last_value)
        held.count += 1
        held.last_value = value
        delay = band.delay_ms(milder)
        if band.of_last:
            over = sum(held.recent) >= band.of_last[0]
        else:
            over = held.count >= band.readings and moment.at - held.since >= delay
        if self._note:
            why = _progress(band, held, moment.at - held.since, delay)
            self._note(rule.id, moment.at, "holds" if over else "pending", f"{band.severity}: {why}")
        return over

    def dump(self) -> dict[str, Any]:
        return {
            "context": self.context.dump(),
            "states": {rule_id: state.dump() for rule_id, state in self.states.items()},
            "closed": [list(astuple(episode)) for episode in self.closed],
        }

    @classmethod
    def load(
        cls,
        rules: CompiledRules,
        dumped: Mapping[str, Any] | None,
        note: Note | None = None,
        *,
        looks_back: bool = False,
    ) -> Machine:
        """A machine as it was. Rules that no longer exist, or have other bands, are left out."""
        made = cls(rules, note, looks_back=looks_back)
        if dumped is None:
            return made
        made.context.restore(dumped["context"])
        for rule_id, state in dumped["states"].items():
            loaded, known = RuleState.load(state), rules.severities(rule_id)
            if len(known) == len(loaded.bands) and (loaded.episode is None or loaded.episode.severity in known):
                made.states[rule_id] = loaded
        closed = (Episode(*episode) for episode in dumped["closed"])
        made.closed = [episode for episode in closed if episode.severity in rules.severities(episode.rule_id)]
        return made


def _progress(band: CompiledBand, held: BandState, held_ms: int, delay_ms: float) -> str:
    """How far a band has come, for people."""
    if band.of_last:
        return f"{sum(held.recent)} of the last {len(held.recent)} readings, {band.of_last[0]} needed"
    return f"held {held_ms / 1000:g} s, {delay_ms / 1000:g} s needed; {held.count} readings, {band.readings} needed"


def _attribute(moment: Moment, signal: str | None) -> float | None:
    if signal == "heartRate":
        return moment.heart_rate
    if signal == "spo2":
        return moment.spo2
    return moment.battery if signal == "battery" else None


def _value(rule: CompiledRule, band: int, moment: Moment) -> float | None:
    """The value that opened an episode; for a rule about several vitals, the first that is known."""
    value = _attribute(moment, rule.bands[band].signal)
    if value is None and not rule.technical:
        value = next((known for known in (moment.known("heartRate"), moment.known("spo2")) if known), None)
    return value
