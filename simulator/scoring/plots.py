"""The pictures of docs/rules.md, drawn by running the rules: `python -m simulator.scoring.plots docs/images`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluate import rule_files
from evaluate.compiled import compiled
from evaluate.early_warning import border
from evaluate.observations import Context, Observation
from smartwatch_contracts.profiles import Profile
from smartwatch_contracts.rules import RuleSet

from simulator.devices.library import stories
from simulator.devices.library.story import BEGINS_AT, Tape
from simulator.scoring import figures
from simulator.scoring.replay import replay
from simulator.scoring.streams import Stream, from_story

MINUTE = 60
_ACTIVITY_COLORS = {"running": "#f3c6a5", "walking": "#fbe8c8", "recovering": "#e3e8f0"}


def level() -> Any:
    """A limit, and how long it must be passed."""
    tape = _settled(3, 95)
    tape.live(3 * MINUTE, 95)
    tape.live(75, 138, within=8)
    tape.live(4 * MINUTE, 95, within=20)
    tape.live(5 * MINUTE, 138, within=8)
    tape.live(4 * MINUTE, 92, within=30)
    rules = _one_rule("{signal: heartRate, above: 120}", "forSeconds: 120", "{signal: heartRate, below: 110}")
    made = _lesson(_stream(tape), [rules], ylim=(80, 150))
    _say(made, 0, 3.9, 142, "too short")
    _say(made, 0, 8.5, 144, "two minutes beyond 120: alert")
    return made


def of_last() -> Any:
    """So many of the last readings."""
    values = [96, 97, 96, 88, 96, 97, 96, 96, 88, 96, 87, 96, 88, 89, 97, 88, 88, 96, 96, 97, 96, 96, 97, 96]
    stream = _readings([(index * 15, None, value) for index, value in enumerate(values)])
    rules = _one_rule(
        "{signal: spo2, below: 90}", "ofLast: {breaching: 3, readings: 5}", "{signal: spo2, above: 92}", 4
    )
    made = _lesson(stream, [rules], signal="spo2", ylim=(84, 100), marker="o")
    _say(made, 0, 2.55, 85, "third of five")
    return made


def change() -> Any:
    """So many beats a minute within so many seconds, and low at the end of it."""
    tape = _settled(4, 82, every=2.0)
    tape.live(2 * MINUTE, 82)
    tape.live(3 * MINUTE, 47, within=60)
    tape.live(90, 82, within=20)
    tape.live(60, 33, within=13)
    tape.live(2 * MINUTE, 75, within=20)
    rules = rule_files.rule_set("""
name: change
version: "1"
rules:
  - id: lesson
    title: Falls fast
    bands:
      - severity: critical
        when: {all: [{signal: heartRate, fallsPerMinute: 40, overSeconds: 40}, {signal: heartRate, below: 45}]}
        readings: 3
    clear: {when: {signal: heartRate, above: 50}, forSeconds: 20}
