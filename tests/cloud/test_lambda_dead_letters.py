"""What a function's dead-letter queue gets."""

from __future__ import annotations

import json
from typing import Any

from tests.support.clouds import TestCloud, eventually
from tests.support.resources import function, queue, received

RAISES = "def handler(event, context):\n    raise ValueError('no such watch')\n"


def letter_of_a_failing_function(cloud: TestCloud) -> dict[str, Any]:
    url, arn = queue(cloud)
    name = function(cloud, RAISES, allow=["sqs:SendMessage"], DeadLetterConfig={"TargetArn": arn})
    cloud.client("lambda").put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b'{"number": 7}')
    [letter] = eventually(lambda: received(cloud, url))
    return dict(letter)


def test_a_dead_letter_queue_gets_the_event_itself_and_the_error_in_attributes(mended: TestCloud) -> None:
    letter = letter_of_a_failing_function(mended)

    assert json.loads(letter["Body"]) == {"number": 7}
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no such watch"
    assert letter["MessageAttributes"]["ErrorCode"] == {"DataType": "Number", "StringValue": "200"}


def test_stock_sends_an_envelope(stock: TestCloud) -> None:
    assert json.loads(letter_of_a_failing_function(stock)["Body"])["requestPayload"] == {"number": 7}
