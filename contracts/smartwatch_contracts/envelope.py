"""The one envelope of every event on the bus: EventBridge's `detail`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import Field

from smartwatch_contracts.model import Contract

DataT = TypeVar("DataT", bound=Contract)


class Envelope(Contract, Generic[DataT]):
    """`data`, with where it came from.

    `id` is the same whenever the same fact is published again. `correlation_id` is shared by everything that one batch
    of readings led to; `causation_id` is the id of the event that led to this one. `trace` is the X-Ray header of the
    producer, for hops that drop it.
    """

    id: str
    source: str
    type: str
    version: Annotated[int, Field(ge=1)]
    correlation_id: str
    causation_id: str | None = None
    occurred_at: datetime
    trace: str | None = None
    data: DataT
