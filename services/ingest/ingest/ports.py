"""What ingest needs from the world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from smartwatch_contracts.envelope import Envelope

from ingest.domain import Rejection


class Bus(Protocol):
    """Where accepted readings go."""

    def publish(self, envelopes: Sequence[Envelope[Any]]) -> frozenset[str]:
        """Publish all; the ids of the envelopes that were not accepted."""


class Quarantine(Protocol):
    """Where refused input goes, with its bytes and the reason."""

    def put(self, rejections: Sequence[Rejection]) -> frozenset[str]:
        """Store all; the sequence numbers of those that could not be stored."""
