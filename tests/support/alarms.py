"""Alerts without watches: evaluate's events straight onto the bus, and what the stack makes of them."""

from __future__ import annotations

import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from smartwatch_contracts import wire
from smartwatch_contracts.catalogue import ALERT_CLEARED, ALERT_RAISED
from smartwatch_contracts.device import is_drill, titled
from smartwatch_contracts.events import AlertClearedV1, AlertRaisedV1, Severity

from tests.support.chain import Chain
from tests.support.clouds import eventually

TITLE = "Heart rate above 150 bpm"
_LINK = re.compile(r"http\S+/ack/\S+")


def raise_alert(chain: Chain, device_id: str, *, severity: Severity = "critical") -> str:
    """An alert about a watch; its id."""
    alert_id, now = uuid.uuid4().hex, int(time.time() * 1000)
    raised = AlertRaisedV1(
        alert_id=alert_id,
        device_id=device_id,
        rule_id="heart-rate-high",
        rule_set_version="1",
        severity=severity,
        signal="heartRate",
        title=titled(TITLE, device_id),
        started_at=now,
        value=160,
        drill=is_drill(device_id),
    )
    _publish(chain, ALERT_RAISED, raised, f"raised-{alert_id}")
    return alert_id


def clear_alert(chain: Chain, alert_id: str, device_id: str) -> None:
    """The episode is over."""
    now = int(time.time() * 1000)
    over = AlertClearedV1(
        alert_id=alert_id,
        device_id=device_id,
        rule_id="heart-rate-high",
        started_at=now - 1000,
        cleared_at=now,
        drill=is_drill(device_id),
    )
    _publish(chain, ALERT_CLEARED, over, f"cleared-{alert_id}")


def _publish(chain: Chain, event_type: Any, data: Any, event_id: str) -> None:
    # The template's input needs a trace.
    envelope = event_type.envelope(
        data,
        event_id=event_id,
        correlation_id=event_id,
        occurred_at=datetime.now(UTC),
        trace="Root=1-6553f100-0a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=1",
    )
    entry = wire.entry(envelope, chain.outputs["EventBusName"])
    assert chain.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def item(chain: Chain, alert_id: str) -> dict[str, Any]:
    """The alert's item, as DynamoDB has it; empty before there is one."""
    answer = chain.client("dynamodb").get_item(
        TableName=chain.outputs["AlertsTableName"], Key={"alertId": {"S": alert_id}}, ConsistentRead=True
    )
    found: dict[str, Any] = answer.get("Item", {})
    return found


def status(chain: Chain, alert_id: str) -> str:
    return str(item(chain, alert_id).get("status", {}).get("S", ""))


def timeline(chain: Chain, alert_id: str) -> list[dict[str, str]]:
    entries = item(chain, alert_id).get("timeline", {}).get("L", [])
    return [{name: value["S"] for name, value in entry["M"].items()} for entry in entries]


def happened(chain: Chain, alert_id: str, what: str) -> list[dict[str, str]]:
    """The entries of one kind."""
    return [entry for entry in timeline(chain, alert_id) if entry["what"] == what]


def states(chain: Chain, alert_id: str) -> list[str]:
    """The states that the alert's execution has entered."""
    events = chain.history(item(chain, alert_id)["executionArn"]["S"])
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


def link(chain: Chain, alert_id: str) -> str:
    """The link in the first message about the alert that somebody received."""

    def links() -> list[str]:
        messages = [each["message"] for each in chain.outbox() if alert_id in each["message"]]
        return [found for message in messages for found in _LINK.findall(message)]

    return eventually(links)[0]
