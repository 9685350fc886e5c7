"""Notify's configuration, from the environment that `template.yaml` gives it."""

from __future__ import annotations

import os
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Errors: pydantic's `ValidationError` at cold start when a variable is missing or wrong."""

    model_config = ConfigDict(frozen=True)

    event_bus_name: str
    alerts_table_name: str
    recipients_table_name: str
    configuration_table_name: str
    care_team_topic_arn: str
    on_call_topic_arn: str
    channel_secret_arn: str
    link_key_secret_arn: str
    pager_duty_events_url: str
    #: How long an alert is remembered: longer than the event archive, so that no replay escalates it again.
    ledger_retention_days: Annotated[int, Field(ge=1)]
    #: How long a link in a message can be used.
    link_lifetime_seconds: Annotated[int, Field(ge=60)]
    #: How old policies, the roster and secrets may be.
    configuration_refresh_seconds: Annotated[int, Field(ge=1)]
    #: Where the acknowledgement API is; empty in the function that is that API.
    acknowledge_url: str = ""

    @classmethod
    def from_environment(cls) -> Self:
        given = {name: os.environ.get(name.upper()) for name in cls.model_fields}
        return cls.model_validate({name: value for name, value in given.items() if value is not None})


class AuditorSettings(Settings):
    """The auditor starts escalations too. Seconds are those of a page that the workflow sends by itself."""

    escalation_arn: str
    direct_page_seconds: Annotated[int, Field(ge=1)]
