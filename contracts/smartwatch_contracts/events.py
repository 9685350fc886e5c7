"""What can happen: the data of every event on the bus, past tense, one model for each version."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smartwatch_contracts.model import Contract

Milliseconds = Annotated[int, Field(ge=0, description="Milliseconds since 1970, UTC.")]
Severity = Literal["warning", "critical"]
Signal = Literal["heartRate", "spo2", "steps"]


class Reading(Contract):
    """One accepted reading. `timestamp` is when the watch took it; a vital it does not measure is absent."""

    timestamp: Milliseconds
    heart_rate: int | None = None
    steps: int | None = None
    spo2: float | None = None
    sequence: int | None = None
    on_wrist: bool | None = None
    battery: float | None = None
    quality: float | None = None


class DeviceReadings(Contract):
    """Readings of one watch that the broker received within one second, in the order received."""

    device_id: str
    received_at: Milliseconds
    readings: Annotated[list[Reading], Field(min_length=1)]


class ReadingsAcceptedV1(Contract):
    """Readings passed every check and may be stored and evaluated. At most about 60 KB."""

    devices: Annotated[list[DeviceReadings], Field(min_length=1)]


class AlertRaisedV1(Contract):
    """An episode opened: a rule's condition began to hold for one watch.

    `title` is fit for a message to a person: it names the rule, never a measured value, and says DRILL when it is one.
    """

    alert_id: str
    device_id: str
    rule_id: str
    rule_set_version: str
    severity: Severity
    signal: Signal
    title: str
    started_at: Milliseconds
    value: float
    drill: bool


class AlertClearedV1(Contract):
    """An episode closed: the watch was back inside the rule's margin for long enough."""

    alert_id: str
    device_id: str
    rule_id: str
    started_at: Milliseconds
    cleared_at: Milliseconds
    drill: bool


class AlertAcknowledgedV1(Contract):
    """A person took responsibility for an alert."""

    alert_id: str
    device_id: str
    acknowledged_by: str
    acknowledged_at: Milliseconds
    drill: bool


class EscalationExhaustedV1(Contract):
    """Everybody was told and nobody answered."""

    alert_id: str
    device_id: str
    rule_id: str
    severity: Severity
    execution_arn: str
    drill: bool
