"""A workflow that goes through a list: intrinsic functions, nested results, choices between paths, waits by item."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.support.clouds import TestCloud, eventually
from tests.support.machines import ended, entered, history, machine, run, started
from tests.support.resources import function, queue, received

GIVEN = {
    "plan": {"next": 1, "tellings": [{"who": "a", "waitSeconds": 1}, {"who": "b", "waitSeconds": 2}]},
    "same": "a",
    "text": "a",
    "five": 5,
    "one": 1,
    "nothing": None,
}
NOWHERE = {"Variable": "$.nowhere", "IsPresent": True}


def passed(cloud: TestCloud, **state: Any) -> dict[str, Any]:
    return run(cloud, {"Pass": {"Type": "Pass", "End": True, **state}}, GIVEN)


def evaluated(cloud: TestCloud, expression: str) -> Any:
    answer = passed(cloud, Parameters={"value.$": expression})
    assert answer["status"] == "SUCCEEDED", answer
    return json.loads(answer["output"])["value"]


def chosen(cloud: TestCloud, rule: dict[str, Any]) -> Any:
    """Whether the rule matches; or the error."""
    states = {
        "Choice": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
        "Yes": {"Type": "Pass", "Result": True, "End": True},
        "No": {"Type": "Pass", "Result": False, "End": True},
    }
    answer = run(cloud, states, GIVEN)
    return json.loads(answer["output"]) if answer["status"] == "SUCCEEDED" else answer["error"]


# ----------------------------------------------------------------------------------------------- intrinsic functions


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("States.ArrayGetItem($.plan.tellings, $.plan.next)", {"who": "b", "waitSeconds": 2}),
        ("States.ArrayGetItem($.plan.tellings, States.MathAdd($.plan.next, -1))", {"who": "a", "waitSeconds": 1}),
        ("States.MathAdd($.plan.next, 1)", 2),
        ("States.MathAdd(1.6, 1)", 3),
        ("States.ArrayLength($.plan.tellings)", 2),
    ],
)
def test_an_intrinsic_function_has_its_value(mended: TestCloud, expression: str, expected: Any) -> None:
    assert evaluated(mended, expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "States.ArrayGetItem($.plan.tellings, 2)",
        "States.ArrayGetItem($.plan.tellings, -1)",
        "States.ArrayGetItem($.nowhere, 0)",
        "States.ArrayLength($.text)",
        "States.MathAdd($.text, 1)",
        "States.MathAdd($.nowhere, 1)",
        "States.Nonsense(1)",
        "States.MathAdd",
    ],
)
def test_an_intrinsic_function_that_can_not_be_computed_fails_the_state(mended: TestCloud, expression: str) -> None:
    assert passed(mended, Parameters={"value.$": expression})["error"] == "States.IntrinsicFailure"


def test_an_intrinsic_failure_can_be_caught(mended: TestCloud) -> None:
    parameters = {"QueueUrl": "q", "MessageBody.$": "States.ArrayGetItem($.plan.tellings, 9)"}
    states = {
        "Task": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": parameters,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
            "End": True,
        },
        "Caught": {"Type": "Pass", "End": True},
    }

    assert json.loads(run(mended, states, GIVEN)["output"])["Error"] == "States.IntrinsicFailure"


def test_stock_counts_from_the_end_and_fails_without_a_name(stock: TestCloud) -> None:
    assert evaluated(stock, "States.ArrayGetItem($.plan.tellings, -1)") == {"who": "b", "waitSeconds": 2}
    assert evaluated(stock, "States.ArrayLength($.text)") == 1
    assert evaluated(stock, "States.MathAdd(1.6, 1)") == 2
    assert passed(stock, Parameters={"value.$": "States.MathAdd($.text, 1)"})["error"] == "States.Runtime"


@pytest.mark.parametrize(
    ("path", "place"),
    [("$.telling", ["telling"]), ("$.plan.next", ["plan", "next"]), ("$.new.deep.place", ["new", "deep", "place"])],
)
def test_a_result_goes_to_its_place_and_leaves_the_rest(mended: TestCloud, path: str, place: list[str]) -> None:
    answer = passed(mended, Parameters={"value.$": "States.MathAdd($.one, 1)"}, ResultPath=path)

    expected = json.loads(json.dumps(GIVEN))
    inner = expected
    for name in place[:-1]:
        inner = inner.setdefault(name, {})
    inner[place[-1]] = {"value": 2}
    assert json.loads(answer["output"]) == expected


# ------------------------------------------------------------------------------------------------------------ choices


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"Variable": "$.text", "StringEqualsPath": "$.same"}, True),
        ({"Variable": "$.text", "StringEqualsPath": "$.plan.tellings[1].who"}, False),
        ({"Variable": "$.five", "StringEqualsPath": "$.five"}, False),
        ({"Variable": "$.text", "StringEqualsPath": "$.nowhere"}, "States.Runtime"),
        ({"Variable": "$.one", "NumericLessThanPath": "$.five"}, True),
        ({"Variable": "$.five", "NumericLessThanPath": "$.five"}, False),
        ({"Variable": "$.text", "NumericLessThanPath": "$.five"}, False),
        ({"Variable": "$.one", "NumericLessThanPath": "$.nowhere"}, "States.Runtime"),
        ({"Variable": "$.nowhere", "NumericLessThanPath": "$.five"}, "States.Runtime"),
        ({"Variable": "$.five", "NumericGreaterThan": 4}, True),
        ({"Variable": "$.five", "NumericGreaterThan": 5}, False),
        ({"Variable": "$.one", "IsPresent": True}, True),
        ({"Variable": "$.nothing", "IsPresent": True}, True),
        ({"Variable": "$.nowhere", "IsPresent": True}, False),
        ({"Variable": "$.nowhere.deeper", "IsPresent": False}, True),
        ({"Not": {"Variable": "$.five", "NumericGreaterThan": 9}}, True),
        ({"Not": {"Variable": "$.one", "IsPresent": True}}, False),
        ({"And": [{"Variable": "$.one", "IsPresent": True}, {"Variable": "$.one", "NumericGreaterThan": 0}]}, True),
        ({"And": [NOWHERE, {"Variable": "$.nowhere", "NumericGreaterThan": 0}]}, False),
        ({"And": [{"Not": NOWHERE}, {"Variable": "$.five", "NumericGreaterThan": 1}]}, True),
        ({"Variable": "$.text", "StringLessThanPath": "$.same"}, "States.Runtime"),
    ],
)
def test_a_choice_compares_as_awss_does(mended: TestCloud, rule: dict[str, Any], expected: Any) -> None:
    assert chosen(mended, rule) == expected


def test_stock_takes_null_for_missing_and_missing_for_false(stock: TestCloud) -> None:
    assert chosen(stock, {"Variable": "$.nothing", "IsPresent": True}) is False
    assert chosen(stock, {"Variable": "$.one", "NumericLessThanPath": "$.nowhere"}) is False
    assert chosen(stock, {"Variable": "$.five", "StringEqualsPath": "$.five"}) is True


# ------------------------------------------------------------------------------------------------------------- a loop

SENDS = """
import boto3, json, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""


