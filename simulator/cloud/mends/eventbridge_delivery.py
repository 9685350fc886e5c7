"""Delivery of bus events to targets.

Stock drops an event whose target is missing, ignores the target's dead-letter queue, invokes functions once without
Lambda's own asynchronous retries, and ignores the trace header of an entry. AWS sends what it can't deliver to the
target's dead-letter queue with the reason in message attributes (EventBridge, "Using dead-letter queues"), hands
functions to Lambda's asynchronous queue, and passes the trace on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings
from simulator.cloud.trace_context import TRACE

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one target of one rule. `event` is what a dead-letter queue gets."""

    rule: dict[str, Any]
    target: dict[str, Any]
    event: str


_current: ContextVar[Delivery | None] = ContextVar("eventbridge_delivery", default=None)


def install(_: CloudSettings) -> None:
    from ministack.services import eventbridge, lambda_svc, sqs, stepfunctions

    require(eventbridge, "_pattern_event_view", "_events_log_list")
    require(lambda_svc, "_get_func_record_for_ref", "_execution_record_for_config", "invoke_async_with_retry")
    require(sqs, "_queue_by_arn", "_act_send_message")
    require(stepfunctions, "_resolve_state_machine_arn")
    replace(eventbridge, "_put_events", _one_trace_for_each_entry)
    replace(eventbridge, "_invoke_target", _knowing_the_delivery)
    replace(eventbridge, "_dispatch_to_lambda", lambda _: _to_lambda)
    replace(eventbridge, "_dispatch_to_sqs", _to_sqs)
    replace(eventbridge, "_dispatch_to_stepfunctions", _to_step_functions)


def dead_letter(delivery: Delivery, code: str, reason: str) -> None:
    """Give a delivery up: to the target's dead-letter queue, if it has one and the queue lets the rule in."""
    from ministack.services import sqs

    rule_arn = delivery.rule.get("Arn", "")
    target_arn = delivery.target.get("Arn", "")
    logger.warning("rule %s to %s: %s: %s", delivery.rule.get("Name"), target_arn, code, reason)
    queue_arn = (delivery.target.get("DeadLetterConfig") or {}).get("Arn")
    queue = sqs._queue_by_arn(queue_arn) if queue_arn else None
    if queue is None:
        logger.error("rule %s: an event is lost, as the target has no dead-letter queue", delivery.rule.get("Name"))
        return
    refusal = dead_letter_refusal(queue, rule_arn)
    if refusal:
        logger.error("rule %s: an event is lost: %s", delivery.rule.get("Name"), refusal)
        return
    attributes = {"RULE_ARN": rule_arn, "TARGET_ARN": target_arn, "ERROR_CODE": code, "ERROR_MESSAGE": reason}
    sqs._act_send_message(
        {
            "MessageBody": delivery.event,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
            },
        },
        queue["url"],
    )


#: Why a dead-letter queue would refuse a rule; the authorization mend puts the queue's policy here.
dead_letter_refusal: Callable[[dict[str, Any], str], str | None] = lambda _queue, _rule_arn: None  # noqa: E731


def _one_trace_for_each_entry(original: Callable[..., Any]) -> Callable[..., Any]:
    from ministack.core.responses import json_response
    from ministack.services import eventbridge

    def put_events(data: dict[str, Any], allow_aws_source: bool = False) -> Any:
        entries = data.get("Entries") or []
        if not 0 < len(entries) <= 10:
            return original(data, allow_aws_source)
        results: list[Any] = []
        failed = 0
        for entry in entries:
            token = TRACE.set(entry.get("TraceHeader") or TRACE.get())
            try:
                answer = json.loads(original({**data, "Entries": [entry]}, allow_aws_source)[2])
            finally:
                TRACE.reset(token)
            results += answer["Entries"]
            failed += answer["FailedEntryCount"]
        # Stock keeps every event for ever, for nobody.
        eventbridge._events_log_list().clear()
        return json_response({"FailedEntryCount": failed, "Entries": results})

    return put_events


def _knowing_the_delivery(original: Callable[..., None]) -> Callable[..., None]:
    from ministack.services import eventbridge

    def invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        view = view or eventbridge._pattern_event_view(event)
        token = _current.set(Delivery(rule, target, json.dumps(view.event_with_detail())))
        try:
            original(target, event, rule, view)
        finally:
            _current.reset(token)

    return invoke


def _undeliverable(code: str, reason: str) -> None:
    delivery = _current.get()
    if delivery is not None:
        dead_letter(delivery, code, reason)


def _to_lambda(arn: str, payload: str) -> None:
    from ministack.services import lambda_svc

    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        _undeliverable("NO_RESOURCE", f"function {name} does not exist")
        return
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), json.loads(payload))


def _to_sqs(original: Callable[..., None]) -> Callable[..., None]:
    from ministack.services import sqs

    def dispatch(spec: Any, payload: str, parameters: dict[str, Any] | None = None) -> None:
        queue = sqs._queue_by_arn(str(spec))
        if queue is None:
            _undeliverable("NO_RESOURCE", f"queue {spec.resource} does not exist")
            return
        before = len(queue["messages"])
        original(spec, payload, parameters)
        trace = TRACE.get()
        if trace:
            for message in list(queue["messages"])[before:]:
                message["sys"]["AWSTraceHeader"] = trace

    return dispatch


def _to_step_functions(original: Callable[[str, str], None]) -> Callable[[str, str], None]:
    from ministack.services import stepfunctions

    def dispatch(arn: str, payload: str) -> None:
        if stepfunctions._resolve_state_machine_arn(arn) is None:
            _undeliverable("NO_RESOURCE", f"state machine {arn} does not exist")
            return
        original(arn, payload)

    return dispatch
