"""Evaluate's other Lambda entry point: once a minute, on a schedule."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from evaluate import attendance, wiring

logger, tracer, metrics = Logger(), Tracer(), Metrics()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext, *, deps: attendance.Dependencies | None = None) -> None:
    report = attendance.look(deps or wiring.build_watchdog(), trace=os.environ.get("_X_AMZN_TRACE_ID"))
    metrics.add_metric("WatchesInRoster", MetricUnit.Count, report.watches)
    metrics.add_metric("WatchesSilent", MetricUnit.Count, report.silent)
    metrics.add_metric("WatchesBack", MetricUnit.Count, report.back)
    if report.silent or report.back:
        logger.info("attendance changed", silent=report.silent, back=report.back)
