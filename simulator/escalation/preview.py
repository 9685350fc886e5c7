"""What a policy would do about one alert: told in virtual time by notify's own use cases, to nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from notify.auditing import audit_escalations
from notify.dependencies import Dependencies
from notify.domain import AlertRecord
from notify.messages import Message
from notify.ports import Bus, Configuration, Links, Measures, Messenger
from notify.requests import Acknowledge, Alert, Raised, parse
from notify.service import serve
from smartwatch_contracts.envelope import Envelope
from smartwatch_contracts.events import Severity
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.roster import Override, Roster, Silence

from simulator.escalation.memory import MemoryAlerts, MemoryThrottles
from simulator.escalation.model import Clock, Escalations, Outside

#: The alert's own id, which nobody sees.
ALERT_ID = "preview"
#: Of what happens, what says nothing about the policy.
_UNSAID = frozenset({"raised", "escalation-started", "planned"})


@dataclass(frozen=True)
class Line:
    """One thing that happens, so many seconds after the alert. What does not apply is empty.

    `what` is as on an alert's timeline: `told`, `waiting` (quiet hours, a silence), `not-told`, `held-back`,
    `acknowledged`, `acknowledgement-expired`, `exhausted`.
    """

    offset_seconds: int
    what: str
    step: str = ""
    to: str = ""
    through: str = ""
    detail: str = ""


@dataclass(frozen=True)
class About:
    """The watch that the alert is about, as silences see it."""

    device_id: str = "watch-001"
    rule_id: str = "heart-rate-high"
    site: str | None = None


@dataclass(frozen=True)
class Given(Configuration):
    """A configuration at hand: the same for every watch."""

    the_policy: EscalationPolicy
    the_roster: Roster
    the_overrides: Sequence[Override] = ()
    the_silences: Sequence[Silence] = ()
    the_site: str | None = None

    def policy(self, device_id: str) -> EscalationPolicy:
        return self.the_policy

    def site(self, device_id: str) -> str | None:
        return self.the_site

    def roster(self) -> Roster:
        return self.the_roster

    def overrides(self) -> Sequence[Override]:
        return self.the_overrides

    def silences(self) -> Sequence[Silence]:
        return self.the_silences


def preview(
    policy: EscalationPolicy,
    roster: Roster,
    overrides: Sequence[Override],
    silences: Sequence[Silence],
    severity: Severity,
    at: datetime,
    ack_after: int | None = None,
    about: About | None = None,
) -> list[Line]:
    """What happens about an alert that is raised at an instant and never clears, in order.

    Nobody answers; with `ack_after`, one person does so once, so many seconds after the alert. What follows from the
    expiry of that acknowledgement is foretold as well.
    """
    about = about or About()
    clock, alerts, nobody = Clock(at), MemoryAlerts(), _Nobody()
    deps: Dependencies

    def notify(event: dict[str, Any]) -> dict[str, Any]:
        return serve(parse(event), deps)

    escalations = Escalations(clock, alerts, notify, nobody)
    deps = Dependencies(
        alerts=alerts,
        throttles=MemoryThrottles(),
        configuration=Given(policy, roster, overrides, silences, about.site),
        channels={"topic": nobody, "sms": nobody, "pagerduty": nobody, "webhook": nobody},
        links=nobody,
        workflow=escalations,
        bus=nobody,
        measures=nobody,
        clock=clock.now,
    )
    began_ms = clock.now_ms
    alert = Alert(
        alert_id=ALERT_ID,
        device_id=about.device_id,
        rule_id=about.rule_id,
        severity=severity,
        title="An alert",
        started_at=began_ms,
        drill=False,
    )
    raised_at = clock.now().isoformat(timespec="milliseconds")
    raised = Raised(action="raised", alert=alert, raised_at=raised_at, event_id="raised", correlation_id=ALERT_ID)
    serve(raised, deps)
    escalations.begin(alert, raised_at=raised_at, correlation_id=ALERT_ID)
    answered = ack_after is None
    if ack_after is not None:
        acknowledge = Acknowledge(action="acknowledge", alert_id=ALERT_ID, acknowledged_by="somebody")

        def answer() -> None:
            nonlocal answered
            answered = True
            serve(acknowledge, deps)

        clock.after(ack_after, answer)
    while not answered or escalations.running() or _expires(alerts.get(ALERT_ID)):
        if answered and not escalations.running():
            # Acknowledged when all was over already: the auditor sees to its expiry, once a minute.
            clock.run(clock.now_ms + 60_000)
            audit_escalations(deps, alerts, escalations)
        else:
            clock.step()
    return [
        Line(
            int((datetime.fromisoformat(entry.at) - at) / timedelta(seconds=1)),
            entry.what,
            entry.step,
            entry.to,
            entry.through,
            entry.detail,
        )
        for entry in alerts.items[ALERT_ID].timeline
        if entry.what not in _UNSAID
    ]


def _expires(record: AlertRecord) -> bool:
    return record.status == "acknowledged" and record.acknowledgement_expiry_seconds > 0


class _Nobody(Messenger, Links, Bus, Measures, Outside):
    """Everybody whom an escalation could reach: nobody hears of it."""

    def send(self, message: Message, channel: Any) -> str:
        return "foretold"

    def acknowledgement(self, alert_id: str, recipient: str, key: str, now: datetime) -> str:
        return ""

    def publish(self, envelope: Envelope[Any]) -> None:
        pass

    def time(self, name: str, milliseconds: int, record: AlertRecord) -> None:
        pass

    def count(self, name: str, record: AlertRecord) -> None:
        pass

    def page_on_call(self, alert: Alert, execution_arn: str) -> str:
        return "foretold"

    def announce_exhausted(self, alert: Alert, execution_arn: str) -> None:
        pass
