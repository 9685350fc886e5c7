"""The `smartwatch` command on a running cloud: a run, and every report about it, as JSON and for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from evaluate import rule_files

from simulator.alarm_configuration import AlarmConfiguration
from simulator.cloud.deploy import deploy
from tests.support.clouds import eventually, running_cloud
from tests.support.command import Command

#: Nobody answers, and everybody is told soon; but a wait shorter than a slow start of notify would tell nobody.
CARE_TEAM, ON_CALL = (f"name: {name}, tell: [{name}], waitSeconds: 3" for name in ("care-team", "on-call"))
STEPS = f"[{{{CARE_TEAM}, repeat: 1}}, {{{ON_CALL}}}]"
POLICY = f"{{name: default, team: care, severities: {{warning: {{steps: {STEPS}}}, critical: {{steps: {STEPS}}}}}}}"


@pytest.fixture(scope="module")
def smartwatch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    home = tmp_path_factory.mktemp("command")
    with running_cloud(home / "cloud") as cloud:
        outputs = deploy(cloud.settings)
        table = outputs["AlarmConfigurationTableName"]
        AlarmConfiguration(cloud.client("dynamodb"), table).policies.put(POLICY, "test")
        command = Command(home)
        # One limit and at once, so that ten seconds are enough.
        plain = home / "plain.yaml"
        plain.write_text(rule_files.built_in_text("simple").replace("name: simple", "name: default"))
        assert command.json("rules", "put", plain) == {"name": "default", "version": "1"}
        yield command


@pytest.fixture(scope="module")
def ran(smartwatch: Command) -> dict[str, Any]:
    """What a short run said of itself."""
    return smartwatch.json("run", "--watches", "3", "--interval", "0.5", "--duration", "10")


@pytest.fixture
def alert_id(ran: dict[str, Any]) -> str:
    return str(ran["details"]["alerts"][0]["alertId"])


@pytest.fixture
def execution(ran: dict[str, Any]) -> str:
    return str(ran["details"]["executions"][0]["name"])


# ---------------------------------------------------------------------------------------------------------------- a run


def test_a_run_accounts_for_every_reading(ran: dict[str, Any]) -> None:
    assert ran["published"] >= 3 * 10 / 0.5
    assert ran["stored"] == ran["published"]
    assert (ran["lost"], ran["unacknowledged"], ran["quarantined"]) == (0, 0, 0)
    watches = ran["details"]["watches"]
    assert [watch["deviceId"] for watch in watches] == ["watch-001", "watch-002", "watch-003"]
    assert sum(watch["published"] for watch in watches) == ran["published"]
    assert all(watch["stored"] == watch["published"] for watch in watches)


def test_a_run_raises_one_alert_whose_escalation_ends(ran: dict[str, Any]) -> None:
    (alert,) = ran["details"]["alerts"]
    (execution,) = ran["details"]["executions"]
    assert (ran["alerts"], ran["executions"]) == (1, 1)
    assert (alert["deviceId"], alert["ruleId"], alert["status"]) == ("watch-002", "heart-rate-high", "exhausted")
    assert (execution["status"], execution["state"]) == ("SUCCEEDED", "Exhausted")
    assert execution["executionArn"] == alert["executionArn"]


def test_a_run_tells_whom_the_platform_told(ran: dict[str, Any]) -> None:
    people = [(message["to"], message["subject"]) for message in ran["messages"] if message["protocol"] != "topic"]

    assert people == [
        ("care-team@example.com", "Alert: Heart rate above 150 bpm (watch-002)"),
        ("care-team@example.com", "Reminder, nobody has answered: Heart rate above 150 bpm (watch-002)"),
        ("+15550100", "Nobody has answered yet: Heart rate above 150 bpm (watch-002)"),
    ]


def test_no_report_holds_a_task_token(smartwatch: Command, ran: dict[str, Any], alert_id: str, execution: str) -> None:
    reports = (("alerts",), ("alert", alert_id), ("executions",), ("executions", execution), ("report",), ("drills",))
    for answer in (ran, *(smartwatch.json(*each) for each in reports)):
        assert "tasktoken" not in str(answer).lower()


# ------------------------------------------------------------------------------------------------------ reports as JSON


def test_alerts_lists_the_alert_and_filters_by_status(smartwatch: Command, alert_id: str) -> None:
    assert [alert["alertId"] for alert in smartwatch.json("alerts")["alerts"]] == [alert_id]
    assert [alert["alertId"] for alert in smartwatch.json("alerts", "--status", "exhausted")["alerts"]] == [alert_id]
    assert smartwatch.json("alerts", "--status", "cleared") == {"alerts": []}


def test_alert_tells_its_timeline_in_order(smartwatch: Command, alert_id: str) -> None:
    alert = smartwatch.json("alert", alert_id)

    # The bus tells notify of the alert and starts its escalation at the same time.
    course = [entry["what"] for entry in alert["timeline"] if entry["what"] != "raised"]
    assert course[:6] == ["escalation-started", "planned", "told", "told", "told", "exhausted"]
    assert alert["title"] == "Heart rate above 150 bpm"


def test_alert_tells_whom_the_platform_told_when_through_what_and_where_the_escalation_is(
    smartwatch: Command, alert_id: str, execution: str
) -> None:
    alert = smartwatch.json("alert", alert_id)

    messages = [(each["step"], each["to"], each["through"], each["outcome"]) for each in alert["messages"]][:3]
    assert messages == [
        ("care-team", "care-team", "topic", "sent"),
        ("care-team", "care-team", "topic", "sent"),
        ("on-call", "on-call", "topic", "sent"),
    ]
    assert all(each["receipt"] for each in alert["messages"])
    assert (alert["policy"]["name"], alert["team"], alert["heldBack"], alert["joinedBy"]) == ("default", "care", [], [])
    assert alert["execution"]["name"] == execution
    assert (alert["execution"]["status"], alert["execution"]["state"]) == ("SUCCEEDED", "Exhausted")
    assert alert["traceId"].startswith("1-")


def test_executions_lists_the_escalation_and_shows_the_states_of_one(
    smartwatch: Command, alert_id: str, execution: str
) -> None:
    # By name: an event that the bus delivers twice has a second execution, which ends in Duplicate.
    (listed,) = [each for each in smartwatch.json("executions")["executions"] if each["name"] == execution]
    one = smartwatch.json("executions", execution)

    assert (listed["name"], listed["state"]) == (execution, "Exhausted")
    assert one["input"]["alert"]["alertId"] == alert_id
    names = [state["name"] for state in one["states"]]
    assert (names[0], names[-1]) == ("ClaimAlert", "Exhausted")
    assert smartwatch.json("executions", listed["executionArn"]) == one


def test_trace_holds_every_service_on_the_way_to_the_page(smartwatch: Command, alert_id: str) -> None:
    wanted = {"smartwatch-ingest", "smartwatch-evaluate", "smartwatch-escalation", "smartwatch-notify"}

    def traced() -> dict[str, Any] | None:
        answer = smartwatch.json("trace", alert_id)
        return answer if wanted <= {segment["name"] for segment in answer["segments"]} else None

    answer = eventually(traced)

    assert answer is not None
    assert answer["traceId"].startswith("1-")


def test_outbox_holds_the_messages_with_their_text(smartwatch: Command, ran: dict[str, Any]) -> None:
    messages = [message for message in smartwatch.json("outbox")["messages"] if message["protocol"] != "topic"]

    assert [message["to"] for message in messages][:3] == ["care-team@example.com"] * 2 + ["+15550100"]
    assert all("watch-002" in message["message"] for message in messages)


def test_readings_lists_what_is_stored_and_its_latest(smartwatch: Command, ran: dict[str, Any]) -> None:
    every = smartwatch.json("readings", "watch-001")
    latest = smartwatch.json("readings", "watch-001", "--limit", "2")

    assert every["count"] == len(every["readings"]) == ran["details"]["watches"][0]["stored"]
    times = [reading["timestamp"] for reading in every["readings"]]
    assert times == sorted(times)
    assert list(every["readings"][0]) == ["timestamp", "heartRate", "steps", "spo2"]
    assert latest["readings"] == every["readings"][-2:]
    assert smartwatch.json("readings", "watch-001", "--to", "2001-01-01")["readings"] == []


def test_status_tells_where_the_cloud_is_and_the_stacks_outputs(smartwatch: Command) -> None:
    status = smartwatch.json("status")

    assert status["stack"] == "smartwatch"
    assert status["pid"] in {process.pid for process in smartwatch.processes()}
    assert status["endpoint"].startswith("http://127.0.0.1:")
    assert {"ReadingsTableName", "EscalationStateMachineArn", "QuarantineQueueUrl"} <= set(status["outputs"])


def test_provision_makes_an_identity_once(smartwatch: Command) -> None:
    made = smartwatch.json("provision", "watch-100")
    key = (smartwatch.home / "watches/local/watch-100/private.key").read_bytes()

    assert made == {"deviceId": "watch-100", "folder": str(smartwatch.home / "watches/local/watch-100")}
    assert smartwatch.json("provision", "watch-100") == made
    assert (smartwatch.home / "watches/local/watch-100/private.key").read_bytes() == key


def test_simulate_publishes_through_either_topic(smartwatch: Command) -> None:
    for watch, options in (("watch-101", []), ("watch-102", ["--direct-topic"])):
        told = smartwatch.json("simulate", "--watch", watch, "--duration", "1", "--interval", "0.5", *options)

        assert told["unacknowledged"] == 0
        eventually(lambda told=told: smartwatch.json("readings", told["deviceId"])["count"] == told["published"])  # type: ignore[misc]


# ---------------------------------------------------------------------------------------------------------- for people


def test_every_report_is_also_for_people(smartwatch: Command, alert_id: str, execution: str) -> None:
    """On 80 columns, with the ids that the next command asks for."""
    expected = {
        ("alerts",): [alert_id, "watch-002"],
        ("alert", alert_id): [alert_id, "on-call", "Messages"],
        ("executions",): [execution, "Exhausted"],
        ("executions", execution): ["TellPeople", "Exhausted"],
        ("trace", alert_id): ["smartwatch-ingest", "█"],
        ("outbox",): ["care-team@example.com", "+15550100"],
        ("readings", "watch-002", "--limit", "3"): ["bpm"],
        ("report",): ["heart-rate-high", "care"],
        ("drills",): ["no drills"],
        ("status",): ["smartwatch runs on http://127.0.0.1:", "AlertsTableName"],
    }

    for arguments, texts in expected.items():
        shown = smartwatch(*arguments)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert [text for text in texts if text not in shown.stdout] == [], shown.stdout


# -------------------------------------------------------------------------------------------------------------- answers


def test_an_alert_is_acknowledged_once_by_whoever_is_first_whatever_they_are_called(
    smartwatch: Command, alert_id: str
) -> None:
    """The escalation is over and the alert still waits for somebody: so it is answered late."""
    first = smartwatch("ack", alert_id, "--by", "[/x] Ana")
    second = smartwatch.json("ack", alert_id, "--by", "Bo")

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"{alert_id}: acknowledged by [/x] Ana\n"
    assert (second["acknowledged"], second["reason"], second["by"]) == (False, "acknowledged", "[/x] Ana")
    (answer,) = smartwatch.json("alert", alert_id)["acknowledgements"]
    assert (answer["by"], answer["through"]) == ("[/x] Ana", "command")
    assert "by [/x] Ana through command" in smartwatch("alert", alert_id).stdout
