"""Every labelled scenario."""

from __future__ import annotations

from simulator.devices.library.emergencies import EMERGENCIES
from simulator.devices.library.faults import FAULTS
from simulator.devices.library.innocents import INNOCENTS
from simulator.devices.library.story import Story


def stories(seed: int = 1) -> list[Story]:
    """The whole library, each scenario with a person of its own. The same seed gives the same readings."""
    return [make(seed * 1000 + number) for number, make in enumerate((*EMERGENCIES, *FAULTS, *INNOCENTS))]
