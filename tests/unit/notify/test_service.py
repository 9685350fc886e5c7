"""Notify: each step tells its people once, an answer ends the wait, and nothing is said after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from notify.domain import AlertRecord, Message, TimelineEntry, message
from notify.ports import Alerts, Bus, Messenger, NotOpenError, OvertakenError, UnknownAlertError, Workflow
from notify.requests import STEPS, Acknowledge, Alert, Cleared, Noted, Step, Tell, parse
from notify.service import Dependencies, serve
from pydantic import ValidationError
from smartwatch_contracts.catalogue import ALERT_CLEARED, CATALOGUE
from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import AlertClearedV1, Severity

from tests.support.builders import NOW, T0, bus_event
from tests.support.project import event_example

ALERT = Alert(
    alert_id="a1",
    device_id="watch-002",
    rule_id="heart-rate-high",
    severity="critical",
    title="Heart rate above 150 bpm",
    started_at=T0,
    drill=False,
)


class FakeAlerts(Alerts):
    def __init__(self, *known: str) -> None:
        self.records = {alert_id: AlertRecord(alert_id, "open", device_id="watch-002") for alert_id in known}
        self.tokens: dict[str, str] = {}
        self.timeline: list[str] = []
        self.cleared: set[str] = set()
        self.begun: dict[str, int] = {}
        self.noted: list[Noted] = []

    def begin_step(self, alert_id: str, step: Step, task_token: str) -> AlertRecord:
        record = self._known(alert_id)
        if record.status == "open":
            if STEPS.index(step) < self.begun.get(alert_id, 0):
                raise OvertakenError
            self.begun[alert_id] = STEPS.index(step)
            self.tokens[alert_id] = task_token
        return record

    def step_done(self, alert_id: str, step: Step, entry: TimelineEntry) -> None:
        record = self.records[alert_id]
        if step not in record.told:
            self.records[alert_id] = replace(record, told=record.told | {step})
            self.timeline.append(entry.what)

    def acknowledge(self, alert_id: str, by: str, at_ms: int, entry: TimelineEntry) -> AlertRecord:
        record = self._known(alert_id)
        if record.status not in ("open", "exhausted"):
            raise NotOpenError(record)
        self.records[alert_id] = replace(record, status="acknowledged", acknowledged_by=by, acknowledged_at=at_ms)
        self.timeline.append(entry.what)
        return self.records[alert_id]

    def clear(self, alert_id: str, device_id: str, cleared_at_ms: int, entry: TimelineEntry) -> AlertRecord:
        record = self.records.get(alert_id, AlertRecord(alert_id, "open", device_id=device_id))
        if alert_id not in self.cleared:
            self.cleared.add(alert_id)
            self.timeline.append(entry.what)
        self.records[alert_id] = replace(record, status="cleared") if record.status == "open" else record
        return self.records[alert_id]

    def note(self, request: Noted, entry: TimelineEntry) -> None:
        self.noted.append(request)
        self.timeline.append(entry.what)

    def worsen(self, alert_id: str, severity: Severity, event_id: str, entry: TimelineEntry) -> None:
        self.timeline.append(f"{entry.what} {entry.detail}")

    def waiting_token(self, alert_id: str) -> str | None:
        return self.tokens.get(alert_id)

    def forget_token(self, alert_id: str, task_token: str) -> None:
        self.tokens.pop(alert_id, None)

    def _known(self, alert_id: str) -> AlertRecord:
        if alert_id not in self.records:
            raise UnknownAlertError(alert_id)
        return self.records[alert_id]


class FakeMessenger(Messenger):
    def __init__(self, alerts: FakeAlerts) -> None:
        self.sent: list[Message] = []
        self.tokens_when_sent: list[str | None] = []
        self.broken = False
        self._alerts = alerts

    def send(self, message: Message) -> str:
        if self.broken:
            raise ConnectionError
        self.sent.append(message)
        self.tokens_when_sent.append(self._alerts.waiting_token(message.alert_id))
        return f"receipt-{len(self.sent)}"


class FakeWorkflow(Workflow):
    def __init__(self) -> None:
        self.answers: list[tuple[str, str]] = []
        self.broken = False

    def answer(self, task_token: str, output: dict[str, Any]) -> bool:
        if self.broken:
            raise ConnectionError
        self.answers.append((task_token, output["status"]))
        return True


class FakeBus(Bus):
    def __init__(self) -> None:
        self.published: list[Envelope[Any]] = []
        self.broken = False

    def publish(self, envelope: Envelope[Any]) -> None:
        if self.broken:
            raise ConnectionError
        self.published.append(envelope)


class World:
    """Notify with fakes all around it, and the alert `a1` open."""

    def __init__(self) -> None:
        self.alerts = FakeAlerts("a1")
        self.people = FakeMessenger(self.alerts)
        self.workflow = FakeWorkflow()
        self.bus = FakeBus()
        self.deps = Dependencies(
            alerts=self.alerts,
            channels={"care-team": self.people, "care-team-reminder": self.people, "on-call": self.people},
            workflow=self.workflow,
            bus=self.bus,
            clock=lambda: NOW,
        )

    def tell(self, step: Step = "care-team", token: str = "t1") -> dict[str, Any]:
        return serve(Tell(action="tell", step=step, alert=ALERT, task_token=token), self.deps)

    def acknowledge(self, alert_id: str = "a1", by: str = "nurse") -> dict[str, Any]:
        return serve(Acknowledge(action="acknowledge", alert_id=alert_id, acknowledged_by=by), self.deps)

    def clear(self, alert_id: str = "a1") -> dict[str, Any]:
        return serve(Cleared(action="cleared", alert_id=alert_id, device_id="w", cleared_at=T0), self.deps)


def test_a_step_tells_its_people_once_even_when_the_workflow_tries_again() -> None:
    world = World()

    world.tell(token="t1")
    world.tell(token="t2")

    assert len(world.people.sent) == 1
    assert world.alerts.tokens == {"a1": "t2"}


def test_the_token_is_kept_before_anybody_can_answer() -> None:
    world = World()

    world.tell(token="t1")

    assert world.people.tokens_when_sent == ["t1"]


def test_a_message_that_could_not_be_sent_fails_the_step_and_is_sent_when_it_is_tried_again() -> None:
    world = World()
    world.people.broken = True
    with pytest.raises(ConnectionError):
        world.tell()
    world.people.broken = False

    assert world.tell()["told"] is True
    assert world.alerts.timeline == ["care-team-notified"]


def test_an_acknowledgement_ends_the_wait_and_is_announced() -> None:
    world = World()
    world.tell(token="t1")

    assert world.acknowledge(by="nurse") == {"acknowledged": True, "by": "nurse"}
    assert world.workflow.answers == [("t1", "acknowledged")]
    assert [envelope.data.acknowledged_by for envelope in world.bus.published] == ["nurse"]


def test_nobody_is_told_after_an_acknowledgement() -> None:
    world = World()
    world.acknowledge()

    answer = world.tell(step="on-call", token="t9")

    assert answer == {"told": False, "status": "acknowledged"}
    assert world.people.sent == []
    assert world.workflow.answers == [("t9", "acknowledged")]


def test_a_second_acknowledgement_changes_nothing_and_says_who_was_first() -> None:
    world = World()
    world.tell()
    world.acknowledge(by="first")

    assert world.acknowledge(by="second") == {"acknowledged": False, "reason": "acknowledged", "by": "first"}
    assert len({event.id for event in world.bus.published}) == 1
    assert len(world.workflow.answers) == 1


def test_an_acknowledgement_that_did_not_reach_the_workflow_reaches_it_on_the_next_try() -> None:
    world = World()
    world.tell(token="t1")
    world.workflow.broken = True
    with pytest.raises(ConnectionError):
        world.acknowledge()
    world.workflow.broken = False

    world.acknowledge()

    assert world.workflow.answers == [("t1", "acknowledged")]


def test_an_unknown_alert_can_not_be_acknowledged() -> None:
    assert World().acknowledge("nosuch") == {"acknowledged": False, "reason": "unknown"}


def test_an_exhausted_alert_can_still_be_acknowledged() -> None:
    world = World()
    world.alerts.records["a1"] = replace(world.alerts.records["a1"], status="exhausted")

    assert world.acknowledge()["acknowledged"] is True


def test_a_clear_ends_the_wait() -> None:
    world = World()
    world.tell(token="t1")

    world.clear()

    assert world.workflow.answers == [("t1", "cleared")]


def test_a_clear_after_an_acknowledgement_leaves_it_acknowledged() -> None:
    world = World()
    world.acknowledge()

    assert world.clear() == {"status": "acknowledged"}


def test_a_clear_that_overtakes_the_alert_is_remembered() -> None:
    world = World()

    assert world.clear("a2") == {"status": "cleared"}


@pytest.mark.parametrize("step", STEPS)
def test_a_message_of_a_drill_says_so_in_subject_and_body(step: Step) -> None:
    drill = ALERT.model_copy(update={"drill": True, "title": "DRILL: Heart rate above 150 bpm"})

    made = message(step, drill)

    assert made.subject.startswith("DRILL - ")
    assert made.body.startswith("DRILL")
    assert made.subject.count("DRILL") == 1


@pytest.mark.parametrize("step", STEPS)
def test_a_message_that_is_no_drill_never_says_so(step: Step) -> None:
    made = message(step, ALERT)

    assert "DRILL" not in made.subject + made.body


def test_a_subject_is_at_most_99_printable_ascii_characters() -> None:
    long = ALERT.model_copy(update={"device_id": "x" * 128, "title": "é" * 60})

    subject = message("on-call", long).subject

    assert len(subject) <= 99
    assert all(32 <= ord(character) < 127 for character in subject)


def test_the_bus_event_of_a_clear_is_a_request() -> None:
    data = AlertClearedV1(alert_id="a1", device_id="w", rule_id="r", started_at=T0, cleared_at=T0 + 9, drill=False)

    assert parse(bus_event(ALERT_CLEARED, data)) == Cleared(
        action="cleared", alert_id="a1", device_id="w", cleared_at=T0 + 9
    )


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"action": "explode"},
        {"action": "acknowledge", "alertId": "", "acknowledgedBy": "x"},
        {"action": "acknowledge", "alertId": "a", "acknowledgedBy": ""},
        {"action": "tell", "step": "nobody", "alert": {}, "taskToken": "t"},
    ],
)
def test_a_request_that_notify_does_not_know_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parse(event)


def test_a_request_never_shows_its_task_token() -> None:
    assert "secret" not in repr(Tell(action="tell", step="on-call", alert=ALERT, task_token="secret"))


def test_a_step_that_was_overtaken_tells_nobody_and_keeps_the_later_token() -> None:
    """A slow start of the function: the reminder is out already when the first message would go."""
    world = World()
    world.tell("care-team-reminder", "t2")

    assert world.tell("care-team", "t1") == {"told": False, "status": "overtaken"}
    assert len(world.people.sent) == 1
    assert world.alerts.waiting_token("a1") == "t2"


def test_an_acknowledgement_that_the_bus_did_not_take_is_announced_by_the_next_one() -> None:
    world = World()
    world.bus.broken = True
    with pytest.raises(ConnectionError):
        world.acknowledge(by="nurse")
    world.bus.broken = False

    answer = world.acknowledge(by="doctor")

    assert (answer["acknowledged"], answer["by"]) == (False, "nurse")
    assert [event.data.acknowledged_by for event in world.bus.published] == ["nurse"]


@pytest.mark.parametrize(
    ("detail_type", "status", "entry"),
    [
        ("TechnicalAlertRaised", "technical", "technical-alert-raised"),
        ("RetrospectiveEpisodeFound", "retrospective", "found-in-late-readings"),
    ],
)
def test_what_concerns_no_person_now_is_noted_and_told_to_nobody(detail_type: str, status: str, entry: str) -> None:
    world = World()

    serve(parse(event_example(next(t for t in CATALOGUE if t.detail_type == detail_type))), world.deps)

    assert [noted.status for noted in world.alerts.noted] == [status]
    assert (world.alerts.timeline, world.people.sent) == ([entry], [])


def test_a_rise_in_severity_is_on_the_timeline() -> None:
    world = World()

    serve(parse(event_example(next(t for t in CATALOGUE if t.detail_type == "AlertSeverityChanged"))), world.deps)

    assert world.alerts.timeline == ["severity-raised to critical"]
