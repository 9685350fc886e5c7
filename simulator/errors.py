"""What can go wrong between a person and the platform, each in one line."""

from __future__ import annotations


class UsageError(Exception):
    """What was asked for can't be done; exit code 2."""


class ChainError(Exception):
    """The platform did not do what it should have; exit code 1."""
