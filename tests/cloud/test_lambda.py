"""Functions on a laptop: error types, and how many run at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from tests.support.clouds import TestCloud
from tests.support.resources import function

RAISES = "def handler(event, context):\n    raise KeyError('x')\n"
WHICH = "import os, time\ndef handler(event, context):\n    time.sleep(0.4)\n    return os.getpid()\n"


def error_type(cloud: TestCloud) -> str:
    answer = cloud.client("lambda").invoke(FunctionName=function(cloud, RAISES))
    assert answer["FunctionError"] == "Unhandled"
    return str(json.loads(answer["Payload"].read())["errorType"])


def processes(cloud: TestCloud, invocations: int) -> int:
    name = function(cloud, WHICH)
    client = cloud.client("lambda")

    def invoke(_: int) -> int:
        return int(json.loads(client.invoke(FunctionName=name)["Payload"].read()))

    with ThreadPoolExecutor(invocations) as pool:
        return len(set(pool.map(invoke, range(invocations))))


def test_an_error_has_the_name_of_its_exception_class(mended: TestCloud) -> None:
    assert error_type(mended) == "KeyError"


def test_stock_calls_every_exception_the_same(stock: TestCloud) -> None:
    assert error_type(stock) == "Runtime.HandlerError"


def test_a_function_runs_at_most_four_times_at_once_and_the_rest_wait(mended: TestCloud) -> None:
    assert processes(mended, 8) <= 4


def test_stock_starts_a_process_for_each_concurrent_invocation(stock: TestCloud) -> None:
    assert processes(stock, 8) > 4
