"""One unit for each batch, never for each reading: counted on the deployed chain."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.cloud.deploy import deploy
from simulator.devices import payloads
from tests.support.chain import Chain, a_watch_name
from tests.support.clouds import eventually

FUNCTIONS = ("IngestFunctionName", "EvaluateFunctionName", "PersistFunctionName")


@pytest.fixture
def rarely_refreshed(chain: Chain) -> Any:
    """What an instance of evaluate knows stays fresh for the length of a test, and a thousand records are one batch."""
    names = ("WatchedRefreshSeconds", "ConfigurationRefreshSeconds", "HandOverSeconds")
    deploy(chain.cloud.settings, parameters={**dict.fromkeys(names, "300"), "IngestWindowSeconds": "3"})
    yield
    deploy(chain.cloud.settings)


def _about(events: list[dict[str, Any]], names: list[str]) -> int:
    """How many events are about these watches: others may have alerts of their own meanwhile."""
    return sum(any(f'"{name}"' in json.dumps(event) for name in names) for event in events)


def _segments(chain: Chain, since: datetime) -> list[dict[str, Any]]:
    """Every segment of the traces that began since then, the segments of services' calls included."""
    xray = chain.client("xray")
    summaries = xray.get_trace_summaries(StartTime=since, EndTime=datetime.now(UTC) + timedelta(seconds=5))
    ids = [summary["Id"] for summary in summaries["TraceSummaries"]]
    traces = [
        trace
        for start in range(0, len(ids), 5)
        for trace in xray.batch_get_traces(TraceIds=ids[start : start + 5])["Traces"]
    ]
    return [json.loads(segment["Document"]) for trace in traces for segment in trace["Segments"]]


def _service_calls(segments: list[dict[str, Any]], function: str) -> Counter[str]:
    """How often a function called each service."""
    functions = {s["id"] for s in segments if s["name"] == function and s.get("origin") == "AWS::Lambda::Function"}
    below: set[str] = set(functions)
    grown = True
    while grown:
        more = {s["id"] for s in segments if s.get("parent_id") in below} - below
        more = {s["id"] for s in segments if s["id"] in more and "origin" not in s}
        grown = bool(more)
        below |= more
    return Counter(s["name"] for s in segments if s["id"] in below - functions and not s["name"].startswith("##"))


def _batch(names: list[str], base: int) -> list[tuple[str, bytes]]:
    return [(name, payloads.encode(name, [payloads.reading(base, heart_rate=72, steps=4, spo2=98)])) for name in names]


def test_a_thousand_normal_readings_cost_three_events_no_request_of_evaluate_and_no_line_for_each(
    chain: Chain, rarely_refreshed: None
) -> None:
    names = [a_watch_name() for _ in range(1000)]
    # A first batch, so that every worker that a batch keeps busy has its set of watched devices.
    chain.put_records(*_batch(names, int(time.time()) * 1000))
    eventually(lambda: chain.stored(names[-1]) == 1, within=30)
    time.sleep(4.5)  # past the windows: the next batch is one of its own
    lines = {output: chain.log_lines(output) for output in FUNCTIONS}
    since = datetime.now(UTC)

    with chain.events({"source": [{"prefix": "smartwatch."}]}) as events:
        chain.put_records(*_batch(names, int(time.time()) * 1000))
        eventually(lambda: all(chain.stored(name) == 2 for name in [*names[::100], names[-1]]), within=30)
        published = _about(events(), names)

    segments = _segments(chain, since)
    evaluations = [s for s in segments if s["name"] == "smartwatch-evaluate" and s.get("origin") == "AWS::Lambda"]
    assert 1 <= published <= 3
    evaluating = {s["id"] for s in segments if s.get("parent_id") in {e["id"] for e in evaluations}}
    assert len([s for s in segments if s.get("parent_id") in evaluating and s["name"] == "## handler"]) == len(
        evaluations
    )
    assert _service_calls(segments, "smartwatch-evaluate")["dynamodb"] == 0
    assert _service_calls(segments, "smartwatch-ingest") == {"events": 1}
    assert all(chain.log_lines(output) - lines[output] <= 2 * 3 for output in FUNCTIONS)
    # Four for each invocation and one for each call of a service; a thousand rows are forty BatchWriteItem calls.
    assert len(segments) < 100
