"""Evaluate's configuration, from the environment that `template.yaml` gives its two functions."""

from __future__ import annotations

import os
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]


class WatchdogSettings(BaseModel):
    """What both functions need. Errors: pydantic's `ValidationError` at cold start, for a variable missing or wrong."""

    model_config = ConfigDict(frozen=True)

    event_bus_name: str
    alarm_configuration_table_name: str
    presence_table_name: str
    #: How old rule sets and profiles may be.
    configuration_refresh_seconds: Positive

    @classmethod
    def from_environment(cls) -> Self:
        return cls.model_validate({name: os.environ.get(name.upper()) for name in cls.model_fields})


class Settings(WatchdogSettings):
    """What the function needs that takes readings."""

    alarm_state_table_name: str
    #: How old the set of watched devices may be.
    watched_refresh_seconds: Positive
    #: How often an instance hands over whom it heard.
    hand_over_seconds: Positive
    #: How long a watch without readings is remembered: longer than the event archive, so that no replay opens an alert.
    ledger_retention_days: Annotated[int, Field(ge=1)]
