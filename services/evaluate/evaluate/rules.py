"""Rules as data: the model of a rule set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from smartwatch_contracts.events import Reading, Severity

NO_SIGNAL = 0


class Rule(BaseModel):
    """One limit on one vital.

    The condition holds while the value is beyond `threshold`; a reading counts as recovered when the value is back
    inside by `clear_margin`, and `clear_readings` recovered readings in a row end the episode. A value of zero is "no
    signal": neither a breach nor a recovery.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    #: Part of message subjects, which are printable ASCII (Amazon SNS `Publish`).
    title: Annotated[str, Field(pattern=r"^[ -~]{1,60}$")]
    signal: Literal["heartRate", "spo2"]
    comparison: Literal["above", "below"]
    threshold: float
    clear_margin: Annotated[float, Field(ge=0)]
    clear_readings: Annotated[int, Field(ge=1, le=20)]
    severity: Severity

    def value_of(self, reading: Reading) -> float | None:
        """The vital that this rule looks at; None when the reading has none or says "no signal"."""
        value = reading.heart_rate if self.signal == "heartRate" else reading.spo2
        return None if value is None or value == NO_SIGNAL or reading.on_wrist is False else float(value)

    def breached_by(self, value: float) -> bool:
        return value > self.threshold if self.comparison == "above" else value < self.threshold

    def recovered_by(self, value: float) -> bool:
        if self.comparison == "above":
            return value <= self.threshold - self.clear_margin
        return value >= self.threshold + self.clear_margin


class RuleSet(BaseModel):
    """Rules that hold together under one version."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    version: Annotated[str, Field(min_length=1)]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> RuleSet:
        if len({rule.id for rule in self.rules}) != len(self.rules):
            raise ValueError("two rules have the same id")
        return self
