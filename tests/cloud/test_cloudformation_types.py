"""A template with every resource type that the platform uses: each resource really exists, with its properties."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.support.clouds import TestCloud
from tests.support.resources import new_name
from tests.support.stacks import TEMPLATE, Stack
from tests.support.web import call


class Deployed:
    def __init__(self, cloud: TestCloud) -> None:
        self.cloud = cloud
        self.stack = Stack(cloud)
        self.outputs = self.stack.deploy(**self.stack.packaged(1))


@pytest.fixture(scope="module")
def deployed(mended: TestCloud) -> Deployed:
    return Deployed(mended)


def test_an_archive_has_its_bus_pattern_and_retention(deployed: Deployed) -> None:
    archive = deployed.cloud.client("events").describe_archive(ArchiveName=deployed.outputs["Archive"])

    assert archive["ArchiveName"] == f"{deployed.stack.name}-archive"
    assert archive["ArchiveArn"] == deployed.outputs["ArchiveArn"]
    assert archive["EventSourceArn"].endswith(f":event-bus/{deployed.outputs['Bus']}")
    assert archive["RetentionDays"] == 30
    assert json.loads(archive["EventPattern"]) == {"source": ["test"]}


def test_a_rules_targets_have_their_dead_letter_queue_and_retry_policy(deployed: Deployed) -> None:
    events, outputs = deployed.cloud.client("events"), deployed.outputs
    rule = events.describe_rule(Name=outputs["Rule"], EventBusName=outputs["Bus"])
    targets = events.list_targets_by_rule(Rule=outputs["Rule"], EventBusName=outputs["Bus"])["Targets"]

    assert json.loads(rule["EventPattern"]) == {"source": ["test"], "detail": {"severity": ["critical"]}}
    assert rule["State"] == "ENABLED"
    [queue] = [target for target in targets if target["Id"] == "queue"]
    assert queue["DeadLetterConfig"] == {"Arn": outputs["DeadLettersArn"]}
    assert {key: int(value) for key, value in queue["RetryPolicy"].items()} == {
        "MaximumRetryAttempts": 7,
        "MaximumEventAgeInSeconds": 3600,
    }


def test_queues_have_their_redrive_retention_key_and_policy(deployed: Deployed) -> None:
    sqs, outputs = deployed.cloud.client("sqs"), deployed.outputs
    queue = sqs.get_queue_attributes(QueueUrl=outputs["Queue"], AttributeNames=["All"])["Attributes"]
    dead = sqs.get_queue_attributes(QueueUrl=outputs["DeadLetters"], AttributeNames=["All"])["Attributes"]

    assert queue["VisibilityTimeout"] == "90"
    redrive = json.loads(queue["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == outputs["DeadLettersArn"]
    assert int(redrive["maxReceiveCount"]) == 4
    assert dead["MessageRetentionPeriod"] == "1209600"
    assert dead["KmsMasterKeyId"] == outputs["Key"].rsplit("/", 1)[1]
    for attributes in (queue, dead):
        assert json.loads(attributes["Policy"])["Statement"][0]["Principal"] == {"Service": "events.amazonaws.com"}


def test_a_stream_has_its_shards_and_retention(deployed: Deployed) -> None:
    summary = deployed.cloud.client("kinesis").describe_stream_summary(StreamName=deployed.outputs["Stream"])

    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 2
    assert summary["StreamDescriptionSummary"]["RetentionPeriodHours"] == 48


def test_a_functions_sources_have_their_batching_and_failure_handling(deployed: Deployed) -> None:
    mappings = deployed.cloud.client("lambda").list_event_source_mappings(FunctionName=deployed.outputs["Function"])
    by_kind = {mapping["EventSourceArn"].split(":")[2]: mapping for mapping in mappings["EventSourceMappings"]}

    stream, queue = by_kind["kinesis"], by_kind["sqs"]
    assert (stream["BatchSize"], stream["MaximumBatchingWindowInSeconds"]) == (500, 2)
    assert (stream["MaximumRetryAttempts"], stream["MaximumRecordAgeInSeconds"]) == (3, 3600)
    assert stream["BisectBatchOnFunctionError"] is True
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert stream["DestinationConfig"]["OnFailure"]["Destination"] == deployed.outputs["DeadLettersArn"]
    assert (queue["BatchSize"], queue["MaximumBatchingWindowInSeconds"]) == (50, 1)
    assert queue["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_function_has_its_code_tracing_retries_and_permission(deployed: Deployed) -> None:
    client, name = deployed.cloud.client("lambda"), deployed.outputs["Function"]
    configuration = client.get_function_configuration(FunctionName=name)
    retries = client.get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")
    statements = json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"]

    assert json.loads(client.invoke(FunctionName=name, Payload=b"{}")["Payload"].read()) == "hello 1"
    assert configuration["TracingConfig"] == {"Mode": "Active"}
    assert configuration["DeadLetterConfig"] == {"TargetArn": deployed.outputs["DeadLettersArn"]}
    assert (retries["MaximumRetryAttempts"], retries["MaximumEventAgeInSeconds"]) == (1, 600)
    [statement] = [s for s in statements if s["Principal"] == {"Service": "events.amazonaws.com"}]
    assert deployed.outputs["RuleArn"] in json.dumps(statement["Condition"])


def test_a_role_has_its_inline_and_its_separate_policies(deployed: Deployed) -> None:
    policies = deployed.cloud.client("iam").list_role_policies(RoleName=deployed.outputs["Role"])["PolicyNames"]

    assert sorted(policies) == ["inline", "separate"]


def test_a_state_machine_from_yaml_has_its_substitutions_and_tracing(deployed: Deployed) -> None:
    machine = deployed.cloud.client("stepfunctions").describe_state_machine(stateMachineArn=deployed.outputs["Machine"])

    definition = json.loads(machine["definition"])
    assert definition["Comment"] == "version 1"
    assert definition["States"]["Send"]["Parameters"]["QueueUrl"] == deployed.outputs["Queue"]
    assert machine["tracingConfiguration"] == {"enabled": True}


def test_iot_has_its_rule_policy_and_thing_type(deployed: Deployed) -> None:
    iot, outputs = deployed.cloud.client("iot"), deployed.outputs
    rule = iot.get_topic_rule(ruleName=outputs["TopicRule"])["rule"]

    assert rule["sql"] == "SELECT * FROM 'watches/+/data'"
    assert rule["actions"][0]["kinesis"]["streamName"] == outputs["Stream"]
    assert rule["actions"][0]["kinesis"]["partitionKey"] == "${topic(2)}"
    assert rule["errorAction"]["sqs"]["queueUrl"] == outputs["DeadLetters"]
    assert "iot:Connect" in iot.get_policy(policyName=outputs["DevicePolicy"])["policyDocument"]
    assert iot.describe_thing_type(thingTypeName=outputs["ThingType"])["thingTypeName"] == outputs["ThingType"]


def test_an_alarm_has_its_dimensions_and_datapoints(deployed: Deployed) -> None:
    [alarm] = deployed.cloud.client("cloudwatch").describe_alarms(AlarmNames=[deployed.outputs["Alarm"]])[
        "MetricAlarms"
    ]

    queue_name = deployed.outputs["DeadLettersArn"].rsplit(":", 1)[1]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": queue_name}]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3, 2)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == [deployed.outputs["Topic"]]
    assert alarm["OKActions"] == []  # AWS::NoValue


def test_logs_are_kept_as_long_as_the_template_says(deployed: Deployed) -> None:
    [group] = deployed.cloud.client("logs").describe_log_groups(logGroupNamePrefix=deployed.outputs["Logs"])[
        "logGroups"
    ]

    assert group["retentionInDays"] == 30


def test_a_key_rotates_and_has_its_alias(deployed: Deployed) -> None:
    kms, key = deployed.cloud.client("kms"), deployed.outputs["Key"]

    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    assert kms.describe_key(KeyId=f"alias/{deployed.stack.name}")["KeyMetadata"]["Arn"] == key


def test_an_http_api_has_its_routes_and_its_functions_permission(deployed: Deployed) -> None:
    assert call(f"{deployed.outputs['Url']}/page/1") == (200, b"hello 1")


def test_a_secret_has_its_value_and_its_rotation(deployed: Deployed) -> None:
    secrets, arn = deployed.cloud.client("secretsmanager"), deployed.outputs["Secret"]
    secret = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])

    assert (secret["version"], len(secret["key"])) == (1, 48)
    assert secrets.describe_secret(SecretId=arn)["RotationRules"] == {"AutomaticallyAfterDays": 30}


def test_what_is_not_emulated_is_named_in_the_log(deployed: Deployed) -> None:
    log = deployed.cloud.log()

    assert f"AWS::XRay::SamplingRule Sampling of stack {deployed.stack.name} is accepted and not emulated" in log
    assert f"AWS::XRay::Group TraceGroup of stack {deployed.stack.name} is accepted and not emulated" in log


def test_an_unknown_type_is_refused(mended: TestCloud) -> None:
    template = json.dumps({"Resources": {"Odd": {"Type": "AWS::Events::Archvie"}}})

    with pytest.raises((ClientError, AssertionError), match="Unrecognized resource types"):
        Stack(mended, template).deploy()


def test_a_false_condition_leaves_out_a_resource_and_its_output(deployed: Deployed) -> None:
    assert "Subscription" not in deployed.outputs
    topic = deployed.outputs["Topic"]
    assert deployed.cloud.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_an_update_changes_what_changed_and_keeps_the_rest(mended: TestCloud) -> None:
    stack = Stack(mended)
    before = stack.deploy(**stack.packaged(1))
    mended.client("dynamodb").put_item(TableName=before["Table"], Item={"deviceId": {"S": "watch-1"}})

    after = stack.deploy(**stack.packaged(2), Severity="minor", Greeting="goodbye", Email="care@example.com")

    assert {key: value for key, value in after.items() if key != "Subscription"} == before
    answer = mended.client("lambda").invoke(FunctionName=after["Function"], Payload=b"{}")["Payload"].read()
    assert json.loads(answer) == "goodbye 2"
    rule = mended.client("events").describe_rule(Name=after["Rule"], EventBusName=after["Bus"])
    assert json.loads(rule["EventPattern"])["detail"] == {"severity": ["minor"]}
    machine = mended.client("stepfunctions").describe_state_machine(stateMachineArn=after["Machine"])
    assert json.loads(machine["definition"])["Comment"] == "version 2"
    [subscription] = mended.client("sns").list_subscriptions_by_topic(TopicArn=after["Topic"])["Subscriptions"]
    assert subscription["Endpoint"] == "care@example.com"
    assert "Item" in mended.client("dynamodb").get_item(TableName=after["Table"], Key={"deviceId": {"S": "watch-1"}})


def test_deleting_a_stack_removes_everything_but_what_it_retains(mended: TestCloud) -> None:
    stack = Stack(mended)
    outputs = stack.deploy(**stack.packaged(1))

    assert stack.delete() == "DELETE_COMPLETE"

    tables = mended.client("dynamodb").list_tables()["TableNames"]
    assert outputs["Kept"] in tables
    assert outputs["Table"] not in tables
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        mended.client("events").describe_archive(ArchiveName=outputs["Archive"])
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        mended.client("lambda").get_function(FunctionName=outputs["Function"])
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        mended.client("kinesis").describe_stream_summary(StreamName=outputs["Stream"])
    assert (
        mended.client("lambda").list_event_source_mappings(FunctionName=outputs["Function"])["EventSourceMappings"]
        == []
    )


def test_an_archive_with_a_bad_pattern_fails_the_stack(mended: TestCloud) -> None:
    archive = {
        "Type": "AWS::Events::Archive",
        "Properties": {
            "ArchiveName": new_name("archive"),
            "SourceArn": "arn:aws:events:us-east-1:000000000000:event-bus/default",
            "EventPattern": {"source": "not a list"},
        },
    }
    with pytest.raises(AssertionError, match="Event pattern is not valid"):
        Stack(mended, json.dumps({"Resources": {"Archive": archive}})).deploy()


def test_stock_refuses_a_template_with_an_archive(stock: TestCloud) -> None:
    stack = Stack(stock, TEMPLATE.read_text())

    with pytest.raises((ClientError, AssertionError), match="AWS::Events::Archive"):
        stack.deploy(**stack.packaged(1))
