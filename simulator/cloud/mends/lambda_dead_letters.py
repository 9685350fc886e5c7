"""A function's dead-letter queue.

Stock sends it the record that belongs to an on-failure destination. AWS sends the event itself, with what went wrong in
message attributes, so that it can be sent again as it is.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings
from simulator.cloud.trace_context import TRACE

#: What AWS keeps of the error message.
MESSAGE_BYTES = 1024


def install(_: CloudSettings) -> None:
    from ministack.services import lambda_svc, sns, sqs

    require(lambda_svc, "_functions")
    require(sqs, "_queue_by_arn", "_act_send_message")
    require(sns, "publish_internal")
    replace(lambda_svc, "_route_async_failure", _sending_the_event)


def _sending_the_event(original: Callable[..., None]) -> Callable[..., None]:
    from ministack.services import lambda_svc, sns, sqs

    def route(target_arn: str, function_name: str, event: Any, result: dict[str, Any]) -> None:
        config = (lambda_svc._functions.get(function_name) or {}).get("config") or {}
        if (config.get("DeadLetterConfig") or {}).get("TargetArn") != target_arn:
            original(target_arn, function_name, event, result)
            return
        body, attributes = json.dumps(event), _attributes(result)
        queue = sqs._queue_by_arn(target_arn) if ":sqs:" in target_arn else None
        if queue is not None:
            trace = TRACE.get()
            system = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}} if trace else {}
            sqs._act_send_message(
                {"MessageBody": body, "MessageAttributes": attributes, "MessageSystemAttributes": system}, queue["url"]
            )
        elif ":sns:" in target_arn:
            sns.publish_internal(target_arn, body, message_attributes=attributes)

    return route


def _attributes(result: dict[str, Any]) -> dict[str, dict[str, str]]:
    body = result.get("body") if isinstance(result.get("body"), dict) else {}
    message = str((body or {}).get("errorMessage") or "").encode()[:MESSAGE_BYTES].decode(errors="ignore")
    return {
        "RequestID": {"DataType": "String", "StringValue": str((body or {}).get("requestId") or uuid.uuid4())},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": message or "Unhandled"},
    }
