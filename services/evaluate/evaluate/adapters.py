"""Evaluate's alarm states and bus on AWS: DynamoDB and EventBridge; and the clients of all its ports."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from smartwatch_contracts import wire
from smartwatch_contracts.catalogue import CATALOGUE

from evaluate.episodes import DeviceState
from evaluate.ports import AlarmStates, Bus, ConflictError, PublishError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient

#: Each attempt of a call, in seconds; with the retries it stays well inside the function's timeout.
CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})

#: The sparse index of watched devices: only items with the attribute `watching` are in it.
WATCHING_INDEX = "watching"
WATCHING = "1"


class DynamoDbAlarmStates(AlarmStates):
    """The alarm-state table: partition key `deviceId`; sparse index `watching`.

    The set of watched devices is read at most once in `refresh_seconds`, so that a normal reading costs no request. An
    older set may delay a clear, and lengthen or shorten what is pending, by that long; it never loses or repeats an
    alert. The state is compressed: what is pending at one reading a second still costs one or two write units.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        refresh_seconds: float,
        retention_seconds: int,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._refresh_seconds = refresh_seconds
        self._retention_seconds = retention_seconds
        self._monotonic = monotonic
        self._now = now
        self._watched: set[str] = set()
        self._fresh_until = float("-inf")

    def watched(self) -> frozenset[str]:
        if self._monotonic() >= self._fresh_until:
            self._watched = self._query_watched()
            self._fresh_until = self._monotonic() + self._refresh_seconds
        return frozenset(self._watched)

    def load(self, device_id: str) -> DeviceState:
        item = self._client.get_item(
            TableName=self._table_name, Key={"deviceId": {"S": device_id}}, ConsistentRead=True
        ).get("Item")
        if item is None:
            return DeviceState(device_id=device_id)
        return DeviceState.load(
            device_id,
            int(item["version"]["N"]),
            json.loads(zlib.decompress(item["state"]["B"])),
            tuple(json.loads(item["unpublished"]["S"])),
        )

    def save(self, state: DeviceState) -> DeviceState:
        version = state.version + 1
        item: dict[str, Any] = {
            "deviceId": {"S": state.device_id},
            "version": {"N": str(version)},
            "state": {"B": zlib.compress(json.dumps(state.dump(), separators=(",", ":")).encode())},
            "unpublished": {"S": json.dumps(list(state.unpublished))},
            "expiresAt": {"N": str(int(self._now()) + self._retention_seconds)},
        }
        if state.watched:
            item["watching"] = {"S": WATCHING}
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=item,
                ConditionExpression="attribute_not_exists(deviceId) OR version = :loaded",
                ExpressionAttributeValues={":loaded": {"N": str(state.version)}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise ConflictError(state.device_id) from error
            raise
        (self._watched.add if state.watched else self._watched.discard)(state.device_id)
        return DeviceState(**{**vars(state), "version": version})

    def _query_watched(self) -> set[str]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name,
            IndexName=WATCHING_INDEX,
            KeyConditionExpression="watching = :watching",
            ExpressionAttributeValues={":watching": {"S": WATCHING}},
            ProjectionExpression="deviceId",
        )
        return {item["deviceId"]["S"] for page in pages for item in page["Items"]}


class EventBridgeBus(Bus):
    """The event bus."""

    def __init__(self, client: EventBridgeClient, bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, envelopes: Sequence[Mapping[str, Any]]) -> None:
        types = {event_type.detail_type: event_type for event_type in CATALOGUE}
        entries = [wire.entry(types[envelope["type"]].parse(envelope), self._bus_name) for envelope in envelopes]
        for request in wire.requests(entries):
            answer = self._client.put_events(Entries=request)  # type: ignore[arg-type]
            if answer["FailedEntryCount"]:
                codes = sorted({entry.get("ErrorCode", "") for entry in answer["Entries"]} - {""})
                raise PublishError(f"{answer['FailedEntryCount']} events were not accepted: {', '.join(codes)}")


def dynamodb_client() -> DynamoDBClient:
    return boto3.client("dynamodb", config=CLIENT_CONFIG)


def event_bridge_client() -> EventBridgeClient:
    return boto3.client("events", config=CLIENT_CONFIG)
