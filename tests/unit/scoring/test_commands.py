"""The commands about rules: one JSON object, and exit code 2 for what can't be done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evaluate import rule_files
from evaluate.compiled import compiled
from smartwatch_contracts.ids import alert_id
from typer.testing import CliRunner

from simulator.cli import app
from simulator.console import Target
from simulator.devices.library import stories
from simulator.errors import UsageError
from simulator.scoring import page, plots, rule_sets
from simulator.scoring.difference import reading
from simulator.scoring.score import score
from simulator.scoring.streams import from_story
from tests.support.project import ROOT

GOOD = (ROOT / "services/evaluate/evaluate/rule_sets/default.yaml").read_text()


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


class FakeStack:
    """A stack that has stored the readings of one labelled scenario."""

    def __init__(self, name: str) -> None:
        story = next(story for story in stories() if story.name == name)
        self.stream = from_story(story)
        begun = next(seen.at for seen in self.stream.observations if (seen.heart_rate or 0) > 120)
        self.alert_id = alert_id("watch-001", "heart-rate-high-at-rest", begun)
        self.begun = begun

    def ensure_known(self, device_id: str) -> None:
        if device_id != "watch-001":
            raise UsageError(f"there is no watch {device_id!r}")

    def readings_as_received(self, device_id: str) -> list[dict[str, Any]]:
        return [reading(seen) for seen in self.stream.observations]

    def alert(self, alert_id: str) -> dict[str, Any]:
        return {"deviceId": "watch-001", "ruleId": "heart-rate-high-at-rest", "startedAt": self.begun}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> FakeStack:
    made = FakeStack("tachycardia-critical")
    monkeypatch.setattr(Target, "existing", lambda *_: made)
    monkeypatch.setattr(rule_sets, "rules_in_force", lambda *_: compiled(rule_files.built_in("default")))
    return made


def test_a_good_rule_set_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)

    assert run("rules", "check", str(file), "--json") == {"file": str(file), "valid": True, "mistakes": []}


def test_each_mistake_in_a_rule_set_has_its_line_and_the_exit_code_is_2(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        GOOD.replace("above: 120}", "abov: 120}", 1).replace("settleSeconds: 300", "settleSeconds: lots", 1)
    )

    result = CliRunner().invoke(app, ["rules", "check", str(file), "--json"])

    assert result.exit_code == 2
    found = json.loads(result.stdout)
    lines = file.read_text().splitlines()
    assert found["valid"] is False
    named = {lines[mistake["line"] - 1].strip() for mistake in found["mistakes"]}
    assert any("settleSeconds: lots" in line for line in named)
    assert any("abov: 120" in line for line in named)


def test_a_rule_set_that_is_no_good_or_not_there_is_named_with_its_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("name: x\nversion: 1\n")

    with pytest.raises(UsageError, match="line 2: version"):
        rule_sets.chosen(str(file))
    with pytest.raises(UsageError, match="built in are default and simple"):
        rule_sets.chosen("nowhere.yaml")


def test_differences_are_counted_and_listed(stack: FakeStack) -> None:
    found = run("rules", "diff", "default", "simple", "--watch", "watch-001", "--json")

    assert (found["added"], found["lost"], found["moved"]) == (0, 0, 1)
    assert found["differences"][0]["old"]["ruleId"] == "heart-rate-high-at-rest"
    assert found["differences"][0]["new"]["ruleId"] == "heart-rate-high"
    assert found["differences"][0]["readings"]


@pytest.mark.parametrize(
    "command",
    [
        ("what-if", "--signal", "heartRate", "--above", "120:180:30", "--for", "0:60:60", "--watch", "watch-001"),
        ("rules", "diff", "default", "simple", "--watch", "watch-001"),
        ("why", "alert"),
    ],
)
def test_a_report_for_people_shows_no_markup(stack: FakeStack, command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [stack.alert_id if word == "alert" else word for word in command]).stdout

    assert shown
    assert "[/" not in shown


def test_a_sweep_works_on_stored_readings_and_draws(stack: FakeStack, tmp_path: Path) -> None:
    plot = tmp_path / "map.svg"

    found = run(
        *("what-if", "--signal", "heartRate", "--above", "120:180:30", "--for", "0:60:60"),
        *("--watch", "watch-001", "--json", "--plot", str(plot)),
    )

    assert [(cell["limit"], cell["forSeconds"], cell["alerts"]) for cell in found["cells"]] == [
        (120, 0, 1),
        (150, 0, 1),
        (180, 0, 0),
        (120, 60, 1),
        (150, 60, 1),
        (180, 60, 0),
    ]
    assert plot.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["what-if", "--signal", "heartRate", "--for", "0"],
        ["what-if", "--signal", "steps", "--above", "1", "--for", "0"],
        ["what-if", "--signal", "spo2", "--below", "90", "--for", "0", "--plot", "map.bmp"],
        ["what-if", "--signal", "spo2", "--below", "90", "--for", "0.5"],
        ["what-if", "--signal", "spo2", "--below", "90", "--for", "0", "--recordings", "nowhere"],
        ["what-if", "--signal", "spo2", "--below", "90", "--for", "0", "--during", "dancing"],
        ["score", "--recordings", "nowhere"],
        ["score", "--rules", "nowhere.yaml"],
        ["why", "watch-002", "--at", "2023-11-14T22:20:00"],
    ],
)
def test_what_can_not_be_done_is_a_usage_error(stack: FakeStack, arguments: list[str]) -> None:
    assert isinstance(CliRunner().invoke(app, arguments).exception, UsageError)


def test_an_alert_is_explained(stack: FakeStack) -> None:
    found = run("why", stack.alert_id, "--json")

    assert found["alertId"] == stack.alert_id
    assert found["ruleSet"] == "default"
    assert [(rule["ruleId"], rule["outcome"]) for rule in found["rules"]] == [("heart-rate-high-at-rest", "opened")]
    assert {"pending", "holds", "opened", "severity"} <= {decision["what"] for decision in found["decisions"]}


def test_an_alert_that_did_not_come_is_explained_too(stack: FakeStack) -> None:
    found = run("why", "watch-001", "--at", "2023-11-14T22:14:00", "--rules", "simple", "--json")

    outcomes = {rule["ruleId"]: rule["outcome"] for rule in found["rules"]}
    assert outcomes["spo2-low"] == "within"
    assert CliRunner().invoke(app, ["why", "watch-001", "--at", "2023-11-14T22:14:00"]).exit_code == 0


def test_the_report_is_one_page_that_needs_nothing_else() -> None:
    chosen = [story for story in stories() if story.name in {"tachycardia-critical", "stairs"}]
    streams = [from_story(story) for story in chosen]
    scores = [score(rule_files.built_in(name), streams) for name in ("default", "simple")]

    text = page.page(scores, {story.name: story.description for story in chosen}, 0.1)

    assert text.count("<svg") == 3
    assert "stairs — woke somebody for nothing" not in text
    assert "150 bpm for two minutes at a time" in text
    assert "src=" not in text
    assert "<link" not in text


def test_every_picture_of_the_page_about_rules_is_drawn_and_small() -> None:
    page_text = (ROOT / "docs/rules.md").read_text()
    images = sorted(path.name for path in (ROOT / "docs/images").glob("rules-*.svg"))

    assert images == sorted(f"rules-{name}.svg" for name in plots.PLOTS)
    assert all(f"(images/{name})" in page_text for name in images)
    assert all((ROOT / "docs/images" / name).stat().st_size < 60_000 for name in images)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    plots.main(tmp_path)

    assert len(list(tmp_path.glob("rules-*.svg"))) == 12
