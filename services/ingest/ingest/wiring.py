"""Joins ingest's ports to AWS. The only place that does."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from ingest import adapters
from ingest.service import Dependencies
from ingest.settings import Settings


@cache
def build() -> Dependencies:
    settings = Settings.from_environment()
    return Dependencies(
        bus=adapters.EventBridgeBus(adapters.event_bridge_client(), settings.event_bus_name),
        quarantine=adapters.SqsQuarantine(adapters.sqs_client(), settings.quarantine_queue_url),
        clock=lambda: datetime.now(UTC),
    )
