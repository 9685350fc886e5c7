"""Which rows an event becomes, and what happens to events that can't be stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from persist.domain import Row, rows
from persist.handler import handler
from persist.ports import ReadingsTable, StorageError
from persist.service import Dependencies, store
from pydantic import ValidationError
from smartwatch_contracts.catalogue import READINGS_ACCEPTED

from tests.support.builders import LambdaContext, a_reading, readings_accepted

DAYS = timedelta(days=90)


class FakeTable(ReadingsTable):
    """Rows by key, as DynamoDB keeps them; refuses the watches it is told to."""

    def __init__(self, refuses: str = "") -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self._refuses = refuses

    def put(self, rows: Sequence[Row]) -> None:
        if any(row.device_id == self._refuses for row in rows):
            raise StorageError("no")
        self.rows.update({(row.device_id, row.sort_key): row for row in rows})


def _rows(event: dict[str, Any]) -> list[Row]:
    return rows(READINGS_ACCEPTED.parse(event["detail"]), DAYS)


def test_a_row_is_keyed_by_its_first_timestamp_its_event_and_its_place() -> None:
    row = _rows(readings_accepted(a_reading(5), a_reading(0)))[0]

    assert row.sort_key == "001700000000000#e1#0000"
    assert [reading.timestamp for reading in row.readings] == [1_700_000_000_000, 1_700_000_005_000]


def test_retention_counts_from_receipt() -> None:
    assert _rows(readings_accepted(a_reading(-86_400 * 365)))[0].expires_at == 1_700_000_000 + 90 * 86_400


def test_a_repeated_event_writes_the_same_rows_again() -> None:
    table = FakeTable()
    event = readings_accepted(a_reading(0), a_reading(1))

    store(event, Dependencies(table, DAYS))
    once = dict(table.rows)
    store(event, Dependencies(table, DAYS))

    assert table.rows == once


def test_a_partial_event_does_not_overwrite_a_fuller_one() -> None:
    table = FakeTable()

    store(readings_accepted(a_reading(0), a_reading(1), event_id="full"), Dependencies(table, DAYS))
    store(readings_accepted(a_reading(0), event_id="part"), Dependencies(table, DAYS))

    assert sorted(len(row.readings) for row in table.rows.values()) == [1, 2]


def test_an_event_that_breaks_the_contract_is_not_taken_for_stored() -> None:
    event = readings_accepted(a_reading(0))
    del event["detail"]["data"]["devices"][0]["deviceId"]

    with pytest.raises(ValidationError) as caught:
        store(event, Dependencies(FakeTable(), DAYS))

    assert "72" not in str(caught.value)


def test_only_the_events_that_failed_come_back() -> None:
    table = FakeTable(refuses="watch-002")
    events = [readings_accepted(a_reading(0), device_id=f"watch-00{n}", event_id=f"e{n}") for n in (1, 2, 3)]
    records = [
        {"messageId": f"m{n}", "body": json.dumps(event), "eventSource": "aws:sqs"} for n, event in enumerate(events, 1)
    ]

    answer = handler({"Records": records}, LambdaContext(), deps=Dependencies(table, DAYS))  # type: ignore[arg-type]

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    assert {key[0] for key in table.rows} == {"watch-001", "watch-003"}
