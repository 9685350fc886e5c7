"""What the template promises, read from the template: queues and alarms, roles, environments, encryption, retention."""

from __future__ import annotations

import re
from typing import Any

import evaluate.settings
import ingest.settings
import notify.settings
import persist.settings
import pytest

from tests.support.project import ROOT, resources, template

FUNCTIONS = resources("AWS::Serverless::Function")
ROLES = resources("AWS::IAM::Role")
QUEUES = resources("AWS::SQS::Queue")
TABLES = resources("AWS::DynamoDB::Table")
ALARMS = resources("AWS::CloudWatch::Alarm")
TEXT = (ROOT / "template.yaml").read_text()

SETTINGS = {
    "IngestFunction": ingest.settings.Settings,
    "PersistFunction": persist.settings.Settings,
    "EvaluateFunction": evaluate.settings.Settings,
    "WatchdogFunction": evaluate.settings.WatchdogSettings,
    "NotifyFunction": notify.settings.Settings,
}

#: Rule sets and profiles are in force until somebody removes them.
KEPT_UNTIL_REMOVED = {"AlarmConfiguration"}

#: Actions that have no resources to name (Service Authorization Reference).
WITHOUT_RESOURCES = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "states:SendTaskSuccess",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}

functions = pytest.mark.parametrize("name", FUNCTIONS)
tables = pytest.mark.parametrize("name", TABLES)


def _actions(statement: dict[str, Any]) -> set[str]:
    actions = statement["Action"]
    return {actions} if isinstance(actions, str) else set(actions)


def _statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    return [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]


@functions
def test_a_function_gets_exactly_the_variables_that_its_settings_read(name: str) -> None:
    given = set(FUNCTIONS[name]["Environment"]["Variables"]) - {"POWERTOOLS_SERVICE_NAME"}

    assert given == {field.upper() for field in SETTINGS[name].model_fields}


@functions
def test_a_function_has_its_own_role_and_log_group_with_retention(name: str) -> None:
    service = name.removesuffix("Function")

    assert FUNCTIONS[name]["Role"] == {"Fn::GetAtt": [f"{service}Role", "Arn"]}
    assert "RetentionInDays" in resources("AWS::Logs::LogGroup")[f"{service}Logs"]


def test_every_function_and_the_workflow_are_traced() -> None:
    assert template()["Globals"]["Function"]["Tracing"] == "Active"
    assert resources("AWS::Serverless::StateMachine")["Escalation"]["Tracing"] == {"Enabled": True}


def test_the_workflow_logs_no_execution_data() -> None:
    assert resources("AWS::Serverless::StateMachine")["Escalation"]["Logging"]["IncludeExecutionData"] is False


def test_functions_run_on_arm64_and_a_runtime_by_parameter() -> None:
    assert template()["Parameters"]["Architecture"]["Default"] == "arm64"
    assert template()["Globals"]["Function"]["Runtime"] == {"Ref": "PythonRuntime"}


@pytest.mark.parametrize("name", ROLES)
def test_a_role_names_its_resources_unless_there_are_none_to_name(name: str) -> None:
    for statement in _statements(ROLES[name]):
        if statement["Resource"] == "*":
            assert _actions(statement) <= WITHOUT_RESOURCES
        assert not any("*" in action for action in _actions(statement))


@pytest.mark.parametrize("name", ROLES)
def test_a_role_carries_no_managed_policy(name: str) -> None:
    assert "ManagedPolicyArns" not in ROLES[name]


def test_what_fails_asynchronously_is_dead_lettered() -> None:
    assert FUNCTIONS["EvaluateFunction"]["DeadLetterQueue"]["Type"] == "SQS"
    assert FUNCTIONS["NotifyFunction"]["DeadLetterQueue"]["Type"] == "SQS"


def test_the_stream_is_read_with_partial_failures_bisecting_limits_and_a_failure_destination() -> None:
    mapping = FUNCTIONS["IngestFunction"]["Events"]["Readings"]["Properties"]

    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == 10
    assert mapping["MaximumRecordAgeInSeconds"] == 43_200
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["IngestDeadLetters", "Arn"]}


