"""The Task state: timeouts by path, callbacks, errors, retries, paths and integrations."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator.cloud.mends.stepfunctions_errors import delay, matches
from tests.support.clouds import TestCloud, eventually
from tests.support.machines import ended, history, machine, run, started
from tests.support.resources import function, queue, received

RAISES = "class ChannelError(Exception): pass\ndef handler(event, context):\n    raise ChannelError('down')\n"
SLEEPS = "import time\ndef handler(event, context):\n    time.sleep(3)\n"
SAYS_NOTHING = "def handler(event, context):\n    return {}\n"

ENDS = {name: {"Type": "Pass", "Result": name, "End": True} for name in ("A", "B")}


def waiting(cloud: TestCloud, source: str = SAYS_NOTHING, **more: Any) -> dict[str, Any]:
    """A task that waits for a token; its function gets it and does what `source` says."""
    name = function(cloud, source)
    return {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": name, "Payload": {"token.$": "$$.Task.Token"}},
            "End": True,
            **more,
        }
    }


def token(cloud: TestCloud, arn: str) -> str:
    """The token of the task that waits, from the history."""

    def found() -> str | None:
        for event in history(cloud, arn):
            if event["type"] == "TaskScheduled":
                return str(json.loads(event["taskScheduledEventDetails"]["parameters"])["Payload"]["token"])
        return None

    answer = eventually(found)
    assert answer is not None
    return answer


def refusal(cloud: TestCloud, task_token: str) -> str:
    with pytest.raises(ClientError) as caught:
        cloud.client("stepfunctions").send_task_success(taskToken=task_token, output="{}")
    return str(caught.value.response["Error"]["Code"])


# ---------------------------------------------------------------------------------------------------------- callbacks


def test_a_task_goes_on_with_what_its_token_was_answered(mended: TestCloud) -> None:
    arn = started(mended, machine(mended, waiting(mended)))
    eventually(lambda: "TaskSubmitted" in [event["type"] for event in history(mended, arn)])

    mended.client("stepfunctions").send_task_success(taskToken=token(mended, arn), output='{"by": "nurse"}')

    assert json.loads(ended(mended, arn)["output"]) == {"by": "nurse"}


def test_a_task_fails_with_what_its_token_was_failed_with(mended: TestCloud) -> None:
    arn = started(mended, machine(mended, waiting(mended)))

    mended.client("stepfunctions").send_task_failure(taskToken=token(mended, arn), error="Refused", cause="no")

    assert ended(mended, arn)["error"] == "Refused"


def test_a_token_that_was_used_is_over_and_one_that_never_was_is_invalid(mended: TestCloud) -> None:
    arn = started(mended, machine(mended, waiting(mended)))
    used = token(mended, arn)
    mended.client("stepfunctions").send_task_success(taskToken=used, output="{}")
    ended(mended, arn)

    assert refusal(mended, used) == "TaskTimedOut"
    assert refusal(mended, "nosuch") == "InvalidToken"


def test_a_task_that_could_not_be_dispatched_fails_with_the_functions_own_error(mended: TestCloud) -> None:
    answer = run(mended, waiting(mended, RAISES))

    assert (answer["status"], answer["error"]) == ("FAILED", "ChannelError")


def test_a_task_without_a_sign_of_life_times_out(mended: TestCloud) -> None:
    assert run(mended, waiting(mended, HeartbeatSeconds=1, TimeoutSeconds=60))["error"] == "States.HeartbeatTimeout"


def test_stock_hangs_when_a_callback_task_could_not_be_dispatched(stock: TestCloud) -> None:
    arn = started(stock, machine(stock, waiting(stock, RAISES, TimeoutSeconds=2)))

    assert ended(stock, arn)["error"] != "ChannelError"


def test_stock_does_not_tell_a_used_token_from_one_that_never_was(stock: TestCloud) -> None:
    states = stock.client("stepfunctions")
    try:
        states.send_task_success(taskToken="nosuch", output="{}")
        code = "accepted"
    except ClientError as error:
        code = error.response["Error"]["Code"]

    assert code != "InvalidToken"


# ------------------------------------------------------------------------------------------------------------- timeouts


def test_a_timeout_may_come_from_the_input(mended: TestCloud) -> None:
    states = waiting(mended, TimeoutSecondsPath="$.policy.seconds")

    answer = ended(mended, started(mended, machine(mended, states), {"policy": {"seconds": 1}}))

    assert answer["error"] == "States.Timeout"


@pytest.mark.parametrize("seconds", [0, -1, "5", None, True])
def test_a_timeout_from_the_input_must_be_a_positive_integer(mended: TestCloud, seconds: object) -> None:
    states = waiting(mended, TimeoutSecondsPath="$.seconds")

    assert ended(mended, started(mended, machine(mended, states), {"seconds": seconds}))["error"] == "States.Runtime"


def test_stock_ignores_a_timeout_from_the_input(stock: TestCloud) -> None:
    states = waiting(stock, TimeoutSecondsPath="$.seconds")
    arn = started(stock, machine(stock, states, TimeoutSeconds=3), {"seconds": 1})

    with pytest.raises(AssertionError, match="not within"):
        ended(stock, arn, within=2.5)
    stock.client("stepfunctions").stop_execution(executionArn=arn)


# --------------------------------------------------------------------------------------------------------------- errors


def slow(cloud: TestCloud) -> dict[str, Any]:
    return {
        "Slow": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": function(cloud, SLEEPS, Timeout=10)},
            "TimeoutSeconds": 1,
            "Catch": [
                {"ErrorEquals": ["States.TaskFailed"], "Next": "A"},
                {"ErrorEquals": ["States.Timeout"], "Next": "B"},
            ],
            "End": True,
        },
        **ENDS,
    }


UNCATCHABLE = {
    "Broken": {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:nosuch:doSomething",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "A"}],
        "End": True,
    },
    **ENDS,
}


def test_a_timeout_is_no_task_failure(mended: TestCloud) -> None:
    assert run(mended, slow(mended))["output"] == '"B"'


def test_a_runtime_error_is_not_caught(mended: TestCloud) -> None:
    assert run(mended, UNCATCHABLE)["error"] == "States.Runtime"


def test_stock_catches_what_can_not_be_caught(stock: TestCloud) -> None:
    assert run(stock, UNCATCHABLE)["output"] == '"A"'


@pytest.mark.parametrize(
    ("equals", "error", "expected"),
    [
        (["States.ALL"], "Anything", True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", True),
        (["States.TaskFailed"], "ChannelError", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.Timeout"], "States.HeartbeatTimeout", True),
        (["Other"], "ChannelError", False),
    ],
)
def test_an_error_matches_by_awss_rules(equals: list[str], error: str, expected: bool) -> None:
    assert matches(equals, error) is expected


def test_a_delay_grows_up_to_its_limit() -> None:
    retrier = {"IntervalSeconds": 1, "BackoffRate": 2, "MaxDelaySeconds": 3}

    assert [delay(retrier, retries) for retries in range(4)] == [1, 2, 3, 3]


def test_full_jitter_waits_between_nothing_and_the_delay() -> None:
    delays = [delay({"IntervalSeconds": 8, "JitterStrategy": "FULL"}, 0) for _ in range(200)]

    assert min(delays) >= 0
    assert max(delays) <= 8
    assert max(delays) - min(delays) > 1


# ---------------------------------------------------------------------------------------------------------------- paths


MISSING = {"Shape": {"Type": "Pass", "Parameters": {"x.$": "$.nosuch"}, "End": True}}


def test_a_path_that_leads_nowhere_fails_the_state(mended: TestCloud) -> None:
    assert run(mended, MISSING)["error"] == "States.ParameterPathFailure"


def test_a_choice_on_a_missing_variable_fails_the_execution(mended: TestCloud) -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.no", "StringEquals": "x", "Next": "A"}], "Default": "A"}

    assert run(mended, {"Choose": choice, **ENDS})["error"] == "States.Runtime"


def test_stock_yields_null_for_a_missing_path(stock: TestCloud) -> None:
    assert json.loads(run(stock, MISSING)["output"]) == {"x": None}


# --------------------------------------------------------------------------------------------------------- integrations


def published(cloud: TestCloud) -> dict[str, Any]:
    """What a queue gets that is subscribed to the topic of a workflow's `sns:publish`."""
    topic = cloud.client("sns").create_topic(Name="attributes")["TopicArn"]
    url, arn = queue(cloud, open_to="sns.amazonaws.com")
    cloud.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {
            "TopicArn": topic,
            "Message": "m",
            "MessageAttributes": {"drill": {"DataType": "String", "StringValue": "true"}},
        },
        "End": True,
    }
    assert run(cloud, {"Publish": state})["status"] == "SUCCEEDED"
    [message] = eventually(lambda: received(cloud, url))
    return dict(message)


