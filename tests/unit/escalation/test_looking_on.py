"""The auditor looks while notify is at work: what goes as it should is no stall."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from notify import policy_files
from notify.auditing import audit_escalations
from notify.messages import Message

from tests.support.workflows import World, an_alert

POLICY = policy_files.policy("""
name: night
team: care
severities:
  critical: {steps: [{name: first, tell: [on-call], waitSeconds: 600}]}
  warning:
    steps: [{name: first, tell: [care-team], waitSeconds: 900}]
    quietHours: {from: "22:00", until: "07:00", timeZone: Europe/Zurich}
""")
EVENING = datetime.fromisoformat("2026-03-02T21:30:00+00:00")
SEVEN = 8.5 * 3600


class Watched(World):
    """The auditor looks in the middle of every message that is being sent, and whenever it is told to."""

    def send(self, message: Message, channel: Any) -> str:
        self.look()
        return super().send(message, channel)

    def look(self) -> None:
        audit_escalations(self.deps, self.alerts, self.escalations)


@pytest.fixture
def world() -> Watched:
    made = Watched(POLICY, at=EVENING)
    made.begin(an_alert(severity="warning"))
    return made


def test_a_warning_of_the_night_that_is_told_in_the_morning_was_not_forgotten(world: Watched) -> None:
    world.at(SEVEN - 30, world.look)
    world.run(SEVEN + 60)

    assert world.sent == [(SEVEN, "alert", "care-team")]


def test_one_that_becomes_critical_at_night_was_not_forgotten(world: Watched) -> None:
    def worsen() -> None:
        world.alerts.worsen("a1", "critical", "e1", world.deps.entry("severity-raised"))
        token = world.alerts.waiting_token("a1")
        assert token
        world.alerts.forget_token("a1", token)
        world.look()
        world.escalations.answer(token, {"status": "plan-again", "cause": "worsened"})

    world.at(3600, worsen)
    world.run(3700)

    assert world.sent == [(3600, "alert", "on-call")]


def test_one_whose_execution_is_gone_is_a_stall_at_night_too(world: Watched) -> None:
    world.at(1, lambda: world.escalations.stop(next(iter(world.escalations.executions))))
    world.at(61, world.look)
    world.run(62)

    assert [envelope.data.reason for envelope in world.side.published] == ["ended"]
