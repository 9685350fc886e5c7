"""Kinesis event source mappings.

Stock reads a failed batch again for ever, so that one bad record stalls its shard; takes `ReportBatchItemFailures` for
success, so that reported records are lost; and ignores bisecting, retry limits, the on-failure destination and the
batching window. AWS (Lambda, "Kinesis event source mappings"): after a reported failure the batch is delivered again
from the lowest reported sequence number; a failed batch is bisected if so configured, and tried until the retries or
the records' age run out; what is then left is described to the on-failure destination, and the shard goes on.
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
import time
import uuid
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

#: Seconds between two looks at the shards: the batching window is in whole seconds.
TICK_SECONDS = 0.1
#: Longest pause between two tries of a batch; AWS backs off up to minutes.
LONGEST_BACKOFF_SECONDS = 2.0

Record = dict[str, Any]
Mapping = dict[str, Any]


class _MappingGoneError(Exception):
    """The event source mapping was deleted or disabled while its batch was being retried."""


_in_flight: set[tuple[str, str]] = set()
_in_flight_lock = threading.Lock()
#: Mapping id → shard id → last sequence number done.
_checkpoints: dict[str, dict[str, int]] = {}


def install(_: CloudSettings) -> None:
    from ministack.services import kinesis, lambda_svc, sns, sqs

    require(
        lambda_svc, "_iter_all_esms", "_get_func_record_for_qualifier", "_execute_function", "_apply_filter_criteria"
    )
    require(kinesis, "_streams")
    require(sqs, "_queue_by_arn", "_act_send_message")
    require(sns, "publish_internal")
    replace(lambda_svc, "_poll_kinesis", lambda _: poll)
    threading.Thread(target=_tick, args=(lambda_svc._esm_wake,), daemon=True, name="esm-tick").start()


def _tick(wake: threading.Event) -> None:
    while True:
        time.sleep(TICK_SECONDS)
        wake.set()


def poll() -> bool:
    """One look at every shard of every mapping; batches run in threads of their own."""
    from ministack.core.responses import request_scope
    from ministack.services import lambda_svc

    for account, region, mapping in lambda_svc._iter_all_esms():
        if mapping.get("Enabled", True) and ":kinesis:" in mapping.get("EventSourceArn", ""):
            with request_scope(account, region):
                for shard_id, batch in _due_batches(account, region, mapping):
                    _start(mapping, region, shard_id, batch)
    return False


def read_shard(_mapping: Mapping, shard: dict[str, Any], after: int, limit: int) -> list[Record]:
    """At most `limit` records of a shard after a sequence number: what `GetRecords` gives the mapping's role."""
    records = shard["records"]
    start = bisect_right(records, after, key=lambda record: int(record["SequenceNumber"]))
    return list(records[start : start + limit])


def _due_batches(account: str, region: str, mapping: Mapping) -> Iterator[tuple[str, list[Record]]]:
    from ministack.services import kinesis

    stream = kinesis._streams.get_scoped(account, region, mapping["EventSourceArn"].rsplit("/", 1)[1])
    if not stream or stream["StreamStatus"] != "ACTIVE":
        return
    done = _checkpoints.setdefault(mapping["UUID"], {})
    size = int(mapping.get("BatchSize") or 100)
    window = float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
    for shard_id, shard in list(stream["shards"].items()):
        if shard_id not in done:
            done[shard_id] = _starting_point(mapping, shard["records"])
        if (mapping["UUID"], shard_id) in _in_flight:
            continue
        batch = read_shard(mapping, shard, done[shard_id], size)
        if batch and (len(batch) == size or time.time() - _arrival(batch[0]) >= window):
            yield shard_id, batch


def _starting_point(mapping: Mapping, records: list[Record]) -> int:
    return int(records[-1]["SequenceNumber"]) if records and mapping.get("StartingPosition") == "LATEST" else 0


def _arrival(record: Record) -> float:
    return float(record["ApproximateArrivalTimestamp"])


def _start(mapping: Mapping, region: str, shard_id: str, batch: list[Record]) -> None:
    from ministack.services import lambda_svc

    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    if function is None:
        return
    key = (mapping["UUID"], shard_id)
    with _in_flight_lock:
        _in_flight.add(key)

    def run() -> None:
        try:
            _Delivery(mapping, region, shard_id).deliver(batch, attempt=0)
        except _MappingGoneError:
            logger.info("mapping %s is gone; its batch stays on the stream", mapping["UUID"])
        except Exception:
            logger.exception("shard %s of mapping %s", shard_id, mapping["UUID"])
        finally:
            with _in_flight_lock:
                _in_flight.discard(key)
            lambda_svc._esm_wake.set()

    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True, name="esm-kinesis").start()


