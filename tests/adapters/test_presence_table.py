"""The presence table: what instances hand over is merged once, and the roster survives races."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from evaluate.ports import ConflictError, PresenceError, RosterPart
from evaluate.presence import Attendance, Heard
from evaluate.presence_table import PARTS, DynamoDbPresence

from tests.adapters.conftest import TableMaker


@pytest.fixture
def presence(dynamodb: Any, table: TableMaker) -> DynamoDbPresence:
    return DynamoDbPresence(dynamodb, table("WatchPresence"))


def test_what_two_instances_heard_of_a_watch_is_merged(presence: DynamoDbPresence) -> None:
    presence.hand_over({"a": Heard(1000), "b": Heard(500, "online", 400)})
    presence.hand_over({"a": Heard(3000), "b": Heard(0, "lost", 900)})

    heard, receipts = presence.collect()

    assert heard == {"a": Heard(3000), "b": Heard(500, "lost", 900)}
    assert len(receipts) == 2


def test_what_is_discarded_is_not_collected_again(presence: DynamoDbPresence) -> None:
    presence.hand_over({"a": Heard(1000)})
    _, receipts = presence.collect()
    presence.hand_over({"b": Heard(2000)})

    presence.discard(receipts)

    assert presence.collect()[0] == {"b": Heard(2000)}


def test_a_roster_comes_back_part_by_part(presence: DynamoDbPresence) -> None:
    index = presence.part_of("a")
    roster = {"a": Attendance(Heard(1000, "online", 900), "alert", 1000), "b": Attendance(Heard(1))}
    presence.save(RosterPart(index, roster, ({"type": "T"},)))

    parts = list(presence.parts())

    assert len(parts) == PARTS
    assert parts[index] == RosterPart(index, roster, ({"type": "T"},), 1)


def test_of_two_saves_of_one_version_the_second_is_refused(presence: DynamoDbPresence) -> None:
    saved = presence.save(RosterPart(3, {}))
    presence.save(replace(saved, roster={"a": Attendance(Heard(1))}))

    with pytest.raises(ConflictError):
        presence.save(saved)


def test_a_table_that_can_not_be_written_is_told_in_our_own_words(dynamodb: Any) -> None:
    with pytest.raises(PresenceError):
        DynamoDbPresence(dynamodb, "nosuch").hand_over({"a": Heard(1)})


def test_twenty_thousand_watches_fit_into_one_item(presence: DynamoDbPresence, dynamodb: Any) -> None:
    presence.hand_over({f"watch-{n:06d}": Heard(1_700_000_000_000 + n * 7) for n in range(20_000)})

    (item,) = dynamodb.scan(TableName="WatchPresence")["Items"]
    assert len(item["body"]["B"]) < 400_000 / 2
