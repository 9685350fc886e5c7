"""Policies, rosters, overrides and silences: what is wrong is said with its line, and the built-in ones work."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notify import policy_files
from smartwatch_contracts.documents import DocumentError
from smartwatch_contracts.policies import Course

from simulator.cloud.deploy import function_zip
from tests.support.project import ROOT

ROSTER = """name: default
people:
  anna:
    channels:
      - {type: pagerduty, service: night}
      - {type: sms, number: "+41790000001"}
rotations:
  night:
    layers:
      - timeZone: Europe/Zurich
        every: week
        on: friday
        at: 22:00
        starts: 2026-01-02
        people: [anna]
        hours: {from: 22:00, until: 06:30}
fallback:
  channels:
    - {type: topic, topic: on-call}
"""


def steps(course: Course) -> list[tuple[str, list[str], int, int]]:
    return [(step.name, step.tell, step.wait_seconds, step.repeat) for step in course.steps]


def test_the_built_in_policy_tells_the_care_team_reminds_them_and_pages_the_on_call() -> None:
    policy = policy_files.built_in_policy()

    assert (policy.name, policy.team) == ("default", "care")
    assert steps(policy.course("critical")) == [
        ("care-team", ["care-team"], 300, 1),
        ("on-call", ["on-call"], 600, 0),
    ]
    assert steps(policy.course("warning")) == [
        ("care-team", ["care-team"], 900, 1),
        ("on-call", ["on-call"], 900, 0),
    ]
    assert policy.course("critical").acknowledgement_expiry_seconds == 1800
    assert policy.course("warning").acknowledgement_expiry_seconds is None
    assert policy.severities.warning.quiet_hours is None


def test_the_built_in_roster_knows_every_name_of_the_built_in_policy() -> None:
    roster, policy = policy_files.built_in_roster(), policy_files.built_in_policy()

    told = {name for each in policy.severities for step in each[1].steps for name in step.tell}

    assert told == set(roster.teams) == {"care-team", "on-call"}
    assert [channel.model_dump() for channel in roster.fallback.channels] == [{"type": "topic", "topic": "on-call"}]


def test_what_is_built_in_is_in_the_function_s_zip() -> None:
    names = zipfile.ZipFile(io.BytesIO(function_zip(ROOT / "services/notify"))).namelist()

    assert {"notify/defaults/policy.yaml", "notify/defaults/roster.yaml"} <= set(names)


def test_days_and_times_of_day_need_no_quotes() -> None:
    """In YAML 1.1 `on` would mean true and 22:00 would be 1320."""
    layer = policy_files.roster(ROSTER).rotations["night"].layers[0]

    assert (layer.on, layer.at, layer.starts.isoformat()) == ("friday", "22:00", "2026-01-02")
    assert layer.hours
    assert (layer.hours.from_, layer.hours.until) == ("22:00", "06:30")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("Europe/Zurich", "Europe/Zuerich"), "line 10: rotations.night.layers[0].timeZone: there is no time zone"),
        (("people: [anna]", "people: []"), "line 15: rotations.night.layers[0].people: List should have at least 1"),
        (("people: [anna]", "people: [ben]"), "rotation night names people who are not in the roster: ben"),
        (("on: friday", "on: Friday"), "line 12: rotations.night.layers[0].on: Input should be 'monday'"),
        (("at: 22:00", "at: 24:00"), "line 13: rotations.night.layers[0].at: String should match pattern"),
        (("2026-01-02", "2026-02-30"), "line 1: not YAML: "),
        (('"+41790000001"', '"0790000001"'), "line 6: people.anna.channels[1].sms.number: String should match"),
        (("type: sms", "type: fax"), "line 6: people.anna.channels[1]: Input tag 'fax'"),
        (("  night:", "  anna:"), "names that stand for two things: anna"),
    ],
)
def test_a_mistake_in_a_roster_is_said_with_its_line(change: tuple[str, str], said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        policy_files.roster(ROSTER.replace(*change, 1))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("waitSeconds: 300", "waitSeconds: 4000"), "waitSeconds: Input should be less than or equal to 3600"),
        (("tell: [on-call]", "tell: []"), "severities.critical.steps[1].tell: List should have at least 1 item"),
        (("name: on-call", "name: care-team"), "steps of the same name: care-team"),
        (("team: care", "taem: care"), "taem: Extra inputs are not permitted"),
        (("  critical:", "  quietHours: {}\n  critical:"), "severities.quietHours: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_in_a_policy_is_said_with_its_place(change: tuple[str, str], said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        policy_files.policy(policy_files.built_in_policy_text().replace(*change, 1))
    assert said in str(caught.value)


def test_quiet_hours_are_for_warnings_alone() -> None:
    quiet = "{from: 22:00, until: 07:00, timeZone: Europe/Zurich}"
    text = policy_files.built_in_policy_text()

    made = policy_files.policy(text.replace("  warning:\n", f"  warning:\n    quietHours: {quiet}\n"))

    assert made.severities.warning.quiet_hours
    assert made.severities.warning.quiet_hours.ends.isoformat() == "07:00:00"
    with pytest.raises(DocumentError, match=r"severities\.critical\.quietHours: Extra inputs are not permitted"):
        policy_files.policy(text.replace("  critical:\n", f"  critical:\n    quietHours: {quiet}\n"))


def test_an_override_and_a_silence_have_an_end_an_owner_and_a_reason() -> None:
    span = "from: 2026-01-05T08:00:00Z\nuntil: 2026-01-05T20:00:00+01:00\nowner: ward\nreason: swap\n"

    override = policy_files.override(f"name: swap\nrotation: night\nperson: anna\n{span}")
    silence = policy_files.silence(f"name: maintenance\nwatch: watch-001\n{span}")

    assert override.until.isoformat() == "2026-01-05T20:00:00+01:00"
    assert (silence.until - silence.from_).total_seconds() == 11 * 3600
    with pytest.raises(DocumentError, match="line 5: until: Input should have timezone info"):
        policy_files.override(
            f"name: swap\nrotation: night\nperson: anna\n{span}".replace("+01:00", "").replace("Z", "", 2)
        )
    with pytest.raises(DocumentError, match="a silence names a watch, a rule or a site"):
        policy_files.silence(f"name: maintenance\n{span}")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(ROSTER)), st.integers(0, 40), st.text(max_size=10))
def test_no_damage_to_a_good_roster_is_ever_more_than_a_document_error(at: int, cut: int, put: str) -> None:
    assert _is_good_or_refused(ROSTER[:at] + put + ROSTER[at + cut :])


def _is_good_or_refused(text: str) -> bool:
    try:
        policy_files.roster(text)
    except DocumentError as error:
        return str(error).startswith("line ")
    return True
