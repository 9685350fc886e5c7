"""What EventBridge may do to its targets.

Stock delivers whatever the policies say. AWS needs the function's, queue's or topic's policy to let the rule in, or a
role for a state machine, and sends what it may not deliver to the target's dead-letter queue as `NO_PERMISSIONS`
(EventBridge, "Using resource-based policies"; "Using dead-letter queues").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from simulator.cloud import permissions
from simulator.cloud.mends import eventbridge_delivery
from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

_SERVICE = "events.amazonaws.com"


def install(_: CloudSettings) -> None:
    from ministack.services import eventbridge, sns, sqs

    require(sqs, "_queue_by_arn")
    require(sns, "_topic_by_arn_any_scope")
    replace(eventbridge, "_invoke_target", _asking_first)
    eventbridge_delivery.dead_letter_refusal = lambda queue, rule_arn: permissions.queue_refusal(
        queue, _SERVICE, rule_arn
    )


def _asking_first(original: Callable[..., None]) -> Callable[..., None]:
    from ministack.services import eventbridge

    def invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        refusal = _refusal(target, rule.get("Arn", ""))
        if refusal is None:
            original(target, event, rule, view)
            return
        view = view or eventbridge._pattern_event_view(event)
        delivery = eventbridge_delivery.Delivery(rule, target, json.dumps(view.event_with_detail()))
        eventbridge_delivery.dead_letter(delivery, "NO_PERMISSIONS", refusal)

    return invoke


def _refusal(target: dict[str, Any], rule_arn: str) -> str | None:
    from ministack.services import sns, sqs

    arn = target.get("Arn", "")
    service = arn.split(":")[2] if arn.count(":") > 2 else ""
    if service == "lambda":
        return permissions.function_refusal(arn, _SERVICE, rule_arn)
    if service == "sqs":
        queue = sqs._queue_by_arn(arn)
        return permissions.queue_refusal(queue, _SERVICE, rule_arn) if queue else None
    if service == "sns":
        topic = sns._topic_by_arn_any_scope(arn)
        return permissions.topic_refusal(topic, _SERVICE, rule_arn) if topic else None
    if service == "states":
        return permissions.role_refusal(target.get("RoleArn"), _SERVICE, [("states:StartExecution", arn)])
    return None
