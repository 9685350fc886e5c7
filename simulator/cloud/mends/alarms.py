"""Metric alarms.

Stock pools every dimension of a metric, takes all periods as one, ignores `DatapointsToAlarm`, `Unit` and
`TreatMissingData`, and looks only when somebody puts data. CloudWatch evaluates each period of the alarm's own metric,
all the time. The period is the alarm's; here the one that is still running counts as soon as it has data.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html

Stock also tells every topic. CloudWatch can't publish to one whose policy shuts it out, nor to one encrypted with the
AWS-managed key of SNS. A topic's default policy lets it in.
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from simulator.cloud import permissions
from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

_SERVICE = "cloudwatch.amazonaws.com"
_AWS_MANAGED_KEY = "alias/aws/sns"
_DEFAULT_POLICY = "__default_policy_ID"

_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}

_COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (lambda value, threshold: value >= threshold, "greater than or equal to"),
    "GreaterThanThreshold": (lambda value, threshold: value > threshold, "greater than"),
    "LessThanOrEqualToThreshold": (lambda value, threshold: value <= threshold, "less than or equal to"),
    "LessThanThreshold": (lambda value, threshold: value < threshold, "less than"),
}


def install(settings: CloudSettings) -> None:
    from ministack.services import cloudwatch, sns

    require(cloudwatch, "_alarms", "_metrics", "_dims_key", "_calc_stats", "_stat_value", "_evaluate_all_alarms")
    require(cloudwatch, "_record_history", "_dispatch_alarm_actions", "_evaluate_parent_alarms")
    require(sns, "_topic_by_arn_any_scope")
    replace(cloudwatch, "_evaluate_alarm", lambda _: evaluate)
    replace(cloudwatch, "_dispatch_alarm_actions", _to_topics_that_take_it)
    threading.Thread(target=_watch, args=(settings.metric_period_seconds,), name="alarms", daemon=True).start()


def _watch(period: float) -> None:
    from ministack.core.responses import request_scope
    from ministack.services import cloudwatch

    while True:
        for account, region in {(account, region) for (account, region, _), _ in cloudwatch._alarms.all_items()}:
            with request_scope(account, region):
                for alarm in cloudwatch._alarms.values():
                    try:
                        evaluate(alarm)
                    except Exception:
                        logger.exception("alarm %s", alarm.get("AlarmName"))
        time.sleep(period)


_evaluating = threading.RLock()


def evaluate(alarm: dict[str, Any]) -> None:
    """Bring an alarm's state up to date; a change goes to its actions and its history."""
    from ministack.services import cloudwatch

    if not alarm.get("Namespace") or not alarm.get("MetricName") or alarm.get("ComparisonOperator") not in _COMPARISONS:
        return
    with _evaluating:
        old = alarm["StateValue"]
        new, reason = state(alarm, datapoints(alarm, time.time()))
        if new == old:
            return
        alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def datapoints(alarm: dict[str, Any], now: float) -> list[float | None]:
    """The alarm's statistic in each period that it looks at, newest first; None where there is no data."""
    from ministack.services import cloudwatch

    period = int(alarm.get("Period") or 60)
    count = int(alarm.get("EvaluationPeriods") or 1)
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm.get("Dimensions") or []}
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    unit = alarm.get("Unit")
    points = [point for point in list(cloudwatch._metrics.get(key) or []) if not unit or point["Unit"] == unit]
    running = now // period * period
    values = [
        _statistic(alarm, [p for p in points if start <= p["Timestamp"] < start + period])
        for start in (running - number * period for number in range(count + 1))
    ]
    return values[:count] if values[0] is not None else values[1:]


def _statistic(alarm: dict[str, Any], points: list[dict[str, Any]]) -> float | None:
    from ministack.services import cloudwatch

    if not points:
        return None
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    value = cloudwatch._stat_value(cloudwatch._calc_stats(points), name, points)
    return None if value is None else float(value)


def state(alarm: dict[str, Any], values: list[float | None]) -> tuple[str, str]:
    """The state that `values` put an alarm in, and why."""
    breaches, words = _COMPARISONS[alarm["ComparisonOperator"]]
    threshold = float(alarm.get("Threshold") or 0)
    missing = alarm.get("TreatMissingData") or "missing"
    needed = int(alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods") or 1)
    known = [value for value in values if value is not None]
    if not known and missing == "missing":
        return "INSUFFICIENT_DATA", "Insufficient Data: no datapoints were received."
    if not known and missing == "ignore":
        return alarm["StateValue"], alarm.get("StateReason", "")
    breaching = sum(breaches(value, threshold) for value in known)
    if missing == "breaching":
        breaching += len(values) - len(known)
    shown = ", ".join("no datapoint" if value is None else f"{value:g}" for value in values)
    reason = (
        f"Threshold Crossed: {breaching} out of the last {len(values)} datapoints [{shown}] "
        f"were {words} the threshold ({threshold:g}); {needed} are needed for ALARM."
    )
    return ("ALARM" if breaching >= needed else "OK"), reason


def _to_topics_that_take_it(original: Callable[..., None]) -> Callable[..., None]:
    def dispatch(alarm: dict[str, Any], old: str, new: str, reason: str) -> None:
        field = _ACTIONS[new]
        taken = [action for action in alarm.get(field) or [] if not _refused(alarm, action)]
        original({**alarm, field: taken}, old, new, reason)

    return dispatch


def _refused(alarm: dict[str, Any], action: str) -> bool:
    from ministack.services import sns

    topic = sns._topic_by_arn_any_scope(action) if ":sns:" in action else None
    if topic is None:
        return False
    refusal: str | None = None
    if str(topic["attributes"].get("KmsMasterKeyId", "")).endswith(_AWS_MANAGED_KEY):
        refusal = f"{_AWS_MANAGED_KEY} does not let CloudWatch encrypt"
    elif _DEFAULT_POLICY not in topic["attributes"].get("Policy", ""):
        refusal = permissions.topic_refusal(topic, _SERVICE, alarm["AlarmArn"])
    if refusal:
        logger.error("alarm %s can't tell %s: %s", alarm["AlarmName"], action, refusal)
    return refusal is not None
