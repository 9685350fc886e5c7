"""How an envelope travels: `PutEvents` entries, in requests that EventBridge accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from smartwatch_contracts.envelope import Envelope

#: Most entries of one `PutEvents` request (EventBridge API reference, PutEvents).
PUT_EVENTS_MAX_ENTRIES = 10

#: EventBridge bills each started 64 KB of an event; a request may hold 1 MB in all (EventBridge quotas).
EVENT_BILLING_CHUNK_BYTES = 64 * 1024


def entry(envelope: Envelope[Any], bus_name: str) -> dict[str, Any]:
    """One `PutEvents` entry; the trace header goes along so that X-Ray joins both sides."""
    made = {
        "EventBusName": bus_name,
        "Source": envelope.source,
        "DetailType": envelope.type,
        "Time": envelope.occurred_at,
        "Detail": envelope.to_json(),
    }
    return {**made, "TraceHeader": envelope.trace} if envelope.trace else made


def requests(entries: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """`entries` in groups that one request may hold."""
    remaining = iter(entries)
    while group := list(islice(remaining, PUT_EVENTS_MAX_ENTRIES)):
        yield group
