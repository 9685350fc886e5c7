"""Joins notify's ports to AWS. The only place that does."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from notify import adapters
from notify.alerts_table import DynamoDbAlerts
from notify.service import Dependencies
from notify.settings import Settings


@cache
def build() -> Dependencies:
    settings = Settings.from_environment()
    sns = adapters.sns_client()
    care_team = adapters.SnsTopic(sns, settings.care_team_topic_arn)
    return Dependencies(
        alerts=DynamoDbAlerts(
            adapters.dynamodb_client(),
            settings.alerts_table_name,
            retention_seconds=settings.ledger_retention_days * 86_400,
        ),
        channels={
            "care-team": care_team,
            "care-team-reminder": care_team,
            "on-call": adapters.SnsTopic(sns, settings.on_call_topic_arn),
        },
        workflow=adapters.StepFunctionsWorkflow(adapters.step_functions_client()),
        bus=adapters.EventBridgeBus(adapters.event_bridge_client(), settings.event_bus_name),
        clock=lambda: datetime.now(UTC),
    )
