"""What notify's use cases work with; `notify.wiring` joins it to AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from smartwatch_contracts.policies import ChannelType

from notify.domain import TimelineEntry
from notify.ports import Alerts, Bus, Configuration, Links, Measures, Messenger, Throttles, Workflow


@dataclass(frozen=True)
class Dependencies:
    """The ports of every use case but the auditor's."""

    alerts: Alerts
    throttles: Throttles
    configuration: Configuration
    channels: Mapping[ChannelType, Messenger]
    links: Links
    workflow: Workflow
    bus: Bus
    measures: Measures
    clock: Callable[[], datetime]

    def entry(self, what: str, detail: str = "", **more: str) -> TimelineEntry:
        """A timeline entry of now."""
        return TimelineEntry(self.clock().isoformat(timespec="milliseconds"), what, detail, **more)

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock().timestamp() * 1000)
