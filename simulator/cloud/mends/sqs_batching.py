"""SQS event source mappings: batching window, and batches of over ten.

Stock invokes at once with at most ten messages. AWS gathers up to the batch size for as long as the batching window
(Lambda, "SQS event source mappings"). Partial failures, visibility and redrive are right in stock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings

#: Mapping id → when the first message of the batch that is gathering was seen.
_gathering_since: dict[str, float] = {}


def install(_: CloudSettings) -> None:
    from ministack.services import lambda_svc, sqs

    replace(lambda_svc, "_sqs_esm_concurrency", _waiting_for_the_window)
    replace(sqs, "_receive_messages_for_esm", _receiving_over_ten)


def _waiting_for_the_window(original: Callable[..., int]) -> Callable[..., int]:
    """The poller asks for the concurrency right before it receives: none, while a batch is gathering."""

    def concurrency(
        mapping: dict[str, Any], function: dict[str, Any], config: dict[str, Any], queue: dict[str, Any] | None = None
    ) -> int:
        window = float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
        now = time.time()
        visible = sum(1 for m in list((queue or {}).get("messages", [])) if (m.get("visible_at") or 0) <= now)
        identity = mapping["UUID"]
        gathering = window and 0 < visible < int(mapping.get("BatchSize") or 10)
        if gathering and now - _gathering_since.setdefault(identity, now) < window:
            return 0
        _gathering_since.pop(identity, None)
        return original(mapping, function, config, queue)

    return concurrency


def _receiving_over_ten(original: Callable[[str, int], list[Any]]) -> Callable[[str, int], list[Any]]:
    def receive(url: str, count: int) -> list[Any]:
        messages: list[Any] = []
        while len(messages) < count and (more := original(url, count - len(messages))):
            messages += more
        return messages

    return receive
