"""What notify needs from the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import Severity
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.roster import Channel, Override, Roster, Silence, Throttle

from notify.domain import AlertRecord, TimelineEntry
from notify.messages import Message
from notify.plans import Telling
from notify.requests import Alert, Noted, Raised


@dataclass(frozen=True)
class Delivery:
    """A message that went out. `telling` is the one that has thereby told somebody; empty for a notice."""

    key: str
    recipient: str
    channel: Channel
    receipt: str
    telling: str = ""


class Alerts(Protocol):
    """The alerts table. Task tokens go in and come out only through here.

    Every write is conditional, or the same however often it is made. Errors of all that name an alert:
    `UnknownAlertError`.
    """

    def raised(self, request: Raised, entry: TimelineEntry) -> None:
        """Know of an alert before its workflow does. What is there already stays."""

    def get(self, alert_id: str) -> AlertRecord:
        """The record as it is now."""

    def begin_plan(self, alert_id: str, team: str, expiry_seconds: int, entry: TimelineEntry) -> AlertRecord:
        """Count one more plan; the record with it."""

    def lead_of(self, record: AlertRecord, entry: TimelineEntry) -> AlertRecord | None:
        """Make this alert the one that escalates for its watch (None), or let it join the one that does (that one).

        `entry` goes to the timeline of the one that is joined, once.
        """

    def begin_telling(self, alert_id: str, telling: Telling, task_token: str, waiting_until: int) -> AlertRecord:
        """Keep the token as the one to answer, if the alert is open; the record as it is now.

        A record that is not open comes back unchanged, without the token. Errors: `OvertakenError` when a later telling
        has begun, or the workflow has paged without this function.
        """

    def await_recovery(self, alert_id: str, task_token: str, waiting_until: int) -> AlertRecord:
        """Keep the token as the one to answer, if the alert is acknowledged and not over; the record as it is now."""

    def claim_delivery(self, alert_id: str, key: str, *, while_open: bool = False) -> bool:
        """Whether nobody has begun to send this message before: then it is ours to send.

        With `while_open`, only for as long as nobody has answered.
        """

    def release_delivery(self, alert_id: str, key: str) -> None:
        """It was certainly not sent: it may be tried again."""

    def delivered(self, alert_id: str, delivery: Delivery, entry: TimelineEntry) -> AlertRecord:
        """The message is out; the record afterwards."""

    def append(self, alert_id: str, entry: TimelineEntry, *, telling: str = "") -> None:
        """Write something on the timeline; with `telling`, that counts as having told somebody."""

    def acknowledge(self, alert_id: str, by: str, at_ms: int, link: str | None, entry: TimelineEntry) -> AlertRecord:
        """Acknowledge an alert that is open, exhausted or technical. Errors: `NotOpenError`; `UsedLinkError`."""

    def clear(self, alert_id: str, device_id: str, cleared_at_ms: int, entry: TimelineEntry) -> AlertRecord:
        """Note that the episode is over, once; an alert that is still open (or not yet known) becomes `cleared`.

        One that others have joined stays open until theirs are over too.
        """

    def leave(self, lead_id: str, member_id: str) -> AlertRecord:
        """A member's episode is over; the lead's record, `cleared` if nothing holds it open any more."""

    def note(self, request: Noted, entry: TimelineEntry) -> None:
        """Keep what nobody is told of, once for each event. One that is cleared already stays so."""

    def worsen(self, alert_id: str, severity: Severity, event_id: str, entry: TimelineEntry) -> None:
        """Raise the severity, once for each event, whether the alert is claimed already or not."""

    def reopen(self, alert_id: str, entry: TimelineEntry) -> bool:
        """What was acknowledged, or exhausted, is open again. False when it is neither, or over."""

    def waiting_token(self, alert_id: str, *, telling: bool = False) -> str | None:
        """The token of the task that waits for an answer; None when none does.

        With `telling`, only that of one that tells people, not of one that waits for the end of the episode.
        """

    def forget_token(self, alert_id: str, task_token: str) -> None:
        """Drop the token, if it is still this one."""


class Ledger(Alerts, Protocol):
    """The alerts table as the auditor needs it."""

    def with_status(self, status: str, *, since_ms: int = 0, cleared: bool = True) -> Sequence[str]:
        """The ids of alerts with a status, raised since then; without `cleared`, only those that have not."""

    def take_over(self, record: AlertRecord, entry: TimelineEntry) -> bool:
        """Let another execution claim the alert, once for each that failed. False when somebody else did so."""

    def part(self, alert_id: str, entry: TimelineEntry) -> None:
        """An alert that had joined another escalates by itself again."""


@dataclass(frozen=True)
class HeldBack:
    """What one recipient was not told, oldest first: alert id and a line of text; nobody is told twice of one."""

    recipient: str
    lines: tuple[tuple[str, str], ...]
    drill: bool = False


class Throttles(Protocol):
    """How many messages each recipient had, and what was held back from them."""

    def admit(self, recipient: str, throttle: Throttle, now: datetime) -> bool:
        """Count a message; False when the recipient has had as many as a window takes."""

    def hold(self, recipient: str, alert_id: str, line: str, throttle: Throttle, now: datetime) -> None:
        """Keep it for the digest."""

    def due(self, now: datetime) -> Sequence[HeldBack]:
        """What is to be told now: the window is over."""

    def told(self, held: HeldBack) -> None:
        """Forget what the digest has said."""


class Configuration(Protocol):
    """What people have put: policies, the roster, overrides and silences. Built-in ones where there are none.

    What can't be read or used is logged, and the last good one counts. Errors: `UnreadableError` when there is none.
    """

    def policy(self, device_id: str) -> EscalationPolicy:
        """How alerts about this watch escalate."""

    def site(self, device_id: str) -> str | None:
        """Where its wearer is looked after."""

    def roster(self) -> Roster:
        """Who can be told, and how."""

    def overrides(self) -> Sequence[Override]:
        """Who stands in, in the order in which they were put."""

    def silences(self) -> Sequence[Silence]:
        """What is to wait."""


class Messenger(Protocol):
    """Channels of one type to people."""

    # Each takes the channels of its own type.
    def send(self, message: Message, channel: Any) -> str:
        """Send; a receipt. Errors: `NotSentError`, `PerhapsSentError`."""


class Links(Protocol):
    """Signed links."""

    def acknowledgement(self, alert_id: str, recipient: str, key: str, now: datetime) -> str:
        """The URL at which this recipient of this message takes responsibility; empty when none can be made."""


class Secrets(Protocol):
    """What the channels' providers gave us, by kind (`pagerduty`, `webhooks`) and by the name in the roster."""

    def channel(self, kind: str, name: str) -> dict[str, Any]:
        """The entry, for instance a routing key. Errors: `NotSentError` when there is none or it can't be read."""


