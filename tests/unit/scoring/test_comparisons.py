"""Sweeps of a limit, and differences between two rule sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluate import rule_files
from evaluate.observations import Observation

from simulator.errors import UsageError
from simulator.scoring import heat, sweep
from simulator.scoring.difference import differences
from simulator.scoring.streams import Stream
from tests.support.builders import T0

DAY_MS = 86_400_000


def stream(values: list[int], **known: object) -> Stream:
    """One reading every ten seconds, of somebody who is looked after for a whole day."""
    observations = tuple(
        Observation(T0 + i * 10_000, T0 + i * 10_000 + 1_000, value, **known)  # type: ignore[arg-type]
        for i, value in enumerate(values)
    )
    return Stream("watch", observations, 10_000, T0, T0 + DAY_MS)


def one_rule(above: int, seconds: int, rule_id: str = "high") -> str:
    return f"""
name: one-rule
version: "{above}-{seconds}"
rules:
  - id: {rule_id}
    title: High
    bands: [{{severity: critical, when: {{signal: heartRate, above: {above}}}, forSeconds: {seconds}}}]
    clear: {{when: {{signal: heartRate, below: {above - 10}}}, readings: 1}}
"""


def test_a_sweep_counts_alerts_for_each_person_and_day_and_the_seconds_before_them() -> None:
    values = [80, 130, 130, 130, 130, 80, 80, 80, 130, 80, 80, 80]

    made = sweep.swept([stream(values)], "heartRate", "above", [120, 140], [0, 20])

    assert [(c.limit, c.for_seconds, c.alerts_per_person_day, c.missed_seconds) for c in made.cells] == [
        (120, 0, 2, 0),
        (140, 0, 0, 0),
        (120, 20, 1, 30),
        (140, 20, 0, 0),
    ]
    assert made.beyond_seconds == (50, 0)


def test_a_sweep_knows_the_other_side_too() -> None:
    made = sweep.swept([stream([80, 35, 35, 35, 80, 80, 80])], "heartRate", "below", [40], [10])

    assert [(cell.alerts, cell.missed_seconds) for cell in made.cells] == [(1, 10)]


def test_a_sweep_may_look_during_some_activities_only() -> None:
    running = stream([150] * 10, activity="running")

    made = sweep.swept([running], "heartRate", "above", [120], [0], ("resting",))

    assert [(cell.alerts, cell.missed_seconds) for cell in made.cells] == [(0, 90)]


def test_steps_include_both_ends() -> None:
    assert sweep.steps("110:150:20", "above") == (110, 130, 150)
    assert sweep.steps("0:0.3:0.1", "above") == (0, 0.1, 0.2, 0.3)
    assert sweep.steps("90", "below") == (90,)


@pytest.mark.parametrize("text", ["", "a:b:c", "1:2", "2:1:1", "1:2:0", "0:inf:1", "nan", "0:1e9:1"])
def test_steps_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        sweep.steps(text, "above")


def test_a_heat_map_is_drawn(tmp_path: Path) -> None:
    made = sweep.swept([stream([80, 130, 130, 80])], "heartRate", "above", [110, 120], [0, 10])

    heat.draw(made, tmp_path / "map.png")
    heat.draw(made, tmp_path / "map.svg")

    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "map.svg").read_text()


def test_alerts_that_a_change_adds_loses_and_moves_come_with_their_readings() -> None:
    old = rule_files.rule_set(one_rule(120, 20))
    moved = stream([80, 130, 130, 130, 130, 130, 80])
    lost = stream([80, 125, 125, 125, 125, 80])

    found = differences(old, rule_files.rule_set(one_rule(128, 40)), [moved, lost])

    assert [(each.what, each.old is not None, each.new is not None) for each in found] == [
        ("moved", True, True),
        ("lost", True, False),
    ]
    assert [seen.heart_rate for seen in found[0].readings] == [130, 130, 130, 130, 130]
    assert [seen.heart_rate for seen in found[1].readings] == [125, 125, 125]
    added = differences(rule_files.rule_set(one_rule(128, 40)), old, [lost])
    assert [each.what for each in added] == ["added"]


def test_a_rule_under_another_name_is_the_same_alert() -> None:
    old, new = rule_files.rule_set(one_rule(120, 20)), rule_files.rule_set(one_rule(120, 20, "other"))

    found = differences(old, new, [stream([80, 130, 130, 130, 80])])

    assert [(each.what, each.alarm.rule_id) for each in found] == [("moved", "other")]


def test_the_same_rules_make_no_difference() -> None:
    rules = rule_files.built_in("default")

    assert differences(rules, rules, [stream([80] * 5 + [170] * 60)]) == []
