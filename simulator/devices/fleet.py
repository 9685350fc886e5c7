"""Several watches on one clock, each with a person and a scenario of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.devices import payloads
from simulator.devices.physiology import Person, Vitals
from simulator.devices.scenarios import SCENARIOS, Scenario
from simulator.devices.watch import Watch


@dataclass(frozen=True)
class Glimpse:
    """One watch at one moment, for a view."""

    device_id: str
    scenario: str
    activity: str
    vitals: Vitals | None
    published: int
    connected: bool


class Wearer:
    """A person with a watch."""

    def __init__(self, watch: Watch, seed: int, scenario: Scenario = SCENARIOS["normal"]) -> None:
        self.watch = watch
        self.scenario = scenario
        self._person = Person(seed)
        self._last: Vitals | None = None
        self._last_timestamp = 0

    def measure(self, now_ms: int, seconds: float) -> None:
        """Live for `seconds` and send one reading, never two with one timestamp."""
        self._last = self.scenario.step(self._person, seconds)
        self._last_timestamp = max(now_ms, self._last_timestamp + 1)
        self.watch.publish(
            [
                payloads.reading(
                    self._last_timestamp,
                    heart_rate=self._last.heart_rate,
                    steps=self._last.steps,
                    spo2=self._last.spo2,
                )
            ]
        )

    def recover(self, scenario: Scenario, seed: int = 0) -> None:
        """Go on as somebody who is well, from one reading to the next."""
        self._person = Person(seed)
        self.scenario = scenario

    def glimpse(self) -> Glimpse:
        return Glimpse(
            self.watch.device_id,
            self.scenario.name,
            self._person.activity.value,
            self._last,
            self.watch.published,
            self.watch.connected,
        )


class Fleet:
    """Wearers who measure every `interval` seconds, in a thread, until stopped."""

    def __init__(self, wearers: Sequence[Wearer], interval: float) -> None:
        self.wearers = list(wearers)
        self._interval = interval
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, flush_seconds: float = 10) -> int:
        """Stop measuring, wait for the broker, disconnect; the readings that it never acknowledged."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        unacknowledged = sum(wearer.watch.flush(flush_seconds) for wearer in self.wearers)
        for wearer in self.wearers:
            wearer.watch.stop()
        return unacknowledged

    @property
    def published(self) -> int:
        return sum(wearer.watch.published for wearer in self.wearers)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            # Whole seconds where the interval has them: the plain form of the contract.
            now_ms = int(time.time() * 1000)
            if self._interval >= 1:
                now_ms -= now_ms % 1000
            for wearer in self.wearers:
                wearer.measure(now_ms, self._interval)
            due += self._interval
            self._stopping.wait(max(0.0, due - time.monotonic()))
