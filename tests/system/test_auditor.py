"""What should be escalating and isn't is found within two of the auditor's periods, and said."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.chain import Chain, Events, a_watch_name
from tests.support.clouds import eventually

#: The auditor runs once a minute.
TWO_PERIODS = 120


@pytest.fixture
def stalled_events(chain: Chain) -> Iterator[Events]:
    """Every EscalationStalled on the bus."""
    with chain.events({"detail-type": ["EscalationStalled"]}) as events:
        yield events


@contextmanager
def broken_notify(chain: Chain) -> Iterator[None]:
    """A notify function that can't even be imported."""
    function = chain.outputs["NotifyFunctionName"]
    chain.client("lambda").update_function_configuration(FunctionName=function, Handler="notify.nosuch.handler")
    try:
        yield
    finally:
        chain.client("lambda").update_function_configuration(FunctionName=function, Handler="notify.handler.handler")


@pytest.mark.timeout(300)
def test_each_of_three_faults_is_found_within_two_periods(
    chain: Chain, stalled_events: Events, record_property: Callable[[str, object], None]
) -> None:
    stopped, deleted, broken = (a_watch_name() for _ in range(3))
    chain.raise_alert(stopped)
    (execution,) = eventually(lambda: chain.executions(stopped), within=30)
    eventually(lambda: "told" in chain.timeline(stopped), within=30)

    with chain.without("EscalationRuleRole", "states:StartExecution"):
        chain.raise_alert(deleted)
        # The message that says so is thrown away.
        eventually(lambda: [m for m in chain.take("EscalationDeadLettersUrl") if deleted in m["Body"]], within=30)
        eventually(lambda: "raised" in chain.timeline(deleted), within=30)
    with broken_notify(chain):
        chain.raise_alert(broken)
        eventually(lambda: chain.executions(broken), within=30)
        chain.client("stepfunctions").stop_execution(executionArn=execution)
        begun = time.monotonic()
        found: dict[str, set[tuple[str, str]]] = defaultdict(set)

        def all_found() -> bool:
            for event in (each["detail"]["data"] for each in stalled_events()):
                found[event["deviceId"]].add((event["reason"], event["action"]))
            return {stopped, deleted, broken} <= set(found)

        eventually(all_found, within=TWO_PERIODS, every=0.5)
        seconds = time.monotonic() - begun

    record_property("seconds", round(seconds))
    assert ("ended", "restarted") in found[stopped]
    assert ("never-started", "restarted") in found[deleted]
    assert found[broken] == {("notify-failed", "paged-directly")}
    assert {"stalled", "restarted"} <= set(chain.timeline(stopped))
    assert len([m for m in chain.outbox() if broken in m["message"] and m["protocol"] == "sms"]) == 1


def test_the_auditor_has_a_heartbeat_of_its_own(chain: Chain) -> None:
    alarms = chain.client("cloudwatch").describe_alarms()["MetricAlarms"]
    heartbeat = next(alarm for alarm in alarms if "AuditorSilentAlarm" in alarm["AlarmName"])

    assert heartbeat["TreatMissingData"] == "breaching"
    assert heartbeat["Dimensions"] == [{"Name": "FunctionName", "Value": chain.outputs["AuditorFunctionName"]}]
