"""What the commands show on a terminal: tables, timelines, waterfalls. Values in, renderables out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from simulator.run import Picture

_STATUS_STYLE = {"open": "bold red", "exhausted": "bold magenta", "acknowledged": "green", "cleared": "cyan"}
_STATE_STYLE = {"Exhausted": "bold magenta", "Acknowledged": "green", "Cleared": "cyan", "Duplicate": "dim"}
WATERFALL_COLUMNS = 48


def clock(text: str) -> str:
    """The time of day, with tenths, of an ISO 8601 text."""
    moment = datetime.fromisoformat(text).astimezone()
    return f"{moment:%H:%M:%S}.{moment.microsecond // 100_000}"


def live(picture: Picture) -> RenderableType:
    """The whole picture of a run."""
    header = Text.assemble(
        ("smartwatch ", "bold"), f"{picture.seconds:5.0f} s · {picture.published} readings published · Ctrl-C ends"
    )
    left = Panel(_watches(picture), title="Watches", border_style="blue")
    right = Panel(_messages(picture), title="SNS: what people receive", border_style="blue")
    return Group(header, Columns([left, right]), Panel(_alerts(picture), title="Alerts", border_style="blue"))


def _watches(picture: Picture) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("watch", "bpm", "SpO2", "steps", "doing", "sent"):
        table.add_column(column, justify="left" if column in {"watch", "doing"} else "right")
    for watch in picture.watches:
        vitals = watch.vitals
        emergency = watch.scenario not in {"normal", "rest"}
        table.add_row(
            watch.device_id,
            *((str(vitals.heart_rate), str(vitals.spo2), str(vitals.steps)) if vitals else ("-", "-", "-")),
            watch.scenario if emergency else watch.activity,
            str(watch.published),
            style="bold red" if emergency else None,
        )
    return table


def _messages(picture: Picture) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for message in [m for m in picture.outbox if m["protocol"] != "topic"][-6:]:
        table.add_row(clock(message["at"]), message["to"], Text(message["subject"]))
    if not table.rows:
        table.add_row("nothing yet")
    return table


def _alerts(picture: Picture) -> RenderableType:
    if not picture.alerts:
        return Text("none")
    states = {execution["executionArn"]: execution["state"] for execution in picture.executions}
    parts: list[RenderableType] = []
    for alert in picture.alerts:
        state = states.get(alert.get("executionArn", ""), "")
        parts.append(
            Text.assemble(
                (f"{alert['status']:<13}", _STATUS_STYLE.get(alert["status"], "")),
                f"{alert['deviceId']}  {alert.get('title', '')}  ",
                ("execution: ", "dim"),
                (state, _STATE_STYLE.get(state, "yellow")),
            )
        )
        parts.append(timeline(alert))
    return Group(*parts)


def timeline(alert: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for entry in alert.get("timeline", []):
        table.add_row("  " + clock(entry["at"]), entry["what"], Text(entry["detail"], style="dim"))
    return table


def _borderless(*columns: Column | str) -> Table:
    """A table whose rows fit into 80 columns with an id whole."""
    return Table(*columns, box=None, pad_edge=False, collapse_padding=True)


def _whole(header: str) -> Column:
    """A column that is never cut while another can give way: the next command asks for what is in it."""
    return Column(header, no_wrap=True, overflow="fold")


def alerts(found: Sequence[dict[str, Any]]) -> Table:
    table = _borderless(_whole("raised"), _whole("status"), _whole("watch"), _whole("alert"), "what")
    for alert in found:
        table.add_row(
            clock(alert["raisedAt"]) if "raisedAt" in alert else "-",
            Text(alert["status"], style=_STATUS_STYLE.get(alert["status"], "")),
            alert["deviceId"],
            alert["alertId"],
            Text(alert.get("title", "")),
        )
    return table


def executions(found: Sequence[dict[str, Any]]) -> Table:
    table = _borderless("started", "status", "state", _whole("execution"))
    for execution in found:
        table.add_row(clock(execution["startedAt"]), execution["status"], execution["state"], execution["name"])
    return table


def states(execution: dict[str, Any]) -> RenderableType:
    table = Table("entered", "state")
    for state in execution["states"]:
        table.add_row(clock(state["enteredAt"]), state["name"])
    return Group(Text(f"{execution['status']} · {execution['executionArn']}"), table)


def card(graded: dict[str, Any]) -> RenderableType:
    """A drill's card."""
    table = Table("hop", "took", "budget", "")
    for hop in graded["hops"]:
        table.add_row(
            hop["name"],
            "" if hop["milliseconds"] is None else f"{hop['milliseconds']} ms",
            "" if hop["budget_milliseconds"] is None else f"{hop['budget_milliseconds']} ms",
            Text("pass", style="green") if hop["passed"] else Text("FAIL", style="bold red"),
        )
    verdict = Text("passed", style="bold green") if graded["passed"] else Text("FAILED", style="bold red")
    return Group(table, Text.assemble("drill ", verdict, f" · ended {graded['outcome']} · alert {graded['alertId']}"))


def waterfall(segments: Sequence[dict[str, Any]]) -> Table:
    """A trace as bars on one time axis, children under their parents."""
    table = Table("segment", "ms", "", title=f"trace {segments[0]['trace_id']}")
    begin = min(segment["start_time"] for segment in segments)
    end = max(segment.get("end_time") or segment["start_time"] for segment in segments)
    scale = WATERFALL_COLUMNS / max(end - begin, 0.001)
    depth: dict[str, int] = {}
    for segment in segments:
        depth[segment["id"]] = depth.get(segment.get("parent_id", ""), -1) + 1
        finish = segment.get("end_time") or segment["start_time"]
        offset = min(round((segment["start_time"] - begin) * scale), WATERFALL_COLUMNS - 1)
        length = max(1, round((finish - segment["start_time"]) * scale))
        kind = segment.get("origin", "").removeprefix("AWS::")
        table.add_row(
            Text.assemble("  " * min(depth[segment["id"]], 8), segment["name"], (f" {kind}" if kind else "", "dim")),
            f"{(finish - segment['start_time']) * 1000:.0f}",
            Text(" " * offset + "█" * length, style="red" if segment.get("fault") else "cyan"),
        )
    return table


def readings(found: Sequence[dict[str, Any]]) -> Table:
    table = Table("timestamp", "bpm", "SpO2", "steps")
    for reading in found:
        taken = datetime.fromtimestamp(reading["timestamp"] / 1000).astimezone()
        values = [reading.get(name) for name in ("heartRate", "spo2", "steps")]
        table.add_row(taken.isoformat(timespec="milliseconds"), *("" if v is None else str(v) for v in values))
    return table


def messages(found: Sequence[dict[str, Any]]) -> Table:
    table = Table("at", "through", "to", "subject")
    for message in found:
        table.add_row(clock(message["at"]), message["protocol"], message["to"], Text(message["subject"]))
    return table
