"""What the commands show on a terminal: tables, timelines, waterfalls. Values in, renderables out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from simulator.escalation.preview import Line
from simulator.run import Picture
from simulator.trends import MEASURES, kind, sparkline

_STATUS_STYLE = {
    "open": "bold red",
    "exhausted": "bold magenta",
    "acknowledged": "green",
    "cleared": "cyan",
    "joined": "yellow",
}
_STATE_STYLE = {
    "Exhausted": "bold magenta",
    "Acknowledged": "green",
    "AwaitRecovery": "green",
    "Cleared": "cyan",
    "Joined": "dim",
    "Duplicate": "dim",
}
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
        table.add_row("  " + clock(entry["at"]), entry["what"], Text(said(entry), style="dim"))
    return table


def said(entry: dict[str, Any]) -> str:
    """What an entry of a timeline says beside its name, in one line."""
    parts = [
        entry.get("step", ""),
        f"to {entry['to']}" if entry.get("to") else "",
        entry["detail"],
        f"through {entry['through']}" if entry.get("through") else "",
        f"receipt {entry['receipt']}" if entry.get("receipt") else "",
    ]
    return ", ".join(filter(None, parts))


def story(told: dict[str, Any]) -> RenderableType:
    """Everything about one alert (`simulator.story`)."""
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{told['status']:<13}", _STATUS_STYLE.get(told["status"], "")),
            (f"{told.get('title', '')}, {told.get('severity', '')}", "bold"),
            ("  a rehearsal, no person is in danger" if told.get("drill") else "", "magenta"),
        ),
        _facts(told),
    ]
    for title, rows in (
        ("Messages", [_message(each) for each in told["messages"]]),
        ("Held back", [_held_back(each) for each in told["heldBack"]]),
        ("Alerts that joined", [_joined(each) for each in told["joinedBy"]]),
        ("Course", [_step(each) for each in told.get("timeline", []) if not _is_shown(each, told)]),
    ):
        if rows:
            table = _borderless()
            table.show_header = False
            for row in rows:
                table.add_row(*(Text(cell) for cell in row))
            parts += [Text(title, style="bold"), table]
    return Group(*parts)


def _facts(told: dict[str, Any]) -> Table:
    table = _borderless()
    table.show_header = False
    policy, execution, lead = told["policy"], told["execution"], told["lead"]
    since = datetime.fromtimestamp(told["startedAt"] / 1000).astimezone() if "startedAt" in told else None
    facts = {
        "alert": told["alertId"],
        "watch": told["deviceId"],
        "rule": told.get("ruleId"),
        "since": since and f"{since:%Y-%m-%d %H:%M:%S}, raised at {clock(told['raisedAt'])}",
        "policy": policy and f"{policy['name']} {policy['version']}, for {policy['severity']}",
        "team": told["team"],
        "joined": lead and f"{lead['title']}, {lead['severity']}, {lead['status']}: alert {lead['alertId']}",
        "acknowledged": "\n".join(
            f"{clock(each['at'])} by {each['by']}" + (f" through {each['through']}" if each["through"] else "")
            for each in told["acknowledgements"]
        ),
        "cleared": told["cleared"] and clock(told["cleared"]),
        "execution": execution and f"{execution['name']}, {execution['status']} in {execution['state']}",
        "trace": told["traceId"],
    }
    for name, fact in facts.items():
        if fact:
            table.add_row(f"  {name}", Text(str(fact)))
    return table


def _message(message: dict[str, Any]) -> tuple[str, ...]:
    shown = ("step", "to", "through", "outcome")
    told = filter(None, (message["receipt"], message["detail"]))
    return ("  " + clock(message["at"]), *(message[name] for name in shown), ", ".join(told))


def _held_back(held: dict[str, Any]) -> tuple[str, ...]:
    return ("  " + clock(held["at"]), held["why"], held["step"], held["to"], held["detail"])


def _joined(joined: dict[str, Any]) -> tuple[str, ...]:
    over = "holds it open" if joined["holdsItOpen"] else "over"
    return (f"  {joined['alertId']}", f"{joined['title']}, {joined['severity']}", joined.get("status", ""), over)


def _step(entry: dict[str, Any]) -> tuple[str, ...]:
    return ("  " + clock(entry["at"]), entry["what"], said(entry))


def _is_shown(entry: dict[str, Any], told: dict[str, Any]) -> bool:
    """Whether an entry has a place of its own above the course."""
    if told["lead"] is not None:
        return False
    shown = {(each["at"], each.get("receipt", ""), each["detail"]) for each in (*told["messages"], *told["heldBack"])}
    return entry["what"] != "acknowledged" and (entry["at"], entry.get("receipt", ""), entry["detail"]) in shown


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


def foretold(lines: Sequence[Line], raised: datetime) -> RenderableType:
    """What a policy would do, on the clocks here and in UTC."""
    rows = [f"raised {raised.astimezone():%Y-%m-%d %H:%M:%S %Z}; nothing is sent"]
    for line in lines:
        moment = raised + timedelta(seconds=line.offset_seconds)
        hours, rest = divmod(line.offset_seconds, 3600)
        after = f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
        clocks = f"{moment.astimezone():%a %H:%M:%S} ({moment.astimezone(UTC):%H:%M:%S} UTC)"
        to = f"{line.to} through {line.through}" if line.to and line.through else line.to
        rows.append(
            f"+{after:<9} {clocks:<29} {line.what:<24} {line.step:<16} "
            + "; ".join(part for part in (to, line.detail) if part)
        )
    return Text("\n".join(row.rstrip() for row in rows))


def card(graded: dict[str, Any]) -> RenderableType:
    """A drill's card."""
    table = Table("hop", "took", "budget", "")
    for hop in graded["hops"]:
        table.add_row(
            Text(hop["name"]),
            "" if hop["milliseconds"] is None else f"{hop['milliseconds']} ms",
            "" if hop["budget_milliseconds"] is None else f"{hop['budget_milliseconds']} ms",
            Text("pass", style="green") if hop["passed"] else Text("FAIL", style="bold red"),
        )
    verdict = Text("passed", style="bold green") if graded["passed"] else Text("FAILED", style="bold red")
    policy = graded.get("policy")
    by_policy = f" · policy {policy['name']} {policy['version']}" if policy else ""
    ended = f" · ended {graded['outcome']}" if graded["outcome"] else ""
    about = f" · alert {graded['alertId']}" if graded["alertId"] else ""
    last = Text.assemble("drill ", verdict, ended + by_policy + about)
    if not graded.get("dryRun"):
        return Group(table, last)
    told = _borderless()
    told.show_header = False
    for each in graded["told"]:
        told.add_row("  " + clock(each["at"]), *(Text(each[name]) for name in ("step", "to", "through", "receipt")))
    return Group(table, Text("Who would have been told", style="bold"), told, last)


