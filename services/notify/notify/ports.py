"""What notify needs from the world."""

from __future__ import annotations

from typing import Any, Protocol

from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import Severity

from notify.domain import AlertRecord, Message, TimelineEntry
from notify.requests import Noted, Step


class Alerts(Protocol):
    """The alerts table. Task tokens go in and come out only through here."""

    def begin_step(self, alert_id: str, step: Step, task_token: str) -> AlertRecord:
        """Keep the token as the one to answer, if the alert is open; the record as it is now.

        A record that is not open comes back unchanged, without the token. Errors: `UnknownAlertError`;
        `OvertakenError` when a later step has begun, or the workflow has paged without this function.
        """

    def step_done(self, alert_id: str, step: Step, entry: TimelineEntry) -> None:
        """Remember that the step's message is out. A second time changes nothing."""

    def acknowledge(self, alert_id: str, by: str, at_ms: int, entry: TimelineEntry) -> AlertRecord:
        """Acknowledge an alert that is open or exhausted. Errors: `UnknownAlertError`, `NotOpenError`."""

    def clear(self, alert_id: str, device_id: str, cleared_at_ms: int, entry: TimelineEntry) -> AlertRecord:
        """Note that the episode is over, once; an alert that is still open (or not yet known) becomes `cleared`."""

    def note(self, request: Noted, entry: TimelineEntry) -> None:
        """Keep what nobody is told of, once for each event. One that is cleared already stays so."""

    def worsen(self, alert_id: str, severity: Severity, event_id: str, entry: TimelineEntry) -> None:
        """Raise the severity, once for each event, whether the alert is claimed already or not."""

    def waiting_token(self, alert_id: str) -> str | None:
        """The token of the task that waits for an answer; None when none does."""

    def forget_token(self, alert_id: str, task_token: str) -> None:
        """Drop the token, if it is still this one."""


class Messenger(Protocol):
    """A channel to people."""

    def send(self, message: Message) -> str:
        """Send; the channel's receipt. Errors: the channel's own, and the workflow tries again."""


class Secrets(Protocol):
    """What the channels' providers gave us, by kind (`pagerduty`, `webhooks`) and by the name in the roster."""

    def channel(self, kind: str, name: str) -> dict[str, Any]:
        """The entry, for instance a routing key. Errors: `NotSentError` when there is none or it can't be read."""


class Workflow(Protocol):
    """The escalation that waits for an answer."""

    def answer(self, task_token: str, output: dict[str, Any]) -> bool:
        """Resume the task that waits with this token; False when it no longer waits."""


class Bus(Protocol):
    """Where acknowledgements are announced."""

    def publish(self, envelope: Envelope[Any]) -> None:
        """Publish. Errors: `PublishError`."""


class UnknownAlertError(Exception):
    """There is no such alert."""


class NotOpenError(Exception):
    """The alert can't be acknowledged any more; `record` says why."""

    def __init__(self, record: AlertRecord) -> None:
        super().__init__(record.status)
        self.record = record


class NotSentError(Exception):
    """A channel did certainly not take the message: another may be tried, or the same again. The text is for people."""


class PerhapsSentError(Exception):
    """A channel did not say whether it took the message: sending it again could tell a person twice."""


class PublishError(Exception):
    """EventBridge did not accept the event."""


class OvertakenError(Exception):
    """The workflow has gone on to a later step: this one's message would come too late, and its token is dead."""
