"""Which rows hold which readings. Events in, rows out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import Reading, ReadingsAcceptedV1


@dataclass(frozen=True)
class Row:
    """The readings of one watch in one event.

    `sort_key` is made of the first timestamp, the event's id and the group's place in the event: the same event always
    writes the same row again, and a later, partial batch can never overwrite a fuller one. Readers drop readings that
    two rows share. `expires_at` is in seconds since 1970, counted from receipt.
    """

    device_id: str
    sort_key: str
    event_id: str
    received_at: int
    expires_at: int
    readings: tuple[Reading, ...]


def rows(envelope: Envelope[ReadingsAcceptedV1], retention: timedelta) -> list[Row]:
    """The rows of one event, readings in event time."""
    made = []
    for index, device in enumerate(envelope.data.devices):
        readings = tuple(sorted(device.readings, key=lambda reading: reading.timestamp))
        made.append(
            Row(
                device_id=device.device_id,
                sort_key=f"{readings[0].timestamp:015d}#{envelope.id}#{index:04d}",
                event_id=envelope.id,
                received_at=device.received_at,
                expires_at=device.received_at // 1000 + int(retention.total_seconds()),
                readings=readings,
            )
        )
    return made


def attributes(reading: Reading) -> dict[str, Any]:
    """A reading as it is stored: its fields under their contract names, absent ones left out."""
    return reading.model_dump(by_alias=True, exclude_none=True)
