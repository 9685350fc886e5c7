"""Which watches are silent: a pure decision over when each was last heard.

Nothing is written for a reading. Each instance of the function remembers whom it heard and hands that over now and
then; once a minute all of it is merged into the roster, and the roster is looked through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from smartwatch_contracts.device import is_drill, titled
from smartwatch_contracts.events import AlertClearedV1, TechnicalAlertRaisedV1
from smartwatch_contracts.ids import alert_id
from smartwatch_contracts.rules import RuleSet


@dataclass(frozen=True, slots=True)
class Heard:
    """When a watch was last heard, in milliseconds since 1970 by the broker's clock.

    `reading_at` is 0 before its first reading. `status` is the last it said of its connection: online, goodbye (it left
    on purpose) or lost (its last will).
    """

    reading_at: int = 0
    status: str | None = None
    status_at: int = 0

    def merged(self, other: Heard) -> Heard:
        later = self if self.status_at >= other.status_at else other
        return Heard(max(self.reading_at, other.reading_at), later.status, later.status_at)

    @property
    def last_at(self) -> int:
        return max(self.reading_at, self.status_at if self.status == "online" else 0)


@dataclass(frozen=True, slots=True)
class Attendance:
    """One watch in the roster. `silent_since` and `alert` are set while its alert is open."""

    heard: Heard
    alert: str | None = None
    silent_since: int | None = None


Roster = Mapping[str, Attendance]
SilenceEvent = TechnicalAlertRaisedV1 | AlertClearedV1


def merged(roster: Roster, heard: Mapping[str, Heard]) -> dict[str, Attendance]:
    """The roster with what was heard since."""
    made = dict(roster)
    for device_id, news in heard.items():
        known = made.get(device_id)
        made[device_id] = Attendance(news) if known is None else replace(known, heard=known.heard.merged(news))
    return made


def check(
    roster: Roster, rules_of: Callable[[str], RuleSet], now_ms: int, *, at_most: int | None = None
) -> tuple[dict[str, Attendance], list[SilenceEvent]]:
    """Who has fallen silent, who is back, and the roster after that.

    After `at_most` events the rest of the roster stays as it is, for another look: all may fall silent at once.
    """
    kept: dict[str, Attendance] = {}
    events: list[SilenceEvent] = []
    for device_id, known in roster.items():
        if at_most is not None and len(events) >= at_most:
            kept[device_id] = known
            continue
        watch, rules = known, rules_of(device_id)
        forgotten = rules.silence is None or now_ms - watch.heard.last_at > rules.silence.forget_seconds * 1000
        if watch.alert is not None and watch.silent_since is not None:
            if _is_over(watch.heard, watch.silent_since) or forgotten:
                events.append(_cleared(device_id, watch, rules, now_ms))
                watch = replace(watch, alert=None, silent_since=None)
        elif _is_silent(watch.heard, rules, now_ms):
            watch = replace(watch, alert=_alert_id(device_id, watch.heard, rules), silent_since=watch.heard.last_at)
            events.append(_raised(device_id, watch, rules))
        if watch.alert is not None or not forgotten:
            kept[device_id] = watch
    return kept, events


def _is_over(heard: Heard, silent_since: int) -> bool:
    """A reading came, or the watch was found and put away; that it is connected again says nothing of its sensor."""
    return heard.reading_at > silent_since or (heard.status == "goodbye" and heard.status_at > silent_since)


def _is_silent(heard: Heard, rules: RuleSet, now_ms: int) -> bool:
    if rules.silence is None or now_ms - heard.last_at > rules.silence.forget_seconds * 1000:
        return False
    left = heard.status_at >= heard.reading_at
    if left and heard.status == "goodbye":
        return False
    if left and heard.status == "lost" and now_ms - heard.status_at >= rules.silence.offline_seconds * 1000:
        return True
    return now_ms - heard.last_at >= rules.silence.after_seconds * 1000


def _alert_id(device_id: str, heard: Heard, rules: RuleSet) -> str:
    return alert_id(device_id, _silence(rules).id, heard.last_at)


def _silence(rules: RuleSet) -> Any:
    assert rules.silence is not None  # noqa: S101 (only such rule sets raise)
    return rules.silence


def _raised(device_id: str, watch: Attendance, rules: RuleSet) -> TechnicalAlertRaisedV1:
    silence = _silence(rules)
    return TechnicalAlertRaisedV1(
        alert_id=watch.alert or "",
        device_id=device_id,
        rule_id=silence.id,
        rule_set=rules.name,
        rule_set_version=rules.version,
        severity=silence.severity,
        title=titled(silence.title, device_id),
        started_at=watch.silent_since or 0,
        drill=is_drill(device_id),
    )


def _cleared(device_id: str, watch: Attendance, rules: RuleSet, now_ms: int) -> AlertClearedV1:
    return AlertClearedV1(
        alert_id=watch.alert or "",
        device_id=device_id,
        rule_id=rules.silence.id if rules.silence else "device-silent",
        started_at=watch.silent_since or 0,
        cleared_at=watch.heard.reading_at if watch.heard.reading_at > (watch.silent_since or 0) else now_ms,
        drill=is_drill(device_id),
    )
