"""Scores, sweeps, differences and explanations on a terminal. Values in, renderables out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.scoring.difference import Difference, reading
from simulator.scoring.explanation import Explanation, clock
from simulator.scoring.replay import Alarm
from simulator.scoring.score import Score
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
    table = Table(title="Conditions, and whichever rule finds them first", title_justify="left")
    table.add_column("condition")
    table.add_column("true severity")
    for each in scores:
        table.add_column(f"{each.rule_set.name}: found", justify="right")
        table.add_column("median", justify="right")
        table.add_column("worst", justify="right")
    for rows in zip(*(each.conditions for each in scores), strict=True):
        first = rows[0]
        cells: list[Text | str] = []
        for row in rows:
            style = "" if row.missed == 0 else "bold red" if row.severity == "critical" else "yellow"
            cells.append(Text(f"{row.detected} of {row.truths}", style=style))
            cells += [seconds(row.delays.median), seconds(row.delays.worst)]
        table.add_row(first.condition.title, first.severity, *cells)
    return table


def _rules(scored: Score) -> Table:
    table = Table(title=f"Rules of {scored.name}", title_justify="left")
    table.add_column("rule")
    for column in ("detected", "missed", "false", "too severe", "median", "worst", "own delay", "a person-day"):
        table.add_column(column, justify="right")
    for rule in scored.rules:
        table.add_row(
            rule.rule_id,
            str(rule.detected),
            Text(str(rule.missed), style="bold red" if rule.missed else ""),
            Text(str(rule.false), style="bold red" if rule.false else ""),
            str(rule.too_severe),
            Text(seconds(rule.delays.median), style="" if rule.delays.within else "yellow"),
            seconds(rule.delays.worst),
            seconds(rule.delays.stated),
            f"{rule.per_person_day:.2f}",
        )
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
        ("a message for each reading beyond its limits", [f"{each.naive.per_reading:,}" for each in scores]),
        ("a message for each crossing of its limits", [f"{each.naive.per_crossing:,}" for each in scores]),
    ]
    for name, cells in rows:
        table.add_row(name, *cells)
    return table


def sweep(made: Sweep) -> RenderableType:
    """Alerts a person-day and, in brackets, missed seconds: delays down, limits across."""
    sign = ">" if made.side == "above" else "<"
    table = Table(
        title=f"Alerts a person-day (missed seconds), over {made.days * 24:.1f} hours",
        title_justify="left",
    )
    table.add_column("for")
    for limit in made.limits:
        table.add_column(f"{sign} {limit:g}", justify="right")
    for delay in made.delays:
        table.add_row(
            f"{delay} s",
            *(f"{cell.alerts_per_person_day:.1f} ({cell.missed_seconds:.0f})" for cell in made.row(delay)),
        )
    table.add_row("[dim]beyond[/dim]", *(f"[dim]{value:.0f} s[/dim]" for value in made.beyond_seconds))
    return table


def differences(found: Sequence[Difference], old: str, new: str) -> RenderableType:
    """Alerts that differ, each with the readings that caused it."""
    if not found:
        return Text(f"{old} and {new} say the same about these readings")
    table = Table("", "stream", "rule", old, new, "readings that caused it")
    styles = {"added": "red", "lost": "yellow", "moved": "cyan"}
    for each in found:
        rules = dict.fromkeys(alarm.rule_id for alarm in (each.old, each.new) if alarm)
        table.add_row(
            Text(each.what, style=styles[each.what]),
            each.stream,
            " -> ".join(rules),
            _alarm(each.old),
            _alarm(each.new),
            _caused(each),
        )
    count = {what: sum(each.what == what for each in found) for what in styles}
    return Group(table, Text(", ".join(f"{number} {what}" for what, number in count.items())))


def _alarm(alarm: Alarm | None) -> str:
    if alarm is None:
        return "-"
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
    for verdict in sorted(made.verdicts, key=lambda one: order.index(one.outcome)):
        style = styles.get(verdict.outcome, "yellow")
        words.add_row(Text(verdict.rule_id, style=style), verdict.text)
        if verdict.outcome != "within":
            words.add_row("", Text("; ".join(verdict.limits), style="dim"))
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
    decisions = Table("UTC", "rule", "decided", "why", title="Decisions", title_justify="left")
    for decision in made.decisions[-DECISIONS_SHOWN:]:
        decisions.add_row(clock(decision.at), decision.rule_id or "all", decision.what, decision.why)
    return Group(head, words, readings, decisions)
