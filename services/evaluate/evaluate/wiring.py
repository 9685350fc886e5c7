"""Joins evaluate's ports to AWS. The only place that does."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from evaluate import adapters, attendance, service
from evaluate.configuration import DynamoDbConfiguration
from evaluate.memory import RecentlyHeard
from evaluate.presence_table import DynamoDbPresence
from evaluate.settings import Settings, WatchdogSettings
from evaluate.tracing import trace_for_alert

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@cache
def build() -> service.Dependencies:
    settings = Settings.from_environment()
    dynamodb = adapters.dynamodb_client()
    return service.Dependencies(
        configuration=_configuration(settings, dynamodb),
        states=adapters.DynamoDbAlarmStates(
            dynamodb,
            settings.alarm_state_table_name,
            refresh_seconds=settings.watched_refresh_seconds,
            retention_seconds=settings.ledger_retention_days * 86_400,
        ),
        bus=adapters.EventBridgeBus(adapters.event_bridge_client(), settings.event_bus_name),
        presence=DynamoDbPresence(dynamodb, settings.presence_table_name),
        heard=RecentlyHeard(seconds=settings.hand_over_seconds),
        clock=_now,
        trace_for_alert=trace_for_alert,
    )


@cache
def build_watchdog() -> attendance.Dependencies:
    settings = WatchdogSettings.from_environment()
    dynamodb = adapters.dynamodb_client()
    return attendance.Dependencies(
        configuration=_configuration(settings, dynamodb),
        presence=DynamoDbPresence(dynamodb, settings.presence_table_name),
        bus=adapters.EventBridgeBus(adapters.event_bridge_client(), settings.event_bus_name),
        clock=_now,
        trace_for_alert=trace_for_alert,
    )


def _configuration(settings: WatchdogSettings, dynamodb: DynamoDBClient) -> DynamoDbConfiguration:
    return DynamoDbConfiguration(
        dynamodb,
        settings.alarm_configuration_table_name,
        refresh_seconds=settings.configuration_refresh_seconds,
    )


def _now() -> datetime:
    return datetime.now(UTC)
