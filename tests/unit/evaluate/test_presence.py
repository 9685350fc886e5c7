"""Who is silent: by last will, by missing readings, never after a goodbye; and who is back."""

from __future__ import annotations

import pytest
from evaluate import rule_files
from evaluate.presence import Attendance, Heard, check, merged
from smartwatch_contracts.events import AlertClearedV1, TechnicalAlertRaisedV1

from tests.support.builders import T0

#: Silent after 300 s without a reading, or 60 s after a last will.
RULES = rule_files.built_in("default")


def look(heard: Heard, at_seconds: float, known: Attendance | None = None) -> tuple[str, Attendance | None]:
    """What a look so many seconds after T0 finds: `silent`, `back` or nothing; and the watch after it."""
    roster = {} if known is None else {"watch-001": known}
    after, events = check(merged(roster, {"watch-001": heard}), lambda _: RULES, T0 + round(at_seconds * 1000))
    words = {TechnicalAlertRaisedV1: "silent", AlertClearedV1: "back"}
    return " ".join(words[type(event)] for event in events), after.get("watch-001")


@pytest.mark.parametrize(("after", "found"), [(299, ""), (300, "silent")])
def test_a_watch_that_sends_nothing_for_the_limit_is_silent(after: float, found: str) -> None:
    assert look(Heard(T0), after)[0] == found


def test_a_goodbye_in_the_very_moment_of_the_last_reading_counts() -> None:
    assert look(Heard(T0, "goodbye", T0), 3600)[0] == ""


@pytest.mark.parametrize(("after", "found"), [(69, ""), (70, "silent")])
def test_a_watch_whose_last_will_was_published_is_silent_sooner(after: float, found: str) -> None:
    assert look(Heard(T0, "lost", T0 + 10_000), after)[0] == found


def test_a_watch_that_said_goodbye_is_not_silent() -> None:
    assert look(Heard(T0, "goodbye", T0 + 10_000), 3600)[0] == ""


def test_a_last_will_of_an_old_connection_means_nothing_while_readings_come() -> None:
    assert look(Heard(T0 + 50_000, "lost", T0 + 10_000), 80)[0] == ""


def test_a_watch_that_connects_and_never_sends_is_silent() -> None:
    assert look(Heard(0, "online", T0), 300)[0] == "silent"


def test_a_silent_watch_is_told_once_and_is_back_with_its_next_reading() -> None:
    found, silent = look(Heard(T0), 300)
    again, still = look(Heard(T0), 360, silent)
    connected, after_connect = look(Heard(T0, "online", T0 + 400_000), 420, still)
    back, after = look(Heard(T0 + 430_000), 440, after_connect)

    assert (found, again, connected, back) == ("silent", "", "", "back")
    assert after is not None
    assert after.alert is None


def test_each_silence_is_an_alert_of_its_own() -> None:
    _, first = look(Heard(T0), 300)
    _, back = look(Heard(T0 + 400_000), 410, first)
    _, second = look(Heard(T0 + 400_000), 800, back)

    assert first is not None
    assert second is not None
    assert first.alert != second.alert


def test_a_watch_that_nobody_has_heard_for_a_week_is_forgotten_and_its_alert_is_over() -> None:
    week = 8 * 86_400
    _, silent = look(Heard(T0), 300)

    assert look(Heard(T0, "goodbye", T0), week) == ("", None)
    assert look(Heard(T0), week, silent) == ("back", None)


def test_a_silent_watch_that_is_found_and_put_away_is_silent_no_longer() -> None:
    _, silent = look(Heard(T0), 300)

    assert look(Heard(T0, "goodbye", T0 + 400_000), 420, silent)[0] == "back"


def test_when_a_whole_fleet_falls_silent_it_is_told_in_portions() -> None:
    fleet = {f"watch-{n:03d}": Attendance(Heard(T0)) for n in range(25)}
    sizes = []
    while True:
        fleet, events = check(fleet, lambda _: RULES, T0 + 300_000, at_most=10)
        sizes.append(len(events))
        if len(events) < 10:
            break

    assert sizes == [10, 10, 5]
    assert all(watch.alert for watch in fleet.values())


def test_rules_without_silence_look_for_nobody() -> None:
    roster = {"watch-001": Attendance(Heard(T0))}

    assert check(roster, lambda _: rule_files.built_in("simple"), T0 + 10**9) == ({}, [])


def test_news_in_any_order_makes_the_same_roster() -> None:
    news = [Heard(T0 + 5), Heard(0, "online", T0 + 1), Heard(0, "lost", T0 + 9), Heard(T0 + 7)]
    forwards: dict[str, Attendance] = {}
    backwards: dict[str, Attendance] = {}
    for heard in news:
        forwards = merged(forwards, {"w": heard})
    for heard in reversed(news):
        backwards = merged(backwards, {"w": heard})

    assert forwards == backwards == {"w": Attendance(Heard(T0 + 7, "lost", T0 + 9))}
