"""What PagerDuty tells of an incident: whether it is PagerDuty that says it, and who took responsibility.

Webhooks v3 (developer documentation, "Webhooks overview" and "Verifying signatures").
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

SIGNATURE_HEADER = "X-PagerDuty-Signature"
#: A signature has 67 characters, and while a secret is rotated there are two.
HEADER_MAX_CHARACTERS = 2048
#: Of a person's name, in characters: as long as an acknowledgement by hand may be.
BY_MAX_CHARACTERS = 128

Action = Literal["acknowledged", "resolved"]
_ACTIONS: dict[str, Action] = {"incident.acknowledged": "acknowledged", "incident.resolved": "resolved"}


class MalformedWebhookError(Exception):
    """The body is not what PagerDuty sends. The text does not repeat it."""


@dataclass(frozen=True)
class Acknowledgement:
    """A person acknowledged or resolved an incident. `event_id` is the same when PagerDuty delivers it again."""

    event_id: str
    alert_id: str
    by: str
    action: Action


def verified(raw: bytes, header: str | None, secrets: Sequence[str]) -> bool:
    """Whether one of the header's `v1` signatures is the HMAC-SHA256 of the body, as received, under one of `secrets`.

    PagerDuty signs with two while a secret is rotated. Versions that are not known here count for nothing.
    """
    if header is None or len(header) > HEADER_MAX_CHARACTERS:
        return False
    given = [part.strip().removeprefix("v1=").encode() for part in header.split(",") if part.strip().startswith("v1=")]
    # An empty secret is nobody's: everybody could sign with it.
    expected = [hmac.new(each.encode(), raw, hashlib.sha256).hexdigest().encode() for each in secrets if each]
    return any(hmac.compare_digest(one, other) for one in expected for other in given)


def parsed(raw: bytes) -> Acknowledgement | None:
    """The acknowledgement in a verified body; None for every other event, `pagey.ping` among them.

    None too where an integration did it, ours for one: only a person takes responsibility. And where the incident has
    no key: somebody made it by hand, and it is about no alert of ours. Errors: `MalformedWebhookError`.
    """
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    event = _part(document, "event")
    if not event:
        raise MalformedWebhookError("there is no event")
    action = _ACTIONS.get(_text(event, "event_type"))
    if action is None:
        return None
    agent = _part(event, "agent")
    by = _text(agent, "summary").strip()[:BY_MAX_CHARACTERS] or _text(agent, "id")
    alert_id = _text(_part(event, "data"), "incident_key")
    if _text(agent, "type") != "user_reference" or not by or not alert_id:
        return None
    event_id = _text(event, "id")
    if not event_id:
        raise MalformedWebhookError("the event has no id")
    return Acknowledgement(event_id, alert_id, by, action)


def _part(document: Any, name: str) -> dict[str, Any]:
    part = document.get(name) if isinstance(document, dict) else None
    return part if isinstance(part, dict) else {}


def _text(part: dict[str, Any], name: str) -> str:
    value = part.get(name)
    return value if isinstance(value, str) else ""
