"""An execution's deadline, its abort and its history."""

from __future__ import annotations

import time

from tests.support.clouds import TestCloud, eventually
from tests.support.machines import ended, entered, history, machine, started
from tests.support.resources import new_name

WAITS = {"Wait": {"Type": "Wait", "Seconds": 3, "End": True}}


def test_an_execution_that_passes_its_timeout_ends_as_timed_out(mended: TestCloud) -> None:
    arn = started(mended, machine(mended, {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}, TimeoutSeconds=1))

    assert ended(mended, arn)["status"] == "TIMED_OUT"
    assert history(mended, arn)[-1]["type"] == "ExecutionTimedOut"


def test_a_stopped_execution_ends_at_once_and_says_in_which_state(mended: TestCloud) -> None:
    arn = started(mended, machine(mended, {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}))
    eventually(lambda: entered(mended, arn))

    mended.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="by a test")

    assert ended(mended, arn)["status"] == "ABORTED"
    assert [event["type"] for event in history(mended, arn)][-2:] == ["WaitStateAborted", "ExecutionAborted"]


def test_every_event_names_the_one_before_it(mended: TestCloud) -> None:
    arn = started(mended, machine(mended, {"Pass": {"Type": "Pass", "End": True}}))
    ended(mended, arn)

    assert [event.get("previousEventId", 0) for event in history(mended, arn)][1:] == [0, 2, 3]


def test_starting_a_running_execution_again_under_its_name_and_input_is_the_same_start(mended: TestCloud) -> None:
    arn, name = machine(mended, WAITS), new_name("execution")

    assert started(mended, arn, name=name) == started(mended, arn, name=name)


def test_stock_never_times_an_execution_out(stock: TestCloud) -> None:
    arn = started(stock, machine(stock, WAITS, TimeoutSeconds=1))

    assert ended(stock, arn)["status"] == "SUCCEEDED"


def test_stock_gives_history_events_no_predecessor(stock: TestCloud) -> None:
    arn = started(stock, machine(stock, {"Pass": {"Type": "Pass", "End": True}}))
    ended(stock, arn)

    assert not any(event.get("previousEventId") for event in history(stock, arn))


def test_stock_goes_on_waiting_in_an_execution_that_was_stopped(stock: TestCloud) -> None:
    arn = started(stock, machine(stock, WAITS))
    eventually(lambda: entered(stock, arn))
    stock.client("stepfunctions").stop_execution(executionArn=arn)
    stopped = time.monotonic()

    eventually(lambda: history(stock, arn)[-1]["type"] != "ExecutionAborted")

    assert time.monotonic() > stopped
