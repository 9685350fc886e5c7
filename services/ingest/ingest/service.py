"""Ingest's one use case: publish what is good of a batch, quarantine what is not, name what must come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartwatch_contracts.catalogue import DEVICE_PRESENCE_CHANGED, READINGS_ACCEPTED
from smartwatch_contracts.events import DevicePresenceChangedV1, Reading
from smartwatch_contracts.ids import derived_id

from ingest import records
from ingest.domain import Message, Rejection, inspect, pack
from ingest.ports import Bus, Quarantine


@dataclass(frozen=True)
class Dependencies:
    """What the use case works with; `ingest.wiring` joins it to AWS."""

    bus: Bus
    quarantine: Quarantine
    clock: Callable[[], datetime]


@dataclass(frozen=True)
class Report:
    """What became of a batch. `failed` are the Kinesis sequence numbers that Lambda must deliver again."""

    readings: int
    events: int
    quarantined: int
    unknown_fields: int
    failed: frozenset[str]


def take(batch: Sequence[Mapping[str, Any]], deps: Dependencies, trace: str | None) -> Report:
    """Publish and quarantine one batch: what could be neither published nor quarantined is in `failed`."""
    accepted: list[tuple[Message, tuple[Reading, ...]]] = []
    rejections: list[Rejection] = []
    presences: list[tuple[Message, DevicePresenceChangedV1]] = []
    unknown_fields = 0
    for record in batch:
        message = records.read(record)
        if isinstance(message, Rejection):
            rejections.append(message)
            continue
        found = inspect(message)
        unknown_fields += found.unknown_fields
        if found.readings:
            accepted.append((message, found.readings))
        if found.presence is not None:
            presences.append((message, found.presence))
        if found.rejection is not None:
            rejections.append(found.rejection)

    drafts = {draft.event_id: draft for draft in pack(accepted)}
    now = deps.clock()
    envelopes = [
        READINGS_ACCEPTED.envelope(
            draft.data,
            event_id=draft.event_id,
            correlation_id=draft.correlation_id,
            occurred_at=now,
            trace=trace,
        )
        for draft in drafts.values()
    ]
    carried = {draft.event_id: draft.sequence_numbers for draft in drafts.values()}
    for message, presence in presences:
        event_id = derived_id(DEVICE_PRESENCE_CHANGED.detail_type, message.sequence_number)
        carried[event_id] = frozenset([message.sequence_number])
        envelopes.append(
            DEVICE_PRESENCE_CHANGED.envelope(
                presence, event_id=event_id, correlation_id=event_id, occurred_at=now, trace=trace
            )
        )
    unpublished = deps.bus.publish(envelopes) if envelopes else frozenset()
    unquarantined = deps.quarantine.put(rejections) if rejections else frozenset()
    failed = {number for event_id in unpublished for number in carried[event_id]} | unquarantined
    return Report(
        readings=sum(len(readings) for _, readings in accepted),
        events=len(envelopes) - len(unpublished),
        quarantined=len(rejections) - len(unquarantined),
        unknown_fields=unknown_fields,
        failed=frozenset(failed),
    )
