"""What can happen: the data of every event on the bus, past tense, one model for each version."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smartwatch_contracts.device import Activity
from smartwatch_contracts.model import Contract

Milliseconds = Annotated[int, Field(ge=0, description="Milliseconds since 1970, UTC.")]
Severity = Literal["warning", "critical"]
#: The vital that a rule is about; `combined` for rules about several.
Signal = Literal["heartRate", "spo2", "steps", "battery", "combined", "device"]


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
    activity: Activity | None = None


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
    `early_warning_band` is the band (0 to 3) of `value` on the person's scale, where there is one.
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
    rule_set: str | None = None
    early_warning_band: Annotated[int, Field(ge=0, le=3)] | None = None


class AlertSeverityChangedV1(Contract):
    """An open episode became more severe."""

    alert_id: str
    device_id: str
    rule_id: str
    rule_set_version: str
    severity: Severity
    previous_severity: Severity
    changed_at: Milliseconds
    drill: bool


class TechnicalAlertRaisedV1(Contract):
    """A watch, not a person, is in trouble: it sees nothing, sends nothing, or its clock or battery is off."""

    alert_id: str
    device_id: str
    rule_id: str
    rule_set: str
    rule_set_version: str
    severity: Severity
    title: str
    started_at: Milliseconds
    drill: bool


class RetrospectiveEpisodeFoundV1(Contract):
    """Readings that came too late to act on hold an episode. History only: it never reaches a person."""

    alert_id: str
    device_id: str
    rule_id: str
    rule_set: str
    rule_set_version: str
    severity: Severity
    signal: Signal
    title: str
    started_at: Milliseconds
    ended_at: Milliseconds
    drill: bool


class DevicePresenceChangedV1(Contract):
    """A watch connected or left. `lost` means that the broker published its last will."""

    device_id: str
    status: Literal["online", "offline"]
    reason: Literal["goodbye", "lost"] | None = None
    received_at: Milliseconds


class AlertClearedV1(Contract):
    """An episode closed: its clear condition held for long enough.

    `withdrawn` when readings that came out of order show that there was no episode after all.
    """

    alert_id: str
    device_id: str
    rule_id: str
    started_at: Milliseconds
    cleared_at: Milliseconds
    drill: bool
    withdrawn: bool | None = None


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


class EscalationStalledV1(Contract):
    """An alert should have been escalating and was not; the auditor found it and did what `action` says."""

    alert_id: str
    device_id: str
    rule_id: str
    severity: Severity
    reason: Literal["never-started", "ended", "overdue", "nobody-told", "notify-failed"]
    action: Literal["restarted", "fallback-paged", "paged-directly"]
    execution_arn: str | None = None
    drill: bool
