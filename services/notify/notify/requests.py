"""What notify is asked: by the workflow, by people, by the bus. External input, translated once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel
from smartwatch_contracts.catalogue import ALERT_CLEARED
from smartwatch_contracts.events import Severity

#: The steps of an escalation at which somebody is told.
Step = Literal["care-team", "care-team-reminder", "on-call"]


class _Request(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )


class Alert(_Request):
    """The alert as the workflow carries it: no measured value."""

    alert_id: str
    device_id: str
    rule_id: str
    severity: Severity
    title: str
    started_at: int
    drill: bool


class Tell(_Request):
    """The workflow: tell the people of this step, and keep the task token for the one who answers."""

    action: Literal["tell"]
    step: Step
    alert: Alert
    task_token: Annotated[str, Field(min_length=1, repr=False)]


class Acknowledge(_Request):
    """A person takes responsibility."""

    action: Literal["acknowledge"]
    alert_id: Annotated[str, Field(min_length=1, max_length=128)]
    acknowledged_by: Annotated[str, Field(min_length=1, max_length=128)]


class Cleared(_Request):
    """The bus: the episode is over."""

    action: Literal["cleared"]
    alert_id: str
    device_id: str
    cleared_at: int


Request = Tell | Acknowledge | Cleared
_REQUESTS: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="action")])


def parse(event: dict[str, Any]) -> Request:
    """A Lambda event as a request. Errors: pydantic's `ValidationError`; the caller sees it, or a dead-letter queue."""
    if event.get("detail-type") == ALERT_CLEARED.detail_type:
        cleared = ALERT_CLEARED.parse(event["detail"]).data
        return Cleared(
            action="cleared",
            alert_id=cleared.alert_id,
            device_id=cleared.device_id,
            cleared_at=cleared.cleared_at,
        )
    return _REQUESTS.validate_python(event)
