"""Answers: the first counts, each ends the escalation, and whoever was told hears of it once."""

from __future__ import annotations

from typing import Any

import pytest
from notify.ports import NotSentError, PerhapsSentError

from tests.support.builders import NOW
from tests.support.notify_world import DRILL, World, a_telling

NOW_MS = int(NOW.timestamp() * 1000)


def told(*names: str) -> World:
    """A world where these were told of `a1`, and `t1` waits."""
    world = World()
    world.plan()
    world.tell(a_telling(*names))
    world.channels.sent.clear()
    return world


def joined() -> World:
    """`a2` has joined `a1`, of which the care team was told."""
    world = told()
    world.plan(world.another("a2"))
    return world


# ---------------------------------------------------------------------------------------------------- acknowledgements


def test_an_acknowledgement_ends_the_wait_and_is_announced() -> None:
    world = told()

    assert world.acknowledge(by="nurse") == {"acknowledged": True, "by": "nurse", "at": NOW_MS}
    assert world.workflow.answers == [("t1", {"status": "acknowledged", "acknowledgedBy": "nurse"})]
    (event,) = world.bus.published
    assert (event.type, event.data.acknowledged_by, event.data.acknowledged_at) == (
        "AlertAcknowledged",
        "nurse",
        NOW_MS,
    )
    assert (event.data.alert_id, event.data.device_id, event.data.drill) == ("a1", "watch-002", False)


def test_the_timeline_says_who_and_by_which_way() -> None:
    world = told()

    world.acknowledge(by="ada", via="link")

    entry = world.alerts.items["a1"].timeline[-1]
    assert (entry.what, entry.detail, entry.through) == ("acknowledged", "by ada", "link")


def test_the_times_of_an_acknowledgement_are_measured_once() -> None:
    world = told()
    world.later(50)
    world.acknowledge()
    world.acknowledge()

    assert world.measures.times[-1] == ("TimeToAcknowledge", 60_000)
    assert world.measures.counts == ["Escalations", "Acknowledged"]


def test_nobody_is_told_after_an_acknowledgement() -> None:
    world = told()
    world.acknowledge()

    assert world.tell(a_telling("night", key="1.2"), "t2") == {"told": False, "status": "acknowledged"}
    assert world.channels.sent == []
    assert world.workflow.statuses == [("t1", "acknowledged"), ("t2", "acknowledged")]


def test_a_second_acknowledgement_changes_nothing_and_says_who_was_first() -> None:
    world = told()
    world.acknowledge(by="first")
    world.later(5)

    assert world.acknowledge(by="second") == {
        "acknowledged": False,
        "reason": "acknowledged",
        "status": "acknowledged",
        "by": "first",
        "at": NOW_MS,
    }
    assert len({event.id for event in world.bus.published}) == 1
    assert world.workflow.statuses == [("t1", "acknowledged")]


def test_an_unknown_alert_can_not_be_acknowledged() -> None:
    assert World().acknowledge("nosuch") == {"acknowledged": False, "reason": "unknown"}


@pytest.mark.parametrize("status", ["exhausted", "technical"])
def test_an_alert_that_nobody_answered_and_a_watchs_fault_can_still_be_acknowledged(status: str) -> None:
    world = World()
    world.change(status=status)

    assert world.acknowledge()["acknowledged"] is True


@pytest.mark.parametrize("status", ["cleared", "retrospective"])
def test_what_is_over_can_not_be_acknowledged(status: str) -> None:
    world = World()
    world.change(status=status)

    answer = world.acknowledge()

    assert (answer["acknowledged"], answer["reason"], answer["by"]) == (False, status, None)
    assert world.bus.published == []


def test_an_acknowledgement_that_did_not_reach_the_workflow_reaches_it_on_the_next_try() -> None:
    world = told()
    world.workflow.broken = True
    with pytest.raises(ConnectionError):
        world.acknowledge()
    world.workflow.broken = False

    world.acknowledge()

    assert world.workflow.statuses == [("t1", "acknowledged")]


@pytest.mark.parametrize("link", [None, "link-1"])
def test_an_acknowledgement_that_the_bus_did_not_take_is_finished_by_the_next_call(link: str | None) -> None:
    """Whoever pressed the button of a link is asked to press it again: the same link, which counts as used by then."""
    world = told("ada")
    world.bus.broken = True
    with pytest.raises(ConnectionError):
        world.acknowledge(by="nurse", link=link)
    world.bus.broken = False

    answer = world.acknowledge(by="nurse", link=link)

    assert (answer["acknowledged"], answer["by"]) == (False, "nurse")
    assert [event.data.acknowledged_by for event in world.bus.published] == ["nurse"]
    assert world.channels.said == [("acknowledged", "pagerduty care")]


def test_a_link_works_once_even_when_the_alert_is_open_again() -> None:
    world = told()
    world.acknowledge(by="ada", link="link-1")
    world.alerts.reopen("a1", world.deps.entry("acknowledgement-expired"))

    answer = world.acknowledge(by="ada", link="link-1")

    assert (answer["acknowledged"], answer["reason"], answer["status"]) == (False, "used", "open")
    assert world.acknowledge(by="ada", link="link-2")["acknowledged"] is True
    assert len(world.bus.published) == 2


