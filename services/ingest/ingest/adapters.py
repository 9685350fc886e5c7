"""Ingest's ports on AWS: EventBridge and SQS."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from smartwatch_contracts import wire
from smartwatch_contracts.envelope import Envelope

from ingest.domain import Rejection
from ingest.ports import Bus, Quarantine

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

#: Each attempt of a call, in seconds; with the retries it stays well inside the function's timeout.
CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})

#: Most entries, and most bytes in all, of one `SendMessageBatch` (Amazon SQS message quotas: 1 MiB).
SEND_MESSAGE_BATCH_MAX_ENTRIES = 10
SEND_MESSAGE_BATCH_MAX_BYTES = 1024 * 1024


class EventBridgeBus(Bus):
    """The event bus."""

    def __init__(self, client: EventBridgeClient, bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, envelopes: Sequence[Envelope[Any]]) -> frozenset[str]:
        failed: set[str] = set()
        pairs = [(envelope.id, wire.entry(envelope, self._bus_name)) for envelope in envelopes]
        ids = iter([event_id for event_id, _ in pairs])
        for request in wire.requests([entry for _, entry in pairs]):
            request_ids = [next(ids) for _ in request]
            try:
                answer = self._client.put_events(Entries=request)  # type: ignore[arg-type]
            except (ClientError, BotoCoreError) as error:
                logger.warning("PutEvents failed: %s", error)
                failed.update(request_ids)
                continue
            failed.update(i for i, result in zip(request_ids, answer["Entries"], strict=True) if "ErrorCode" in result)
        return frozenset(failed)


class SqsQuarantine(Quarantine):
    """The quarantine queue: one message for each refused record, its bytes in base64."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, rejections: Sequence[Rejection]) -> frozenset[str]:
        failed: set[str] = set()
        for group in _requests((rejection, _body(rejection)) for rejection in rejections):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {
                    "Id": str(index),
                    "MessageBody": body,
                    "MessageAttributes": {"reason": {"DataType": "String", "StringValue": rejection.reason.value}},
                }
                for index, (rejection, body) in enumerate(group)
            ]
            try:
                answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                logger.warning("SendMessageBatch failed: %s", error)
                failed.update(rejection.sequence_number for rejection, _ in group)
                continue
            failed.update(group[int(entry["Id"])][0].sequence_number for entry in answer.get("Failed", []))
        return frozenset(failed)


def _body(rejection: Rejection) -> str:
    return json.dumps(
        {
            "reason": rejection.reason.value,
            "detail": rejection.detail,
            "deviceId": rejection.device_id,
            "receivedAt": rejection.received_at,
            "sequenceNumber": rejection.sequence_number,
            "payload": base64.b64encode(rejection.payload).decode(),
        }
    )


def _requests(bodies: Iterable[tuple[Rejection, str]]) -> Iterator[list[tuple[Rejection, str]]]:
    """`bodies` in groups that one `SendMessageBatch` accepts."""
    group: list[tuple[Rejection, str]] = []
    size = 0
    for rejection, body in bodies:
        full = len(group) == SEND_MESSAGE_BATCH_MAX_ENTRIES
        # 64 bytes for the message attribute, which counts too.
        if group and (full or size + len(body) + 64 > SEND_MESSAGE_BATCH_MAX_BYTES):
            yield group
            group, size = [], 0
        group.append((rejection, body))
        size += len(body) + 64
    if group:
        yield group


def event_bridge_client() -> EventBridgeClient:
    return boto3.client("events", config=CLIENT_CONFIG)


def sqs_client() -> SQSClient:
    return boto3.client("sqs", config=CLIENT_CONFIG)
