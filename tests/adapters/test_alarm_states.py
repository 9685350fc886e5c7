"""The alarm-state table: what is saved comes back, a lost race is told, and only what is watched is in the index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from evaluate import rule_files
from evaluate.adapters import DynamoDbAlarmStates
from evaluate.compiled import compiled
from evaluate.domain import evaluate
from evaluate.episodes import DeviceState
from evaluate.ports import ConflictError

from tests.adapters.conftest import TableMaker
from tests.support.watches import every_second

DEFAULT = compiled(rule_files.built_in("default"))


@pytest.fixture
def states(dynamodb: Any, table: TableMaker) -> DynamoDbAlarmStates:
    return DynamoDbAlarmStates(dynamodb, table("AlarmStates"), refresh_seconds=5, retention_seconds=60)


def an_open_state() -> DeviceState:
    outcome = evaluate(DEFAULT, DeviceState("watch-001"), every_second([178] * 60, steps=0))
    assert outcome.state.watched
    return replace(outcome.state, unpublished=({"type": "AlertRaised"},))


def test_a_state_comes_back_as_it_was_saved(states: DynamoDbAlarmStates) -> None:
    saved = states.save(an_open_state())

    assert states.load("watch-001") == saved
    assert saved.version == 1


def test_a_watch_that_was_never_saved_has_a_new_state(states: DynamoDbAlarmStates) -> None:
    assert states.load("watch-009") == DeviceState("watch-009")


def test_of_two_saves_of_one_version_the_second_is_refused(states: DynamoDbAlarmStates) -> None:
    state = an_open_state()
    states.save(state)

    with pytest.raises(ConflictError):
        states.save(state)


def test_only_watches_with_something_pending_open_or_unpublished_are_watched(states: DynamoDbAlarmStates) -> None:
    saved = states.save(an_open_state())
    assert states.watched() == {"watch-001"}

    states.save(replace(saved, unpublished=(), head=None, announced=()))

    assert states.watched() == frozenset()


def test_five_minutes_of_readings_every_second_cost_few_write_units(states: DynamoDbAlarmStates, dynamodb: Any) -> None:
    outcome = evaluate(DEFAULT, DeviceState("watch-001"), every_second([150 + n % 9 for n in range(300)], steps=2))
    states.save(outcome.state)

    item = dynamodb.get_item(TableName="AlarmStates", Key={"deviceId": {"S": "watch-001"}})["Item"]
    assert len(item["state"]["B"]) < 4096
