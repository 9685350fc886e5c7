"""A month of 200 watches in virtual time: alerts, people who answer or don't, and a world where anything may fail."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from notify import policy_files
from notify.auditing import audit_escalations
from notify.dependencies import Dependencies
from notify.domain import AlertRecord, TimelineEntry
from notify.messages import Message
from notify.ports import Bus, Configuration, Delivery, Links, Measures, Messenger, NotSentError, PerhapsSentError
from notify.requests import Acknowledge, Alert, Cleared, Raised, SendDigests, Worsened, parse
from notify.service import serve
from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.roster import Override, Roster, Silence, Throttle

from simulator.escalation.memory import MemoryAlerts, MemoryThrottles
from simulator.escalation.model import Clock, Escalations, Execution, Outside, Stopped

#: The clocks in Zurich change within this month.
BEGIN = datetime.fromisoformat("2026-03-16T00:00:00+00:00")
DAYS = 30
WATCHES = 200
MINUTE_MS = 60_000

POLICIES = [
    policy_files.built_in_policy(),
    policy_files.policy("""
name: ward
team: ward
severities:
  critical:
    steps:
      - {name: nurse, tell: [nurses], waitSeconds: 120, repeat: 2}
      - {name: doctor, tell: [doctors, nurses], through: [sms, pagerduty], waitSeconds: 300}
      - {name: everybody, tell: [doctors, nurses, care-team], waitSeconds: 600}
    acknowledgementExpirySeconds: 1200
  warning:
    steps:
      - {name: nurse, tell: [nurses], waitSeconds: 600, repeat: 1}
      - {name: team, tell: [care-team], waitSeconds: 900}
    acknowledgementExpirySeconds: 7200
    quietHours: {from: "22:00", until: "06:30", timeZone: Europe/Zurich}
"""),
    policy_files.policy("""
name: home
team: home
severities:
  critical:
    steps:
      - {name: sitter, tell: [eva], waitSeconds: 60}
      - {name: on-call, tell: [nurses], waitSeconds: 600, repeat: 1}
    acknowledgementExpirySeconds: 3600
  warning:
    steps:
      - {name: sitter, tell: [eva, finn], waitSeconds: 900}
    quietHours: {from: "20:00", until: "08:00", timeZone: America/New_York}
"""),
]

ROSTER = policy_files.roster("""
name: default
people:
  anna: {channels: [{type: sms, number: "+41790000001"}, {type: topic, topic: on-call}]}
  ben: {channels: [{type: pagerduty, service: ben}, {type: sms, number: "+41790000002"}]}
  cleo: {channels: [{type: sms, number: "+41790000003"}], throttle: {messages: 2, perSeconds: 900}}
  dave: {channels: [{type: webhook, endpoint: dave}, {type: pagerduty, service: dave}]}
  eva: {channels: [{type: sms, number: "+41790000005"}, {type: webhook, endpoint: eva}]}
  finn: {channels: [{type: webhook, endpoint: finn}]}
teams:
  care-team: {channels: [{type: topic, topic: care-team}]}
  on-call: {channels: [{type: topic, topic: on-call}]}
rotations:
  nurses:
    layers:
      - {timeZone: Europe/Zurich, every: day, at: "07:00", starts: 2026-01-05, people: [anna, cleo, eva]}
  doctors:
    layers:
      # Nobody from 20:00 to 06:00.
      - {timeZone: Europe/Zurich, every: week, at: "08:00", starts: 2026-01-05, people: [ben, dave],
         hours: {from: "06:00", until: "20:00"}}
