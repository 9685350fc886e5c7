"""What evaluate needs from the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from evaluate.episodes import DeviceState


class AlarmStates(Protocol):
    """The alarm state of watches that have, or had, an episode."""

    def watched(self) -> frozenset[str]:
        """Watches with something open or unpublished, perhaps some seconds old."""

    def load(self, device_id: str) -> DeviceState:
        """The state as last saved, or a new one."""

    def save(self, state: DeviceState) -> DeviceState:
        """Save if nobody saved since `state` was loaded; the state with its new version. Errors: `ConflictError`."""


class Bus(Protocol):
    """Where alert events go."""

    def publish(self, envelopes: Sequence[Mapping[str, Any]]) -> None:
        """Publish envelopes (as JSON objects). Errors: `PublishError` unless every one was accepted."""


class ConflictError(Exception):
    """Somebody else saved the state first."""


class PublishError(Exception):
    """EventBridge did not accept every event."""
