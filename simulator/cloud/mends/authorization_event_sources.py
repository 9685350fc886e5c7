"""What Lambda may do for a function: read its event sources, and send on what failed.

Stock reads streams and queues, and writes to on-failure destinations and dead-letter queues, as the account's root. AWS
does all of it under the function's role (Lambda, "Execution role"): it refuses to create a mapping that could not read,
stops reading when the permission goes, and loses what it may not send on, which shows in a metric and here in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from simulator.cloud import permissions
from simulator.cloud.mends import kinesis_poller
from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

_SERVICE = "lambda.amazonaws.com"

#: What reading takes (Lambda, "Kinesis event source mappings", "SQS event source mappings": required permissions).
_READING = {
    "kinesis": ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"),
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
}


def install(_: CloudSettings) -> None:
    from ministack.services import lambda_svc

    replace(lambda_svc, "_create_esm", _refusing_unreadable_sources)
    replace(lambda_svc, "_sqs_esm_concurrency", _not_receiving_when_refused)
    replace(lambda_svc, "_route_async_failure", _sending_on_under_the_role)
    replace(kinesis_poller, "read_shard", _not_reading_when_refused)
    replace(kinesis_poller, "send_to_destination", _describing_under_the_role)


def _role_of(function: str) -> str | None:
    from ministack.services import lambda_svc

    _, config, _ = lambda_svc._get_func_record_for_ref(function)
    return config.get("Role") if config else None


def _reading_refusal(function: str, source_arn: str) -> str | None:
    service = source_arn.split(":")[2] if source_arn.count(":") > 2 else ""
    checks = [(f"{service}:{operation}", source_arn) for operation in _READING.get(service, ())]
    return permissions.role_refusal(_role_of(function), _SERVICE, checks) if checks else None


def _sending_refusal(function: str, destination: str) -> str | None:
    action = "sqs:SendMessage" if ":sqs:" in destination else "sns:Publish"
    return permissions.role_refusal(_role_of(function), _SERVICE, [(action, destination)])


def _refusing_unreadable_sources(original: Callable[..., Any]) -> Callable[..., Any]:
    from ministack.core.responses import error_response_json

    def create(data: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        refusal = _reading_refusal(data.get("FunctionName", ""), data.get("EventSourceArn", ""))
        if refusal and _role_of(data.get("FunctionName", "")):
            message = f"The provided execution role does not have permissions to read the event source: {refusal}"
            return error_response_json("InvalidParameterValueException", message, 400)
        return original(data, *args, **kwargs)

    return create


def _not_reading_when_refused(original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    def read_shard(mapping: dict[str, Any], shard: dict[str, Any], after: int, limit: int) -> list[Any]:
        records = original(mapping, shard, after, limit)
        if not records or not _noted_problem(mapping):
            return records
        return []

    return read_shard


def _not_receiving_when_refused(original: Callable[..., int]) -> Callable[..., int]:
    def concurrency(
        mapping: dict[str, Any], function: dict[str, Any], config: dict[str, Any], queue: dict[str, Any] | None = None
    ) -> int:
        if (queue or {}).get("messages") and _noted_problem(mapping):
            return 0
        return original(mapping, function, config, queue)

    return concurrency


def _noted_problem(mapping: dict[str, Any]) -> bool:
    """Whether reading is refused; the mapping says so, and the log says it once."""
    refusal = _reading_refusal(mapping["FunctionName"], mapping.get("EventSourceArn", ""))
    problem = f"PROBLEM: {refusal}"
    if refusal and mapping.get("LastProcessingResult") != problem:
        logger.error("event source mapping %s: %s", mapping["UUID"], refusal)
        mapping["LastProcessingResult"] = problem
    return refusal is not None


def _describing_under_the_role(original: Callable[..., None]) -> Callable[..., None]:
    def send(mapping: dict[str, Any], destination: str, body: str) -> None:
        refusal = _sending_refusal(mapping["FunctionName"], destination)
        if refusal:
            logger.error("event source mapping %s: a discarded batch is lost: %s", mapping["UUID"], refusal)
            return
        original(mapping, destination, body)

    return send


def _sending_on_under_the_role(original: Callable[..., None]) -> Callable[..., None]:
    def route(destination: str, function_name: str, event: Any, result: Any) -> None:
        refusal = _sending_refusal(function_name, destination)
        if refusal:
            logger.error("function %s: a failed event is lost: %s", function_name, refusal)
            return
        original(destination, function_name, event, result)

    return route
