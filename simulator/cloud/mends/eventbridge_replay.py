"""Archives that forget and replays that can be aimed and stopped.

Stock keeps archived events for ever and counts no bytes, replays to every rule of the bus whatever
`Destination.FilterArns` says, and goes on after `CancelReplay`. AWS forgets after `RetentionDays`, replays to the rules
that are named, oldest event first, and stops.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings
from simulator.cloud.trace_context import TRACE

logger = logging.getLogger(__name__)

#: Between two replayed events, so that live ones come first.
PAUSE_SECONDS = 0.005
SECONDS_A_DAY = 86_400
#: A laptop's share of an archive, which has no bound on AWS, as it is kept in memory.
MAX_ARCHIVE_BYTES = 64 * 1024 * 1024

#: Keys of the rules that the running replay is for; None is every rule.
_chosen: ContextVar[frozenset[str] | None] = ContextVar("replay_rules", default=None)


def install(_: CloudSettings) -> None:
    from ministack.services import eventbridge

    require(eventbridge, "_archives", "_replays", "_rules", "_dispatch_event", "_coerce_timestamp", "_now_ts")
    require(eventbridge, "_archive_name_from_ref", "_event_bus_name_from_ref")
    replace(eventbridge, "_archive_event", _forgetting)
    replace(eventbridge, "_matches_pattern_view", _only_chosen_rules)
    replace(eventbridge, "_describe_archive", _without_its_events)
    replace(eventbridge, "_start_replay", lambda _: start_replay)
    replace(eventbridge, "_cancel_replay", lambda _: cancel_replay)


def start_replay(data: dict[str, Any]) -> Any:
    """StartReplay: MiniStack's response; the events follow in a thread."""
    from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
    from ministack.services import eventbridge

    name = data.get("ReplayName", "")
    destination = data.get("Destination") or {}
    start = eventbridge._coerce_timestamp(data.get("EventStartTime"))
    end = eventbridge._coerce_timestamp(data.get("EventEndTime"))
    archive_name, problem = eventbridge._archive_name_from_ref(data.get("EventSourceArn", ""))
    archive = eventbridge._archives.get(archive_name)
    if name in eventbridge._replays:
        problem = ("ResourceAlreadyExistsException", f"Replay {name} already exists.")
    elif problem is None and archive is None:
        problem = ("ResourceNotFoundException", f"Archive {archive_name} does not exist.")
    elif problem is None and destination.get("Arn") != archive.get("EventSourceArn"):
        problem = ("ValidationException", "Parameter Destination.Arn is not valid. Reason: Must be the archive's bus.")
    elif problem is None and (not name or start is None or end is None or not start < end):
        problem = ("ValidationException", "A replay needs a name, and an EventStartTime before its EventEndTime.")
    if problem:
        return error_response_json(*problem, 400)
    replay = {
        "ReplayName": name,
        "ReplayArn": f"arn:aws:events:{get_region()}:{get_account_id()}:replay/{name}",
        "Description": data.get("Description", ""),
        "EventSourceArn": data["EventSourceArn"],
        "EventStartTime": start,
        "EventEndTime": end,
        "Destination": destination,
        "State": "STARTING",
        "ReplayStartTime": eventbridge._now_ts(),
    }
    eventbridge._replays[name] = replay
    threading.Thread(
        target=copy_context().run, args=(_run, replay, archive), name=f"replay-{name}", daemon=True
    ).start()
    return json_response({"ReplayArn": replay["ReplayArn"], "State": "STARTING"})


def cancel_replay(data: dict[str, Any]) -> Any:
    """CancelReplay: MiniStack's response; the replay ends before its next event."""
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import eventbridge

    name = data.get("ReplayName", "")
    replay = eventbridge._replays.get(name)
    if replay is None:
        return error_response_json("ResourceNotFoundException", f"Replay {name} does not exist.", 400)
    if replay["State"] not in {"STARTING", "RUNNING"}:
        return error_response_json("IllegalStatusException", f"Replay {name} is {replay['State']}.", 400)
    replay["State"] = "CANCELLING"
    return json_response({"ReplayArn": replay["ReplayArn"], "State": "CANCELLING"})


def _run(replay: dict[str, Any], archive: dict[str, Any]) -> None:
    from ministack.services import eventbridge

    TRACE.set(None)  # a replayed event is no part of the trace of whoever replays it
    try:
        _chosen.set(_rule_keys(replay["Destination"].get("FilterArns")))
        events = [
            event
            for event in sorted(archive.get("Events", []), key=lambda event: event["Time"])
            if replay["EventStartTime"] <= event["Time"] <= replay["EventEndTime"]
        ]
        if replay["State"] == "STARTING":
            replay["State"] = "RUNNING"
        for event in events:
            if replay["State"] == "CANCELLING":
                break
            eventbridge._dispatch_event({**event, "ReplayName": replay["ReplayName"]})
            replay["EventLastReplayedTime"] = event["Time"]
            time.sleep(PAUSE_SECONDS)
        replay["State"] = "CANCELLED" if replay["State"] == "CANCELLING" else "COMPLETED"
    except Exception as error:
        logger.exception("replay %s", replay["ReplayName"])
        replay.update(State="FAILED", StateReason=str(error))
    replay["ReplayEndTime"] = eventbridge._now_ts()


def _rule_keys(arns: list[str] | None) -> frozenset[str] | None:
    from ministack.services import eventbridge

    if not arns:
        return None
    return frozenset(key for key, rule in eventbridge._rules.items() if rule["Arn"] in arns)


def _only_chosen_rules(original: Callable[..., bool]) -> Callable[..., bool]:
    def matches(pattern: Any, view: Any, owner: str = "rule") -> bool:
        chosen = _chosen.get()
        kind, _, key = owner.partition(" ")
        if chosen is not None and kind == "rule" and key not in chosen:
            return False
        return original(pattern, view, owner)

    return matches


def _forgetting(original: Callable[..., None]) -> Callable[..., None]:
    from ministack.services import eventbridge

    def archive_event(event: dict[str, Any], view: Any = None) -> None:
        counts = {name: archive["EventCount"] for name, archive in eventbridge._archives.items()}
        original(event, view)
        for name, archive in eventbridge._archives.items():
            if archive["EventCount"] > counts.get(name, 0):
                archive["SizeBytes"] += _size(event)
                _forget(archive)

    return archive_event


def _forget(archive: dict[str, Any]) -> None:
    from ministack.services import eventbridge

    events = archive["Events"]
    days = int(archive.get("RetentionDays") or 0)
    oldest = eventbridge._now_ts() - days * SECONDS_A_DAY if days else 0
    while events and (events[0]["Time"] < oldest or archive["SizeBytes"] > MAX_ARCHIVE_BYTES):
        if events[0]["Time"] >= oldest and not archive.get("Full"):
            archive["Full"] = True
            logger.warning("archive %s is full: its oldest events go, as they would not on AWS", archive["ArchiveName"])
        archive["SizeBytes"] -= _size(events.pop(0))
        archive["EventCount"] -= 1


def _without_its_events(original: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """Stock answers DescribeArchive with every archived event."""
    from ministack.core.responses import json_response
    from ministack.services import eventbridge

    def describe(data: dict[str, Any]) -> Any:
        archive = eventbridge._archives.get(data.get("ArchiveName"))
        if archive is None:
            return original(data)
        return json_response({name: value for name, value in archive.items() if name not in {"Events", "Full"}})

    return describe


def _size(event: dict[str, Any]) -> int:
    return len(event["Detail"].encode())
