"""Notify's use cases among fakes: its tables in memory, channels that keep what they are given, a clock that is set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from notify import policy_files
from notify.dependencies import Dependencies
from notify.domain import AlertRecord
from notify.messages import Message
from notify.plans import Telling
from notify.ports import Bus, Configuration, Links, Measures, Messenger, Workflow
from notify.requests import Acknowledge, Alert, AwaitRecovery, Cleared, MakePlan, Raised, Tell, Worsened
from notify.service import serve
from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import Severity
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.roster import Override, Roster, Silence

from simulator.escalation.memory import MemoryAlerts, MemoryThrottles
from tests.support.builders import NOW, T0

POLICY = policy_files.policy(
    """
name: default
team: care
severities:
  critical:
    steps:
      - {name: nurses, tell: [care-team], waitSeconds: 300, repeat: 1}
      - {name: doctor, tell: [night], waitSeconds: 600}
    acknowledgementExpirySeconds: 1800
  warning:
    steps:
      - {name: nurses, tell: [care-team], waitSeconds: 900}
"""
)

#: On call for `night` is ada until 08:00 the next morning, then ben.
ROSTER_TEXT = """
name: default
people:
  ada: {channels: [{type: pagerduty, service: care}, {type: sms, number: "+15550101"}]}
  ben: {channels: [{type: sms, number: "+15550102"}]}
teams:
  care-team: {channels: [{type: topic, topic: care-team}]}
  ward: {channels: [{type: webhook, endpoint: ward}, {type: topic, topic: care-team}]}
rotations:
  night: {layers: [{timeZone: UTC, every: day, at: "08:00", starts: 2023-11-14, people: [ada, ben]}]}
  later: {layers: [{timeZone: UTC, every: day, at: "08:00", starts: 2030-01-01, people: [ben]}]}
fallback: {channels: [{type: topic, topic: on-call}]}
"""
ROSTER = policy_files.roster(ROSTER_TEXT)

ALERT = Alert(
    alert_id="a1",
    device_id="watch-002",
    rule_id="heart-rate-high",
    severity="critical",
    title="Heart rate above 150 bpm",
    started_at=T0,
    drill=False,
)
RAISED_AT = "2023-11-14T22:13:20.000+00:00"
DRILL = ALERT.model_copy(update={"drill": True, "device_id": "drill-1", "title": "DRILL: Heart rate above 150 bpm"})


def a_telling(*names: str, key: str = "1.0", **fields: Any) -> Telling:
    """The first telling of a plan for a critical alert, to the care team unless told otherwise."""
    number, position = key.split(".")
    return Telling.model_validate(
        {
            "key": key,
            "rank": int(number) * 1000 + int(position),
            "kind": "tell",
            "cause": "raised",
            "step": "nurses",
            "severity": "critical",
            "tell": list(names) or ["care-team"],
            "first_step": True,
            "wait_seconds": 300,
            **fields,
        }
    )


def a_hold(step: str = "silence", *, key: str = "1.0", **fields: Any) -> Telling:
    return a_telling(key=key, kind="hold", step=step, tell=[], reason="for the test", **fields)


def address(channel: Any) -> str:
    """A channel in a word or two: `topic care-team`, `sms +15550101`."""
    fields = channel.model_dump()
    return f"{fields.pop('type')} {next(iter(fields.values()))}"


class FakeChannels(Messenger):
    """Every channel. `broken` by address; `during` is done while a message is on its way."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.broken: dict[str, Exception] = {}
        self.during: Callable[[Message], object] | None = None

    def send(self, message: Message, channel: Any) -> str:
        if address(channel) in self.broken:
            raise self.broken[address(channel)]
        self.sent.append((address(channel), message))
        if self.during is not None:
            self.during(message)
        return f"receipt-{len(self.sent)}"

    @property
    def addresses(self) -> list[str]:
        return [where for where, _ in self.sent]

    @property
    def messages(self) -> list[Message]:
        return [message for _, message in self.sent]

    @property
    def said(self) -> list[tuple[str, str]]:
        """Purpose and address of each message."""
        return [(message.purpose, where) for where, message in self.sent]


class FakeConfiguration(Configuration):
    def __init__(self) -> None:
        self.in_force: EscalationPolicy = POLICY
        self.people: Roster = ROSTER
        self.standing_in: list[Override] = []
        self.silent: list[Silence] = []
        self.sites: dict[str, str] = {}

    def policy(self, device_id: str) -> EscalationPolicy:
        return self.in_force

    def site(self, device_id: str) -> str | None:
        return self.sites.get(device_id)

    def roster(self) -> Roster:
        return self.people

    def overrides(self) -> Sequence[Override]:
        return self.standing_in

    def silences(self) -> Sequence[Silence]:
        return self.silent


class FakeWorkflow(Workflow):
    def __init__(self) -> None:
        self.answers: list[tuple[str, dict[str, Any]]] = []
        self.broken = False

    def answer(self, task_token: str, output: dict[str, Any]) -> bool:
        if self.broken:
            raise ConnectionError
        self.answers.append((task_token, output))
        return True

    @property
    def statuses(self) -> list[tuple[str, str]]:
        """Token and status of each answer."""
        return [(token, output["status"]) for token, output in self.answers]


