"""Rule sets: when an alert opens, how severe it is and when it clears, as a versioned document that people write.

A rule set is YAML for people and this one model for the platform. Times are in seconds of event time, heart rate in
beats per minute, SpO2 and battery in per cent.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from smartwatch_contracts.events import Severity
from smartwatch_contracts.model import Document

#: What a condition may look at.
RuleSignal = Literal["heartRate", "spo2", "battery"]
#: `recovering`: effort ended less than `settleSeconds` ago. `settling`: there are steps, of too short a time to say.
#: `unknown`: the watch says neither activity nor steps.
Gate = Literal["resting", "sleeping", "walking", "running", "cycling", "other", "recovering", "settling", "unknown"]
Fault = Literal["off-wrist", "no-signal", "implausible", "clock-skew"]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
#: Part of message subjects, which are printable ASCII (Amazon SNS `Publish`).
Title = Annotated[str, Field(pattern=r"^[ -~]{1,60}$")]

SEVERITIES: tuple[Severity, ...] = ("warning", "critical")


class PersonalLimit(Document):
    """A limit that depends on the person: one of the five, moved by `plus` and kept within `atLeast` and `atMost`.

    `ofMaximum` is a share of the maximum heart rate; `ofReserve` a share of the way from resting to maximum heart rate
    (Karvonen et al., Ann Med Exp Biol Fenn 35, 1957); `aboveResting` in beats; `earlyWarningLow` and `earlyWarningHigh`
    the low and the high border of that early-warning band (1 to 3) on the person's scale.
    """

    of_maximum: Annotated[float, Field(gt=0, le=2)] | None = None
    of_reserve: Annotated[float, Field(ge=0, le=2)] | None = None
    above_resting: Annotated[float, Field(ge=-100, le=200)] | None = None
    early_warning_low: Annotated[int, Field(ge=1, le=3)] | None = None
    early_warning_high: Annotated[int, Field(ge=1, le=3)] | None = None
    plus: float = 0
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _names_one(self) -> PersonalLimit:
        named = (
            self.of_maximum,
            self.of_reserve,
            self.above_resting,
            self.early_warning_low,
            self.early_warning_high,
        )
        if sum(value is not None for value in named) != 1:
            raise ValueError(
                "needs exactly one of ofMaximum, ofReserve, aboveResting, earlyWarningLow, earlyWarningHigh"
            )
        return self


Limit = float | PersonalLimit


class Level(Document):
    """A value beyond a limit. The limit itself is not beyond it."""

    signal: RuleSignal
    above: Limit | None = None
    below: Limit | None = None

    @model_validator(mode="after")
    def _has_one_side(self) -> Level:
        if (self.above is None) == (self.below is None):
            raise ValueError("needs either above or below")
        return self

    @property
    def limit(self) -> Limit:
        limit = self.below if self.above is None else self.above
        assert limit is not None  # noqa: S101 (the validator says so)
        return limit


class Change(Document):
    """A value that rises or falls by at least so much a minute, measured over at least half of `overSeconds`.

    It stands beside a level, in `all`: quiet readings are stored nowhere, and one function has not seen them all.
    """

    signal: RuleSignal
    rises_per_minute: Annotated[float, Field(gt=0)] | None = None
    falls_per_minute: Annotated[float, Field(gt=0)] | None = None
    over_seconds: Annotated[int, Field(ge=1, le=600)]

    @model_validator(mode="after")
    def _has_one_direction(self) -> Change:
        if (self.rises_per_minute is None) == (self.falls_per_minute is None):
            raise ValueError("needs either risesPerMinute or fallsPerMinute")
        return self


class Faulty(Document):
    """A technical condition, present or (for clearing) absent. `signal` for no-signal and implausible."""

    fault: Fault
    present: bool = True
    signal: Literal["heartRate", "spo2"] | None = None

    @model_validator(mode="after")
    def _names_its_signal(self) -> Faulty:
        if (self.fault in {"no-signal", "implausible"}) != (self.signal is not None):
            raise ValueError("no-signal and implausible need a signal, the other faults have none")
        return self


class AllOf(Document):
    """Every condition holds."""

    all: Annotated[tuple[Condition, ...], Field(min_length=2)]


class AnyOf(Document):
    """At least one condition holds."""

    any: Annotated[tuple[Condition, ...], Field(min_length=2)]


def _kind(value: Any) -> str:
    if not isinstance(value, dict):
        return type(value).__name__
    if "all" in value or "any" in value:
        return "AllOf" if "all" in value else "AnyOf"
    if "fault" in value:
        return "Faulty"
    return "Change" if {"risesPerMinute", "fallsPerMinute", "overSeconds"} & value.keys() else "Level"


Condition = Annotated[
    Annotated[Level, Tag("Level")]
    | Annotated[Change, Tag("Change")]
    | Annotated[Faulty, Tag("Faulty")]
    | Annotated[AllOf, Tag("AllOf")]
    | Annotated[AnyOf, Tag("AnyOf")],
    Discriminator(_kind),
]


class OfLast(Document):
    """`breaching` of the last `readings` readings."""

    breaching: Annotated[int, Field(ge=1, le=100)]
    readings: Annotated[int, Field(ge=1, le=100)]

    @model_validator(mode="after")
    def _is_possible(self) -> OfLast:
        if self.breaching > self.readings:
            raise ValueError("breaching can't be more than readings")
        return self


class Band(Document):
    """One severity of a rule.

    The condition must have held for `forSeconds`, over at least `readings` readings; or, with `ofLast`, in so many of
    the last readings. With `atOnce`, the delay shrinks in a straight line from `forSeconds` at the limit to nothing at
    `atOnce`; of two consecutive values the milder one counts, so that a single spike does not.
    """

    severity: Severity
    when: Condition
    for_seconds: Seconds = 0
    readings: Annotated[int, Field(ge=1, le=20)] = 1
    at_once: Limit | None = None
    of_last: OfLast | None = None

    @model_validator(mode="after")
    def _delays_make_sense(self) -> Band:
        if self.of_last and (self.for_seconds or self.at_once is not None or self.readings > 1):
            raise ValueError("ofLast stands alone: no forSeconds, readings or atOnce beside it")
        if self.at_once is not None and (not isinstance(self.when, Level) or self.for_seconds == 0):
            raise ValueError("atOnce shrinks the forSeconds of a single above or below")
        return self


class Clear(Document):
    """When an episode ends: its own condition has held for `forSeconds`, over at least `readings` readings."""

    when: Condition
    for_seconds: Seconds = 0
    readings: Annotated[int, Field(ge=1, le=20)] = 3


class Rule(Document):
    """One reason to alert somebody. Bands go from mild to severe; severity rises during an episode and never falls.

    `during` lists the activities in which the rule may open an episode; without it, all. A technical rule `inhibits`
    physiological rules on the signals that it names, while its condition or its alert lasts.
    """

    id: RuleId
    title: Title
    kind: Literal["physiological", "technical"] = "physiological"
    during: Annotated[tuple[Gate, ...], Field(min_length=1)] | None = None
    bands: Annotated[tuple[Band, ...], Field(min_length=1, max_length=2)]
    clear: Clear
    inhibits: tuple[Literal["heartRate", "spo2"], ...] = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> Rule:
        ranks = [SEVERITIES.index(band.severity) for band in self.bands]
        if ranks != sorted(set(ranks)):
            raise ValueError("bands go from warning to critical, each at most once")
        if self.inhibits and self.kind != "technical":
            raise ValueError("only technical rules inhibit")
        for leaf in self.leaves():
            if isinstance(leaf, Faulty) and not leaf.present:
                raise ValueError("a band needs a fault that is present; its absence is what clears")
            if isinstance(leaf, Level) and leaf.signal == "battery" and leaf.below is None:
                raise ValueError("a battery can be too low, not too high")
        if self.kind == "physiological" and any(isinstance(leaf, Faulty) for leaf in self.leaves()):
            raise ValueError("a rule about a fault is technical")
        if any(_has_lonely_change(band.when) for band in self.bands):
            raise ValueError("a change needs a level beside it, in all: before that is passed, nothing is remembered")
        return self

    def leaves(self) -> list[Level | Change | Faulty]:
        """Every elementary condition of the bands."""
        return [leaf for band in self.bands for leaf in leaves(band.when)]


def leaves(condition: Level | Change | Faulty | AllOf | AnyOf) -> list[Level | Change | Faulty]:
    """The elementary conditions that a condition is made of."""
    if isinstance(condition, AllOf):
        return [leaf for part in condition.all for leaf in leaves(part)]
    if isinstance(condition, AnyOf):
        return [leaf for part in condition.any for leaf in leaves(part)]
    return [condition]


def _has_lonely_change(condition: Level | Change | Faulty | AllOf | AnyOf) -> bool:
    """Whether some change could hold without any level holding."""
    if isinstance(condition, Change):
        return True
    if isinstance(condition, AnyOf):
        return any(_has_lonely_change(part) for part in condition.any)
    return isinstance(condition, AllOf) and all(
        not isinstance(part, Level) and _has_lonely_change(part) for part in condition.all
    )


class PersonDefaults(Document):
    """Whoever has no profile."""

    maximum_heart_rate: Annotated[float, Field(ge=100, le=230)] = 200
    resting_heart_rate: Annotated[float, Field(ge=25, le=120)] = 65
    spo2_scale: Literal[1, 2] = 1


class Plausible(Document):
    """What a sensor can have measured on a living person; anything else is a fault, and no vital sign.

    `jump` is a change that no heart makes within `jumpSeconds`.
    """

    at_least: Annotated[float, Field(gt=0)]
    at_most: Annotated[float, Field(le=300)]
    jump: Annotated[float, Field(gt=0)]
    jump_seconds: Annotated[float, Field(gt=0, le=60)]

    @model_validator(mode="after")
    def _leaves_room(self) -> Plausible:
        if self.at_least >= self.at_most:
            raise ValueError("atLeast must be below atMost")
        return self


class Plausibility(Document):
    """By signal; `minimumQuality` in per cent, for watches that say how sure they are."""

    heart_rate: Plausible = Plausible(at_least=20, at_most=260, jump=70, jump_seconds=2)
    spo2: Plausible = Plausible(at_least=45, at_most=100, jump=25, jump_seconds=2)
    minimum_quality: Annotated[float, Field(ge=0, le=100)] = 30


class ActivityLimits(Document):
    """How steps become an activity where the watch says none: steps a minute over `windowSeconds`.

    Walking begins at about 60 steps a minute of purposeful movement, running at about 140 (Tudor-Locke et al., Br J
    Sports Med 52, 2018).
    """

    walking_steps_per_minute: Annotated[float, Field(ge=10, le=200)] = 40
    running_steps_per_minute: Annotated[float, Field(ge=10, le=300)] = 140
    window_seconds: Annotated[int, Field(ge=10, le=300)] = 60
    settle_seconds: Annotated[int, Field(ge=0, le=1800)] = 300


class ClockSkew(Document):
    """A clock that is wrong by a steady `beyondSeconds` over `forSeconds`, give or take `steadyWithinSeconds`.

    A steady lag is a wrong clock; one that shrinks is a watch that sends what a gap left behind.
    """

    beyond_seconds: Annotated[int, Field(ge=10, le=86_400)] = 240
    steady_within_seconds: Annotated[int, Field(ge=1, le=600)] = 20
    for_seconds: Seconds = 60


class Silence(Document):
    """When a watch counts as silent: nothing for `afterSeconds`, or `offlineSeconds` after its last will.

    A watch that says goodbye is not silent. `forgetSeconds` after its last word a watch is no longer looked for.
    """

    id: RuleId = "device-silent"
    title: Title = "Watch is silent"
    severity: Severity = "warning"
    after_seconds: Annotated[int, Field(ge=5, le=86_400)] = 300
    offline_seconds: Annotated[int, Field(ge=5, le=86_400)] = 60
    forget_seconds: Annotated[int, Field(ge=60, le=31 * 86_400)] = 7 * 86_400


class RuleSet(Document):
    """Rules that hold together under one name and version.

    Readings received more than `lateAfterSeconds` after they were taken amend history and wake nobody. A breach that
    goes on after a gap longer than `gapSeconds` without readings counts from anew.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    version: Annotated[str, Field(min_length=1, max_length=64)]
    description: str = ""
    late_after_seconds: Annotated[int, Field(ge=10, le=3600)] = 300
    gap_seconds: Annotated[int, Field(ge=60, le=86_400)] = 900
    person: PersonDefaults = PersonDefaults()
    plausible: Plausibility = Plausibility()
    activity: ActivityLimits = ActivityLimits()
    clock_skew: ClockSkew = ClockSkew()
    silence: Silence | None = None
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> RuleSet:
        ids = [rule.id for rule in self.rules] + ([self.silence.id] if self.silence else [])
        if repeated := sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1}):
            raise ValueError(f"two rules have the id {', '.join(repeated)}")
        return self
