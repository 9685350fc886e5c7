"""Digests: one message for everything that was held back, once its window is over."""

from __future__ import annotations

from typing import Any

import pytest
from notify.ports import NotSentError, PerhapsSentError
from notify.requests import SendDigests
from notify.service import serve

from tests.support.notify_world import ALERT, DRILL, ROSTER_TEXT, World, a_telling

#: One message in a minute. Windows begin at full minutes: now it is 22:13:30.
THROTTLED = ROSTER_TEXT + "throttle: {messages: 1, perSeconds: 60}\n"


def held(name: str = "care-team", alert: Any = ALERT) -> World:
    """A world where two messages to somebody were held back, and their window is over."""
    world = World(claimed=False)
    world.roster(THROTTLED)
    world.claim(alert)
    for number in range(3):
        world.tell(a_telling(name, key=f"1.{number}", round=number), alert=alert)
    world.channels.sent.clear()
    world.later(30)
    return world


def send(world: World) -> dict[str, Any]:
    return serve(SendDigests(action="send-digests"), world.deps)


def test_everything_that_was_held_back_goes_out_in_one_message() -> None:
    world = held()

    assert send(world) == {"digests": 1}
    (message,) = world.channels.messages
    assert (message.purpose, message.subject) == ("digest", "Held back: 2 messages")
    assert message.body.splitlines() == [
        "So many came at once that these were held back:",
        "",
        "22:13:30 UTC Reminder, nobody has answered: Heart rate above 150 bpm (watch-002), critical, alert a1",
        "22:13:30 UTC Reminder, nobody has answered: Heart rate above 150 bpm (watch-002), critical, alert a1",
    ]
    assert world.timeline().count("told-in-digest") == 1


def test_a_digest_is_sent_once() -> None:
    world = held()
    send(world)

    assert send(world) == {"digests": 0}
    assert len(world.channels.sent) == 1


def test_a_digest_waits_until_its_window_is_over() -> None:
    world = held()
    world.later(-1)

    assert send(world) == {"digests": 0}
    assert world.channels.sent == []


def test_a_digest_goes_through_the_first_channel_that_works() -> None:
    world = held("ada")
    world.channels.broken = {"pagerduty care": NotSentError("no")}

    send(world)

    assert world.channels.addresses == ["sms +15550101"]


def test_a_digest_that_perhaps_went_out_is_not_sent_again() -> None:
    world = held()
    world.channels.broken = {"topic care-team": PerhapsSentError("?")}
    assert send(world) == {"digests": 1}
    world.channels.broken = {}

    assert send(world) == {"digests": 0}


def test_a_digest_that_nobody_takes_stays_due_and_hides_no_other() -> None:
    world = held()
    second = world.another("a2", device_id="watch-003")
    for number in range(3):
        world.tell(a_telling("ben", key=f"1.{number}"), alert=second)
    world.channels.sent.clear()
    world.later(60)
    world.channels.broken = {"topic care-team": NotSentError("no"), "topic on-call": NotSentError("no")}

    with pytest.raises(NotSentError):
        send(world)
    assert world.channels.addresses == ["sms +15550102"]
    world.channels.broken = {}

    assert send(world) == {"digests": 1}


def test_what_was_held_back_from_somebody_who_has_left_goes_to_the_fallback() -> None:
    world = held("ben")
    world.roster("name: default\nfallback: {channels: [{type: topic, topic: on-call}]}\n")

    send(world)

    assert world.channels.addresses == ["topic on-call"]


def test_a_digest_of_drills_is_one_of_its_own_and_says_so() -> None:
    world = held(alert=DRILL)

    send(world)

    (message,) = world.channels.messages
    assert message.subject == "DRILL - Held back: 2 messages"
    assert message.body.startswith("DRILL - this is a rehearsal, no person is in danger.")
    assert world.channels.addresses == ["topic care-team"]


def test_a_digest_of_an_alert_that_is_forgotten_goes_out() -> None:
    world = held()
    del world.alerts.items["a1"]

    assert send(world) == {"digests": 1}


def test_a_digest_has_the_same_key_however_often_it_is_tried() -> None:
    first, second = held(), held()
    send(first)
    send(second)

    assert first.channels.messages[0].key == second.channels.messages[0].key
    assert first.channels.messages[0].key.startswith("digest/")
