"""Trace segments of the local cloud, and the questions that X-Ray's read API answers about them. Bounded, in memory."""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from typing import Any

#: Traces kept; the oldest goes first.
TRACES_KEPT = 2_000

Segment = dict[str, Any]

_SERVICE = re.compile(r'service\("([^"]+)"\)')
_ANNOTATION = re.compile(r'annotation[.\[]"?([\w.-]+)"?\]?\s*=\s*"([^"]*)"')


class UnsupportedFilterError(ValueError):
    """A filter expression that uses more than `service("...")` and `annotation.name = "..."`, joined by AND."""


class TraceStore:
    """Segments by trace and id. A document that comes again under its id replaces the earlier one."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, OrderedDict[str, Segment]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, segment: Segment) -> None:
        trace_id, segment_id = segment.get("trace_id"), segment.get("id")
        if not isinstance(trace_id, str) or not isinstance(segment_id, str):
            return
        with self._lock:
            self._traces.setdefault(trace_id, OrderedDict())[segment_id] = segment
            if len(self._traces) > TRACES_KEPT:
                self._traces.popitem(last=False)

    def batch(self, trace_ids: list[str]) -> dict[str, Any]:
        """The answer of `BatchGetTraces`."""
        with self._lock:
            found = {
                trace_id: list(self._traces[trace_id].values()) for trace_id in trace_ids if trace_id in self._traces
            }
        return {
            "Traces": [
                {
                    "Id": trace_id,
                    "Duration": _end(segments) - _start(segments),
                    "LimitExceeded": False,
                    "Segments": [{"Id": segment["id"], "Document": json.dumps(segment)} for segment in segments],
                }
                for trace_id, segments in found.items()
            ],
            "UnprocessedTraceIds": [trace_id for trace_id in trace_ids if trace_id not in found],
        }

    def summaries(self, start: float, end: float, expression: str | None) -> dict[str, Any]:
        """The answer of `GetTraceSummaries` for traces that began between two times, in seconds since 1970."""
        services, annotations = _parsed(expression or "")
        with self._lock:
            traces = [(trace_id, list(segments.values())) for trace_id, segments in self._traces.items()]
        chosen = [
            _summary(trace_id, segments)
            for trace_id, segments in traces
            if start <= _start(segments) <= end
            and all(any(segment.get("name") == name for segment in segments) for name in services)
            and all(any(_annotation(segment, name) == value for segment in segments) for name, value in annotations)
        ]
        return {"TraceSummaries": chosen, "TracesProcessedCount": len(traces)}


def _summary(trace_id: str, segments: list[Segment]) -> dict[str, Any]:
    start, end = _start(segments), _end(segments)
    return {
        "Id": trace_id,
        "StartTime": start,
        "Duration": end - start,
        "ResponseTime": end - start,
        "HasFault": any(segment.get("fault") for segment in segments),
        "HasError": any(segment.get("error") for segment in segments),
        "HasThrottle": any(segment.get("throttle") for segment in segments),
        "IsPartial": any(segment.get("in_progress") for segment in segments),
        "ServiceIds": [
            {"Name": name, "Names": [name], "Type": kind}
            for name, kind in sorted({(s["name"], s["origin"]) for s in segments if "origin" in s})
        ],
    }


def _start(segments: list[Segment]) -> float:
    return min((float(segment["start_time"]) for segment in segments if "start_time" in segment), default=0.0)


def _end(segments: list[Segment]) -> float:
    ends = [float(segment.get("end_time") or segment.get("start_time") or 0) for segment in segments]
    return max(ends, default=0.0)


def _annotation(segment: Segment, name: str) -> str | None:
    value = (segment.get("annotations") or {}).get(name)
    return None if value is None else str(value)


def _parsed(expression: str) -> tuple[list[str], list[tuple[str, str]]]:
    rest = _ANNOTATION.sub("", _SERVICE.sub("", expression))
    if re.sub(r"\s|AND|&&", "", rest):
        raise UnsupportedFilterError(f"the local cloud can't evaluate this filter expression: {expression}")
    return _SERVICE.findall(expression), _ANNOTATION.findall(expression)
