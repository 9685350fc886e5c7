"""Persist's configuration, from the environment that `template.yaml` gives it."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Errors: pydantic's `ValidationError` at cold start when a variable is missing or wrong."""

    model_config = ConfigDict(frozen=True)

    readings_table_name: str
    retention_days: Annotated[int, Field(ge=1)]

    @property
    def retention(self) -> timedelta:
        return timedelta(days=self.retention_days)

    @classmethod
    def from_environment(cls) -> Settings:
        return cls.model_validate({name: os.environ.get(name.upper()) for name in cls.model_fields})
