"""From the bus to targets, or to their dead-letter queues."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.cloud.mends import eventbridge_delivery
from simulator.cloud.mends.eventbridge_delivery import Delivery, UndeliverableError, retry
from tests.support.clouds import TestCloud, eventually
from tests.support.resources import function, new_name, queue, received, role

EVENTS = "events.amazonaws.com"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
MISSING = {
    "queue": "arn:aws:sqs:us-east-1:000000000000:gone",
    "function": "arn:aws:lambda:us-east-1:000000000000:function:gone",
    "bus": "arn:aws:events:us-east-1:000000000000:event-bus/gone",
    "topic": "arn:aws:sns:us-east-1:000000000000:gone",
    "state machine": "arn:aws:states:us-east-1:000000000000:stateMachine:gone",
}


class Rule:
    """A rule of its own for one target, and the target's dead-letter queue."""

    def __init__(self, cloud: TestCloud, target_arn: str, **target: Any) -> None:
        self._events = cloud.client("events")
        self._source = new_name("source")
        self._cloud = cloud
        self._dead_letters, dead_letters_arn = queue(cloud, open_to=EVENTS)
        self.arn = self._events.put_rule(Name=self._source, EventPattern=json.dumps({"source": [self._source]}))[
            "RuleArn"
        ]
        self._events.put_targets(
            Rule=self._source,
            Targets=[{"Id": "target", "Arn": target_arn, "DeadLetterConfig": {"Arn": dead_letters_arn}, **target}],
        )

    def put(self, detail: dict[str, Any], **entry: Any) -> None:
        answer = self._events.put_events(
            Entries=[{"Source": self._source, "DetailType": "Happened", "Detail": json.dumps(detail), **entry}]
        )
        assert answer["FailedEntryCount"] == 0

    def dead_letters(self) -> list[dict[str, Any]]:
        return received(self._cloud, self._dead_letters)


def let_events_invoke(cloud: TestCloud, function_arn: str) -> None:
    cloud.client("lambda").add_permission(
        FunctionName=function_arn, StatementId="events", Action="lambda:InvokeFunction", Principal=EVENTS
    )


@pytest.mark.parametrize("kind", ["queue", "topic", "bus"])
def test_an_event_for_a_missing_target_goes_to_the_dead_letter_queue(mended: TestCloud, kind: str) -> None:
    rule = Rule(mended, MISSING[kind])
    rule.put({"number": 7})

    [letter] = eventually(rule.dead_letters)
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes["RULE_ARN"] == rule.arn
    assert attributes["TARGET_ARN"] == MISSING[kind]
    assert attributes["ERROR_CODE"] == "NO_RESOURCE"
    assert "does not exist" in attributes["ERROR_MESSAGE"]
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes
    assert json.loads(letter["Body"])["detail"] == {"number": 7}


@pytest.mark.parametrize("kind", ["function", "state machine"])
def test_an_event_for_what_may_not_be_seen_goes_to_the_dead_letter_queue(mended: TestCloud, kind: str) -> None:
    start = role(mended, EVENTS, allow=["states:StartExecution"])
    rule = Rule(mended, MISSING[kind], **({"RoleArn": start} if kind == "state machine" else {}))
    rule.put({"number": 7})

    [letter] = eventually(rule.dead_letters)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] in {"NO_RESOURCE", "NO_PERMISSIONS"}
    assert json.loads(letter["Body"])["detail"] == {"number": 7}


def test_an_event_for_a_target_that_is_not_emulated_is_not_lost(mended: TestCloud) -> None:
    rule = Rule(mended, "arn:aws:kinesis:us-east-1:000000000000:stream/elsewhere")
    rule.put({"number": 7})

    [letter] = eventually(rule.dead_letters)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "SDK_CLIENT_ERROR"


def test_a_dead_letter_is_the_event_and_not_the_targets_input(mended: TestCloud) -> None:
    rule = Rule(mended, MISSING["queue"], InputPath="$.detail")
    rule.put({"number": 7})

    [letter] = eventually(rule.dead_letters)
    assert json.loads(letter["Body"])["detail-type"] == "Happened"


