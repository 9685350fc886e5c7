"""The services' own metrics, and metrics in logs.

Stock has no metrics of queues, state machines or streams, counts only those invocations of a function that come through
the Invoke API, and leaves the embedded metric format in the logs. Here AWS/SQS, AWS/States, AWS/Kinesis and AWS/Lambda
have what alarms ask for, every `metric_period_seconds`, and log lines in the embedded format become metrics.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

#: AWS keeps its services' metrics by the minute.
RESOLUTION_SECONDS = 60

_STATES = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def install(settings: CloudSettings) -> None:
    from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc, sqs, stepfunctions

    require(cloudwatch, "record_metric", "_metric_bucket", "_dims_key", "_store_datum")
    require(sqs, "_queues")
    replace(stepfunctions, "_emit_execution_status_event", _counting_executions)
    replace(lambda_svc, "_execute_function_dispatch", _measuring_invocations)
    replace(lambda_svc, "_emit_lambda_metrics", lambda _: _count_throttle)
    replace(cloudwatch_logs, "_append_log_events", _taking_embedded_metrics)
    threading.Thread(
        target=_watch_queues, args=(settings.metric_period_seconds,), name="queue-metrics", daemon=True
    ).start()


def gauge(namespace: str, name: str, value: float, unit: str, dimensions: dict[str, str]) -> None:
    """One sample of a measurement that is taken again and again: one data point a minute, as AWS's services have."""
    from ministack.services import cloudwatch

    bucket = cloudwatch._metric_bucket((namespace, name, cloudwatch._dims_key(dimensions)))
    minute = time.time() // RESOLUTION_SECONDS * RESOLUTION_SECONDS
    if not bucket or bucket[-1]["Timestamp"] != minute:
        empty = {"SampleCount": 0, "Sum": 0.0, "Minimum": value, "Maximum": value}
        bucket.append(
            {"Timestamp": minute, "Value": value, "Unit": unit, "Dimensions": dict(dimensions), "_stat": empty}
        )
    point = bucket[-1]
    point["Value"] = value
    statistics = point["_stat"]
    statistics["SampleCount"] += 1
    statistics["Sum"] += value
    statistics["Minimum"] = min(statistics["Minimum"], value)
    statistics["Maximum"] = max(statistics["Maximum"], value)


def _watch_queues(period: float) -> None:
    from ministack.core.responses import request_scope
    from ministack.services import sqs

    while True:
        for (account, region, _), queue in sqs._queues.all_items():
            try:
                with request_scope(account, region):
                    _measure_queue(queue)
            except Exception:
                logger.exception("metrics of queue %s", queue.get("name"))
        time.sleep(period)


def _measure_queue(queue: dict[str, Any]) -> None:
    now = time.time()
    messages = list(queue["messages"])
    hidden = [message for message in messages if (message.get("visible_at") or 0) > now]
    delayed = [message for message in hidden if not message.get("receive_count")]
    dimensions = {"QueueName": queue["name"]}
    for name, value, unit in (
        ("ApproximateNumberOfMessagesVisible", len(messages) - len(hidden), "Count"),
        ("ApproximateNumberOfMessagesNotVisible", len(hidden) - len(delayed), "Count"),
        ("ApproximateNumberOfMessagesDelayed", len(delayed), "Count"),
        ("ApproximateAgeOfOldestMessage", max((now - m["sent_at"] for m in messages), default=0.0), "Seconds"),
    ):
        gauge("AWS/SQS", name, float(value), unit, dimensions)


def _counting_executions(original: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    from ministack.services import cloudwatch

    def emit(execution: dict[str, Any]) -> None:
        name = _STATES.get(execution["status"])
        if name:
            dimensions = {"StateMachineArn": execution["stateMachineArn"]}
            cloudwatch.record_metric("AWS/States", name, 1, "Count", dimensions)
        original(execution)

    return emit


def _measuring_invocations(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    from ministack.services import cloudwatch

    def dispatch(
        function: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> dict[str, Any]:
        dimensions = {"FunctionName": config.get("FunctionName", "")}
        for stream, age in _iterator_ages(event):
            gauge("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", age, "Milliseconds", {"StreamName": stream})
            cloudwatch.record_metric("AWS/Lambda", "IteratorAge", age, "Milliseconds", dimensions)
        begun = time.monotonic()
        result = original(function, config, event, request_id, started)
        milliseconds = (time.monotonic() - begun) * 1000
        cloudwatch.record_metric("AWS/Lambda", "Invocations", 1, "Count", dimensions)
        cloudwatch.record_metric("AWS/Lambda", "Errors", int(bool(result.get("error"))), "Count", dimensions)
        cloudwatch.record_metric("AWS/Lambda", "Throttles", 0, "Count", dimensions)
        cloudwatch.record_metric("AWS/Lambda", "Duration", milliseconds, "Milliseconds", dimensions)
        return result

    return dispatch


def _iterator_ages(event: Any) -> Iterator[tuple[str, float]]:
    """The stream and the age of a Kinesis batch's last record, in milliseconds; nothing for other events."""
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list) and records and isinstance(records[-1], dict) and "kinesis" in records[-1]:
        arrived = float(records[-1]["kinesis"]["approximateArrivalTimestamp"])
        yield records[-1]["eventSourceARN"].rsplit("/", 1)[-1], max(time.time() - arrived, 0.0) * 1000


def _count_throttle(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:  # noqa: ARG001
    """Stock's own counting: the throttled are all that is left of it, as they never run."""
    from ministack.services import cloudwatch

    if throttle and not duration_ms:
        cloudwatch.record_metric("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": function_name})


def _taking_embedded_metrics(original: Callable[..., None]) -> Callable[..., None]:
    def append(stream: Any, events: list[dict[str, Any]]) -> None:
        original(stream, events)
        for event in events:
            message = event.get("message", "")
            if '"CloudWatchMetrics"' in message:
                try:
                    _store_embedded(json.loads(message))
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    logger.warning("a log line looks like embedded metrics and is none: %s", error)

    return append


def _store_embedded(document: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    from ministack.services import cloudwatch

    metadata = document["_aws"]
    for directive in metadata["CloudWatchMetrics"]:
        for names in directive["Dimensions"] or [[]]:
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                value = document[metric["Name"]]
                values = value if isinstance(value, list) else [value]
                cloudwatch._store_datum(
                    directive["Namespace"],
                    metric["Name"],
                    dimensions,
                    metadata["Timestamp"] / 1000,
                    metric.get("Unit", "None"),
                    None,
                    values,
                    None,
                    None,
                )
