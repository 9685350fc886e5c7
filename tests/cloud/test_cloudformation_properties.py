"""Properties that CloudFormation applies to what it creates and updates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.clouds import TestCloud
from tests.support.resources import queue, role
from tests.support.stacks import Stack

TABLE: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}
FULL = {
    **TABLE,
    "TimeToLiveSpecification": {"AttributeName": "expiresAt", "Enabled": True},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
}


def template(resource_type: str, properties: dict[str, Any]) -> str:
    return json.dumps(
        {
            "Resources": {"Thing": {"Type": resource_type, "Properties": properties}},
            "Outputs": {"Thing": {"Value": {"Ref": "Thing"}}},
        }
    )


def table_settings(cloud: TestCloud, name: str) -> tuple[str, str, str]:
    """Time to live, point-in-time recovery, encryption."""
    dynamodb = cloud.client("dynamodb")
    recovery = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    return (
        dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"],
        recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        dynamodb.describe_table(TableName=name)["Table"].get("SSEDescription", {}).get("Status", "NONE"),
    )


def test_a_table_gets_its_expiry_recovery_and_encryption_and_loses_them_by_an_update(mended: TestCloud) -> None:
    stack = Stack(mended, template("AWS::DynamoDB::Table", FULL))
    name = stack.deploy()["Thing"]
    assert table_settings(mended, name) == ("ENABLED", "ENABLED", "ENABLED")

    stack.template = template("AWS::DynamoDB::Table", TABLE)
    assert stack.deploy()["Thing"] == name
    assert table_settings(mended, name) == ("DISABLED", "DISABLED", "NONE")


def test_a_protected_table_is_not_deleted_with_its_stack(mended: TestCloud) -> None:
    stack = Stack(mended, template("AWS::DynamoDB::Table", {**TABLE, "DeletionProtectionEnabled": True}))
    name = stack.deploy()["Thing"]

    assert stack.delete() == "DELETE_FAILED"
    assert name in mended.client("dynamodb").list_tables()["TableNames"]


def test_an_index_of_a_table_is_active(mended: TestCloud) -> None:
    index = {"IndexName": "by-id", "KeySchema": TABLE["KeySchema"], "Projection": {"ProjectionType": "ALL"}}
    name = Stack(mended, template("AWS::DynamoDB::Table", {**TABLE, "GlobalSecondaryIndexes": [index]})).deploy()[
        "Thing"
    ]

    [described] = mended.client("dynamodb").describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"]
    assert (described["IndexName"], described["IndexStatus"]) == ("by-id", "ACTIVE")


def test_a_stream_is_encrypted(mended: TestCloud) -> None:
    encryption = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    name = Stack(mended, template("AWS::Kinesis::Stream", {"StreamEncryption": encryption})).deploy()["Thing"]

    summary = mended.client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")


def test_a_topic_has_its_key(mended: TestCloud) -> None:
    arn = Stack(mended, template("AWS::SNS::Topic", {"KmsMasterKeyId": "alias/aws/sns"})).deploy()["Thing"]

    assert mended.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["KmsMasterKeyId"] == "alias/aws/sns"


def test_a_state_machine_keeps_its_logging(mended: TestCloud) -> None:
    properties = {
        "RoleArn": "arn:aws:iam::000000000000:role/states",
        "DefinitionString": '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
        "LoggingConfiguration": {"Level": "ERROR", "IncludeExecutionData": False},
    }
    arn = Stack(mended, template("AWS::StepFunctions::StateMachine", properties)).deploy()["Thing"]

    machine = mended.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    assert machine["loggingConfiguration"]["level"] == "ERROR"
    assert machine["loggingConfiguration"]["includeExecutionData"] is False


def test_a_function_has_its_dead_letter_queue_and_reserved_concurrency(mended: TestCloud) -> None:
    _, dead_letters = queue(mended)
    properties = {
        "Runtime": "python3.11",
        "Handler": "index.handler",
        "Code": {"ZipFile": "def handler(event, context):\n    return 1\n"},
        "Role": role(mended, "lambda.amazonaws.com"),
        "DeadLetterConfig": {"TargetArn": dead_letters},
        "ReservedConcurrentExecutions": 2,
    }
    stack = Stack(mended, template("AWS::Lambda::Function", properties))
    name = stack.deploy()["Thing"]
    client = mended.client("lambda")
    assert client.get_function_configuration(FunctionName=name)["DeadLetterConfig"] == {"TargetArn": dead_letters}
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 2

    for dropped in ("DeadLetterConfig", "ReservedConcurrentExecutions"):
        del properties[dropped]
    stack.template = template("AWS::Lambda::Function", properties)
    stack.deploy()
    assert "DeadLetterConfig" not in client.get_function_configuration(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"EventPattern": {"source": "not a list"}}, "Event pattern is not valid"),
        ({"EventPattern": {"source": ["test"]}, "EventBusName": "nowhere"}, "Event bus nowhere does not exist"),
    ],
)
def test_a_rule_that_eventbridge_would_refuse_fails_the_stack(
    mended: TestCloud, properties: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AssertionError, match=reason):
        Stack(mended, template("AWS::Events::Rule", properties)).deploy()


def test_stock_leaves_out_a_tables_expiry_recovery_and_encryption(stock: TestCloud) -> None:
    name = Stack(stock, template("AWS::DynamoDB::Table", FULL)).deploy()["Thing"]

    assert table_settings(stock, name) == ("DISABLED", "DISABLED", "NONE")
