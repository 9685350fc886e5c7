"""Labelled scenarios: streams of readings with the truth about the person, to judge rules by."""

from __future__ import annotations

from simulator.devices.library.catalogue import stories
from simulator.devices.library.conditions import CONDITIONS, Condition
from simulator.devices.library.story import Sent, Story, Truth

__all__ = ["CONDITIONS", "Condition", "Sent", "Story", "Truth", "stories"]