class _Delivery:
    """One batch of one shard, until every record in it is done."""

    def __init__(self, mapping: Mapping, region: str, shard_id: str) -> None:
        self._mapping = mapping
        self._region = region
        self._shard_id = shard_id
        self._retries = _limit(mapping.get("MaximumRetryAttempts"))
        self._age = _limit(mapping.get("MaximumRecordAgeInSeconds"))
        self._bisects = bool(mapping.get("BisectBatchOnFunctionError"))
        self._reports = "ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or [])

    def deliver(self, records: list[Record], attempt: int) -> None:
        while records:
            result = self._invoke(records)
            failed_from = self._failed_from(records, result)
            if failed_from is None:
                self._mapping["LastProcessingResult"] = "OK"
                self._checkpoint(records[-1])
                return
            self._mapping["LastProcessingResult"] = "PROBLEM: Function call failed"
            if failed_from > 0:
                self._checkpoint(records[failed_from - 1])
                records = records[failed_from:]
            expired = self._age is not None and time.time() - _arrival(records[0]) > self._age
            if not expired and self._bisects and len(records) > 1:
                # A report names the record; without one, halves find it.
                middle = 1 if failed_from > 0 else len(records) // 2
                self.deliver(records[:middle], attempt)
                records = records[middle:]
                continue
            if expired or (self._retries is not None and attempt >= self._retries):
                condition = "RecordAgeExceeded" if expired else "RetryAttemptsExhausted"
                self._discard(records, condition, attempt + 1, result)
                self._checkpoint(records[-1])
                return
            attempt += 1
            time.sleep(min(0.1 * 2**attempt, LONGEST_BACKOFF_SECONDS))

    def _invoke(self, records: list[Record]) -> dict[str, Any]:
        from ministack.services import lambda_svc

        current = lambda_svc._esms.get(self._mapping["UUID"])
        if current is None or not current.get("Enabled", True):
            raise _MappingGoneError
        # Looked up for each try: the function may have been updated in the meantime.
        function, _ = lambda_svc._get_func_record_for_qualifier(
            self._mapping["FunctionName"], self._mapping.get("Qualifier")
        )
        if function is None:
            raise _MappingGoneError
        events = lambda_svc._apply_filter_criteria([self._event(record) for record in records], self._mapping)
        if not events:
            return {"body": None}
        return dict(lambda_svc._execute_function(function, {"Records": events}))

    def _event(self, record: Record) -> dict[str, Any]:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"],
                "data": record["Data"],
                "approximateArrivalTimestamp": _arrival(record),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self._shard_id}:{record['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._mapping.get("FunctionArn", ""),
            "awsRegion": self._region,
            "eventSourceARN": self._mapping["EventSourceArn"],
        }

    def _failed_from(self, records: list[Record], result: dict[str, Any]) -> int | None:
        """Index of the first record to deliver again; None when all are done."""
        if result.get("error"):
            return 0
        if not self._reports:
            return None
        body = result.get("body")
        if body is None:
            return None
        if not isinstance(body, dict) or not isinstance(body.get("batchItemFailures") or [], list):
            return 0  # a malformed report is a complete failure
        reported = [item.get("itemIdentifier") for item in body.get("batchItemFailures") or []]
        if not reported:
            return None
        positions = {record["SequenceNumber"]: index for index, record in enumerate(records)}
        return min(positions.get(number, 0) for number in reported)

    def _checkpoint(self, record: Record) -> None:
        _checkpoints[self._mapping["UUID"]][self._shard_id] = int(record["SequenceNumber"])

    def _discard(self, records: list[Record], condition: str, invocations: int, result: dict[str, Any]) -> None:
        destination = ((self._mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        logger.warning("%d records given up (%s), described to %s", len(records), condition, destination)
        if not destination:
            return
        document = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": self._mapping["FunctionArn"],
                "condition": condition,
                "approximateInvokeCount": invocations,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled" if result.get("error") else None,
            },
            "version": "1.0",
            "timestamp": _iso(time.time()),
            "KinesisBatchInfo": {
                "shardId": self._shard_id,
                "startSequenceNumber": records[0]["SequenceNumber"],
                "endSequenceNumber": records[-1]["SequenceNumber"],
                "approximateArrivalOfFirstRecord": _iso(_arrival(records[0])),
                "approximateArrivalOfLastRecord": _iso(_arrival(records[-1])),
                "batchSize": len(records),
                "streamArn": self._mapping["EventSourceArn"],
            },
        }
        send_to_destination(self._mapping, destination, json.dumps(document))


def send_to_destination(_mapping: Mapping, destination: str, body: str) -> None:
    """Hand a description of discarded records to the mapping's on-failure destination, an SQS queue or SNS topic."""
    from ministack.services import sns, sqs

    if ":sqs:" in destination:
        queue = sqs._queue_by_arn(destination)
        if queue is None:
            logger.error("on-failure destination %s does not exist: a batch is lost", destination)
            return
        sqs._act_send_message({"MessageBody": body}, queue["url"])
    else:
        sns.publish_internal(destination, body)


def _limit(value: int | None) -> int | None:
    """A limit of a mapping; AWS says -1 for none."""
    return None if value is None or value < 0 else int(value)


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"
