"""Notify's recipients table on DynamoDB: how many messages each had in the window, and what was held back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from smartwatch_contracts.roster import Throttle

from notify.conditional import update_if
from notify.ports import HeldBack, Throttles

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

#: A digest names so many; the rest of one recipient's comes with the next.
DIGEST_LINES = 100
#: An item is needed for as long as the longest window, and for as long as something is held back.
KEPT_SECONDS = 7 * 86_400


class DynamoDbThrottles(Throttles):
    """Partition key `recipient`. Windows begin at multiples of their length since 1970."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def admit(self, recipient: str, throttle: Throttle, now: datetime) -> bool:
        window = _window(throttle, now)
        values = {":window": _n(window), ":one": _n(1), ":expires": _n(now.timestamp() + KEPT_SECONDS)}
        fresh = self._update(
            recipient,
            "SET windowStart = :window, messages = :one, expiresAt = :expires",
            "attribute_not_exists(windowStart) OR windowStart < :window",
            values,
        )
        return fresh or self._update(
            recipient,
            "SET messages = messages + :one",
            "windowStart = :window AND messages < :limit",
            {":window": _n(window), ":one": _n(1), ":limit": _n(throttle.messages)},
        )

    def hold(self, recipient: str, alert_id: str, line: str, throttle: Throttle, now: datetime) -> None:
        self._update(
            recipient,
            "SET held = list_append(if_not_exists(held, :none), :line), digestAt = if_not_exists(digestAt, :due), "
            "expiresAt = :expires",
            "attribute_not_exists(recipient) OR attribute_exists(recipient)",
            {
                ":none": {"L": []},
                ":line": {"L": [_line(alert_id, line)]},
                ":due": _n(_window(throttle, now) + throttle.per_seconds),
                ":expires": _n(now.timestamp() + KEPT_SECONDS),
            },
        )

    def due(self, now: datetime) -> Sequence[HeldBack]:
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table_name,
            FilterExpression="digestAt <= :now",
            ExpressionAttributeValues={":now": _n(now.timestamp())},
            ConsistentRead=True,
        )
        return [
            HeldBack(
                item["recipient"]["S"],
                tuple((line["M"]["alertId"]["S"], line["M"]["line"]["S"]) for line in item["held"]["L"][:DIGEST_LINES]),
                drill=item["recipient"]["S"].startswith("drill/"),
            )
            for page in pages
            for item in page["Items"]
        ]

    def told(self, held: HeldBack) -> None:
        lines = len(held.lines)
        removed = ", ".join(f"held[{index}]" for index in range(lines))
        # Only what was said goes: another function may have said it too, and something else be first in line by now.
        self._update(
            held.recipient,
            f"REMOVE {removed}",
            "attribute_exists(held) AND size(held) >= :lines AND held[0] = :first",
            {":lines": _n(lines), ":first": _line(*held.lines[0])},
        )
        # What was held back in the meantime stays, and its digest is due at once.
        self._update(
            held.recipient, "REMOVE held, digestAt", "attribute_exists(held) AND size(held) = :none", {":none": _n(0)}
        )

    def _update(self, recipient: str, update: str, condition: str, values: dict[str, Any]) -> bool:
        request: dict[str, Any] = {
            "TableName": self._table_name,
            "Key": {"recipient": {"S": recipient}},
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
        return update_if(self._client, request) is not None


def _window(throttle: Throttle, now: datetime) -> int:
    return int(now.timestamp()) // throttle.per_seconds * throttle.per_seconds


def _line(alert_id: str, line: str) -> dict[str, Any]:
    return {"M": {"alertId": {"S": alert_id}, "line": {"S": line}}}


def _n(value: float) -> dict[str, str]:
    return {"N": str(int(value))}
