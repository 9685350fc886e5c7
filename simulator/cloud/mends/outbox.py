"""What SNS would have sent to people.

Stock writes deliveries by e-mail and SMS to its log. Here they are kept, with every message to a topic, and answered at
`GET /_local/outbox`; `DELETE` empties it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from simulator.cloud import local_api
from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

#: Messages kept; the oldest goes first.
MESSAGES_KEPT = 1_000

#: Protocols that reach a person; the others are delivered for real.
_TO_PEOPLE = frozenset({"email", "email-json", "sms"})

_messages: deque[dict[str, Any]] = deque(maxlen=MESSAGES_KEPT)
_lock = threading.Lock()


def install(_: CloudSettings) -> None:
    from ministack.services import sns

    require(sns, "_topic_by_arn_any_scope")
    replace(sns, "_fanout", _keeping_messages)
    local_api.route("/_local/outbox", _answer)


def _keeping_messages(original: Callable[..., Any]) -> Callable[..., Any]:
    from ministack.services import sns

    def fanout(topic_arn: str, message_id: str, message: str, subject: str | None, *args: Any, **kwargs: Any) -> Any:
        topic = sns._topic_by_arn_any_scope(topic_arn) or {}
        people = [s for s in topic.get("subscriptions", []) if s.get("protocol") in _TO_PEOPLE]
        receivers = [("topic", topic_arn), *((s["protocol"], s["endpoint"]) for s in people)]
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with _lock:
            for protocol, to in receivers:
                _messages.append(
                    {
                        "at": now,
                        "protocol": protocol,
                        "to": to,
                        "subject": subject or "",
                        "message": message,
                        "topicArn": topic_arn,
                        "messageId": message_id,
                    }
                )
        return original(topic_arn, message_id, message, subject, *args, **kwargs)

    return fanout


def _answer(method: str, _body: Any) -> tuple[int, Any]:
    with _lock:
        messages = list(_messages)
        if method == "DELETE":
            _messages.clear()
            return 200, []
    return 200, messages