class Workflow(Protocol):
    """The escalation that waits for an answer."""

    def answer(self, task_token: str, output: dict[str, Any]) -> bool:
        """Resume the task that waits with this token; False when it no longer waits."""


class Executions(Protocol):
    """The escalations that run, have run or never began."""

    def status(self, execution_arn: str) -> str:
        """`RUNNING`, or how it ended; `MISSING` when there is none."""

    def start(self, alert: Alert, record: AlertRecord, number: int) -> None:
        """Start one more for an alert, the same one for the same `number`. Errors: `AlreadyRanError`."""


class Bus(Protocol):
    """Where acknowledgements and stalled escalations are announced."""

    def publish(self, envelope: Envelope[Any]) -> None:
        """Publish. Errors: `PublishError`."""


class Measures(Protocol):
    """Metrics: for each rule and for each team, drills apart."""

    def time(self, name: str, milliseconds: int, record: AlertRecord) -> None:
        """How long something took: `TimeToNotify`, `TimeToAcknowledge`, `TimeToClear`."""

    def count(self, name: str, record: AlertRecord) -> None:
        """Something happened once."""


class UnknownAlertError(Exception):
    """There is no such alert."""


class NotOpenError(Exception):
    """The alert can't be acknowledged any more; `record` says why."""

    def __init__(self, record: AlertRecord) -> None:
        super().__init__(record.status)
        self.record = record


class UsedLinkError(Exception):
    """The link has been used: another message's link is needed. `record` is the alert as it is."""

    def __init__(self, record: AlertRecord) -> None:
        super().__init__(record.status)
        self.record = record


class NotSentError(Exception):
    """A channel did certainly not take the message: another may be tried, or the same again. The text is for people."""


class PerhapsSentError(Exception):
    """A channel did not say whether it took the message: sending it again could tell a person twice."""


class NobodyToldError(Exception):
    """Every channel refused: the workflow tries again, and then goes on to the next step."""


class AlreadyRanError(Exception):
    """An execution of this number has begun and ended."""


class UnreadableError(Exception):
    """The configuration can't be read and was never read before: the built-in one may be the wrong one."""


class PublishError(Exception):
    """EventBridge did not accept the event."""


class OvertakenError(Exception):
    """The workflow has gone on: this message would come too late, and its token is dead."""
