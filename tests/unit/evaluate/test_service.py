"""Evaluate's use case: no request for normal readings, no alert lost in a crash, none opened twice in a race."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from evaluate import rule_files
from evaluate.compiled import CompiledRules, compiled
from evaluate.episodes import DeviceState
from evaluate.memory import RecentlyHeard, RecentReadings
from evaluate.ports import AlarmStates, Bus, Configuration, ConflictError, Presence, PresenceError, PublishError
from evaluate.presence import Heard
from evaluate.service import Dependencies, apply, take_presence
from evaluate.tracing import trace_for_alert
from smartwatch_contracts.catalogue import DEVICE_PRESENCE_CHANGED
from smartwatch_contracts.events import DevicePresenceChangedV1

from tests.support.builders import NOW, T0, a_reading, bus_event, readings_accepted

SIMPLE = compiled(rule_files.built_in("simple"))
DEFAULT = compiled(rule_files.built_in("default"))


class FakeStates(AlarmStates):
    """One version counter for each watch, as the table has; counts requests."""

    def __init__(self) -> None:
        self.saved: dict[str, DeviceState] = {}
        self.requests = 0
        self.saves = 0
        self.interloper: DeviceState | None = None

    def watched(self) -> frozenset[str]:
        return frozenset(name for name, state in self.saved.items() if state.watched)

    def load(self, device_id: str) -> DeviceState:
        self.requests += 1
        return self.saved.get(device_id, DeviceState(device_id))

    def save(self, state: DeviceState) -> DeviceState:
        self.requests += 1
        self.saves += 1
        if self.interloper is not None:
            self.saved[state.device_id], self.interloper = self.interloper, None
        if self.saved.get(state.device_id, DeviceState(state.device_id)).version != state.version:
            raise ConflictError
        self.saved[state.device_id] = replace(state, version=state.version + 1)
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


class FakePresence(Presence):
    def __init__(self) -> None:
        self.handed_over: list[dict[str, Heard]] = []
        self.broken = False

    def hand_over(self, heard: Mapping[str, Heard]) -> None:
        if self.broken:
            raise PresenceError
        self.handed_over.append(dict(heard))


class FakeConfiguration(Configuration):
    def __init__(self, rules: CompiledRules, own: Mapping[str, CompiledRules]) -> None:
        self._rules, self._own = rules, own

    def rules_of(self, device_id: str) -> CompiledRules:
        return self._own.get(device_id, self._rules)

    def refresh(self) -> None:
        return


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class World:
    """The use case with fakes around it. Without memory it is many instances, none of which sees a watch twice."""

    def __init__(self, rules: CompiledRules = SIMPLE, *, remembers: int = 50_000, **own: CompiledRules) -> None:
        self.states, self.bus, self.presence, self.monotonic = FakeStates(), FakeBus(), FakePresence(), Clock()
        self.deps = Dependencies(
            configuration=FakeConfiguration(rules, own),
            states=self.states,
            bus=self.bus,
            clock=lambda: NOW,
            trace_for_alert=lambda header: header or "new",
            presence=self.presence,
            heard=RecentlyHeard(seconds=15),
            monotonic=self.monotonic,
            memory=RecentReadings(remembers),
        )

    def take(self, *readings: Any, trace: str | None = None, **more: Any) -> Any:
        return apply(readings_accepted(*readings, **more), self.deps, trace)


def test_normal_readings_of_watches_with_nothing_open_cost_no_request() -> None:
    world = World(DEFAULT)

    report = world.take(*[a_reading(-n * 0.1, heart_rate=60 + n % 50) for n in range(1000)])

    assert (report.readings, world.states.requests) == (1000, 0)


def test_a_breach_is_saved_published_and_forgotten_as_unpublished() -> None:
    world = World()

    world.take(a_reading(0, heart_rate=160), trace="Root=1")

    assert world.bus.types() == ["AlertRaised"]
    assert world.bus.published[0]["causationId"] == "e1"
    assert world.bus.published[0]["correlationId"] == "c1"
    assert world.bus.published[0]["trace"] == "Root=1"
    assert world.states.saved["watch-001"].unpublished == ()


def test_an_event_that_could_not_be_published_is_published_when_the_batch_comes_again() -> None:
    world = World()
    world.bus.broken = True
    with pytest.raises(PublishError):
        world.take(a_reading(0, heart_rate=160))
    world.bus.broken = False

    world.take(a_reading(0, heart_rate=160))

    assert world.bus.types() == ["AlertRaised"]


def test_an_event_that_could_not_be_published_is_published_by_whoever_sees_the_watch_next() -> None:
    world = World()
    world.bus.broken = True
    with pytest.raises(PublishError):
        world.take(a_reading(0, heart_rate=160))
    world.bus.broken = False

    world.take(a_reading(1), event_id="e2")

    assert world.bus.types() == ["AlertRaised"]


def test_a_lost_race_is_run_again_and_the_episode_opens_once() -> None:
    world = World()
    world.take(a_reading(0, heart_rate=160))
    world.states.interloper = world.states.saved.pop("watch-001")

    world.take(a_reading(1, heart_rate=165), event_id="e2")

    assert world.bus.types() == ["AlertRaised"]


def test_a_watched_device_is_looked_at_even_when_its_readings_are_normal() -> None:
    world = World()
    world.take(a_reading(0, heart_rate=160))

    world.take(*[a_reading(n, heart_rate=120) for n in (1, 2, 3)], event_id="e2")

    assert world.bus.types() == ["AlertRaised", "AlertCleared"]
    assert world.states.watched() == frozenset()


def test_the_same_alert_has_the_same_event_id_whoever_publishes_it() -> None:
    ids = []
    for _ in range(2):
        world = World()
        world.take(a_reading(0, heart_rate=160))
        ids.append(world.bus.published[0]["id"])

    assert ids[0] == ids[1]


def test_quiet_readings_before_a_breach_tell_whether_the_wearer_walked() -> None:
    """The heart rate is quiet until it passes a limit; only then is the watch's state looked at."""
    walking, sitting = World(DEFAULT), World(DEFAULT)
    for n in range(6):
        walking.take(a_reading(n * 5 - 30, heart_rate=118, steps=9), event_id=f"w{n}")
        sitting.take(a_reading(n * 5 - 30, heart_rate=118, steps=0), event_id=f"s{n}")

    for world, steps in ((walking, 9), (sitting, 0)):
        world.take(*[a_reading(n / 10, heart_rate=180, steps=steps if n == 0 else 0) for n in range(9)], event_id="e")

    assert walking.bus.types() == []
    assert sitting.bus.types() == ["AlertRaised"]


