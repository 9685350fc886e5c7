"""A rule set and a person, made into functions that decide about one moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Any

from smartwatch_contracts.events import Reading, Severity, Signal
from smartwatch_contracts.ids import derived_id
from smartwatch_contracts.profiles import Profile
from smartwatch_contracts.rules import (
    AllOf,
    AnyOf,
    Band,
    Change,
    Faulty,
    Level,
    Limit,
    PersonalLimit,
    PersonDefaults,
    Rule,
    RuleSet,
    leaves,
)

from evaluate.early_warning import border
from evaluate.observations import Moment

#: Whether a condition holds; None when the moment does not say.
Truth = bool | None
Test = Callable[[Moment], Truth]
AnyCondition = Level | Change | Faulty | AllOf | AnyOf

_ATTRIBUTES = {"heartRate": "heart_rate", "spo2": "spo2", "battery": "battery"}
_FAULTS = {
    ("off-wrist", None): "off_wrist",
    ("clock-skew", None): "clock_skew",
    ("no-signal", "heartRate"): "no_heart_rate",
    ("no-signal", "spo2"): "no_spo2",
    ("implausible", "heartRate"): "implausible_heart_rate",
    ("implausible", "spo2"): "implausible_spo2",
}
_INFINITY = float("inf")


class LimitError(ValueError):
    """A rule set or profile whose limits contradict one another for a person. One line, for a person."""


@dataclass(frozen=True, slots=True)
class CompiledBand:
    """One severity of one rule for one person. Times are in milliseconds.

    `slope` is how much of the delay one unit beyond the limit takes away; 0 where the delay does not shrink.
    """

    severity: Severity
    holds: Test
    for_ms: int
    readings: int
    of_last: tuple[int, int] | None
    signal: str | None
    limit: float
    sign: int
    slope: float

    def delay_ms(self, value: float | None) -> float:
        """How long the condition must hold at this value."""
        if value is None or self.slope == 0:
            return self.for_ms
        return max(0.0, self.for_ms - self.slope * self.sign * (value - self.limit))


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule for one person. `wakes` says whether a moment can matter to a rule with nothing pending or open."""

    rule: Rule
    id: str
    technical: bool
    inhibits: frozenset[str]
    wakes: Test
    during: frozenset[str] | None
    bands: tuple[CompiledBand, ...]
    clears: Test
    clears_at: float
    clear_ms: int
    clear_readings: int
    signal: Signal
    about_clock: bool


@dataclass(frozen=True, repr=False)
class CompiledRules:
    """A rule set for one person. Technical rules come first, as they may inhibit the others.

    `quiet` holds the limits within which no rule can begin to hold: heart rate and SpO2 both from and to, the lowest
    battery. `age_ms` and `ahead_ms` are how far a reading's time may be from its receipt.
    """

    rule_set: RuleSet
    person: PersonDefaults
    rules: tuple[CompiledRule, ...]
    clock_rules: tuple[CompiledRule, ...]
    look_back_ms: int
    quiet: tuple[float, float, float, float, float]
    age_ms: int
    ahead_ms: int
    #: The same for the same rules, whatever they are called.
    digest: str

    @cached_property
    def by_id(self) -> Mapping[str, CompiledRule]:
        """Every rule, those about the clock too."""
        return {rule.id: rule for rule in (*self.rules, *self.clock_rules)}

    def severities(self, rule_id: str) -> tuple[Severity, ...]:
        """The severities of a rule; none for a rule that there is not."""
        rule = self.by_id.get(rule_id)
        return tuple(band.severity for band in rule.bands) if rule else ()

    def __repr__(self) -> str:
        return f"CompiledRules({self.rule_set.name} {self.rule_set.version}, {self.person})"

    def are_quiet(self, readings: Sequence[Reading], received_at: int) -> bool:
        """Whether nothing in these readings concerns any rule: the normal path's only question."""
        heart_low, heart_high, spo2_low, spo2_high, battery_low = self.quiet
        oldest, newest = received_at - self.age_ms, received_at + self.ahead_ms
        for reading in readings:
            value: float | None = reading.heart_rate
            if value is not None and not heart_low <= value <= heart_high:
                return False
            value = reading.spo2
            if value is not None and not spo2_low <= value <= spo2_high:
                return False
            value = reading.battery
            if value is not None and value < battery_low:
                return False
            if not oldest <= reading.timestamp <= newest or reading.on_wrist is False:
                return False
        return True

    def is_quiet(self, moment: Moment) -> bool:
        """Whether one moment concerns no rule that has nothing pending or open."""
        heart_low, heart_high, spo2_low, spo2_high, battery_low = self.quiet
        heart_rate, spo2, battery = moment.heart_rate, moment.spo2, moment.battery
        return (
            (heart_rate is None or heart_low <= heart_rate <= heart_high)
            and (spo2 is None or spo2_low <= spo2 <= spo2_high)
            and (battery is None or battery >= battery_low)
            and not (moment.off_wrist or moment.no_heart_rate or moment.no_spo2)
            and not (moment.implausible_heart_rate or moment.implausible_spo2)
        )


