"""The roster: people, teams and rotations that policies name, how each is reached, and who stands in for whom when.

A roster is YAML for people and this one model for the platform. There is one in force, named `default`.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from smartwatch_contracts.device import DEVICE_ID_PATTERN
from smartwatch_contracts.model import Document, Name
from smartwatch_contracts.policies import Clock, TimeZone
from smartwatch_contracts.rules import RuleId

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: E.164, as SNS takes phone numbers.
PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{4,14}$")]
#: Whoever puts an override or a silence says why; nobody may be silenced for longer than a day without a second look.
Reason = Annotated[str, Field(min_length=1, max_length=200)]
LONGEST_SILENCE_SECONDS = 86_400


class TopicChannel(Document):
    """One of the stack's SNS topics: e-mail, SMS and whatever else is subscribed to it."""

    type: Literal["topic"]
    topic: Literal["care-team", "on-call"]


class SmsChannel(Document):
    """A text message, straight to a phone."""

    type: Literal["sms"]
    number: PhoneNumber


class PagerDutyChannel(Document):
    """PagerDuty's Events API v2; `service` names the integration whose routing key is in the channel secret."""

    type: Literal["pagerduty"]
    service: Name


class WebhookChannel(Document):
    """An HTTPS endpoint that is sent signed JSON; its URL and key are under `endpoint` in the channel secret."""

    type: Literal["webhook"]
    endpoint: Name


Channel = Annotated[TopicChannel | SmsChannel | PagerDutyChannel | WebhookChannel, Field(discriminator="type")]
Channels = Annotated[list[Channel], Field(min_length=1, max_length=10)]


class Throttle(Document):
    """At most so many messages to one recipient in a window; a digest tells of the rest once the window is over."""

    messages: Annotated[int, Field(ge=1)]
    per_seconds: Annotated[int, Field(ge=1, le=86_400)]


class Recipient(Document):
    """A person or a team, reached through the first of the channels that works."""

    channels: Channels
    throttle: Throttle | None = None


class Hours(Document):
    """Hours of the day in which a layer counts, over midnight where `until` is before `from`."""

    from_: Annotated[Clock, Field(alias="from")]
    until: Clock


class Layer(Document):
    """People who take turns. The first has the turn that begins with the hand-over on or after `starts`.

    Hand-overs are at `at` on the clocks of `timeZone`, each day or each week `on` that day; a turn is therefore an hour
    shorter or longer when the clocks change. An hour that the clocks skip is the moment at which they do; one that they
    show twice is the first.
    """

    time_zone: TimeZone
    every: Literal["day", "week"] = "week"
    on: Weekday = "monday"
    at: Clock = "08:00"
    starts: date
    people: Annotated[list[Name], Field(min_length=1, max_length=100)]
    hours: Hours | None = None

    @property
    def hand_over(self) -> time:
        return time.fromisoformat(self.at)


class Rotation(Document):
    """Layers in order of precedence: the first that counts at an instant says who is on call (follow the sun)."""

    layers: Annotated[list[Layer], Field(min_length=1, max_length=20)]


class Fallback(Document):
    """Who is told when nobody else can be. Never empty."""

    channels: Channels


class Roster(Document):
    """Names are of one namespace: a policy says `care-team` and need not know what it is."""

    name: Name
    people: dict[Name, Recipient] = Field(default_factory=dict)
    teams: dict[Name, Recipient] = Field(default_factory=dict)
    rotations: dict[Name, Rotation] = Field(default_factory=dict)
    fallback: Fallback
    throttle: Throttle | None = None

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Roster:
        names = [*self.people, *self.teams, *self.rotations]
        if "fallback" in names:
            raise ValueError("fallback is the name of the last resort")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names that stand for two things: {', '.join(twice)}")
        for rotation, made in self.rotations.items():
            strangers = sorted({person for layer in made.layers for person in layer.people} - set(self.people))
            if strangers:
                raise ValueError(f"rotation {rotation} names people who are not in the roster: {', '.join(strangers)}")
        return self


class Override(Document):
    """Somebody stands in on a rotation, from one instant to another. The latest put wins where two overlap."""

    name: Name
    rotation: Name
    person: Name
    from_: Annotated[AwareDatetime, Field(alias="from")]
    until: AwareDatetime
    owner: Annotated[str, Field(min_length=1, max_length=128)]
    reason: Reason

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Override:
        if self.until <= self.from_:
            raise ValueError("an override ends after it begins")
        return self


class Silence(Document):
    """Alerts about a watch, by a rule or at a site wait until the silence ends: held back, never dropped."""

    name: Name
    watch: Annotated[str, Field(pattern=DEVICE_ID_PATTERN)] | None = None
    rule: RuleId | None = None
    site: Name | None = None
    from_: Annotated[AwareDatetime, Field(alias="from")]
    until: AwareDatetime
    owner: Annotated[str, Field(min_length=1, max_length=128)]
    reason: Reason

    @model_validator(mode="after")
    def _is_about_something_and_ends(self) -> Silence:
        if self.watch is None and self.rule is None and self.site is None:
            raise ValueError("a silence names a watch, a rule or a site")
        seconds = (self.until - self.from_).total_seconds()
        if not 0 < seconds <= LONGEST_SILENCE_SECONDS:
            raise ValueError(f"a silence lasts up to {LONGEST_SILENCE_SECONDS} seconds and ends after it begins")
        return self

    def covers(self, *, device_id: str, rule_id: str, site: str | None, at: datetime) -> bool:
        """Whether an alert is held back at an instant: everything that the silence names is the alert's."""
        return (
            self.from_ <= at < self.until
            and self.watch in (None, device_id)
            and self.rule in (None, rule_id)
            and self.site in (None, site)
        )
