"""Small builders: only what a test says matters, the rest is ordinary."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from ingest.domain import Message
from smartwatch_contracts.catalogue import READINGS_ACCEPTED
from smartwatch_contracts.events import DeviceReadings, Reading, ReadingsAcceptedV1

#: 2023-11-14T22:13:20Z in milliseconds.
T0 = 1_700_000_000_000
NOW = datetime(2023, 11, 14, 22, 13, 30, tzinfo=UTC)


def a_message(body: Any, *, device_id: str = "watch-001", received_at: int = T0 + 400, number: str = "1") -> Message:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(number, device_id, received_at, payload)


def a_body(**fields: Any) -> dict[str, Any]:
    """The contract's own example, with some fields changed; `...` leaves one out."""
    body = {"deviceId": "watch-001", "timestamp": 1_700_000_000, "heartRate": 72, "steps": 4, "spo2": 98, **fields}
    return {name: value for name, value in body.items() if value is not ...}


def a_kinesis_record(
    body: Any, *, device_id: str = "watch-001", number: str = "1", received_at: int = T0
) -> dict[str, Any]:
    """A record as Lambda hands it over: what the IoT rule wrote, in base64."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    forwarded = {
        "payload": base64.b64encode(payload).decode(),
        "deviceId": device_id,
        "receivedAt": received_at,
    }
    return {"kinesis": {"sequenceNumber": number, "data": base64.b64encode(json.dumps(forwarded).encode()).decode()}}


def a_reading(seconds: float = 0, **vitals: Any) -> Reading:
    """A reading so many seconds after T0; 72 bpm unless told otherwise."""
    return Reading(timestamp=T0 + round(seconds * 1000), **({"heart_rate": 72} | vitals))


def readings_accepted(
    *readings: Reading, device_id: str = "watch-001", event_id: str = "e1", received_at: int = T0 + 400
) -> dict[str, Any]:
    """A bus event as its consumers get it."""
    data = ReadingsAcceptedV1(
        devices=[DeviceReadings(device_id=device_id, received_at=received_at, readings=list(readings))]
    )
    return bus_event(READINGS_ACCEPTED, data, event_id=event_id)


def bus_event(event_type: Any, data: Any, *, event_id: str = "e1") -> dict[str, Any]:
    envelope = event_type.envelope(data, event_id=event_id, correlation_id="c1", occurred_at=NOW)
    return {
        "source": event_type.source,
        "detail-type": event_type.detail_type,
        "detail": json.loads(envelope.to_json()),
    }


class LambdaContext:
    """What Powertools reads of the context object."""

    function_name = "f"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    aws_request_id = "r"
