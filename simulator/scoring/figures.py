"""Plots of what rules do. Matplotlib draws them; nothing here reaches a network or a display."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluate.compiled import CompiledRules

from simulator.scoring.judgement import Judgement
from simulator.scoring.replay import Replay
from simulator.scoring.streams import Stream

INK, FAINT, HEART, OXYGEN = "#1f2933", "#9aa5b1", "#c2413b", "#2266aa"
WARNING, CRITICAL, TECHNICAL, TRUTH = "#f0b429", "#cf1124", "#7b8794", "#3ebd93"

#: A longer gap between two readings is drawn as one.
GAP_MINUTES = 3


def figure(width: float, height: float, rows: int = 1, **options: Any) -> tuple[Any, Any]:
    """A figure and its axes, in the project's own look."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams.update(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": FAINT,
            "axes.labelcolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "svg.fonttype": "none",
            # The same picture for the same readings, to the byte.
            "svg.hashsalt": "smartwatch",
            "figure.facecolor": "white",
        }
    )
    return pyplot.subplots(rows, 1, figsize=(width, height), sharex=rows > 1, **options)


def save(made: Any, path: Path) -> None:
    """Write a figure as SVG or PNG, by the file's suffix, and close it."""
    from matplotlib import pyplot

    metadata = {"Date": None} if path.suffix.lower() == ".svg" else {"Software": None}
    made.savefig(path, dpi=110, bbox_inches="tight", metadata=metadata)
    pyplot.close(made)


def as_svg(made: Any) -> str:
    """A figure as an `<svg>` element, and close it."""
    from matplotlib import pyplot

    buffer = io.StringIO()
    made.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close(made)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def episodes(stream: Stream, replays: Sequence[Replay], judgement: Judgement | None = None) -> Any:
    """Vitals over time, the truth as a band behind them, and below, a lane of alerts for each rule set."""
    has_spo2 = any(seen.spo2 for seen in stream.observations)
    rows = 2 + has_spo2
    made, axes = figure(
        7.2,
        1.5 + 0.8 * rows,
        rows,
        gridspec_kw={"height_ratios": [2.2, *([1.4] if has_spo2 else []), 0.35 * (1 + len(replays))], "hspace": 0.12},
    )
    seen = sorted(stream.observations, key=lambda one: one.received_at)
    minutes = [minute(stream, one.received_at) for one in seen]
    _vital(axes[0], minutes, [one.heart_rate for one in seen], HEART, "bpm")
    if has_spo2:
        _vital(axes[1], minutes, [one.spo2 for one in seen], OXYGEN, "SpO2 %")
        # On a scale of its own, the noise of a healthy sensor would look like an emergency.
        axes[1].set_ylim(min(88, *(one.spo2 - 1 for one in seen if one.spo2)), 101)
    for truth in stream.truths or ():
        for axis in axes[:-1]:
            axis.axvspan(minute(stream, truth.onset), minute(stream, truth.end), color=TRUTH, alpha=0.14, linewidth=0)
    lanes(axes[-1], stream, replays)
    axes[-1].set_xlabel("minutes")
    title = stream.name if judgement is None else f"{stream.name}{_verdict(judgement)}"
    axes[0].set_title(title, loc="left", fontsize=9.5, fontweight="bold")
    return made


def _vital(axis: Any, minutes: Sequence[float], values: Sequence[float | None], color: str, label: str) -> None:
    drawn: list[tuple[float, float]] = []
    for at, value in zip(minutes, values, strict=True):
        # Nobody knows what was in a gap: no line through it.
        if drawn and at - drawn[-1][0] > GAP_MINUTES:
            drawn.append((at, float("nan")))
        drawn.append((at, value or float("nan")))
    axis.plot([at for at, _ in drawn], [value for _, value in drawn], color=color, linewidth=0.9)
    axis.set_ylabel(label)


def lanes(axis: Any, stream: Stream, replays: Sequence[Replay]) -> None:
    """Each rule set's alerts as bars, from the word that they are open to the word that they are over."""
    end = minute(stream, max(stream.ends_at, stream.observations[-1].received_at))
    for row, made in enumerate(reversed(replays)):
        for alarm in made.alarms:
            since, until = minute(stream, alarm.raised_at), end
            if alarm.cleared_at is not None:
                until = minute(stream, alarm.cleared_at)
            _bar(axis, row, since, until, TECHNICAL if alarm.technical else _color(alarm.opened_as))
            if alarm.critical_at is not None and not alarm.technical:
                _bar(axis, row, minute(stream, alarm.critical_at), until, CRITICAL)
    axis.set_yticks(range(len(replays)), [made.rules.rule_set.name for made in reversed(replays)])
    axis.set_ylim(-0.6, len(replays) - 0.4)
    axis.tick_params(axis="y", length=0)


def _bar(axis: Any, row: int, since: float, until: float, color: str) -> None:
    axis.barh(row, max(until - since, 0.05), left=since, height=0.62, color=color, linewidth=0)


def _color(severity: str) -> str:
    return CRITICAL if severity == "critical" else WARNING


def _verdict(judgement: Judgement) -> str:
    if judgement.missed:
        return " — missed"
    return " — woke somebody for nothing" if any(not alarm.technical for alarm in judgement.false) else ""


def minute(stream: Stream, at: int) -> float:
    """A time as minutes from the beginning of the stream."""
    return (at - stream.begins_at) / 60_000


def delays(names: Sequence[str], found: Sequence[float | None], stated: Sequence[float | None]) -> Any:
    """Median delay of each rule as a bar, and what the rule itself asks for as a mark."""
    made, axis = figure(7.2, 0.9 + 0.24 * len(names))
    rows = range(len(names))
    axis.barh(rows, [value or 0 for value in found], color=OXYGEN, height=0.55, label="median delay")
    axis.plot(
        [float("nan") if value is None else value for value in stated],
        rows,
        "|",
        color=CRITICAL,
        markersize=11,
        markeredgewidth=2,
        label="the rule's own delay",
    )
    axis.set_yticks(rows, names)
    axis.invert_yaxis()
    axis.set_xlabel("seconds")
    axis.legend(frameon=False, loc="center right")
    return made


def draw_heat_map(
    axis: Any,
    grid: Sequence[Sequence[float]],
    across: Sequence[float],
    down: Sequence[float],
    *,
    title: str,
    across_label: str,
) -> None:
    """A heat map on given axes, each cell with its number where there is room."""
    axis.imshow(grid, cmap="YlOrRd", aspect="auto")
    axis.set_xticks(range(len(across)), [f"{value:g}" for value in across])
    axis.set_yticks(range(len(down)), [f"{value:g}" for value in down])
    axis.set_xlabel(across_label)
    axis.set_ylabel("for seconds")
    axis.set_title(title, loc="left", fontsize=9.5, fontweight="bold")
    highest = max((value for row in grid for value in row), default=0) or 1
    if len(across) * len(down) <= 200:
        for y, row in enumerate(grid):
            for x, value in enumerate(row):
                axis.text(
                    x,
                    y,
                    f"{value:.0f}" if value >= 10 or value == 0 else f"{value:.1f}",
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="white" if value > 0.6 * highest else INK,
                )


def limits(axis: Any, rules: CompiledRules, rule_id: str) -> None:
    """The limits of one rule's bands as dashed lines."""
    rule = next(rule for rule in rules.rules if rule.id == rule_id)
    for band in rule.bands:
        if band.signal:
            axis.axhline(band.limit, color=_color(band.severity), linestyle="--", linewidth=0.9)
