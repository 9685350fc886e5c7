"""What is accepted, what is refused and why: bytes and times in; readings, rejections and events out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json
from smartwatch_contracts.catalogue import READINGS_ACCEPTED
from smartwatch_contracts.device import DEVICE_ID_PATTERN, MAX_FUTURE_MS, DeviceReading, StatusPayload
from smartwatch_contracts.events import DevicePresenceChangedV1, DeviceReadings, Reading, ReadingsAcceptedV1
from smartwatch_contracts.ids import derived_id

#: Most bytes of readings in one event: one 64 KB billing chunk of EventBridge, less room for the envelope.
EVENT_READINGS_BYTES = 60_000

#: Readings of one watch that arrive within this many milliseconds share one `receivedAt`.
RECEIVED_TOGETHER_MS = 1000

#: Bytes of `{"deviceId":"...","receivedAt":...,"readings":[]},` without the device id.
_GROUP_OVERHEAD_BYTES = 62

_DEVICE_ID = re.compile(DEVICE_ID_PATTERN)


class Reason(StrEnum):
    """Why input was quarantined."""

    NOT_JSON = "not-json"
    WRONG_SHAPE = "wrong-shape"
    WRONG_TYPE = "wrong-type"
    IMPOSSIBLE_VALUE = "impossible-value"
    FUTURE_TIMESTAMP = "future-timestamp"
    DEVICE_MISMATCH = "device-mismatch"
    UNKNOWN_DEVICE = "unknown-device"
    UNREADABLE_RECORD = "unreadable-record"


@dataclass(frozen=True)
class Message:
    """One MQTT message as the IoT rule forwarded it. `device_id` is the topic's; `sequence_number` is Kinesis'."""

    sequence_number: str
    device_id: str
    received_at: int
    payload: bytes
    is_status: bool = False


@dataclass(frozen=True)
class Rejection:
    """Input that is not accepted. `detail` names fields, never values."""

    sequence_number: str
    device_id: str | None
    received_at: int | None
    reason: Reason
    detail: str
    payload: bytes


@dataclass(frozen=True)
class Inspection:
    """What one message holds. A message with some bad readings yields both readings and a rejection."""

    readings: tuple[Reading, ...] = ()
    rejection: Rejection | None = None
    unknown_fields: int = 0
    presence: DevicePresenceChangedV1 | None = None


def inspect(message: Message) -> Inspection:
    """Check one message against the contract and against the watch that its topic names."""

    def reject(reason: Reason, detail: str) -> Inspection:
        return Inspection(rejection=_rejection(message, reason, detail))

    if not _DEVICE_ID.fullmatch(message.device_id):
        return reject(Reason.UNKNOWN_DEVICE, "the topic names no valid device id")
    try:
        body = from_json(message.payload, allow_inf_nan=False)
    except ValueError:
        return reject(Reason.NOT_JSON, "the payload is not JSON in UTF-8")
    if not isinstance(body, dict):
        return reject(Reason.WRONG_SHAPE, "the payload is not a JSON object")
    if not isinstance(body.get("deviceId"), str):
        return reject(Reason.WRONG_TYPE, "deviceId: must be a string")
    if body["deviceId"] != message.device_id:
        return reject(Reason.DEVICE_MISMATCH, "deviceId is not the watch that the topic names")
    if message.is_status:
        return _inspect_status(message, body)
    if "readings" not in body:
        return _inspect_readings(message, [{k: v for k, v in body.items() if k != "deviceId"}], envelope_fields=0)
    if not isinstance(body["readings"], list) or not body["readings"]:
        return reject(Reason.WRONG_SHAPE, "readings: must be a list with at least one reading")
    return _inspect_readings(message, body["readings"], envelope_fields=len(body) - 2)


def _inspect_status(message: Message, body: dict[str, Any]) -> Inspection:
    try:
        sent = StatusPayload.model_validate(body)
    except ValidationError as error:
        return Inspection(rejection=_rejection(message, *_why(error, 0, 1)))
    presence = DevicePresenceChangedV1(
        device_id=sent.device_id, status=sent.status, reason=sent.reason, received_at=message.received_at
    )
    return Inspection(presence=presence)


def _inspect_readings(message: Message, bodies: Sequence[Any], *, envelope_fields: int) -> Inspection:
    readings: list[Reading] = []
    refused: list[tuple[Reason, str]] = []
    unknown_fields = envelope_fields
    for index, body in enumerate(bodies):
        try:
            sent = DeviceReading.model_validate(body)
        except ValidationError as error:
            refused.append(_why(error, index, len(bodies)))
            continue
        unknown_fields += sent.unknown_fields
        if sent.timestamp_ms > message.received_at + MAX_FUTURE_MS:
            refused.append((Reason.FUTURE_TIMESTAMP, _at(index, len(bodies)) + "timestamp: over 5 minutes ahead"))
            continue
        readings.append(_accepted(sent))
    rejection = None
    if refused:
        detail = "; ".join(text for _, text in refused[:10])
        if len(refused) > 10:
            detail += f"; and {len(refused) - 10} more"
        rejection = _rejection(message, refused[0][0], detail)
    return Inspection(tuple(readings), rejection, unknown_fields)


def _accepted(sent: DeviceReading) -> Reading:
    return Reading.model_construct(
        timestamp=sent.timestamp_ms,
        heart_rate=sent.heart_rate,
        steps=sent.steps,
        spo2=sent.spo2,
        sequence=sent.sequence,
        on_wrist=sent.on_wrist,
        battery=sent.battery,
        quality=sent.quality,
        activity=sent.activity,
    )


def _why(error: ValidationError, index: int, count: int) -> tuple[Reason, str]:
    """The reason and the field, without the value that was refused: it may be a vital sign."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "reading"
    impossible = first["type"] in {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
    reason = Reason.IMPOSSIBLE_VALUE if impossible else Reason.WRONG_TYPE
    return reason, f"{_at(index, count)}{field}: {first['msg']}"


def _at(index: int, count: int) -> str:
    return f"readings.{index}." if count > 1 else ""


def _rejection(message: Message, reason: Reason, detail: str) -> Rejection:
    return Rejection(
        sequence_number=message.sequence_number,
        device_id=message.device_id,
        received_at=message.received_at,
        reason=reason,
        detail=detail,
        payload=message.payload,
    )


@dataclass(frozen=True)
class Draft:
    """One event to publish, and the Kinesis records whose readings it carries."""

    event_id: str
    correlation_id: str
    data: ReadingsAcceptedV1
    sequence_numbers: frozenset[str]


def pack(accepted: Iterable[tuple[Message, Sequence[Reading]]]) -> list[Draft]:
    """Readings in as few events as fit, in the order received, watch by watch.

    The event ids depend only on the records, so that a repeated batch publishes the same events again.
    """
    drafts: list[Draft] = []
    event = _EventInProgress()
    for message, readings in accepted:
        for reading in readings:
            size = len(reading.to_json()) + 1
            if not event.has_room(message, size):
                drafts.append(event.finish(len(drafts)))
                event = _EventInProgress()
            event.add(message, reading, size)
    if event.groups:
        drafts.append(event.finish(len(drafts)))
    return drafts


class _EventInProgress:
    """Readings collected for one event: by watch, and by the second in which they were received."""

    def __init__(self) -> None:
        self.groups: dict[tuple[str, int], tuple[int, list[Reading]]] = {}
        self.sequence_numbers: list[str] = []
        self.bytes = 0

    def has_room(self, message: Message, size: int) -> bool:
        return not self.groups or self.bytes + size + self._group_bytes(message) <= EVENT_READINGS_BYTES

    def add(self, message: Message, reading: Reading, size: int) -> None:
        self.bytes += size + self._group_bytes(message)
        _, readings = self.groups.setdefault(self._key(message), (message.received_at, []))
        readings.append(reading)
        if not self.sequence_numbers or self.sequence_numbers[-1] != message.sequence_number:
            self.sequence_numbers.append(message.sequence_number)

    def finish(self, index: int) -> Draft:
        first, last = self.sequence_numbers[0], self.sequence_numbers[-1]
        return Draft(
            event_id=derived_id(READINGS_ACCEPTED.detail_type, first, last, len(self.sequence_numbers), index),
            correlation_id=derived_id("batch", first),
            data=ReadingsAcceptedV1.model_construct(
                devices=[
                    DeviceReadings.model_construct(device_id=device_id, received_at=received_at, readings=readings)
                    for (device_id, _), (received_at, readings) in self.groups.items()
                ]
            ),
            sequence_numbers=frozenset(self.sequence_numbers),
        )

    def _group_bytes(self, message: Message) -> int:
        return 0 if self._key(message) in self.groups else _GROUP_OVERHEAD_BYTES + len(message.device_id)

    @staticmethod
    def _key(message: Message) -> tuple[str, int]:
        return message.device_id, message.received_at // RECEIVED_TOGETHER_MS
