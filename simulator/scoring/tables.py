"""Scores, sweeps, differences and explanations on a terminal. Values in, renderables out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.scoring.difference import Difference, reading
from simulator.scoring.explanation import NEVER_HELD, Explanation, clock, runs
from simulator.scoring.naive import Messages
from simulator.scoring.replay import Alarm
from simulator.scoring.score import Delays, Score
from simulator.scoring.sweep import Sweep

#: As many decisions fit a screen; `--json` has all of them.
DECISIONS_SHOWN = 30


def seconds(value: float | None) -> str:
    """A delay as people read it."""
    return "" if value is None else f"{value:.0f} s"


def score(scores: Sequence[Score], days: float) -> RenderableType:
    """Rule sets side by side: conditions, then each rule, then what it adds up to."""
    return Group(_conditions(scores), _rules(scores[0]), _summary(scores, days))


def _conditions(scores: Sequence[Score]) -> Table:
    table = Table(title="Conditions, and how soon any rule found them (median/worst)", title_justify="left")
    table.add_column("condition", no_wrap=True)
    table.add_column("is", no_wrap=True)
    for each in scores:
        table.add_column(each.rule_set.name, no_wrap=True)
    for rows in zip(*(each.conditions for each in scores), strict=True):
        cells = []
        for row in rows:
            style = "" if row.missed == 0 else "bold red" if row.severity == "critical" else "yellow"
            cells.append(Text(f"{row.detected} of {row.truths}  {_both(row.delays)}", style=style))
        table.add_row(rows[0].condition.title, rows[0].severity, *cells)
    return table


def _both(delays: Delays) -> str:
    return "" if delays.median is None else f"{delays.median:.0f}/{seconds(delays.worst)}"


def _rules(scored: Score) -> Table:
    table = Table(
        title=f"Rules of {scored.name}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("rule", no_wrap=True)
    for column in ("found", "false", "severe", "delay", "own", "a day"):
        table.add_column(column, justify="right", no_wrap=True)
    for rule in scored.rules:
        table.add_row(
            rule.rule_id,
            Text(f"{rule.detected} of {rule.detected + rule.missed}", style="bold red" if rule.missed else ""),
            Text(str(rule.false), style="bold red" if rule.false else ""),
            str(rule.too_severe),
            Text(_both(rule.delays), style="" if rule.delays.within else "yellow"),
            seconds(rule.delays.stated),
            f"{rule.per_person_day:.2f}",
        )
    table.caption = (
        "severe: critical for what is a warning; own: the delay that the rule asks for at such values; "
        "a day: alerts for each person and day"
    )
    table.caption_justify = "left"
    return table


def _summary(scores: Sequence[Score], days: float) -> Table:
    table = Table(title=f"Over {days * 24:.0f} hours of readings", title_justify="left")
    table.add_column("")
    for each in scores:
        table.add_column(each.name, justify="right")
    rows: list[tuple[str, list[str]]] = [
        ("critical conditions missed", [str(each.missed_critical) for each in scores]),
        ("innocent streams that woke somebody", [str(len(each.innocents_alarmed)) for each in scores]),
        ("alerts a person-day where nothing was wrong", [f"{s.innocent_alerts_per_person_day:.1f}" for s in scores]),
        ("alerts", [str(each.alarms()) for each in scores]),
        ("technical alerts", [str(each.alarms(technical=True)) for each in scores]),
        ("alerts on recordings", [str(each.alarms(recorded=True)) for each in scores]),
        ("as a message for each reading beyond a limit", plain_only(scores, lambda sent: sent.per_reading)),
        ("as a message for each crossing of a limit", plain_only(scores, lambda sent: sent.per_crossing)),
    ]
    for name, cells in rows:
        table.add_row(name, *cells)
    return table


def plain_only(scores: Sequence[Score], count: Callable[[Messages], int]) -> list[str]:
    """What a platform with plain limits would have sent: a question for the plain rules, which come last."""
    return [*("" for _ in scores[:-1]), f"{count(scores[-1].naive):,}"]


def sweep(made: Sweep) -> RenderableType:
    """Alerts a person-day and, below, missed seconds: delays down, limits across."""
    sign = ">" if made.side == "above" else "<"
    table = Table(
        title=f"Alerts a person-day, and missed seconds, over {made.days * 24:.1f} hours",
        title_justify="left",
    )
    table.add_column("for")
    for limit in made.limits:
        table.add_column(f"{sign} {limit:g}", justify="right")
    for delay in made.delays:
        row = made.row(delay)
        table.add_row(
            f"{delay} s",
            *(
                Text.assemble(f"{cell.alerts_per_person_day:.1f}\n", (f"{cell.missed_seconds:.0f} s", "dim"))
                for cell in row
            ),
        )
    table.add_row("beyond", *(f"{value:.0f} s" for value in made.beyond_seconds), style="dim")
    return table


def differences(found: Sequence[Difference], old: str, new: str) -> RenderableType:
    """Alerts that differ, each with the readings that caused it, as bpm/SpO2."""
    if not found:
        return Text(f"{old} and {new} say the same about these readings")
    lines: list[RenderableType] = []
    styles = {"added": "red", "lost": "yellow", "moved": "cyan"}
    for each in found:
        rules = dict.fromkeys(alarm.rule_id for alarm in (each.old, each.new) if alarm)
        told = " -> ".join(_alarm(alarm) for alarm in (each.old, each.new) if alarm)
        lines.append(
            Text.assemble(
                (f"{each.what:<6}", styles[each.what]), f"{each.stream}  ", (" -> ".join(rules), "bold"), f"  {told}"
            )
        )
        lines.append(Text(f"      {_caused(each)}", style="dim"))
    count = {what: sum(each.what == what for each in found) for what in styles}
    summary = ", ".join(f"{number} {what}" for what, number in count.items())
    return Group(*lines, Text(f"from {old} to {new}: {summary}"))


def _alarm(alarm: Alarm) -> str:
    worse = "" if alarm.critical_at in {None, alarm.raised_at} else f", critical {clock(alarm.critical_at or 0)}"
    return f"{alarm.opened_as} {clock(alarm.raised_at)}{worse}"


def _caused(each: Difference) -> str:
    shown = each.readings[-6:]
    if not shown:
        return "none"
    values = " ".join(_value(reading(seen)) for seen in shown)
    return f"{clock(shown[0].at)}-{clock(shown[-1].at)}: {values} ({each.reading_count} in all)"


def _value(told: dict[str, object]) -> str:
    parts = [str(told[name]) for name in ("heartRate", "spo2") if name in told]
    return "/".join(parts) or "-"


def why(made: Explanation) -> RenderableType:
    """An explanation in plain words, then what the rules saw and decided."""
    head = Text.assemble(
        (f"{made.device_id} at {clock(made.at)} UTC", "bold"),
        f" by the rule set {made.rule_set} {made.version}",
    )
    words = Table(box=None, pad_edge=False, show_header=False)
    order = ("opened", "open", "pending", "gated", "inhibited", "disbelieved", "late", "within")
    styles = {"opened": "bold red", "open": "red", "within": "dim"}
    never = [verdict.rule_id for verdict in made.verdicts if verdict.text == NEVER_HELD]
    for verdict in sorted(made.verdicts, key=lambda one: order.index(one.outcome)):
        if verdict.text == NEVER_HELD:
            continue
        words.add_row(Text(verdict.rule_id, style=styles.get(verdict.outcome, "yellow")), verdict.text)
        if verdict.outcome != "within":
            words.add_row("", Text("; ".join(verdict.limits), style="dim"))
    if never:
        words.add_row(Text("others", style="dim"), Text(f"whose condition never held: {', '.join(never)}"))
    readings = Table("UTC", "bpm", "SpO2", "steps", "considered", "doubts", title="Readings", title_justify="left")
    for seen in made.readings:
        told = seen.observation
        readings.add_row(
            clock(told.at),
            "" if told.heart_rate is None else str(told.heart_rate),
            "" if told.spo2 is None else f"{told.spo2:g}",
            "" if told.steps is None else str(told.steps),
            seen.activity,
            "; ".join(seen.doubts),
        )
    decisions = Table("UTC", "rule", "decided", "why, at last", title="Decisions", title_justify="left")
    decided = sorted(runs(made.decisions), key=lambda run: abs(run.since - made.at))[:DECISIONS_SHOWN]
    for run in sorted(decided, key=lambda run: run.since):
        until = "" if run.count == 1 else f" - {clock(run.until)}"
        times = "" if run.count == 1 else f" x {run.count}"
        decisions.add_row(f"{clock(run.since)}{until}", run.rule_id or "all", f"{run.what}{times}", run.why)
    return Group(head, words, readings, decisions)