def test_a_link_that_came_too_late_is_not_used_up() -> None:
    world = told()
    world.acknowledge(by="ben")
    assert world.acknowledge(by="ada", link="link-1")["reason"] == "acknowledged"
    world.alerts.reopen("a1", world.deps.entry("acknowledgement-expired"))

    assert world.acknowledge(by="ada", link="link-1")["acknowledged"] is True


def test_an_alert_that_has_joined_another_is_acknowledged_with_it() -> None:
    world = joined()

    assert world.acknowledge("a2", by="ada")["acknowledged"] is True
    assert (world.record("a1").status, world.record("a1").acknowledged_by) == ("acknowledged", "ada")
    assert world.record("a2").status == "joined"
    assert [event.data.alert_id for event in world.bus.published] == ["a1"]
    assert world.workflow.statuses == [("t1", "acknowledged")]


# ------------------------------------------------------------------------------------------------------ pagers follow


def test_a_pager_that_was_told_follows_an_acknowledgement_from_elsewhere_once() -> None:
    world = told("ada", "care-team")

    world.acknowledge(by="nurse")
    world.acknowledge(by="nurse")

    assert world.channels.said == [("acknowledged", "pagerduty care")]
    assert world.channels.messages[0].body == "Acknowledged by nurse."
    assert world.timeline().count("said-acknowledged") == 1


def test_a_notice_to_a_pager_names_the_person_whom_it_reaches() -> None:
    world = told("ada")

    world.acknowledge()
    world.clear()

    entries = [each for each in world.alerts.items["a1"].timeline if each.what.startswith("said-")]
    assert [(each.what, each.to) for each in entries] == [("said-acknowledged", "ada"), ("said-cleared", "ada")]


def test_an_acknowledgement_from_one_pager_is_told_to_every_pager() -> None:
    world = told("ada")

    world.acknowledge(by="ada", via="pagerduty")

    assert [message.purpose for _, message in world.channels.sent] == ["acknowledged"]


def test_a_late_acknowledgement_leaves_the_wait_for_the_end_of_the_episode_alone() -> None:
    world = told()
    world.acknowledge()
    world.await_recovery("t2")

    world.acknowledge(by="somebody else")

    assert world.workflow.statuses == [("t1", "acknowledged")]


def test_a_pager_hears_of_a_second_acknowledgement_after_the_first_has_expired() -> None:
    world = told("ada")
    world.acknowledge()
    world.alerts.reopen("a1", world.deps.entry("acknowledgement-expired"))
    world.later(1800)

    world.acknowledge()

    assert world.channels.said == [("acknowledged", "pagerduty care")] * 2
    assert len({message.key for message in world.channels.messages}) == 2


@pytest.mark.parametrize(
    ("error", "noted"), [(NotSentError("no"), "channel-failed"), (PerhapsSentError("?"), "perhaps-told")]
)
def test_a_pager_that_can_not_be_told_does_not_undo_an_acknowledgement(error: Exception, noted: str) -> None:
    world = told("ada")
    world.channels.broken = {"pagerduty care": error}

    assert world.acknowledge()["acknowledged"] is True
    assert world.timeline()[-1] == noted


# ------------------------------------------------------------------------------------------------- until it is over


def test_whoever_is_responsible_is_waited_for_until_the_alert_is_over_or_the_time_is() -> None:
    world = told()
    world.acknowledge()

    assert world.await_recovery("t2") == {"status": "acknowledged"}
    assert world.alerts.waiting_token("a1") == "t2"
    assert world.record().waiting_until == NOW_MS + 1_800_000
    world.clear()

    assert world.workflow.statuses == [("t1", "acknowledged"), ("t2", "cleared")]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "acknowledged", "cleared_at": 1}, "cleared"),
        ({"status": "open"}, "open"),
        ({"status": "cleared", "cleared_at": 1}, "cleared"),
    ],
)
def test_there_is_nothing_to_wait_for_when_it_is_over_or_nobody_is_responsible(
    fields: dict[str, Any], status: str
) -> None:
    world = World()
    world.change(**fields)

    world.await_recovery("t2")

    assert world.workflow.statuses == [("t2", status)]


def test_an_alert_that_is_over_while_others_share_its_escalation_is_waited_for() -> None:
    world = joined()
    world.acknowledge()
    world.clear("a1")

    assert world.await_recovery("t2") == {"status": "acknowledged"}
    world.clear("a2")

    assert world.workflow.statuses == [("t1", "acknowledged"), ("t2", "cleared")]


# ------------------------------------------------------------------------------------------------------------- clears


def test_a_clear_ends_the_wait() -> None:
    world = told()

    assert world.clear() == {"status": "cleared"}
    assert world.workflow.statuses == [("t1", "cleared")]


def test_a_clear_is_said_once_to_everyone_who_was_told_through_what_reached_them() -> None:
    world = World()
    world.channels.broken = {"pagerduty care": NotSentError("no")}
    world.tell(a_telling("ada", "care-team"))
    world.channels.sent.clear()

    world.clear()
    world.clear()

    assert world.channels.said == [("cleared", "sms +15550101"), ("cleared", "topic care-team")]
    assert world.timeline().count("said-cleared") == 2


