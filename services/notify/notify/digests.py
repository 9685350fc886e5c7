"""Use case: one message for everything that was held back from a recipient."""

from __future__ import annotations

import hashlib
from typing import Any

from notify import messages
from notify.dependencies import Dependencies
from notify.ports import HeldBack, NotSentError, PerhapsSentError, UnknownAlertError


def send_digests(deps: Dependencies) -> dict[str, Any]:
    """Send those that are due. Errors: `NotSentError` when one could not go out; it stays due."""
    sent, failed = 0, 0
    for held in deps.throttles.due(deps.clock()):
        if _send(held, deps):
            sent += 1
        else:
            failed += 1
    if failed:
        raise NotSentError(f"{failed} digests could not be sent")
    return {"digests": sent}


def _send(held: HeldBack, deps: Dependencies) -> bool:
    roster = deps.configuration.roster()
    name = held.recipient.removeprefix("drill/")
    recipient = roster.people.get(name) or roster.teams.get(name)
    lines = [f"{line}{_status(alert_id, deps)}" for alert_id, line in held.lines]
    said = "\n".join([held.recipient, *(line for _, line in held.lines)])
    key = f"digest/{hashlib.sha256(said.encode()).hexdigest()[:32]}"
    message = messages.digest(lines, drill=held.drill, key=key)
    # A pager takes no digests, and no channel may work: somebody must know.
    for channel in [*(recipient.channels if recipient else ()), *roster.fallback.channels]:
        try:
            receipt = deps.channels[channel.type].send(message, channel)
        except NotSentError:
            continue
        except PerhapsSentError:
            receipt = "unknown"
        deps.throttles.told(held)
        entry = deps.entry("told-in-digest", to=name, through=channel.type, receipt=receipt)
        for alert_id in dict.fromkeys(alert_id for alert_id, _ in held.lines):
            try:
                deps.alerts.append(alert_id, entry)
            except UnknownAlertError:
                continue
        return True
    return False


def _status(alert_id: str, deps: Dependencies) -> str:
    """How the alert stands by now, where it needs nobody any more."""
    try:
        status = deps.alerts.get(alert_id).status
    except UnknownAlertError:
        return ""
    return "" if status in ("open", "joined") else f" - {status} by now"
