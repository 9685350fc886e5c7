"""Evaluate's presence table on DynamoDB: what instances hand over, and the roster in parts."""

from __future__ import annotations

import json
import secrets
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from evaluate.ports import ConflictError, Presence, PresenceError, RosterPart
from evaluate.presence import Attendance, Heard

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

#: Parts of the roster. An item holds 400 KB: some 6,000 watches, compressed, when every one of them has an open alert.
PARTS = 64

HANDED_OVER, ROSTER = "heard", "roster"

#: What was handed over and never discarded goes away by itself.
HANDED_OVER_KEPT_SECONDS = 86_400


class DynamoDbPresence(Presence):
    """Partition key `kind`, sort key `name`; bodies are compressed JSON."""

    def __init__(self, client: DynamoDBClient, table_name: str, *, now: Callable[[], float] = time.time) -> None:
        self._client = client
        self._table_name = table_name
        self._now = now

    def hand_over(self, heard: Mapping[str, Heard]) -> None:
        item = {
            "kind": {"S": HANDED_OVER},
            "name": {"S": f"{int(self._now() * 1000):015d}#{secrets.token_hex(4)}"},
            "body": {"B": _packed({device_id: astuple(what) for device_id, what in heard.items()})},
            "expiresAt": {"N": str(int(self._now()) + HANDED_OVER_KEPT_SECONDS)},
        }
        try:
            self._client.put_item(TableName=self._table_name, Item=item)  # type: ignore[arg-type]
        except (ClientError, BotoCoreError) as error:
            raise PresenceError(str(error)) from error

    def collect(self) -> tuple[dict[str, Heard], tuple[str, ...]]:
        heard: dict[str, Heard] = {}
        names = []
        for item in self._query(HANDED_OVER):
            names.append(item["name"]["S"])
            for device_id, what in _unpacked(item["body"]["B"]).items():
                news = Heard(*what)
                heard[device_id] = heard[device_id].merged(news) if device_id in heard else news
        return heard, tuple(names)

    def discard(self, receipts: Sequence[str]) -> None:
        for name in receipts:
            self._client.delete_item(TableName=self._table_name, Key={"kind": {"S": HANDED_OVER}, "name": {"S": name}})

    def parts(self) -> Iterator[RosterPart]:
        stored = {int(item["name"]["S"]): item for item in self._query(ROSTER)}
        for index in range(PARTS):
            item = stored.get(index)
            if item is None:
                yield RosterPart(index, {})
                continue
            body = _unpacked(item["body"]["B"])
            roster = {
                device_id: Attendance(Heard(*heard), alert, since)
                for device_id, (heard, alert, since) in body["roster"].items()
            }
            yield RosterPart(index, roster, tuple(body["unpublished"]), int(item["version"]["N"]))

    def part_of(self, device_id: str) -> int:
        return zlib.crc32(device_id.encode()) % PARTS

    def save(self, part: RosterPart) -> RosterPart:
        body = {
            "roster": {
                device_id: [astuple(watch.heard), watch.alert, watch.silent_since]
                for device_id, watch in part.roster.items()
            },
            "unpublished": list(part.unpublished),
        }
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item={
                    "kind": {"S": ROSTER},
                    "name": {"S": f"{part.index:04d}"},
                    "version": {"N": str(part.version + 1)},
                    "body": {"B": _packed(body)},
                },
                ConditionExpression="attribute_not_exists(kind) OR version = :loaded",
                ExpressionAttributeValues={":loaded": {"N": str(part.version)}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise ConflictError(f"roster part {part.index}") from error
            raise
        return replace(part, version=part.version + 1)

    def _query(self, kind: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name,
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": kind}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]


def _packed(body: Any) -> bytes:
    return zlib.compress(json.dumps(body, separators=(",", ":")).encode())


def _unpacked(body: bytes) -> Any:
    return json.loads(zlib.decompress(body))
