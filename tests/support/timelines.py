"""Alerts with timelines, as the stack gives them: only what a test says matters."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from notify import policy_files
from smartwatch_contracts.policies import EscalationPolicy

from tests.support.builders import T0

ALERT_ID = "4b706cb33b45341dc55aa17cb99cebe8"


def at(seconds: float) -> int:
    """So long after T0, in milliseconds since 1970."""
    return T0 + round(seconds * 1000)


def said(seconds: float, what: str, detail: str = "", **more: str) -> dict[str, str]:
    """An entry so many seconds after T0."""
    moment = datetime.fromtimestamp(at(seconds) / 1000, UTC).isoformat(timespec="milliseconds")
    return {"at": moment, "what": what, "detail": detail, **more}


def told(seconds: float, step: str = "care-team", to: str = "", **more: str) -> dict[str, str]:
    """A message that was sent, by default to the step's namesake through its topic."""
    about = {"step": step, "to": to or step, "through": "topic", "receipt": "r1", **more}
    return said(seconds, "told", **about)


def alert(*entries: dict[str, str], **fields: Any) -> dict[str, Any]:
    """A critical alert of watch-002, raised at T0."""
    return {
        "alertId": ALERT_ID,
        "status": "open",
        "deviceId": "watch-002",
        "ruleId": "heart-rate-high",
        "severity": "critical",
        "title": "Heart rate high",
        "startedAt": T0,
        "raisedAt": "2023-11-14T22:13:20.000000Z",
        "drill": False,
        "team": "care",
        "executionArn": "arn:aws:states:us-east-1:000000000000:execution:smartwatch-escalation:e1",
        "trace": "Root=1-6553f100-0a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=1",
        "timeline": list(entries),
        **fields,
    }


def policy(*, acknowledgement_expiry: int | None = 60, steps: list[dict[str, Any]] | None = None) -> EscalationPolicy:
    """Named p: the care team, once more after 5 s, the on-call after 5 more, who has 4 s."""
    course: dict[str, Any] = {
        "steps": steps
        or [
            {"name": "care-team", "tell": ["care-team"], "waitSeconds": 5, "repeat": 1},
            {"name": "on-call", "tell": ["on-call"], "waitSeconds": 4},
        ]
    }
    if acknowledgement_expiry is not None:
        course["acknowledgementExpirySeconds"] = acknowledgement_expiry
    return policy_files.policy(
        json.dumps({"name": "p", "team": "care", "severities": {"warning": course, "critical": course}})
    )
