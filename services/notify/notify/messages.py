"""What is said to people, whatever carries it. Never a measured value: mail and text messages are not private."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from smartwatch_contracts.device import DRILL_MARK
from smartwatch_contracts.events import Severity

from notify.domain import AlertRecord
from notify.plans import Telling

#: `alert` asks for an answer; `acknowledged` and `cleared` say that none is needed now, `renewed` that what a pager
#: knew is out of date; `digest` what was held back.
Purpose = Literal["alert", "acknowledged", "renewed", "cleared", "digest"]

#: Amazon SNS `Publish`: a subject has fewer than 100 characters, printable ASCII.
SUBJECT_MAX_CHARACTERS = 99

_DRILL = "DRILL - "
#: Whether this alert had joined another one, which may go on.
_AND_NOW = {False: "Nothing is left to do.", True: "Another alert about this watch may go on."}
_REHEARSAL = "DRILL - this is a rehearsal, no person is in danger."


@dataclass(frozen=True)
class Message:
    """A message to one recipient. It names the watch and the rule and never a measured value: mail is not private.

    `subject` fits SNS and a text message; `body` is the whole text. `link` is where to acknowledge, empty where nothing
    is to be. `key` is the same however often this very message is sent, and another for every other message.
    """

    purpose: Purpose
    subject: str
    body: str
    severity: Severity
    alert_id: str
    device_id: str
    rule_id: str
    title: str
    started_at: int
    drill: bool
    key: str
    link: str = ""


def opening(telling: Telling) -> str:
    """The first words: why this message comes now."""
    if telling.round:
        return "Reminder, nobody has answered"
    if not telling.first_step:
        return "Nobody has answered yet"
    return {
        "raised": "Alert",
        "silenced": "Alert",
        "unsilenced": "Alert",
        "worsened": "Now critical" if telling.severity == "critical" else "Alert",
        "expired": "Acknowledged and still not over",
    }[telling.cause]


def alert(telling: Telling, record: AlertRecord, *, key: str, link: str) -> Message:
    """What asks a recipient to answer."""
    title = record.title.removeprefix(DRILL_MARK)
    first = opening(telling)
    others = len(record.members)
    lines = [
        *([_REHEARSAL, ""] if record.drill else []),
        f"{first}.",
        f"{title}, {record.severity}.",
        *([f"{others} more alert{'s' if others > 1 else ''} about this watch."] if others else []),
        f"Watch: {record.device_id}",
        f"Since: {moment(record.started_at)}",
        f"Alert: {record.alert_id}",
        "",
        _how_to_answer(record, link),
    ]
    return _message("alert", f"{first}: {title} ({record.device_id})", lines, record, key=key, link=link)


def cleared(record: AlertRecord, *, key: str) -> Message:
    """What tells those who were told that nothing is left to do."""
    title = record.title.removeprefix(DRILL_MARK)
    lines = [
        *([_REHEARSAL, ""] if record.drill else []),
        f"Back within limits. {_AND_NOW[bool(record.lead)]}",
        f"{title}, {record.severity}.",
        f"Watch: {record.device_id}",
        f"From {moment(record.started_at)} to {moment(record.cleared_at)}",
        f"Alert: {record.alert_id}",
    ]
    return _message("cleared", f"Cleared: {title} ({record.device_id})", lines, record, key=key)


def renewed(record: AlertRecord, *, key: str) -> Message:
    """What makes a pager forget that somebody had taken responsibility: the next alert is a new one to it."""
    title = record.title.removeprefix(DRILL_MARK)
    lines = [*([_REHEARSAL, ""] if record.drill else []), "Nobody is responsible any more."]
    return _message("renewed", f"Renewed: {title} ({record.device_id})", lines, record, key=key)


def acknowledged(record: AlertRecord, *, key: str) -> Message:
    """What tells a pager that somebody has taken responsibility. No person is told."""
    title = record.title.removeprefix(DRILL_MARK)
    lines = [*([_REHEARSAL, ""] if record.drill else []), f"Acknowledged by {record.acknowledged_by}."]
    return _message("acknowledged", f"Acknowledged: {title} ({record.device_id})", lines, record, key=key)


def stalled(record: AlertRecord, why: str, *, key: str, link: str) -> Message:
    """What the auditor pages the fallback with."""
    title = record.title.removeprefix(DRILL_MARK)
    first = "Escalation stalled"
    lines = [
        *([_REHEARSAL, ""] if record.drill else []),
        f"{first}: {why}.",
        f"{title}, {record.severity}.",
        f"Watch: {record.device_id}",
        f"Since: {moment(record.started_at)}",
        f"Alert: {record.alert_id}",
        "",
        _how_to_answer(record, link),
    ]
    return _message("alert", f"{first}: {title} ({record.device_id})", lines, record, key=key, link=link)


def digest(lines: Sequence[str], *, drill: bool, key: str) -> Message:
    """One message for all that was held back from a recipient."""
    mark = _DRILL if drill else ""
    subject = f"{mark}Held back: {len(lines)} message{'s' if len(lines) > 1 else ''}"
    body = [*([_REHEARSAL, ""] if drill else []), "So many came at once that these were held back:", "", *lines]
    return Message(
        purpose="digest",
        subject=ascii_subject(subject),
        body="\n".join(body),
        severity="warning",
        alert_id="",
        device_id="",
        rule_id="",
        title=subject,
        started_at=0,
        drill=drill,
        key=key,
    )


def held_line(telling: Telling, record: AlertRecord, now: datetime) -> str:
    """One held-back message, in a digest."""
    title = record.title.removeprefix(DRILL_MARK)
    at = now.astimezone(UTC).strftime("%H:%M:%S UTC")
    return f"{at} {opening(telling)}: {title} ({record.device_id}), {record.severity}, alert {record.alert_id}"


def _how_to_answer(record: AlertRecord, link: str) -> str:
    return f"To take responsibility: {link or f'smartwatch ack {record.alert_id}'}"


def _message(
    purpose: Purpose, subject: str, lines: Sequence[str], record: AlertRecord, *, key: str, link: str = ""
) -> Message:
    return Message(
        purpose=purpose,
        subject=ascii_subject(f"{_DRILL if record.drill else ''}{subject}"),
        body="\n".join(lines),
        severity=record.severity,
        alert_id=record.alert_id,
        device_id=record.device_id,
        rule_id=record.rule_id,
        title=record.title,
        started_at=record.started_at,
        drill=record.drill,
        key=key,
        link=link,
    )


def ascii_subject(subject: str) -> str:
    """A subject as SNS takes it."""
    printable = "".join(character if 32 <= ord(character) < 127 else "?" for character in subject)
    return printable[:SUBJECT_MAX_CHARACTERS]


def moment(milliseconds: int) -> str:
    """An instant as people read it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
