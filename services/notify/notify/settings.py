"""Notify's configuration, from the environment that `template.yaml` gives it."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Errors: pydantic's `ValidationError` at cold start when a variable is missing or wrong."""

    model_config = ConfigDict(frozen=True)

    event_bus_name: str
    alerts_table_name: str
    care_team_topic_arn: str
    on_call_topic_arn: str
    #: How long an alert is remembered: longer than the event archive, so that no replay escalates it again.
    ledger_retention_days: Annotated[int, Field(ge=1)]

    @classmethod
    def from_environment(cls) -> Settings:
        return cls.model_validate({name: os.environ.get(name.upper()) for name in cls.model_fields})
