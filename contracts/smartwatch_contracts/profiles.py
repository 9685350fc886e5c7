"""Profiles: what is known of the person who wears a watch, and what that changes about the rules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smartwatch_contracts.device import DEVICE_ID_PATTERN
from smartwatch_contracts.events import Severity
from smartwatch_contracts.model import Document, Name
from smartwatch_contracts.rules import PersonDefaults, RuleId


class Profile(Document):
    """One watch's wearer. What is left out is as for everybody.

    A measured maximum heart rate counts before one estimated from age. `limits` replaces the limit of a rule's band,
    for bands with a single above or below: rule id → severity → value.
    """

    device_id: Annotated[str, Field(pattern=DEVICE_ID_PATTERN)]
    age: Annotated[int, Field(ge=0, le=120)] | None = None
    maximum_heart_rate: Annotated[float, Field(ge=100, le=230)] | None = None
    resting_heart_rate: Annotated[float, Field(ge=25, le=120)] | None = None
    spo2_scale: Literal[1, 2] | None = None
    rule_set: Name | None = None
    #: Where the person is looked after: what silences may name.
    site: Name | None = None
    #: How alerts about this person escalate; `default` without one.
    policy: Name | None = None
    limits: dict[RuleId, dict[Severity, float]] = Field(default_factory=dict)

    def person(self, defaults: PersonDefaults) -> PersonDefaults:
        """The person that limits refer to. Age gives the maximum: 208 - 0.7 × age (Tanaka et al., JACC 37, 2001)."""
        estimated = defaults.maximum_heart_rate if self.age is None else max(100.0, 208 - 0.7 * self.age)
        return PersonDefaults.model_construct(
            maximum_heart_rate=self.maximum_heart_rate or estimated,
            resting_heart_rate=self.resting_heart_rate or defaults.resting_heart_rate,
            spo2_scale=self.spo2_scale or defaults.spo2_scale,
        )
