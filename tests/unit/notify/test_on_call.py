"""Who is on call when: by the clocks on the wall, through both changes of the clocks, around the world."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notify import policy_files
from notify.on_call import Gap, Turn, gaps, instant, on_call, standing_in, turns, who
from smartwatch_contracts.documents import DocumentError
from smartwatch_contracts.roster import WEEKDAYS, Hours, Layer, Override, Recipient, Roster, Rotation

from tests.support.project import ROOT

ZURICH, NEW_YORK = "Europe/Zurich", "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def layer(people: str = "anna ben", **fields: Any) -> Layer:
    given = {"timeZone": ZURICH, "every": "day", "starts": "2026-01-05", "people": people.split(), **fields}
    return Layer.model_validate(given)


def rotation(*layers: Layer) -> Rotation:
    return Rotation(layers=list(layers))


def override(person: str, since: str, until: str, name: str = "o", rotation: str = "night") -> Override:
    return Override.model_validate(
        {
            "name": name,
            "rotation": rotation,
            "person": person,
            "from": utc(since),
            "until": utc(until),
            "owner": "o",
            "reason": "r",
        }
    )


def listed(rotation: Rotation, since: str, until: str, *overrides: Override) -> list[tuple[str, str, str]]:
    found = turns(rotation, overrides, utc(since), utc(until))
    return [(turn.person, f"{turn.since:%m-%d %H:%M}", f"{turn.until:%m-%d %H:%M}") for turn in found]


def hours_of(turn: Turn | None) -> float:
    assert turn
    return (turn.until - turn.since) / timedelta(hours=1)


# ---------------------------------------------------------------------------------------- when the clocks change


@pytest.mark.parametrize(
    ("zone", "at", "since", "until", "hours"),
    [
        # Zurich: 02:00 becomes 03:00 on 29 March 2026, 03:00 becomes 02:00 on 25 October.
        (ZURICH, "2026-03-28 12:00", "2026-03-28 07:00", "2026-03-29 06:00", 23),
        (ZURICH, "2026-03-29 12:00", "2026-03-29 06:00", "2026-03-30 06:00", 24),
        (ZURICH, "2026-10-24 12:00", "2026-10-24 06:00", "2026-10-25 07:00", 25),
        (ZURICH, "2026-10-25 12:00", "2026-10-25 07:00", "2026-10-26 07:00", 24),
        # New York: 02:00 becomes 03:00 on 8 March 2026, 02:00 becomes 01:00 on 1 November.
        (NEW_YORK, "2026-03-07 18:00", "2026-03-07 13:00", "2026-03-08 12:00", 23),
        (NEW_YORK, "2026-03-08 18:00", "2026-03-08 12:00", "2026-03-09 12:00", 24),
        (NEW_YORK, "2026-10-31 18:00", "2026-10-31 12:00", "2026-11-01 13:00", 25),
        (NEW_YORK, "2026-11-01 18:00", "2026-11-01 13:00", "2026-11-02 13:00", 24),
    ],
)
def test_a_daily_turn_over_a_change_of_the_clocks_has_23_or_25_hours(
    zone: str, at: str, since: str, until: str, hours: int
) -> None:
    turn = on_call(rotation(layer(timeZone=zone, at="08:00")), utc(at))

    assert turn
    assert (turn.since, turn.until, hours_of(turn)) == (utc(since), utc(until), hours)


@pytest.mark.parametrize(
    ("zone", "at", "hours"),
    [
        (ZURICH, "2026-03-25 12:00", 167),
        (ZURICH, "2026-10-21 12:00", 169),
        (NEW_YORK, "2026-03-04 18:00", 167),
        (NEW_YORK, "2026-10-28 18:00", 169),
        (ZURICH, "2026-06-10 12:00", 168),
    ],
)
def test_a_week_is_an_hour_shorter_in_spring_and_longer_in_autumn(zone: str, at: str, hours: int) -> None:
    assert hours_of(on_call(rotation(layer(timeZone=zone, every="week")), utc(at))) == hours


def test_a_hand_over_at_an_hour_that_is_skipped_is_the_moment_at_which_it_is() -> None:
    nights = rotation(layer(at="02:30"))

    assert listed(nights, "2026-03-28 12:00", "2026-03-29 12:00") == [
        ("anna", "03-28 01:30", "03-29 01:00"),
        ("ben", "03-29 01:00", "03-30 00:30"),
    ]


def test_a_hand_over_at_an_hour_that_is_shown_twice_is_at_the_first() -> None:
    nights = rotation(layer(at="02:30"))

    assert listed(nights, "2026-10-24 12:00", "2026-10-25 12:00") == [
        ("anna", "10-24 00:30", "10-25 00:30"),
        ("ben", "10-25 00:30", "10-26 01:30"),
    ]


@pytest.mark.parametrize(
    ("zone", "wall", "expected"),
    [
        (ZURICH, "2026-03-29 01:59", "2026-03-29 00:59"),
        (ZURICH, "2026-03-29 02:00", "2026-03-29 01:00"),
        (ZURICH, "2026-03-29 02:59", "2026-03-29 01:00"),
        (ZURICH, "2026-03-29 03:00", "2026-03-29 01:00"),
        (ZURICH, "2026-10-25 01:59", "2026-10-24 23:59"),
        (ZURICH, "2026-10-25 02:00", "2026-10-25 00:00"),
        (ZURICH, "2026-10-25 02:59", "2026-10-25 00:59"),
        (ZURICH, "2026-10-25 03:00", "2026-10-25 02:00"),
        (NEW_YORK, "2026-03-08 02:30", "2026-03-08 07:00"),
        (NEW_YORK, "2026-11-01 01:30", "2026-11-01 05:30"),
        # Half an hour only, at Lord Howe Island.
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30"),
        # Midnight itself is skipped in Beirut.
        ("Asia/Beirut", "2026-03-29 00:30", "2026-03-28 22:00"),
        # Samoa left out a whole day.
        ("Pacific/Apia", "2011-12-30 08:00", "2011-12-30 10:00"),
    ],
)
def test_every_time_on_the_wall_has_one_instant(zone: str, wall: str, expected: str) -> None:
    shown = datetime.fromisoformat(wall)

    assert instant(shown.date(), shown.time(), ZoneInfo(zone)) == utc(expected)


# ----------------------------------------------------------------------------------------------- hours and layers


def test_nobody_is_on_call_before_the_first_hand_over_on_or_after_the_start() -> None:
    weekly = rotation(layer(every="week", on="wednesday", at="09:00", starts="2026-01-05"))

    assert on_call(weekly, utc("2026-01-07 07:59")) is None
    assert on_call(weekly, utc("2026-01-07 08:00")) == Turn("anna", utc("2026-01-07 08:00"), utc("2026-01-14 08:00"))


def test_a_start_on_the_day_of_the_hand_over_is_that_day() -> None:
    weekly = rotation(layer(every="week", on="monday", at="09:00", starts="2026-01-05"))

    assert listed(weekly, "2026-01-01 00:00", "2026-01-06 00:00") == [("anna", "01-05 08:00", "01-12 08:00")]


def test_people_take_turns_in_their_order_and_begin_again() -> None:
    assert [turn[0] for turn in listed(rotation(layer("anna ben cleo")), "2026-01-05 07:00", "2026-01-10 07:00")] == [
        *("anna", "ben", "cleo", "anna", "ben")
    ]


def test_a_turn_of_the_same_person_ends_at_the_hand_over_all_the_same() -> None:
    assert listed(rotation(layer("anna")), "2026-01-05 08:00", "2026-01-06 08:00") == [
        ("anna", "01-05 07:00", "01-06 07:00"),
        ("anna", "01-06 07:00", "01-07 07:00"),
    ]


def test_hours_over_midnight_belong_to_the_evening_they_begin_in() -> None:
    nights = rotation(layer(at="12:00", hours={"from": "20:00", "until": "06:00"}))

    assert listed(nights, "2026-01-05 11:00", "2026-01-07 11:00") == [
        ("anna", "01-05 19:00", "01-06 05:00"),
        ("ben", "01-06 19:00", "01-07 05:00"),
    ]


def test_a_hand_over_within_the_hours_changes_the_person_there() -> None:
    nights = rotation(layer(at="00:00", hours={"from": "20:00", "until": "06:00"}))

    # On the very first day the hours that began the evening before go on.
    assert listed(nights, "2026-01-04 11:00", "2026-01-06 11:00") == [
        ("anna", "01-04 23:00", "01-05 05:00"),
        ("anna", "01-05 19:00", "01-05 23:00"),
        ("ben", "01-05 23:00", "01-06 05:00"),
    ]


def test_hours_that_begin_and_end_at_the_same_time_are_the_whole_day() -> None:
    whole = rotation(layer(hours={"from": "09:00", "until": "09:00"}))

    assert listed(whole, "2026-01-05 08:00", "2026-01-05 09:00") == [("anna", "01-05 07:00", "01-06 07:00")]


def test_hours_that_the_clocks_skip_are_none() -> None:
    skipped = rotation(layer(at="12:00", hours={"from": "02:00", "until": "03:00"}))

    assert listed(skipped, "2026-03-28 11:00", "2026-03-29 11:00") == []


FOLLOW_THE_SUN = rotation(
    layer("anna ben", timeZone=ZURICH, every="week", at="08:00", hours={"from": "08:00", "until": "16:00"}),
    layer("carl dora", timeZone=NEW_YORK, every="week", at="10:00", hours={"from": "10:00", "until": "18:00"}),
    layer("emi fumi", timeZone="Asia/Tokyo", every="week", at="08:00", hours={"from": "08:00", "until": "16:00"}),
)


def test_the_sun_is_followed_over_three_zones() -> None:
    assert listed(FOLLOW_THE_SUN, "2026-01-14 07:00", "2026-01-15 07:00") == [
        ("ben", "01-14 07:00", "01-14 15:00"),
        ("dora", "01-14 15:00", "01-14 23:00"),
        ("fumi", "01-14 23:00", "01-15 07:00"),
    ]


def test_between_the_two_changes_of_the_clocks_one_continent_hands_over_and_the_next_has_not_begun() -> None:
    # From 8 March New York is an hour nearer to Zurich, until 29 March; Tokyo never moves.
    assert listed(FOLLOW_THE_SUN, "2026-03-11 07:00", "2026-03-12 07:00") == [
        ("ben", "03-11 07:00", "03-11 15:00"),
        ("dora", "03-11 15:00", "03-11 22:00"),
        ("fumi", "03-11 23:00", "03-12 07:00"),
    ]
    assert list(gaps(FOLLOW_THE_SUN, utc("2026-03-11 07:00"), utc("2026-03-12 07:00"))) == [
        Gap(utc("2026-03-11 22:00"), utc("2026-03-11 23:00"))
    ]


def test_the_first_layer_that_counts_wins_and_the_one_beneath_goes_on_after_it() -> None:
    both = rotation(layer("dawn", hours={"from": "06:00", "until": "10:00"}), layer("anna", at="00:00"))

    assert listed(both, "2026-01-05 23:00", "2026-01-06 22:59") == [
        ("anna", "01-05 23:00", "01-06 05:00"),
        # The hand-over of the upper layer, at eight.
        ("dawn", "01-06 05:00", "01-06 07:00"),
        ("dawn", "01-06 07:00", "01-06 09:00"),
        ("anna", "01-06 09:00", "01-06 23:00"),
    ]


# ------------------------------------------------------------------------------------------------------- overrides


def test_an_override_over_a_hand_over_cuts_the_turns_on_both_sides() -> None:
    stand_in = override("cleo", "2026-01-06 05:00", "2026-01-06 09:00")

    assert listed(rotation(layer()), "2026-01-05 12:00", "2026-01-06 12:00", stand_in) == [
        ("anna", "01-05 07:00", "01-06 05:00"),
        ("cleo", "01-06 05:00", "01-06 09:00"),
        ("ben", "01-06 09:00", "01-07 07:00"),
    ]


def test_an_override_expires_at_its_end() -> None:
    stand_in = [override("cleo", "2026-01-06 05:00", "2026-01-06 09:00")]

    def person(at: str) -> str | None:
        turn = on_call(rotation(layer()), utc(at), stand_in)
        return turn.person if turn else None

    assert [person(f"2026-01-06 {at}") for at in ("04:59:59", "05:00", "08:59:59", "09:00")] == [
        *("anna", "cleo", "cleo", "ben")
    ]


def test_of_two_overrides_the_latest_put_wins_while_it_lasts() -> None:
    earlier = override("cleo", "2026-01-05 10:00", "2026-01-05 20:00", "earlier")
    later = override("ben", "2026-01-05 12:00", "2026-01-05 14:00", "later")

    assert listed(rotation(layer()), "2026-01-05 10:00", "2026-01-05 20:00", earlier, later) == [
        ("cleo", "01-05 10:00", "01-05 12:00"),
        ("ben", "01-05 12:00", "01-05 14:00"),
        ("cleo", "01-05 14:00", "01-05 20:00"),
    ]
    assert listed(rotation(layer()), "2026-01-05 10:00", "2026-01-05 20:00", later, earlier) == [
        ("cleo", "01-05 10:00", "01-05 20:00")
    ]


def test_an_override_fills_a_gap_and_the_time_before_the_first_hand_over() -> None:
    stand_in = override("cleo", "2026-01-01 00:00", "2026-01-05 07:00")

    assert list(gaps(rotation(layer()), utc("2026-01-01 00:00"), utc("2026-02-01 00:00"), [stand_in])) == []


def test_a_turn_says_which_override_it_is_of() -> None:
    stand_in = override("cleo", "2026-01-05 10:00", "2026-01-05 20:00", "sick-leave")

    found = turns(rotation(layer()), [stand_in], utc("2026-01-05 08:00"), utc("2026-01-05 21:00"))

    assert [turn.override for turn in found] == [None, "sick-leave", None]


def test_an_override_to_the_end_of_the_calendar_is_one() -> None:
    for_ever = override("cleo", "2026-01-05 10:00", "2026-01-05 20:00").model_copy(
        update={"until": datetime.fromisoformat("9999-12-31T23:59:59-05:00")}
    )

    turn = on_call(rotation(layer()), utc("2030-01-01 00:00"), [for_ever])

    assert turn
    assert (turn.person, turn.until) == ("cleo", datetime.max.replace(tzinfo=UTC))


def test_a_start_at_the_end_of_the_calendar_is_a_gap() -> None:
    assert on_call(rotation(layer(starts="9999-12-31", every="week")), utc("2026-01-01 00:00")) is None


# ----------------------------------------------------------------------------------------------------------- names


def _recipient(number: str) -> dict[str, Any]:
    return {"channels": [{"type": "sms", "number": number}]}


ROSTER = Roster.model_validate(
    {
        "name": "default",
        "people": {"anna": _recipient("+411111"), "ben": _recipient("+412222"), "cleo": _recipient("+413333")},
        "teams": {"care-team": {"channels": [{"type": "topic", "topic": "care-team"}]}},
        "rotations": {"night": rotation(layer()), "late": rotation(layer(starts="2027-01-01"))},
        "fallback": {"channels": [{"type": "topic", "topic": "on-call"}]},
    }
)


@pytest.mark.parametrize(
    ("name", "at", "found"),
    [
        ("care-team", "2026-01-05 12:00", "care-team"),
        ("cleo", "2026-01-05 12:00", "cleo"),
        ("night", "2026-01-05 12:00", "anna"),
        ("night", "2026-01-06 12:00", "ben"),
        ("night", "2026-01-05 06:59", None),
        ("late", "2026-01-05 12:00", None),
        ("nobody", "2026-01-05 12:00", None),
    ],
)
def test_a_name_is_a_team_a_person_or_who_has_the_turn(name: str, at: str, found: str | None) -> None:
    reached = who(ROSTER, [], name, utc(at))

    assert (reached.name if reached else None) == found
    if reached and reached.name in ROSTER.people:
        assert reached.recipient is ROSTER.people[reached.name]


def test_an_override_counts_for_its_own_rotation_and_for_people_of_the_roster() -> None:
    span = ("2026-01-05 10:00", "2026-01-05 20:00")
    overrides = [
        override("cleo", *span, "good"),
        override("stranger", *span, "latest-but-unknown"),
        override("ben", *span, "of-another", rotation="late"),
    ]

    def name(of: str) -> str | None:
        found = who(ROSTER, overrides, of, utc("2026-01-05 12:00"))
        return found.name if found else None

    assert (name("night"), name("late"), name("anna")) == ("cleo", "ben", "anna")
    assert [each.name for each in standing_in(ROSTER, "night", overrides)] == ["good"]


def test_a_rota_without_people_is_refused_with_its_line() -> None:
    text = """name: default
