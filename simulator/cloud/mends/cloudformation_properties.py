"""Properties that a template gives to tables, streams, topics, functions, rules and state machines.

Stock creates these resources but leaves out a table's time to live, point-in-time recovery, encryption and deletion
protection, a stream's encryption, a topic's key and tracing, a function's dead-letter queue and reserved concurrency;
keeps a state machine's logging in the template's spelling; and takes a rule whose pattern EventBridge would refuse or
whose bus does not exist. CloudFormation applies what the template says, on update too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import require
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

Properties = dict[str, Any]
#: Applies `new` to the resource of this physical id; `old` is empty when it was just created.
Apply = Callable[[str, Properties, Properties], None]

_TOPIC_ATTRIBUTES = ("KmsMasterKeyId", "SignatureVersion", "TracingConfig")


def install(_: CloudSettings) -> None:
    from ministack.services import dynamodb, eventbridge, kinesis, lambda_svc, sns, stepfunctions
    from ministack.services.cloudformation import provisioners

    require(provisioners, "_RESOURCE_HANDLERS", "_cfn_bool", "_pascal_to_camel", "_eb_rule_bus_name")
    require(dynamodb, "_tables", "_update_ttl", "_update_continuous_backups", "_sse_description_from_spec")
    require(dynamodb, "_ttl_settings", "_pitr_settings")
    require(eventbridge, "_event_pattern_error", "_event_buses", "_ensure_default_bus")
    require(kinesis, "_start_stream_encryption", "_stop_stream_encryption")
    require(lambda_svc, "_functions", "_put_function_concurrency", "_delete_function_concurrency")
    require(sns, "_topics")
    require(stepfunctions, "_state_machines")
    _afterwards("AWS::DynamoDB::Table", _table)
    _afterwards("AWS::Kinesis::Stream", _stream)
    _afterwards("AWS::SNS::Topic", _topic)
    _afterwards("AWS::Lambda::Function", _function)
    _afterwards("AWS::StepFunctions::StateMachine", _state_machine)
    _check_rules(provisioners._RESOURCE_HANDLERS["AWS::Events::Rule"])
    _protect_tables(provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"])


def _afterwards(resource_type: str, apply: Apply) -> None:
    """Let `apply` follow stock's create and update."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS[resource_type]
    stock_create, stock_update = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        physical_id, attributes = stock_create(logical_id, properties, stack)
        apply(physical_id, {}, properties)
        return physical_id, attributes

    def update(physical_id: str, old: Properties, new: Properties, *rest: Any) -> Any:
        new_id, attributes = stock_update(physical_id, old, new, *rest)
        apply(new_id, old if new_id == physical_id else {}, new)
        return new_id, attributes

    handlers.update(create=create, update=update)


def _table(name: str, old: Properties, new: Properties) -> None:
    from ministack.services import dynamodb
    from ministack.services.cloudformation import provisioners

    ttl = new.get("TimeToLiveSpecification")
    attribute = (ttl or old.get("TimeToLiveSpecification") or {}).get("AttributeName")
    if attribute:
        enabled = provisioners._cfn_bool((ttl or {}).get("Enabled", False))
        _expect_success(
            dynamodb._update_ttl(
                {"TableName": name, "TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": attribute}}
            )
        )
    recovery = new.get("PointInTimeRecoverySpecification") or {}
    enabled = provisioners._cfn_bool(recovery.get("PointInTimeRecoveryEnabled", False))
    _expect_success(
        dynamodb._update_continuous_backups(
            {"TableName": name, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": enabled}}
        )
    )
    table = dynamodb._tables[name]
    encryption = new.get("SSESpecification") or {}
    table["SSEDescription"] = (
        dynamodb._sse_description_from_spec({**encryption, "Enabled": True})
        if provisioners._cfn_bool(encryption.get("SSEEnabled", False))
        else None
    )
    table["GlobalSecondaryIndexes"] = [
        {"IndexStatus": "ACTIVE", "IndexArn": f"{table['TableArn']}/index/{index['IndexName']}", **index}
        for index in table["GlobalSecondaryIndexes"] or []
    ]
    table["DeletionProtectionEnabled"] = provisioners._cfn_bool(new.get("DeletionProtectionEnabled", False))


def _stream(name: str, old: Properties, new: Properties) -> None:
    from ministack.services import kinesis

    encryption = new.get("StreamEncryption")
    if encryption:
        _expect_success(kinesis._start_stream_encryption({"StreamName": name, **encryption}))
    elif old.get("StreamEncryption"):
        _expect_success(kinesis._stop_stream_encryption({"StreamName": name}))
    if old and old.get("ShardCount") != new.get("ShardCount"):
        logger.warning("stream %s keeps its shards: resharding would lose its records here", name)


def _topic(arn: str, _old: Properties, new: Properties) -> None:
    from ministack.services import sns

    attributes = sns._topics[arn]["attributes"]
    for name in _TOPIC_ATTRIBUTES:
        if new.get(name):
            attributes[name] = str(new[name])
        else:
            attributes.pop(name, None)


def _function(name: str, old: Properties, new: Properties) -> None:
    from ministack.services import lambda_svc

    config = lambda_svc._functions[name]["config"]
    if new.get("DeadLetterConfig"):
        config["DeadLetterConfig"] = new["DeadLetterConfig"]
    else:
        config.pop("DeadLetterConfig", None)
    reserved = new.get("ReservedConcurrentExecutions")
    if reserved is not None:
        _expect_success(lambda_svc._put_function_concurrency(name, {"ReservedConcurrentExecutions": int(reserved)}))
    elif old.get("ReservedConcurrentExecutions") is not None:
        lambda_svc._delete_function_concurrency(name)


def _state_machine(arn: str, _old: Properties, new: Properties) -> None:
    from ministack.services import stepfunctions
    from ministack.services.cloudformation import provisioners

    if new.get("LoggingConfiguration"):
        configuration = provisioners._pascal_to_camel(new["LoggingConfiguration"])
        stepfunctions._state_machines[arn]["loggingConfiguration"] = configuration


def _check_rules(handlers: dict[str, Any]) -> None:
    stock_create = handlers["create"]

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        from ministack.services import eventbridge
        from ministack.services.cloudformation import provisioners

        eventbridge._ensure_default_bus()
        bus = provisioners._eb_rule_bus_name(properties)
        if bus not in eventbridge._event_buses:
            raise ValueError(f"Event bus {bus} does not exist.")
        if properties.get("EventPattern"):
            error = eventbridge._event_pattern_error(_json_text(properties["EventPattern"]))
            if error:
                raise ValueError(f"Event pattern is not valid. Reason: {error}")
        return stock_create(logical_id, properties, stack)

    handlers["create"] = create


def _protect_tables(handlers: dict[str, Any]) -> None:
    stock_delete = handlers["delete"]

    def delete(name: str, properties: Properties) -> None:
        from ministack.services import dynamodb

        table = dynamodb._tables.get(name)
        if table is not None and table.get("DeletionProtectionEnabled"):
            raise ValueError(
                f"Table {name} cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
        stock_delete(name, properties)
        dynamodb._ttl_settings.pop(name, None)
        dynamodb._pitr_settings.pop(name, None)

    handlers["delete"] = delete


def _json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _expect_success(response: Any) -> None:
    if response[0] >= 400:
        raise ValueError(f"{response[2]!r}")
