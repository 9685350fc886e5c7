"""Ingest's configuration, from the environment that `template.yaml` gives it."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Errors: pydantic's `ValidationError` at cold start when a variable is missing."""

    model_config = ConfigDict(frozen=True)

    event_bus_name: str
    quarantine_queue_url: str

    @classmethod
    def from_environment(cls) -> Settings:
        return cls.model_validate({name: os.environ.get(name.upper()) for name in cls.model_fields})
