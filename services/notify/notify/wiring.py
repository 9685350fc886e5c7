"""Joins notify's ports to AWS. The only place that does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from notify import adapters, channels, pagerduty_webhook, secrets
from notify.alerts_table import DynamoDbAlerts
from notify.configuration import DynamoDbConfiguration
from notify.counter import Counter, SignedLinks
from notify.dependencies import Dependencies
from notify.desk import FrontDesk
from notify.link_keys import SecretLinkKeys
from notify.measures import EmbeddedMeasures
from notify.pagerduty import PagerDuty
from notify.ports import Executions, Ledger
from notify.settings import AuditorSettings, Settings
from notify.throttles_table import DynamoDbThrottles
from notify.webhook import Webhook


@dataclass(frozen=True)
class Auditor:
    """What the auditor works with."""

    dependencies: Dependencies
    ledger: Ledger
    executions: Executions


# One client of each service for a function, however many ports use it: each takes a while to make.
_dynamodb = cache(adapters.dynamodb_client)
_step_functions = cache(adapters.step_functions_client)
_secrets_manager = cache(secrets.secrets_manager_client)


@cache
def build() -> Dependencies:
    """For the function that the workflow and the bus call."""
    return _dependencies(Settings.from_environment())


@cache
def build_front_desk() -> FrontDesk:
    """For the function behind the answers API."""
    settings = Settings.from_environment()
    return FrontDesk(
        desk=Counter(_dependencies(settings)),
        link_keys=_link_keys(settings),
        webhook=pagerduty_webhook,
        webhook_secrets=_secrets(settings).webhook_secrets,
    )


@cache
def build_auditor() -> Auditor:
    """For the function that looks for stalled escalations."""
    settings = AuditorSettings.from_environment()
    executions = adapters.StepFunctionsExecutions(
        _step_functions(), settings.escalation_arn, settings.direct_page_seconds
    )
    return Auditor(_dependencies(settings), _alerts(settings), executions)


def _dependencies(settings: Settings) -> Dependencies:
    sns = channels.sns_client()
    keys = _secrets(settings)
    topics = {"care-team": settings.care_team_topic_arn, "on-call": settings.on_call_topic_arn}
    return Dependencies(
        alerts=_alerts(settings),
        throttles=DynamoDbThrottles(_dynamodb(), settings.recipients_table_name),
        configuration=DynamoDbConfiguration(
            _dynamodb(),
            settings.configuration_table_name,
            refresh_seconds=settings.configuration_refresh_seconds,
        ),
        channels={
            "topic": channels.SnsTopics(sns, topics),
            "sms": channels.Sms(sns),
            "pagerduty": PagerDuty(keys, events_url=settings.pager_duty_events_url),
            "webhook": Webhook(keys),
        },
        links=SignedLinks(_link_keys(settings), settings.acknowledge_url, settings.link_lifetime_seconds),
        workflow=adapters.StepFunctionsWorkflow(_step_functions()),
        bus=adapters.EventBridgeBus(adapters.event_bridge_client(), settings.event_bus_name),
        measures=EmbeddedMeasures(),
        clock=lambda: datetime.now(UTC),
    )


def _alerts(settings: Settings) -> DynamoDbAlerts:
    return DynamoDbAlerts(
        _dynamodb(),
        settings.alerts_table_name,
        retention_seconds=settings.ledger_retention_days * 86_400,
    )


@cache
def _secrets(settings: Settings) -> secrets.SecretsManagerSecrets:
    return secrets.SecretsManagerSecrets(_secrets_manager(), settings.channel_secret_arn)


@cache
def _link_keys(settings: Settings) -> SecretLinkKeys:
    return SecretLinkKeys(_secrets_manager(), settings.link_key_secret_arn)
