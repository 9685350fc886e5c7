"""Escalation policies: who is told of an alert, in which order, through what, and how long each has to answer.

A policy is YAML for people and this one model for the platform. Times are in seconds. Whom a step tells are names in
the roster (`smartwatch_contracts.roster`): a team, a rotation or a person.
"""

from __future__ import annotations

import hashlib
from datetime import time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from smartwatch_contracts.events import Severity
from smartwatch_contracts.model import Document, Name

#: Ways in which a message can go out.
ChannelType = Literal["topic", "sms", "pagerduty", "webhook"]
#: How long somebody may have to answer: an hour is long when a life may hang on it.
WaitSeconds = Annotated[int, Field(ge=1, le=3600)]
#: More than anybody reads, and what keeps a plan small.
MESSAGES_MAX = 200
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


def _known(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None
    return name


#: A name of the IANA time zone database.
TimeZone = Annotated[str, AfterValidator(_known)]


class QuietHours(Document):
    """From one time of day to another, over midnight where `until` is before `from`, on the clocks of `timeZone`."""

    from_: Annotated[Clock, Field(alias="from")]
    until: Clock
    time_zone: TimeZone

    @model_validator(mode="after")
    def _has_a_length(self) -> QuietHours:
        if self.from_ == self.until:
            raise ValueError("quiet hours begin and end at the same time")
        return self

    @property
    def begins(self) -> time:
        return time.fromisoformat(self.from_)

    @property
    def ends(self) -> time:
        return time.fromisoformat(self.until)


class Step(Document):
    """Tell these, and wait. `repeat` tells them again so many times, with the same wait after each.

    `through` names the channels to use, in order of preference; without it, the order of the roster.
    """

    name: Name
    tell: Annotated[list[Name], Field(min_length=1, max_length=20)]
    through: Annotated[list[ChannelType], Field(min_length=1)] | None = None
    wait_seconds: WaitSeconds
    repeat: Annotated[int, Field(ge=0, le=10)] = 0


class Course(Document):
    """What is done about alerts of one severity."""

    steps: Annotated[list[Step], Field(min_length=1, max_length=20)]
    #: Acknowledged and not cleared for so long: the escalation starts again. Without it, never.
    acknowledgement_expiry_seconds: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _every_step_has_its_own_name(self) -> Course:
        names = [step.name for step in self.steps]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"steps of the same name: {', '.join(twice)}")
        if sum(step.repeat + 1 for step in self.steps) > MESSAGES_MAX:
            raise ValueError(f"a course has at most {MESSAGES_MAX} messages, repeats included")
        return self


class WarningCourse(Course):
    """Quiet hours put a message about a warning off until they end; one about a critical alert never."""

    quiet_hours: QuietHours | None = None


class Courses(Document):
    """One for each severity: an alert without one would wake nobody."""

    warning: WarningCourse
    critical: Course


class EscalationPolicy(Document):
    """How alerts escalate. `team` is who answers for it in reports and metrics."""

    name: Name
    team: Name
    severities: Courses

    @property
    def version(self) -> str:
        """A digest of the content: what is frozen into an execution can be told from what came later."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def course(self, severity: Severity) -> Course:
        return self.severities.critical if severity == "critical" else self.severities.warning