def compiled(rule_set: RuleSet, profile: Profile | None = None) -> CompiledRules:
    """The rules for one person; for everybody without a profile. Errors: `LimitError`."""
    person = rule_set.person if profile is None else profile.person(rule_set.person)
    limits = {} if profile is None else profile.limits
    key = tuple(sorted((rule, severity, value) for rule, by in limits.items() for severity, value in by.items()))
    return _compiled(rule_set, person, key)


@lru_cache(maxsize=4096)
def _compiled(
    rule_set: RuleSet, person: PersonDefaults, overrides: tuple[tuple[str, Severity, float], ...]
) -> CompiledRules:
    own: dict[str, dict[Severity, float]] = {}
    for rule_id, severity, value in overrides:
        own.setdefault(rule_id, {})[severity] = value
    if unknown := own.keys() - {rule.id for rule in rule_set.rules}:
        raise LimitError(f"limits for rules that {rule_set.name} does not have: {', '.join(sorted(unknown))}")
    ordered = sorted(rule_set.rules, key=lambda rule: rule.kind != "technical")
    rules = [_rule(rule, person, own.get(rule.id, {})) for rule in ordered]
    for compiled_rule in rules:
        _refuse_unreachable(compiled_rule, rule_set, person)
    changes = [leaf.over_seconds for rule in ordered for leaf in rule.leaves() if isinstance(leaf, Change)]
    skew_ms = rule_set.clock_skew.beyond_seconds * 1000
    return CompiledRules(
        rule_set=rule_set,
        person=person,
        rules=tuple(rule for rule in rules if not rule.about_clock),
        clock_rules=tuple(rule for rule in rules if rule.about_clock),
        look_back_ms=max(changes, default=0) * 1000,
        quiet=_quiet(rule_set, rules, person),
        age_ms=min(rule_set.late_after_seconds * 1000, skew_ms),
        ahead_ms=skew_ms,
        digest=_digest(rule_set),
    )


@lru_cache(maxsize=64)
def _digest(rule_set: RuleSet) -> str:
    """Once for a rule set, however many people have limits of their own."""
    return derived_id(rule_set.model_dump_json())[:16]


def resolved(limit: Limit, signal: str, person: PersonDefaults) -> float:
    """A limit as a number for one person. Errors: `LimitError`."""
    if not isinstance(limit, PersonalLimit):
        return float(limit)
    maximum, resting = person.maximum_heart_rate, person.resting_heart_rate
    if limit.early_warning_low is not None or limit.early_warning_high is not None:
        low, high = limit.early_warning_low, limit.early_warning_high
        try:
            value = border(signal, low or high or 0, "low" if low else "high", person.spo2_scale)
        except ValueError as error:
            raise LimitError(str(error)) from None
    elif signal != "heartRate":
        raise LimitError(f"only heart rate has limits of the maximum or resting heart rate, not {signal}")
    elif limit.of_maximum is not None:
        value = limit.of_maximum * maximum
    elif limit.of_reserve is not None:
        value = resting + limit.of_reserve * (maximum - resting)
    else:
        value = resting + (limit.above_resting or 0)
    value += limit.plus
    if limit.at_most is not None:
        value = min(value, limit.at_most)
    return value if limit.at_least is None else max(value, limit.at_least)