def test_a_dead_letter_is_counted_for_its_rule(mended: TestCloud) -> None:
    rule = Rule(mended, MISSING["queue"])
    rule.put({})
    eventually(rule.dead_letters)

    metrics = mended.client("cloudwatch").list_metrics(
        Namespace="AWS/Events", Dimensions=[{"Name": "RuleName", "Value": rule.arn.rsplit("/", 1)[1]}]
    )["Metrics"]
    assert sorted(metric["MetricName"] for metric in metrics) == ["FailedInvocations", "InvocationsSentToDlq"]


def test_an_event_without_a_way_out_is_lost_and_the_log_says_so(mended: TestCloud) -> None:
    rule = Rule(mended, MISSING["queue"], DeadLetterConfig={})
    rule.put({})

    assert f"rule {rule.arn.rsplit('/', 1)[1]}: an event is lost: the target has no dead-letter queue" in mended.log()


def test_a_queue_gets_the_trace_of_the_entry(mended: TestCloud) -> None:
    inbox, inbox_arn = queue(mended, open_to=EVENTS)
    Rule(mended, inbox_arn).put({}, TraceHeader=TRACE)

    [message] = eventually(lambda: received(mended, inbox))
    assert message["Attributes"]["AWSTraceHeader"].startswith("Root=1-5759e988-bd862e3fe1be46a994272793")


def test_entries_of_one_request_keep_their_own_traces(mended: TestCloud) -> None:
    inbox, inbox_arn = queue(mended, open_to=EVENTS)
    source = new_name("source")
    events = mended.client("events")
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=source, Targets=[{"Id": "inbox", "Arn": inbox_arn, "InputPath": "$.detail"}])
    plain = {"Source": source, "DetailType": "Happened"}
    events.put_events(
        Entries=[
            {**plain, "Detail": '{"n": "first"}', "TraceHeader": TRACE},
            {**plain, "Detail": '{"n": "second"}', "TraceHeader": TRACE.replace("5759e988", "5759e999")},
        ]
    )

    traces = {
        json.loads(message["Body"])["n"]: message["Attributes"]["AWSTraceHeader"][:15]
        for message in eventually(lambda: received(mended, inbox))
    }
    assert traces == {"first": "Root=1-5759e988", "second": "Root=1-5759e999"}


def test_a_function_that_raises_is_tried_again_by_its_own_retries_and_ends_in_its_own_queue(
    mended: TestCloud,
) -> None:
    failed, failed_arn = queue(mended)
    tried, _ = queue(mended)
    source = (
        "import boto3\n"
        "def handler(event, context):\n"
        f"    boto3.client('sqs').send_message(QueueUrl='{tried}', MessageBody=event['detail']['name'])\n"
        "    raise ValueError('no')\n"
    )
    arn = function(mended, source, allow=["sqs:SendMessage"], DeadLetterConfig={"TargetArn": failed_arn}, Timeout=10)
    mended.client("lambda").put_function_event_invoke_config(FunctionName=arn, MaximumRetryAttempts=1)
    let_events_invoke(mended, arn)
    rule = Rule(mended, arn)
    rule.put({"name": "twice"})

    assert eventually(lambda: received(mended, failed), within=30)
    assert [message["Body"] for message in received(mended, tried)] == ["twice", "twice"]
    assert rule.dead_letters() == []


def test_a_workflow_starts_with_the_transformed_event(mended: TestCloud) -> None:
    states = mended.client("stepfunctions")
    machine = states.create_state_machine(
        name=new_name("passes"),
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn=role(mended, "states.amazonaws.com"),
    )["stateMachineArn"]
    template = '{"alert": {"id": <id>, "drill": <drill>}, "seconds": 5}'
    rule = Rule(
        mended,
        machine,
        RoleArn=role(mended, EVENTS, allow=["states:StartExecution"]),
        InputTransformer={"InputPathsMap": {"id": "$.detail.id", "drill": "$.detail.drill"}, "InputTemplate": template},
    )
    rule.put({"id": "a-1", "drill": True})

    [execution] = eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    started = states.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(started["input"]) == {"alert": {"id": "a-1", "drill": True}, "seconds": 5}


