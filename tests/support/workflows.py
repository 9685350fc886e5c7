"""One alert's escalation in the model, with people, channels and a function that a test can break."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from notify.dependencies import Dependencies
from notify.domain import AlertRecord
from notify.messages import Message
from notify.policy_files import built_in_policy, built_in_roster
from notify.ports import Bus, Links, Measures, Messenger, NotSentError
from notify.requests import Acknowledge, Alert, Cleared, parse
from notify.service import serve
from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import Severity
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.roster import Roster

from simulator.escalation.memory import MemoryAlerts, MemoryThrottles
from simulator.escalation.model import Clock, Escalations, Execution, Outside
from simulator.escalation.preview import Given

#: A Monday in winter: 12:00 in UTC is 13:00 in Zurich.
MONDAY_NOON = datetime.fromisoformat("2026-03-02T12:00:00+00:00")


def an_alert(alert_id: str = "a1", *, watch: str = "watch-001", severity: Severity = "critical") -> Alert:
    return Alert(
        alert_id=alert_id,
        device_id=watch,
        rule_id="heart-rate-high",
        severity=severity,
        title="Heart rate high",
        started_at=1_772_452_800_000,
        drill=False,
    )


class Quiet(Links, Bus, Measures):
    """What an escalation says on the side."""

    def __init__(self) -> None:
        self.published: list[Envelope[Any]] = []

    def acknowledgement(self, alert_id: str, recipient: str, key: str, now: datetime) -> str:
        return f"https://alerts.example.org/ack/{key}"

    def publish(self, envelope: Envelope[Any]) -> None:
        self.published.append(envelope)

    def time(self, name: str, milliseconds: int, record: AlertRecord) -> None:
        pass

    def count(self, name: str, record: AlertRecord) -> None:
        pass


class World(Messenger, Outside):
    """The model of the workflow around notify, with the built-in policy and roster. `broken` names what fails."""

    def __init__(
        self,
        policy: EscalationPolicy | None = None,
        roster: Roster | None = None,
        *,
        at: datetime = MONDAY_NOON,
        disturb: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.clock, self.alerts, self.side = Clock(at), MemoryAlerts(), Quiet()
        self.broken: set[str] = set()
        self.sent: list[tuple[int, str, str]] = []
        self.calls: list[str] = []
        self._began = self.clock.now_ms
        self.escalations = Escalations(self.clock, self.alerts, self.notify, self, disturb=disturb)
        self.deps = Dependencies(
            alerts=self.alerts,
            throttles=MemoryThrottles(),
            configuration=Given(policy or built_in_policy(), roster or built_in_roster()),
            channels={"topic": self, "sms": self, "pagerduty": self, "webhook": self},
            links=self.side,
            workflow=self.escalations,
            bus=self.side,
            measures=self.side,
            clock=self.clock.now,
        )

    def notify(self, event: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(event["action"])
        if "notify" in self.broken or event["action"] in self.broken:
            raise ConnectionError("broken")
        return serve(parse(event), self.deps)

    @property
    def seconds(self) -> float:
        return (self.clock.now_ms - self._began) / 1000

    def _sent(self, what: str, to: str) -> str:
        if "channels" in self.broken or what in self.broken:
            raise NotSentError("broken")
        self.sent.append((int(self.seconds), what, to))
        return "receipt"

    def send(self, message: Message, channel: Any) -> str:
        return self._sent(message.purpose, getattr(channel, "topic", channel.type))

    def page_on_call(self, alert: Alert, execution_arn: str) -> str:
        return self._sent("direct-page", "on-call")

    def announce_exhausted(self, alert: Alert, execution_arn: str) -> None:
        self._sent("exhausted", "bus")

    def begin(self, alert: Alert | None = None, name: str = "") -> Execution:
        raised_at = self.clock.now().isoformat(timespec="milliseconds")
        return self.escalations.begin(alert or an_alert(), raised_at=raised_at, name=name)

    def acknowledge(self, seconds: float, alert_id: str = "a1") -> None:
        request = Acknowledge(action="acknowledge", alert_id=alert_id, acknowledged_by="nurse")
        self.clock.at(self._began + round(seconds * 1000), lambda: serve(request, self.deps))

    def clear(self, seconds: float, alert_id: str = "a1") -> None:
        request = Cleared(action="cleared", alert_id=alert_id, device_id="watch-001", cleared_at=1_772_452_900_000)
        self.clock.at(self._began + round(seconds * 1000), lambda: serve(request, self.deps))

    def at(self, seconds: float, do: Callable[[], object]) -> None:
        self.clock.at(self._began + round(seconds * 1000), do)

    def run(self, seconds: float = 86_400) -> None:
        self.clock.run(self._began + round(seconds * 1000))
