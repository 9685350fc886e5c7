"""Rehearsals by the `smartwatch` command: nobody answers, and somebody does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from simulator.cloud.deploy import deploy
from tests.support.clouds import running_cloud
from tests.support.command import Command

#: Long enough for an answer before the page on a machine that is busy, and not much longer.
POLICY = {"CareTeamSeconds": "6", "ReminderSeconds": "4", "OnCallSeconds": "2"}
CARD = [
    *("passed", "outcome", "notified", "reminded", "paged", "acknowledged"),
    *("hops", "deviceId", "alertId", "executionArn", "traceId"),
]


@pytest.fixture(scope="module")
def smartwatch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    home = tmp_path_factory.mktemp("drill")
    with running_cloud(home / "cloud") as cloud:
        deploy(cloud.settings, parameters=POLICY)
        yield Command(home)


@pytest.fixture(scope="module")
def drills(smartwatch: Command) -> dict[str, subprocess.CompletedProcess[str]]:
    """Two drills at once: each is about a watch of its own."""
    held = {
        "unanswered": smartwatch.start("drill", "--json"),
        "answered": smartwatch.start("drill", "--json", "--ack-after", "1", "--watch", "drill-answered"),
    }
    ended = {}
    try:
        for name, process in held.items():
            out, err = process.communicate(timeout=90)
            ended[name] = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    finally:
        for process in held.values():
            process.kill()
    return ended


def card(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.returncode == 0, ended.stderr
    graded = json.loads(ended.stdout)
    assert list(graded) == CARD
    return dict(graded)


def test_a_drill_that_nobody_answers_ends_exhausted_and_passes(
    drills: dict[str, subprocess.CompletedProcess[str]],
) -> None:
    graded = card(drills["unanswered"])

    assert (graded["passed"], graded["outcome"]) == (True, "Exhausted")
    assert [graded[what] for what in ("notified", "reminded", "paged", "acknowledged")] == [True, True, True, False]
    assert [(hop["name"], hop["budget_milliseconds"]) for hop in graded["hops"]] == [
        ("reading stored", 15_000),
        ("alert raised", 10_000),
        ("care team told", 8_000),
        ("care team reminded", 11_000),
        ("on-call paged", 9_000),
        ("exhausted", 7_000),
        ("ended Exhausted", None),
        ("trace holds every service", None),
        ("every message marked DRILL", None),
    ]
    assert graded["deviceId"].startswith("drill-")


def test_a_drill_that_somebody_answers_ends_acknowledged_and_passes(
    drills: dict[str, subprocess.CompletedProcess[str]],
) -> None:
    graded = card(drills["answered"])

    assert (graded["passed"], graded["outcome"]) == (True, "Acknowledged")
    assert [graded[what] for what in ("notified", "paged", "acknowledged")] == [True, False, True]
    assert [hop["name"] for hop in graded["hops"]][3:] == [
        "acknowledged",
        "nobody told after that",
        "nobody paged",
        "ended Acknowledged",
        "trace holds every service",
        "every message marked DRILL",
    ]
    assert graded["deviceId"] == "drill-answered"


def test_whatever_a_person_received_is_marked_and_the_episodes_are_over(
    smartwatch: Command, drills: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    people = [message for message in smartwatch.json("outbox")["messages"] if message["protocol"] != "topic"]

    assert people
    assert all("DRILL" in (message["subject"] or message["message"]) for message in people)
    assert [alert["alertId"] for alert in smartwatch.json("alerts", "--status", "open")["alerts"]] == []
