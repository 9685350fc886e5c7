"""The story of an alert, from its record and those it shares an escalation with."""

from __future__ import annotations

from simulator.story import story
from tests.support.timelines import ALERT_ID, alert, said, told

PLANNED = said(1, "planned", "policy night 5b1e0c8b7f3a, critical")
TRACE = "1-6553f100-0a1b2c3d4e5f60718293a4b5"


def test_it_names_the_policy_and_who_answers_for_it() -> None:
    told_of = story(alert(PLANNED), trace_id=TRACE)

    assert told_of["policy"] == {"name": "night", "version": "5b1e0c8b7f3a", "severity": "critical"}
    assert (told_of["team"], told_of["traceId"]) == ("care", TRACE)


def test_each_message_has_its_time_step_recipient_channel_and_receipt() -> None:
    told_of = story(
        alert(
            told(2, "care-team", "ada", through="sms", receipt="r1"),
            said(3, "channel-failed", "SNS: Throttled", step="on-call", to="bo", through="topic"),
            said(4, "paged-directly", "the on-call topic, without notify", receipt="r2"),
            said(5, "said-cleared", to="ada", through="sms", receipt="r3"),
            said(6, "told-in-digest", to="cy", through="sms", receipt="r4"),
        ),
        trace_id="",
    )

    assert [list(each.values()) for each in told_of["messages"]] == [
        ["2023-11-14T22:13:22.000+00:00", "told", "sent", "care-team", "ada", "sms", "r1", ""],
        ["2023-11-14T22:13:23.000+00:00", "channel-failed", "failed", "on-call", "bo", "topic", "", "SNS: Throttled"],
        [
            *("2023-11-14T22:13:24.000+00:00", "paged-directly", "paged without notify", "", "", "topic", "r2"),
            "the on-call topic, without notify",
        ],
        ["2023-11-14T22:13:25.000+00:00", "said-cleared", "said: cleared", "", "ada", "sms", "r3", ""],
        ["2023-11-14T22:13:26.000+00:00", "told-in-digest", "sent in a digest", "", "cy", "sms", "r4", ""],
    ]


def test_what_was_held_back_has_its_reason() -> None:
    told_of = story(
        alert(
            said(1, "waiting", "quiet until 06:00 Europe/Berlin", step="quiet-hours"),
            said(2, "waiting", "move, by ada: the ward moves", step="silence"),
            said(3, "held-back", "more than 2 in 60 s", step="care-team", to="bo"),
            said(4, "not-told", "nobody is on call", step="on-call", to="nights"),
        ),
        trace_id="",
    )

    assert [(each["why"], each["step"], each["to"], each["detail"]) for each in told_of["heldBack"]] == [
        ("quiet-hours", "", "", "quiet until 06:00 Europe/Berlin"),
        ("silence", "", "", "move, by ada: the ward moves"),
        ("throttle", "care-team", "bo", "more than 2 in 60 s"),
        ("nobody to tell", "on-call", "nights", "nobody is on call"),
    ]


def test_it_says_who_answered_and_by_which_way_each_time() -> None:
    told_of = story(
        alert(
            said(2, "acknowledged", "by ada", through="link"),
            said(9, "acknowledgement-expired", "acknowledged and still not over"),
            said(12, "acknowledged", "by Bo [/x]", through="pagerduty"),
            said(20, "cleared", "back within limits"),
        ),
        trace_id="",
    )

    assert [(each["by"], each["through"]) for each in told_of["acknowledgements"]] == [
        ("ada", "link"),
        ("Bo [/x]", "pagerduty"),
    ]
    assert told_of["cleared"] == "2023-11-14T22:13:40.000+00:00"


def test_alerts_that_joined_are_named_with_how_they_stand_also_when_they_are_forgotten() -> None:
    lead = alert(
        said(2, "joined", "by SpO2 low, critical, a2"), said(3, "joined", "by Fall, warning, a3"), members=["a2"]
    )
    other = alert(alertId="a2", status="joined", title="SpO2 low", ruleId="spo2-low")

    told_of = story(lead, trace_id="", others=[other])

    assert told_of["joinedBy"] == [
        {
            "alertId": "a2",
            "status": "joined",
            "ruleId": "spo2-low",
            "title": "SpO2 low",
            "severity": "critical",
            "raisedAt": "2023-11-14T22:13:20.000000Z",
            "holdsItOpen": True,
        },
        {"alertId": "a3", "title": "Fall", "severity": "warning", "holdsItOpen": False},
    ]


def test_an_alert_that_joined_another_is_told_by_that_ones_timeline_and_ends_by_its_own() -> None:
    lead = alert(PLANNED, told(2), said(3, "acknowledged", "by ada", through="link"), said(9, "cleared"))
    member = alert(said(5, "cleared"), alertId="a2", status="joined", leadAlertId=ALERT_ID, team=None)

    told_of = story(member, trace_id="", lead=lead)

    assert (told_of["lead"]["alertId"], told_of["alertId"], told_of["team"]) == (ALERT_ID, "a2", "care")
    assert [each["to"] for each in told_of["messages"]] == ["care-team"]
    assert [each["by"] for each in told_of["acknowledgements"]] == ["ada"]
    assert told_of["cleared"] == "2023-11-14T22:13:25.000+00:00"


def test_an_alert_that_was_only_claimed_has_a_short_story() -> None:
    claimed = {"alertId": "a9", "status": "open", "deviceId": "watch-001", "timeline": []}

    told_of = story(claimed, trace_id="", execution=None)

    assert (told_of["policy"], told_of["messages"], told_of["execution"]) == (None, [], None)
