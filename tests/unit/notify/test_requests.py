"""Requests: everything that notify is asked is understood or refused, and no token or vital sign is ever shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.events.models import EventPattern
from notify.plans import plan
from notify.requests import (
    Acknowledge,
    AwaitRecovery,
    Cleared,
    MakePlan,
    Noted,
    Raised,
    SendDigests,
    Tell,
    Worsened,
    parse,
)
from pydantic import ValidationError
from smartwatch_contracts.catalogue import CATALOGUE

from tests.support.builders import NOW
from tests.support.notify_world import POLICY
from tests.support.project import event_example, resources, workflow

ALERT = {
    "alertId": "a1",
    "deviceId": "watch-002",
    "ruleId": "heart-rate-high",
    "severity": "critical",
    "title": "Heart rate above 150 bpm",
    "startedAt": 1_700_000_000_000,
    "drill": False,
}
PLAN = plan(POLICY, "critical", 1, "raised", NOW).model_dump(mode="json", by_alias=True)
NOTIFY_RULES = {
    name: rule
    for name, rule in resources("AWS::Events::Rule").items()
    if rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["NotifyFunction", "Arn"]}
}


def _matches(rule: dict[str, Any], event: dict[str, Any]) -> bool:
    return bool(EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(event))


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"action": "plan", "alert": ALERT, "cause": "raised", "policy": None}, MakePlan),
        ({"action": "plan", "alert": ALERT, "cause": "expired", "policy": PLAN["policy"]}, MakePlan),
        ({"action": "tell", "alert": ALERT, "telling": PLAN["tellings"][0], "taskToken": "t"}, Tell),
        ({"action": "await-recovery", "alert": ALERT, "taskToken": "t"}, AwaitRecovery),
        ({"action": "acknowledge", "alertId": "a1", "acknowledgedBy": "ada"}, Acknowledge),
        ({"action": "acknowledge", "alertId": "a1", "acknowledgedBy": "ada", "via": "link", "link": "x"}, Acknowledge),
        ({"action": "cleared", "alertId": "a1", "deviceId": "w", "clearedAt": 1}, Cleared),
        ({"action": "worsened", "eventId": "e", "alertId": "a1", "severity": "critical"}, Worsened),
        ({"action": "send-digests"}, SendDigests),
    ],
)
def test_what_the_workflow_people_and_the_schedule_ask_is_understood(event: dict[str, Any], kind: type) -> None:
    assert type(parse(event)) is kind


def test_whatever_the_workflow_asks_has_exactly_the_fields_of_a_request() -> None:
    asked = [
        state["Parameters"]["Payload"]
        for state in workflow()["States"].values()
        if state["Type"] == "Task" and "lambda:invoke" in state["Resource"]
    ]
    models = {"plan": MakePlan, "tell": Tell, "await-recovery": AwaitRecovery}

    assert {payload["action"] for payload in asked} == set(models)
    for payload in asked:
        fields = {field.alias for field in models[payload["action"]].model_fields.values()}
        assert {name.removesuffix(".$") for name in payload} == fields


def test_what_the_schedule_of_digests_sends_is_understood() -> None:
    sent = json.loads(resources("AWS::Events::Rule")["DigestSchedule"]["Targets"][0]["Input"])

    assert parse(sent) == SendDigests(action="send-digests")


def test_every_event_that_a_rule_sends_to_notify_is_understood_and_no_other_is() -> None:
    understood: set[str] = set()
    for event_type in CATALOGUE:
        event = event_example(event_type)
        if any(_matches(rule, event) for rule in NOTIFY_RULES.values() if "EventPattern" in rule):
            parse(event)
            understood.add(event_type.detail_type)
        else:
            with pytest.raises(ValidationError):
                parse(event)

    assert understood == {
        "AlertRaised",
        "AlertCleared",
        "AlertSeverityChanged",
        "TechnicalAlertRaised",
        "RetrospectiveEpisodeFound",
    }


def _parsed(detail_type: str) -> Any:
    return parse(event_example(next(t for t in CATALOGUE if t.detail_type == detail_type)))


def test_a_raised_alert_carries_what_its_escalation_begins_with() -> None:
    """By the very words that the rule gives the workflow: the auditor starts it with the same input."""
    raised = _parsed("AlertRaised")

    assert isinstance(raised, Raised)
    assert raised.raised_at == "2023-11-14T22:13:21.500000Z"
    assert raised.event_id == "0e6a3c0a5b5f4d0f8a1c7d9f2b3e4a51"
    assert raised.correlation_id == "9b2f6f0d1c4e4a3b8d7e6f5a4b3c2d1e"
    assert raised.trace == "Root=1-6553f101-0a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=1"
    assert raised.alert.model_dump(by_alias=True) == {**ALERT, "alertId": "5d3a1f0c9b8e7d6c5b4a39281706f5e4"}


def test_a_clear_and_a_rise_in_severity_name_their_alert() -> None:
    cleared, worsened = _parsed("AlertCleared"), _parsed("AlertSeverityChanged")

    assert (cleared.action, cleared.alert_id) == ("cleared", "5d3a1f0c9b8e7d6c5b4a39281706f5e4")
    assert (worsened.action, worsened.severity) == ("worsened", "critical")


@pytest.mark.parametrize(
    ("detail_type", "status", "ended"),
    [("TechnicalAlertRaised", "technical", False), ("RetrospectiveEpisodeFound", "retrospective", True)],
)
def test_what_is_told_to_nobody_is_noted(detail_type: str, status: str, ended: bool) -> None:
    noted = _parsed(detail_type)

    assert isinstance(noted, Noted)
    assert (noted.status, noted.ended_at is not None) == (status, ended)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"action": "explode"},
        {"action": "plan", "alert": ALERT, "cause": "whim"},
        {"action": "plan", "alert": {}, "cause": "raised"},
        {"action": "plan", "alert": ALERT, "cause": "raised", "policy": {"name": "p"}},
        {"action": "tell", "alert": ALERT, "telling": {}, "taskToken": "t"},
        {"action": "tell", "alert": ALERT, "telling": PLAN["tellings"][0], "taskToken": ""},
        {"action": "tell", "alert": ALERT, "telling": PLAN["tellings"][0]},
        {"action": "await-recovery", "alert": ALERT},
        {"action": "acknowledge", "alertId": "", "acknowledgedBy": "x"},
        {"action": "acknowledge", "alertId": "a", "acknowledgedBy": ""},
        {"action": "acknowledge", "alertId": "a", "acknowledgedBy": "x" * 129},
        {"action": "acknowledge", "alertId": "a" * 129, "acknowledgedBy": "x"},
        {"action": "worsened", "eventId": "e", "alertId": "a1", "severity": "mild"},
        {"detail-type": "AlertCleared", "detail": {}},
        {"detail-type": "ReadingsAccepted", "detail": {}},
    ],
)
def test_a_request_that_notify_does_not_know_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parse(event)


def test_a_request_never_shows_its_task_token() -> None:
    told = parse({"action": "tell", "alert": ALERT, "telling": PLAN["tellings"][0], "taskToken": "hidden"})
    waited = parse({"action": "await-recovery", "alert": ALERT, "taskToken": "hidden"})

    assert "hidden" not in f"{told!r} {waited!r}"


def test_a_refusal_never_shows_what_was_refused() -> None:
    event = {"action": "tell", "alert": {"heartRate": "hidden"}, "telling": "hidden", "taskToken": "hidden"}

    with pytest.raises(ValidationError) as refused:
        parse(event)
    assert "hidden" not in str(refused.value)


def test_no_request_has_a_field_for_a_measured_value() -> None:
    assert "value" not in _parsed("AlertRaised").model_dump_json()
