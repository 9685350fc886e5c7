"""A report on literal alerts: who was told and answered how soon, who was not, and drills apart."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.report import percentile, report
from simulator.timeline import Planned
from tests.support.timelines import alert, at, said, told

PLANNED = said(1, "planned", "policy p 1, critical")


def reported(*alerts: dict[str, Any], now: float = 3_600, seconds: int | None = 14, **options: Any) -> dict[str, Any]:
    def patience(planned: Planned) -> int | None:
        return seconds

    return report(alerts, now_ms=at(now), patience=patience, **options)


def answered(after: float, told_after: float = 1.5, **fields: Any) -> dict[str, Any]:
    entries = [PLANNED, told(told_after), said(after, "acknowledged", "by ada", through="link")]
    return alert(*entries, **{"status": "acknowledged", **fields})


def test_a_period_without_alerts_has_no_share() -> None:
    found = reported()

    assert (found["alerts"], found["unacknowledgedShare"], found["rules"], found["teams"]) == (0, None, [], [])


def test_times_are_from_the_raise_on_by_rule_and_by_team() -> None:
    found = reported(
        answered(10),
        answered(20, told_after=2.5, team="night"),
        answered(60, ruleId="spo2-low"),
        alert(PLANNED, told(2), said(30, "cleared"), status="cleared"),
    )

    rules = {group["name"]: group for group in found["rules"]}
    assert [group["name"] for group in found["rules"]] == ["heart-rate-high", "spo2-low"]
    assert rules["heart-rate-high"] == {
        "name": "heart-rate-high",
        "alerts": 3,
        "notify": {"count": 3, "median": 2_000, "p90": 2_500},
        "acknowledge": {"count": 2, "median": 15_000, "p90": 20_000},
        "clear": {"count": 1, "median": 30_000, "p90": 30_000},
    }
    assert rules["spo2-low"]["clear"] == {"count": 0, "median": None, "p90": None}
    assert [(group["name"], group["alerts"]) for group in found["teams"]] == [("care", 3), ("night", 1)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([7], 7), ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 9), (list(range(1, 12)), 10)],
    ids=["none", "one", "ten", "eleven"],
)
def test_a_percentile_is_the_nearest_rank(values: list[int], expected: int | None) -> None:
    assert percentile(values, 90) == expected


@pytest.mark.parametrize(
    ("fields", "now", "counts"),
    [
        ({"status": "exhausted"}, 2, True),
        ({"status": "open"}, 15, False),
        ({"status": "open"}, 15.1, True),
        ({"status": "acknowledged"}, 3_600, False),
        ({"status": "cleared"}, 3_600, False),
    ],
    ids=["exhausted", "open within its policy", "open for longer", "acknowledged", "cleared"],
)
def test_nobody_answered_what_is_exhausted_or_open_for_longer_than_its_policy(
    fields: dict[str, Any], now: float, counts: bool
) -> None:
    """The policy takes 14 s from the plan on, which was made at 1 s."""
    assert reported(alert(PLANNED, told(2), **fields), now=now)["unacknowledged"] == counts


def test_an_alert_that_is_open_again_is_held_against_its_latest_plan() -> None:
    reopened = alert(PLANNED, said(100, "planned", "policy p 1, critical"))

    assert reported(reopened, now=114)["unacknowledged"] == 0
    assert reported(reopened, now=114.1)["unacknowledged"] == 1


def test_an_open_alert_of_an_unknown_policy_is_not_held_against_anybody() -> None:
    assert reported(alert(PLANNED), seconds=None)["unacknowledged"] == 0


def test_an_alert_that_joined_another_is_counted_and_nobody_is_asked_for_it_twice() -> None:
    found = reported(
        alert(PLANNED, told(2), status="exhausted", alertId="lead"),
        alert(status="joined", leadAlertId="lead", team=None),
        alert(said(9, "cleared"), status="cleared", leadAlertId="lead", team=None),
    )

    assert (found["alerts"], found["joined"], found["unacknowledged"], found["unacknowledgedShare"]) == (3, 2, 1, 1.0)
    assert found["unacknowledgedAlerts"] == ["lead"]
    assert [(group["name"], group["alerts"]) for group in found["teams"]] == [("care", 1)]


def test_a_share_is_of_the_alerts_that_somebody_had_to_answer() -> None:
    alerts = [alert(PLANNED, status="exhausted"), answered(5), answered(6)]

    assert reported(*alerts)["unacknowledgedShare"] == 0.3333


def test_messages_are_counted_by_what_became_of_them() -> None:
    digest = said(9, "told-in-digest", to="bo", through="sms", receipt="r9")
    found = reported(
        alert(
            PLANNED,
            told(2, to="ada"),
            said(2.1, "channel-failed", "SNS: Throttled", step="care-team", to="bo", through="topic"),
            said(2.2, "perhaps-told", "SNS: timeout", step="care-team", to="bo", through="sms"),
            said(3, "held-back", "more than 2 in 60 s", step="care-team", to="bo"),
            said(4, "crossed", "was on its way when the alert was acknowledged", step="care-team", to="ada"),
            said(5, "said-cleared", to="ada", receipt="r2"),
            said(6, "stalled", "it has ended; the fallback was paged", to="fallback", receipt="r3"),
            said(7, "stalled", "it has ended"),
            digest,
        ),
        alert(PLANNED, digest, alertId="another"),
    )

    assert found["messages"] == {
        "sent": 4,
        "perhapsSent": 1,
        "heldBack": 1,
        "crossed": 1,
        "failed": 1,
        "failedChannels": {"topic": 1},
    }


def test_drills_are_never_mixed_with_the_rest() -> None:
    alerts = [answered(5), answered(50, drill=True), answered(70, drill=True)]

    assert (reported(*alerts)["alerts"], reported(*alerts, drills=True)["alerts"]) == (1, 2)
    assert reported(*alerts)["rules"][0]["acknowledge"]["median"] == 5_000
    assert reported(*alerts, drills=True)["rules"][0]["acknowledge"]["median"] == 60_000


def test_what_a_dry_run_did_not_send_is_no_message() -> None:
    rehearsed = answered(5, drill=True)
    rehearsed["timeline"][1]["receipt"] = "dry run, not sent"

    assert reported(rehearsed, drills=True)["messages"]["sent"] == 0


@pytest.mark.parametrize("status", ["technical", "retrospective"])
def test_alerts_of_which_nobody_is_told_are_not_counted(status: str) -> None:
    assert reported(alert(status=status))["alerts"] == 0


def test_a_clear_that_was_noted_before_its_alert_took_no_time() -> None:
    found = reported(alert(said(-2, "cleared"), status="cleared"))

    assert found["rules"][0]["clear"] == {"count": 1, "median": 0, "p90": 0}
