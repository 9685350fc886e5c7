"""Evaluate's use case: no request for normal readings, no alert lost in a crash, none opened twice in a race."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from evaluate.episodes import DeviceState
from evaluate.ports import AlarmStates, Bus, ConflictError, PublishError
from evaluate.service import Dependencies, apply
from evaluate.tracing import trace_for_alert

from tests.support.builders import NOW, a_reading, readings_accepted
from tests.unit.evaluate.test_domain import RULES


class FakeStates(AlarmStates):
    """One version counter for each watch, as the table has; counts requests."""

    def __init__(self) -> None:
        self.saved: dict[str, DeviceState] = {}
        self.requests = 0
        self.interloper: DeviceState | None = None

    def watched(self) -> frozenset[str]:
        return frozenset(name for name, state in self.saved.items() if state.watched)

    def load(self, device_id: str) -> DeviceState:
        self.requests += 1
        return self.saved.get(device_id, DeviceState(device_id=device_id))

    def save(self, state: DeviceState) -> DeviceState:
        self.requests += 1
        if self.interloper is not None:
            self.saved[state.device_id], self.interloper = self.interloper, None
        if self.saved.get(state.device_id, DeviceState(device_id=state.device_id)).version != state.version:
            raise ConflictError
        self.saved[state.device_id] = state.model_copy(update={"version": state.version + 1})
        return self.saved[state.device_id]


class FakeBus(Bus):
    def __init__(self) -> None:
        self.published: list[Mapping[str, Any]] = []
        self.broken = False

    def publish(self, envelopes: Sequence[Mapping[str, Any]]) -> None:
        if self.broken:
            raise PublishError
        self.published += envelopes

    def types(self) -> list[str]:
        return [str(envelope["type"]) for envelope in self.published]


def deps(states: FakeStates, bus: FakeBus) -> Dependencies:
    return Dependencies(RULES, states, bus, clock=lambda: NOW, trace_for_alert=lambda header: header or "new")


def test_normal_readings_of_watches_with_nothing_open_cost_no_request() -> None:
    states = FakeStates()

    report = apply(readings_accepted(*[a_reading(n) for n in range(1000)]), deps(states, FakeBus()), trace=None)

    assert (report.readings, states.requests) == (1000, 0)


def test_a_breach_is_saved_published_and_forgotten_as_unpublished() -> None:
    states, bus = FakeStates(), FakeBus()

    apply(readings_accepted(a_reading(0, heart_rate=160)), deps(states, bus), trace="Root=1")

    assert bus.types() == ["AlertRaised"]
    assert bus.published[0]["causationId"] == "e1"
    assert bus.published[0]["correlationId"] == "c1"
    assert bus.published[0]["trace"] == "Root=1"
    assert states.saved["watch-001"].unpublished == ()


def test_an_event_that_could_not_be_published_is_published_when_the_batch_comes_again() -> None:
    states, bus = FakeStates(), FakeBus()
    event = readings_accepted(a_reading(0, heart_rate=160))
    bus.broken = True
    with pytest.raises(PublishError):
        apply(event, deps(states, bus), trace=None)
    bus.broken = False

    apply(event, deps(states, bus), trace=None)

    assert bus.types() == ["AlertRaised"]


def test_an_event_that_could_not_be_published_is_published_by_whoever_sees_the_watch_next() -> None:
    states, bus = FakeStates(), FakeBus()
    bus.broken = True
    with pytest.raises(PublishError):
        apply(readings_accepted(a_reading(0, heart_rate=160)), deps(states, bus), trace=None)
    bus.broken = False

    apply(readings_accepted(a_reading(1), event_id="e2"), deps(states, bus), trace=None)

    assert bus.types() == ["AlertRaised"]


def test_a_lost_race_is_run_again_and_the_episode_opens_once() -> None:
    states, bus = FakeStates(), FakeBus()
    apply(readings_accepted(a_reading(0, heart_rate=160)), deps(states, bus), trace=None)
    winner = states.saved.pop("watch-001")
    states.interloper = winner

    apply(readings_accepted(a_reading(1, heart_rate=165), event_id="e2"), deps(states, bus), trace=None)

    assert bus.types() == ["AlertRaised"]


def test_a_watched_device_is_looked_at_even_when_its_readings_are_normal() -> None:
    states, bus = FakeStates(), FakeBus()
    apply(readings_accepted(a_reading(0, heart_rate=160)), deps(states, bus), trace=None)

    apply(readings_accepted(*[a_reading(n) for n in (1, 2, 3)], event_id="e2"), deps(states, bus), trace=None)

    assert bus.types() == ["AlertRaised", "AlertCleared"]
    assert states.watched() == frozenset()


def test_the_same_alert_has_the_same_event_id_whoever_publishes_it() -> None:
    ids = []
    for _ in range(2):
        bus = FakeBus()
        apply(readings_accepted(a_reading(0, heart_rate=160)), deps(FakeStates(), bus), trace=None)
        ids.append(bus.published[0]["id"])

    assert ids[0] == ids[1]


def test_an_alert_of_a_batch_that_was_not_sampled_gets_a_trace_of_its_own() -> None:
    header = trace_for_alert("Root=1-5;Parent=6;Sampled=0", now=lambda: 1_700_000_000, token=lambda n: "ab" * n)

    assert header == f"Root=1-6553f100-{'ab' * 12};Parent={'ab' * 8};Sampled=1"


def test_an_alert_of_a_sampled_batch_stays_in_its_trace() -> None:
    assert trace_for_alert("Root=1-5;Parent=6;Sampled=1") == "Root=1-5;Parent=6;Sampled=1"
