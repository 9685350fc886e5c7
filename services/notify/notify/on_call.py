"""Who is on call at an instant, and when turns begin and end. Values in, values out.

Hand-overs and hours are on the clocks of a layer's time zone and are counted by the calendar, never by seconds: the
week in which the clocks change has a turn that is an hour shorter or longer. An hour that the clocks skip is the moment
at which they do; one that they show twice is the first. Everything that comes out is in UTC, and `until` is the first
instant after what it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from smartwatch_contracts.roster import WEEKDAYS, Layer, Override, Recipient, Roster, Rotation

from notify.clocks import instant

#: Longer than any turn of a layer: a week, and what a change of clocks or of the date line adds.
_LONGEST_TURN = timedelta(days=9)
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Turn:
    """A person is on call without a break; `override` names the override that says so, None for the rotation itself.

    A turn ends where a hand-over does, even if the same person goes on.
    """

    person: str
    since: datetime
    until: datetime
    override: str | None = None


@dataclass(frozen=True)
class Gap:
    """Nobody is on call."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Found:
    """A person or team by name, and how to reach them."""

    name: str
    recipient: Recipient


def on_call(rotation: Rotation, at: datetime, overrides: Sequence[Override] = ()) -> Turn | None:
    """The turn at an instant: of the first layer that counts then. None for a gap, and before the first hand-over.

    `overrides` are those of this rotation (`standing_in`), the latest put last; the last one in force wins over layers.
    """
    return next(turns(rotation, overrides, at, at + timedelta(microseconds=1)), None)


def who(roster: Roster, overrides: Iterable[Override], name: str, at: datetime) -> Found | None:
    """Whom a policy's name means at an instant; None where a rotation has nobody, and for an unknown name.

    `overrides` may be of any rotation; the latest put comes last.
    """
    if name in roster.teams:
        return Found(name, roster.teams[name])
    person: str | None = name
    if name in roster.rotations:
        turn = on_call(roster.rotations[name], at, standing_in(roster, name, overrides))
        person = turn.person if turn else None
    return Found(person, roster.people[person]) if person in roster.people else None


def standing_in(roster: Roster, rotation: str, overrides: Iterable[Override]) -> list[Override]:
    """The overrides of a rotation that can count: one by somebody whom the roster does not know would reach nobody."""
    return [each for each in overrides if each.rotation == rotation and each.person in roster.people]


def turns(rotation: Rotation, overrides: Iterable[Override], since: datetime, until: datetime) -> Iterator[Turn]:
    """The turns that touch a stretch of time, whole, in order, and never two at once.

    `overrides` are those of this rotation (`standing_in`), the latest put last.
    """
    since, until = _utc(since), _utc(until)
    # What is beyond the ends decides where the turns at the ends begin and end.
    earliest, latest = since - _LONGEST_TURN, until + _LONGEST_TURN
    stand_ins = [Turn(each.person, _utc(each.from_), _utc(each.until), each.name) for each in overrides]
    levels = [[turn] for turn in reversed(stand_ins) if turn.since < latest and turn.until > earliest]
    levels += [list(_turns(layer, earliest, latest)) for layer in rotation.layers]
    for turn in _first_that_counts(levels):
        if turn.since < until and turn.until > since:
            yield turn


def gaps(rotation: Rotation, since: datetime, until: datetime, overrides: Iterable[Override] = ()) -> Iterator[Gap]:
    """When nobody is on call within a stretch of time, cut to it; before the first hand-over too."""
    since, until = _utc(since), _utc(until)
    covered = since
    for turn in turns(rotation, overrides, since, until):
        if turn.since > covered:
            yield Gap(covered, turn.since)
        covered = turn.until
    if covered < until:
        yield Gap(covered, until)


def _turns(layer: Layer, since: datetime, until: datetime) -> Iterator[Turn]:
    """A layer's own turns that touch a stretch of time, each cut into the hours in which the layer counts."""
    zone = ZoneInfo(layer.time_zone)
    days = 1 if layer.every == "day" else 7
    begun_before = (since.astimezone(zone).date() - layer.starts).days // days - 2
    number = max(0, begun_before)
    try:
        first = layer.starts
        if layer.every == "week":
            first += timedelta(days=(WEEKDAYS.index(layer.on) - first.weekday()) % 7)
        day = first + timedelta(days=number * days)
        begins = instant(day, layer.hand_over, zone)
        while begins < until:
            day += timedelta(days=days)
            ends = instant(day, layer.hand_over, zone)
            turn = Turn(layer.people[number % len(layer.people)], begins, ends)
            if ends > since:
                yield from _in_hours(turn, layer, zone)
            begins, number = ends, number + 1
    except OverflowError:
        # A start at the end of the calendar: nobody has a turn yet, and no page may fail of it.
        return


def _in_hours(turn: Turn, layer: Layer, zone: ZoneInfo) -> Iterator[Turn]:
    """A turn, cut into the layer's hours. Hours that begin and end at the same time are the whole day."""
    if layer.hours is None or layer.hours.from_ == layer.hours.until:
        yield turn
        return
    opens, closes = time.fromisoformat(layer.hours.from_), time.fromisoformat(layer.hours.until)
    over_midnight = timedelta(days=1 if closes < opens else 0)
    day, last = turn.since.astimezone(zone).date() - timedelta(days=1), turn.until.astimezone(zone).date()
    while day <= last:
        since = max(turn.since, instant(day, opens, zone))
        until = min(turn.until, instant(day + over_midnight, closes, zone))
        if since < until:
            yield replace(turn, since=since, until=until)
        day += timedelta(days=1)


def _first_that_counts(levels: Sequence[Sequence[Turn]]) -> Iterator[Turn]:
    """At each instant the turn of the first level that has one. Within a level turns are in order and apart."""
    places = [0] * len(levels)
    current: tuple[Turn, Turn] | None = None
    borders = sorted({border for level in levels for turn in level for border in (turn.since, turn.until)})
    for since, until in pairwise(borders):
        counts = None
        for number, level in enumerate(levels):
            while places[number] < len(level) and level[places[number]].until <= since:
                places[number] += 1
            if places[number] < len(level) and level[places[number]].since <= since:
                counts = level[places[number]]
                break
        if current and current[0] is counts:
            current = (current[0], replace(current[1], until=until))
            continue
        if current:
            yield current[1]
        current = (counts, replace(counts, since=since, until=until)) if counts else None
    if current:
        yield current[1]


def _utc(at: datetime) -> datetime:
    """UTC, also for an override that somebody ends at the end of the calendar."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return _EARLIEST if at.year == _EARLIEST.year else _LATEST