_TRENDS = {"first": " ", "same": "→", "faster": "↓", "slower": "↑"}


def drills(found: Sequence[dict[str, Any]]) -> RenderableType:
    """Drills with their trends (`simulator.trends`), the earliest first."""
    table = _borderless("held", "scenario", "policy", *(Column(name, justify="right") for name in MEASURES), "")
    for graded in found:
        held = datetime.fromisoformat(graded["at"]).astimezone()
        policy = graded["policy"]
        answered = "" if graded["ackAfter"] is None else f", answered after {graded['ackAfter']:g} s"
        table.add_row(
            f"{held:%Y-%m-%d %H:%M}",
            Text(graded["scenario"] + answered + (", dry run" if graded["dryRun"] else "")),
            Text(policy["name"] if policy else "-"),
            *(_took(graded, name) for name in MEASURES),
            Text("passed", style="green") if graded["passed"] else Text("FAILED", style="bold red"),
        )
    alike = [graded for graded in found if kind(graded) == kind(found[-1])]
    lines = [
        Text.assemble((f"  {name:<12}", "dim"), sparkline([graded["times"][name] for graded in alike]))
        for name in MEASURES
        if any(graded["times"][name] is not None for graded in alike)
    ]
    return Group(
        table,
        Text("↓ faster or ↑ slower than the median of the earlier ones of its kind. Those like the last one:"),
        *lines,
    )


def _took(graded: dict[str, Any], name: str) -> Text:
    took, trend = graded["times"][name], graded["trend"][name]
    if took is None:
        return Text("-", style="dim")
    arrow = _TRENDS[trend["direction"]]
    return Text(f"{took / 1000:.1f} s {arrow}", style={"↑": "yellow", "↓": "green"}.get(arrow, ""))


def report(answer: dict[str, Any]) -> RenderableType:
    """A report on a period (`simulator.report`)."""
    share = answer["unacknowledgedShare"]
    messages = answer["messages"]
    failed = ", ".join(f"{count} by {channel}" for channel, count in messages["failedChannels"].items())
    joined = f", {answer['joined']} of them joined another" if answer["joined"] else ""
    lines = [
        f"{'drills' if answer['drills'] else 'alerts'} from {answer['from']} to {answer['to']}: "
        f"{answer['alerts']}{joined}",
        f"  unacknowledged {answer['unacknowledged']}" + ("" if share is None else f", {share:.1%}"),
        f"  messages sent {messages['sent']}, perhaps sent {messages['perhapsSent']}, "
        f"held back {messages['heldBack']}, crossed {messages['crossed']}, failed {messages['failed']}"
        + (f" ({failed})" if failed else ""),
    ]
    columns = ("alerts", "to notify", "acknowledge", "clear")
    table = _borderless("", *(Column(name, justify="right") for name in columns))
    for title, groups in (("rule", answer["rules"]), ("team", answer["teams"])):
        for group in groups:
            spreads = (group[measure] for measure in ("notify", "acknowledge", "clear"))
            table.add_row(Text(f"{title} {group['name']}"), str(group["alerts"]), *map(_spread, spreads))
    if not table.rows:
        return Text("\n".join(lines))
    return Group(Text("\n".join(lines)), table, Text("Each: the median, and what 90 % do not exceed.", style="dim"))


def _spread(spread: dict[str, Any]) -> str:
    return "-" if spread["median"] is None else f"{spread['median'] / 1000:.1f} / {spread['p90'] / 1000:.1f} s"


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