throttle: {messages: 6, perSeconds: 600}
fallback: {channels: [{type: topic, topic: on-call}, {type: sms, number: "+41790000009"}]}
""")


@dataclass(frozen=True)
class Odds:
    """How likely what goes wrong is; at each call, each delivery or each execution."""

    stopped: float = 0.0
    failed: float = 0.0
    paused: float = 0.01
    not_sent: float = 0.0
    perhaps_sent: float = 0.0
    twice: float = 0.0
    lost_start: float = 0.0
    aborted: float = 0.0
    outages: int = 0


SUNNY = Odds()
STORMY = Odds(
    stopped=0.003,
    failed=0.003,
    paused=0.02,
    not_sent=0.04,
    perhaps_sent=0.02,
    twice=0.05,
    lost_start=0.01,
    aborted=0.005,
    outages=6,
)


@dataclass(frozen=True)
class Sent:
    """One message that a channel was asked to take: from when to when, and whether a person had it in the end."""

    begun: int
    ended: int
    alert_id: str
    purpose: str
    key: str
    recipient: str
    taken: bool
    said: str


@dataclass
class Story:
    """What is true of one alert, whatever the platform makes of it."""

    alert: Alert
    policy: EscalationPolicy
    raised: int
    critical_from: int | None
    cleared: int
    leads: list[str] = field(default_factory=list)


class Shaky:
    """A port before and after whose every call the function may be stopped, fail, or take its time."""

    def __init__(self, port: Any, shake: Callable[[], None]) -> None:
        self._port, self._shake = port, shake

    def __getattr__(self, name: str) -> Any:
        method, shake = getattr(self._port, name), self._shake

        def call(*arguments: Any, **named: Any) -> Any:
            shake()
            result = method(*arguments, **named)
            shake()
            return result

        self.__dict__[name] = call
        return call


class ShakyAlerts(Shaky):
    """On DynamoDB an alert joins another by two writes: the function may be stopped between them."""

    def __init__(self, port: Any, month: Month) -> None:
        super().__init__(port, month.shake)
        self._month = month

    def delivered(self, alert_id: str, delivery: Delivery, entry: TimelineEntry) -> AlertRecord:
        self._shake()
        record: AlertRecord = self._port.delivered(alert_id, delivery, entry)
        self._month.written.add((alert_id, delivery.key))
        self._shake()
        return record

    def lead_of(self, record: AlertRecord, entry: TimelineEntry) -> AlertRecord | None:
        alerts: MemoryAlerts = self._port
        before = alerts.get(record.alert_id)
        self._shake()
        lead: AlertRecord | None = alerts.lead_of(record, entry)
        if lead is not None:
            self._month.joined(record.alert_id, lead.alert_id)
        try:
            self._shake()
        except (Stopped, ConnectionError):
            if lead is not None and before.status == "open":
                item = alerts.items[record.alert_id]
                alerts._save(item, before)
            raise
        return lead


class RememberedThrottles(MemoryThrottles):
    """They remember what was ever held back."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: set[tuple[str, str]] = set()

    def hold(self, recipient: str, alert_id: str, line: str, throttle: Throttle, now: datetime) -> None:
        self.ever.add((alert_id, recipient))
        super().hold(recipient, alert_id, line, throttle, now)


