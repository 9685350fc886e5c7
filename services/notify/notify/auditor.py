"""The auditor's Lambda entry point, once a minute: is everything escalating that should be?"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notify import auditing, wiring

logger, tracer, metrics = Logger(), Tracer(), Metrics()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext, *, deps: wiring.Auditor | None = None) -> dict[str, int]:
    auditor = deps or wiring.build_auditor()
    found = auditing.audit_escalations(auditor.dependencies, auditor.ledger, auditor.executions)
    metrics.add_metric("EscalationsStalled", MetricUnit.Count, found.stalled)
    metrics.add_metric("DrillsStalled", MetricUnit.Count, found.stalled_drills)
    if found.failed is not None:
        raise found.failed
    return {"lookedAt": found.looked_at, "stalled": found.stalled, "stalledDrills": found.stalled_drills}
