"""Joins evaluate's ports to AWS. The only place that does."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from evaluate import adapters
from evaluate.rules import RuleSet
from evaluate.service import Dependencies
from evaluate.settings import Settings
from evaluate.tracing import trace_for_alert

RULES_FILE = Path(__file__).with_name("rules.json")


@cache
def build() -> Dependencies:
    settings = Settings.from_environment()
    return Dependencies(
        rules=RuleSet.model_validate_json(RULES_FILE.read_bytes()),
        states=adapters.DynamoDbAlarmStates(
            adapters.dynamodb_client(),
            settings.alarm_state_table_name,
            refresh_seconds=settings.watched_refresh_seconds,
            retention_seconds=settings.ledger_retention_days * 86_400,
        ),
        bus=adapters.EventBridgeBus(adapters.event_bridge_client(), settings.event_bus_name),
        clock=lambda: datetime.now(UTC),
        trace_for_alert=trace_for_alert,
    )
