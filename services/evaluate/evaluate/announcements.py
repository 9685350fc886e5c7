"""What people must be told so that what the platform knows of a watch's episodes is true."""

from __future__ import annotations

from bisect import insort
from dataclasses import replace
from typing import Any

from smartwatch_contracts.device import is_drill, titled
from smartwatch_contracts.events import (
    AlertClearedV1,
    AlertRaisedV1,
    AlertSeverityChangedV1,
    TechnicalAlertRaisedV1,
)
from smartwatch_contracts.ids import alert_id

from evaluate.compiled import CompiledRule, CompiledRules
from evaluate.early_warning import band_of
from evaluate.episodes import Announced, DeviceState
from evaluate.machine import Episode

Announcement = AlertRaisedV1 | TechnicalAlertRaisedV1 | AlertSeverityChangedV1 | AlertClearedV1


def reconciled(
    rules: CompiledRules, state: DeviceState, episodes: list[Episode]
) -> tuple[tuple[Announced, ...], list[Announcement]]:
    """What is to be announced so that the platform knows the episodes as they are."""
    timed: list[tuple[int, int, Announcement]] = []
    announced: list[Announced] = []
    unmatched = list(state.announced)
    used = {alert.alert_id for alert in state.announced}

    def say(at: int, event: Announcement) -> None:
        insort(timed, (at, len(timed), event))

    for episode in episodes:
        rule = rules.by_id[episode.rule_id]
        same = [alert for alert in unmatched if alert.rule_id == episode.rule_id and _overlap(alert, episode)]
        for alert in same:
            unmatched.remove(alert)
        current = next((alert for alert in same if alert.cleared_at is None), None)
        ended_at = episode.ended_at or 0
        announced.extend(
            replace(other, cleared_at=max(other.cleared_at or 0, ended_at)) for other in same if other is not current
        )
        if current is None:
            if same and episode.ended_at is not None:
                continue
            # Announced as over, and not over after all: another alert, or nobody would hear of it.
            current = _new_alert(state.device_id, episode, again=bool(same), used=used)
            at = current.started_at if same else episode.opened_at
            say(at, _raised(rules, rule, state.device_id, current, episode))
        if episode.severity == "critical" and current.severity != "critical":
            at = episode.worsened_at or episode.opened_at
            say(at, _worse(rules, state.device_id, current, episode, at))
            current = replace(current, severity=episode.severity)
        if episode.ended_at is not None:
            current = replace(current, cleared_at=episode.ended_at)
            say(episode.ended_at, _cleared(state.device_id, current, episode.ended_at))
        announced.append(current)
    over: list[Announced] = []
    for alert in unmatched:
        if alert.cleared_at is None:
            at = state.recent[-1].at if state.recent else alert.started_at
            at = max(at, alert.started_at)
            alert = replace(alert, cleared_at=at)
            # First of all: what takes its place, if anything does, is told after it.
            say(-1, _cleared(state.device_id, alert, at, withdrawn=True))
        over.append(alert)
    horizon = state.checkpoint_at or 0
    # An alert is remembered as long as its episode is, and one without for as long as its readings may come again.
    kept = [*announced, *(alert for alert in over if (alert.cleared_at or 0) >= horizon)]
    kept.sort(key=lambda alert: (alert.started_at, alert.rule_id, alert.alert_id))
    return tuple(kept), [event for _, _, event in timed]


def _overlap(alert: Announced, episode: Episode) -> bool:
    return (episode.ended_at is None or alert.started_at <= episode.ended_at) and (
        alert.cleared_at is None or episode.started_at <= alert.cleared_at
    )


def _new_alert(device_id: str, episode: Episode, *, again: bool, used: set[str]) -> Announced:
    started_at = episode.unrecovered_at if again else episode.started_at
    severity = episode.severity if again else episode.opened_as
    made = alert_id(device_id, episode.rule_id, started_at)
    while made in used:
        started_at += 1
        made = alert_id(device_id, episode.rule_id, started_at)
    used.add(made)
    return Announced(made, episode.rule_id, started_at, severity)


def _raised(
    rules: CompiledRules, rule: CompiledRule, device_id: str, alert: Announced, episode: Episode
) -> Announcement:
    common: dict[str, Any] = {
        "alert_id": alert.alert_id,
        "device_id": device_id,
        "rule_id": alert.rule_id,
        "rule_set": rules.rule_set.name,
        "rule_set_version": rules.rule_set.version,
        "severity": alert.severity,
        "title": titled(rule.rule.title, device_id),
        "started_at": alert.started_at,
        "drill": is_drill(device_id),
    }
    if rule.technical:
        return TechnicalAlertRaisedV1(**common)
    value = episode.value or 0.0
    return AlertRaisedV1(
        **common,
        signal=rule.signal,
        value=value,
        early_warning_band=band_of(rule.signal, value, rules.person.spo2_scale),
    )


def _worse(rules: CompiledRules, device_id: str, alert: Announced, episode: Episode, at: int) -> AlertSeverityChangedV1:
    return AlertSeverityChangedV1(
        alert_id=alert.alert_id,
        device_id=device_id,
        rule_id=alert.rule_id,
        rule_set_version=rules.rule_set.version,
        severity=episode.severity,
        previous_severity=alert.severity,
        changed_at=at,
        drill=is_drill(device_id),
    )


def _cleared(device_id: str, alert: Announced, at: int, *, withdrawn: bool = False) -> AlertClearedV1:
    return AlertClearedV1(
        alert_id=alert.alert_id,
        device_id=device_id,
        rule_id=alert.rule_id,
        started_at=alert.started_at,
        cleared_at=at,
        drill=is_drill(device_id),
        withdrawn=withdrawn or None,
    )
