"""What people put is in force within a refresh; what can't be read or used never leaves anybody untold."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from notify import policy_files
from notify.configuration import DynamoDbConfiguration
from notify.ports import UnreadableError
from smartwatch_contracts.roster import Override, Silence

from simulator.alarm_configuration import AlarmConfiguration
from tests.adapters.conftest import TableMaker

NOW = datetime.now(UTC)
BUILT_IN = policy_files.built_in_policy()
#: The built-in documents, changed as people would.
POLICY = policy_files.built_in_policy_text().replace("team: care", "team: night-shift")
ROSTER = policy_files.built_in_roster_text().replace(
    "teams:", "people:\n  ada: {channels: [{type: sms, number: '+15550101'}]}\nteams:", 1
)


class Stack:
    """A stack's configuration table, what people put there, and the function that reads it; the clock is ours."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table
        self.broken: Exception | None = None
        self.reads = 0
        self.now = 0.0
        self.people = AlarmConfiguration(client, table)
        self.notify = DynamoDbConfiguration(self, table, refresh_seconds=30, monotonic=lambda: self.now)  # type: ignore[arg-type]

    def get_item(self, **request: Any) -> Any:
        self.reads += 1
        self._fail()
        return self._client.get_item(**request)

    def get_paginator(self, name: str) -> Any:
        self.reads += 1
        self._fail()
        return self._client.get_paginator(name)

    def put_anything(self, kind: str, name: str, **attributes: dict[str, str]) -> None:
        item = {"kind": {"S": kind}, "name": {"S": name}, **attributes}
        self._client.put_item(TableName=self._table, Item=item)

    def refresh(self) -> None:
        self.now += 30

    def _fail(self) -> None:
        if self.broken is not None:
            raise self.broken


@pytest.fixture
def stack(dynamodb: Any, table: TableMaker) -> Stack:
    return Stack(dynamodb, table("AlarmConfiguration"))


UNREADABLE = ClientError({"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow"}}, "GetItem")


def an_override(name: str, person: str = "ada") -> Override:
    until = NOW + timedelta(hours=1)
    return Override(name=name, rotation="night", person=person, from_=NOW, until=until, owner="ward", reason="swap")


def a_silence(name: str) -> Silence:
    until = NOW + timedelta(hours=1)
    return Silence(name=name, watch="watch-002", from_=NOW, until=until, owner="ward", reason="bath")


def test_with_nothing_put_the_built_in_documents_are_in_force(stack: Stack) -> None:
    assert stack.notify.policy("watch-002") == BUILT_IN
    assert stack.notify.roster() == policy_files.built_in_roster()
    assert (stack.notify.overrides(), stack.notify.silences()) == ([], [])
    assert stack.notify.site("watch-002") is None


def test_what_is_put_is_in_force_after_a_refresh_and_no_sooner(stack: Stack) -> None:
    assert stack.notify.policy("watch-002").team == "care"
    stack.people.policies.put(POLICY, "anna")
    stack.people.rosters.put(ROSTER, "anna")
    stack.now = 29.9
    assert stack.notify.policy("watch-002").team == "care"
    stack.now = 30

    assert stack.notify.policy("watch-002").team == "night-shift"
    assert list(stack.notify.roster().people) == ["ada"]


def test_a_document_is_read_once_in_a_refresh(stack: Stack) -> None:
    for _ in range(3):
        stack.notify.roster()
        stack.notify.silences()

    assert stack.reads == 2


