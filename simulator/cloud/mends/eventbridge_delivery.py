"""Delivery of bus events to targets.

Stock drops an event whose target is missing or refuses it, ignores the target's retry policy and dead-letter queue,
counts nothing, invokes functions once without Lambda's own asynchronous retries, and drops the trace. AWS retries what
may pass, sends what it can't deliver to the target's dead-letter queue with the reason in message attributes, hands
functions to Lambda's asynchronous queue, and passes the trace on.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings
from simulator.cloud.trace_context import TRACE

logger = logging.getLogger(__name__)

#: AWS's defaults (EventBridge API reference, "RetryPolicy").
DEFAULT_RETRY_ATTEMPTS = 185
DEFAULT_EVENT_AGE_SECONDS = 86_400
#: AWS says "exponential back off and jitter" without numbers.
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one target of one rule. `event` is what a dead-letter queue gets."""

    rule: dict[str, Any]
    target: dict[str, Any]
    event: str


class UndeliverableError(Exception):
    """A failure that no retry would mend. `code` is one of EventBridge's dead-letter error codes."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


#: Kinds of target that get events here; AWS has more.
TARGET_SERVICES = frozenset({"events", "lambda", "sns", "sqs", "states"})

_current: ContextVar[Delivery | None] = ContextVar("eventbridge_delivery", default=None)

#: Why a dead-letter queue would refuse a rule; the authorization mend puts the queue's policy here.
dead_letter_refusal: Callable[[dict[str, Any], str], str | None] = lambda _queue, _rule_arn: None  # noqa: E731


def install(_: CloudSettings) -> None:
    from ministack.services import cloudwatch, eventbridge, lambda_svc, sns, sqs, stepfunctions

    require(eventbridge, "_pattern_event_view", "_event_buses")
    require(lambda_svc, "_get_func_record_for_ref", "_execution_record_for_config", "invoke_async_with_retry")
    require(cloudwatch, "record_metric")
    require(sns, "publish_internal", "SnsPublishError")
    require(sqs, "_queue_by_arn", "_act_send_message", "_Err")
    require(stepfunctions, "_start_execution")
    replace(eventbridge, "_invoke_target", _knowing_the_delivery)
    replace(eventbridge, "_dispatch_to_lambda", lambda _: _answering_for(_to_lambda))
    replace(eventbridge, "_dispatch_to_sqs", lambda _: _answering_for(_to_sqs))
    replace(eventbridge, "_dispatch_to_sns", lambda _: _answering_for(_to_sns))
    replace(eventbridge, "_dispatch_to_stepfunctions", lambda _: _answering_for(_to_step_functions))


def dead_letter(
    delivery: Delivery, code: str, reason: str, *, exhausted: str | None = None, attempts: int | None = None
) -> None:
    """Give a delivery up: to the target's dead-letter queue, if it has one and the queue lets the rule in.

    `exhausted` is the limit of the retry policy that ended it, `attempts` how often it was retried; None for a failure
    that AWS does not retry.
    """
    from ministack.services import sqs

    rule, rule_arn = delivery.rule.get("Name"), delivery.rule.get("Arn", "")
    logger.warning("rule %s to %s: %s: %s", rule, delivery.target.get("Arn"), code, reason)
    queue_arn = (delivery.target.get("DeadLetterConfig") or {}).get("Arn")
    queue = sqs._queue_by_arn(queue_arn) if queue_arn else None
    lost: str | None
    if queue is None:
        lost = f"{queue_arn} does not exist" if queue_arn else "the target has no dead-letter queue"
    else:
        lost = dead_letter_refusal(queue, rule_arn) or _send_to(queue, delivery, code, reason, exhausted, attempts)
    if lost:
        logger.error("rule %s: an event is lost: %s", rule, lost)
    _count(delivery, "FailedInvocations")
    if queue_arn:
        _count(delivery, "InvocationsFailedToBeSentToDlq" if lost else "InvocationsSentToDlq")


def _count(delivery: Delivery, metric: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html"""
    from ministack.services import cloudwatch

    bus = delivery.rule.get("EventBusName") or "default"
    dimensions = {**({} if bus == "default" else {"EventBusName": bus}), "RuleName": delivery.rule.get("Name")}
    cloudwatch.record_metric("AWS/Events", metric, 1, "Count", dimensions)


def _send_to(
    queue: dict[str, Any], delivery: Delivery, code: str, reason: str, exhausted: str | None, attempts: int | None
) -> str | None:
    """Why the queue does not take the dead letter, or None."""
    from ministack.services import sqs

    attributes = {
        "RULE_ARN": delivery.rule.get("Arn"),
        "TARGET_ARN": delivery.target.get("Arn"),
        "ERROR_CODE": code,
        "ERROR_MESSAGE": reason,
        "EXHAUSTED_RETRY_CONDITION": exhausted,
        "RETRY_ATTEMPTS": None if attempts is None else str(attempts),
    }
    message = {
        "MessageBody": delivery.event,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        },
        **_trace_attribute(),
    }
    try:
        sqs._act_send_message(message, queue["url"])
    except sqs._Err as error:
        return f"{queue['name']}: {error.message}"
    return None


