"""AWS X-Ray: the daemon that SDKs send to, the segments that Lambda and Step Functions write, and the read API.

Stock has none of it: a function gets a trace id of its own, no service passes a trace on, and nobody listens. Here
everything is sampled unless the caller says `Sampled=0`. A role that may not write segments has none recorded.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from simulator.cloud import local_api, permissions, trace_context
from simulator.cloud.mends import stepfunctions_tracing
from simulator.cloud.patching import replace, require
from simulator.cloud.settings import LOOPBACK, CloudSettings
from simulator.cloud.trace_context import TRACE
from simulator.cloud.xray_store import TraceStore, UnsupportedFilterError

logger = logging.getLogger(__name__)

STORE = TraceStore()

_PUT_SEGMENTS = [("xray:PutTraceSegments", "*")]


def install(settings: CloudSettings) -> None:
    from ministack import app
    from ministack.services import lambda_svc, stepfunctions

    require(stepfunctions, "_executions", "_state_machines")
    replace(lambda_svc, "_execute_function_dispatch", _tracing_invocations)
    replace(lambda_svc, "_xray_trace_id_for_invocation", _handing_on_the_trace)
    replace(stepfunctions, "_run_execution", _tracing_executions)
    replace(app, "app", local_api.wrap)
    for path, handler in _API.items():
        local_api.route(path, handler)
    _listen(settings.xray_port)


# ---------------------------------------------------------------------------------------------------------- the daemon


def _listen(port: int) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((LOOPBACK, port))
    threading.Thread(target=_receive, args=(listener,), daemon=True, name="xray-daemon").start()


def _receive(listener: socket.socket) -> None:
    while True:
        datagram = listener.recv(65_535)
        # A header line, `{"format": "json", "version": 1}`, and the document (X-Ray, "Sending segment documents").
        _, _, document = datagram.partition(b"\n")
        try:
            segment = json.loads(document)
        except ValueError:
            logger.warning("the X-Ray daemon got %d bytes that are no segment", len(datagram))
            continue
        if isinstance(segment, dict):
            STORE.add(segment)


# --------------------------------------------------------------------------------------------------------- the services


def _tracing_invocations(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def dispatch(
        function: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> dict[str, Any]:
        inbound = trace_context.parse(_inbound(event))
        sampled = _traced(config, inbound)
        root = inbound.get("Root") or trace_context.new_root()
        service_id, function_id = trace_context.new_segment_id(), trace_context.new_segment_id()
        token = TRACE.set(trace_context.header(root, function_id, sampled=sampled))
        begun = time.time()
        result: dict[str, Any] = {"error": True}
        try:
            result = original(function, config, event, request_id, started)
            return result
        finally:
            TRACE.reset(token)
            if sampled:
                common = {
                    "trace_id": root,
                    "name": config.get("FunctionName"),
                    "start_time": begun,
                    "end_time": time.time(),
                    "fault": bool(result.get("error")),
                    "aws": {"request_id": request_id, "function_arn": config.get("FunctionArn")},
                }
                parent = {"parent_id": inbound["Parent"]} if "Parent" in inbound else {}
                STORE.add({**common, "id": service_id, **parent, "origin": "AWS::Lambda"})
                STORE.add({**common, "id": function_id, "parent_id": service_id, "origin": "AWS::Lambda::Function"})

    return dispatch


def _inbound(event: Any) -> str | None:
    """The caller's header; for a batch from a queue, its first message's (Lambda links to the others)."""
    if isinstance(event, dict) and isinstance(event.get("Records"), list) and event["Records"]:
        record = event["Records"][0]
        if isinstance(record, dict) and record.get("eventSource") == "aws:sqs":
            header = (record.get("attributes") or {}).get("AWSTraceHeader")
            return str(header) if header else None
        if isinstance(record, dict) and record.get("eventSource") == "aws:kinesis":
            return None
    return TRACE.get()


def _traced(config: dict[str, Any], inbound: dict[str, str]) -> bool:
    active = (config.get("TracingConfig") or {}).get("Mode") == "Active"
    wanted = inbound["Sampled"] == "1" if "Sampled" in inbound else active
    return wanted and permissions.role_refusal(config.get("Role"), "lambda.amazonaws.com", _PUT_SEGMENTS) is None


def _handing_on_the_trace(original: Callable[..., str | None]) -> Callable[..., str | None]:
    def trace_id(config: dict[str, Any], inbound_trace_header: str | None = None) -> str | None:
        return TRACE.get() or original(config, inbound_trace_header)

    return trace_id


def _tracing_executions(original: Callable[[str], None]) -> Callable[[str], None]:
    from ministack.services import stepfunctions

    def run(arn: str) -> None:
        execution = stepfunctions._executions.get(arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn", "")) or {}
        inbound = trace_context.parse(TRACE.get())
        if not _machine_traced(machine, inbound):
            original(arn)
            return
        root = inbound.get("Root") or trace_context.new_root()
        segment = {
            "trace_id": root,
            "id": trace_context.new_segment_id(),
            **({"parent_id": inbound["Parent"]} if "Parent" in inbound else {}),
            "name": machine["name"],
            "origin": "AWS::StepFunctions::StateMachine",
            "start_time": time.time(),
            "aws": {"execution_arn": arn},
        }
        STORE.add({**segment, "in_progress": True})
        TRACE.set(trace_context.header(root, str(segment["id"])))
        try:
            original(arn)
        finally:
            ended = stepfunctions._executions.get(arn) or {}
            STORE.add({**segment, "end_time": time.time(), "fault": ended.get("status") in {"FAILED", "TIMED_OUT"}})

    return run


def _machine_traced(machine: dict[str, Any], inbound: dict[str, str]) -> bool:
    if not machine or not stepfunctions_tracing.enabled(machine["stateMachineArn"]) or inbound.get("Sampled") == "0":
        return False
    return permissions.role_refusal(machine.get("roleArn"), "states.amazonaws.com", _PUT_SEGMENTS) is None


# -------------------------------------------------------------------------------------------------------------- the API


def _put_segments(_method: str, body: Any) -> tuple[int, Any]:
    for document in body["TraceSegmentDocuments"]:
        STORE.add(json.loads(document))
    return 200, {"UnprocessedTraceSegments": []}


def _summaries(_method: str, body: Any) -> tuple[int, Any]:
    try:
        return 200, STORE.summaries(float(body["StartTime"]), float(body["EndTime"]), body.get("FilterExpression"))
    except UnsupportedFilterError as error:
        return 400, {"__type": "InvalidRequestException", "Message": str(error)}


#: Path → handler, as in botocore's model of the service (a REST API with JSON bodies).
_API: dict[str, local_api.Handler] = {
    "/TraceSegments": _put_segments,
    "/TraceSummaries": _summaries,
    "/Traces": lambda _method, body: (200, STORE.batch(body["TraceIds"])),
    "/GetSamplingRules": lambda _method, _body: (200, {"SamplingRuleRecords": []}),
    "/SamplingTargets": lambda _method, _body: (200, {"SamplingTargetDocuments": [], "UnprocessedStatistics": []}),
    "/TelemetryRecords": lambda _method, _body: (200, {}),
}