def test_an_effort_without_anything_pending_is_saved_at_most_once_a_minute() -> None:
    world = World(DEFAULT)

    for n in range(60):
        world.take(a_reading(n - 60, heart_rate=150, activity="running"), event_id=f"e{n}")

    assert world.states.saves == 1


@pytest.mark.parametrize("remembers", [50_000, 0])
@pytest.mark.parametrize("interval", [1, 5, 20])
def test_a_long_run_is_no_alert_however_the_work_is_spread_over_instances(remembers: int, interval: int) -> None:
    world = World(DEFAULT, remembers=remembers)

    for n in range(1200 // interval):
        at = n * interval
        heart_rate = min(172, 100 + at // 3)
        reading = a_reading(at, heart_rate=heart_rate, steps=3 * interval)
        world.take(reading, event_id=f"e{n}", received_at=reading.timestamp + 400)

    assert world.bus.types() == []


@pytest.mark.parametrize("remembers", [50_000, 0])
@pytest.mark.parametrize("interval", [1, 5, 20])
def test_a_racing_heart_at_rest_is_an_alert_however_the_work_is_spread(remembers: int, interval: int) -> None:
    world = World(DEFAULT, remembers=remembers)

    for n in range(300 // interval):
        reading = a_reading(n * interval, heart_rate=150, steps=0)
        world.take(reading, event_id=f"e{n}", received_at=reading.timestamp + 400)

    assert "AlertRaised" in world.bus.types()


def test_a_watch_with_a_profile_has_rules_of_its_own() -> None:
    from smartwatch_contracts.profiles import Profile

    frail = compiled(
        rule_files.built_in("simple"), Profile(device_id="frail", limits={"heart-rate-high": {"critical": 100}})
    )
    world = World(SIMPLE, frail=frail)

    world.take(a_reading(0, heart_rate=105), device_id="frail")
    world.take(a_reading(0, heart_rate=105), device_id="strong")

    assert [envelope["data"]["deviceId"] for envelope in world.bus.published] == ["frail"]


def test_whom_an_instance_heard_is_handed_over_now_and_then_and_not_for_each_batch() -> None:
    world = World(DEFAULT)

    for second in range(31):
        world.monotonic.now = float(second)
        world.take(a_reading(0), device_id=f"watch-{second % 3}", event_id=f"e{second}")

    assert [sorted(heard) for heard in world.presence.handed_over] == [
        ["watch-0"],
        ["watch-0", "watch-1", "watch-2"],
        ["watch-0", "watch-1", "watch-2"],
    ]


def test_whom_an_instance_heard_is_kept_while_it_can_not_be_handed_over_and_alarms_go_on() -> None:
    world = World()
    world.presence.broken = True
    world.take(a_reading(0, heart_rate=160))
    world.presence.broken = False

    world.take(a_reading(0), device_id="watch-002", event_id="e2")

    assert world.bus.types() == ["AlertRaised"]
    assert [sorted(heard) for heard in world.presence.handed_over] == [["watch-001", "watch-002"]]


def test_a_lost_connection_is_handed_over_at_once() -> None:
    world = World(DEFAULT)
    world.take(a_reading(0))
    lost = DevicePresenceChangedV1(device_id="watch-001", status="offline", reason="lost", received_at=T0 + 5000)

    take_presence(bus_event(DEVICE_PRESENCE_CHANGED, lost), world.deps)

    assert world.presence.handed_over[-1] == {"watch-001": Heard(0, "lost", T0 + 5000)}


def test_an_alert_of_a_batch_that_was_not_sampled_gets_a_trace_of_its_own() -> None:
    header = trace_for_alert("Root=1-5;Parent=6;Sampled=0", now=lambda: 1_700_000_000, token=lambda n: "ab" * n)

    assert header == f"Root=1-6553f100-{'ab' * 12};Parent={'ab' * 8};Sampled=1"


def test_an_alert_of_a_sampled_batch_stays_in_its_trace() -> None:
    assert trace_for_alert("Root=1-5;Parent=6;Sampled=1") == "Root=1-5;Parent=6;Sampled=1"
