"""Evaluate's Lambda entry point: one `ReadingsAccepted` event from the bus."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from evaluate import service, wiring

logger, tracer, metrics = Logger(), Tracer(), Metrics()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context(correlation_id_path="detail.correlationId")
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext, *, deps: service.Dependencies | None = None) -> None:
    report = service.apply(event, deps or wiring.build(), trace=os.environ.get("_X_AMZN_TRACE_ID"))
    metrics.add_metric("ReadingsEvaluated", MetricUnit.Count, report.readings)
    metrics.add_metric("AlertsRaised", MetricUnit.Count, report.raised)
    metrics.add_metric("AlertsCleared", MetricUnit.Count, report.cleared)
    if report.raised or report.cleared:
        logger.info("alerts changed", raised=report.raised, cleared=report.cleared)
