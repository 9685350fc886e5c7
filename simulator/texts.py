"""Files that people wrote, read as text."""

from __future__ import annotations

from pathlib import Path

from simulator.errors import UsageError


def read(path: Path, hint: str = "") -> str:
    """The text of a file. Errors: `UsageError`, with `hint` behind the system's own words."""
    try:
        return path.read_text()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}{hint}") from None
