"""A plan is made once and kept; alerts of one watch escalate together; a silence makes them wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from notify.requests import parse

from tests.support.builders import NOW
from tests.support.notify_world import ALERT, POLICY, World, a_hold, a_telling

WARNING = ALERT.model_copy(update={"severity": "warning"})


def _other_policy() -> Any:
    return POLICY.model_copy(update={"name": "other", "team": "others"})


def test_a_new_alert_gets_the_tellings_of_its_severity_from_the_policy_in_force() -> None:
    world = World()

    answer = world.plan()

    assert (answer["decision"], answer["status"]) == ("escalate", "open")
    assert [(t["key"], t["step"], t["tell"], t["waitSeconds"]) for t in answer["plan"]["tellings"]] == [
        ("1.0", "nurses", ["care-team"], 300),
        ("1.1", "nurses", ["care-team"], 300),
        ("1.2", "doctor", ["night"], 600),
    ]
    assert answer["plan"]["acknowledgementExpirySeconds"] == 1800


def test_the_record_says_whose_alert_it_is_and_by_which_policy_it_was_planned() -> None:
    world = World()

    world.plan()

    assert (world.record().team, world.record().plans) == ("care", 1)
    assert world.record().acknowledgement_expiry_seconds == 1800
    assert world.details("planned") == [f"policy default {POLICY.version}, critical"]
    assert world.measures.counts == ["Escalations"]


def test_what_plans_again_keeps_the_policy_that_the_execution_began_with() -> None:
    world = World()
    first = world.plan()
    world.configuration.in_force = _other_policy()

    again = parse({"action": "plan", "alert": ALERT.model_dump(by_alias=True), "cause": "expired", **first["plan"]})
    made = world.plan(cause="expired", policy=again.policy)  # type: ignore[union-attr]

    assert made["plan"]["policy"] == first["plan"]["policy"]
    assert made["plan"]["tellings"][0]["key"] == "2.0"
    assert world.measures.counts == ["Escalations"]


def test_a_rise_in_severity_that_came_first_is_planned_for() -> None:
    world = World(claimed=False)
    world.worsen(severity="critical")
    world.claim(WARNING)

    assert world.plan(WARNING)["plan"]["severity"] == "critical"


@pytest.mark.parametrize("status", ["acknowledged", "cleared", "exhausted", "technical", "retrospective"])
def test_an_alert_that_is_no_longer_open_is_not_planned(status: str) -> None:
    world = World()
    world.change(status=status)

    answer = world.plan()

    assert (answer["decision"], answer["status"]) == ("answered", status)
    assert (world.record().plans, world.timeline()) == (0, ["escalation-started"])


def test_a_second_alert_of_the_watch_joins_the_one_that_escalates() -> None:
    world = World()
    world.plan()
    second = world.another("a2", title="SpO2 below 90 %")

    answer = world.plan(second)

    assert (answer["decision"], answer["lead"]) == ("join", "a1")
    assert (world.record("a2").status, world.record("a2").lead) == ("joined", "a1")
    assert world.record("a1").members == {"a2"}
    assert world.details("joined") == ["by SpO2 below 90 %, critical, a2"]


def test_joining_again_after_a_lost_answer_changes_nothing() -> None:
    world = World()
    world.plan()
    second = world.another("a2")

    assert world.plan(second) == world.plan(second)
    assert world.timeline("a1").count("joined") == 1


def test_alerts_of_other_watches_escalate_by_themselves() -> None:
    world = World()
    world.plan()
    second = world.another("a2", device_id="watch-003")

    assert world.plan(second)["decision"] == "escalate"


@pytest.mark.parametrize("status", ["acknowledged", "cleared", "exhausted"])
def test_an_alert_does_not_join_one_that_nobody_waits_for(status: str) -> None:
    world = World()
    world.plan()
    world.change("a1", status=status)
    second = world.another("a2")

    assert world.plan(second)["decision"] == "escalate"


def test_a_more_severe_alert_raises_the_one_that_it_joins_and_ends_its_wait() -> None:
    world = World(claimed=False)
    world.claim(WARNING)
    world.plan(WARNING)
    world.tell(a_telling(severity="warning"), alert=WARNING)
    second = world.another("a2")

    world.plan(second)

    assert world.record("a1").severity == "critical"
    assert world.details("severity-raised") == ["to critical, by a2"]
    assert world.workflow.statuses == [("t1", "plan-again")]


def test_an_alert_that_is_not_more_severe_leaves_the_wait_alone() -> None:
    world = World()
    world.plan()
    world.tell()
    second = world.another("a2", severity="warning")

    world.plan(second)

    assert world.record("a1").severity == "critical"
    assert world.workflow.answers == []


def test_a_silence_comes_before_everything_else_and_says_whose_it_is() -> None:
    world = World()
    world.silence(600)

    first, second, *_ = world.plan()["plan"]["tellings"]

    assert (first["kind"], first["step"], first["waitSeconds"]) == ("hold", "silence", 600)
    assert first["reason"] == "bath, by ward: moved"
    assert (second["key"], second["step"]) == ("1.1", "nurses")


def test_of_several_silences_the_longest_counts() -> None:
    world = World()
    world.silence(900, name="long", rule="heart-rate-high")
    world.silence(600)

    assert world.plan()["plan"]["tellings"][0]["reason"] == "long, by ward: moved"


@pytest.mark.parametrize(
    ("about", "held"),
    [
        ({"watch": "watch-002"}, True),
        ({"watch": "watch-003"}, False),
        ({"rule": "heart-rate-high"}, True),
        ({"rule": "spo2-low"}, False),
        ({"site": "north"}, True),
        ({"site": "south"}, False),
        ({"watch": "watch-002", "site": "south"}, False),
    ],
)
def test_a_silence_holds_back_only_what_it_names(about: dict[str, str], held: bool) -> None:
    world = World()
    world.configuration.sites = {"watch-002": "north"}
    world.silence(600, **about)

    assert (world.plan()["plan"]["tellings"][0]["kind"] == "hold") is held


def test_a_silence_that_is_over_or_has_not_begun_holds_nothing_back() -> None:
    world = World()
    world.silence(600)
    world.later(600)
    assert world.plan()["plan"]["tellings"][0]["kind"] == "tell"

    world.now = NOW - timedelta(seconds=1)
    assert world.plan()["plan"]["tellings"][0]["kind"] == "tell"


def test_a_more_severe_alert_joins_one_that_is_held_back() -> None:
    """Quiet hours hold a warning: what is critical does not wait for their end."""
    world = World(claimed=False)
    world.claim(WARNING)
    world.plan(WARNING)
    world.tell(a_hold("quiet-hours", severity="warning"), alert=WARNING)
    second = world.another("a2")

    world.plan(second)

    assert world.workflow.statuses == [("t1", "plan-again")]