rotations:
  night:
    layers:
      - timeZone: Europe/Zurich
        on: friday
        at: 22:00
        starts: 2026-01-05
        people: []
fallback: {channels: [{type: topic, topic: on-call}]}
"""
    with pytest.raises(DocumentError, match=r"^line 9: rotations\.night\.layers\[0\]\.people: List should have at"):
        policy_files.roster(text)


# --------------------------------------------------------------------------------------------------- for every rota

ZONES = (
    ZURICH,
    NEW_YORK,
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "UTC",
)
clocks = st.times().map(lambda at: f"{at:%H:%M}")
instants = st.datetimes(datetime(2025, 12, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
layers = st.builds(
    layer,
    people=st.sampled_from(["anna", "anna ben", "anna ben cleo"]),
    timeZone=st.sampled_from(ZONES),
    every=st.sampled_from(["day", "week"]),
    on=st.sampled_from(WEEKDAYS),
    at=clocks,
    starts=st.dates(date(2025, 11, 1), date(2026, 6, 1)),
    hours=st.none()
    | st.builds(lambda since, until: Hours.model_validate({"from": since, "until": until}), clocks, clocks),
)
rotations = st.lists(layers, min_size=1, max_size=3).map(lambda found: rotation(*found))
overrides = st.lists(
    st.builds(
        lambda since, hours, person: Override.model_construct(
            name=f"for-{person}", rotation="night", person=person, from_=since, until=since + timedelta(hours=hours)
        ),
        instants,
        st.integers(1, 500),
        st.sampled_from(["dora", "emil"]),
    ),
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(rotations, overrides, instants, st.integers(1, 40))
def test_turns_and_gaps_together_are_all_of_the_time_and_no_instant_twice(
    rota: Rotation, stand_ins: list[Override], since: datetime, days: int
) -> None:
    until = since + timedelta(days=days)
    had = list(turns(rota, stand_ins, since, until))
    missing = list(gaps(rota, since, until, stand_ins))

    borders = sorted([(each.since, each.until) for each in [*had, *missing]])

    assert all(begins < ends for begins, ends in borders)
    assert all(earlier[1] == later[0] for earlier, later in pairwise(borders))
    assert borders[0][0] <= since
    assert borders[-1][1] >= until


@settings(max_examples=200, deadline=None)
@given(rotations, overrides, instants, st.integers(0, 40 * 24 * 3600))
def test_who_is_on_call_at_an_instant_is_whose_turn_it_is(
    rota: Rotation, stand_ins: list[Override], since: datetime, seconds: int
) -> None:
    at = since + timedelta(seconds=seconds)
    had = turns(rota, stand_ins, since, since + timedelta(days=41))

    assert on_call(rota, at, stand_ins) == next((turn for turn in had if turn.since <= at < turn.until), None)


@settings(max_examples=200, deadline=None)
@given(layers.map(lambda made: made.model_copy(update={"hours": None})), instants)
def test_people_follow_one_another_in_their_order(made: Layer, since: datetime) -> None:
    had = [turn.person for turn in turns(rotation(made), [], since, since + timedelta(days=60))]

    assert all(
        made.people.index(later) == (made.people.index(earlier) + 1) % len(made.people)
        for earlier, later in pairwise(had)
    )


@settings(max_examples=200, deadline=None)
@given(layers.map(lambda made: made.model_copy(update={"hours": None})), instants)
def test_every_hand_over_is_at_its_time_on_the_wall_unless_the_clocks_skip_it(made: Layer, since: datetime) -> None:
    zone = ZoneInfo(made.time_zone)
    for turn in turns(rotation(made), [], since, since + timedelta(days=400)):
        shown = turn.since.astimezone(zone)
        if made.every == "week":
            assert WEEKDAYS[shown.weekday()] == made.on
        before = (turn.since - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
        skipped = before < datetime.combine(shown.date(), made.hand_over) < shown.replace(tzinfo=None)
        assert f"{shown:%H:%M}" == made.at or skipped
        assert shown.fold == 0


@settings(max_examples=200, deadline=None)
@given(layers.filter(lambda made: made.hours is not None), instants)
def test_within_hours_the_clocks_show_a_time_within_them(made: Layer, at: datetime) -> None:
    turn, shown = on_call(rotation(made), at), at.astimezone(ZoneInfo(made.time_zone))
    assert made.hours
    opens, closes = time.fromisoformat(made.hours.from_), time.fromisoformat(made.hours.until)
    clock = shown.time().replace(tzinfo=None)
    within = opens <= clock < closes if opens < closes else clock >= opens or clock < closes
    turned = shown.utcoffset() != (shown - timedelta(days=1)).utcoffset() or shown.fold

    # On the very days on which the clocks change, by instants; the literal tests above say which.
    if turn and not turned:
        assert within


def test_a_recipient_is_found_as_the_roster_has_it() -> None:
    found = who(ROSTER, [], "care-team", utc("2026-01-05 12:00"))

    assert found
    assert found.recipient == Recipient.model_validate({"channels": [{"type": "topic", "topic": "care-team"}]})


ROSTER_OF_THE_PAGE = (ROOT / "docs/on-call.md").read_text().split("```yaml\n")[1].split("```")[0]


@pytest.mark.parametrize(
    ("at", "person"),
    [
        ("2026-01-05 06:59", None),
        ("2026-01-05 07:00", "anna"),
        ("2026-01-05 18:59", "anna"),
        # Cleo's first hand-over is at eight in New York, 13:00 UTC; Zurich's hours end at 19:00 UTC.
        ("2026-01-05 19:00", "cleo"),
        ("2026-01-12 06:59", "cleo"),
        ("2026-01-12 07:00", "ben"),
    ],
)
def test_the_roster_of_the_page_about_on_call_says_what_the_page_says(at: str, person: str | None) -> None:
    found = who(policy_files.roster(ROSTER_OF_THE_PAGE), [], "nurse", utc(at))

    assert (found.name if found else None) == person