def test_input_that_is_not_json_does_not_start_a_workflow(mended: TestCloud) -> None:
    machine = mended.client("stepfunctions").create_state_machine(
        name=new_name("passes"),
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn=role(mended, "states.amazonaws.com"),
    )["stateMachineArn"]
    rule = Rule(
        mended,
        machine,
        RoleArn=role(mended, EVENTS, allow=["states:StartExecution"]),
        InputTransformer={"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": '{"id": <id>'},
    )
    rule.put({"id": "a-1"})

    [letter] = eventually(rule.dead_letters)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_JSON"


class TestRetry:
    """The retry policy itself, without a cloud."""

    @pytest.fixture
    def dead(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
        letters: list[tuple[str, dict[str, Any]]] = []
        monkeypatch.setattr(
            eventbridge_delivery, "dead_letter", lambda _delivery, code, _reason, **more: letters.append((code, more))
        )
        return letters

    @staticmethod
    def delivery(**policy: int) -> Delivery:
        return Delivery(rule={"Name": "rule"}, target={"Arn": "target", "RetryPolicy": policy}, event="{}")

    def test_a_target_that_recovers_gets_the_event(self, dead: list[Any]) -> None:
        outcomes = iter([RuntimeError("busy"), None])
        arrived = []

        def attempt() -> None:
            outcome = next(outcomes)
            if outcome:
                raise outcome
            arrived.append("event")

        retry(self.delivery(MaximumRetryAttempts=5), attempt, RuntimeError("busy"), sleep=lambda _: None)

        assert arrived == ["event"]
        assert dead == []

    def test_the_last_attempt_ends_in_the_dead_letter_queue(self, dead: list[Any]) -> None:
        attempts = []

        def attempt() -> None:
            attempts.append(1)
            raise RuntimeError("busy")

        retry(self.delivery(MaximumRetryAttempts=3), attempt, RuntimeError("busy"), sleep=lambda _: None)

        assert len(attempts) == 3
        assert dead == [("ERROR_FROM_TARGET", {"exhausted": "MaximumRetryAttempts", "attempts": 3})]

    def test_no_attempt_comes_after_the_events_age(self, dead: list[Any]) -> None:
        retry(self.delivery(MaximumEventAgeInSeconds=0), lambda: None, RuntimeError("busy"), sleep=lambda _: None)

        assert dead == [("ERROR_FROM_TARGET", {"exhausted": "MaximumEventAgeInSeconds", "attempts": 0})]

    def test_a_failure_that_no_retry_mends_ends_the_retries(self, dead: list[Any]) -> None:
        def attempt() -> None:
            raise UndeliverableError("NO_RESOURCE", "gone")

        retry(self.delivery(), attempt, RuntimeError("busy"), sleep=lambda _: None)

        assert dead == [("NO_RESOURCE", {"attempts": 1})]


def test_stock_loses_an_event_whose_target_is_missing(stock: TestCloud) -> None:
    events = stock.client("events")
    dead_letters, dead_letters_arn = queue(stock, open_to=EVENTS)
    inbox, inbox_arn = queue(stock, open_to=EVENTS)
    events.put_rule(Name="lost", EventPattern='{"source": ["lost"]}')
    events.put_targets(
        Rule="lost",
        Targets=[
            {"Id": "1", "Arn": MISSING["queue"], "DeadLetterConfig": {"Arn": dead_letters_arn}},
            {"Id": "2", "Arn": inbox_arn},
        ],
    )
    events.put_events(Entries=[{"Source": "lost", "DetailType": "Happened", "Detail": "{}", "TraceHeader": TRACE}])

    [message] = eventually(lambda: received(stock, inbox))
    assert "AWSTraceHeader" not in message["Attributes"]
    assert received(stock, dead_letters) == []
