"""What a policy would do, foretold: offsets in seconds from a known instant, on the clocks of Zurich."""

from __future__ import annotations

import json
from dataclasses import astuple
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from notify import policy_files
from smartwatch_contracts.roster import Override, Silence, Throttle
from typer.testing import CliRunner

from simulator.cli import app
from simulator.errors import UsageError
from simulator.escalation.preview import Line, preview
from tests.support.project import ROOT

DEFAULTS = ROOT / "services/notify/notify/defaults"

POLICY = policy_files.policy("""
name: night
team: care
severities:
  critical:
    steps:
      - {name: first, tell: [on-call], through: [sms, topic], waitSeconds: 600}
      - {name: second, tell: [on-call, care-team], waitSeconds: 600}
    acknowledgementExpirySeconds: 1800
  warning:
    steps:
      - {name: first, tell: [on-call], waitSeconds: 900, repeat: 1}
    quietHours: {from: "22:00", until: "07:00", timeZone: Europe/Zurich}
""")

ROSTER = policy_files.roster("""
name: default
people:
  anna:
    channels: [{type: topic, topic: on-call}, {type: sms, number: "+41790000001"}]
  ben:
    channels: [{type: sms, number: "+41790000002"}]
teams:
  care-team:
    channels: [{type: topic, topic: care-team}]
rotations:
  on-call:
    layers:
      # Anna from Monday, 5 January 2026, 08:00; then Ben.
      - {timeZone: Europe/Zurich, every: day, at: "08:00", starts: 2026-01-05, people: [anna, ben]}
fallback:
  channels: [{type: topic, topic: on-call}]
""")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def told(lines: list[Line]) -> list[tuple[Any, ...]]:
    """Offset, what, step, to, through."""
    return [astuple(line)[:5] for line in lines]


def test_the_built_in_policy_tells_the_team_twice_and_the_on_call_once() -> None:
    lines = preview(
        policy_files.built_in_policy(),
        policy_files.built_in_roster(),
        [],
        [],
        "critical",
        at("2026-03-02T12:00:00+00:00"),
    )

    assert lines == [
        Line(0, "told", "care-team", "care-team", "topic"),
        Line(300, "told", "care-team", "care-team", "topic"),
        Line(600, "told", "on-call", "on-call", "topic"),
        Line(1200, "exhausted", detail="everybody was told and nobody answered"),
    ]


def test_the_person_on_call_is_named_and_through_what_the_policy_prefers() -> None:
    lines = preview(POLICY, ROSTER, [], [], "critical", at("2026-01-05T12:00:00+01:00"))

    assert lines[:3] == [
        Line(0, "told", "first", "anna", "sms", "on call for on-call"),
        Line(600, "told", "second", "anna", "topic", "on call for on-call"),
        Line(600, "told", "second", "care-team", "topic"),
    ]


def test_a_hand_over_in_the_middle_is_followed() -> None:
    lines = preview(POLICY, ROSTER, [], [], "critical", at("2026-01-06T07:55:00+01:00"))

    assert told(lines)[:2] == [(0, "told", "first", "anna", "sms"), (600, "told", "second", "ben", "sms")]


def test_an_override_stands_in() -> None:
    override = Override.model_validate(
        {
            "name": "o",
            "rotation": "on-call",
            "person": "ben",
            "from": "2026-01-05T11:00:00Z",
            "until": "2026-01-05T11:05:00Z",
            "owner": "lead",
            "reason": "dentist",
        }
    )
    lines = preview(POLICY, ROSTER, [override], [], "critical", at("2026-01-05T12:00:00+01:00"))

    assert told(lines)[:2] == [(0, "told", "first", "ben", "sms"), (600, "told", "second", "anna", "topic")]


def test_where_nobody_is_on_call_the_fallback_is_told() -> None:
    lines = preview(POLICY, ROSTER, [], [], "critical", at("2026-01-01T12:00:00+01:00"))

    assert lines[:4] == [
        Line(0, "not-told", "first", "on-call", detail="nobody is on call"),
        Line(0, "told", "first", "fallback", "topic"),
        Line(600, "not-told", "second", "on-call", detail="nobody is on call"),
        Line(600, "told", "second", "care-team", "topic"),
    ]


def test_a_warning_at_night_waits_for_the_morning() -> None:
    lines = preview(POLICY, ROSTER, [], [], "warning", at("2026-01-05T23:00:00+01:00"))

    assert lines == [
        Line(0, "waiting", "quiet-hours", detail="quiet until 07:00 Europe/Zurich"),
        Line(28_800, "told", "first", "anna", "topic", "on call for on-call"),
        Line(29_700, "told", "first", "anna", "topic", "on call for on-call"),
        Line(30_600, "exhausted", detail="everybody was told and nobody answered"),
    ]


