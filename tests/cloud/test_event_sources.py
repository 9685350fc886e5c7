"""Event source mappings: Kinesis with AWS's failure handling, SQS with a batching window."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.clouds import TestCloud, eventually
from tests.support.resources import function, new_name, queue, received

STREAM_ACTIONS = [
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
    "sqs:SendMessage",
]
QUEUE_ACTIONS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"]

#: Tells a queue what each batch held, and then fails as the records say.
TELLS = """
import base64, boto3, json, os
sqs = boto3.client("sqs")
def handler(event, context):
    texts = [base64.b64decode(r["kinesis"]["data"]).decode() for r in event["Records"]]
    sqs.send_message(QueueUrl=os.environ["TOLD"], MessageBody=json.dumps(texts))
    if "raise" in texts:
        raise ValueError("poison")
    failed = [r["kinesis"]["sequenceNumber"] for r, text in zip(event["Records"], texts) if text == "report"]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
"""
COUNTS = """
import boto3, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["TOLD"], MessageBody=str(len(event["Records"])))
"""


class Mapping:
    """A stream, a function that tells what it gets, and a mapping between them."""

    def __init__(self, cloud: TestCloud, **settings: Any) -> None:
        self.cloud = cloud
        self.stream = new_name("stream")
        cloud.client("kinesis").create_stream(StreamName=self.stream, ShardCount=1)
        arn = cloud.client("kinesis").describe_stream_summary(StreamName=self.stream)["StreamDescriptionSummary"][
            "StreamARN"
        ]
        self.told_url, _ = queue(cloud)
        self.failed_url, failed_arn = queue(cloud)
        name = function(cloud, TELLS, allow=STREAM_ACTIONS, Environment={"Variables": {"TOLD": self.told_url}})
        self.uuid = cloud.client("lambda").create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=arn,
            StartingPosition="TRIM_HORIZON",
            DestinationConfig={"OnFailure": {"Destination": failed_arn}},
            **settings,
        )["UUID"]

    def put(self, *texts: str) -> None:
        self.cloud.client("kinesis").put_records(
            StreamName=self.stream, Records=[{"Data": text.encode(), "PartitionKey": "p"} for text in texts]
        )

    def told(self, count: int) -> list[list[str]]:
        """The first so many batches that the function got."""
        batches: list[list[str]] = []

        def enough() -> bool:
            batches.extend(json.loads(message["Body"]) for message in received(self.cloud, self.told_url))
            return len(batches) >= count

        eventually(enough)
        return batches

    def failed(self) -> dict[str, Any]:
        [message] = eventually(lambda: received(self.cloud, self.failed_url))
        return dict(json.loads(message["Body"]))


def test_a_record_that_raises_is_found_by_halves_described_and_left_behind(mended: TestCloud) -> None:
    mapping = Mapping(mended, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)

    mapping.put("a", "raise", "b", "c")

    batch = mapping.failed()
    assert batch["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert batch["KinesisBatchInfo"]["batchSize"] == 1
    mapping.put("later")
    done: set[str] = set()
    eventually(lambda: done.update(*mapping.told(1)) or {"b", "c", "later"} <= done)


def test_after_a_report_the_batch_comes_again_from_the_reported_record(mended: TestCloud) -> None:
    mapping = Mapping(
        mended,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        MaximumRetryAttempts=1,
        MaximumBatchingWindowInSeconds=1,
    )

    mapping.put("a", "report", "b")

    assert mapping.told(2)[:2] == [["a", "report", "b"], ["report", "b"]]


def test_records_older_than_the_limit_are_given_up(mended: TestCloud) -> None:
    mapping = Mapping(mended, MaximumRecordAgeInSeconds=60, MaximumRetryAttempts=0)

    mapping.put("raise")

    assert mapping.failed()["KinesisBatchInfo"]["batchSize"] == 1


def test_a_batch_gathers_for_the_length_of_its_window(mended: TestCloud) -> None:
    mapping = Mapping(mended, MaximumBatchingWindowInSeconds=1)

    mapping.put("a")
    mapping.put("b")

    assert mapping.told(1) == [["a", "b"]]


def test_stock_stalls_the_shard_on_one_bad_record(stock: TestCloud) -> None:
    mapping = Mapping(stock, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)

    mapping.put("a", "raise", "b")

    assert all("raise" in batch for batch in mapping.told(3))
    stock.client("lambda").delete_event_source_mapping(UUID=mapping.uuid)


def test_stock_loses_what_a_function_reports(stock: TestCloud) -> None:
    mapping = Mapping(stock, FunctionResponseTypes=["ReportBatchItemFailures"], MaximumRetryAttempts=3)
    mapping.put("report")
    mapping.told(1)
    mapping.put("next")

    assert ["next"] in mapping.told(1)


def batch_sizes(cloud: TestCloud, messages: int) -> list[int]:
    source_url, source_arn = queue(cloud)
    told_url, _ = queue(cloud)
    for start in range(0, messages, 10):
        entries = [{"Id": str(n), "MessageBody": "m"} for n in range(start, min(start + 10, messages))]
        cloud.client("sqs").send_message_batch(QueueUrl=source_url, Entries=entries)
    cloud.client("lambda").create_event_source_mapping(
        FunctionName=function(cloud, COUNTS, allow=QUEUE_ACTIONS, Environment={"Variables": {"TOLD": told_url}}),
        EventSourceArn=source_arn,
        BatchSize=100,
        MaximumBatchingWindowInSeconds=1,
    )
    sizes: list[int] = []

    def all_told() -> bool:
        sizes.extend(int(message["Body"]) for message in received(cloud, told_url))
        return sum(sizes) >= messages

    eventually(all_told)
    return sizes


def test_a_queue_is_read_in_batches_of_over_ten(mended: TestCloud) -> None:
    assert batch_sizes(mended, 25) == [25]


def test_stock_reads_at_most_ten(stock: TestCloud) -> None:
    assert max(batch_sizes(stock, 25)) <= 10


def test_a_mapping_that_its_functions_role_may_not_read_is_refused(mended: TestCloud) -> None:
    _, source_arn = queue(mended)
    client = mended.client("lambda")

    with pytest.raises(client.exceptions.InvalidParameterValueException, match="sqs:ReceiveMessage"):
        client.create_event_source_mapping(FunctionName=function(mended, COUNTS), EventSourceArn=source_arn)


def test_stock_reads_whatever_the_role_says(stock: TestCloud) -> None:
    _, source_arn = queue(stock)

    created = stock.client("lambda").create_event_source_mapping(
        FunctionName=function(stock, COUNTS), EventSourceArn=source_arn
    )

    assert created["UUID"]
    stock.client("lambda").delete_event_source_mapping(UUID=created["UUID"])
