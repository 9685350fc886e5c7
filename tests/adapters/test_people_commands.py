"""The commands about policies, the roster, overrides and silences: one JSON object, or one line why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from notify import policy_files
from typer.testing import CliRunner

from simulator import moments, policies
from simulator.alarm_configuration import AlarmConfiguration
from simulator.cli import app
from simulator.console import Target
from simulator.errors import UsageError
from tests.adapters.conftest import TableMaker
from tests.support.project import template

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEFAULT_POLICY = policy_files.built_in_policy_text()
ROSTER = """name: default
people:
  anna: {channels: [{type: sms, number: "+41790000001"}]}
  ben: {channels: [{type: pagerduty, service: night}]}
teams:
  care-team: {channels: [{type: topic, topic: care-team}]}
  on-call: {channels: [{type: topic, topic: on-call}]}
rotations:
  night:
    layers:
      - {timeZone: Europe/Zurich, on: friday, at: 22:00, starts: 2026-01-02, people: [anna, ben]}
  day:
    layers:
      - {timeZone: Europe/Zurich, every: day, at: 08:00, starts: 2026-03-09, people: [ben]}
fallback: {channels: [{type: topic, topic: on-call}]}
"""


class FakeCloudFormation:
    """What a stack was deployed with, as `DescribeStacks` says it."""

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        parameter = {"ParameterKey": "LedgerRetentionDays", "ParameterValue": "366"}
        return {"Stacks": [{"Parameters": [parameter]}]}


class FakeStack:
    """A stack with its table and its topics on moto."""

    name = "smartwatch"

    def __init__(self, dynamodb: Any, table: str) -> None:
        self.configuration = AlarmConfiguration(dynamodb, table)
        sns = boto3.client("sns", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        self._clients: dict[str, Any] = {"sns": sns, "cloudformation": FakeCloudFormation()}
        arns = {name: sns.create_topic(Name=name)["TopicArn"] for name in ("care-team", "on-call")}
        self.outputs = {"CareTeamTopicArn": arns["care-team"], "OnCallTopicArn": arns["on-call"]}

    def client(self, name: str) -> Any:
        return self._clients[name]

    def subscribe(self, output: str, protocol: str, to: str) -> None:
        self.client("sns").subscribe(TopicArn=self.outputs[output], Protocol=protocol, Endpoint=to)


@pytest.fixture
def stack(dynamodb: Any, table: TableMaker, monkeypatch: pytest.MonkeyPatch) -> FakeStack:
    made = FakeStack(dynamodb, table("AlarmConfiguration"))
    monkeypatch.setattr(Target, "existing", lambda *_: made)
    monkeypatch.setattr(moments, "now", lambda: NOW)
    return made


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "roster.yaml").write_text(ROSTER)
    (tmp_path / "policy.yaml").write_text(DEFAULT_POLICY)
    (tmp_path / "typo.yaml").write_text(DEFAULT_POLICY.replace("tell: [on-call]", "tell: [oncall]", 1))
    return tmp_path


@pytest.fixture
def rostered(stack: FakeStack) -> FakeStack:
    stack.configuration.rosters.put(ROSTER, "t")
    return stack


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def refusal(*arguments: object) -> str:
    with pytest.raises(UsageError) as caught:
        CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------------ policies


def test_a_policy_and_a_roster_in_files_are_checked_without_a_stack(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "existing", lambda *_: pytest.fail("a stack"))

    good, bad = files / "policy.yaml", files / "typo.yaml"

    assert run("policy", "check", good, "--roster", files / "roster.yaml") == {
        "policy": str(good),
        "errors": 0,
        "findings": [],
    }
    assert run("policy", "check", bad, "--roster", files / "roster.yaml", code=1) == {
        "policy": str(bad),
        "errors": 1,
        "findings": [{"severity": "error", "where": "critical, step on-call", "text": "oncall is not in the roster"}],
    }


def test_what_is_found_is_shown_in_a_line_each(files: Path) -> None:
    command = ["policy", "check", str(files / "typo.yaml"), "--roster", str(files / "roster.yaml")]

    result = CliRunner().invoke(app, command)

    assert (result.exit_code, result.stdout) == (
        1,
        "error: critical, step on-call: oncall is not in the roster\n",
    )


def test_a_document_that_can_not_be_read_is_named_with_its_line(files: Path) -> None:
    (files / "broken.yaml").write_text(DEFAULT_POLICY.replace("team: care", "taem: care"))
    roster = files / "roster.yaml"

    said = refusal("policy", "check", files / "broken.yaml", "--roster", roster)

    assert said.startswith(f"{files / 'broken.yaml'} can't be used:\n  line ")
    assert "taem: Extra inputs are not permitted" in said
    assert refusal("policy", "check", files / "nosuch.yaml", "--roster", roster) == (
        f"{files / 'nosuch.yaml'}: No such file or directory"
    )


def test_a_topic_that_nobody_hears_is_a_warning_until_a_subscription_is_confirmed(stack: FakeStack) -> None:
    def warned() -> list[str]:
        found = run("policy", "check")["findings"]
        assert {each["text"] for each in found} <= {"has no confirmed subscription: what is sent to it reaches nobody"}
        return [f"{each['severity']}, {each['where']}" for each in found]

    assert warned() == ["warning, topic care-team", "warning, topic on-call"]
    stack.subscribe("OnCallTopicArn", "sms", "+15550100")
    assert warned() == ["warning, topic care-team"]
    stack.subscribe("CareTeamTopicArn", "sms", "+15550101")
    assert warned() == []


def test_a_subscription_that_waits_to_be_confirmed_is_none(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pending:
        def get_paginator(self, _name: str) -> Pending:
            return self

        def paginate(self, **_: str) -> list[dict[str, Any]]:
            return [{"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}]

    monkeypatch.setitem(stack._clients, "sns", Pending())

    assert [each["where"] for each in run("policy", "check")["findings"]] == ["topic care-team", "topic on-call"]


def test_an_alert_is_remembered_for_as_long_as_the_stack_was_deployed_with(rostered: FakeStack, files: Path) -> None:
    long = DEFAULT_POLICY.replace("acknowledgementExpirySeconds: 1800", f"acknowledgementExpirySeconds: {366 * 86400}")
    (files / "long.yaml").write_text(long)

    found = run("policy", "check", files / "long.yaml", code=1)["findings"]

    assert found[0]["text"] == "takes up to 366 d 20 min, and an alert is remembered for 366 d"
    assert run("policy", "check", files / "long.yaml", "--roster", files / "roster.yaml")["errors"] == 0


def test_a_policy_is_put_shown_listed_and_removed(rostered: FakeStack, files: Path) -> None:
    text = DEFAULT_POLICY.replace("name: default", "name: frail")
    (files / "frail.yaml").write_text(text)
    version = policy_files.policy(text).version

    assert run("policy", "put", files / "frail.yaml")["version"] == version
    assert [(each["name"], each["version"]) for each in run("policy", "list")["policies"]] == [
        ("default", policy_files.built_in_policy().version),
        ("frail", version),
    ]
    assert run("policy", "show", "frail")["document"] == text
    assert [each["document"] for each in run("policy", "history", "frail")["versions"]] == [text]
    assert run("policy", "remove", "frail") == {"name": "frail"}
    assert refusal("policy", "show", "frail") == "there is no policy 'frail'"
    assert refusal("policy", "remove", "frail") == "there is no policy 'frail'"
    assert len(run("policy", "history", "frail")["versions"]) == 1
    assert refusal("policy", "history", "nosuch") == "nothing was ever put under the name 'nosuch'"


def test_a_policy_with_an_error_is_not_put(rostered: FakeStack, files: Path) -> None:
    assert refusal("policy", "put", files / "typo.yaml") == (
        f"{files / 'typo.yaml'} is not put:\n  error: critical, step on-call: oncall is not in the roster"
    )
    assert run("policy", "list")["policies"][0]["since"] == "built in"


# ------------------------------------------------------------------------------------------------------------- on-call


def test_a_roster_is_put_with_what_the_policies_in_force_now_lack(stack: FakeStack, files: Path) -> None:
    for output in ("CareTeamTopicArn", "OnCallTopicArn"):
        stack.subscribe(output, "sms", "+15550100")
    assert run("on-call", "roster", "put", files / "roster.yaml") == {"name": "default", "findings": []}
    (files / "less.yaml").write_text(ROSTER.replace("  on-call: {channels", "  deputies: {channels"))

    found = run("on-call", "roster", "put", files / "less.yaml")["findings"]

    assert [f"{each['where']}: {each['text']}" for each in found] == [
        "policy default, critical, step on-call: on-call is not in the roster",
        "policy default, warning, step on-call: on-call is not in the roster",
    ]
    assert "deputies" in run("on-call", "roster", "show")["document"]
    assert [("deputies" in each["document"]) for each in run("on-call", "roster", "history")["versions"]] == [
        True,
        False,
    ]
    run("on-call", "roster", "remove")
    assert run("on-call", "roster", "show")["document"] == policy_files.built_in_roster_text()


def test_who_is_on_call_now_is_said_for_every_rotation(rostered: FakeStack) -> None:
    assert run("on-call", "who") == {
        "at": "2026-03-02T12:00:00+00:00",
        "onCall": [
            {"rotation": "day", "person": None},
            {
                "rotation": "night",
                "person": "anna",
                "since": "2026-02-27T21:00:00+00:00",
                "until": "2026-03-06T21:00:00+00:00",
            },
        ],
    }


def test_who_is_on_call_is_said_of_another_instant_on_the_clocks_of_the_rotation(rostered: FakeStack) -> None:
    result = CliRunner().invoke(app, ["on-call", "who", "night", "--at", "2026-03-28T12:00:00+01:00"])

    assert result.stdout == "night                anna until Fri 2026-04-03 22:00 CEST\n"


def test_a_schedule_has_turns_and_gaps(rostered: FakeStack) -> None:
    found = run("on-call", "schedule", "day", "--from", "2026-03-08T07:00Z", "--weeks", 1)

    assert found["gaps"] == [{"since": "2026-03-08T07:00:00+00:00", "until": "2026-03-09T07:00:00+00:00"}]
    assert len(found["turns"]) == 6
    assert found["turns"][0] == {
        "person": "ben",
        "since": "2026-03-09T07:00:00+00:00",
        "until": "2026-03-10T07:00:00+00:00",
    }


def test_an_override_counts_until_it_is_ended(rostered: FakeStack) -> None:
    made = run(
        *("on-call", "override", "night", "ben", "--from", "2026-03-02T10:00Z", "--until", "2026-03-03T10:00Z"),
        *("--reason", "swap", "--owner", "ward"),
    )

    assert made == {
        "name": "night-ben-0302-1000",
        "rotation": "night",
        "person": "ben",
        "from": "2026-03-02T10:00:00Z",
        "until": "2026-03-03T10:00:00Z",
        "owner": "ward",
        "reason": "swap",
    }
    assert run("on-call", "who", "night")["onCall"][0]["override"] == "night-ben-0302-1000"
    listed = run("on-call", "overrides")["overrides"]
    assert [(each["name"], each["state"]) for each in listed] == [("night-ben-0302-1000", "in force")]

    run("on-call", "end-override", "night-ben-0302-1000")

    assert run("on-call", "who", "night")["onCall"][0]["person"] == "anna"
    assert refusal("on-call", "end-override", "night-ben-0302-1000") == "there is no override 'night-ben-0302-1000'"


def test_a_second_override_from_the_same_minute_replaces_nothing(rostered: FakeStack) -> None:
    command = ("on-call", "override", "night", "ben", "--until", "2026-03-03T10:00Z", "--reason", "swap")

    assert [run(*command)["name"] for _ in range(3)] == [
        "night-ben-0302-1200",
        "night-ben-0302-1200-2",
        "night-ben-0302-1200-3",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nosuch", "ben"), "there is no rotation 'nosuch'; there are day, night"),
        (("night", "carl"), "there is no person 'carl' in the roster; there are anna, ben"),
        (("night", "ben", "--from", "2026-03-04"), "an override ends after it begins"),
        (("night", "ben", "--owner", "o" * 129), "owner: String should have at most 128 characters"),
        (
            ("night", "ben", "--from", "monday"),
            "--from takes a time such as 2026-03-29T08:00Z, not 'monday'",
        ),
        (("night", "ben", "--from", "0001-01-01"), "--from takes a year from 1970 to 2199, not 1"),
    ],
)
def test_an_override_that_can_not_be_is_refused_in_one_line(
    rostered: FakeStack, arguments: tuple[str, ...], said: str
) -> None:
    assert refusal("on-call", "override", *arguments, "--until", "2026-03-03", "--reason", "swap") == said
    assert run("on-call", "overrides") == {"overrides": []}


# ------------------------------------------------------------------------------------------------------------ silences


def test_a_silence_lasts_for_its_time_or_until_it_is_ended(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run("silence", "add", "--watch", "watch-001", "--for", "2h", "--reason", "bath", "--owner", "ward")

    assert made == {
        "name": "silence-0302-120000",
        "watch": "watch-001",
        "from": "2026-03-02T12:00:00Z",
        "until": "2026-03-02T14:00:00Z",
        "owner": "ward",
        "reason": "bath",
    }
    assert [each["state"] for each in run("silences", "list")["silences"]] == ["in force"]
    monkeypatch.setattr(moments, "now", lambda: NOW + timedelta(hours=2))
    assert [each["state"] for each in run("silence", "list")["silences"]] == ["expired"]
    run("silence", "end", "silence-0302-120000")
    assert run("silence", "list") == {"silences": []}
    assert refusal("silence", "end", "silence-0302-120000") == "there is no silence 'silence-0302-120000'"


def test_what_a_silence_is_about_is_said(stack: FakeStack) -> None:
    command = [
        "silence",
        "add",
        "--rule",
        "spo2-low",
        "--site",
        "north",
        "--until",
        "2026-03-02T13:00",
        "--reason",
        "x",
    ]

    result = CliRunner().invoke(app, command)

    assert result.stdout == "silence-0302-120000: alerts by spo2-low at north wait until Mon 2026-03-02 13:00 UTC\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--watch", "w"), "a silence takes either --for or --until"),
        (("--watch", "w", "--for", "1h", "--until", "2026-03-03"), "a silence takes either --for or --until"),
        (("--for", "1h"), "a silence names a watch, a rule or a site"),
        (
            ("--watch", "w", "--for", "25h"),
            "a silence lasts up to 86400 seconds and ends after it begins",
        ),
        (
            ("--watch", "w", "--until", "2026-03-01"),
            "a silence lasts up to 86400 seconds and ends after it begins",
        ),
        (("--watch", "w", "--for", "soon"), "--for takes a time span such as 90s, 30m, 2h or 1d, not 'soon'"),
    ],
)
def test_a_silence_that_can_not_be_is_refused_in_one_line(
    stack: FakeStack, arguments: tuple[str, ...], said: str
) -> None:
    assert refusal("silence", "add", *arguments, "--reason", "x") == said


def test_the_memory_that_is_assumed_without_a_stack_is_the_template_s_own() -> None:
    assert template()["Parameters"]["LedgerRetentionDays"]["Default"] == policies.LEDGER_DAYS
