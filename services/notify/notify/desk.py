"""What the HTTP front needs of the world: alerts to look at and to acknowledge, link keys, webhooks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from smartwatch_contracts.events import Severity

from notify.links import Keys

#: In these an alert waits for somebody, or can still be taken.
WAITING = frozenset({"open", "exhausted", "technical"})


@dataclass(frozen=True)
class AlertView:
    """An alert as people may see it: no measured value. Times are milliseconds since 1970.

    `joined` is the alert whose escalation this one is part of. `used_links` are the ids of links that acknowledged it.
    """

    alert_id: str
    title: str
    severity: Severity
    device_id: str
    started_at: int
    status: str
    drill: bool = False
    acknowledged_by: str | None = None
    acknowledged_at: int | None = None
    joined: str | None = None
    used_links: frozenset[str] = frozenset()

    @property
    def waits(self) -> bool:
        return self.status in WAITING


@dataclass(frozen=True)
class Acknowledged:
    """This very call did it. `at` is in milliseconds since 1970."""

    by: str
    at: int


@dataclass(frozen=True)
class Used:
    """The link has acknowledged before; nothing is changed."""


@dataclass(frozen=True)
class Already:
    """The alert no longer waits: somebody else was first, or it is over. Nothing is changed, and the link is unused."""

    status: str
    by: str | None = None
    at: int | None = None


@dataclass(frozen=True)
class Unknown:
    """There is no such alert."""


Outcome = Acknowledged | Used | Already | Unknown


class Desk(Protocol):
    """Where people's answers go. Errors of both: `UnreachableError`."""

    def look(self, alert_id: str) -> AlertView | None:
        """The alert as it is now, None when there is none. Changes nothing."""

    def acknowledge(self, alert_id: str, by: str, *, via: str, token_id: str | None) -> Outcome:
        """Acknowledge, unless `token_id` was used before (`Used`, whatever the alert's state) or nobody is waited for.

        `via` is kept on the record: `link`, `pagerduty`, or the ARN of the API's caller. `token_id` is kept with the
        alert, in the same step as the acknowledgement: once that has run out the alert is open again, and
        the same token is still refused. A call that finds the work done finishes what an earlier one left undone.
        """


class LinkKeys(Protocol):
    """The keys that sign links."""

    def keys(self, wanted: str | None = None) -> Keys:
        """The keys as last read; `wanted` is the id of one that should be among them. Errors: `UnreachableError`."""


class WebhookEvent(Protocol):
    """An acknowledgement that a provider tells us of."""

    @property
    def event_id(self) -> str: ...

    @property
    def alert_id(self) -> str: ...

    @property
    def by(self) -> str: ...


class Webhook(Protocol):
    """A provider's webhooks: a module may be one."""

    def verified(self, raw: bytes, header: str | None, secrets: list[str]) -> bool:
        """Whether the provider signed this body with one of these secrets."""

    def parsed(self, raw: bytes) -> WebhookEvent | None:
        """The acknowledgement in it; None for events that mean nothing to us."""


class UnreachableError(Exception):
    """What we need can't be reached just now; the same call may work later."""


@dataclass(frozen=True)
class FrontDesk:
    """What the HTTP routes work with. `now` is in seconds since 1970. Errors of all: `UnreachableError`."""

    desk: Desk
    link_keys: LinkKeys
    webhook: Webhook
    webhook_secrets: Callable[[], list[str]]
    now: Callable[[], float] = time.time
