"""State machine definitions in YAML.

Stock keeps a definition's text as it is and can only run JSON. CloudFormation takes both
(`AWS::StepFunctions::StateMachine`, "DefinitionS3Location").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import yaml

from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings


def install(_: CloudSettings) -> None:
    from ministack.services.cloudformation import provisioners

    replace(provisioners, "_sfn_definition", _as_json)


def _as_json(original: Callable[[dict[str, Any]], str]) -> Callable[[dict[str, Any]], str]:
    def definition(properties: dict[str, Any]) -> str:
        text = original(properties)
        try:
            json.loads(text)
        except ValueError:
            return json.dumps(yaml.safe_load(text))
        return text

    return definition
