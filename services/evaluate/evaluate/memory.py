"""What one instance of the function remembers between events: recent quiet readings, and whom it heard.

A quiet reading is stored nowhere by evaluate. When a watch stops being quiet, the readings just before say whether its
wearer walked, and how fast a vital falls. Another instance of the function may have seen them: this is a help to the
rules that look back, and no rule depends on it to open an alert.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

from smartwatch_contracts.events import DevicePresenceChangedV1, Reading

from evaluate.observations import Observation, observed
from evaluate.presence import Heard

#: Watches, and batches of each, that one instance remembers: some tens of megabytes at the most.
WATCHES = 4096
BATCHES = 12
#: Watches heard before they are handed over in any case: an item of DynamoDB holds 400 KB, compressed here.
HEARD_AT_MOST = 20_000


class RecentReadings:
    """The latest quiet batches of the watches seen last."""

    def __init__(self, watches: int = WATCHES, batches: int = BATCHES) -> None:
        self._watches = watches
        self._batches = batches
        self._seen: OrderedDict[str, deque[tuple[int, Sequence[Reading]]]] = OrderedDict()

    def keep(self, device_id: str, received_at: int, readings: Sequence[Reading]) -> None:
        """Remember a batch. Costs the same for one reading as for a thousand."""
        batches = self._seen.get(device_id)
        if batches is None:
            batches = self._seen[device_id] = deque(maxlen=self._batches)
            if len(self._seen) > self._watches:
                self._seen.popitem(last=False)
        batches.append((received_at, readings))

    def take(self, device_id: str) -> list[Observation]:
        """What is remembered of a watch, and is forgotten now: from here on its alarm state remembers."""
        return [seen for at, readings in self._seen.pop(device_id, ()) for seen in observed(readings, at)]


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