@pytest.mark.parametrize("text", ["team: [", "name: default", "", "[]"])
def test_a_document_that_can_not_be_used_leaves_the_last_good_one_in_force_and_is_logged(
    stack: Stack, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    stack.people.policies.put(POLICY, "anna")
    stack.people.rosters.put(ROSTER, "anna")
    stack.notify.policy("watch-002"), stack.notify.roster()
    stack.put_anything("policy", "default", document={"S": text})
    stack.put_anything("roster", "default", document={"S": text})
    stack.refresh()

    assert stack.notify.policy("watch-002").team == "night-shift"
    assert list(stack.notify.roster().people) == ["ada"]
    assert [record.message.split(":")[0] for record in caplog.records if record.levelno == logging.ERROR] == [
        "policy default is refused",
        "roster default is refused",
    ]


def test_a_document_that_can_not_be_used_and_was_never_good_leaves_the_built_in_one(stack: Stack) -> None:
    stack.put_anything("policy", "default", document={"S": "team: ["})
    stack.put_anything("roster", "default", document={"N": "1"})

    assert stack.notify.policy("watch-002") == BUILT_IN
    assert stack.notify.roster() == policy_files.built_in_roster()


def test_a_table_that_can_not_be_read_leaves_what_is_known_in_force(stack: Stack) -> None:
    stack.people.policies.put(POLICY, "anna")
    stack.people.silences.put(a_silence("bath"), "ward")
    stack.people.put_profile("{deviceId: watch-002, site: north}", "anna")
    stack.notify.policy("watch-002"), stack.notify.silences()
    stack.broken = UNREADABLE
    stack.refresh()

    assert stack.notify.policy("watch-002").team == "night-shift"
    assert [silence.name for silence in stack.notify.silences()] == ["bath"]
    assert stack.notify.site("watch-002") == "north"
    assert stack.notify.overrides() == []


def test_what_was_never_read_is_an_error_for_the_built_in_one_may_be_the_wrong_one(stack: Stack) -> None:
    stack.broken = UNREADABLE

    with pytest.raises(UnreadableError):
        stack.notify.roster()
    with pytest.raises(UnreadableError):
        stack.notify.policy("watch-002")


def test_a_table_that_can_not_be_read_is_not_asked_for_each_message(stack: Stack) -> None:
    stack.notify.roster()
    stack.broken = UNREADABLE
    stack.refresh()
    reads = stack.reads
    for _ in range(3):
        stack.notify.roster()

    assert stack.reads == reads + 1


def test_a_document_that_is_removed_is_no_longer_in_force(stack: Stack) -> None:
    stack.people.policies.put(POLICY, "anna")
    stack.notify.policy("watch-002")
    stack.people.policies.remove("default", "anna")
    stack.refresh()

    assert stack.notify.policy("watch-002") == BUILT_IN


def test_overrides_come_in_the_order_in_which_they_were_put(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(int(NOW.timestamp()), int(NOW.timestamp()) + 10))
    monkeypatch.setattr("time.time", lambda: next(clock))
    stack.people.rosters.put(
        ROSTER + "rotations:\n  night: {layers: [{timeZone: UTC, starts: 2023-11-14, people: [ada]}]}\n", "anna"
    )
    for name in ("zoe", "anna", "mia"):
        stack.people.overrides.put(an_override(name), "ward")

    assert [override.name for override in stack.notify.overrides()] == ["zoe", "anna", "mia"]


@pytest.mark.parametrize("kind", ["override", "silence"])
def test_one_that_can_not_be_used_hides_no_other(stack: Stack, kind: str) -> None:
    good = (an_override if kind == "override" else a_silence)("good")
    document = {"S": good.model_dump_json(by_alias=True)}
    stack.put_anything(kind, "good", document=document, changedAt={"N": "2"})
    stack.put_anything(kind, "broken", document={"S": "name: ["}, changedAt={"N": "1"})
    stack.put_anything(kind, "empty", changedAt={"N": "3"})
    stack.put_anything(kind, "by-hand", document={"S": document["S"].replace('"good"', '"by-hand"')})
    found = stack.notify.overrides() if kind == "override" else stack.notify.silences()

    assert [each.name for each in found] == ["by-hand", "good"]


def test_a_profile_names_the_policy_and_the_site_of_its_watch(stack: Stack) -> None:
    stack.people.policies.put(POLICY.replace("name: default", "name: frail"), "anna")
    stack.people.put_profile("{deviceId: watch-002, policy: frail, site: north}", "anna")

    assert stack.notify.policy("watch-002").name == "frail"
    assert stack.notify.site("watch-002") == "north"
    assert stack.notify.policy("watch-003").name == "default"


def test_a_policy_that_a_profile_names_and_there_is_not_makes_way_for_the_default(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    stack.people.policies.put(POLICY, "anna")
    stack.people.put_profile("{deviceId: watch-002, policy: gone}", "anna")

    assert stack.notify.policy("watch-002").team == "night-shift"
    assert "a profile names the policy gone, which there is not; default is in force" in caplog.text
