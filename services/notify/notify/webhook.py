"""A signed webhook: JSON to an HTTPS endpoint of somebody's own, for instance a relay to a chat or another pager."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable

from smartwatch_contracts.roster import WebhookChannel

from notify.messages import Message
from notify.ports import NotSentError, PerhapsSentError, Secrets
from notify.posting import Poster

TIMESTAMP_HEADER = "Smartwatch-Timestamp"
SIGNATURE_HEADER = "Smartwatch-Signature"


class Webhook:
    """Endpoints by their name in the roster. Each message is sent once: an endpoint need not know repeats."""

    def __init__(
        self, secrets: Secrets, *, poster: Poster | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._secrets = secrets
        self._poster = poster or Poster()
        self._clock = clock

    def send(self, message: Message, channel: WebhookChannel) -> str:
        """Post it, signed; `HTTP` and the status. Errors: `NotSentError`, also for a redirect; `PerhapsSentError`."""
        entry = self._secrets.channel("webhooks", channel.endpoint)
        url, key = entry.get("url"), entry.get("key")
        if not isinstance(url, str) or not isinstance(key, str) or not key:
            raise NotSentError(f"webhook {channel.endpoint} has no url or no key")
        raw = body(message)
        timestamp = int(self._clock())
        answer = self._poster.post(
            url,
            raw,
            {
                TIMESTAMP_HEADER: str(timestamp),
                SIGNATURE_HEADER: signature(key, timestamp, raw),
                "Idempotency-Key": message.key,
            },
        )
        if answer.status // 100 == 2:
            return f"HTTP {answer.status}"
        why = f"webhook {channel.endpoint} answered {answer.status}"
        raise PerhapsSentError(why) if answer.status >= 500 else NotSentError(why)


def body(message: Message) -> bytes:
    """What is posted, UTF-8. `startedAt` is in milliseconds since 1970; `link` is empty where nothing is asked."""
    return json.dumps(
        {
            "type": message.purpose,
            "alertId": message.alert_id,
            "deviceId": message.device_id,
            "ruleId": message.rule_id,
            "severity": message.severity,
            "title": message.title,
            "subject": message.subject,
            "body": message.body,
            "startedAt": message.started_at,
            "drill": message.drill,
            "link": message.link,
            "key": message.key,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def signature(key: str, timestamp: int, raw: bytes) -> str:
    """`v1=` and the HMAC-SHA256, in hex, of the timestamp in seconds, a dot and the body as sent."""
    signed = f"{timestamp}.".encode() + raw
    return "v1=" + hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
