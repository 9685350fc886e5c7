"""What people put into a stack's configuration table: in force under its name, with every version, until it ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from evaluate import rule_files
from notify import policy_files
from smartwatch_contracts.documents import DocumentError
from smartwatch_contracts.roster import Override, Silence

from simulator.alarm_configuration import AlarmConfiguration, Put, Versioned, written
from tests.adapters.conftest import TableMaker

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
POLICY, ROSTER = policy_files.built_in_policy_text(), policy_files.built_in_roster_text()


@pytest.fixture
def configuration(dynamodb: Any, table: TableMaker, monkeypatch: pytest.MonkeyPatch) -> AlarmConfiguration:
    clock = iter(range(1, 100))
    monkeypatch.setattr(time, "time", lambda: next(clock))
    return AlarmConfiguration(dynamodb, table("AlarmConfiguration"))


def versioned(configuration: AlarmConfiguration, kind: str) -> tuple[Versioned[Any], str]:
    return {"policy": (configuration.policies, POLICY), "roster": (configuration.rosters, ROSTER)}[kind]


def override(name: str, hours: int = 0) -> Override:
    return Override(
        name=name,
        rotation="night",
        person="anna",
        from_=NOW + timedelta(hours=hours),
        until=NOW + timedelta(hours=hours + 1),
        owner="ward",
        reason="swap",
    )


kinds = pytest.mark.parametrize("kind", ["policy", "roster"])


@kinds
def test_with_nothing_put_the_built_in_one_is_in_force(configuration: AlarmConfiguration, kind: str) -> None:
    documents, text = versioned(configuration, kind)

    assert documents.all() == [Put("default", text, 0, "built in")]
    assert documents.get("default") == Put("default", text, 0, "built in")
    assert documents.get("other") is None
    assert documents.history("default") == []


@kinds
def test_what_is_put_is_in_force_and_every_version_stays_in_the_history(
    configuration: AlarmConfiguration, kind: str
) -> None:
    documents, text = versioned(configuration, kind)
    documents.put(f"{text}# first\n", "anna")
    documents.put(f"{text}# second\n", "ben")

    assert documents.all() == [Put("default", f"{text}# second\n", 2000, "ben")]
    assert documents.history("default") == [
        Put("default", f"{text}# second\n", 2000, "ben"),
        Put("default", f"{text}# first\n", 1000, "anna"),
    ]


@kinds
def test_what_is_removed_gives_way_to_the_built_in_one_and_stays_in_the_history(
    configuration: AlarmConfiguration, kind: str
) -> None:
    documents, text = versioned(configuration, kind)
    documents.put(f"{text}# first\n", "anna")
    documents.remove("default", "anna")

    assert documents.all() == [Put("default", text, 0, "built in")]
    assert [version.text for version in documents.history("default")] == [f"{text}# first\n"]


@kinds
def test_a_broken_document_is_refused_with_its_line_and_nothing_is_put(
    configuration: AlarmConfiguration, kind: str
) -> None:
    documents, text = versioned(configuration, kind)

    with pytest.raises(DocumentError, match=r"^line \d+: taem: Extra inputs are not permitted"):
        documents.put(f"taem: x\n{text}", "anna")

    assert documents.history("default") == []


def test_the_history_of_one_name_is_not_that_of_a_name_that_begins_with_it(configuration: AlarmConfiguration) -> None:
    for name in ("night", "night-shift"):
        configuration.policies.put(POLICY.replace("name: default", f"name: {name}"), "anna")

    assert [document.name for document in configuration.policies.all()] == ["default", "night", "night-shift"]
    assert len(configuration.policies.history("night")) == 1


def test_rule_sets_have_a_history_of_their_own(configuration: AlarmConfiguration, dynamodb: Any) -> None:
    simple = rule_files.built_in_text("simple")
    configuration.put_rule_set(simple, "anna")
    configuration.policies.put(POLICY, "anna")

    items = dynamodb.scan(TableName="AlarmConfiguration")["Items"]

    assert sorted((item["kind"]["S"], item["name"]["S"]) for item in items) == [
        ("policy", "default"),
        ("policy-history", "default#000000000002000"),
        ("rule-set", "simple"),
        ("rule-set-history", "simple#000000000001000"),
    ]


def test_a_roster_of_another_name_would_never_be_in_force_and_is_refused(configuration: AlarmConfiguration) -> None:
    text = "# a roster\n" + "\n".join(line for line in ROSTER.splitlines() if not line.startswith("#"))

    with pytest.raises(DocumentError, match="line 2: name: the roster in force is named default"):
        configuration.rosters.put(text.replace("name: default", "name: mine"), "anna")


def test_overrides_and_silences_are_later_in_force_and_expired_by_their_own_times(
    configuration: AlarmConfiguration,
) -> None:
    for name, hours in (("tomorrow", 24), ("now", 0), ("yesterday", -24)):
        configuration.overrides.put(override(name, hours), "anna")

    assert [(each.document.name, each.state(NOW), each.changed_at) for each in configuration.overrides.all()] == [
        ("tomorrow", "later", 1000),
        ("now", "in force", 2000),
        ("yesterday", "expired", 3000),
    ]
    now = configuration.overrides.get("now")
    assert now
    assert now.document == override("now")
    assert (now.state(NOW + timedelta(minutes=59)), now.state(NOW + timedelta(hours=1))) == ("in force", "expired")


def test_the_latest_put_is_last_also_when_it_is_put_again(configuration: AlarmConfiguration) -> None:
    for name in ("a", "b", "a"):
        configuration.overrides.put(override(name), "anna")

    assert [each.document.name for each in configuration.overrides.all()] == ["b", "a"]


def test_what_is_ended_early_is_gone_but_for_a_mark_that_it_was_there(
    configuration: AlarmConfiguration, dynamodb: Any
) -> None:
    silence = Silence(
        name="quiet", watch="watch-001", from_=NOW, until=NOW + timedelta(hours=1), owner="ward", reason="bath"
    )
    configuration.silences.put(silence, "anna")
    assert [each.document for each in configuration.silences.all()] == [silence]

    configuration.silences.end("quiet", "ben")

    assert configuration.silences.all() == []
    assert configuration.silences.get("quiet") is None
    assert dynamodb.scan(TableName="AlarmConfiguration")["Items"] == [written("silence", "quiet", None, 2000, "ben")]


def test_an_override_that_can_not_be_used_is_left_out(configuration: AlarmConfiguration, dynamodb: Any) -> None:
    dynamodb.put_item(TableName="AlarmConfiguration", Item=written("override", "broken", "[", 1, "x"))

    assert configuration.overrides.all() == []


def test_drills_are_kept_one_by_one_and_come_back_in_the_order_in_which_they_were_held(
    configuration: AlarmConfiguration,
) -> None:
    cards = [
        {"at": f"2023-11-14T22:1{minute}:20.000+00:00", "deviceId": device_id, "passed": minute > 3}
        for minute, device_id in ((3, "drill-b"), (4, "drill-a"), (4, "drill-b"))
    ]

    for card in reversed(cards):
        configuration.keep_drill(card, "ada")

    assert configuration.drills() == cards
