"""What is known of an alert, what is written about it, and what follows from both. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from smartwatch_contracts.device import DRILL_PREFIX
from smartwatch_contracts.events import Severity
from smartwatch_contracts.roster import Channel

#: `open` until somebody acknowledges, the episode is over, or everybody was told in vain. `joined`: another alert of
#: the same watch escalates for both. `technical` while a watch has a fault, `retrospective` for episodes in late
#: readings: nobody is told of those.
Status = Literal["open", "acknowledged", "cleared", "exhausted", "joined", "technical", "retrospective"]

#: A watch of this kind rehearses without a word to anybody: what would have been sent is only noted.
DRY_RUN_PREFIX = f"{DRILL_PREFIX}dry-"

#: The receipt of a message that a dry run did not send.
DRY_RUN = "dry run, not sent"
#: How the id of a pager's word begins, which counts once as a link does.
PAGER = "pagerduty:"
#: A delivery that was begun: nobody can say yet whether it went out.
SENDING = "sending"

_RANK: dict[Severity, int] = {"warning": 0, "critical": 1}


@dataclass(frozen=True)
class TimelineEntry:
    """One thing that happened to an alert. `at` is ISO 8601, UTC; what does not apply is empty."""

    at: str
    what: str
    detail: str = ""
    step: str = ""
    to: str = ""
    through: str = ""
    receipt: str = ""

    def fields(self) -> dict[str, str]:
        """The fields that are not empty."""
        return {name: value for name, value in vars(self).items() if value or name in ("at", "what", "detail")}


@dataclass(frozen=True)
class AlertRecord:
    """What the alerts table knows of one alert. Instants are in milliseconds since 1970; 0 before they come.

    `deliveries` are messages by key (`delivery_key`): `SENDING` once begun, then the receipt. `told` are recipients and
    the channel that reached each last. `holding` is what a hold waits for, until people are told; `telling_since` is
    when that began. `restarts` are executions that were started again, `failures` those since somebody was responsible.
    `reopened` is when an alert lost whoever was responsible, until an execution claims it; `reopens` how often it did.
    `planned_severity` is what the latest plan was made for. `members` are the open alerts that joined this one; `lead`
    the one it joined. `over` when the episode, and that of every member, is at its end.
    """

    alert_id: str
    status: Status
    device_id: str = ""
    rule_id: str = ""
    severity: Severity = "critical"
    title: str = ""
    started_at: int = 0
    raised_at: str = ""
    team: str = ""
    drill: bool = False
    correlation_id: str = ""
    trace: str = ""
    causation_id: str = ""
    execution_arn: str = ""
    acknowledged_by: str | None = None
    acknowledged_at: int = 0
    acknowledged_severity: Severity = "critical"
    cleared_at: int = 0
    plans: int = 0
    last_telling: str = ""
    waiting_until: int = 0
    waiting_severity: Severity | None = None
    holding: str = ""
    telling_since: int = 0
    deliveries: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, Channel] = field(default_factory=dict)
    members: frozenset[str] = frozenset()
    lead: str = ""
    used_links: frozenset[str] = frozenset()
    restarts: int = 0
    failures: int = 0
    reopened: int = 0
    reopens: int = 0
    planned_severity: Severity = "critical"
    paged_directly: bool = False
    acknowledgement_expiry_seconds: int = 0

    @property
    def raised_ms(self) -> int:
        """When it was raised, in milliseconds since 1970."""
        return milliseconds(self.raised_at)

    @property
    def over(self) -> bool:
        return self.cleared_at > 0 and not self.members

    @property
    def told_recipients(self) -> frozenset[str]:
        """Everybody who was told, through whatever."""
        return frozenset(map(recipient_of, self.told))

    @property
    def dry_run(self) -> bool:
        return self.device_id.startswith(DRY_RUN_PREFIX)


def told_key(recipient: str, channel: Channel) -> str:
    """Under which a recipient is remembered as told: each pager beside what else reaches the same person."""
    return f"{recipient}/{channel.service}" if channel.type == "pagerduty" else recipient


def recipient_of(key: str) -> str:
    """Who a `told_key` is about."""
    return key.split("/")[0]


def milliseconds(moment: str) -> int:
    """An instant of a timeline, ISO 8601, in milliseconds since 1970."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def more_severe(one: Severity, other: Severity) -> bool:
    """Whether `one` is more severe than `other`."""
    return _RANK[one] > _RANK[other]


def delivery_key(telling_key: str, recipient: str, channel: int) -> str:
    """The name under which one message through one channel is remembered. `channel` is its place in the list."""
    return f"{telling_key}/{recipient}/{channel}"