def _rule(rule: Rule, person: PersonDefaults, own: dict[Severity, float]) -> CompiledRule:
    if missing := own.keys() - {band.severity for band in rule.bands}:
        raise LimitError(f"{rule.id} has no band {', '.join(sorted(missing))}")
    bands = tuple(_band(rule, band, person, own.get(band.severity)) for band in rule.bands)
    signals = {leaf.signal for leaf in rule.leaves() if not isinstance(leaf, Faulty)}
    nested = all(mild.signal and mild.signal == severe.signal for mild, severe in pairwise(bands))
    if nested and any(mild.sign * (severe.limit - mild.limit) < 0 for mild, severe in pairwise(bands)):
        raise LimitError(f"{rule.id}: the critical limit lies before the warning limit")
    clears = _clear(rule, bands[0], person)
    signal: Any = signals.pop() if len(signals) == 1 else "combined" if signals else "device"
    return CompiledRule(
        rule=rule,
        id=rule.id,
        technical=rule.kind == "technical",
        inhibits=frozenset(rule.inhibits),
        wakes=bands[0].holds if nested else _any([band.holds for band in bands]),
        during=frozenset(rule.during) if rule.during else None,
        bands=bands,
        clears=_test(clears, person),
        clears_at=resolved(clears.limit, clears.signal, person) if isinstance(clears, Level) else 0.0,
        clear_ms=rule.clear.for_seconds * 1000,
        clear_readings=rule.clear.readings,
        signal=signal,
        about_clock=any(isinstance(leaf, Faulty) and leaf.fault == "clock-skew" for leaf in rule.leaves()),
    )


def _band(rule: Rule, band: Band, person: PersonDefaults, own: float | None) -> CompiledBand:
    when: AnyCondition = band.when
    signal, limit, sign, slope = None, 0.0, 1, 0.0
    if own is not None:
        if not isinstance(when, Level):
            raise LimitError(f"{rule.id}: only a single above or below can have a limit of one's own")
        when = Level(signal=when.signal, **{("below" if when.above is None else "above"): own})
    if isinstance(when, Level):
        side = "below" if when.above is None else "above"
        signal, sign = when.signal, 1 if side == "above" else -1
        limit = resolved(when.limit, when.signal, person)
        if band.at_once is not None:
            beyond = sign * (resolved(band.at_once, when.signal, person) - limit)
            # Somebody's own limit may have passed the value that was to count at once: then every breach does.
            if beyond <= 0 and own is None:
                raise LimitError(f"{rule.id}: atOnce lies before the limit")
            slope = band.for_seconds * 1000 / max(beyond, 1e-9)
    return CompiledBand(
        severity=band.severity,
        holds=_test(when, person),
        for_ms=band.for_seconds * 1000,
        readings=band.readings,
        of_last=(band.of_last.breaching, band.of_last.readings) if band.of_last else None,
        signal=signal,
        limit=limit,
        sign=sign,
        slope=slope,
    )


def _refuse_unreachable(rule: CompiledRule, rule_set: RuleSet, person: PersonDefaults) -> None:
    """Limits between which no plausible value lies, or beyond which every one does: such a rule would never change."""
    bounds = {"heartRate": rule_set.plausible.heart_rate, "spo2": rule_set.plausible.spo2}
    limits = [(band.signal, band.limit) for band in rule.bands]
    if isinstance(rule.rule.clear.when, Level):
        limits.append((rule.rule.clear.when.signal, rule.clears_at))
    for signal, limit in limits:
        plausible = bounds.get(signal or "")
        if plausible is not None and not plausible.at_least < limit < plausible.at_most:
            raise LimitError(f"{rule.id}: no plausible value is on one side of {limit:g}")
    for band in rule.rule.bands:
        if isinstance(band.when, AllOf):
            _refuse_contradiction(rule.id, band.when, person)


def _refuse_contradiction(rule_id: str, condition: AllOf, person: PersonDefaults) -> None:
    levels = [part for part in condition.all if isinstance(part, Level)]
    for signal in {level.signal for level in levels}:
        same = [level for level in levels if level.signal == signal]
        above = [resolved(level.limit, signal, person) for level in same if level.above is not None]
        below = [resolved(level.limit, signal, person) for level in same if level.below is not None]
        if above and below and max(above) >= min(below):
            raise LimitError(f"{rule_id}: nothing is above {max(above):g} and below {min(below):g}")


