"""Rehearsals by the `smartwatch` command: nobody answers, somebody does, nobody is told, and one is broken off."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from evaluate import rule_files

from simulator.alarm_configuration import AlarmConfiguration
from simulator.cloud.deploy import deploy
from tests.support.clouds import TestCloud, eventually, running_cloud
from tests.support.command import Command

#: Long enough for an answer before the page on a machine that is busy, and not much longer.
CARE_TEAM, ON_CALL = (f"name: {name}, tell: [{name}], waitSeconds: 4" for name in ("care-team", "on-call"))
COURSE = f"{{acknowledgementExpirySeconds: 60, steps: [{{{CARE_TEAM}, repeat: 1}}, {{{ON_CALL}}}]}}"
DEFAULT = f"{{name: default, team: care, severities: {{warning: {COURSE}, critical: {COURSE}}}}}"
#: Other steps, other names, and an acknowledgement is for good.
NIGHT = DEFAULT.replace("acknowledgementExpirySeconds: 60, ", "").replace("name: default", "name: night")
NIGHT = NIGHT.replace("name: care-team", "name: nurse").replace("name: on-call", "name: doctor")

CARD = [
    *("passed", "outcome", "at", "by", "scenario", "policy", "dryRun", "ackAfter"),
    *("notified", "paged", "acknowledged", "cleared", "times", "told"),
    *("hops", "deviceId", "alertId", "executionArn", "traceId"),
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    with running_cloud(tmp_path_factory.mktemp("drill") / "cloud") as running:
        yield running


@pytest.fixture(scope="module")
def configuration(cloud: TestCloud) -> AlarmConfiguration:
    made = AlarmConfiguration(cloud.client("dynamodb"), deploy(cloud.settings)["AlarmConfigurationTableName"])
    made.policies.put(DEFAULT, "test")
    # One limit and at once: what clears after half a minute is no test of a drill.
    made.put_rule_set(rule_files.built_in_text("simple").replace("name: simple", "name: default"), "test")
    return made


@pytest.fixture(scope="module")
def smartwatch(cloud: TestCloud, configuration: AlarmConfiguration) -> Command:
    command = Command(cloud.settings.home.parent)
    (command.home / "night.yaml").write_text(NIGHT)
    return command


@pytest.fixture(scope="module")
def drills(smartwatch: Command) -> dict[str, dict[str, Any]]:
    """What three commands said, held at once: each drill is about a watch of its own."""
    night = smartwatch.home / "night.yaml"
    held = {
        "unanswered": smartwatch.start("drill", "--json"),
        "answered": smartwatch.start(
            *("drill", "--json", "--ack-after", "1", "--watch", "drill-answered", "--policy", night)
        ),
        "dry": smartwatch.start("drill", "--json", "--dry-run", "--ack-after", "1", "--count", "2"),
    }
    ended = {}
    try:
        for name, process in held.items():
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, f"{name}: {err}"
            ended[name] = json.loads(out)
    finally:
        for process in held.values():
            process.kill()
    return ended


def _hops(card: dict[str, Any]) -> list[tuple[str, int | None]]:
    return [(hop["name"], hop["budget_milliseconds"]) for hop in card["hops"]]


def test_a_drill_that_nobody_answers_ends_exhausted_and_passes(drills: dict[str, dict[str, Any]]) -> None:
    card = drills["unanswered"]

    assert list(card) == CARD
    assert (card["passed"], card["outcome"]) == (True, "Exhausted")
    assert [card[what] for what in ("notified", "paged", "acknowledged", "cleared")] == [True, True, False, True]
    assert [hop for hop in _hops(card) if hop[0] not in {"time to page", "time to clear"}] == [
        ("reading stored", 15_000),
        ("alert raised", 10_000),
        ("time to notify", 8_000),
        ("care-team told", 8_000),
        ("care-team told again", 9_000),
        ("on-call told", 9_000),
        ("exhausted", 9_000),
        ("everyone told that it is over", None),
        ("ended Exhausted", None),
        ("trace holds every service", None),
        ("every message marked DRILL", None),
    ]
    assert card["policy"]["name"] == "default"
    assert 8_000 <= card["times"]["page"] <= 26_000
    assert card["deviceId"].startswith("drill-")
    assert not card["deviceId"].startswith("drill-dry-")


def test_a_drill_that_somebody_answers_ends_acknowledged_and_passes(drills: dict[str, dict[str, Any]]) -> None:
    card = drills["answered"]

    assert (card["passed"], card["outcome"]) == (True, "Acknowledged")
    assert [card[what] for what in ("notified", "paged", "acknowledged", "cleared")] == [True, False, True, True]
    assert [name for name, _ in _hops(card)] == [
        "reading stored",
        "alert raised",
        "planned by night",
        "time to notify",
        "time to acknowledge",
        "nobody told after that",
        "nobody paged",
        "time to clear",
        "everyone told that it is over",
        "ended Acknowledged",
        "trace holds every service",
        "every message marked DRILL",
    ]
    assert [(each["step"], each["to"]) for each in card["told"]] == [("nurse", "care-team")]
    assert (card["deviceId"], card["policy"]["name"]) == ("drill-answered", "night")


def test_a_policy_that_was_lent_for_a_drill_is_gone_after_it(
    configuration: AlarmConfiguration, drills: dict[str, dict[str, Any]]
) -> None:
    assert [put.name for put in configuration.policies.all()] == ["default"]
    assert configuration.profile("drill-answered") is None


def test_a_dry_run_tells_nobody_and_says_who_would_have_been_told(
    smartwatch: Command, drills: dict[str, dict[str, Any]]
) -> None:
    cards = drills["dry"]["drills"]

    assert (drills["dry"]["passed"], len({card["deviceId"] for card in cards})) == (True, 2)
    for card in cards:
        assert card["deviceId"].startswith("drill-dry-")
        assert [(each["step"], each["receipt"]) for each in card["told"]] == [("care-team", "dry run, not sent")]
        assert "nobody was sent anything" in [name for name, _ in _hops(card)]
    sent = json.dumps(smartwatch.json("outbox"))
    assert [card["deviceId"] for card in cards if card["alertId"] in sent or card["deviceId"] in sent] == []


def test_whatever_a_person_received_is_marked_and_the_episodes_are_over(
    smartwatch: Command, drills: dict[str, dict[str, Any]]
) -> None:
    people = [message for message in smartwatch.json("outbox")["messages"] if message["protocol"] != "topic"]

    assert people
    assert all("DRILL" in message["subject"] and "DRILL" in message["message"] for message in people)
    assert [alert["alertId"] for alert in smartwatch.json("alerts", "--status", "open")["alerts"]] == []


def test_every_card_is_kept_and_reported_apart_from_alerts(
    smartwatch: Command, drills: dict[str, dict[str, Any]]
) -> None:
    cards = [drills["unanswered"], drills["answered"], *drills["dry"]["drills"]]
    kept = {each["alertId"]: each for each in smartwatch.json("drills")["drills"]}

    for card in cards:
        assert {name: kept[card["alertId"]][name] for name in CARD} == card
    assert smartwatch.json("report")["alerts"] == 0
    assert smartwatch.json("report", "--drills")["alerts"] >= len(cards)
    listed = smartwatch("drills").stdout
    assert all(text in listed for text in ("tachycardia", "night", "dry run", "passed"))


def test_a_drill_that_is_broken_off_leaves_no_policy_no_profile_and_nobody_to_be_told(
    smartwatch: Command, configuration: AlarmConfiguration, drills: dict[str, dict[str, Any]]
) -> None:
    running = smartwatch.start("drill", "--json", "--watch", "drill-broken", "--policy", smartwatch.home / "night.yaml")
    try:
        (alert,) = eventually(lambda: _alerts(smartwatch, "drill-broken"), within=60, every=0.3)
        eventually(lambda: smartwatch.json("alert", alert["alertId"])["messages"], within=30, every=0.3)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()

    assert (running.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    assert [put.name for put in configuration.policies.all()] == ["default"]
    assert configuration.profile("drill-broken") is None
    story = smartwatch.json("alert", alert["alertId"])
    assert [each["by"].endswith("(drill broken off)") for each in story["acknowledgements"]] == [True]
    assert story["execution"]["state"] == "Acknowledged"


def _alerts(smartwatch: Command, device_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = smartwatch.json("alerts")["alerts"]
    return [alert for alert in found if alert["deviceId"] == device_id]


def test_drills_on_a_schedule_begin_one_after_the_other(smartwatch: Command, configuration: AlarmConfiguration) -> None:
    ended: subprocess.CompletedProcess[str] = smartwatch(
        *("drill", "--json", "--dry-run", "--ack-after", "0", "--every", "1", "--times", "2"), within=120
    )

    assert ended.returncode == 0, ended.stderr
    first, second = json.loads(ended.stdout)["drills"]
    assert first["at"] < second["at"]
    assert "round 2 of 2" in ended.stderr
