"""The project's own files, parsed once: tests read them and never a copy."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"


@cache
def template() -> dict[str, Any]:
    return dict(yaml_parse((ROOT / "template.yaml").read_text()))


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Logical id → properties of every resource of one type."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }


@cache
def workflow() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "statemachines/escalation.asl.yaml").read_text()))


def example(name: str) -> Any:
    return json.loads((ROOT / "contracts/examples" / name).read_text())


def event_example(event_type: Any) -> dict[str, Any]:
    """The stored example of an event as EventBridge delivers it."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "account": "000000000000",
        "time": "2023-11-14T22:13:21Z",
        "region": "us-east-1",
        "resources": [],
        "source": event_type.source,
        "detail-type": event_type.detail_type,
        "detail": example(f"{event_type.source}.{event_type.detail_type}.v{event_type.version}.json"),
    }