class FakeBus(Bus):
    def __init__(self) -> None:
        self.published: list[Envelope[Any]] = []
        self.broken = False

    def publish(self, envelope: Envelope[Any]) -> None:
        if self.broken:
            raise ConnectionError
        self.published.append(envelope)


class FakeLinks(Links):
    def acknowledgement(self, alert_id: str, recipient: str, key: str, now: datetime) -> str:
        return f"https://answers/{alert_id}/{recipient}/{key}"


class FakeMeasures(Measures):
    def __init__(self) -> None:
        self.times: list[tuple[str, int]] = []
        self.counts: list[str] = []

    def time(self, name: str, milliseconds: int, record: AlertRecord) -> None:
        self.times.append((name, milliseconds))

    def count(self, name: str, record: AlertRecord) -> None:
        self.counts.append(name)


@dataclass
class World:
    """Notify, and the alert `a1`, whose execution is `e1`, open unless it is told not to be claimed."""

    claimed: bool = True

    def __post_init__(self) -> None:
        self.now = NOW
        self.alerts = MemoryAlerts()
        self.throttles = MemoryThrottles()
        self.configuration = FakeConfiguration()
        self.channels = FakeChannels()
        self.workflow = FakeWorkflow()
        self.bus = FakeBus()
        self.measures = FakeMeasures()
        self.deps = Dependencies(
            alerts=self.alerts,
            throttles=self.throttles,
            configuration=self.configuration,
            channels=dict.fromkeys(("topic", "sms", "pagerduty", "webhook"), self.channels),
            links=FakeLinks(),
            workflow=self.workflow,
            bus=self.bus,
            measures=self.measures,
            clock=lambda: self.now,
        )
        if self.claimed:
            self.claim()

    # ------------------------------------------------------------------------------------------ what others do

    def claim(self, alert: Alert = ALERT, execution: str = "e1") -> None:
        """The workflow begins."""
        self.alerts.claim(
            alert,
            execution,
            raised_at=RAISED_AT,
            correlation_id="c1",
            trace="",
            causation_id="e0",
            entry=self.deps.entry("escalation-started"),
        )

    def another(self, alert_id: str, **changes: Any) -> Alert:
        """Another alert, claimed, of the same watch unless told otherwise."""
        alert = ALERT.model_copy(update={"alert_id": alert_id, **changes})
        self.claim(alert, f"e-{alert_id}")
        return alert

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def roster(self, text: str) -> None:
        self.configuration.people = policy_files.roster(text)

    def silence(self, seconds: float = 600, *, name: str = "bath", **about: str) -> None:
        silence = Silence(
            name=name,
            from_=self.now,
            until=self.now + timedelta(seconds=seconds),
            owner="ward",
            reason="moved",
            **(about or {"watch": "watch-002"}),
        )
        self.configuration.silent = [*self.configuration.silent, silence]

    # --------------------------------------------------------------------------------------------------- requests

    def raised(self, alert: Alert = ALERT, event_id: str = "event-1") -> dict[str, Any]:
        request = Raised(
            action="raised", alert=alert, raised_at=RAISED_AT, event_id=event_id, correlation_id="c1", trace="t"
        )
        return serve(request, self.deps)

    def plan(self, alert: Alert = ALERT, cause: Any = "raised", policy: EscalationPolicy | None = None) -> Any:
        return serve(MakePlan(action="plan", alert=alert, cause=cause, policy=policy), self.deps)

    def tell(self, telling: Telling | None = None, token: str = "t1", alert: Alert = ALERT) -> dict[str, Any]:
        request = Tell(action="tell", alert=alert, telling=telling or a_telling(), task_token=token)
        return serve(request, self.deps)

    def acknowledge(
        self, alert_id: str = "a1", by: str = "nurse", via: str = "command", link: str | None = None
    ) -> dict[str, Any]:
        request = Acknowledge(action="acknowledge", alert_id=alert_id, acknowledged_by=by, via=via, link=link)
        return serve(request, self.deps)

    def await_recovery(self, token: str = "t9", alert: Alert = ALERT) -> dict[str, Any]:
        return serve(AwaitRecovery(action="await-recovery", alert=alert, task_token=token), self.deps)

    def clear(self, alert_id: str = "a1", device_id: str = "watch-002") -> dict[str, Any]:
        at = int(self.now.timestamp() * 1000)
        return serve(Cleared(action="cleared", alert_id=alert_id, device_id=device_id, cleared_at=at), self.deps)

    def worsen(self, alert_id: str = "a1", severity: Severity = "critical", event_id: str = "w1") -> dict[str, Any]:
        request = Worsened(action="worsened", event_id=event_id, alert_id=alert_id, severity=severity)
        return serve(request, self.deps)

    # ------------------------------------------------------------------------------------------------- what is seen

    def record(self, alert_id: str = "a1") -> AlertRecord:
        return self.alerts.get(alert_id)

    def change(self, alert_id: str = "a1", **fields: Any) -> None:
        """Put the record as a test needs it."""
        item = self.alerts.items[alert_id]
        self.alerts._save(item, replace(item.record, **fields))

    def timeline(self, alert_id: str = "a1") -> list[str]:
        return [entry.what for entry in self.alerts.items[alert_id].timeline]

    def details(self, what: str, alert_id: str = "a1") -> list[str]:
        return [entry.detail for entry in self.alerts.items[alert_id].timeline if entry.what == what]


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
