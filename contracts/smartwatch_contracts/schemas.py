"""The JSON Schemas of the contracts: `python -m smartwatch_contracts.schemas DIRECTORY` writes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from smartwatch_contracts.catalogue import CATALOGUE
from smartwatch_contracts.device import ReadingsPayload, SingleReadingPayload, StatusPayload
from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.profiles import Profile
from smartwatch_contracts.roster import Override, Roster, Silence
from smartwatch_contracts.rules import RuleSet

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """File name → JSON Schema, for what watches send, what people write, and every event of the catalogue."""
    models: dict[str, Any] = {
        "device.SingleReading.v1.json": SingleReadingPayload,
        "device.Readings.v1.json": ReadingsPayload,
        "device.Status.v1.json": StatusPayload,
        "document.RuleSet.v1.json": RuleSet,
        "document.Profile.v1.json": Profile,
        "document.EscalationPolicy.v1.json": EscalationPolicy,
        "document.Roster.v1.json": Roster,
        "document.Override.v1.json": Override,
        "document.Silence.v1.json": Silence,
    }
    for event in CATALOGUE:
        models[f"{event.source}.{event.detail_type}.v{event.version}.json"] = Envelope[event.model]  # type: ignore[name-defined]
    return {name: {"$schema": DIALECT, **model.model_json_schema(by_alias=True)} for name, model in models.items()}


def rendered(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def main() -> None:
    directory = Path(sys.argv[1])
    for name, schema in schemas().items():
        (directory / name).write_text(rendered(schema))


if __name__ == "__main__":
    main()
