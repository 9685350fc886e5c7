"""What PutEvents takes.

Stock takes an entry of any size, without `Source`, `DetailType` or `Detail`, with a detail that is no JSON object;
overwrites its `Time`; ignores its `TraceHeader`; and keeps every event for ever. AWS refuses such entries and requests,
keeps the time, and passes the trace on.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html

As on AWS, an event for a bus that does not exist is accepted and goes nowhere; here at least the log says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings
from simulator.cloud.trace_context import TRACE

logger = logging.getLogger(__name__)

#: Entries in one request, and bytes in all of them.
MAX_ENTRIES = 10
MAX_REQUEST_BYTES = 1024 * 1024
#: What `Time` counts for ("Calculating PutEvents event entry size").
TIME_BYTES = 14

_REQUIRED = ("Source", "DetailType", "Detail")


def install(_: CloudSettings) -> None:
    from ministack.services import eventbridge

    require(eventbridge, "_event_buses", "_event_bus_name_from_ref", "_pattern_event_view")
    require(eventbridge, "_dispatch_event", "_archive_event", "_ensure_default_bus", "_now_ts")
    replace(eventbridge, "_put_events", lambda _: put_events)


def put_events(data: dict[str, Any], allow_aws_source: bool = False) -> Any:
    """MiniStack's response to a PutEvents request. Only MiniStack's own emitters may say `allow_aws_source`."""
    from ministack.core.responses import error_response_json, json_response

    entries = data.get("Entries") or []
    problem = _request_problem(entries)
    if problem:
        return error_response_json("ValidationException", problem, 400)
    results = [_put(entry, allow_aws_source) for entry in entries]
    failed = sum(1 for result in results if "ErrorCode" in result)
    return json_response({"FailedEntryCount": failed, "Entries": results})


def _request_problem(entries: list[dict[str, Any]]) -> str | None:
    if not 1 <= len(entries) <= MAX_ENTRIES:
        bound = f"less than or equal to {MAX_ENTRIES}" if entries else "greater than or equal to 1"
        return (
            f"1 validation error detected: Value '{len(entries)}' at 'entries' failed to satisfy constraint: "
            f"Member must have length {bound}"
        )
    if sum(map(_size, entries)) > MAX_REQUEST_BYTES:
        return "Total size of the entries in the request is over the limit."
    return None


def _size(entry: dict[str, Any]) -> int:
    texts = [entry.get(name) or "" for name in _REQUIRED] + list(entry.get("Resources") or [])
    return sum(len(text.encode()) for text in texts) + (TIME_BYTES if entry.get("Time") is not None else 0)


def _put(entry: dict[str, Any], allow_aws_source: bool) -> dict[str, str]:
    problem = _entry_problem(entry, allow_aws_source)
    if problem:
        return {"ErrorCode": problem[0], "ErrorMessage": problem[1]}
    token = TRACE.set(entry.get("TraceHeader") or TRACE.get())
    try:
        return {"EventId": _send(entry)}
    finally:
        TRACE.reset(token)


def _entry_problem(entry: dict[str, Any], allow_aws_source: bool) -> tuple[str, str] | None:
    from ministack.services import eventbridge

    for name in _REQUIRED:
        if not entry.get(name):
            return "InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument."
    if entry["Source"].startswith("aws.") and not allow_aws_source:
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return "MalformedDetail", "Detail is malformed."
    _, bus_problem = eventbridge._event_bus_name_from_ref(entry.get("EventBusName") or "default")
    return bus_problem  # type: ignore[no-any-return]


def _send(entry: dict[str, Any]) -> str:
    from ministack.core.responses import get_account_id, get_region, new_uuid
    from ministack.services import eventbridge

    eventbridge._ensure_default_bus()
    bus, _ = eventbridge._event_bus_name_from_ref(entry.get("EventBusName") or "default")
    if bus not in eventbridge._event_buses:
        logger.error("an event is lost: there is no bus %s (%s from %s)", bus, entry["DetailType"], entry["Source"])
    event = {
        "EventId": new_uuid(),
        "Source": entry["Source"],
        "DetailType": entry["DetailType"],
        "Detail": entry["Detail"],
        "EventBusName": bus,
        "Time": _epoch_seconds(entry.get("Time"), eventbridge._now_ts),
        "Resources": entry.get("Resources") or [],
        "Account": get_account_id(),
        "Region": get_region(),
    }
    view = eventbridge._pattern_event_view(event)
    # Archived first: what a target does with the event must not come before it can be replayed.
    eventbridge._archive_event(event, view)
    eventbridge._dispatch_event(event, view)
    return str(event["EventId"])


def _epoch_seconds(time: Any, now: Callable[[], float]) -> int:
    if time is None:
        return int(now())
    if isinstance(time, str):
        return int(datetime.fromisoformat(time).timestamp())
    return int(time)
