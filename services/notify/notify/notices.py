"""Messages that ask for nothing: what those who were told hear of how it went on, each once."""

from __future__ import annotations

from smartwatch_contracts.roster import Channel

from notify import messages
from notify.delivering import deliver
from notify.dependencies import Dependencies
from notify.domain import AlertRecord, recipient_of
from notify.messages import Message
from notify.ports import Delivery, NotSentError, PerhapsSentError


def say_cleared(record: AlertRecord, deps: Dependencies) -> None:
    """Tell everyone who was told that it is over. Errors: `NotSentError` when somebody could not be; try again."""
    failed = 0
    for key, channel in sorted(record.told.items()):
        message = messages.cleared(record, key=f"cleared/{key}")
        failed += not _notice(message, "said-cleared", recipient_of(key), channel, record, deps)
    if failed:
        raise NotSentError(f"{failed} could not be told that the alert is cleared")


def tell_pagers(record: AlertRecord, deps: Dependencies) -> None:
    """Pagers follow an acknowledgement. One that can't be told is noted: nobody waits for it."""
    for key, channel in sorted(record.told.items()):
        if channel.type == "pagerduty":
            message = messages.acknowledged(record, key=f"acknowledged/{record.acknowledged_at}/{key}")
            _notice(message, "said-acknowledged", recipient_of(key), channel, record, deps)


def _notice(
    message: Message, what: str, recipient: str, channel: Channel, record: AlertRecord, deps: Dependencies
) -> bool:
    """Whether the channel has, or may have, the message, now or from before."""
    if not deps.alerts.claim_delivery(record.alert_id, message.key):
        return True
    about = {"to": recipient, "through": channel.type}
    try:
        receipt = deliver(message, channel, record, deps, **about)
    except NotSentError:
        return False
    except PerhapsSentError:
        return True
    delivery = Delivery(message.key, recipient, channel, receipt)
    deps.alerts.delivered(record.alert_id, delivery, deps.entry(what, receipt=receipt, **about))
    return True
