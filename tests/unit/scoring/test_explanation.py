"""Why there was an alert, and why there was none."""

from __future__ import annotations

import pytest
from evaluate import rule_files
from evaluate.compiled import compiled
from smartwatch_contracts.ids import alert_id

from simulator.devices.library import stories
from simulator.scoring.explanation import Decision, Explanation, Run, explained, runs
from simulator.scoring.streams import Stream, from_story

DEFAULT = compiled(rule_files.built_in("default"))
LIBRARY = {story.name: from_story(story) for story in stories()}


def why(name: str, minutes: float) -> Explanation:
    made: Stream = LIBRARY[name]
    return explained(DEFAULT, "watch-001", made, made.begins_at + round(minutes * 60_000))


def outcome(made: Explanation, rule_id: str) -> tuple[str, str]:
    return next((verdict.outcome, verdict.text) for verdict in made.verdicts if verdict.rule_id == rule_id)


def test_an_alert_names_its_delay_and_when_the_value_passed_the_limit() -> None:
    what, text = outcome(why("tachycardia-critical", 6), "heart-rate-high-at-rest")

    assert what == "opened"
    assert text.startswith("opened as warning at 22:18:")
    assert "beyond its limit since 22:18:" in text
    assert "Became critical at 22:18:" in text


def test_an_open_alert_is_no_second_one() -> None:
    made = why("tachycardia-at-the-limit", 24.9)

    assert outcome(made, "heart-rate-high-at-rest")[0] == "open"


def test_a_wait_that_was_not_over_is_said_with_its_timer() -> None:
    what, text = outcome(why("excitement", 19), "heart-rate-high-at-rest")

    assert what == "pending"
    assert "s needed" in text


def test_a_question_about_a_time_before_the_alert_is_answered_with_not_yet() -> None:
    _, text = outcome(why("bradycardia-warning", 12), "heart-rate-low")

    assert text.startswith("not yet at 22:25:20: opened as warning at 22:25:")


def test_decisions_that_repeat_themselves_are_one_run() -> None:
    again = [Decision(at, "high", "pending", f"warning: held {at} s") for at in (0, 5, 10)]
    opened = Decision(15, "high", "opened", "warning, since 0")

    assert runs([*again, opened]) == [
        Run("high", "pending", "warning: held 10 s", 0, 10, 3),
        Run("high", "opened", "warning, since 0", 15, 15, 1),
    ]


def test_an_effort_holds_back_a_rule_about_rest() -> None:
    what, text = outcome(why("hard-run", 30), "heart-rate-high-at-rest")

    assert what == "gated"
    assert "the wearer was running; it looks during resting, sleeping, unknown." in text


def test_a_watch_that_is_not_worn_is_not_believed() -> None:
    made = why("sensor-off", 20)

    assert outcome(made, "heart-rate-high-at-rest") == (
        "disbelieved",
        "180 readings beyond its limit were not believed: not worn.",
    )
    assert outcome(made, "sensor-off")[0] == "opened"
    assert all(seen.heart_rate is None for seen in made.readings if seen.observation.on_wrist is False)


def test_late_readings_are_said_to_be_late() -> None:
    made = why("backfill", 14)

    what, text = outcome(made, "heart-rate-high-at-rest")
    assert what == "late"
    assert "came more than 5 min late" in text


def test_a_value_within_every_limit_is_said_with_its_extreme() -> None:
    what, text = outcome(why("fever", 100), "heart-rate-high-at-rest")

    assert what == "within"
    assert "warning above 120 for 600 s, sooner the further beyond" in text


def test_an_alert_is_explained_by_its_own_rule_and_from_its_beginning() -> None:
    made = LIBRARY["tachycardia-critical"]
    begun = next(seen.at for seen in made.observations if (seen.heart_rate or 0) > 120)
    its_id = alert_id("watch-001", "heart-rate-high-at-rest", begun)

    found = explained(DEFAULT, "watch-001", made, begun, rule_id="heart-rate-high-at-rest", alert_id=its_id)

    assert [verdict.rule_id for verdict in found.verdicts] == ["heart-rate-high-at-rest"]
    assert [decision.what for decision in found.decisions if decision.what == "opened"] == ["opened"]
    assert found.as_json()["alertId"] == its_id


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_there_is_a_verdict_on_every_rule_whatever_happened(name: str) -> None:
    made = why(name, 10)

    assert len(made.verdicts) == 15
    assert all(verdict.text.endswith(".") for verdict in made.verdicts)
