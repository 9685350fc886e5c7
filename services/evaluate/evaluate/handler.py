"""Evaluate's Lambda entry point: one `ReadingsAccepted` or `DevicePresenceChanged` event from the bus."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from smartwatch_contracts.catalogue import DEVICE_PRESENCE_CHANGED

from evaluate import service, wiring

logger, tracer, metrics = Logger(), Tracer(), Metrics()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context(correlation_id_path="detail.correlationId")
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext, *, deps: service.Dependencies | None = None) -> None:
    if event["detail-type"] == DEVICE_PRESENCE_CHANGED.detail_type:
        service.take_presence(event, deps or wiring.build())
        return
    report = service.apply(event, deps or wiring.build(), trace=os.environ.get("_X_AMZN_TRACE_ID"))
    metrics.add_metric("ReadingsEvaluated", MetricUnit.Count, report.readings)
    for what, count in report.decided.items():
        metrics.add_metric(what, MetricUnit.Count, count)
    if report.decided:
        logger.info("alerts changed", extra={"decided": dict(report.decided)})
