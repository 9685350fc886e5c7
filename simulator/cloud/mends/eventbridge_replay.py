"""Replays to chosen rules only.

Stock replays to every rule of the bus, whatever `Destination.FilterArns` says, and goes on after `CancelReplay`. AWS
replays to the rules that are named (EventBridge API reference, "ReplayDestination"), and stops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings


def install(_: CloudSettings) -> None:
    from ministack.services import eventbridge

    require(eventbridge, "_replays")
    replace(eventbridge, "_invoke_target", _only_to_chosen_rules)


def _only_to_chosen_rules(original: Callable[..., None]) -> Callable[..., None]:
    from ministack.services import eventbridge

    def invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        replay = eventbridge._replays.get(event["ReplayName"]) if event.get("ReplayName") else None
        if replay is not None:
            chosen = (replay.get("Destination") or {}).get("FilterArns")
            if replay["State"] == "CANCELLED" or (chosen and rule.get("Arn") not in chosen):
                return
        original(target, event, rule, view)

    return invoke
