"""Alarms look at their own metric, period by period."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.cloud.mends.alarms import state
from tests.support.clouds import TestCloud, eventually
from tests.support.resources import new_name, queue, received

ABOVE_FIVE = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 5.0, "StateValue": "OK"}


def alarm_on(cloud: TestCloud, namespace: str, **changes: Any) -> str:
    name = new_name("alarm")
    settings: dict[str, Any] = {
        "Namespace": namespace,
        "MetricName": "Depth",
        "Dimensions": [{"Name": "Queue", "Value": "mine"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**settings, **changes})
    return name


def put(cloud: TestCloud, namespace: str, value: float, *, queue: str = "mine", minutes_ago: int = 0) -> None:
    cloud.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": "Depth",
                "Dimensions": [{"Name": "Queue", "Value": queue}],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=minutes_ago),
                "Value": value,
            }
        ],
    )


def state_of(cloud: TestCloud, name: str) -> str:
    return str(cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


def test_an_alarm_ignores_data_of_other_dimensions(mended: TestCloud) -> None:
    namespace = new_name("Test")
    name = alarm_on(mended, namespace)
    put(mended, namespace, 9, queue="another")
    assert state_of(mended, name) == "OK"

    put(mended, namespace, 9)
    assert state_of(mended, name) == "ALARM"


def test_each_period_is_judged_by_itself(mended: TestCloud) -> None:
    namespace = new_name("Test")
    name = alarm_on(mended, namespace, EvaluationPeriods=3, DatapointsToAlarm=2, Statistic="Sum")
    put(mended, namespace, 9, minutes_ago=1)
    put(mended, namespace, 1)
    assert state_of(mended, name) == "OK"

    put(mended, namespace, 9)
    assert state_of(mended, name) == "ALARM"


def test_an_alarm_on_a_queue_tells_its_topic(mended: TestCloud) -> None:
    sns = mended.client("sns")
    inbox, inbox_arn = queue(mended, open_to="sns.amazonaws.com")
    topic = sns.create_topic(Name=new_name("operations"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox_arn, Attributes={"RawMessageDelivery": "true"})
    watched = new_name("watched")
    url = mended.client("sqs").create_queue(QueueName=watched)["QueueUrl"]
    mended.client("sqs").send_message(QueueUrl=url, MessageBody="unanswered")

    name = alarm_on(
        mended,
        "AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": watched}],
        Threshold=0,
        AlarmActions=[topic],
    )

    def told() -> list[str]:
        return [json.loads(message["Body"])["NewStateValue"] for message in received(mended, inbox)]

    assert eventually(told) == ["ALARM"]
    assert state_of(mended, name) == "ALARM"


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"KmsMasterKeyId": "alias/aws/sns"}, "alias/aws/sns does not let CloudWatch encrypt"),
        ({"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})}, "cloudwatch.amazonaws.com"),
    ],
    ids=["AWS-managed key", "policy"],
)
def test_a_topic_that_shuts_cloudwatch_out_is_not_told(mended: TestCloud, attributes: dict[str, str], why: str) -> None:
    sns = mended.client("sns")
    inbox, inbox_arn = queue(mended, open_to="sns.amazonaws.com")
    topic = sns.create_topic(Name=new_name("closed"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox_arn)
    for name, value in attributes.items():
        sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)
    namespace = new_name("Test")
    name = alarm_on(mended, namespace, AlarmActions=[topic])
    put(mended, namespace, 9)

    assert state_of(mended, name) == "ALARM"
    [line] = [line for line in mended.log().splitlines() if f"alarm {name} can't tell {topic}" in line]
    assert why in line
    assert received(mended, inbox) == []


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "OK"), ("notBreaching", "OK"), ("breaching", "ALARM")],
)
def test_without_data_the_treatment_of_missing_data_decides(treatment: str, expected: str) -> None:
    assert state({**ABOVE_FIVE, "TreatMissingData": treatment, "EvaluationPeriods": 2}, [None, None])[0] == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([6.0, 6.0, 1.0], "ALARM"), ([6.0, None, 6.0], "ALARM"), ([6.0, None, None], "OK"), ([5.0, 5.0, 5.0], "OK")],
)
def test_as_many_datapoints_as_the_alarm_asks_for_must_breach(values: list[float | None], expected: str) -> None:
    alarm = {**ABOVE_FIVE, "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": "notBreaching"}
    assert state(alarm, values)[0] == expected


def test_stock_takes_every_dimension_for_the_alarms_own(stock: TestCloud) -> None:
    namespace = new_name("Test")
    name = alarm_on(stock, namespace)
    put(stock, namespace, 9, queue="another")

    assert state_of(stock, name) == "ALARM"