@pytest.mark.parametrize(
    ("begins", "hours"),
    # Zurich: 02:00 becomes 03:00 on 29 March 2026, 03:00 becomes 02:00 on 25 October.
    [("2026-03-28T23:00:00+01:00", 7), ("2026-10-24T23:00:00+02:00", 9)],
)
def test_in_the_night_in_which_the_clocks_change_quiet_hours_end_by_the_clocks(begins: str, hours: int) -> None:
    lines = preview(POLICY, ROSTER, [], [], "warning", at(begins))

    assert told(lines)[:2] == [(0, "waiting", "quiet-hours", "", ""), (hours * 3600, "told", *told(lines)[1][2:])]


def test_a_critical_alert_knows_no_quiet_hours() -> None:
    assert told(preview(POLICY, ROSTER, [], [], "critical", at("2026-01-05T23:00:00+01:00")))[0][:2] == (0, "told")


def test_a_reminder_that_would_fall_into_quiet_hours_waits_too() -> None:
    lines = preview(POLICY, ROSTER, [], [], "warning", at("2026-01-05T21:50:00+01:00"))

    assert [(line.offset_seconds, line.what) for line in lines] == [
        (0, "told"),
        (900, "waiting"),
        (33_000, "told"),
        (33_900, "exhausted"),
    ]


def test_a_silence_holds_a_critical_alert_until_it_ends() -> None:
    silence = Silence.model_validate(
        {
            "name": "bath",
            "watch": "watch-001",
            "from": "2026-01-05T10:00:00Z",
            "until": "2026-01-05T11:30:00Z",
            "owner": "nurse",
            "reason": "bath time",
        }
    )
    lines = preview(POLICY, ROSTER, [], [silence], "critical", at("2026-01-05T12:00:00+01:00"))

    assert lines[:2] == [
        Line(0, "waiting", "silence", detail="bath, by nurse: bath time"),
        Line(1800, "told", "first", "anna", "sms", "on call for on-call"),
    ]


def test_an_acknowledgement_that_expires_begins_again() -> None:
    lines = preview(POLICY, ROSTER, [], [], "critical", at("2026-01-05T12:00:00+01:00"), ack_after=100)

    assert [(line.offset_seconds, line.what, line.step) for line in lines] == [
        (0, "told", "first"),
        (100, "acknowledged", ""),
        (1900, "acknowledgement-expired", ""),
        (1900, "told", "first"),
        (2500, "told", "second"),
        (2500, "told", "second"),
        (3100, "exhausted", ""),
    ]


def test_an_acknowledgement_without_expiry_is_for_good() -> None:
    lines = preview(POLICY, ROSTER, [], [], "warning", at("2026-01-05T12:00:00+01:00"), ack_after=100)

    assert [(line.offset_seconds, line.what) for line in lines] == [(0, "told"), (100, "acknowledged")]


def test_an_acknowledgement_after_the_end_expires_too_and_the_auditor_begins_again() -> None:
    lines = preview(POLICY, ROSTER, [], [], "critical", at("2026-01-05T12:00:00+01:00"), ack_after=2000)

    found = [(line.offset_seconds, line.what) for line in lines]
    assert found[3:7] == [
        (1200, "exhausted"),
        (2000, "acknowledged"),
        (3920, "acknowledgement-expired"),
        (3920, "execution-ended"),
    ]
    assert found[-1] == (5120, "exhausted")


def test_too_many_messages_are_held_back() -> None:
    roster = ROSTER.model_copy(update={"throttle": Throttle(messages=1, per_seconds=3600)})
    lines = preview(POLICY, roster, [], [], "critical", at("2026-01-05T12:00:00+01:00"))

    assert lines[1] == Line(600, "held-back", "second", "anna", detail="more than 1 in 3600 s")


# ------------------------------------------------------------------------------------------------------- the command


def command(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["policy", "preview", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_with_files_alone_the_command_needs_no_stack() -> None:
    files = [str(DEFAULTS / "policy.yaml"), "--roster", str(DEFAULTS / "roster.yaml")]
    answer = json.loads(command(*files, "--severity", "critical", "--at", "2026-03-02T12:00Z", "--json"))

    assert (answer["policy"], answer["severity"], answer["at"]) == ("default", "critical", "2026-03-02T12:00:00+00:00")
    assert answer["lines"][2] == {
        "offsetSeconds": 600,
        "at": "2026-03-02T12:10:00+00:00",
        "what": "told",
        "step": "on-call",
        "to": "on-call",
        "through": "topic",
        "detail": "",
    }


def test_people_read_when_who_is_told_through_what() -> None:
    shown = command(
        str(DEFAULTS / "policy.yaml"), "--roster", str(DEFAULTS / "roster.yaml"), "--at", "2026-03-02T12:00:00+00:00"
    )

    assert "+0:05:00" in shown
    assert "(12:05:00 UTC)" in shown
    assert "care-team through topic" in shown
    assert "nothing is sent" in shown


@pytest.mark.parametrize("arguments", [("--severity", "mild"), ("--at", "yesterday"), ("--roster", "nosuch.yaml")])
def test_what_can_not_be_is_a_usage_error(arguments: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        command(str(DEFAULTS / "policy.yaml"), *arguments)
