"""Evaluate's configuration, from the environment that `template.yaml` gives it."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Errors: pydantic's `ValidationError` at cold start when a variable is missing or wrong."""

    model_config = ConfigDict(frozen=True)

    event_bus_name: str
    alarm_state_table_name: str
    #: How old the set of watched devices may be.
    watched_refresh_seconds: Annotated[float, Field(gt=0)]
    #: How long a watch without readings is remembered: longer than the event archive, so that no replay opens an alert.
    ledger_retention_days: Annotated[int, Field(ge=1)]

    @classmethod
    def from_environment(cls) -> Settings:
        return cls.model_validate({name: os.environ.get(name.upper()) for name in cls.model_fields})