def telling(function_arn: str) -> dict[str, Any]:
    """A machine that tells one after the other of a plan, and waits for each as long as the plan says."""
    payload = {"token.$": "$$.Task.Token", "telling.$": "$.telling"}
    return {
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.plan.next", "NumericLessThanPath": "$.plan.count", "Next": "Pick"}],
            "Default": "Nobody",
        },
        "Pick": {
            "Type": "Pass",
            "Parameters": {
                "telling.$": "States.ArrayGetItem($.plan.tellings, $.plan.next)",
                "plan": {
                    "tellings.$": "$.plan.tellings",
                    "count.$": "States.ArrayLength($.plan.tellings)",
                    "next.$": "States.MathAdd($.plan.next, 1)",
                },
            },
            "Next": "Tell",
        },
        "Tell": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": function_arn, "Payload": payload},
            "TimeoutSecondsPath": "$.telling.waitSeconds",
            "ResultPath": "$.answer",
            "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.timeout", "Next": "More"}],
            "Next": "Answered",
        },
        "Answered": {"Type": "Succeed"},
        "Nobody": {"Type": "Fail", "Error": "Nobody"},
    }


@pytest.fixture
def told(mended: TestCloud) -> tuple[str, str]:
    """The machine, and the queue that says who was told."""
    url, _ = queue(mended)
    sends = function(mended, SENDS, allow=["sqs:SendMessage"], Environment={"Variables": {"QUEUE": url}})
    return machine(mended, telling(sends)), url


def test_a_loop_goes_through_a_list_of_five_and_waits_for_each_as_long_as_it_says(
    mended: TestCloud, told: tuple[str, str]
) -> None:
    arn, url = told
    tellings = [{"who": str(i), "waitSeconds": 1} for i in range(5)]
    begun = time.monotonic()

    execution = started(mended, arn, {"plan": {"tellings": tellings, "count": 5, "next": 0}})
    answer = ended(mended, execution, within=20)

    assert answer["error"] == "Nobody"
    assert entered(mended, execution) == ["More", *["Pick", "Tell", "More"] * 5, "Nobody"]
    assert 5 <= time.monotonic() - begun < 15
    heard = [json.loads(message["Body"])["telling"] for message in received(mended, url)]
    assert sorted(heard, key=lambda one: one["who"]) == tellings
    scheduled = [e["taskScheduledEventDetails"] for e in history(mended, execution) if "taskScheduledEventDetails" in e]
    assert [details["timeoutInSeconds"] for details in scheduled] == [1] * 5


def test_an_answer_ends_the_loop_with_the_item_it_answers(mended: TestCloud, told: tuple[str, str]) -> None:
    arn, url = told
    tellings = [{"who": "a", "waitSeconds": 1}, {"who": "b", "waitSeconds": 60}, {"who": "c", "waitSeconds": 60}]
    execution = started(mended, arn, {"plan": {"tellings": tellings, "count": 3, "next": 0}})
    heard: list[dict[str, Any]] = []

    def second() -> bool:
        heard.extend(json.loads(message["Body"]) for message in received(mended, url))
        return len(heard) >= 2

    eventually(second)
    mended.client("stepfunctions").send_task_success(taskToken=heard[1]["token"], output='{"by": "b"}')
    output = json.loads(ended(mended, execution)["output"])

    assert heard[1]["telling"] == tellings[1]
    assert output["telling"] == tellings[1]
    assert output["answer"] == {"by": "b"}
    assert output["plan"] == {"tellings": tellings, "count": 3, "next": 2}
