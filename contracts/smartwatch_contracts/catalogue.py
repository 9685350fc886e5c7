"""Every event that may be on the bus: source, detail type, version, model. Tests and rules walk this list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import (
    AlertAcknowledgedV1,
    AlertClearedV1,
    AlertRaisedV1,
    AlertSeverityChangedV1,
    DevicePresenceChangedV1,
    EscalationExhaustedV1,
    EscalationStalledV1,
    ReadingsAcceptedV1,
    RetrospectiveEpisodeFoundV1,
    TechnicalAlertRaisedV1,
)
from smartwatch_contracts.model import Contract


@dataclass(frozen=True)
class EventType:
    """One kind of event in one version. `model` is the model of its data."""

    source: str
    detail_type: str
    version: int
    model: type[Contract]

    def envelope(
        self,
        data: Contract,
        *,
        event_id: str,
        correlation_id: str,
        occurred_at: datetime,
        causation_id: str | None = None,
        trace: str | None = None,
    ) -> Envelope[Any]:
        """`data` in its envelope. Errors: `TypeError` when `data` is not of this event type."""
        if not isinstance(data, self.model):
            raise TypeError(f"{self.detail_type} v{self.version} carries {self.model.__name__}")
        return Envelope[Any](
            id=event_id,
            source=self.source,
            type=self.detail_type,
            version=self.version,
            correlation_id=correlation_id,
            causation_id=causation_id,
            occurred_at=occurred_at,
            trace=trace,
            data=data,
        )

    def parse(self, detail: Mapping[str, Any]) -> Envelope[Any]:
        """EventBridge's `detail` as an envelope with this type's data. Errors: pydantic's `ValidationError`."""
        return Envelope[self.model].model_validate(detail)  # type: ignore[name-defined]


READINGS_ACCEPTED = EventType("smartwatch.ingest", "ReadingsAccepted", 1, ReadingsAcceptedV1)
DEVICE_PRESENCE_CHANGED = EventType("smartwatch.ingest", "DevicePresenceChanged", 1, DevicePresenceChangedV1)
ALERT_RAISED = EventType("smartwatch.evaluate", "AlertRaised", 1, AlertRaisedV1)
ALERT_SEVERITY_CHANGED = EventType("smartwatch.evaluate", "AlertSeverityChanged", 1, AlertSeverityChangedV1)
TECHNICAL_ALERT_RAISED = EventType("smartwatch.evaluate", "TechnicalAlertRaised", 1, TechnicalAlertRaisedV1)
RETROSPECTIVE_EPISODE_FOUND = EventType(
    "smartwatch.evaluate", "RetrospectiveEpisodeFound", 1, RetrospectiveEpisodeFoundV1
)
ALERT_CLEARED = EventType("smartwatch.evaluate", "AlertCleared", 1, AlertClearedV1)
ALERT_ACKNOWLEDGED = EventType("smartwatch.notify", "AlertAcknowledged", 1, AlertAcknowledgedV1)
ESCALATION_EXHAUSTED = EventType("smartwatch.escalation", "EscalationExhausted", 1, EscalationExhaustedV1)
ESCALATION_STALLED = EventType("smartwatch.notify", "EscalationStalled", 1, EscalationStalledV1)

CATALOGUE: tuple[EventType, ...] = (
    READINGS_ACCEPTED,
    DEVICE_PRESENCE_CHANGED,
    ALERT_RAISED,
    ALERT_SEVERITY_CHANGED,
    TECHNICAL_ALERT_RAISED,
    RETROSPECTIVE_EPISODE_FOUND,
    ALERT_CLEARED,
    ALERT_ACKNOWLEDGED,
    ESCALATION_EXHAUSTED,
    ESCALATION_STALLED,
)