def test_a_clear_says_from_when_to_when_and_asks_for_nothing() -> None:
    world = told()
    world.later(90)

    world.clear()

    assert world.channels.messages[0].subject == "Cleared: Heart rate above 150 bpm (watch-002)"
    assert world.channels.messages[0].body.splitlines() == [
        "Back within limits. Nothing is left to do.",
        "Heart rate above 150 bpm, critical.",
        "Watch: watch-002",
        "From 2023-11-14 22:13:20 UTC to 2023-11-14 22:15:00 UTC",
        "Alert: a1",
    ]
    assert world.channels.messages[0].link == ""


def test_nobody_hears_of_a_clear_who_was_not_told() -> None:
    world = World()

    assert world.clear() == {"status": "cleared"}
    assert world.channels.sent == []


def test_a_clear_that_somebody_could_not_be_told_comes_again_and_is_said_to_nobody_twice() -> None:
    world = told("ben", "care-team")
    world.channels.broken = {"sms +15550102": NotSentError("no")}
    with pytest.raises(NotSentError):
        world.clear()
    world.channels.broken = {}

    world.clear()

    assert world.channels.said == [("cleared", "topic care-team"), ("cleared", "sms +15550102")]


def test_a_clear_that_was_perhaps_said_is_not_said_again() -> None:
    world = told()
    world.channels.broken = {"topic care-team": PerhapsSentError("?")}
    world.clear()
    world.channels.broken = {}

    world.clear()

    assert world.channels.sent == []
    assert world.timeline().count("perhaps-told") == 1


@pytest.mark.parametrize("status", ["acknowledged", "exhausted"])
def test_a_clear_after_an_answer_leaves_the_status_and_is_said(status: str) -> None:
    world = told()
    world.change(status=status)

    assert world.clear() == {"status": status}
    assert world.record().cleared_at == NOW_MS
    assert world.channels.said == [("cleared", "topic care-team")]


def test_a_clear_that_overtakes_the_alert_is_remembered() -> None:
    world = World(claimed=False)

    assert world.clear() == {"status": "cleared"}
    world.claim()
    assert world.plan()["decision"] == "answered"


def test_the_time_until_a_clear_is_measured() -> None:
    world = told()
    world.later(90)

    world.clear()

    assert world.measures.times[-1] == ("TimeToClear", 100_000)


def test_an_escalation_that_alerts_share_ends_with_the_last_of_them() -> None:
    world = joined()

    assert world.clear("a1") == {"status": "open"}
    assert (world.workflow.answers, world.channels.sent) == ([], [])
    assert world.clear("a2") == {"status": "cleared"}

    assert world.workflow.statuses == [("t1", "cleared")]
    assert world.channels.said == [("cleared", "topic care-team")]


def test_a_member_that_is_over_first_leaves_the_escalation_to_the_others() -> None:
    world = joined()

    assert world.clear("a2") == {"status": "open"}
    assert world.record("a1").members == frozenset()
    assert world.record("a2").status == "cleared"
    assert world.workflow.answers == []


def test_members_of_members_end_the_escalation_of_them_all() -> None:
    """`a1` was acknowledged, `a3` escalated, and when the acknowledgement expired `a1` and its `a2` joined `a3`."""
    world = joined()
    world.acknowledge()
    third = world.another("a3")
    world.plan(third)
    world.tell(a_telling(), "t3", alert=third)
    world.alerts.reopen("a1", world.deps.entry("acknowledgement-expired"))
    assert world.plan(cause="expired")["lead"] == "a3"

    world.clear("a3")
    world.clear("a1")
    assert world.record("a3").status == "open"
    world.clear("a2")

    assert world.record("a3").status == "cleared"
    assert world.workflow.statuses[-1] == ("t3", "cleared")


def test_acknowledging_a_member_of_a_member_acknowledges_the_one_that_escalates() -> None:
    world = joined()
    world.acknowledge()
    world.plan(world.another("a3"))
    world.alerts.reopen("a1", world.deps.entry("acknowledgement-expired"))
    world.plan(cause="expired")

    assert world.acknowledge("a2", by="ada")["acknowledged"] is True
    assert world.record("a3").acknowledged_by == "ada"


def test_what_is_said_of_a_drill_says_so() -> None:
    world = World(claimed=False)
    world.claim(DRILL)
    world.tell(a_telling("ada"), alert=DRILL)
    world.acknowledge()
    world.clear()

    assert [message.subject[:8] for message in world.channels.messages] == ["DRILL - "] * 3
    assert world.bus.published[0].data.drill is True


def test_a_dry_run_says_nothing_to_anybody() -> None:
    world = World(claimed=False)
    dry = DRILL.model_copy(update={"device_id": "drill-dry-1"})
    world.claim(dry)
    world.tell(a_telling("ada"), alert=dry)
    world.acknowledge()
    world.clear(device_id="drill-dry-1")

    assert world.channels.sent == []
    assert {"said-acknowledged", "said-cleared"} <= set(world.timeline())
