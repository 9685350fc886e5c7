"""Evaluate's ports on AWS: DynamoDB and EventBridge."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from smartwatch_contracts import wire
from smartwatch_contracts.catalogue import ALERT_CLEARED, ALERT_RAISED

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
    older set may delay a clear by that long; a breach never depends on it.
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
        return DeviceState.model_validate(
            {**json.loads(item["state"]["S"]), "deviceId": device_id, "version": int(item["version"]["N"])}
        )

    def save(self, state: DeviceState) -> DeviceState:
        saved = state.model_copy(update={"version": state.version + 1})
        item: dict[str, Any] = {
            "deviceId": {"S": saved.device_id},
            "version": {"N": str(saved.version)},
            "state": {"S": saved.model_dump_json(by_alias=True, exclude_none=True, exclude={"device_id", "version"})},
            "expiresAt": {"N": str(int(self._now()) + self._retention_seconds)},
        }
        if saved.watched:
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
                raise ConflictError(saved.device_id) from error
            raise
        (self._watched.add if saved.watched else self._watched.discard)(saved.device_id)
        return saved

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
        types = {event_type.detail_type: event_type for event_type in (ALERT_RAISED, ALERT_CLEARED)}
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
