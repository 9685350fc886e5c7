"""What evaluate needs from the world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evaluate.compiled import CompiledRules
from evaluate.episodes import DeviceState
from evaluate.presence import Heard, Roster


class AlarmStates(Protocol):
    """The alarm state of watches that have, or had, an episode."""

    def watched(self) -> frozenset[str]:
        """Watches with something pending, open or unpublished, perhaps some seconds old."""

    def load(self, device_id: str) -> DeviceState:
        """The state as last saved, or a new one."""

    def save(self, state: DeviceState) -> DeviceState:
        """Save if nobody saved since `state` was loaded; the state with its new version. Errors: `ConflictError`."""


class Configuration(Protocol):
    """Rule sets and profiles as they are now, perhaps some seconds old. One that can't be used is never in force."""

    def rules_of(self, device_id: str) -> CompiledRules:
        """The rules for the wearer of one watch."""

    def refresh(self) -> None:
        """Look for changes, if it is time to. Costs no request most of the time."""


class Bus(Protocol):
    """Where alert events go."""

    def publish(self, envelopes: Sequence[Mapping[str, Any]]) -> None:
        """Publish envelopes (as JSON objects). Errors: `PublishError` unless every one was accepted."""


@dataclass(frozen=True)
class RosterPart:
    """A share of the roster of watches. `version` counts saves; `unpublished` are events decided and saved with it."""

    index: int
    roster: Roster
    unpublished: tuple[Mapping[str, Any], ...] = ()
    version: int = 0


class Presence(Protocol):
    """Who was heard, as the function's instances hand it over, and the roster that is made of it."""

    def hand_over(self, heard: Mapping[str, Heard]) -> None:
        """Store what one instance heard since it last did so. Errors: `PresenceError`."""

    def collect(self) -> tuple[dict[str, Heard], tuple[str, ...]]:
        """All that was handed over and not yet discarded, merged, and its receipts."""

    def discard(self, receipts: Sequence[str]) -> None:
        """Drop what is in the roster by now."""

    def parts(self) -> Iterator[RosterPart]:
        """The roster, part by part."""

    def part_of(self, device_id: str) -> int:
        """Which part of the roster a watch is in."""

    def save(self, part: RosterPart) -> RosterPart:
        """Save if nobody saved since it was loaded. Errors: `ConflictError`."""


class ConflictError(Exception):
    """Somebody else saved the state first."""


class PublishError(Exception):
    """EventBridge did not accept every event."""


class PresenceError(Exception):
    """Whom an instance heard could not be stored."""
