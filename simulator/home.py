"""Where the simulator keeps what it makes: the local cloud's record and log, and the watches' keys."""

from __future__ import annotations

import os
from pathlib import Path

#: Set to keep several local clouds apart.
VARIABLE = "SMARTWATCH_HOME"


def home() -> Path:
    """The folder of this checkout, unless the environment names another."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen).resolve() if chosen else Path(__file__).resolve().parents[1] / ".smartwatch"


def cloud_home() -> Path:
    return home() / "cloud"


def watches_home(stack: str) -> Path:
    """Keys and certificates of the watches of one stack."""
    return home() / "watches" / stack
