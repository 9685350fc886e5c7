"""A policy at an instant: whom to tell and what to wait for, one by one, on the clocks of the place."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from notify import policy_files
from notify.plans import Plan, plan, quiet_until
from smartwatch_contracts.policies import EscalationPolicy, QuietHours

from tests.support.notify_world import utc

NOON = utc(2026, 3, 2, 12)


def a_policy(quiet: str = "", steps: str = "", expiry: str = "") -> EscalationPolicy:
    steps = steps or "[{name: nurses, tell: [care-team], waitSeconds: 300}]"
    return policy_files.policy(
        f"""
name: p
team: care
severities:
  critical: {{steps: {steps}{expiry}}}
  warning: {{steps: {steps}{quiet}}}
"""
    )


NIGHT = ", quietHours: {from: '22:00', until: '07:00', timeZone: Europe/Zurich}"
TWO_STEPS = (
    "[{name: nurses, tell: [care-team], waitSeconds: 300, repeat: 2},"
    " {name: doctor, tell: [night, ada], through: [sms, topic], waitSeconds: 600}]"
)


def waits(made: Plan) -> list[tuple[str, str, int]]:
    return [(telling.kind, telling.step, telling.wait_seconds) for telling in made.tellings]


def test_a_step_tells_its_people_once_and_as_often_again_as_it_says() -> None:
    made = plan(a_policy(steps=TWO_STEPS), "critical", 1, "raised", NOON)

    assert [(t.step, t.round, t.first_step) for t in made.tellings] == [
        ("nurses", 0, True),
        ("nurses", 1, True),
        ("nurses", 2, True),
        ("doctor", 0, False),
    ]


def test_a_telling_says_whom_and_through_what_and_how_long() -> None:
    last = plan(a_policy(steps=TWO_STEPS), "critical", 1, "expired", NOON).tellings[-1]

    assert (last.tell, last.through, last.wait_seconds) == (["night", "ada"], ["sms", "topic"], 600)
    assert (last.cause, last.severity) == ("expired", "critical")


def test_every_telling_of_every_plan_has_its_own_key_and_ranks_grow() -> None:
    plans = [plan(a_policy(steps=TWO_STEPS), "critical", number, "raised", NOON) for number in (1, 2, 10)]
    tellings = [telling for made in plans for telling in made.tellings]

    assert [t.key for t in tellings[:5]] == ["1.0", "1.1", "1.2", "1.3", "2.0"]
    assert len({t.key for t in tellings}) == len(tellings) == 12
    assert [t.rank for t in tellings] == sorted({t.rank for t in tellings})


def test_an_acknowledgement_without_an_expiry_is_for_good() -> None:
    assert plan(a_policy(), "critical", 1, "raised", NOON).acknowledgement_expiry_seconds == 0
    expiring = a_policy(expiry=", acknowledgementExpirySeconds: 60")
    assert plan(expiring, "critical", 1, "raised", NOON).acknowledgement_expiry_seconds == 60


def test_a_plan_survives_its_way_through_the_workflow() -> None:
    made = plan(a_policy(NIGHT, TWO_STEPS), "warning", 3, "worsened", NOON)

    assert Plan.model_validate(made.model_dump(mode="json", by_alias=True)) == made


def test_the_longest_policy_fits_between_the_ranks_of_two_plans() -> None:
    step = "{{name: s{n}, tell: [care-team], waitSeconds: 3600, repeat: 9}}"
    steps = ", ".join(step.format(n=n) for n in range(20))
    made = plan(a_policy(NIGHT, f"[{steps}]"), "warning", 1, "raised", NOON, silenced_until=NOON + timedelta(hours=1))

    assert made.tellings[0].rank == 1000
    assert made.tellings[-1].rank < 2000


# ------------------------------------------------------------------------------------------------------ quiet hours


def test_quiet_hours_put_a_warning_off_until_they_end() -> None:
    made = plan(a_policy(NIGHT), "warning", 1, "raised", utc(2026, 3, 2, 23))

    assert waits(made) == [("hold", "quiet-hours", 7 * 3600), ("tell", "nurses", 300)]
    assert made.tellings[0].reason == "quiet until 07:00 Europe/Zurich"


def test_quiet_hours_never_put_a_critical_alert_off() -> None:
    assert waits(plan(a_policy(NIGHT), "critical", 1, "raised", utc(2026, 3, 2, 23))) == [("tell", "nurses", 300)]


def test_a_step_that_would_come_in_quiet_hours_waits_for_their_end() -> None:
    """22:00 in Zurich is 21:00 in UTC: the first step is told at 20:58, the next would be at 21:03."""
    made = plan(a_policy(NIGHT, TWO_STEPS), "warning", 1, "raised", utc(2026, 3, 2, 20, 58))

    assert waits(made)[:3] == [
        ("tell", "nurses", 300),
        ("hold", "quiet-hours", 9 * 3600 - 180),
        ("tell", "nurses", 300),
    ]


def test_a_silence_that_ends_in_quiet_hours_is_followed_by_them() -> None:
    at = utc(2026, 3, 2, 20, 30)
    made = plan(a_policy(NIGHT), "warning", 1, "raised", at, silenced_until=at + timedelta(hours=1), silence="why")

    assert waits(made) == [("hold", "silence", 3600), ("hold", "quiet-hours", int(8.5 * 3600)), ("tell", "nurses", 300)]
    assert made.tellings[0].reason == "why"


def test_a_silence_that_is_over_is_no_wait() -> None:
    assert waits(plan(a_policy(), "critical", 1, "raised", NOON, silenced_until=NOON)) == [("tell", "nurses", 300)]


def test_a_wait_is_rounded_up_so_that_nobody_is_told_too_early() -> None:
    at = utc(2026, 3, 2, 23) + timedelta(milliseconds=1)
    made = plan(a_policy(NIGHT), "warning", 1, "raised", at)
    short = plan(a_policy(), "warning", 1, "raised", NOON, silenced_until=NOON + timedelta(milliseconds=1))

    assert made.tellings[0].wait_seconds == 7 * 3600
    assert short.tellings[0].wait_seconds == 1


def quiet(from_: str, until: str) -> QuietHours:
    return QuietHours.model_validate({"from": from_, "until": until, "timeZone": "Europe/Zurich"})


@pytest.mark.parametrize(
    ("hours", "at", "until"),
    [
        # In winter Zurich is an hour ahead of UTC, in summer two.
        (quiet("22:00", "07:00"), utc(2026, 3, 2, 20, 59, 59), None),
        (quiet("22:00", "07:00"), utc(2026, 3, 2, 21), utc(2026, 3, 3, 6)),
        (quiet("22:00", "07:00"), utc(2026, 3, 3, 5, 59, 59), utc(2026, 3, 3, 6)),
        (quiet("22:00", "07:00"), utc(2026, 3, 3, 6), None),
        (quiet("22:00", "07:00"), utc(2026, 7, 2, 20), utc(2026, 7, 3, 5)),
        (quiet("22:00", "00:00"), utc(2026, 3, 2, 22), utc(2026, 3, 2, 23)),
        (quiet("22:00", "00:00"), utc(2026, 3, 2, 23), None),
        (quiet("00:00", "06:00"), utc(2026, 3, 2, 23), utc(2026, 3, 3, 5)),
        (quiet("12:00", "14:00"), utc(2026, 3, 2, 12), utc(2026, 3, 2, 13)),
        (quiet("12:00", "14:00"), utc(2026, 3, 2, 13), None),
    ],
)
def test_quiet_hours_are_from_one_time_of_day_to_another_even_over_midnight(
    hours: QuietHours, at: datetime, until: datetime | None
) -> None:
    assert quiet_until(hours, at) == until


def test_the_night_on_which_clocks_go_forward_is_an_hour_shorter() -> None:
    begins, ends = utc(2026, 3, 28, 21), utc(2026, 3, 29, 5)

    assert quiet_until(quiet("22:00", "07:00"), begins) == ends
    assert quiet_until(quiet("22:00", "07:00"), utc(2026, 3, 29, 4, 59)) == ends
    assert waits(plan(a_policy(NIGHT), "warning", 1, "raised", begins))[0] == ("hold", "quiet-hours", 8 * 3600)


def test_the_night_on_which_clocks_go_back_is_an_hour_longer() -> None:
    begins, ends = utc(2026, 10, 24, 20), utc(2026, 10, 25, 6)

    assert quiet_until(quiet("22:00", "07:00"), begins) == ends
    assert quiet_until(quiet("22:00", "07:00"), utc(2026, 10, 25, 5, 59)) == ends
    assert waits(plan(a_policy(NIGHT), "warning", 1, "raised", begins))[0] == ("hold", "quiet-hours", 10 * 3600)


def test_quiet_hours_that_end_in_the_hour_that_clocks_skip_end_when_they_do() -> None:
    assert quiet_until(quiet("22:00", "02:30"), utc(2026, 3, 29, 0, 59)) == utc(2026, 3, 29, 1)


def test_quiet_hours_that_end_in_the_hour_that_clocks_show_twice_end_at_the_first() -> None:
    assert quiet_until(quiet("22:00", "02:30"), utc(2026, 10, 25, 0, 29)) == utc(2026, 10, 25, 0, 30)
    assert quiet_until(quiet("22:00", "02:30"), utc(2026, 10, 25, 1, 15)) is None
