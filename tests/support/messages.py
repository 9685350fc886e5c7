"""A message to people, and channels' keys, for tests of channels."""

from __future__ import annotations

from typing import Any

from notify.messages import Message
from notify.ports import NotSentError, Secrets

from tests.support.builders import T0

LINK = "https://alerts.example.org/answer?alert=a1&mac=5f2c"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"


def a_message(**changes: Any) -> Message:
    """A critical alert of watch-002, with some fields changed."""
    fields: dict[str, Any] = {
        "purpose": "alert",
        "subject": "Alert: Heart rate above 150 bpm (watch-002)",
        "body": "Alert.\nHeart rate above 150 bpm, critical.\nWatch: watch-002",
        "severity": "critical",
        "alert_id": "a1",
        "device_id": "watch-002",
        "rule_id": "heart-rate-high",
        "title": "Heart rate above 150 bpm",
        "started_at": T0,
        "drill": False,
        "key": "a1-care-team-1",
        "link": LINK,
    }
    return Message(**(fields | changes))


def a_drill(**changes: Any) -> Message:
    """A warning of a rehearsal."""
    fields: dict[str, Any] = {
        "subject": "DRILL - Alert: Heart rate above 150 bpm (drill-001)",
        "title": "DRILL: Heart rate above 150 bpm",
        "severity": "warning",
        "alert_id": "d1",
        "device_id": "drill-001",
        "drill": True,
    }
    return a_message(**(fields | changes))


class KnownSecrets(Secrets):
    """Keys that a test gives, by kind and name."""

    def __init__(self, content: dict[str, dict[str, dict[str, Any]]]) -> None:
        self._content = content

    def channel(self, kind: str, name: str) -> dict[str, Any]:
        try:
            return self._content[kind][name]
        except KeyError:
            raise NotSentError(f"there is no key for {kind} {name}") from None


def pagerduty_secrets(routing_key: Any = ROUTING_KEY) -> KnownSecrets:
    """The key of the one service, `night-shift`."""
    return KnownSecrets({"pagerduty": {"night-shift": {"routingKey": routing_key}}})