def test_message_attributes_reach_the_subscriber(mended: TestCloud) -> None:
    assert published(mended)["MessageAttributes"]["drill"]["StringValue"] == "true"


def test_stock_loses_message_attributes(stock: TestCloud) -> None:
    assert "MessageAttributes" not in published(stock)


def test_an_entry_that_the_bus_refuses_fails_the_task(mended: TestCloud) -> None:
    entry = {"Source": "aws.forbidden", "DetailType": "T", "Detail": {}}
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::events:putEvents",
        "Parameters": {"Entries": [entry]},
        "End": True,
    }

    assert run(mended, {"Put": state})["error"] == "EventBridge.FailedEntry"


def test_tracing_is_remembered_and_described(mended: TestCloud) -> None:
    states = mended.client("stepfunctions")
    arn = machine(mended, ENDS)

    states.update_state_machine(stateMachineArn=arn, tracingConfiguration={"enabled": True})

    assert states.describe_state_machine(stateMachineArn=arn)["tracingConfiguration"] == {"enabled": True}


def test_stock_forgets_tracing(stock: TestCloud) -> None:
    states = stock.client("stepfunctions")
    arn = machine(stock, ENDS)
    states.update_state_machine(stateMachineArn=arn, tracingConfiguration={"enabled": True})

    assert not states.describe_state_machine(stateMachineArn=arn).get("tracingConfiguration", {}).get("enabled")
