"""What a wearer sends: one reading a look, never two with one timestamp."""

from __future__ import annotations

from typing import Any

from simulator.devices.fleet import Wearer
from simulator.devices.scenarios import SCENARIOS
from tests.support.builders import T0


class Notebook:
    """Stands where a connected watch does, and notes what it is given."""

    device_id = "watch-001"
    connected = True

    def __init__(self) -> None:
        self.readings: list[dict[str, Any]] = []

    @property
    def published(self) -> int:
        return len(self.readings)

    def publish(self, readings: list[dict[str, Any]]) -> None:
        self.readings += readings


def test_two_looks_in_one_millisecond_are_two_timestamps() -> None:
    """The platform counts readings by their time: a second one at the same time would be the same one."""
    watch = Notebook()
    wearer = Wearer(watch, seed=1)  # type: ignore[arg-type]

    for _ in range(3):
        wearer.measure(T0, 1)

    assert [reading["timestamp"] for reading in watch.readings] == [1_700_000_000, T0 + 1, T0 + 2]


def test_a_clock_that_is_set_back_never_sends_a_watch_into_the_past() -> None:
    watch = Notebook()
    wearer = Wearer(watch, seed=1)  # type: ignore[arg-type]

    wearer.measure(T0 + 500, 1)
    wearer.measure(T0, 1)

    assert [reading["timestamp"] for reading in watch.readings] == [T0 + 500, T0 + 501]


def test_who_recovers_is_well_from_one_reading_to_the_next() -> None:
    watch = Notebook()
    wearer = Wearer(watch, seed=1, scenario=SCENARIOS["tachycardia"])  # type: ignore[arg-type]
    for second in range(20):
        wearer.measure(T0 + second * 1000, 1)
    assert watch.readings[-1]["heartRate"] > 150

    wearer.recover(SCENARIOS["normal"])
    wearer.measure(T0 + 20_000, 1)

    assert watch.readings[-1]["heartRate"] < 100
    assert wearer.glimpse().scenario == "normal"


def test_a_glimpse_shows_the_latest_look() -> None:
    wearer = Wearer(Notebook(), seed=1, scenario=SCENARIOS["sensor-off"])  # type: ignore[arg-type]
    assert wearer.glimpse().vitals is None

    wearer.measure(T0, 1)

    glimpse = wearer.glimpse()
    assert (glimpse.device_id, glimpse.scenario, glimpse.activity) == ("watch-001", "sensor-off", "rest")
    assert glimpse.vitals is not None
    assert (glimpse.vitals.heart_rate, glimpse.published, glimpse.connected) == (0, 1, True)
