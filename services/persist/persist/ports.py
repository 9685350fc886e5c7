"""What persist needs from the world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from persist.domain import Row


class ReadingsTable(Protocol):
    """Where readings are kept."""

    def put(self, rows: Sequence[Row]) -> None:
        """Store all rows, over any that have the same key. Errors: `StorageError` when one could not be stored."""


class StorageError(Exception):
    """Not every row was stored; the caller's event must come again."""
