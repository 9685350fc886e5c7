"""X-Ray: the daemon, the read API, and one trace through every service."""

from __future__ import annotations

import json
import secrets
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator.cloud import trace_context
from simulator.cloud.settings import LOOPBACK
from simulator.cloud.xray_store import TRACES_KEPT, TraceStore
from tests.support.clouds import TestCloud, eventually
from tests.support.resources import function, new_name

TELLS = "import os\ndef handler(event, context):\n    return os.environ.get('_X_AMZN_TRACE_ID')\n"
TRACING = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]


def a_segment(**fields: Any) -> dict[str, Any]:
    now = time.time()
    return {
        "trace_id": trace_context.new_root(),
        "id": secrets.token_hex(8),
        "name": new_name("service"),
        "start_time": now,
        "end_time": now + 0.5,
        **fields,
    }


def segments(cloud: TestCloud, trace_id: str) -> list[dict[str, Any]]:
    traces = cloud.client("xray").batch_get_traces(TraceIds=[trace_id])["Traces"]
    return [json.loads(segment["Document"]) for trace in traces for segment in trace["Segments"]]


def test_a_segment_sent_to_the_daemon_can_be_read(mended: TestCloud) -> None:
    segment = a_segment()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        datagram = b'{"format": "json", "version": 1}\n' + json.dumps(segment).encode()
        sender.sendto(datagram, (LOOPBACK, mended.settings.xray_port))

    assert eventually(lambda: segments(mended, segment["trace_id"])) == [segment]


def test_the_daemon_survives_what_is_no_segment(mended: TestCloud) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in (b"", b"\xff", b"x\ny", b'{}\n{"trace_id": 7}', b"{}\n[1]"):
            sender.sendto(datagram, (LOOPBACK, mended.settings.xray_port))

    test_a_segment_sent_to_the_daemon_can_be_read(mended)


def test_summaries_are_found_by_time_and_service(mended: TestCloud) -> None:
    segment = a_segment(fault=True)
    mended.client("xray").put_trace_segments(TraceSegmentDocuments=[json.dumps(segment)])
    now = datetime.now(UTC)

    def found(start: datetime) -> list[Any]:
        return list(
            mended.client("xray").get_trace_summaries(
                StartTime=start, EndTime=now + timedelta(minutes=1), FilterExpression=f'service("{segment["name"]}")'
            )["TraceSummaries"]
        )

    [summary] = found(now - timedelta(minutes=1))
    assert (summary["Id"], summary["HasFault"]) == (segment["trace_id"], True)
    assert found(now + timedelta(seconds=30)) == []


def test_a_filter_that_can_not_be_evaluated_is_refused(mended: TestCloud) -> None:
    with pytest.raises(ClientError, match="can't evaluate"):
        mended.client("xray").get_trace_summaries(
            StartTime=datetime.now(UTC), EndTime=datetime.now(UTC), FilterExpression="responsetime > 5"
        )


def invoked(cloud: TestCloud, **configuration: Any) -> str | None:
    """The trace header that a function saw."""
    name = function(cloud, TELLS, allow=TRACING, **configuration)
    return json.loads(cloud.client("lambda").invoke(FunctionName=name)["Payload"].read())  # type: ignore[no-any-return]


def test_a_traced_function_has_both_of_its_segments(mended: TestCloud) -> None:
    header = trace_context.parse(invoked(mended, TracingConfig={"Mode": "Active"}))

    service, own = segments(mended, header["Root"])
    assert (service["origin"], own["origin"]) == ("AWS::Lambda", "AWS::Lambda::Function")
    assert own["parent_id"] == service["id"]
    assert own["id"] == header["Parent"]


def test_a_function_whose_role_may_not_write_segments_has_none(mended: TestCloud) -> None:
    name = function(mended, TELLS, TracingConfig={"Mode": "Active"})
    header = json.loads(mended.client("lambda").invoke(FunctionName=name)["Payload"].read())

    assert segments(mended, trace_context.parse(header)["Root"]) == []


def test_stock_has_no_x_ray(stock: TestCloud) -> None:
    with pytest.raises(ClientError):
        stock.client("xray").get_trace_summaries(StartTime=datetime.now(UTC), EndTime=datetime.now(UTC))


def test_the_store_keeps_a_bounded_number_of_traces() -> None:
    store = TraceStore()
    first = a_segment()
    store.add(first)
    for _ in range(TRACES_KEPT):
        store.add(a_segment())

    assert store.batch([first["trace_id"]])["UnprocessedTraceIds"] == [first["trace_id"]]


def test_a_segment_that_comes_again_replaces_the_one_in_progress() -> None:
    store = TraceStore()
    segment = a_segment()
    store.add({**segment, "in_progress": True})
    store.add(segment)

    [found] = store.batch([segment["trace_id"]])["Traces"]
    assert [json.loads(s["Document"]) for s in found["Segments"]] == [segment]
