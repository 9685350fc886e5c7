"""Telling: each once, through the first channel that works; nobody counts as told who was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from notify import messages
from notify.plans import Telling
from notify.ports import NobodyToldError, NotSentError, PerhapsSentError

from tests.support.builders import NOW
from tests.support.notify_world import ALERT, DRILL, ROSTER_TEXT, World, a_hold, a_telling

DRY = DRILL.model_copy(update={"device_id": "drill-dry-1"})
#: One message in a minute, and for critical alerts the first word besides.
THROTTLED = ROSTER_TEXT + "throttle: {messages: 1, perSeconds: 60}\n"


def test_a_telling_tells_its_people_and_keeps_what_came_of_it() -> None:
    world = World()

    assert world.tell() == {"told": True, "status": "open"}
    assert world.channels.said == [("alert", "topic care-team")]
    assert world.record().deliveries == {"1.0/care-team/0": "receipt-1"}
    assert list(world.record().told) == ["care-team"]
    assert world.record().last_telling == "1.0"
    assert world.timeline() == ["escalation-started", "told"]


def test_a_second_try_tells_nobody_again_and_keeps_its_own_token() -> None:
    world = World()
    world.tell(token="t1")

    assert world.tell(token="t2") == {"told": True, "status": "open"}
    assert len(world.channels.sent) == 1
    assert world.alerts.waiting_token("a1") == "t2"


def test_the_token_is_kept_before_anybody_can_answer() -> None:
    world = World()
    kept: list[str | None] = []
    world.channels.during = lambda _: kept.append(world.alerts.waiting_token("a1"))

    world.tell(token="t1")

    assert kept == ["t1"]


def test_the_record_says_until_when_and_for_which_severity_it_waits() -> None:
    world = World()

    world.tell(a_telling(wait_seconds=300))

    assert world.record().waiting_until == int(NOW.timestamp() * 1000) + 300_000
    assert world.record().waiting_severity == "critical"


def test_a_rotation_stands_for_whoever_is_on_call_when_the_message_goes_out() -> None:
    world = World()

    world.tell(a_telling("night", key="1.0"))
    world.later(86_400)
    world.tell(a_telling("night", key="1.1"))

    assert world.channels.addresses == ["pagerduty care", "sms +15550102"]
    assert list(world.record().told) == ["ada/care", "ben"]
    assert world.details("told") == ["on call for night", "on call for night"]


def test_somebody_who_is_named_twice_is_told_once() -> None:
    world = World()

    world.tell(a_telling("ada", "night"))

    assert world.channels.addresses == ["pagerduty care"]


def test_a_step_may_choose_channels_and_their_order() -> None:
    world = World()

    world.tell(a_telling("ada", through=["sms", "pagerduty"]))

    assert world.channels.addresses == ["sms +15550101"]


@pytest.mark.parametrize(
    ("telling", "why"),
    [
        (a_telling("ben", through=["pagerduty"]), "has no such channel"),
        (a_telling("later"), "nobody is on call"),
        (a_telling("stranger"), "nobody is on call"),
    ],
)
def test_where_nobody_can_be_told_the_fallback_is_and_the_timeline_says_why(telling: Telling, why: str) -> None:
    world = World()

    assert world.tell(telling)["told"] is True
    assert world.tell(telling)["told"] is True
    assert world.channels.addresses == ["topic on-call"]
    assert world.details("not-told") == [why]
    assert list(world.record().told) == ["fallback"]


def test_one_who_can_not_be_told_does_not_call_the_fallback_while_another_is_told() -> None:
    world = World()

    world.tell(a_telling("later", "ben"))

    assert world.channels.addresses == ["sms +15550102"]


# ------------------------------------------------------------------------------------------------- channels that fail


def test_a_channel_that_fails_makes_way_for_the_next_and_the_timeline_says_so() -> None:
    world = World()
    world.channels.broken = {"pagerduty care": NotSentError("503 from PagerDuty")}

    assert world.tell(a_telling("ada"))["told"] is True
    assert world.channels.addresses == ["sms +15550101"]
    assert world.details("channel-failed") == ["503 from PagerDuty"]


def test_when_every_channel_fails_the_fallback_is_told() -> None:
    world = World()
    world.channels.broken = {"topic care-team": NotSentError("no")}

    assert world.tell()["told"] is True
    assert world.channels.addresses == ["topic on-call"]


def test_when_the_fallback_fails_too_the_step_fails_and_is_tried_again_from_the_start() -> None:
    world = World()
    world.channels.broken = {"topic care-team": NotSentError("no"), "topic on-call": NotSentError("no")}

    with pytest.raises(NobodyToldError):
        world.tell(token="t1")
    assert (world.record().last_telling, world.record().told, world.record().deliveries) == ("", {}, {})
    world.channels.broken = {}

    assert world.tell(token="t2")["told"] is True
    assert world.channels.addresses == ["topic care-team"]


def test_what_perhaps_went_out_goes_through_the_next_channel_and_never_again_through_the_same() -> None:
    world = World()
    world.channels.broken = {"pagerduty care": PerhapsSentError("timed out"), "sms +15550101": NotSentError("no")}

    assert world.tell(a_telling("ada"))["told"] is False
    world.channels.broken = {}
    assert world.tell(a_telling("ada"))["told"] is True

    assert world.channels.addresses == ["sms +15550101"]
    assert world.details("perhaps-told") == ["timed out"]


def test_who_was_perhaps_told_does_not_count_as_told() -> None:
    """The workflow pages the on-call by itself when nobody certainly knows after the last step."""
    world = World()
    world.channels.broken = {"topic care-team": PerhapsSentError("timed out")}

    assert world.tell() == {"told": False, "status": "open"}
    assert world.tell() == {"told": False, "status": "open"}
    assert (world.record().last_telling, world.record().told) == ("", {})
    assert world.channels.sent == []


class Killed(BaseException):
    """The function is stopped."""


class Mortal:
    """A port whose user is stopped before or after one of the calls, counted over all ports of one `Fate`."""

    def __init__(self, port: Any, fate: Fate) -> None:
        self._port, self._fate = port, fate

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._fate.step()
            answer = getattr(self._port, name)(*args, **kwargs)
            self._fate.step()
            return answer

        return call


class Fate:
    def __init__(self, at: int) -> None:
        self._left = at

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed


def _killed_at(world: World, at: int, act: Callable[[], object]) -> bool:
    """Whether the function lived to be stopped at its `at`th step."""
    alive, fate = world.deps, Fate(at)
    mortal = Mortal(world.channels, fate)
    world.deps = replace(
        alive,
        alerts=Mortal(world.alerts, fate),
        throttles=Mortal(world.throttles, fate),
        workflow=Mortal(world.workflow, fate),
        channels=dict.fromkeys(alive.channels, mortal),
    )
    try:
        act()
    except Killed:
        return True
    finally:
        world.deps = alive
    return False


def _each_kill(make: Callable[[], World], telling: Telling) -> list[World]:
    """A world for every point at which the function may be stopped, after the workflow has tried again."""
    worlds = []
    for at in range(1, 200):
        world = make()
        if not _killed_at(world, at, lambda world=world: world.tell(telling, "t1")):  # type: ignore[misc]
            return worlds
        world.tell(telling, "t2")
        worlds.append(world)
    raise AssertionError("it never ended")


def test_nobody_has_the_same_message_twice_wherever_the_function_is_stopped() -> None:
    worlds = _each_kill(World, a_telling("care-team", "ben"))

    assert len(worlds) > 10
    for world in worlds:
        assert len(set(world.channels.addresses)) == len(world.channels.addresses)
        assert _missing(world) <= _uncertain(world)


def _missing(world: World) -> set[str]:
    everybody = {"care-team": "topic care-team", "ben": "sms +15550102"}
    return {name for name, where in everybody.items() if where not in world.channels.addresses}


def _uncertain(world: World) -> set[str]:
    """Of whose message the record only says that it was begun."""
    return {key.split("/")[1] for key, receipt in world.record().deliveries.items() if receipt == "sending"}


def test_whoever_is_stopped_in_the_middle_of_a_message_tries_the_next_channel() -> None:
    for world in _each_kill(World, a_telling("ada")):
        assert world.channels.addresses in (["pagerduty care"], ["sms +15550101"], ["pagerduty care", "sms +15550101"])


def test_what_is_held_back_is_in_the_digest_wherever_the_function_is_stopped() -> None:
    def full() -> World:
        world = World()
        world.roster(THROTTLED)
        world.tell(a_telling(key="1.0"))
        return world

    for world in _each_kill(full, a_telling(key="1.1")):
        assert {alert_id for _, lines in world.throttles.held.values() for alert_id, _ in lines} == {"a1"}
        assert world.channels.addresses == ["topic care-team"]


# -------------------------------------------------------------------------------- when the alert is no longer the same


@pytest.mark.parametrize("status", ["acknowledged", "cleared", "exhausted"])
def test_nobody_is_told_of_an_alert_that_is_answered_and_the_workflow_hears_it(status: str) -> None:
    world = World()
    world.change(status=status, acknowledged_by="nurse" if status == "acknowledged" else None)

    assert world.tell(token="t1") == {"told": False, "status": status}
    assert world.channels.sent == []
    assert world.workflow.statuses == [("t1", status)]


def test_a_telling_that_was_overtaken_tells_nobody_and_keeps_the_later_token() -> None:
    """A slow start of the function: the reminder is out already when the first message would go."""
    world = World()
    world.tell(a_telling(key="1.1"), "t2")

    assert world.tell(a_telling(key="1.0"), "t1") == {"told": False, "status": "overtaken"}
    assert len(world.channels.sent) == 1
    assert world.alerts.waiting_token("a1") == "t2"
    assert world.workflow.answers == []


def test_nobody_is_told_once_the_workflow_has_paged_by_itself() -> None:
    world = World()
    world.alerts.paged_directly("a1", world.deps.entry("paged-directly"))

    assert world.tell() == {"told": False, "status": "overtaken"}
    assert world.channels.sent == []


def test_what_was_planned_for_less_is_planned_again() -> None:
    world = World(claimed=False)
    world.worsen(severity="critical")
    world.claim(ALERT.model_copy(update={"severity": "warning"}))

    assert world.tell(a_telling(severity="warning"), "t1") == {"told": False, "status": "plan-again"}
    assert world.workflow.answers == [("t1", {"status": "plan-again", "cause": "worsened", "acknowledgedBy": ""})]
    assert world.channels.sent == []


def test_a_hold_keeps_the_token_and_tells_nobody_but_the_timeline_once() -> None:
    world = World()

    assert world.tell(a_hold("quiet-hours"), "t1") == {"told": False, "status": "waiting"}
    assert world.tell(a_hold("quiet-hours"), "t2") == {"told": False, "status": "waiting"}

    assert world.channels.sent == []
    assert world.details("waiting") == ["for the test"]
    assert (world.record().holding, world.alerts.waiting_token("a1")) == ("quiet-hours", "t2")


def test_what_comes_after_a_hold_holds_nothing() -> None:
    world = World()
    world.tell(a_hold(key="1.0"), "t1")

    world.tell(a_telling(key="1.1"), "t2")

    assert world.record().holding == ""


# ------------------------------------------------------------------------------------------------------------ crossing


def test_a_message_that_crosses_an_acknowledgement_is_noted_and_the_pager_follows() -> None:
    world = World()
    world.channels.during = lambda message: world.acknowledge() if message.purpose == "alert" else None

    assert world.tell(a_telling("ada"))["told"] is True
    assert world.details("crossed") == ["was on its way when the alert was acknowledged"]
    assert world.channels.said == [("alert", "pagerduty care"), ("acknowledged", "pagerduty care")]


def test_a_message_that_crosses_a_clear_is_followed_by_the_word_that_it_is_over() -> None:
    world = World()
    world.channels.during = lambda message: world.clear() if message.purpose == "alert" else None

    world.tell()

    assert world.channels.said == [("alert", "topic care-team"), ("cleared", "topic care-team")]


def test_after_a_crossing_nobody_else_of_the_step_is_told() -> None:
    world = World()
    world.channels.during = lambda message: world.acknowledge() if message.purpose == "alert" else None

    world.tell(a_telling("care-team", "ben"))

    assert world.channels.addresses == ["topic care-team"]


def test_a_message_that_crosses_the_end_of_all_waits_acknowledges_nothing_at_the_pager() -> None:
    world = World()
    world.channels.during = lambda _: world.alerts.mark_exhausted("a1", "e1", world.deps.entry("exhausted"))

    world.tell(a_telling("ada"))

    assert world.channels.said == [("alert", "pagerduty care")]


def test_a_word_after_a_crossing_that_fails_does_not_fail_the_step() -> None:
    world = World()

    def meanwhile(_: Any) -> None:
        world.channels.broken = {"topic care-team": NotSentError("no")}
        world.change(status="cleared", cleared_at=1)

    world.channels.during = meanwhile

    assert world.tell()["told"] is True
    assert world.details("channel-failed") == ["no"]


# ----------------------------------------------------------------------------------------------------------- throttles


def test_whoever_had_too_many_messages_hears_of_the_rest_in_a_digest() -> None:
    world = World()
    world.roster(THROTTLED)
    world.tell(a_telling(key="1.0"))

    assert world.tell(a_telling(key="1.1", round=1)) == {"told": False, "status": "open"}
    assert world.channels.addresses == ["topic care-team"]
    assert world.details("held-back") == ["more than 1 in 60 s"]
    assert world.record().last_telling == "1.1"
    line = "22:13:30 UTC Reminder, nobody has answered: Heart rate above 150 bpm (watch-002), critical, alert a1"
    assert world.throttles.held["care-team"][1] == [("a1", line)]


def test_the_first_word_about_a_critical_alert_is_never_held_back() -> None:
    world = World()
    world.roster(THROTTLED)
    world.tell()
    second = world.another("a2", device_id="watch-003")

    assert world.tell(alert=second)["told"] is True
    assert world.channels.addresses == ["topic care-team", "topic care-team"]


def test_the_first_word_about_a_warning_may_be_held_back() -> None:
    world = World()
    world.roster(THROTTLED)
    world.tell()
    second = world.another("a2", device_id="watch-003", severity="warning")

    assert world.tell(a_telling(severity="warning"), alert=second)["told"] is False
    assert world.channels.addresses == ["topic care-team"]


def test_a_window_that_is_over_admits_again() -> None:
    world = World()
    world.roster(THROTTLED)
    world.tell(a_telling(key="1.0"))
    world.later(60)

    assert world.tell(a_telling(key="1.1"))["told"] is True


def test_a_second_try_of_what_was_held_back_holds_it_back_once() -> None:
    world = World()
    world.roster(THROTTLED)
    world.tell(a_telling(key="1.0"))
    world.tell(a_telling(key="1.1"))
    world.later(60)

    assert world.tell(a_telling(key="1.1")) == {"told": False, "status": "open"}
    assert len(world.throttles.held["care-team"][1]) == 1
    assert len(world.channels.sent) == 1


def test_a_persons_own_throttle_counts_before_the_rosters() -> None:
    world = World()
    own = '"+15550102"}]}'
    assert own in THROTTLED
    world.roster(THROTTLED.replace(own, '"+15550102"}], throttle: {messages: 2, perSeconds: 60}}'))

    for number in range(3):
        world.tell(a_telling("ben", key=f"1.{number}"))

    assert len(world.channels.sent) == 2


def test_the_fallback_is_never_held_back() -> None:
    world = World()
    world.roster(THROTTLED)

    for number in range(3):
        world.tell(a_telling("later", key=f"1.{number}"))

    assert world.channels.addresses == ["topic on-call"] * 3


def test_a_drill_uses_up_nobodys_messages() -> None:
    world = World(claimed=False)
    world.roster(THROTTLED)
    world.claim(DRILL)
    world.tell(a_telling(key="1.0"), alert=DRILL)
    world.tell(a_telling(key="1.1"), alert=DRILL)
    second = world.another("a2", severity="warning")

    assert world.tell(a_telling(severity="warning"), alert=second)["told"] is True
    assert list(world.throttles.held) == ["drill/care-team"]


# -------------------------------------------------------------------------------------------------------------- drills


def test_a_dry_run_sends_nothing_and_notes_what_it_would_have_sent() -> None:
    world = World(claimed=False)
    world.claim(DRY)

    assert world.tell(a_telling("ada", "care-team"), alert=DRY)["told"] is True
    assert world.channels.sent == []
    assert [(e.to, e.through, e.receipt) for e in world.alerts.items["a1"].timeline if e.what == "told"] == [
        ("ada", "pagerduty", "dry run, not sent"),
        ("care-team", "topic", "dry run, not sent"),
    ]


def test_a_dry_run_is_never_held_back() -> None:
    world = World(claimed=False)
    world.roster(THROTTLED)
    world.claim(DRY)

    for number in range(3):
        world.tell(a_telling(key=f"1.{number}"), alert=DRY)

    assert (world.throttles.windows, world.timeline().count("told")) == ({}, 3)


# ------------------------------------------------------------------------------------------------------------- figures


def test_the_time_to_the_first_message_is_measured_once() -> None:
    world = World()
    world.tell(a_telling("care-team", "ben", key="1.0"))
    world.later(300)
    world.tell(a_telling("ada", key="1.1"))

    assert world.measures.times == [("TimeToNotify", 10_000)]


# --------------------------------------------------------------------------------------------------------- the wording


def sent(telling: Telling, alert: Any = ALERT) -> messages.Message:
    world = World(claimed=False)
    world.claim(alert)
    world.tell(telling, alert=alert)
    return world.channels.messages[0]


def test_a_message_says_what_is_wrong_with_whom_since_when_and_how_to_answer() -> None:
    made = sent(a_telling())

    assert made.subject == "Alert: Heart rate above 150 bpm (watch-002)"
    assert made.body.splitlines() == [
        "Alert.",
        "Heart rate above 150 bpm, critical.",
        "Watch: watch-002",
        "Since: 2023-11-14 22:13:20 UTC",
        "Alert: a1",
        "",
        "To take responsibility: https://answers/a1/care-team/1.0/care-team/0",
    ]
    assert (made.key, made.link) == ("1.0/care-team/0", "https://answers/a1/care-team/1.0/care-team/0")


def test_without_a_link_a_message_names_the_command() -> None:
    record = World().record()

    assert "To take responsibility: smartwatch ack a1" in messages.alert(a_telling(), record, key="k", link="").body


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        ({}, "Alert"),
        ({"round": 1}, "Reminder, nobody has answered"),
        ({"first_step": False}, "Nobody has answered yet"),
        ({"first_step": False, "round": 2}, "Reminder, nobody has answered"),
        ({"cause": "worsened"}, "Now critical"),
        ({"cause": "worsened", "severity": "warning"}, "Alert"),
        ({"cause": "unsilenced"}, "Alert"),
        ({"cause": "expired"}, "Acknowledged and still not over"),
    ],
)
def test_the_first_words_say_why_the_message_comes_now(fields: dict[str, Any], first: str) -> None:
    assert messages.opening(a_telling(**fields)) == first


@pytest.mark.parametrize(("members", "line"), [({"a2"}, "1 more alert"), ({"a2", "a3"}, "2 more alerts")])
def test_a_message_says_how_many_more_alerts_of_the_watch_it_stands_for(members: set[str], line: str) -> None:
    record = replace(World().record(), members=frozenset(members))

    assert f"{line} about this watch." in messages.alert(a_telling(), record, key="k", link="").body


def all_messages(alert: Any) -> list[messages.Message]:
    world = World(claimed=False)
    world.claim(alert)
    record = replace(world.record(), acknowledged_by="nurse")
    return [
        messages.alert(a_telling(), record, key="k", link=""),
        messages.cleared(record, key="k"),
        messages.acknowledged(record, key="k"),
        messages.stalled(record, "why", key="k", link=""),
        messages.digest([messages.held_line(a_telling(), record, NOW)], drill=record.drill, key="k"),
    ]


def test_every_message_of_a_drill_says_so_first_and_once_in_its_subject() -> None:
    for made in all_messages(DRILL):
        assert made.drill is True
        assert made.subject.startswith("DRILL - ")
        assert made.subject.count("DRILL") == 1
        assert made.body.startswith("DRILL - this is a rehearsal, no person is in danger.")


def test_a_message_that_is_no_drill_never_says_so() -> None:
    for made in all_messages(ALERT):
        assert made.drill is False
        assert "DRILL" not in made.subject + made.body


def test_a_subject_is_at_most_99_printable_ascii_characters() -> None:
    for made in all_messages(ALERT.model_copy(update={"device_id": "x" * 128, "title": "é\n" * 40})):
        assert len(made.subject) <= 99
        assert all(32 <= ord(character) < 127 for character in made.subject)


def test_a_message_has_no_field_for_a_measured_value() -> None:
    assert set(messages.Message.__dataclass_fields__) == {
        *("purpose", "subject", "body", "severity", "alert_id", "device_id", "rule_id"),
        *("title", "started_at", "drill", "key", "link"),
    }