def _clear(rule: Rule, mildest: CompiledBand, person: PersonDefaults) -> AnyCondition:
    """The condition that ends an episode: never at a value that opens one, and as far from one's own limit as ever."""
    clear, opens = rule.clear.when, rule.bands[0].when
    if not isinstance(clear, Level) or not isinstance(opens, Level) or clear.signal != opens.signal:
        return clear
    side = "below" if clear.above is None else "above"
    everybodys = resolved(opens.limit, opens.signal, person)
    ends_at = resolved(clear.limit, clear.signal, person) + mildest.limit - everybodys
    if (side == "above") == (mildest.sign == 1) or mildest.sign * (mildest.limit - ends_at) < 0:
        raise LimitError(f"{rule.id}: it would clear at {ends_at:g} and open at {mildest.limit:g}")
    return Level(signal=clear.signal, **{side: ends_at})


def _test(condition: AnyCondition, person: PersonDefaults, *, known: bool = False) -> Test:
    """The condition as a function. Parts of a combination look at what is `known`, not only at this reading."""
    if isinstance(condition, AllOf):
        return _all([_test(part, person, known=True) for part in condition.all])
    if isinstance(condition, AnyOf):
        return _any([_test(part, person, known=True) for part in condition.any])
    if isinstance(condition, Faulty):
        return _fault(condition)
    if isinstance(condition, Change):
        return _change(condition)
    return _level(condition, person, known)


def _level(condition: Level, person: PersonDefaults, known: bool) -> Test:
    limit = resolved(condition.limit, condition.signal, person)
    signal, get, above = condition.signal, attrgetter(_ATTRIBUTES[condition.signal]), condition.above is not None

    def here(moment: Moment) -> Truth:
        value = get(moment)
        return None if value is None else bool(value > limit if above else value < limit)

    def lately(moment: Moment) -> Truth:
        value = get(moment)
        if value is None:
            value = moment.known(signal)
        return None if value is None else bool(value > limit if above else value < limit)

    return lately if known else here


def _change(condition: Change) -> Test:
    signal, over_ms = condition.signal, condition.over_seconds * 1000
    sign = 1 if condition.rises_per_minute is not None else -1
    a_minute = condition.rises_per_minute or condition.falls_per_minute or 0.0

    def holds(moment: Moment) -> Truth:
        trend = moment.trends.get(signal)
        if not trend or trend[-1][0] != moment.at:
            return None
        at, value = trend[-1]
        since = next(entry for entry in trend if at - entry[0] <= over_ms)
        span = at - since[0]
        if span * 2 < over_ms:
            return None
        return sign * (value - since[1]) * 60_000 >= a_minute * span

    return holds


def _fault(condition: Faulty) -> Test:
    found: Test = attrgetter(_FAULTS[condition.fault, condition.signal])
    return found if condition.present else _not(found)


def _not(test: Test) -> Test:
    def holds(moment: Moment) -> Truth:
        truth = test(moment)
        return None if truth is None else not truth

    return holds


def _all(tests: Sequence[Test]) -> Test:
    def holds(moment: Moment) -> Truth:
        truths = [test(moment) for test in tests]
        return False if False in truths else None if None in truths else True

    return holds


def _any(tests: Sequence[Test]) -> Test:
    def holds(moment: Moment) -> Truth:
        truths = [test(moment) for test in tests]
        return True if True in truths else None if None in truths else False

    return holds


def _quiet(
    rule_set: RuleSet, rules: Sequence[CompiledRule], person: PersonDefaults
) -> tuple[float, float, float, float, float]:
    bounds = rule_set.plausible
    low = {"heartRate": bounds.heart_rate.at_least, "spo2": bounds.spo2.at_least, "battery": -_INFINITY}
    high = {"heartRate": bounds.heart_rate.at_most, "spo2": bounds.spo2.at_most, "battery": _INFINITY}
    for rule in rules:
        for band, source in zip(rule.bands, rule.rule.bands, strict=True):
            levels = [leaf for leaf in leaves(source.when) if isinstance(leaf, Level)]
            for level in levels:
                limit = band.limit if band.signal else resolved(level.limit, level.signal, person)
                if level.above is not None:
                    high[level.signal] = min(high[level.signal], limit)
                else:
                    low[level.signal] = max(low[level.signal], limit)
    return low["heartRate"], high["heartRate"], low["spo2"], high["spo2"], low["battery"]
