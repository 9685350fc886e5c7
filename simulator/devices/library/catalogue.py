"""Every labelled scenario."""

from __future__ import annotations

from functools import lru_cache

from simulator.devices.library.emergencies import EMERGENCIES
from simulator.devices.library.faults import FAULTS
from simulator.devices.library.innocents import INNOCENTS
from simulator.devices.library.story import Story


@lru_cache(maxsize=4)
def stories(seed: int = 1) -> tuple[Story, ...]:
    """The whole library, each scenario with a person of its own. The same seed gives the same readings."""
    return tuple(make(seed * 1000 + number) for number, make in enumerate((*EMERGENCIES, *FAULTS, *INNOCENTS)))
