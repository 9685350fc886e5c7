"""The conditions that scenarios are labelled with, in words that do not depend on any rule set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Signal = Literal["heart_rate", "spo2"]


@dataclass(frozen=True)
class Condition:
    """What can be wrong with a person or a watch.

    `signs` are what a rule must look at to be about it: `heartRate above`, `fault no-signal heartRate` and the like.
    `rule` is the built-in rule that is meant for it. `signal` is the vital that a scenario's own limit refers to.
    """

    name: str
    title: str
    signs: frozenset[str]
    rule: str
    technical: bool = False
    signal: Signal | None = None


def _vital(name: str, title: str, rule: str, signal: Signal | None, *signs: str) -> Condition:
    return Condition(name, title, frozenset(signs), rule, signal=signal)


def _technical(name: str, title: str, *signs: str) -> Condition:
    return Condition(name, title, frozenset(signs), name, technical=True)


HIGH_AT_REST = _vital("high-at-rest", "Tachycardia at rest", "heart-rate-high-at-rest", "heart_rate", "heartRate above")
HIGH_FOR_EFFORT = _vital(
    "high-for-effort", "High for the effort", "heart-rate-high-for-effort", "heart_rate", "heartRate above"
)
BEYOND_MAXIMUM = _vital(
    "beyond-maximum", "Beyond the maximum", "heart-rate-beyond-maximum", "heart_rate", "heartRate above"
)
LOW = _vital("low", "Bradycardia", "heart-rate-low", "heart_rate", "heartRate below")
LOW_ASLEEP = _vital("low-asleep", "Very low in sleep", "heart-rate-low-asleep", "heart_rate", "heartRate below")
FALLING = _vital("falling", "Falls fast", "heart-rate-falling", "heart_rate", "heartRate falls", "heartRate below")
DESATURATION = _vital("desaturation", "Desaturation", "spo2-low", "spo2", "spo2 below")
HEART_AND_OXYGEN = _vital(
    "heart-and-oxygen", "Heart and oxygen together", "heart-and-oxygen", None, "heartRate above", "spo2 below"
)
SENSOR_OFF = _technical("sensor-off", "Watch not worn", "fault off-wrist")
NO_HEART_RATE = _technical("no-heart-rate", "No heart rate signal", "fault no-signal heartRate")
NO_SPO2 = _technical("no-spo2", "No SpO2 signal", "fault no-signal spo2")
IMPLAUSIBLE_HEART_RATE = _technical("implausible-heart-rate", "Impossible heart rate", "fault implausible heartRate")
IMPLAUSIBLE_SPO2 = _technical("implausible-spo2", "Impossible SpO2", "fault implausible spo2")
BATTERY_LOW = _technical("battery-low", "Battery low", "battery below")
CLOCK_SKEW = _technical("clock-skew", "Clock wrong", "fault clock-skew")
DEVICE_SILENT = _technical("device-silent", "Watch silent", "fault silent")

CONDITIONS = (
    HIGH_AT_REST,
    HIGH_FOR_EFFORT,
    BEYOND_MAXIMUM,
    LOW,
    LOW_ASLEEP,
    FALLING,
    DESATURATION,
    HEART_AND_OXYGEN,
    SENSOR_OFF,
    NO_HEART_RATE,
    NO_SPO2,
    IMPLAUSIBLE_HEART_RATE,
    IMPLAUSIBLE_SPO2,
    BATTERY_LOW,
    CLOCK_SKEW,
    DEVICE_SILENT,
)
