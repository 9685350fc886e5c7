"""What notify is asked: by the workflow, by people, by the bus. External input, translated once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel
from smartwatch_contracts.catalogue import (
    ALERT_CLEARED,
    ALERT_RAISED,
    ALERT_SEVERITY_CHANGED,
    RETROSPECTIVE_EPISODE_FOUND,
    TECHNICAL_ALERT_RAISED,
)
from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import Severity
from smartwatch_contracts.policies import EscalationPolicy

from notify.plans import Cause, Telling

TaskToken = Annotated[str, Field(min_length=1, repr=False)]


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


class MakePlan(_Request):
    """The workflow: what is to be done about this alert? `policy` is what the execution began with, once it has."""

    action: Literal["plan"]
    alert: Alert
    cause: Cause
    policy: EscalationPolicy | None = None


class Tell(_Request):
    """The workflow: tell these people, or nobody for now, and keep the task token for the one who answers."""

    action: Literal["tell"]
    alert: Alert
    telling: Telling
    task_token: TaskToken


class AwaitRecovery(_Request):
    """The workflow: somebody is responsible; keep the task token for when the episode is over."""

    action: Literal["await-recovery"]
    alert: Alert
    task_token: TaskToken


class Acknowledge(_Request):
    """A person takes responsibility. `link` is the id of the signed link that they used."""

    action: Literal["acknowledge"]
    alert_id: Annotated[str, Field(min_length=1, max_length=128)]
    acknowledged_by: Annotated[str, Field(min_length=1, max_length=128)]
    via: Annotated[str, Field(max_length=256)] = "command"
    link: Annotated[str, Field(max_length=128)] | None = None


class SendDigests(_Request):
    """The schedule: tell people what was held back from them, where their window is over."""

    action: Literal["send-digests"]


class Raised(_Request):
    """The bus: an alert was raised, and its escalation is about to begin. Should it not, the auditor knows of it."""

    action: Literal["raised"]
    alert: Alert
    raised_at: str
    event_id: str
    correlation_id: str
    trace: str = ""


class Cleared(_Request):
    """The bus: the episode is over."""

    action: Literal["cleared"]
    alert_id: str
    device_id: str
    cleared_at: int


class Noted(_Request):
    """The bus: a fault of a watch, or an episode that was found too late. Kept beside the alerts, told to nobody."""

    action: Literal["noted"]
    event_id: str
    status: Literal["technical", "retrospective"]
    alert: Alert
    raised_at: str
    correlation_id: str
    trace: str = ""
    ended_at: int | None = None


class Worsened(_Request):
    """The bus: an open episode became more severe."""

    action: Literal["worsened"]
    event_id: str
    alert_id: str
    severity: Severity


Request = MakePlan | Tell | AwaitRecovery | Acknowledge | SendDigests | Raised | Cleared | Noted | Worsened
_REQUESTS: TypeAdapter[Request] = TypeAdapter(
    Annotated[Request, Field(discriminator="action")], config=ConfigDict(hide_input_in_errors=True)
)


def parse(event: dict[str, Any]) -> Request:
    """A Lambda event as a request. Errors: pydantic's `ValidationError`; the caller sees it, or a dead-letter queue."""
    from_bus = _FROM_BUS.get(event.get("detail-type", ""))
    return _REQUESTS.validate_python(event) if from_bus is None else from_bus(event["detail"])


def _raised(detail: dict[str, Any]) -> Raised:
    envelope = ALERT_RAISED.parse(detail)
    return Raised(
        action="raised",
        alert=_alert(envelope.data),
        raised_at=detail["occurredAt"],
        event_id=envelope.id,
        correlation_id=envelope.correlation_id,
        trace=envelope.trace or "",
    )


def _cleared(detail: dict[str, Any]) -> Cleared:
    data = ALERT_CLEARED.parse(detail).data
    return Cleared(action="cleared", alert_id=data.alert_id, device_id=data.device_id, cleared_at=data.cleared_at)


def _worsened(detail: dict[str, Any]) -> Worsened:
    envelope = ALERT_SEVERITY_CHANGED.parse(detail)
    return Worsened(
        action="worsened",
        event_id=envelope.id,
        alert_id=envelope.data.alert_id,
        severity=envelope.data.severity,
    )


def _technical(detail: dict[str, Any]) -> Noted:
    return _noted(TECHNICAL_ALERT_RAISED.parse(detail), "technical")


def _retrospective(detail: dict[str, Any]) -> Noted:
    return _noted(RETROSPECTIVE_EPISODE_FOUND.parse(detail), "retrospective")


def _noted(envelope: Envelope[Any], status: Literal["technical", "retrospective"]) -> Noted:
    data = envelope.data
    return Noted(
        action="noted",
        event_id=envelope.id,
        status=status,
        alert=_alert(data),
        raised_at=envelope.occurred_at.isoformat(timespec="milliseconds"),
        correlation_id=envelope.correlation_id,
        trace=envelope.trace or "",
        ended_at=getattr(data, "ended_at", None),
    )


def _alert(data: Any) -> Alert:
    return Alert.model_validate({name: getattr(data, name) for name in Alert.model_fields})


_FROM_BUS: dict[str, Callable[[dict[str, Any]], Request]] = {
    ALERT_RAISED.detail_type: _raised,
    ALERT_CLEARED.detail_type: _cleared,
    ALERT_SEVERITY_CHANGED.detail_type: _worsened,
    TECHNICAL_ALERT_RAISED.detail_type: _technical,
    RETROSPECTIVE_EPISODE_FOUND.detail_type: _retrospective,
}
