"""What may befall the wearer of a watch, by name. The same name, seed and interval give the same readings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.devices.physiology import Activity, Person, Vitals

#: The body of an emergency changes faster than that of an athlete.
EMERGENCY_SECONDS = 2.0


class UnknownScenarioError(ValueError):
    """There is no scenario of that name."""


@dataclass(frozen=True)
class Scenario:
    """What happens once the onset has come: one step of the person's life."""

    name: str
    description: str
    step: Callable[[Person, float], Vitals]


def _rest(person: Person, seconds: float) -> Vitals:
    return person.do(Activity.REST, seconds)


def _tachycardia(person: Person, seconds: float) -> Vitals:
    return person.tend_to(176, 0, seconds, time_constant=EMERGENCY_SECONDS)


def _bradycardia(person: Person, seconds: float) -> Vitals:
    return person.tend_to(31, 0, seconds, time_constant=EMERGENCY_SECONDS)


def _desaturation(person: Person, seconds: float) -> Vitals:
    vitals = person.do(Activity.REST, seconds)
    return Vitals(vitals.heart_rate + 12, vitals.spo2 - 13, vitals.steps)


def _sensor_off(person: Person, seconds: float) -> Vitals:
    person.do(Activity.REST, seconds)
    return Vitals(heart_rate=0, spo2=0, steps=0)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("normal", "An ordinary day: rest and walks.", Person.live),
        Scenario("rest", "Sits still.", _rest),
        Scenario("tachycardia", "The heart races at rest, far above 150 bpm.", _tachycardia),
        Scenario("bradycardia", "The heart slows to about 31 bpm.", _bradycardia),
        Scenario("desaturation", "Oxygen saturation falls to about 85 %.", _desaturation),
        Scenario("sensor-off", "The watch is taken off: zeros, which mean no signal.", _sensor_off),
    )
}


def named(name: str) -> Scenario:
    """The scenario of that name. Errors: `UnknownScenarioError`, naming the ones there are."""
    try:
        return SCENARIOS[name]
    except KeyError:
        raise UnknownScenarioError(f"no scenario {name!r}; there are {', '.join(sorted(SCENARIOS))}") from None
