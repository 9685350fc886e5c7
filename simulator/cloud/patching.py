"""How a mend takes hold of MiniStack: by names that must exist, so that an upgrade fails at start."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


class PatchTargetMissingError(RuntimeError):
    """MiniStack no longer has a name that a mend replaces or uses."""


def require(owner: ModuleType | type, *names: str) -> None:
    """Assert that `owner` has every one of `names`: for what a mend calls without replacing it."""
    missing = [name for name in names if not hasattr(owner, name)]
    if missing:
        raise PatchTargetMissingError(
            f"{owner.__name__} has no {', '.join(missing)}: this MiniStack is not the one the mends were written for"
        )


def replace(owner: ModuleType | type, name: str, make: Callable[[Any], Any]) -> None:
    """Replace `owner.name` by `make(original)`.

    Errors: `PatchTargetMissingError` when there is no such name.
    """
    require(owner, name)
    setattr(owner, name, make(getattr(owner, name)))