class Month(Configuration, Links, Bus, Measures, Outside):
    """The platform and its people. `run` lets the month pass, and whatever is left after it."""

    def __init__(self, seed: int, odds: Odds, alerts: int) -> None:
        self.odds = odds
        self.random = Random(seed)  # noqa: S311 - the same every time
        self.clock, self.alerts, self.throttles = Clock(BEGIN), MemoryAlerts(), RememberedThrottles()
        self.counts: Counter[str] = Counter()
        self.sent: list[Sent] = []
        self.stories: dict[str, Story] = {}
        self.acknowledged: list[tuple[int, str]] = []
        self.exhausted: list[tuple[int, str]] = []
        self.published: list[Envelope[Any]] = []
        #: Messages, by alert and key, of which the function lived to write down that a channel took them.
        self.written: set[tuple[str, str]] = set()
        #: Alerts by what of them ended in dead letters, whose alarm rings: `start`, `raised`, ...
        self.dead: dict[str, set[str]] = defaultdict(set)
        self._leads: dict[str, set[str]] = defaultdict(set)
        self._tellings: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._expiries: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._depth = 0
        self._begin_ms = self.clock.now_ms
        self._end_ms = self._begin_ms + DAYS * 86_400_000
        self._outages = [self._begin_ms + self.random.randrange(DAYS * 86_400_000) for _ in range(odds.outages)]
        self.escalations = Escalations(
            self.clock, self.alerts, self.notify, self, random=self.random, disturb=lambda _: self.shake()
        )
        shaky: Any = lambda port: Shaky(port, self.shake)  # noqa: E731
        channel = _Channel(self)
        self._shaky_alerts: Any = ShakyAlerts(self.alerts, self)
        self.deps = Dependencies(
            alerts=self._shaky_alerts,
            throttles=shaky(self.throttles),
            configuration=self,
            channels=dict.fromkeys(("topic", "sms", "pagerduty", "webhook"), shaky(channel)),  # type: ignore[arg-type]
            links=self,
            workflow=shaky(self.escalations),
            bus=shaky(self),
            measures=self,
            clock=self.clock.now,
        )
        self._overrides = list(self._made_overrides())
        self._silences = list(self._made_silences())
        self._plan_alerts(alerts)
        self._minute()

    # ----------------------------------------------------------------------------------------------- what goes wrong

    def happens(self, odds: float) -> bool:
        return odds > 0 and self.random.random() < odds

    def shake(self) -> None:
        chance, odds = self.random.random(), self.odds
        if chance < odds.stopped:
            self.counts["functions stopped half-way"] += 1
            raise Stopped
        if chance < odds.stopped + odds.failed:
            self.counts["calls that failed"] += 1
            raise ConnectionError("a call failed")
        if chance < odds.stopped + odds.failed + odds.paused:
            self.pause(self.random.uniform(0, 2))

    def pause(self, seconds: float) -> None:
        """Other things happen while a function takes its time."""
        if self._depth < 4:
            self._depth += 1
            self.clock.run(self.clock.now_ms + round(seconds * 1000))
            self._depth -= 1

    def in_outage(self) -> bool:
        return any(0 <= self.clock.now_ms - since < 15 * MINUTE_MS for since in self._outages)

    def notify(self, event: dict[str, Any]) -> dict[str, Any]:
        """The function, called by the workflow."""
        if self.in_outage():
            raise ConnectionError("notify does not work at all")
        self.counts[f"calls: {event['action']}"] += 1
        if event["action"] == "tell":
            self._tellings[event["alert"]["alertId"], event["telling"]["key"]].append(self.clock.now_ms)
        answer = serve(parse(event), self.deps)
        if event["action"] == "plan" and answer["decision"] == "escalate":
            expiry = answer["plan"]["acknowledgementExpirySeconds"]
            self._expiries[event["alert"]["alertId"]].append((self.clock.now_ms, expiry))
        return answer

    def joined(self, alert_id: str, lead: str) -> None:
        self._leads[alert_id].add(lead)

    def leads_of(self, alert_id: str) -> set[str]:
        """Those that an alert ever joined."""
        return self._leads[alert_id]

    def expiry_of(self, alert_id: str, at: int) -> int:
        """After how many seconds an acknowledgement at an instant expires, by the plan of then; 0 for never."""
        return next((expiry for since, expiry in reversed(self._expiries[alert_id]) if since <= at), 0)

    def began_telling(self, sent: Sent) -> int:
        """When the function was called that sent a message; the message's own begin where it was not a step."""
        begun = self._tellings[sent.alert_id, sent.key.split("/")[0]]
        return max((at for at in begun if at <= sent.begun), default=sent.begun)

    def deliver(self, what: str, request: Any, attempt: int = 0) -> None:
        """The function, called by the bus: tried three times, and then a letter that people send again, hours later."""
        try:
            if self.in_outage():
                raise ConnectionError("notify does not work at all")
            serve(request, self.deps)
        except (Exception, Stopped):
            if attempt < 2:
                self.clock.after(60 * (attempt + 1), lambda: self.deliver(what, request, attempt + 1))
            else:
                self.counts[f"dead letters: {what}"] += 1
                self.dead[request.alert.alert_id if what == "raised" else request.alert_id].add(what)
                self.clock.after(self.random.uniform(600, 7200), lambda: self.deliver(what, request))

    # -------------------------------------------------------------------------------------------------- configuration

    def policy(self, device_id: str) -> EscalationPolicy:
        return POLICIES[int(device_id[-3:]) % len(POLICIES)]

    def site(self, device_id: str) -> str | None:
        return f"site-{int(device_id[-3:]) % 5}"

    def roster(self) -> Roster:
        return ROSTER

    def overrides(self) -> Sequence[Override]:
        now = self.clock.now()
        return [each for each in self._overrides if abs(each.from_ - now) < timedelta(days=10)]

    def silences(self) -> Sequence[Silence]:
        now = self.clock.now()
        return [each for each, until in self._silences if each.from_ <= now < until]

    def _made_overrides(self) -> Iterator[Override]:
        for number in range(20):
            since = BEGIN + timedelta(minutes=self.random.randrange(DAYS * 1440))
            yield Override.model_validate(
                {
                    "name": f"o{number}",
                    "rotation": self.random.choice(("nurses", "doctors")),
                    "person": self.random.choice(list(ROSTER.people)),
                    "from": since,
                    "until": since + timedelta(minutes=self.random.randrange(30, 600)),
                    "owner": "lead",
                    "reason": "illness",
                }
            )

    def _made_silences(self) -> Iterator[tuple[Silence, datetime]]:
        """Silences, and when each really ends: every third is ended early."""
        for number in range(80):
            since = BEGIN + timedelta(minutes=self.random.randrange(DAYS * 1440))
            until = since + timedelta(minutes=self.random.randrange(20, 480))
            about = self.random.choice(
                ({"watch": f"watch-{self.random.randrange(WATCHES):03d}"}, {"site": f"site-{self.random.randrange(5)}"})
            )
            made = Silence.model_validate(
                {"name": f"s{number}", **about, "from": since, "until": until, "owner": "lead", "reason": "tests"}
            )
            yield made, since + (until - since) / 2 if number % 3 == 0 else until

    def silenced_until(self, story: Story, at: int) -> int:
        """Until when silences cover an alert from an instant on, in milliseconds; the instant itself without any."""
        until = at
        for silence, ended in sorted(self._silences, key=lambda each: each[0].from_):
            since_ms, ended_ms = (int(each.timestamp() * 1000) for each in (silence.from_, ended))
            device = story.alert.device_id
            covers = silence.watch in (None, device) and silence.site in (None, self.site(device))
            if covers and since_ms <= until < ended_ms:
                # One that is ended early is noticed by the auditor's next round.
                until = ended_ms + MINUTE_MS
        return until

    # ------------------------------------------------------------------------------------------------------ episodes

    def _plan_alerts(self, alerts: int) -> None:
        numbers = itertools.count()
        made = 0
        while made < alerts:
            watch = f"watch-{self.random.randrange(WATCHES):03d}"
            at = self._begin_ms + self.random.randrange(DAYS * 86_400_000)
            several = self.random.choice((1, 1, 1, 2, 3, 4))
            for _ in range(several):
                self._plan_alert(f"alert-{next(numbers):05d}", watch, at)
                at += self.random.randrange(1000, 20 * MINUTE_MS)
            made += several

    def _plan_alert(self, alert_id: str, watch: str, at: int) -> None:
        random = self.random
        critical = random.random() < 0.45
        alert = Alert(
            alert_id=alert_id,
            device_id=watch,
            rule_id="heart-rate-high",
            severity="critical" if critical else "warning",
            title="Heart rate high",
            started_at=at,
            drill=False,
        )
        length = min(86_400.0, random.lognormvariate(7, 1.5))
        cleared = at + round(length * 1000)
        worsens = at + round(random.uniform(0, 1.2 * length) * 1000) if not critical and random.random() < 0.3 else None
        if worsens is not None and worsens >= cleared:
            worsens = None
        self.stories[alert_id] = Story(alert, self.policy(watch), at, at if critical else worsens, cleared)
        self.clock.at(at, lambda: self._happen(alert, at, worsens, cleared))

    def _happen(self, alert: Alert, at: int, worsens: int | None, cleared: int) -> None:
        raised_at = self.clock.now().isoformat(timespec="milliseconds")
        event = f"raised-{alert.alert_id}"
        correlation = f"c-{alert.alert_id}"
        raised = Raised(action="raised", alert=alert, raised_at=raised_at, event_id=event, correlation_id=correlation)
        self._eventually("raised", at, lambda: self.deliver("raised", raised))
        if self.happens(self.odds.lost_start):
            self.counts["executions that never began"] += 1
            self.dead[alert.alert_id].add("start")
        else:
            self._eventually("start", at, lambda: self._start(alert, raised_at, correlation, event))
        if worsens is not None:
            worse = Worsened(
                action="worsened", event_id=f"worse-{alert.alert_id}", alert_id=alert.alert_id, severity="critical"
            )
            self._eventually("worsened", worsens, lambda: self.deliver("worsened", worse))
        over = Cleared(action="cleared", alert_id=alert.alert_id, device_id=alert.device_id, cleared_at=cleared)
        self._eventually("cleared", cleared, lambda: self.deliver("cleared", over))

    def _eventually(self, what: str, at: int, do: Callable[[], None]) -> None:
        """A delivery: soon, sometimes late enough to be overtaken, sometimes twice."""
        self.counts[f"deliveries: {what}"] += 1
        late = self.odds is not SUNNY and self.happens(0.03)
        self.clock.at(at + self.random.randrange(50, 90_000 if late else 2000), do)
        if self.happens(self.odds.twice):
            self.counts[f"delivered twice: {what}"] += 1
            self.clock.at(at + self.random.randrange(50, 120_000), do)

    def _start(self, alert: Alert, raised_at: str, correlation: str, event: str) -> None:
        execution = self.escalations.begin(alert, raised_at=raised_at, correlation_id=correlation, causation_id=event)
        if self.happens(self.odds.aborted):
            self.clock.after(self.random.uniform(0, 1800), lambda: self._abort(execution))

    def _abort(self, execution: Execution) -> None:
        if execution.status == "RUNNING":
            self.counts["executions aborted"] += 1
            self.escalations.stop(execution.arn)

    # --------------------------------------------------------------------------------------------------------- people

    def reached(self, alert_id: str, recipient: str, key: str, odds: float = 0.3) -> None:
        """A person has a message that asks for an answer; some give it."""
        if self.happens(odds):
            wait = self.random.expovariate(1 / 200)
            self.clock.after(wait, lambda: self._answer(alert_id, recipient, key))

    def _answer(self, alert_id: str, recipient: str, key: str, attempt: int = 0) -> None:
        request = Acknowledge(action="acknowledge", alert_id=alert_id, acknowledged_by=recipient, link=key)
        try:
            answer = serve(request, self.deps)
        except (Exception, Stopped):
            self.counts["answers that failed"] += 1
            if attempt < 3 and self.happens(0.7):
                self.clock.after(10, lambda: self._answer(alert_id, recipient, key, attempt + 1))
            return
        self.counts[f"answers: {'taken' if answer['acknowledged'] else answer['reason']}"] += 1

    # ------------------------------------------------------------------------------------------------------- the rest

    def acknowledgement(self, alert_id: str, recipient: str, key: str, now: datetime) -> str:
        return f"https://alerts.example.org/{alert_id}/{recipient}/{key}"

    def publish(self, envelope: Envelope[Any]) -> None:
        self.published.append(envelope)
        self.counts[f"published: {envelope.type}"] += 1

    def time(self, name: str, milliseconds: int, record: AlertRecord) -> None:
        pass

    def count(self, name: str, record: AlertRecord) -> None:
        pass

    def page_on_call(self, alert: Alert, execution_arn: str) -> str:
        now = self.clock.now_ms
        self.sent.append(Sent(now, now, alert.alert_id, "alert", execution_arn, "direct page", True, "taken"))
        self.counts["direct pages"] += 1
        self.reached(alert.alert_id, "on-call", f"direct-{now}")
        return "receipt"

    def announce_exhausted(self, alert: Alert, execution_arn: str) -> None:
        self.exhausted.append((self.clock.now_ms, alert.alert_id))
        # Somebody sees the alarm, later.
        self.reached(alert.alert_id, "lead", f"alarm-{self.clock.now_ms}", 0.1)

    def _minute(self) -> None:
        """The two schedules: once a minute, where there is anything to do."""
        if self.unfinished():
            try:
                found = audit_escalations(self.deps, self._shaky_alerts, self.escalations)
                self.counts["audits"] += 1
                self.counts["found stalled"] += found.stalled
            except (Exception, Stopped):
                self.counts["audits that failed"] += 1
        if self.throttles.due(self.clock.now()):
            try:
                self.counts["digests"] += serve(SendDigests(action="send-digests"), self.deps)["digests"]
            except (Exception, Stopped):
                self.counts["digests that failed"] += 1
        if self.clock.now_ms < self._end_ms or self.unfinished():
            self.clock.at(self.clock.now_ms + MINUTE_MS - self.clock.now_ms % MINUTE_MS, self._minute)

    def unfinished(self) -> bool:
        return bool(
            self.alerts.with_status("open")
            or self.alerts.with_status("joined")
            or self.alerts.with_status("acknowledged", cleared=False)
        )

    def run(self) -> None:
        """The month, and three days in which what is left comes to its end."""
        self.clock.run(self._end_ms + 3 * 86_400_000)


class _Channel(Messenger):
    """Every channel: it takes a message after some time, or doesn't, or does and fails to say so."""

    def __init__(self, month: Month) -> None:
        self._month = month

    def send(self, message: Message, channel: Any) -> str:
        month, odds = self._month, self._month.odds
        begun = month.clock.now_ms
        month.pause(month.random.expovariate(1 / 0.4))
        chance = month.random.random()
        perhaps = chance < odds.perhaps_sent
        taken = month.happens(0.5) if perhaps else chance >= odds.perhaps_sent + odds.not_sent
        said = "perhaps" if perhaps else "taken" if taken else "refused"
        parts = message.key.split("/")
        recipient = {"cleared": parts[-1], "acknowledged": parts[-1], "stalled": "fallback"}.get(parts[0], parts[1])
        month.counts[f"messages {said}: {message.purpose}"] += 1
        alert_id, key = message.alert_id, message.key
        month.sent.append(Sent(begun, month.clock.now_ms, alert_id, message.purpose, key, recipient, taken, said))
        if taken and message.purpose == "alert":
            month.reached(alert_id, recipient, key)
        if perhaps:
            raise PerhapsSentError("no answer")
        if not taken:
            raise NotSentError("refused")
        return "receipt"
