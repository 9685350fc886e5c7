"""The watchdog's use case: nothing that was handed over is lost, no silence is told twice or never."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from evaluate import rule_files
from evaluate.attendance import Dependencies, look
from evaluate.compiled import compiled
from evaluate.ports import ConflictError, Presence, PublishError, RosterPart
from evaluate.presence import Heard

from tests.support.builders import T0
from tests.unit.evaluate.test_service import FakeBus, FakeConfiguration

DEFAULT = compiled(rule_files.built_in("default"))


class FakePresence(Presence):
    """Two parts, in memory, with versions as the table has them."""

    def __init__(self) -> None:
        self.waiting: dict[str, dict[str, Heard]] = {}
        self.stored = {index: RosterPart(index, {}) for index in (0, 1)}

    def hand_over(self, heard: Mapping[str, Heard]) -> None:
        self.waiting[f"r{len(self.waiting)}"] = dict(heard)

    def collect(self) -> tuple[dict[str, Heard], tuple[str, ...]]:
        return {k: v for heard in self.waiting.values() for k, v in heard.items()}, tuple(self.waiting)

    def discard(self, receipts: Sequence[str]) -> None:
        for receipt in receipts:
            del self.waiting[receipt]

    def parts(self) -> Iterator[RosterPart]:
        yield from list(self.stored.values())

    def part_of(self, device_id: str) -> int:
        return len(device_id) % 2

    def save(self, part: RosterPart) -> RosterPart:
        if self.stored[part.index].version != part.version:
            raise ConflictError
        self.stored[part.index] = replace(part, version=part.version + 1)
        return self.stored[part.index]


class World:
    def __init__(self) -> None:
        self.presence, self.bus, self.seconds = FakePresence(), FakeBus(), 0.0
        self.deps = Dependencies(
            configuration=FakeConfiguration(DEFAULT, {}),
            presence=self.presence,
            bus=self.bus,
            clock=lambda: datetime.fromtimestamp(T0 / 1000 + self.seconds, UTC),
            trace_for_alert=lambda header: header or "new",
        )

    def look(self, at_seconds: float) -> Any:
        self.seconds = at_seconds
        return look(self.deps, trace=None)


def test_a_silent_watch_is_published_once_and_so_is_its_return() -> None:
    world = World()
    world.presence.hand_over({"watch-001": Heard(T0)})
    for at in (10, 310, 370, 430):
        world.look(at)
    world.presence.hand_over({"watch-001": Heard(T0 + 440_000)})
    for at in (450, 510):
        world.look(at)

    assert world.bus.types() == ["TechnicalAlertRaised", "AlertCleared"]
    assert world.bus.published[0]["data"]["alertId"] == world.bus.published[1]["data"]["alertId"]


def test_what_was_handed_over_is_discarded_only_when_it_is_in_the_roster() -> None:
    world = World()
    world.presence.hand_over({"watch-001": Heard(T0)})
    original, world.presence.save = world.presence.save, _conflict  # type: ignore[method-assign,assignment]
    with pytest.raises(ConflictError):
        world.look(10)
    world.presence.save = original  # type: ignore[method-assign]

    assert len(world.presence.waiting) == 1
    assert world.look(20).watches == 1
    assert world.presence.waiting == {}


def _conflict(part: RosterPart) -> RosterPart:
    raise ConflictError


def test_a_silence_that_could_not_be_published_is_published_by_the_next_look() -> None:
    world = World()
    world.presence.hand_over({"watch-001": Heard(T0)})
    world.bus.broken = True
    with pytest.raises(PublishError):
        world.look(310)
    world.bus.broken = False

    world.look(370)

    assert world.bus.types() == ["TechnicalAlertRaised"]


def test_a_look_that_finds_nothing_new_writes_nothing() -> None:
    world = World()
    world.presence.hand_over({"watch-001": Heard(T0)})
    world.look(10)
    versions = [part.version for part in world.presence.stored.values()]

    world.look(70)

    assert [part.version for part in world.presence.stored.values()] == versions


def test_a_fleet_that_falls_silent_at_once_is_told_once_each_in_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluate.attendance.EVENTS_AT_ONCE", 10)
    world = World()
    world.presence.hand_over({f"watch-{n:03d}": Heard(T0) for n in range(45)})
    world.look(10)

    report = world.look(310)
    world.look(370)

    assert report.silent == 45
    assert len({envelope["data"]["deviceId"] for envelope in world.bus.published}) == len(world.bus.published) == 45
