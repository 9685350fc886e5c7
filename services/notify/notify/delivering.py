"""One message through one channel, and what went wrong on the alert's timeline."""

from __future__ import annotations

from smartwatch_contracts.roster import Channel

from notify.dependencies import Dependencies
from notify.domain import DRY_RUN, AlertRecord
from notify.messages import Message
from notify.ports import NotSentError, PerhapsSentError


def deliver(message: Message, channel: Channel, record: AlertRecord, deps: Dependencies, **about: str) -> str:
    """The receipt; a dry run sends nothing. `about` is what the timeline says of it besides.

    Errors: `NotSentError`, and the claim on the message is given back; `PerhapsSentError`. Both are noted.
    """
    try:
        return DRY_RUN if record.dry_run else deps.channels[channel.type].send(message, channel)
    except NotSentError as error:
        deps.alerts.release_delivery(record.alert_id, message.key)
        deps.alerts.append(record.alert_id, deps.entry("channel-failed", str(error), **about))
        raise
    except PerhapsSentError as error:
        deps.alerts.append(record.alert_id, deps.entry("perhaps-told", str(error), **about))
        raise
