"""What one instance of the function remembers between events: recent quiet readings, and whom it heard.

A quiet reading is stored nowhere by evaluate. When a watch stops being quiet, the readings just before say whether its
wearer walked, and how fast a vital falls. Another instance of the function may have seen them: this is a help to the
rules that look back, and no rule depends on it to open an alert.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smartwatch_contracts.events import DevicePresenceChangedV1, Reading

from evaluate.observations import Observation, observed
from evaluate.presence import Heard

#: Readings that one instance remembers in all: some tens of megabytes at the most.
READINGS_KEPT = 50_000
#: How far back a watch's readings are remembered, in milliseconds: as far as a rule may look, and a little more.
KEPT_FOR_MS = 90_000
#: Watches heard before they are handed over in any case: an item of DynamoDB holds 400 KB, compressed here.
HEARD_AT_MOST = 20_000


@dataclass(frozen=True, slots=True)
class _Batch:
    """Readings as they came, received at one time; or observations (no time), which carry their own."""

    newest_at: int
    received_at: int | None
    readings: Sequence[Any]


class RecentReadings:
    """The latest readings of watches for which there was nothing to save."""

    def __init__(self, readings: int = READINGS_KEPT, kept_for_ms: int = KEPT_FOR_MS) -> None:
        self._most = readings
        self._kept_for_ms = kept_for_ms
        self._count = 0
        self._seen: OrderedDict[str, deque[_Batch]] = OrderedDict()

    def keep(
        self, device_id: str, readings: Sequence[Reading] | Sequence[Observation], received_at: int | None = None
    ) -> None:
        """Remember a batch: readings with the time of their receipt, or observations."""
        last = readings[-1]
        newest_at = last.at if isinstance(last, Observation) else last.timestamp
        batches = self._seen.setdefault(device_id, deque())
        batches.append(_Batch(newest_at, received_at, readings))
        self._count += len(readings)
        while newest_at - batches[0].newest_at > self._kept_for_ms:
            self._count -= len(batches.popleft().readings)
        self._seen.move_to_end(device_id)
        while self._count > self._most:
            _, forgotten = self._seen.popitem(last=False)
            self._count -= sum(len(batch.readings) for batch in forgotten)

    def take(self, device_id: str) -> list[Observation]:
        """What is remembered of a watch, and is forgotten now: from here on its alarm state remembers."""
        taken: list[Observation] = []
        for batch in self._seen.pop(device_id, ()):
            self._count -= len(batch.readings)
            if batch.received_at is None:
                newest = batch.newest_at
                taken.extend(seen for seen in batch.readings if newest - seen.at <= self._kept_for_ms)
            else:
                taken.extend(observed(batch.readings, batch.received_at))
        return taken


class RecentlyHeard:
    """Whom this instance heard since it last handed that over."""

    def __init__(self, *, seconds: float, watches: int = HEARD_AT_MOST) -> None:
        self._seconds = seconds
        self._watches = watches
        self._reading_at: dict[str, int] = {}
        self._status: dict[str, Heard] = {}
        self._due_at = float("-inf")

    def reading(self, device_id: str, received_at: int) -> None:
        """A batch of readings came. Costs the same for one reading as for a thousand."""
        self._reading_at[device_id] = received_at

    def presence(self, changed: DevicePresenceChangedV1) -> None:
        """A watch connected or left: worth handing over at once."""
        status = "online" if changed.status == "online" else changed.reason or "lost"
        news = Heard(0, status, changed.received_at)
        self._status[changed.device_id] = news.merged(self._status.get(changed.device_id, Heard()))
        self._due_at = float("-inf")

    def due(self, now: float) -> bool:
        """Whether it is time to hand over. `now` is in seconds, of any clock that never goes back."""
        return bool(self._reading_at or self._status) and (now >= self._due_at or len(self._reading_at) > self._watches)

    def waiting(self) -> dict[str, Heard]:
        """What is to be handed over."""
        heard = {device_id: Heard(at) for device_id, at in self._reading_at.items()}
        for device_id, status in self._status.items():
            heard[device_id] = status.merged(heard.get(device_id, Heard()))
        return heard

    def handed_over(self, now: float) -> None:
        """It is stored: forget it, and wait a while."""
        self._reading_at.clear()
        self._status.clear()
        self._due_at = now + self._seconds
