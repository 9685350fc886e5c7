"""CloudFormation's archives, and types that nothing here emulates.

Stock has archives but refuses a template that declares one, and refuses a whole template for any type it doesn't know.
Types that change nothing about how the platform runs are accepted here, and every one of them is named in the log.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from simulator.cloud.patching import require
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

#: Accepted, not emulated.
PLACEHOLDERS = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::AnomalyDetector",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::EventSchemas::Discoverer",
    "AWS::EventSchemas::Registry",
    "AWS::EventSchemas::Schema",
    "AWS::Events::EventBusPolicy",
    "AWS::IoT::Logging",
    "AWS::Logs::QueryDefinition",
    "AWS::ResourceGroups::Group",
    "AWS::StepFunctions::StateMachineAlias",
    "AWS::StepFunctions::StateMachineVersion",
    "AWS::XRay::Group",
    "AWS::XRay::SamplingRule",
)

_NAMES = ("Name", "GroupName", "AlarmName", "RegistryName", "SchemaName", "ApplicationName", "DeploymentGroupName")
#: Attributes by which templates take such a resource's ARN (`Fn::GetAtt`).
_ARNS = ("Arn", "GroupARN", "RuleARN", "RegistryArn", "SchemaArn", "DiscovererArn")


def install(_: CloudSettings) -> None:
    from ministack.services import eventbridge
    from ministack.services.cloudformation import provisioners

    require(eventbridge, "_create_archive", "_update_archive", "_archives")
    require(provisioners, "_RESOURCE_HANDLERS", "_physical_name")
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::Events::Archive"] = {
        "create": _create_archive,
        "update": _update_archive,
        "delete": lambda name, _properties: eventbridge._archives.pop(name, None),
    }
    for resource_type in PLACEHOLDERS:
        handlers.setdefault(resource_type, _placeholder(resource_type))


def _create_archive(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    from ministack.services import eventbridge
    from ministack.services.cloudformation import provisioners

    name = properties.get("ArchiveName") or provisioners._physical_name(stack, logical_id, max_len=48)
    status, _, body = eventbridge._create_archive(
        {"ArchiveName": name, "EventSourceArn": properties["SourceArn"], **_archive_settings(properties)}
    )
    if status != 200:
        raise ValueError(json.loads(body).get("message", f"{body!r}"))
    return name, _archive_attributes(name)


def _update_archive(name: str, old: dict[str, Any], new: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
    from ministack.services import eventbridge

    if any(old.get(key) != new.get(key) for key in ("ArchiveName", "SourceArn")):
        raise ValueError(f"archive {name}: a new name or source needs a new archive, under another logical id here")
    status, _, body = eventbridge._update_archive({"ArchiveName": name, **_archive_settings(new)})
    if status != 200:
        raise ValueError(json.loads(body).get("message", f"{body!r}"))
    return name, _archive_attributes(name)


def _archive_attributes(name: str) -> dict[str, str]:
    from ministack.services import eventbridge

    return {"Arn": eventbridge._archives[name]["ArchiveArn"], "ArchiveName": name}


def _archive_settings(properties: dict[str, Any]) -> dict[str, Any]:
    pattern = properties.get("EventPattern") or ""
    return {
        "EventPattern": pattern if isinstance(pattern, str) else json.dumps(pattern),
        "RetentionDays": int(properties.get("RetentionDays") or 0),
        "Description": properties.get("Description") or "",
    }


def _placeholder(resource_type: str) -> dict[str, Any]:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        from ministack.core.responses import get_account_id, get_region
        from ministack.services.cloudformation import provisioners

        logger.warning("%s %s of stack %s is accepted and not emulated", resource_type, logical_id, stack)
        name = next((str(properties[key]) for key in _NAMES if properties.get(key)), None)
        name = name or provisioners._physical_name(stack, logical_id, max_len=64)
        _, service, kind = resource_type.split("::")
        arn = f"arn:aws:{service.lower()}:{get_region()}:{get_account_id()}:{kind.lower()}/{name}"
        return name, dict.fromkeys(_ARNS, arn)

    def update(
        name: str, _old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str
    ) -> tuple[str, dict[str, str]]:
        _, attributes = create(logical_id, new, stack)
        return name, attributes

    return {
        "create": create,
        "update": update,
        "update_with_logical_id": True,
        "delete": lambda _name, _properties: None,
    }
