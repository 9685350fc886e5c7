"""A Kinesis record as Lambda hands it over, made into a `Message`: what the IoT rule wrote, decoded."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from ingest.domain import Message, Reason, Rejection


def read(record: Mapping[str, Any]) -> Message | Rejection:
    """The message in one record of a Kinesis event.

    The IoT rules write `{"payload": base64, "deviceId": topic level, "receivedAt": milliseconds}`, and `"kind"` with it
    for status topics; anything else on the stream is refused with its bytes.
    """
    sequence_number = str(record["kinesis"]["sequenceNumber"])
    data = base64.b64decode(record["kinesis"]["data"])
    try:
        forwarded = from_json(data)
        return Message(
            sequence_number=sequence_number,
            device_id=_text(forwarded["deviceId"]),
            received_at=int(forwarded["receivedAt"]),
            payload=base64.b64decode(_text(forwarded["payload"]), validate=True),
            is_status=forwarded.get("kind") == "status",
        )
    except (ValueError, TypeError, LookupError, binascii.Error, OverflowError):
        return Rejection(
            sequence_number=sequence_number,
            device_id=None,
            received_at=None,
            reason=Reason.UNREADABLE_RECORD,
            detail="the record is not what the IoT rule writes",
            payload=data,
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value
