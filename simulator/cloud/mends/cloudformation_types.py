"""CloudFormation's `AWS::Events::Archive`.

Stock has archives but refuses a template that declares one.
"""

from __future__ import annotations

import json
from typing import Any

from simulator.cloud.patching import require
from simulator.cloud.settings import CloudSettings


def install(_: CloudSettings) -> None:
    from ministack.services import eventbridge
    from ministack.services.cloudformation import provisioners

    require(eventbridge, "_create_archive", "_update_archive", "_archives")
    require(provisioners, "_RESOURCE_HANDLERS", "_physical_name")
    provisioners._RESOURCE_HANDLERS["AWS::Events::Archive"] = {
        "create": _create,
        "update": _update,
        "delete": lambda name, _properties: eventbridge._archives.pop(name, None),
    }


def _create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    from ministack.services import eventbridge
    from ministack.services.cloudformation import provisioners

    name = properties.get("ArchiveName") or provisioners._physical_name(stack, logical_id, max_len=48)
    status, _, body = eventbridge._create_archive(
        {"ArchiveName": name, "EventSourceArn": properties["SourceArn"], **_settings(properties)}
    )
    if status != 200:
        raise ValueError(f"AWS::Events::Archive {name}: {body!r}")
    return name, {"Arn": eventbridge._archives[name]["ArchiveArn"], "ArchiveName": name}


def _update(
    physical_id: str, _old: dict[str, Any], properties: dict[str, Any], _stack: str
) -> tuple[str, dict[str, str]]:
    from ministack.services import eventbridge

    eventbridge._update_archive({"ArchiveName": physical_id, **_settings(properties)})
    return physical_id, {"Arn": eventbridge._archives[physical_id]["ArchiveArn"], "ArchiveName": physical_id}


def _settings(properties: dict[str, Any]) -> dict[str, Any]:
    pattern = properties.get("EventPattern") or ""
    return {
        "EventPattern": pattern if isinstance(pattern, str) else json.dumps(pattern),
        "RetentionDays": int(properties.get("RetentionDays") or 0),
        "Description": properties.get("Description") or "",
    }