def test_the_persist_queue_hides_a_message_six_times_as_long_as_its_function_may_run() -> None:
    assert QUEUES["PersistQueue"]["VisibilityTimeout"] == 6 * FUNCTIONS["PersistFunction"]["Timeout"]
    assert QUEUES["PersistQueue"]["RedrivePolicy"]["maxReceiveCount"] == 8


@pytest.mark.parametrize("name", resources("AWS::Events::Rule"))
def test_every_target_has_a_dead_letter_queue(name: str) -> None:
    for target in resources("AWS::Events::Rule")[name]["Targets"]:
        assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in QUEUES


@pytest.mark.parametrize("name", [name for name in QUEUES if name != "PersistQueue"])
def test_every_queue_that_a_person_must_look_after_has_an_alarm(name: str) -> None:
    watched = [alarm["Dimensions"][0]["Value"] for alarm in ALARMS.values() if alarm["Namespace"] == "AWS/SQS"]

    assert {"Fn::GetAtt": [name, "QueueName"]} in watched


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_says_what_to_do_and_tells_operations(name: str) -> None:
    assert len(ALARMS[name]["AlarmDescription"]) > 30
    assert ALARMS[name]["AlarmActions"] == [{"Ref": "OperationsTopic"}]


@pytest.mark.parametrize("name", QUEUES)
def test_every_queue_is_encrypted_and_keeps_messages_for_two_weeks(name: str) -> None:
    assert QUEUES[name]["SqsManagedSseEnabled"] is True
    assert QUEUES[name]["MessageRetentionPeriod"] == 14 * 86_400


@tables
def test_every_table_is_on_demand_encrypted_and_recoverable_and_its_items_expire(name: str) -> None:
    table = TABLES[name]

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    if name not in KEPT_UNTIL_REMOVED:
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}


def test_no_index_carries_a_task_token() -> None:
    for index in TABLES["Alerts"]["GlobalSecondaryIndexes"]:
        assert index["Projection"]["ProjectionType"] != "ALL"
        assert "taskToken" not in index["Projection"]["NonKeyAttributes"]


def test_messages_to_people_are_encrypted_at_rest() -> None:
    topics = resources("AWS::SNS::Topic")

    assert topics["CareTeamTopic"]["KmsMasterKeyId"] == "alias/aws/sns"
    assert topics["OnCallTopic"]["KmsMasterKeyId"] == "alias/aws/sns"


def test_a_watch_connects_only_as_itself_and_publishes_only_to_its_own_topics() -> None:
    connect, publish = resources("AWS::IoT::Policy")["WatchPolicy"]["PolicyDocument"]["Statement"]

    assert connect["Condition"] == {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}
    for resource in [connect["Resource"], *publish["Resource"]]:
        assert "${!iot:Connection.Thing.ThingName}" in resource["Fn::Sub"]
        assert "*" not in resource["Fn::Sub"]


def test_the_ledger_outlives_the_archive() -> None:
    parameters = template()["Parameters"]

    assert parameters["LedgerRetentionDays"]["MinValue"] > parameters["ArchiveRetentionDays"]["MaxValue"]


def test_nobodys_address_is_hard_coded() -> None:
    parameters = template()["Parameters"]

    assert all(parameters[name]["Default"] == "" for name in parameters if name.endswith(("Email", "Phone")))
    assert not re.search(r"[\w.]+@[\w.]+\.\w+", TEXT)


def test_the_waits_are_five_five_and_ten_minutes_unless_told_otherwise() -> None:
    parameters = template()["Parameters"]

    assert [parameters[f"{step}Seconds"]["Default"] for step in ("CareTeam", "Reminder", "OnCall")] == [300, 300, 600]


def test_the_outputs_that_people_and_commands_rely_on_are_there() -> None:
    assert set(template()["Outputs"]) >= {
        "ReadingsTableName",
        "AlertsTableName",
        "EventBusName",
        "ReadingsStreamName",
        "EscalationStateMachineArn",
        "CareTeamTopicArn",
        "OnCallTopicArn",
        "QuarantineQueueUrl",
        "DevicePolicyName",
        "ArchiveName",
    }
