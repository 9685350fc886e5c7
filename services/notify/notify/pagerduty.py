"""PagerDuty's Events API v2: an alert triggers an incident, an acknowledgement acknowledges it, its end resolves it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from smartwatch_contracts.device import DRILL_MARK
from smartwatch_contracts.roster import PagerDutyChannel

from notify.messages import Message, Purpose
from notify.ports import NotSentError, PerhapsSentError, Secrets
from notify.posting import Poster

EVENTS_URL = "https://events.pagerduty.com/v2/enqueue"

#: The API's limits, in characters (Events API v2, "Send an event").
SUMMARY_MAX_CHARACTERS = 1024
DEDUP_KEY_MAX_CHARACTERS = 255

#: Tries of one message, and the pauses between them in seconds.
ATTEMPTS = 3
PAUSE_SECONDS = 0.5
PAUSE_MAX_SECONDS = 2.0
#: No try begins later than this after the first, in seconds: the function that sends has 30 for all that it does.
TRY_FOR_SECONDS = 14.0

_ACTIONS: dict[Purpose, str] = {
    "alert": "trigger",
    "acknowledged": "acknowledge",
    "renewed": "resolve",
    "cleared": "resolve",
}


class PagerDuty:
    """A service's integration. What a message becomes is one incident for one alert: the alert's id is its dedup_key.

    That key makes a repeat harmless (an open incident takes a second trigger in), so this channel tries again, also
    where nobody knows whether the first try arrived. A digest is no incident: it is not sent here, and says so, that it
    can go through another channel.
    """

    def __init__(
        self,
        secrets: Secrets,
        *,
        events_url: str = EVENTS_URL,
        poster: Poster | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets = secrets
        self._events_url = events_url
        self._poster = poster or Poster()
        self._sleep = sleep
        self._clock = clock

    def send(self, message: Message, channel: PagerDutyChannel) -> str:
        """Send the event; `202` and the dedup_key. Errors: `NotSentError`, `PerhapsSentError` after the last try."""
        if message.purpose not in _ACTIONS:
            raise NotSentError("PagerDuty takes alerts only")
        routing_key = self._secrets.channel("pagerduty", channel.service).get("routingKey")
        if not isinstance(routing_key, str) or not routing_key:
            raise NotSentError(f"PagerDuty service {channel.service} has no routing key")
        body = json.dumps({"routing_key": routing_key, **event(message)}).encode()
        perhaps = False
        began = self._clock()
        for attempt in range(1, ATTEMPTS + 1):
            pause = PAUSE_SECONDS * attempt
            try:
                answer = self._poster.post(self._events_url, body, {})
            except NotSentError as error:
                why = str(error)
            except PerhapsSentError as error:
                why, perhaps = str(error), True
            else:
                if answer.status // 100 == 2:
                    return f"{answer.status} {message.alert_id}"
                why = f"PagerDuty answered {answer.status}"
                if answer.status < 500 and answer.status != 429:
                    # The very same event was wrong or unwelcome: it would be so again.
                    break
                perhaps = perhaps or answer.status >= 500
                if answer.retry_after is not None:
                    pause = answer.retry_after
            pause = min(pause, PAUSE_MAX_SECONDS)
            if attempt == ATTEMPTS or self._clock() + pause > began + TRY_FOR_SECONDS:
                break
            self._sleep(pause)
        raise PerhapsSentError(why) if perhaps else NotSentError(why)


def event(message: Message) -> dict[str, Any]:
    """The message as an event, without the routing key. Only a trigger says more than which incident is meant."""
    action = _ACTIONS[message.purpose]
    reference = {"event_action": action, "dedup_key": message.alert_id[:DEDUP_KEY_MAX_CHARACTERS]}
    if action != "trigger":
        return reference
    since = datetime.fromtimestamp(message.started_at / 1000, UTC).isoformat(timespec="milliseconds")
    details: dict[str, Any] = {
        "alertId": message.alert_id,
        "rule": message.title,
        "since": since,
        "drill": message.drill,
    }
    links: dict[str, Any] = {}
    if message.link:
        details["acknowledge"] = message.link
        links = {"links": [{"href": message.link, "text": "Acknowledge"}]}
    return {
        **reference,
        "payload": {
            "summary": _summary(message),
            "source": message.device_id,
            "severity": message.severity,
            "timestamp": since,
            "component": message.rule_id,
            "group": "watches",
            "class": "drill" if message.drill else "alert",
            "custom_details": details,
        },
        "client": "Smartwatch",
        **links,
    }


def _summary(message: Message) -> str:
    """What a phone reads out. A rehearsal that does not say so is never put on one."""
    unmarked = message.drill and "DRILL" not in message.subject
    return (f"{DRILL_MARK}{message.subject}" if unmarked else message.subject)[:SUMMARY_MAX_CHARACTERS]
