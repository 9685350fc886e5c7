"""Policies, rosters, overrides and silences as people write them: YAML in, model out, or the line and why not."""

from __future__ import annotations

from importlib.resources import files

from smartwatch_contracts.documents import parsed
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.roster import Override, Roster, Silence

#: The policy, and the roster, that come with the function and are in force until somebody puts others of that name.
DEFAULT = "default"


def policy(text: str) -> EscalationPolicy:
    """An escalation policy from YAML. Errors: `DocumentError`."""
    return parsed(text, EscalationPolicy)


def roster(text: str) -> Roster:
    """A roster from YAML. Errors: `DocumentError`."""
    return parsed(text, Roster)


def override(text: str) -> Override:
    """An override from YAML. Errors: `DocumentError`."""
    return parsed(text, Override)


def silence(text: str) -> Silence:
    """A silence from YAML. Errors: `DocumentError`."""
    return parsed(text, Silence)


def built_in_policy() -> EscalationPolicy:
    """The policy that comes with the function."""
    return policy(built_in_policy_text())


def built_in_policy_text() -> str:
    """Its YAML, as people may copy and change it."""
    return _text("policy.yaml")


def built_in_roster() -> Roster:
    """The roster that comes with the function."""
    return roster(built_in_roster_text())


def built_in_roster_text() -> str:
    """Its YAML, as people may copy and change it."""
    return _text("roster.yaml")


def _text(name: str) -> str:
    return (files("notify") / "defaults" / name).read_text()
