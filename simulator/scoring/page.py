"""The score as one HTML page that needs nothing else: tables, and a plot of every stream."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from simulator.scoring import figures
from simulator.scoring.score import Score
from simulator.scoring.tables import plain_only, seconds

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1f2933; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; margin: .6rem 0 1.2rem; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .7rem; border-bottom: 1px solid #e4e7eb; text-align: right; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; } thead th { border-bottom: 2px solid #9aa5b1; }
.bad { color: #cf1124; font-weight: 600; }
figure { margin: 1.1rem 0 1.8rem; } figcaption { color: #52606d; font-size: .9rem; }
svg { max-width: 100%; height: auto; }
.key span { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 1em; vertical-align: -1px; }
"""


def page(scores: Sequence[Score], descriptions: dict[str, str], days: float) -> str:
    """The whole page. `descriptions` says in a sentence what happens in a stream, by its name."""
    first = scores[0]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Score of {escape(first.name)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Score of the rule set {escape(first.name)}</h1>",
        f"<p>{escape(first.rule_set.description)}</p>",
        f"<p>{len(first.judgements)} streams, {days * 24:.0f} hours of readings. A detection is an alert that is "
        "severe enough while the condition lasts. Technical alerts, and episodes found in late readings, wake nobody "
        "and are not counted as alerts.</p>",
        "<h2>What it adds up to</h2>",
        _summary(scores),
        "<h2>Conditions</h2>",
        _conditions(scores),
        f"<h2>Rules of {escape(first.name)}</h2>",
        _rules(first),
        "<figure>" + _delays(first) + "</figure>",
        "<h2>Every stream</h2>",
        _key(),
    ]
    for index, judgement in enumerate(first.judgements):
        drawn = figures.episodes(judgement.stream, [each.judgements[index].replay for each in scores], judgement)
        caption = descriptions.get(judgement.stream.name, "A recording.")
        parts.append(f"<figure>{figures.as_svg(drawn)}<figcaption>{escape(caption)}</figcaption></figure>")
    return "\n".join([*parts, "</body></html>"]) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: object, *, bad: bool = False) -> str:
    return f'<td class="bad">{escape(str(text))}</td>' if bad else f"<td>{escape(str(text))}</td>"


def _summary(scores: Sequence[Score]) -> str:
    lines: list[tuple[str, list[tuple[str, bool]]]] = [
        ("critical conditions missed", [(str(s.missed_critical), s.missed_critical > 0) for s in scores]),
        (
            "innocent streams that woke somebody",
            [(str(len(s.innocents_alarmed)), bool(s.innocents_alarmed)) for s in scores],
        ),
        (
            "alerts a person-day where nothing was wrong",
            [(f"{s.innocent_alerts_per_person_day:.1f}", s.innocent_alerts_per_person_day > 0) for s in scores],
        ),
        ("alerts", [(str(s.alarms()), False) for s in scores]),
        ("technical alerts", [(str(s.alarms(technical=True)), False) for s in scores]),
        (
            "as a message for each reading beyond a limit",
            [(text, False) for text in plain_only(scores, lambda sent: sent.per_reading)],
        ),
        (
            "as a message for each crossing of a limit",
            [(text, False) for text in plain_only(scores, lambda sent: sent.per_crossing)],
        ),
    ]
    rows = [[_cell(name), *(_cell(text, bad=bad) for text, bad in cells)] for name, cells in lines]
    return _table(["", *(each.name for each in scores)], rows)


def _conditions(scores: Sequence[Score]) -> str:
    head = ["condition", "true severity"]
    for each in scores:
        head += [f"{each.rule_set.name}: found", "median", "worst"]
    rows = []
    for together in zip(*(each.conditions for each in scores), strict=True):
        row = [_cell(together[0].condition.title), _cell(together[0].severity)]
        for one in together:
            row.append(_cell(f"{one.detected} of {one.truths}", bad=one.missed > 0))
            row += [_cell(seconds(one.delays.median)), _cell(seconds(one.delays.worst))]
        rows.append(row)
    return _table(head, rows)


def _rules(scored: Score) -> str:
    head = ["rule", "detected", "missed", "false", "too severe", "median", "worst", "own delay", "a person-day"]
    rows = [
        [
            _cell(rule.rule_id),
            _cell(rule.detected),
            _cell(rule.missed, bad=rule.missed > 0),
            _cell(rule.false, bad=rule.false > 0),
            _cell(rule.too_severe),
            _cell(seconds(rule.delays.median), bad=not rule.delays.within),
            _cell(seconds(rule.delays.worst)),
            _cell(seconds(rule.delays.stated)),
            _cell(f"{rule.per_person_day:.2f}"),
        ]
        for rule in scored.rules
    ]
    return _table(head, rows)


def _delays(scored: Score) -> str:
    found = [rule for rule in scored.rules if rule.delays.median is not None]
    return figures.as_svg(
        figures.delays(
            [rule.rule_id for rule in found],
            [rule.delays.median for rule in found],
            [rule.delays.stated for rule in found],
        )
    )


def _key() -> str:
    swatches = (
        (figures.TRUTH, "the truth"),
        (figures.WARNING, "warning"),
        (figures.CRITICAL, "critical"),
        (figures.TECHNICAL, "technical"),
    )
    return (
        '<p class="key">'
        + "".join(f'<span style="background:{color}"></span>{escape(name)}' for color, name in swatches)
        + "</p>"
    )
