"""Heart rate that a FIT file keeps apart from its records, in `hr` messages.

Straps that store while there is no connection (swimming) write beats with a clock of their own, in 1/1024 s: the first
message, the anchor, tells one of its ticks (`event_timestamp`) and the moment that it stands for (`timestamp` and
`fractional_timestamp`); those that follow pack the lowest 12 bits of each tick (`event_timestamp_12`), so a tick below
the one before it has begun the next 4,096. `filtered_bpm` has one heart rate for each tick.

The rule is that of Garmin's FIT SDK (`merge_heart_rates`, `HrToRecordMesgs`): a heart rate holds for at most 5 s, in
steps of 250 ms, until the next one; a record gets the mean of what lies after the record before it, up to itself. Here
the interval is always one second, also where records are further apart: at one record a second the two agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from simulator.devices.recordings.numbers import rounded

TICKS_PER_SECOND = 1024

#: The event clock is 32 bits wide.
CLOCK_TICKS = 1 << 32

#: How heart rates are held between two of them (FIT SDK, `expand_heart_rates`).
STEP_SECONDS = 0.25
MOST_STEPS_HELD = 20


class HrMessages:
    """The heart rates of one FIT file's `hr` messages, by the second."""

    def __init__(self) -> None:
        self._anchor: tuple[float, int] | None = None
        self._ticks = 0
        self._last: tuple[float, int] | None = None
        #: Second since 1970 → sum and number of the heart rates in it above zero.
        self._seconds: dict[int, tuple[int, int]] = {}

    def take(
        self, moment: float | None, ticks: Sequence[int], packed: bytes, heart_rates: Sequence[int | None]
    ) -> bool:
        """Take one message; False where it comes before any anchor, so that nobody knows its time.

        `moment` is in seconds since 1970 and makes the message an anchor, `ticks` are `event_timestamp` as it stands in
        the file, `packed` is `event_timestamp_12`, `heart_rates` are `filtered_bpm`.
        """
        if ticks:
            self._ticks = ticks[-1]
            if moment is not None:
                self._anchor = (moment, ticks[0])
        if self._anchor is None:
            return False
        anchored_at, anchor = self._anchor
        for tick, heart_rate in zip([*ticks, *self._unpacked(packed)], heart_rates, strict=False):
            if heart_rate is not None:
                self._hold_until(anchored_at + _ticks_between(anchor, tick) / TICKS_PER_SECOND, heart_rate)
        return True

    def heart_rates(self) -> Iterator[tuple[int, int]]:
        """Whole seconds since 1970, ascending, with the mean heart rate of the second that ends there."""
        for second in sorted(self._seconds):
            total, count = self._seconds[second]
            yield second, rounded(total / count) if count else 0

    def _unpacked(self, packed: bytes) -> Iterator[int]:
        bits = int.from_bytes(packed, "little")
        for index in range(len(packed) * 8 // 12):
            low = bits >> (12 * index) & 0xFFF
            self._ticks = (self._ticks + ((low - self._ticks) & 0xFFF)) % CLOCK_TICKS
            yield self._ticks

    def _hold_until(self, moment: float, heart_rate: int) -> None:
        if self._last is not None:
            held_from, held = self._last
            gap, step = moment - held_from, 1
            while gap > STEP_SECONDS and step <= MOST_STEPS_HELD:
                self._add(held_from + step * STEP_SECONDS, held)
                gap -= STEP_SECONDS
                step += 1
        self._last = (moment, heart_rate)
        self._add(moment, heart_rate)

    def _add(self, moment: float, heart_rate: int) -> None:
        second = math.ceil(moment)
        total, count = self._seconds.get(second, (0, 0))
        # Zero means that there was no signal: it says nothing of the beats around it.
        self._seconds[second] = (total + heart_rate, count + (heart_rate > 0))


def _ticks_between(anchor: int, tick: int) -> int:
    """From one state of the clock to another; negative where the other is the earlier, by less than half its range."""
    half = CLOCK_TICKS // 2
    return (tick - anchor + half) % CLOCK_TICKS - half
