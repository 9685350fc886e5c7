"""Where the HTTP front and the messages meet the alerts: `Desk` and `Links`, upon notify's own use cases."""

from __future__ import annotations

import logging
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError
from smartwatch_contracts.ids import derived_id

from notify import links
from notify.answering import acknowledge
from notify.dependencies import Dependencies
from notify.desk import Acknowledged, AlertView, Already, Desk, LinkKeys, Outcome, Unknown, UnreachableError, Used
from notify.domain import AlertRecord
from notify.ports import Alerts, Links, PublishError, UnknownAlertError
from notify.requests import Acknowledge

logger = logging.getLogger(__name__)


class SignedLinks(Links):
    """Links to the answers API. Without its URL or a key there is none, and the message says how else to answer."""

    def __init__(self, keys: LinkKeys, base_url: str, lifetime_seconds: int) -> None:
        self._keys = keys
        self._base_url = base_url
        self._lifetime_seconds = lifetime_seconds

    def acknowledgement(self, alert_id: str, recipient: str, key: str, now: datetime) -> str:
        if not self._base_url:
            return ""
        try:
            keys = self._keys.keys()
        except UnreachableError:
            logger.error("a message goes out without a link: its key could not be read")
            return ""
        claims = links.Claims(alert_id, recipient, derived_id(key), int(now.timestamp()) + self._lifetime_seconds)
        try:
            return links.url(self._base_url, links.sign(claims, keys))
        except ValueError as error:
            logger.error("a message goes out without a link: %s", error)
            return ""


class Counter(Desk):
    """Answers to alerts, as people give them over HTTP."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    def look(self, alert_id: str) -> AlertView | None:
        try:
            record = self._deps.alerts.get(alert_id)
            return _view(record, _lead(record, self._deps.alerts))
        except UnknownAlertError:
            return None
        except (BotoCoreError, ClientError) as error:
            raise UnreachableError(type(error).__name__) from error

    def acknowledge(self, alert_id: str, by: str, *, via: str, token_id: str | None) -> Outcome:
        request = Acknowledge(action="acknowledge", alert_id=alert_id, acknowledged_by=by, via=via, link=token_id)
        try:
            answer = acknowledge(request, self._deps)
        except (BotoCoreError, ClientError, PublishError) as error:
            raise UnreachableError(type(error).__name__) from error
        if answer["acknowledged"]:
            return Acknowledged(by, answer["at"])
        if answer["reason"] == "unknown":
            return Unknown()
        if answer["reason"] == "used":
            return Used()
        return Already(answer["reason"], answer["by"], answer["at"] or None)


def _lead(record: AlertRecord, alerts: Alerts) -> AlertRecord:
    while record.lead:
        record = alerts.get(record.lead)
    return record


def _view(record: AlertRecord, lead: AlertRecord) -> AlertView:
    """What people see of an alert that has joined another is how that one stands."""
    return AlertView(
        alert_id=record.alert_id,
        title=record.title,
        severity=record.severity,
        device_id=record.device_id,
        started_at=record.started_at,
        status="cleared" if record.over and record.status != "acknowledged" else lead.status,
        drill=record.drill,
        acknowledged_by=lead.acknowledged_by,
        acknowledged_at=lead.acknowledged_at or None,
        joined=lead.alert_id if lead is not record else None,
        used_links=record.used_links | lead.used_links,
    )
