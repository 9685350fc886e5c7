"""Service integrations of the workflow.

Stock drops the message attributes of `sns:publish` and names its errors in SNS' wire format, and takes a `putEvents`
whose entries were refused for a success. AWS: `SNS.<Code>Exception`; `EventBridge.FailedEntry` (Step Functions, "Call
EventBridge").
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import require
from simulator.cloud.settings import CloudSettings

_SNS = "arn:aws:states:::sns:publish"
_EVENTS = "arn:aws:states:::events:putEvents"
_WIRE_ERROR = re.compile(r"<Code>(.+?)</Code>\s*<Message>(.*?)</Message>", re.DOTALL)

Integration = Callable[[str, dict[str, Any]], Any]


def install(_: CloudSettings) -> None:
    from ministack.services import stepfunctions

    require(stepfunctions, "_SERVICE_DISPATCH", "_ExecutionError")
    table: dict[str, Integration] = stepfunctions._SERVICE_DISPATCH
    table[_SNS] = _publish(table[_SNS])
    table[_EVENTS] = _put_events(table[_EVENTS])


def _text(value: Any) -> str:
    """A workflow may give an object where the service takes a string."""
    return value if isinstance(value, str) else json.dumps(value)


def _publish(original: Integration) -> Integration:
    from ministack.services import stepfunctions

    def publish(resource: str, parameters: dict[str, Any]) -> Any:
        flat = {**parameters, "Message": _text(parameters.get("Message"))}
        for index, (name, value) in enumerate((flat.pop("MessageAttributes", None) or {}).items(), 1):
            flat[f"MessageAttributes.entry.{index}.Name"] = name
            for field in ("DataType", "StringValue", "BinaryValue"):
                if field in value:
                    flat[f"MessageAttributes.entry.{index}.Value.{field}"] = value[field]
        try:
            return original(resource, flat)
        except stepfunctions._ExecutionError as error:
            found = _WIRE_ERROR.search(error.cause or "")
            code, text = (found.group(1), found.group(2)) if found else ("AmazonSNS", error.cause)
            name = code if code.endswith("Exception") else f"{code}Exception"
            raise stepfunctions._ExecutionError(f"SNS.{name}", text) from error

    return publish


def _put_events(original: Integration) -> Integration:
    from ministack.services import stepfunctions

    def put_events(resource: str, parameters: dict[str, Any]) -> Any:
        entries = [{**entry, "Detail": _text(entry.get("Detail"))} for entry in parameters.get("Entries", [])]
        answer = original(resource, {**parameters, "Entries": entries})
        if answer.get("FailedEntryCount"):
            raise stepfunctions._ExecutionError("EventBridge.FailedEntry", json.dumps(answer))
        return answer

    return put_events
