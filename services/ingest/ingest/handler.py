"""Ingest's Lambda entry point: a Kinesis batch."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from ingest import service, wiring

logger, tracer, metrics = Logger(), Tracer(), Metrics()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handler(
    event: dict[str, Any], context: LambdaContext, *, deps: service.Dependencies | None = None
) -> dict[str, list[dict[str, str]]]:
    """Sequence numbers to deliver again, as `ReportBatchItemFailures` wants them."""
    report = service.take(event["Records"], deps or wiring.build(), trace=os.environ.get("_X_AMZN_TRACE_ID"))
    metrics.add_metric("ReadingsAccepted", MetricUnit.Count, report.readings)
    metrics.add_metric("RecordsQuarantined", MetricUnit.Count, report.quarantined)
    metrics.add_metric("UnknownFields", MetricUnit.Count, report.unknown_fields)
    if report.quarantined or report.failed:
        logger.warning("not all accepted", quarantined=report.quarantined, redelivered=len(report.failed))
    return {"batchItemFailures": [{"itemIdentifier": number} for number in sorted(report.failed)]}
