"""What platforms without episodes would have sent: a message for every reading beyond a limit, or for every crossing.

A zero is no reading here, so this is the least that they would have sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluate.compiled import CompiledRules
from evaluate.observations import Moment, Observation

from simulator.scoring.streams import Stream


@dataclass(frozen=True)
class Messages:
    """Messages to people."""

    per_reading: int = 0
    per_crossing: int = 0

    def __add__(self, other: Messages) -> Messages:
        return Messages(self.per_reading + other.per_reading, self.per_crossing + other.per_crossing)


def messages(rules: CompiledRules, stream: Stream) -> Messages:
    """The messages of every physiological rule with a plain limit, over the values as measured."""
    sent = Messages()
    for rule in rules.rules:
        band = rule.bands[0]
        if rule.technical or band.signal is None:
            continue
        per_reading = per_crossing = 0
        beyond = False
        for seen in sorted(stream.observations):
            truth = band.holds(_as_measured(seen))
            if truth is None:
                continue
            per_reading += truth
            per_crossing += truth and not beyond
            beyond = truth
        sent += Messages(per_reading, per_crossing)
    return sent


def _as_measured(seen: Observation) -> Moment:
    moment = Moment(seen.at, {})
    moment.heart_rate = seen.heart_rate or None
    moment.spo2 = seen.spo2 or None
    return moment