""")
    made = _lesson(_stream(tape), [rules], ylim=(28, 95))
    made.axes[0].axhline(45, color=figures.CRITICAL, linestyle="--", linewidth=0.9)
    _say(made, 0, 2.6, 74, "slow: no alert")
    _say(made, 0, 6.75, 90, "fast, and below 45: alert")
    return made


def combination() -> Any:
    """Two vitals together."""
    tape = Tape(5)
    tape.live(3 * MINUTE)
    tape.live(4 * MINUTE, 128, within=15)
    tape.live(5 * MINUTE, 128, spo2=89, spo2_within=15)
    tape.live(3 * MINUTE, spo2_within=15)
    default = rule_files.built_in("default")
    rules = default.model_copy(update={"rules": tuple(r for r in default.rules if r.id == "heart-and-oxygen")})
    stream = _stream(tape)
    made, axes = figures.figure(7.2, 3.3, 3, gridspec_kw={"height_ratios": [1.5, 1.2, 0.35], "hspace": 0.14})
    _line(axes[0], stream, "heart_rate", figures.HEART, "bpm")
    axes[0].axhline(120, color=figures.CRITICAL, linestyle="--", linewidth=0.9)
    _line(axes[1], stream, "spo2", figures.OXYGEN, "SpO2 %")
    axes[1].axhline(91.5, color=figures.CRITICAL, linestyle="--", linewidth=0.9)
    axes[1].set_ylim(86, 100)
    figures.lanes(axes[2], stream, [replay(rules, stream)])
    axes[2].set_yticks([0], ["alert"])
    axes[2].set_xlabel("minutes")
    return made


def hysteresis() -> Any:
    """One episode, where a single limit would chatter."""
    tape = _settled(6, 100)
    tape.live(2 * MINUTE, 100)
    tape.live(9 * MINUTE, 121, within=15)
    tape.live(4 * MINUTE, 98, within=30)
    with_ = _one_rule("{signal: heartRate, above: 120}", "readings: 2", "{signal: heartRate, below: 110}")
    without = _one_rule("{signal: heartRate, above: 120}", "readings: 1", "{signal: heartRate, below: 120}", 1)
    rules = [with_.model_copy(update={"name": "with"}), without.model_copy(update={"name": "without"})]
    made = _lesson(_stream(tape), rules, ylim=(90, 130))
    made.axes[0].axhline(110, color=figures.FAINT, linestyle=":", linewidth=1)
    _say(made, 0, 0.1, 122, "opens above 120")
    _say(made, 0, 0.1, 111, "clears below 110")
    return made


def severity() -> Any:
    """How long each severity waits, by the value."""
    rules = compiled(rule_files.built_in("default"))
    made, axis = figures.figure(7.2, 2.6)
    rule = next(rule for rule in rules.rules if rule.id == "heart-rate-high-at-rest")
    for band, color in zip(rule.bands, (figures.WARNING, figures.CRITICAL), strict=True):
        values = [value / 2 for value in range(int(band.limit * 2), 361)]
        axis.plot(values, [band.delay_ms(value) / 60_000 for value in values], color=color, linewidth=2)
        axis.plot([band.limit], [band.for_ms / 60_000], "o", color=color)
        axis.annotate(
            f"{band.severity} above {band.limit:g}",
            (band.limit, band.for_ms / 60_000),
            xytext=(6, 4) if band.severity == "warning" else (-8, -15),
            textcoords="offset points",
        )
    axis.set_xlabel("bpm at rest")
    axis.set_ylabel("minutes until the alert")
    axis.set_ylim(0, 11.5)
    return made


def escalating() -> Any:
    """An episode that becomes worse: one alert, two severities."""
    tape = Tape(7)
    tape.live(3 * MINUTE)
    tape.live(10 * MINUTE, 134, within=20)
    tape.live(6 * MINUTE, 158, within=40)
    tape.live(8 * MINUTE)
    default = rule_files.built_in("default")
    rules = default.model_copy(update={"rules": tuple(r for r in default.rules if r.id == "heart-rate-high-at-rest")})
    return _lesson(_stream(tape), [rules], rule_id="heart-rate-high-at-rest", ylim=(50, 175))


def activity() -> Any:
    """The same heart rate, running and at rest."""
    tape = Tape(8)
    tape.live(3 * MINUTE)
    tape.live(8 * MINUTE, 165, 168)
    tape.live(2 * MINUTE, 100, 100)
    tape.live(9 * MINUTE)
    tape.live(6 * MINUTE, 165, within=15)
    tape.live(6 * MINUTE)
    rules = rule_files.built_in("default")
    stream = _stream(tape)
    made = _lesson(stream, [rules], rule_id="heart-rate-high-at-rest", ylim=(50, 185))
    context = Context(rules, 0)
    spans: list[tuple[str, float, float]] = []
    for seen in stream.observations:
        doing, at = context.moment(seen).activity, figures.minute(stream, seen.at)
        if spans and spans[-1][0] == doing:
            spans[-1] = (doing, spans[-1][1], at)
        else:
            spans.append((doing, spans[-1][2] if spans else at, at))
    for doing, since, until in spans:
        if doing in _ACTIVITY_COLORS:
            made.axes[0].axvspan(since, until, color=_ACTIVITY_COLORS[doing], linewidth=0)
            if until - since > 1.5:
                _say(made, 0, since + 0.1, 56 if doing == "walking" else 176, doing)
    return made


def inhibition() -> Any:
    """A watch on the table measures nonsense; only the watch is in trouble."""
    story = next(story for story in stories() if story.name == "sensor-off")
    stream = from_story(story)
    rules = rule_files.built_in("default")
    without = rules.model_copy(
        update={"name": "without", "rules": tuple(r for r in rules.rules if r.kind == "physiological")}
    )
    # The same watch, had it not said that it is not worn, and had nobody asked.
    silent = replace(stream, observations=tuple(seen._replace(on_wrist=None) for seen in stream.observations))
    made, axes = figures.figure(7.2, 2.9, 2, gridspec_kw={"height_ratios": [2.2, 0.7], "hspace": 0.12})
    _line(axes[0], stream, "heart_rate", figures.HEART, "bpm")
    replays = [
        replay(rules.model_copy(update={"name": "with"}), stream, every_reading=True),
        replay(without, silent, every_reading=True),
    ]
    figures.lanes(axes[1], stream, replays)
    axes[1].set_xlabel("minutes")
    axes[0].text(11, 150, "not worn", color=figures.INK)
    return made


def early_warning() -> Any:
    """The bands of one vital, by scale."""
    made, axes = figures.figure(7.2, 2.6, 1)
    colors = {0: "#d9f0e3", 1: "#fdf1c4", 2: "#f9c784", 3: "#e07a6b"}
    for row, (scale, name) in enumerate(((2, "SpO2, scale 2"), (1, "SpO2, scale 1"))):
        edges = [78.0, *(border("spo2", band, "low", scale) for band in (3, 2, 1)), 100.0]
        for band, since, until in zip((3, 2, 1, 0), edges, edges[1:], strict=False):
            axes.barh(row, until - since, left=since, color=colors[band], height=0.6, edgecolor="white")
            axes.text((since + until) / 2, row, str(band), ha="center", va="center")
        axes.text(78, row + 0.38, name, fontsize=9)
    axes.set_yticks([])
    axes.set_ylim(-0.5, 1.7)
    axes.set_xlim(78, 100)
    axes.set_xticks(range(78, 101, 2))
    axes.set_xlabel("SpO2 %, and the band that it is in")
    return made


def late() -> Any:
    """What a gap left behind comes late: history, and nobody is woken."""
    tape = Tape(9)
    tape.live(5 * MINUTE)
    with tape.offline():
        tape.live(8 * MINUTE)
        tape.live(6 * MINUTE, 168, within=15)
        tape.live(16 * MINUTE)
    tape.live(6 * MINUTE)
    stream = _stream(tape)
    made, axes = figures.figure(7.2, 3.4, 3, gridspec_kw={"height_ratios": [1.5, 1.3, 0.7], "hspace": 0.14})
    minutes = [figures.minute(stream, seen.at) for seen in sorted(stream.observations)]
    _line(axes[0], stream, "heart_rate", figures.HEART, "bpm")
    lags = [(seen.received_at - seen.at) / 60_000 for seen in sorted(stream.observations)]
    axes[1].plot(minutes, lags, color=figures.OXYGEN, linewidth=1)
    axes[1].axhline(5, color=figures.CRITICAL, linestyle="--", linewidth=0.9)
    axes[1].set_ylabel("minutes late")
    played = replay(rule_files.built_in("default"), stream)
    for found in played.retrospective:
        since, until = figures.minute(stream, found.started_at), figures.minute(stream, found.ended_at)
        axes[2].barh(0, until - since, left=since, color=figures.TRUTH, height=0.6)
    for alarm in played.alarms:
        assert alarm.technical  # noqa: S101 (what the picture is to show)
        since, until = figures.minute(stream, alarm.raised_at), figures.minute(stream, alarm.cleared_at or 0)
        axes[2].barh(1, until - since, left=since, color=figures.TECHNICAL, height=0.6)
    axes[2].set_yticks([0, 1], ["history", "watch silent"])
    axes[2].set_ylim(-0.6, 1.6)
    axes[2].set_xlabel("minutes, when the readings were taken")
    return made


def profiles() -> Any:
    """Limits that follow the person."""
    made, axes = figures.figure(7.2, 2.8)
    default = rule_files.built_in("default")
    ages = list(range(15, 96, 5))
    by_age = [compiled(default, Profile(device_id="w", age=age)) for age in ages]
    for rule_id, color, name in (
        ("heart-rate-beyond-maximum", figures.CRITICAL, "beyond the maximum"),
        ("heart-rate-high-for-effort", figures.WARNING, "high for the effort"),
        ("heart-rate-high-at-rest", figures.OXYGEN, "high at rest"),
    ):
        limits = [next(r for r in rules.rules if r.id == rule_id).bands[0].limit for rules in by_age]
        axes.plot(ages, limits, color=color, linewidth=1.8)
        axes.annotate(name, (ages[0], limits[0]), xytext=(2, 5), textcoords="offset points", color=color)
    axes.set_xlabel("age, where it is all that is known")
    axes.set_ylabel("bpm")
    axes.set_ylim(105, 222)
    return made


PLOTS: dict[str, Callable[[], Any]] = {
    "level": level,
    "of-last": of_last,
    "change": change,
    "combination": combination,
    "hysteresis": hysteresis,
    "severity": severity,
    "escalating": escalating,
    "activity": activity,
    "inhibition": inhibition,
    "early-warning": early_warning,
    "late": late,
    "profiles": profiles,
}


def _one_rule(when: str, how: str, clear: str, readings: int = 3) -> RuleSet:
    return rule_files.rule_set(f"""