def retry(
    delivery: Delivery, attempt: Callable[[], None], error: Exception, *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Go on after a first failure, `error`, until the event arrives or the target's `RetryPolicy` ends it."""
    policy = delivery.target.get("RetryPolicy") or {}
    most = int(policy.get("MaximumRetryAttempts", DEFAULT_RETRY_ATTEMPTS))
    give_up_at = time.monotonic() + int(policy.get("MaximumEventAgeInSeconds", DEFAULT_EVENT_AGE_SECONDS))
    for number in range(most):
        pause = min(FIRST_RETRY_SECONDS * 2**number, LONGEST_RETRY_SECONDS) * random.uniform(0.5, 1)  # noqa: S311
        if time.monotonic() + pause > give_up_at:
            dead_letter(
                delivery, "ERROR_FROM_TARGET", str(error), exhausted="MaximumEventAgeInSeconds", attempts=number
            )
            return
        sleep(pause)
        try:
            attempt()
        except UndeliverableError as final:
            dead_letter(delivery, final.code, str(final), attempts=number + 1)
            return
        except Exception as again:
            error = again
        else:
            return
    dead_letter(delivery, "ERROR_FROM_TARGET", str(error), exhausted="MaximumRetryAttempts", attempts=most)


def _knowing_the_delivery(original: Callable[..., None]) -> Callable[..., None]:
    from ministack.services import eventbridge

    def invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        view = view or eventbridge._pattern_event_view(event)
        delivery = Delivery(rule, target, json.dumps(view.event_with_detail()))
        problem = _no_target(target.get("Arn", ""))
        if problem:
            dead_letter(delivery, *problem)
            return
        token = _current.set(delivery)
        try:
            original(target, event, rule, view)
        finally:
            _current.reset(token)

    return invoke


def _no_target(arn: str) -> tuple[str, str] | None:
    """What a dead letter says of a target that no dispatcher here would take."""
    from ministack.services import eventbridge

    service = arn.split(":")[2]
    if service not in TARGET_SERVICES:
        return "SDK_CLIENT_ERROR", f"the local cloud delivers to no {service} target"
    kind, _, bus = arn.rsplit(":", 1)[-1].partition("/")
    if service == "events" and kind == "event-bus" and bus not in eventbridge._event_buses:
        return "NO_RESOURCE", f"event bus {bus} does not exist"
    return None


def _answering_for(deliver: Callable[..., None]) -> Callable[..., None]:
    """`deliver`, with its failures retried or dead-lettered; retries wait in a thread of their own."""

    def dispatch(*arguments: Any) -> None:
        delivery = _current.get()
        try:
            deliver(*arguments)
        except UndeliverableError as error:
            if delivery is None:
                raise
            dead_letter(delivery, error.code, str(error))
        except Exception as error:
            if delivery is None:
                raise
            threading.Thread(
                target=copy_context().run,
                args=(retry, delivery, lambda: deliver(*arguments), error),
                name="eventbridge-retry",
                daemon=True,
            ).start()

    return dispatch


def _to_lambda(arn: str, payload: str) -> None:
    from ministack.services import lambda_svc

    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        raise UndeliverableError("NO_RESOURCE", f"function {name} does not exist")
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), _parsed(payload))


def _to_sqs(spec: Any, payload: str, parameters: dict[str, Any] | None = None) -> None:
    from ministack.services import sqs

    queue = sqs._queue_by_arn(str(spec))
    if queue is None:
        raise UndeliverableError("NO_RESOURCE", f"queue {spec.resource} does not exist")
    try:
        sqs._act_send_message({"MessageBody": payload, **(parameters or {}), **_trace_attribute()}, queue["url"])
    except sqs._Err as error:
        code = "NO_PERMISSIONS" if error.code == "AccessDenied" else "INVALID_PARAMETER"
        raise UndeliverableError(code, error.message) from error


def _to_sns(arn: str, payload: str) -> None:
    from ministack.services import sns

    try:
        published = sns.publish_internal(arn, payload)
    except sns.SnsPublishError as error:
        raise UndeliverableError("INVALID_PARAMETER", str(error)) from error
    if published is None:
        raise UndeliverableError("NO_RESOURCE", f"topic {arn} does not exist")


def _to_step_functions(arn: str, payload: str) -> None:
    from ministack.services import stepfunctions

    _parsed(payload)
    status, _, body = stepfunctions._start_execution({"stateMachineArn": arn, "input": payload})
    if status >= 400:
        problem = json.loads(body)
        missing = problem.get("__type", "").endswith("StateMachineDoesNotExist")
        raise UndeliverableError("NO_RESOURCE" if missing else "INVALID_PARAMETER", problem.get("message", ""))


def _parsed(payload: str) -> Any:
    try:
        return json.loads(payload)
    except ValueError as error:
        raise UndeliverableError("INVALID_JSON", f"the target's input is not JSON: {error}") from error


def _trace_attribute() -> dict[str, Any]:
    trace = TRACE.get()
    return (
        {"MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}} if trace else {}
    )
