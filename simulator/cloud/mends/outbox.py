"""What SNS would have sent to people: `GET /_local/outbox`, emptied by `DELETE /_local/outbox`.

Stock writes e-mails and text messages to its log and forgets them. AWS sends them; here they are kept, the latest
`KEPT`, beside every message that was published to a topic, with subscribers or without.
https://docs.aws.amazon.com/sns/latest/dg/sns-user-notifications.html
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from simulator.cloud import local_api
from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

PATH = "/_local/outbox"
KEPT = 1000

_MESSAGE_ID = re.compile(r"<MessageId>([^<]+)</MessageId>")

_messages: deque[dict[str, Any]] = deque(maxlen=KEPT)
_lock = threading.Lock()


def install(_: CloudSettings) -> None:
    from ministack.services import sns

    require(sns, "_topic_by_arn_any_scope", "_resolve_message_for_protocol", "_matches_filter_policy")
    require(sns, "_build_envelope", "_parse_message_attributes", "_p")
    replace(sns, "_fanout", _keeping_deliveries)
    replace(sns, "_publish", _keeping_text_messages)
    local_api.route(PATH, _answer)


def _answer(method: str, _body: Any) -> tuple[int, Any]:
    if method not in {"GET", "DELETE"}:
        return 405, {"message": f"{method} is not allowed: GET and DELETE are"}
    with _lock:
        if method == "DELETE":
            _messages.clear()
        return 200, list(_messages)


def _keep(
    protocol: str, to: str, message: str, subject: str, topic_arn: str, message_id: str, attributes: dict[str, Any]
) -> None:
    with _lock:
        _messages.append(
            {
                "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "protocol": protocol,
                "to": to,
                "subject": subject or "",
                "message": message,
                "topicArn": topic_arn or None,
                "messageId": message_id,
                "attributes": {
                    name: value.get("StringValue", value.get("BinaryValue")) for name, value in attributes.items()
                },
            }
        )


def _keeping_deliveries(original: Callable[..., None]) -> Callable[..., None]:
    from ministack.services import sns

    def fanout(
        topic_arn: str,
        message_id: str,
        message: str,
        subject: str,
        message_structure: str = "",
        message_attributes: dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        attributes = message_attributes or {}
        topic = sns._topic_by_arn_any_scope(topic_arn)
        if topic is not None:
            default = sns._resolve_message_for_protocol(message, message_structure, "default")
            _keep("topic", topic_arn, default, subject, topic_arn, message_id, attributes)
            for subscription in topic["subscriptions"]:
                protocol = subscription["protocol"]
                if protocol not in {"email", "email-json", "sms"} or not subscription.get("confirmed"):
                    continue
                text = sns._resolve_message_for_protocol(message, message_structure, protocol)
                if not sns._matches_filter_policy(subscription, attributes, text):
                    continue
                if protocol == "email-json":
                    text = sns._build_envelope(topic_arn, message_id, text, subject, attributes, False)
                _keep(protocol, subscription["endpoint"], text, subject, topic_arn, message_id, attributes)
        original(topic_arn, message_id, message, subject, message_structure, message_attributes, **rest)

    return fanout


def _keeping_text_messages(original: Callable[..., Any]) -> Callable[..., Any]:
    from ministack.services import sns

    def publish(parameters: Any) -> Any:
        answer = original(parameters)
        number = sns._p(parameters, "PhoneNumber")
        if answer[0] == 200 and number and not (sns._p(parameters, "TopicArn") or sns._p(parameters, "TargetArn")):
            body = answer[2] if isinstance(answer[2], str) else answer[2].decode()
            found = _MESSAGE_ID.search(body)
            _keep(
                "sms",
                number,
                sns._p(parameters, "Message"),
                "",
                "",
                found.group(1) if found else "",
                sns._parse_message_attributes(parameters),
            )
        return answer

    return publish
