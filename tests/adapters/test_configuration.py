"""Rule sets and profiles that change in a running function; broken ones never come into force."""

from __future__ import annotations

import time
from typing import Any

import pytest
from evaluate import rule_files
from evaluate.configuration import DynamoDbConfiguration
from smartwatch_contracts.documents import PROFILES, RULE_SET_HISTORY, RULE_SETS

from tests.adapters.conftest import TableMaker

SIMPLE = rule_files.built_in_text("simple")


def simple(name: str = "default", version: str = "2", above: float = 150) -> str:
    text = SIMPLE.replace("name: simple", f"name: {name}").replace('version: "1"', f'version: "{version}"')
    return text.replace("above: 150", f"above: {above}")


class Shelf:
    """The table, as people fill it."""

    def __init__(self, client: Any, table: str) -> None:
        self.client, self.table = client, table
        self.now = 0.0
        self.configuration = DynamoDbConfiguration(client, table, refresh_seconds=30, monotonic=lambda: self.now)

    def put(self, kind: str, name: str, document: str | None, *, ahead_ms: int = 0) -> None:
        changed_at = int(time.time() * 1000) + ahead_ms
        item = {"kind": {"S": kind}, "name": {"S": name}, "changedAt": {"N": str(changed_at)}}
        if document is not None:
            item["document"] = {"S": document}
        self.client.put_item(TableName=self.table, Item=item)

    def later(self) -> DynamoDbConfiguration:
        self.now += 31
        self.configuration.refresh()
        return self.configuration

    def version(self, device_id: str = "watch-001") -> str:
        rules = self.later().rules_of(device_id).rule_set
        return f"{rules.name} {rules.version}"


@pytest.fixture
def shelf(dynamodb: Any, table: TableMaker) -> Shelf:
    return Shelf(dynamodb, table("AlarmConfiguration"))


def test_with_nothing_put_the_built_in_default_is_in_force(shelf: Shelf) -> None:
    assert shelf.version() == "default 1"


def test_a_rule_set_that_is_put_comes_into_force_once_the_cache_is_old(shelf: Shelf) -> None:
    shelf.configuration.refresh()
    shelf.put(RULE_SETS, "default", simple())
    shelf.now = 29
    shelf.configuration.refresh()

    assert shelf.configuration.rules_of("watch-001").rule_set.version == "1"
    assert shelf.version() == "default 2"


def test_a_cache_that_is_young_costs_no_request(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.configuration.refresh()
    monkeypatch.setattr(shelf.client, "get_paginator", lambda _name: pytest.fail("a request"))

    shelf.configuration.refresh()


@pytest.mark.parametrize("broken", ["rules: [", "name: default", simple().replace("150", "high"), simple("other")])
def test_a_broken_rule_set_leaves_the_last_good_one_in_force(shelf: Shelf, broken: str) -> None:
    shelf.put(RULE_SETS, "default", simple(version="2"))
    assert shelf.version() == "default 2"

    shelf.put(RULE_SETS, "default", broken)

    assert shelf.version() == "default 2"


def test_the_line_and_the_reason_of_a_broken_rule_set_are_logged(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.put(RULE_SETS, "default", simple().replace("above: 150", "above: high"))

    shelf.later()

    assert "rule set default is refused, the last good one stays in force: line 15: rules[0].bands[0].when.above" in (
        caplog.text
    )


def test_a_function_that_starts_with_a_broken_rule_set_takes_the_latest_good_one_of_the_history(shelf: Shelf) -> None:
    shelf.put(RULE_SET_HISTORY, "default#000001", simple(version="2"))
    shelf.put(RULE_SET_HISTORY, "default#000002", simple(version="3"))
    shelf.put(RULE_SET_HISTORY, "default#000003", "broken: [")
    shelf.put(RULE_SETS, "default", "broken: [")

    assert shelf.version() == "default 3"


def test_a_rule_set_that_is_removed_gives_way_to_the_built_in_one(shelf: Shelf) -> None:
    shelf.put(RULE_SETS, "default", simple())
    assert shelf.version() == "default 2"

    shelf.put(RULE_SETS, "default", None)

    assert shelf.version() == "default 1"


def test_a_profile_chooses_the_rule_set_and_the_limits_of_its_watch_alone(shelf: Shelf) -> None:
    shelf.put(PROFILES, "frail", "{deviceId: frail, ruleSet: simple, limits: {heart-rate-high: {critical: 111}}}")

    configuration = shelf.later()

    assert configuration.rules_of("frail").rule_set.name == "simple"
    assert configuration.rules_of("frail").quiet[1] == 111
    assert configuration.rules_of("strong").rule_set.name == "default"


def test_a_new_rule_set_changes_the_rules_of_watches_with_profiles_too(shelf: Shelf) -> None:
    shelf.put(PROFILES, "frail", "{deviceId: frail, age: 80}")
    assert shelf.version("frail") == "default 1"

    shelf.put(RULE_SETS, "default", simple())

    assert shelf.version("frail") == "default 2"


@pytest.mark.parametrize(
    "profile",
    [
        "{deviceId: frail, age: old}",
        "{deviceId: frail, ruleSet: nosuch}",
        "{deviceId: frail, limits: {nosuch: {critical: 1}}}",
        "{deviceId: other}",
        "[",
    ],
)
def test_a_profile_that_can_not_be_used_leaves_its_watch_with_the_default_rules(shelf: Shelf, profile: str) -> None:
    shelf.put(PROFILES, "frail", profile)

    assert shelf.version("frail") == "default 1"


def test_a_profile_that_is_removed_is_forgotten(shelf: Shelf) -> None:
    shelf.put(PROFILES, "frail", "{deviceId: frail, ruleSet: simple}")
    assert shelf.version("frail") == "simple 1"

    shelf.put(PROFILES, "frail", None)

    assert shelf.version("frail") == "default 1"


def test_a_writer_whose_clock_is_ahead_does_not_hide_those_who_come_after(shelf: Shelf) -> None:
    shelf.put(RULE_SETS, "simple", simple("simple"), ahead_ms=10**12)
    assert shelf.version() == "default 1"

    shelf.put(RULE_SETS, "default", simple())

    assert shelf.version() == "default 2"


@pytest.mark.parametrize("kind", [RULE_SETS, PROFILES])
def test_a_broken_document_does_not_hide_a_good_one_that_is_found_with_it(shelf: Shelf, kind: str) -> None:
    shelf.put(RULE_SETS, "default", simple())
    shelf.put(kind, "simple", "? [a, b]\n: 1\n")

    assert shelf.version() == "default 2"


def test_while_the_table_can_not_be_read_alarms_go_on_with_the_rules_that_are_known(shelf: Shelf) -> None:
    shelf.put(RULE_SETS, "default", simple())
    assert shelf.version() == "default 2"
    shelf.client.delete_table(TableName=shelf.table)

    assert shelf.version() == "default 2"
