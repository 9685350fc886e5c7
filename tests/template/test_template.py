"""What the template promises, read from the template: queues and alarms, roles, environments, encryption, retention."""

from __future__ import annotations

import importlib
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
RULES = resources("AWS::Events::Rule")
TEXT = (ROOT / "template.yaml").read_text()

SETTINGS = {
    "IngestFunction": ingest.settings.Settings,
    "PersistFunction": persist.settings.Settings,
    "EvaluateFunction": evaluate.settings.Settings,
    "WatchdogFunction": evaluate.settings.WatchdogSettings,
    "NotifyFunction": notify.settings.Settings,
    "AnswersFunction": notify.settings.Settings,
    "AuditorFunction": notify.settings.AuditorSettings,
}

#: What a function need not be given: the API's own function can't know its address, and sends no message with a link.
LEFT_OUT = {"AnswersFunction": {"ACKNOWLEDGE_URL"}}

#: What roles around people and secrets may do, and with what; beside it, only their own log, tracing and dead letters.
NEEDS = {
    "NotifyRole": {
        ("dynamodb:GetItem", "Alerts"),
        ("dynamodb:UpdateItem", "Alerts"),
        ("dynamodb:UpdateItem", "Recipients"),
        ("dynamodb:Scan", "Recipients"),
        ("dynamodb:GetItem", "AlarmConfiguration"),
        ("dynamodb:Query", "AlarmConfiguration"),
        ("secretsmanager:GetSecretValue", "ChannelSecret"),
        ("secretsmanager:GetSecretValue", "LinkKey"),
        ("sns:Publish", "CareTeamTopic"),
        ("sns:Publish", "OnCallTopic"),
        ("sns:Publish", "anything but arn:${AWS::Partition}:sns:*:*:*"),
        ("states:SendTaskSuccess", "*"),
        ("events:PutEvents", "Bus"),
    },
    "AnswersRole": {
        ("dynamodb:GetItem", "Alerts"),
        ("dynamodb:UpdateItem", "Alerts"),
        ("secretsmanager:GetSecretValue", "ChannelSecret"),
        ("secretsmanager:GetSecretValue", "LinkKey"),
        ("states:SendTaskSuccess", "*"),
        ("events:PutEvents", "Bus"),
    },
    "AuditorRole": {
        ("dynamodb:GetItem", "Alerts"),
        ("dynamodb:UpdateItem", "Alerts"),
        ("dynamodb:Query", "${Alerts.Arn}/index/status"),
        ("dynamodb:GetItem", "AlarmConfiguration"),
        ("dynamodb:Query", "AlarmConfiguration"),
        ("secretsmanager:GetSecretValue", "ChannelSecret"),
        ("secretsmanager:GetSecretValue", "LinkKey"),
        ("states:StartExecution", "Escalation"),
        (
            "states:DescribeExecution",
            "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-escalation:*",
        ),
        ("sns:Publish", "CareTeamTopic"),
        ("sns:Publish", "OnCallTopic"),
        ("sns:Publish", "anything but arn:${AWS::Partition}:sns:*:*:*"),
        ("states:SendTaskSuccess", "*"),
        ("events:PutEvents", "Bus"),
    },
    "LinkKeyRole": {
        ("secretsmanager:DescribeSecret", "LinkKey"),
        ("secretsmanager:GetSecretValue", "LinkKey"),
        ("secretsmanager:PutSecretValue", "LinkKey"),
        ("secretsmanager:UpdateSecretVersionStage", "LinkKey"),
    },
    "EscalationRole": {
        ("lambda:InvokeFunction", "NotifyFunction"),
        ("dynamodb:GetItem", "Alerts"),
        ("dynamodb:UpdateItem", "Alerts"),
        ("sns:Publish", "OnCallTopic"),
        ("events:PutEvents", "Bus"),
    },
    "EscalationRuleRole": {("states:StartExecution", "Escalation")},
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


def _name(resource: Any) -> str:
    """A resource by its logical id, or as it is written."""
    if isinstance(resource, str):
        return resource
    ((how, what),) = resource.items()
    return str(what[0] if how == "Fn::GetAtt" else what)


def _may(role: str) -> set[tuple[str, str]]:
    """What a role may do and with what."""
    found = set()
    for statement in _statements(ROLES[role]):
        named = statement.get("Resource", statement.get("NotResource"))
        names = [_name(resource) for resource in (named if isinstance(named, list) else [named])]
        prefix = "anything but " if "NotResource" in statement else ""
        found |= {(action, f"{prefix}{name}") for action in _actions(statement) for name in names}
    return found


def test_every_function_has_settings_or_reads_what_it_needs_by_itself() -> None:
    assert set(FUNCTIONS) == {*SETTINGS, "LinkKeyFunction"}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_function_gets_exactly_the_variables_that_its_settings_read(name: str) -> None:
    given = set(FUNCTIONS[name]["Environment"]["Variables"]) - {"POWERTOOLS_SERVICE_NAME"}

    assert given == {field.upper() for field in SETTINGS[name].model_fields} - LEFT_OUT.get(name, set())


def test_the_rotation_of_link_keys_gets_exactly_the_variables_that_it_reads() -> None:
    given = set(FUNCTIONS["LinkKeyFunction"]["Environment"]["Variables"]) - {"POWERTOOLS_SERVICE_NAME"}
    source = (ROOT / "services/notify/notify/rotation.py").read_text()

    assert given == set(re.findall(r'os\.environ\["(\w+)"\]', source)) == {"LINK_LIFETIME_SECONDS"}


@pytest.mark.parametrize("service", ["ingest", "persist", "evaluate", "notify"])
def test_every_setting_is_used(service: str) -> None:
    code = ROOT / f"services/{service}/{service}"
    text = (code / "wiring.py").read_text() + (code / "settings.py").read_text()
    classes = [model for model in SETTINGS.values() if model.__module__.startswith(f"{service}.")]

    assert {field for model in classes for field in model.model_fields} <= set(
        re.findall(r"(?:settings|self)\.(\w+)", text)
    )


@functions
def test_what_a_function_runs_is_there(name: str) -> None:
    properties = FUNCTIONS[name]
    module, _, function = properties["Handler"].rpartition(".")

    assert callable(getattr(importlib.import_module(module), function))
    assert properties["CodeUri"] == f"services/{module.partition('.')[0]}"


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
        if statement.get("Resource") == "*":
            assert _actions(statement) <= WITHOUT_RESOURCES
        if "NotResource" in statement:
            # A text message to a phone has no resource to name.
            assert _actions(statement) == {"sns:Publish"}
        assert not any("*" in action for action in _actions(statement))


@pytest.mark.parametrize("name", NEEDS)
def test_a_role_may_do_what_its_function_does_and_nothing_more(name: str) -> None:
    service = name.removesuffix("Role")
    everybodys = {action for action in WITHOUT_RESOURCES if not action.startswith("states:")}
    may = {(action, resource) for action, resource in _may(name) if action not in everybodys}

    assert (
        may
        - {
            ("logs:CreateLogStream", f"{service}Logs"),
            ("logs:PutLogEvents", f"{service}Logs"),
            ("sqs:SendMessage", "NotifyDeadLetters"),
        }
        == NEEDS[name]
    )


def test_a_function_that_is_dead_lettered_may_send_to_that_queue_and_no_other_may() -> None:
    for name, function in FUNCTIONS.items():
        sends = {
            resource for action, resource in _may(f"{name.removesuffix('Function')}Role") if action == "sqs:SendMessage"
        }
        queue = function.get("DeadLetterQueue", {}).get("TargetArn")
        if queue is not None:
            assert _name(queue) in sends


def test_secrets_are_read_by_those_who_need_them_and_written_by_the_rotation_alone() -> None:
    readers: dict[str, set[str]] = {"ChannelSecret": set(), "LinkKey": set()}
    writers = set()
    for role in ROLES:
        for action, resource in _may(role):
            if action == "secretsmanager:GetSecretValue":
                readers[resource].add(role)
            elif action.startswith("secretsmanager:"):
                writers.add((role, resource))

    assert readers == {
        "ChannelSecret": {"NotifyRole", "AnswersRole", "AuditorRole"},
        "LinkKey": {"NotifyRole", "AnswersRole", "AuditorRole", "LinkKeyRole"},
    }
    assert writers == {("LinkKeyRole", "LinkKey")}
    assert resources("AWS::SecretsManager::ResourcePolicy") == {}


def test_no_secret_is_in_the_template() -> None:
    secrets = resources("AWS::SecretsManager::Secret")

    assert secrets["ChannelSecret"]["SecretString"] == "{}"
    assert "SecretString" not in secrets["LinkKey"]
    assert secrets["LinkKey"]["GenerateSecretString"]["PasswordLength"] == 64


def test_the_link_key_is_rotated_each_month_by_its_own_function() -> None:
    (rotation,) = resources("AWS::SecretsManager::RotationSchedule").values()
    permission = resources("AWS::Lambda::Permission")["LinkKeyFunctionPermission"]

    assert rotation["RotationRules"] == {"AutomaticallyAfterDays": 30}
    assert rotation["RotationLambdaARN"] == {"Fn::GetAtt": ["LinkKeyFunction", "Arn"]}
    assert (permission["Principal"], permission["SourceAccount"]) == (
        "secretsmanager.amazonaws.com",
        {"Ref": "AWS::AccountId"},
    )


def test_of_the_answers_api_only_the_route_for_programs_asks_who_calls() -> None:
    events = FUNCTIONS["AnswersFunction"]["Events"].values()
    routes = {
        (event["Properties"]["Method"], event["Properties"]["Path"]): event["Properties"].get("Auth")
        for event in events
    }

    assert routes == {
        ("GET", "/ack/{token}"): None,
        ("HEAD", "/ack/{token}"): None,
        ("POST", "/ack/{token}"): None,
        ("POST", "/alerts/{alertId}/acknowledgements"): {"Authorizer": "AWS_IAM"},
        ("POST", "/webhooks/pagerduty"): None,
    }
    assert {_name(event["Properties"]["ApiId"]) for event in events} == {"AnswersApi"}


def test_the_answers_api_is_throttled_and_logs_no_path() -> None:
    api = resources("AWS::Serverless::HttpApi")["AnswersApi"]

    assert api["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 50}
    assert "AccessLogSettings" not in api


def test_whatever_runs_by_the_clock_runs_each_minute_and_by_the_clock_alone() -> None:
    schedules = {name: rule for name, rule in RULES.items() if "EventPattern" not in rule}

    assert {name: rule["ScheduleExpression"] for name, rule in schedules.items()} == {
        "WatchdogSchedule": "rate(1 minute)",
        "DigestSchedule": "rate(1 minute)",
        "AuditorSchedule": "rate(1 minute)",
    }
    assert all("ScheduleExpression" not in rule for name, rule in RULES.items() if name not in schedules)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_may_call_what_it_calls_and_its_dead_letters_may_come_from_it(name: str) -> None:
    permissions = resources("AWS::Lambda::Permission").values()
    policies = resources("AWS::SQS::QueuePolicy").values()
    for target in RULES[name]["Targets"]:
        called, letters = _name(target["Arn"]), target["DeadLetterConfig"]["Arn"]
        if called in FUNCTIONS:
            assert [
                permission["Principal"]
                for permission in permissions
                if _name(permission["FunctionName"]) == called and _name(permission.get("SourceArn", "")) == name
            ] == ["events.amazonaws.com"]
        sources = [
            source
            for policy in policies
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Resource"] == letters
            for source in _sources(statement)
        ]
        assert name in sources


def _sources(statement: dict[str, Any]) -> list[str]:
    arns = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    return [_name(arn) for arn in (arns if isinstance(arns, list) else [arns])]


@pytest.mark.parametrize("name", ROLES)
def test_a_role_carries_no_managed_policy(name: str) -> None:
    assert "ManagedPolicyArns" not in ROLES[name]


def test_what_fails_asynchronously_is_dead_lettered() -> None:
    for name in ("EvaluateFunction", "NotifyFunction", "AuditorFunction", "LinkKeyFunction"):
        assert FUNCTIONS[name]["DeadLetterQueue"]["Type"] == "SQS"


def test_a_round_of_the_auditor_is_never_repeated_and_ends_before_the_next() -> None:
    auditor = FUNCTIONS["AuditorFunction"]

    assert auditor["EventInvokeConfig"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    assert auditor["Timeout"] == 60


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


@functions
def test_every_function_that_fails_rings(name: str) -> None:
    watched = [alarm["Dimensions"][0]["Value"] for alarm in ALARMS.values() if alarm["MetricName"] == "Errors"]

    assert {"Ref": name} in watched


def test_a_stalled_escalation_rings_and_so_does_an_auditor_that_does_not_run() -> None:
    stalled, silent = ALARMS["EscalationStalledAlarm"], ALARMS["AuditorSilentAlarm"]
    namespace = template()["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
    service = FUNCTIONS["AuditorFunction"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]

    assert (stalled["Namespace"], stalled["MetricName"]) == (namespace, "EscalationsStalled")
    assert stalled["Dimensions"] == [{"Name": "service", "Value": service}]
    assert (silent["MetricName"], silent["TreatMissingData"]) == ("Invocations", "breaching")
    assert silent["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "AuditorFunction"}}]


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


def test_no_wait_for_people_is_in_the_template_but_that_of_the_page_without_notify() -> None:
    parameters = template()["Parameters"]

    assert (parameters["DirectPageSeconds"]["Default"], parameters["DirectPageSeconds"]["MaxValue"]) == (600, 3600)
    assert parameters["LinkLifetimeSeconds"]["Default"] == 86_400
    assert not {"CareTeamSeconds", "ReminderSeconds", "OnCallSeconds"} & set(parameters)


def test_a_link_may_live_as_long_as_its_settings_allow_and_no_shorter() -> None:
    bounds = template()["Parameters"]["LinkLifetimeSeconds"]
    (at_least,) = notify.settings.Settings.model_fields["link_lifetime_seconds"].metadata

    assert bounds["MinValue"] == at_least.ge == 60


def test_the_outputs_that_people_and_commands_rely_on_are_there() -> None:
    assert set(template()["Outputs"]) >= {
        "ReadingsTableName",
        "AlertsTableName",
        "EventBusName",
        "ReadingsStreamName",
        "EscalationStateMachineArn",
        "CareTeamTopicArn",
        "OnCallTopicArn",
        "RecipientsTableName",
        "AnswersUrl",
        "ChannelSecretArn",
        "LinkKeyArn",
        "NotifyFunctionName",
        "AnswersFunctionName",
        "AuditorFunctionName",
        "QuarantineQueueUrl",
        "DevicePolicyName",
        "ArchiveName",
    }
