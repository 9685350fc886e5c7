"""From the sports that files name to the activities of the device contract."""

from __future__ import annotations

import re
from functools import lru_cache

#: Activities whose cadence is strides a minute, one for each two steps (FIT profile, `record.cadence`).
ON_FOOT = frozenset({"running", "walking"})

#: Not a sport: what devices write when nobody told them (FIT profile, `sport` 0).
UNKNOWN = frozenset({"generic", "unknown", "none", "unspecified"})

#: Sports that have one of the words below in their names, and are none of those activities.
NEITHER = frozenset({"wheelchair", "horse", "motor"})

WORDS = {
    "running": frozenset({"run", "runs", "running", "trail", "jog", "jogging", "treadmill"}),
    "walking": frozenset({"walk", "walks", "walking", "hike", "hikes", "hiking"}),
    "cycling": frozenset({"bike", "biking", "cycle", "cycling", "bicycle", "bicycling", "ride", "ebike", "mtb"}),
    "sleeping": frozenset({"sleep", "sleeping", "asleep"}),
    "resting": frozenset({"rest", "resting", "sedentary", "sitting"}),
}


@lru_cache(maxsize=256)
def activity_of(sport: str | None) -> str | None:
    """The activity of a sport as any of the formats spells it (`trail_running`, `Biking`, `TraditionalHike`).

    A sport that is none of them is "other"; a missing name, a number or "generic" is None.
    """
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", sport or "").lower())
    if not words or UNKNOWN.issuperset(words):
        return None
    if NEITHER.isdisjoint(words):
        for activity, known in WORDS.items():
            if not known.isdisjoint(words):
                return activity
    return "other"
