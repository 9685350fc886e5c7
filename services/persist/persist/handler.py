"""Persist's Lambda entry point: a batch of bus events from its queue."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from persist import service, wiring

logger, tracer, metrics = Logger(), Tracer(), Metrics()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handler(
    event: dict[str, Any], context: LambdaContext, *, deps: service.Dependencies | None = None
) -> PartialItemFailureResponse:
    """The queue messages to deliver again, as `ReportBatchItemFailures` wants them."""
    built = deps or wiring.build()
    stored = 0

    def store(record: SQSRecord) -> None:
        nonlocal stored
        try:
            stored += service.store(json.loads(record.body), built)
        except Exception as error:
            # Powertools reports the record and says nothing; the type alone, as the text may hold a vital sign.
            logger.warning("an event is not stored", error=type(error).__name__, message_id=record.message_id)
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event=event, record_handler=store, processor=processor, context=context)
    metrics.add_metric("ReadingsStored", MetricUnit.Count, stored)
    if answer["batchItemFailures"]:
        logger.warning("not all stored", redelivered=len(answer["batchItemFailures"]))
    return answer
