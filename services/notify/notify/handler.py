"""Notify's Lambda entry point: the workflow's steps, acknowledgements, the schedule of digests, and the bus."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notify import requests, service, wiring
from notify.dependencies import Dependencies

logger, tracer, metrics = Logger(), Tracer(), Metrics()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext, *, deps: Dependencies | None = None) -> dict[str, Any]:
    request = requests.parse(event)
    answer = service.serve(request, deps or wiring.build())
    metrics.add_metric(f"Requests.{request.action}", MetricUnit.Count, 1)
    return answer
