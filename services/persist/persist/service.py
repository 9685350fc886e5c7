"""Persist's one use case: store the readings of one event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from smartwatch_contracts.catalogue import READINGS_ACCEPTED

from persist.domain import rows
from persist.ports import ReadingsTable


@dataclass(frozen=True)
class Dependencies:
    """What the use case works with; `persist.wiring` joins it to AWS."""

    table: ReadingsTable
    retention: timedelta


def store(event: Mapping[str, Any], deps: Dependencies) -> int:
    """Store one bus event; the number of readings.

    Errors: pydantic's `ValidationError` for an event that breaks the contract; `StorageError`. Both send the event back
    to its queue, and in the end to the dead-letter queue.
    """
    made = rows(READINGS_ACCEPTED.parse(event["detail"]), deps.retention)
    deps.table.put(made)
    return sum(len(row.readings) for row in made)