name: lesson
version: "1"
rules:
  - id: lesson
    title: Lesson
    bands: [{{severity: critical, when: {when}, {how}}}]
    clear: {{when: {clear}, readings: {readings}}}
""")


def _settled(seed: int, heart_rate: float, every: float = 5.0) -> Tape:
    """A tape of somebody who has been at a heart rate for a while."""
    tape = Tape(seed, every=every)
    tape.person.tend_to(heart_rate, 0, 3600)
    return tape


def _stream(tape: Tape) -> Stream:
    return from_story(tape.story("lesson", ""))


def _readings(values: Sequence[tuple[int, int | None, float | None]]) -> Stream:
    """Seconds, bpm, SpO2."""
    observations = tuple(
        Observation(BEGINS_AT + at * 1000, BEGINS_AT + at * 1000 + 500, bpm, spo2) for at, bpm, spo2 in values
    )
    return Stream("lesson", observations, 15_000, BEGINS_AT, observations[-1].at)


def _lesson(
    stream: Stream,
    rule_sets: Sequence[RuleSet],
    *,
    signal: str = "heart_rate",
    rule_id: str = "lesson",
    ylim: tuple[float, float],
    marker: str = "",
) -> Any:
    """Values with the limits of one rule, and the alerts below."""
    rows = len(rule_sets)
    made, axes = figures.figure(
        7.2, 2.3 + 0.25 * rows, 2, gridspec_kw={"height_ratios": [2.2, 0.35 * rows], "hspace": 0.12}
    )
    color, label = (figures.HEART, "bpm") if signal == "heart_rate" else (figures.OXYGEN, "SpO2 %")
    _line(axes[0], stream, signal, color, label, marker)
    axes[0].set_ylim(*ylim)
    replays = [replay(rules, stream, every_reading=True) for rules in rule_sets]
    figures.limits(axes[0], replays[0].rules, rule_id)
    figures.lanes(axes[1], stream, replays)
    if rows == 1:
        axes[1].set_yticks([0], ["alert"])
    axes[1].set_xlabel("minutes")
    return made


def _line(axis: Any, stream: Stream, signal: str, color: str, label: str, marker: str = "") -> None:
    seen = sorted(stream.observations)
    axis.plot(
        [figures.minute(stream, one.at) for one in seen],
        [getattr(one, signal) or float("nan") for one in seen],
        color=color,
        linewidth=1,
        marker=marker,
        markersize=3,
    )
    axis.set_ylabel(label)


def _say(made: Any, axis: int, x: float, y: float, text: str) -> None:
    made.axes[axis].text(x, y, text, fontsize=8.5, color=figures.INK)


def main(folder: Path) -> None:
    """Draw every picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PLOTS.items():
        path = folder / f"rules-{name}.svg"
        figures.save(draw(), path)
        # Matplotlib ends some lines with a blank.
        path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
