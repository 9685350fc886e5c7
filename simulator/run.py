"""The demonstration: watches stream, one of them goes into tachycardia, and everything that follows is followed."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from simulator import chain, timeline
from simulator.devices.fleet import Fleet, Glimpse, Wearer
from simulator.devices.scenarios import SCENARIOS
from simulator.devices.watch import Watch
from simulator.stack import Stack

#: When one watch goes into tachycardia, in seconds from the start; half-way through a shorter run.
ONSET_SECONDS = 15.0
#: How long readings may take to be stored, and escalations to end beyond their policy, before they count as lost.
STORE_SECONDS = 60.0
#: How much longer than its readings an alert may take to be seen.
ALERT_SECONDS = 3.0
ESCALATION_SLACK_SECONDS = 30.0

Say = Callable[[str], None]


@dataclass
class Picture:
    """What a view shows: refreshed while the run goes on."""

    watches: list[Glimpse] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    executions: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    published: int = 0


class Run:
    """One run over a stack: `start`, `look` as often as wanted, `finish`."""

    def __init__(self, stack: Stack, watches: int, interval: float, onset: float | None, say: Say) -> None:
        self._stack = stack
        self._interval = interval
        self._onset = onset
        self._say = say
        self._device_ids = [f"watch-{number:03d}" for number in range(1, watches + 1)]
        self._earlier_alerts: set[str] = set()
        self._earlier_messages = 0
        self._began_ms = 0
        self._began = 0.0
        self._fleet: Fleet | None = None

    def start(self) -> None:
        """Provision and connect the watches, and let them stream. Errors: `WatchError`."""
        self._earlier_alerts = {alert["alertId"] for alert in self._stack.alerts()}
        self._earlier_messages = len(self._messages())
        self._say(f"provisioning {len(self._device_ids)} watches")
        with ThreadPoolExecutor(8) as pool:
            identities = list(pool.map(self._stack.provision, self._device_ids))
        broker = self._stack.broker()
        watches = [Watch(identity, broker) for identity in identities]
        self._say(f"connecting them to {broker.host}:{broker.port} with their certificates")
        for watch in watches:
            watch.connect()
        self._fleet = Fleet([Wearer(watch, seed) for seed, watch in enumerate(watches, 1)], self._interval)
        # Whoever walks may have a fast heart: the emergency befalls somebody who sits.
        self._patient.scenario = SCENARIOS["rest"]
        self._began_ms = int(time.time()) * 1000
        self._began = time.monotonic()
        self._fleet.start()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def look(self) -> Picture:
        """The present picture; also where the onset happens when its time has come."""
        fleet = self._running()
        if self._onset is not None and self.seconds >= self._onset:
            self._patient.scenario = SCENARIOS["tachycardia"]
            self._say(f"{self._patient.watch.device_id} goes into tachycardia")
            self._onset = None
        alerts = self._new_alerts()
        arns = {alert["executionArn"] for alert in alerts if "executionArn" in alert}
        return Picture(
            watches=[wearer.glimpse() for wearer in fleet.wearers],
            alerts=[self._stack.alert(alert["alertId"]) for alert in alerts],
            executions=[e for e in self._stack.executions() if e["executionArn"] in arns],
            outbox=self._messages()[self._earlier_messages :],
            seconds=self.seconds,
            published=fleet.published,
        )

    def finish(self) -> dict[str, Any]:
        """Stop the watches, wait for what is on its way, and account for every reading."""
        fleet = self._running()
        self._say("stopping the watches")
        unacknowledged = fleet.stop()
        published = {wearer.watch.device_id: wearer.watch.published for wearer in fleet.wearers}
        self._say("waiting until every reading that the broker acknowledged is stored")
        stored = chain.poll(
            self._stored, lambda found: sum(found.values()) >= sum(published.values()), seconds=STORE_SECONDS
        )
        if self._onset is None:  # the emergency of the last second is stored, and no alert yet
            chain.poll(self._new_alerts, bool, seconds=ALERT_SECONDS)
        self._say("waiting for the escalations that run")
        chain.poll(self._unplanned, lambda count: count == 0, seconds=ESCALATION_SLACK_SECONDS)
        chain.poll(self._escalating, lambda count: count == 0, seconds=self._patience(), every=0.5)
        alerts = [self._stack.alert(alert["alertId"]) for alert in self._new_alerts()]
        arns = {alert["executionArn"] for alert in alerts if "executionArn" in alert}
        executions = [e for e in self._stack.executions() if e["executionArn"] in arns]
        return {
            "published": sum(published.values()),
            "stored": sum(stored.values()),
            "lost": sum(published.values()) - sum(stored.values()),
            "unacknowledged": unacknowledged,
            "quarantined": self._stack.quarantined(),
            "alerts": len(alerts),
            "executions": len(executions),
            "messages": [
                {"at": m["at"], "protocol": m["protocol"], "to": m["to"], "subject": m["subject"]}
                for m in self._messages()[self._earlier_messages :]
            ],
            "details": {
                "watches": [
                    {"deviceId": name, "published": count, "stored": stored[name]} for name, count in published.items()
                ],
                "alerts": alerts,
                "executions": executions,
            },
        }

    def abandon(self) -> None:
        """Stop the watches without an account."""
        if self._fleet is not None:
            with suppress(Exception):
                self._fleet.stop(flush_seconds=1)

    @property
    def _patient(self) -> Wearer:
        wearers = self._running().wearers
        return wearers[len(wearers) // 2]

    def _running(self) -> Fleet:
        if self._fleet is None:
            raise RuntimeError("the run has not started")
        return self._fleet

    def _stored(self) -> dict[str, int]:
        until = int(time.time() * 1000) + 1000
        return {
            name: chain.stored(self._stack, name, since_ms=self._began_ms, until_ms=until) for name in self._device_ids
        }

    def _new_alerts(self) -> list[dict[str, Any]]:
        return [alert for alert in self._stack.alerts() if alert["alertId"] not in self._earlier_alerts]

    def _messages(self) -> list[dict[str, Any]]:
        return self._stack.outbox() if self._stack.cloud else []

    def _unplanned(self) -> int:
        """Alerts whose escalation has yet to say how long it will take."""
        alerts = [self._stack.alert(alert["alertId"]) for alert in self._new_alerts() if alert["status"] == "open"]
        return sum(not timeline.plans(alert) for alert in alerts)

    def _escalating(self) -> int:
        return sum(chain.escalating(self._stack, alert) for alert in self._new_alerts())

    def _patience(self) -> float:
        """The policies of what runs, and some slack; nothing to wait for when nothing was raised."""
        alerts = [self._stack.alert(alert["alertId"]) for alert in self._new_alerts()]
        if not alerts:
            return 0.0
        planned = [made for alert in alerts for made in timeline.plans(alert)]
        plans = [plan for plan in map(self._stack.plan, planned) if plan is not None]
        return float(sum(map(timeline.seconds, plans))) + ESCALATION_SLACK_SECONDS
