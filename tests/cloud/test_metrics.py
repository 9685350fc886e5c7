"""Metrics of the services, and metrics in logs."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta

from tests.support.clouds import TestCloud, eventually
from tests.support.resources import function, new_name, role

EMBEDDED = """
import json
def handler(event, context):
    print(json.dumps({
        "_aws": {"Timestamp": event["at"], "CloudWatchMetrics": [{
            "Namespace": "Test/Embedded", "Dimensions": [["service"]],
            "Metrics": [{"Name": "Accepted", "Unit": "Count"}]}]},
        "service": event["service"], "Accepted": [3.0, 4.0]}))
"""
RAISES = "def handler(event, context):\n    raise ValueError('no')\n"
RETURNS = "def handler(event, context):\n    return 1\n"


def statistic(cloud: TestCloud, namespace: str, name: str, statistic: str, **dimensions: str) -> float | None:
    """Over the last ten minutes; None without data."""
    now = datetime.now(UTC)
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=[statistic],
    )["Datapoints"]
    return max((point[statistic] for point in points), default=None)


def queue_with_a_message(cloud: TestCloud) -> tuple[str, str]:
    name = new_name("depth")
    url = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
    return name, url


def visible(cloud: TestCloud, name: str) -> float | None:
    return statistic(cloud, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName=name)


def invocations(cloud: TestCloud, arn: str) -> float | None:
    return statistic(cloud, "AWS/Lambda", "Invocations", "Sum", FunctionName=arn.rsplit(":", 1)[1])


def errors(cloud: TestCloud, arn: str) -> float | None:
    return statistic(cloud, "AWS/Lambda", "Errors", "Sum", FunctionName=arn.rsplit(":", 1)[1])


def test_a_queue_reports_how_many_messages_wait_and_how_long(mended: TestCloud) -> None:
    name, _ = queue_with_a_message(mended)

    eventually(lambda: visible(mended, name) == 1.0)
    eventually(lambda: statistic(mended, "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=name))


def test_a_message_in_flight_is_not_visible(mended: TestCloud) -> None:
    name, url = queue_with_a_message(mended)
    mended.client("sqs").receive_message(QueueUrl=url)

    def in_flight() -> bool:
        return statistic(mended, "AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "Maximum", QueueName=name) == 1.0

    eventually(in_flight)


def test_executions_are_counted_by_how_they_end(mended: TestCloud) -> None:
    definition = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "No"}}}
    states = mended.client("stepfunctions")
    arn = states.create_state_machine(
        name=new_name("fails"), definition=json.dumps(definition), roleArn=role(mended, "states.amazonaws.com")
    )["stateMachineArn"]
    states.start_execution(stateMachineArn=arn)

    eventually(lambda: statistic(mended, "AWS/States", "ExecutionsFailed", "Sum", StateMachineArn=arn) == 1.0)
    assert statistic(mended, "AWS/States", "ExecutionsStarted", "Sum", StateMachineArn=arn) == 1.0
    assert statistic(mended, "AWS/States", "ExecutionsSucceeded", "Sum", StateMachineArn=arn) is None


def test_an_asynchronous_invocation_that_raises_counts_as_an_error(mended: TestCloud) -> None:
    arn = function(mended, RAISES)
    mended.client("lambda").put_function_event_invoke_config(FunctionName=arn, MaximumRetryAttempts=0)
    mended.client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=b"{}")

    eventually(lambda: errors(mended, arn) == 1.0)
    assert invocations(mended, arn) == 1.0


def test_a_synchronous_invocation_counts_once(mended: TestCloud) -> None:
    arn = function(mended, RETURNS)
    mended.client("lambda").invoke(FunctionName=arn, Payload=b"{}")

    assert eventually(lambda: invocations(mended, arn)) == 1.0
    assert errors(mended, arn) == 0.0


def test_a_batch_of_a_stream_tells_the_age_of_its_last_record(mended: TestCloud) -> None:
    arn = function(mended, RETURNS)
    record = {
        "eventSource": "aws:kinesis",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/aged",
        "kinesis": {"approximateArrivalTimestamp": time.time() - 90, "data": base64.b64encode(b"x").decode()},
    }
    mended.client("lambda").invoke(FunctionName=arn, Payload=json.dumps({"Records": [record]}))

    name = arn.rsplit(":", 1)[1]
    assert (statistic(mended, "AWS/Lambda", "IteratorAge", "Maximum", FunctionName=name) or 0) >= 90_000
    stream_age = statistic(mended, "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "Maximum", StreamName="aged")
    assert (stream_age or 0) >= 90_000


def test_a_log_line_in_the_embedded_format_becomes_a_metric(mended: TestCloud) -> None:
    service = new_name("service")
    payload = json.dumps({"service": service, "at": int(time.time() * 1000)})
    mended.client("lambda").invoke(FunctionName=function(mended, EMBEDDED), Payload=payload)

    assert eventually(lambda: statistic(mended, "Test/Embedded", "Accepted", "Sum", service=service)) == 7.0
    assert statistic(mended, "Test/Embedded", "Accepted", "SampleCount", service=service) == 2.0


def test_stock_has_no_metrics_of_queues_nor_of_logs(stock: TestCloud) -> None:
    queue_with_a_message(stock)
    payload = json.dumps({"service": "stock", "at": int(time.time() * 1000)})
    arn = function(stock, EMBEDDED)
    stock.client("lambda").invoke(FunctionName=arn, Payload=payload)
    eventually(lambda: invocations(stock, arn))

    namespaces = {metric["Namespace"] for metric in stock.client("cloudwatch").list_metrics()["Metrics"]}
    assert "AWS/Lambda" in namespaces
    assert namespaces.isdisjoint({"AWS/SQS", "Test/Embedded"})
