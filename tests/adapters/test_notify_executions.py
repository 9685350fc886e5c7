"""Executions and task tokens on Step Functions: each number starts once, with the input that the rule gives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from notify.adapters import StepFunctionsExecutions, StepFunctionsWorkflow
from notify.domain import AlertRecord
from notify.ports import AlreadyRanError
from notify.requests import Alert, Raised, parse
from smartwatch_contracts.catalogue import ALERT_RAISED

from tests.support.project import event_example, resources

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:smartwatch-escalation"
EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:smartwatch-escalation:e1"


class StepFunctions:
    """boto3's client with answers that were laid out for it, and the adapters upon it."""

    def __init__(self) -> None:
        client = boto3.client(
            "stepfunctions", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.stub = Stubber(client)
        self.executions = StepFunctionsExecutions(client, MACHINE, 600)
        self.workflow = StepFunctionsWorkflow(client)

    def refuses(self, operation: str, code: str) -> None:
        self.stub.add_client_error(operation, code)


@pytest.fixture
def step_functions() -> Iterator[StepFunctions]:
    made = StepFunctions()
    with made.stub:
        yield made
        made.stub.assert_no_pending_responses()


def raised() -> Raised:
    request = parse(event_example(ALERT_RAISED))
    assert isinstance(request, Raised)
    return request


def a_record() -> AlertRecord:
    """What is kept of the example's alert."""
    request = raised()
    return AlertRecord(
        request.alert.alert_id,
        "open",
        raised_at=request.raised_at,
        correlation_id=request.correlation_id,
        trace=request.trace,
        causation_id=request.event_id,
    )


def by_the_rule() -> dict[str, Any]:
    """The input that the rule on the bus makes of the example."""
    transformer = resources("AWS::Events::Rule")["EscalationRule"]["Targets"][0]["InputTransformer"]
    text = transformer["InputTemplate"]["Fn::Sub"].replace("${DirectPageSeconds}", "600")
    for name, path in transformer["InputPathsMap"].items():
        value: Any = event_example(ALERT_RAISED)
        for part in path.removeprefix("$.").split("."):
            value = value[part]
        text = text.replace(f"<{name}>", json.dumps(value))
    assert not re.search(r"<\w+>", text)
    made: dict[str, Any] = json.loads(text)
    return made


def start(step_functions: StepFunctions, alert: Alert, number: int = 0) -> None:
    step_functions.executions.start(alert, a_record(), number)


def test_what_is_started_begins_with_the_very_input_that_the_rule_makes(step_functions: StepFunctions) -> None:
    alert, kept = raised().alert, {}
    answer = {"executionArn": EXECUTION, "startDate": 1}
    expected = {"stateMachineArn": MACHINE, "name": f"{alert.alert_id}-2", "input": ANY}
    step_functions.stub.add_response("start_execution", answer, expected)
    step_functions.executions._client.meta.events.register(
        "provide-client-params.stepfunctions.StartExecution", lambda params, **_: kept.update(params)
    )

    start(step_functions, alert, 2)

    assert json.loads(kept["input"]) == by_the_rule()


def test_one_that_has_begun_and_ended_is_not_started_again(step_functions: StepFunctions) -> None:
    step_functions.refuses("start_execution", "ExecutionAlreadyExists")

    with pytest.raises(AlreadyRanError):
        start(step_functions, raised().alert)


def test_another_refusal_to_start_is_an_error(step_functions: StepFunctions) -> None:
    step_functions.refuses("start_execution", "ExecutionLimitExceeded")

    with pytest.raises(ClientError):
        start(step_functions, raised().alert)


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"])
def test_the_status_is_what_step_functions_says(step_functions: StepFunctions, status: str) -> None:
    answer = {"executionArn": EXECUTION, "stateMachineArn": MACHINE, "status": status, "startDate": 1}
    step_functions.stub.add_response("describe_execution", answer, {"executionArn": EXECUTION})

    assert step_functions.executions.status(EXECUTION) == status


def test_an_execution_that_there_is_not_is_missing(step_functions: StepFunctions) -> None:
    step_functions.refuses("describe_execution", "ExecutionDoesNotExist")

    assert step_functions.executions.status(EXECUTION) == "MISSING"


def test_an_execution_that_can_not_be_looked_at_is_an_error(step_functions: StepFunctions) -> None:
    step_functions.refuses("describe_execution", "AccessDeniedException")

    with pytest.raises(ClientError):
        step_functions.executions.status(EXECUTION)


def test_an_answer_goes_to_the_task_that_waits_with_the_token(step_functions: StepFunctions) -> None:
    expected = {"taskToken": "t1", "output": '{"status":"cleared","acknowledgedBy":""}'}
    step_functions.stub.add_response("send_task_success", {}, expected)

    assert step_functions.workflow.answer("t1", {"status": "cleared", "acknowledgedBy": ""}) is True


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_an_answer_that_comes_too_late_is_no_error(step_functions: StepFunctions, code: str) -> None:
    step_functions.refuses("send_task_success", code)

    assert step_functions.workflow.answer("t1", {}) is False


def test_an_answer_that_could_not_be_given_is_an_error(step_functions: StepFunctions) -> None:
    step_functions.refuses("send_task_success", "ThrottlingException")

    with pytest.raises(ClientError):
        step_functions.workflow.answer("t1", {})
