"""What is said to people and what is written about it. Values in, values out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from smartwatch_contracts.device import DRILL_MARK

from notify.requests import Alert, Step

#: `open` until somebody acknowledges, the episode clears, or everybody was told in vain. `technical` while a watch has
#: a fault, and `retrospective` for episodes in late readings: nobody is told of those.
Status = Literal["open", "acknowledged", "cleared", "exhausted", "technical", "retrospective"]

#: Amazon SNS `Publish`: a subject has fewer than 100 characters, printable ASCII.
SUBJECT_MAX_CHARACTERS = 99

_FIRST_WORDS: dict[Step, str] = {
    "care-team": "Alert",
    "care-team-reminder": "Reminder, nobody has answered",
    "on-call": "On-call page, nobody has answered",
}

#: What the timeline calls each step once it is done.
STEP_DONE: dict[Step, str] = {
    "care-team": "care-team-notified",
    "care-team-reminder": "care-team-reminded",
    "on-call": "on-call-paged",
}


@dataclass(frozen=True)
class Message:
    """A message to people. It names the watch and the rule and never a measured value: mail and SMS are not private."""

    subject: str
    body: str
    severity: str
    alert_id: str
    drill: bool


@dataclass(frozen=True)
class TimelineEntry:
    """One thing that happened to an alert. `at` is ISO 8601, UTC."""

    at: str
    what: str
    detail: str = ""


@dataclass(frozen=True)
class AlertRecord:
    """What the alerts table knows of one alert. `told` are the steps whose message is out."""

    alert_id: str
    status: Status
    device_id: str = ""
    drill: bool = False
    correlation_id: str = ""
    acknowledged_by: str | None = None
    #: Milliseconds since 1970; 0 before.
    acknowledged_at: int = 0
    told: frozenset[Step] = frozenset()


def message(step: Step, alert: Alert) -> Message:
    """What the people of `step` receive."""
    mark = "DRILL - " if alert.drill else ""
    title = alert.title.removeprefix(DRILL_MARK)
    since = datetime.fromtimestamp(alert.started_at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    subject = f"{mark}{_FIRST_WORDS[step]}: {title} ({alert.device_id})"
    body = "\n".join(
        [
            *(["DRILL - this is a rehearsal, no person is in danger.", ""] if alert.drill else []),
            f"{_FIRST_WORDS[step]}.",
            f"{title}, {alert.severity}.",
            f"Watch: {alert.device_id}",
            f"Since: {since}",
            f"Alert: {alert.alert_id}",
            "",
            f"To take responsibility: smartwatch ack {alert.alert_id} --by YOUR-NAME",
        ]
    )
    return Message(_ascii(subject), body, alert.severity, alert.alert_id, alert.drill)


def _ascii(subject: str) -> str:
    printable = "".join(character if 32 <= ord(character) < 127 else "?" for character in subject)
    return printable[:SUBJECT_MAX_CHARACTERS]
