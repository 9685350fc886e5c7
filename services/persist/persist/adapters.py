"""Persist's port on AWS: DynamoDB."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeSerializer
from botocore.config import Config

from persist.domain import Row, attributes
from persist.ports import ReadingsTable, StorageError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

#: Each attempt of a call, in seconds; with the retries it stays well inside the function's timeout.
CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})

#: Most puts of one `BatchWriteItem` (DynamoDB API reference).
BATCH_WRITE_MAX_ITEMS = 25

#: How often unprocessed items are sent again before the event goes back to its queue.
UNPROCESSED_ATTEMPTS = 5


class DynamoDbReadingsTable(ReadingsTable):
    """The readings table: partition key `deviceId`, sort key `firstReading`."""

    def __init__(self, client: DynamoDBClient, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._table_name = table_name
        self._sleep = sleep

    def put(self, rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), BATCH_WRITE_MAX_ITEMS):
            self._put_batch([_item(row) for row in rows[start : start + BATCH_WRITE_MAX_ITEMS]])

    def _put_batch(self, items: list[dict[str, Any]]) -> None:
        pending: Any = {self._table_name: [{"PutRequest": {"Item": item}} for item in items]}
        for attempt in range(UNPROCESSED_ATTEMPTS):
            pending = self._client.batch_write_item(RequestItems=pending)["UnprocessedItems"]
            if not pending:
                return
            # Full jitter, as AWS advises for unprocessed items.
            self._sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311
        raise StorageError(f"{len(pending[self._table_name])} rows stayed unprocessed")


_serialize = TypeSerializer().serialize


def _item(row: Row) -> dict[str, Any]:
    values = {
        "deviceId": row.device_id,
        "firstReading": row.sort_key,
        "eventId": row.event_id,
        "receivedAt": row.received_at,
        "expiresAt": row.expires_at,
        "count": len(row.readings),
        "readings": [_decimals(attributes(reading)) for reading in row.readings],
    }
    return {name: _serialize(value) for name, value in values.items()}


def _decimals(fields: dict[str, Any]) -> dict[str, Any]:
    """DynamoDB's serializer refuses floats: their shortest decimal form is what was read."""
    return {name: Decimal(repr(value)) if isinstance(value, float) else value for name, value in fields.items()}


def dynamodb_client() -> DynamoDBClient:
    return boto3.client("dynamodb", config=CLIENT_CONFIG)
