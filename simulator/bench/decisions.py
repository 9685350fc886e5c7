"""What a decision costs: microseconds a reading, beside parsing the same readings (`make bench`).

Each figure is the median of several rounds, with the fastest and the slowest beside it. The baseline is what any
consumer of the event must do first: `json.loads` of the same readings as the bus carries them.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evaluate import rule_files
from evaluate.compiled import CompiledRules, compiled
from evaluate.domain import evaluate
from evaluate.episodes import DeviceState
from evaluate.observations import Observation, observed
from rich.console import Console
from rich.table import Table
from smartwatch_contracts.events import Reading

ROUNDS = 15
READINGS = 300
T0 = 1_700_000_000_000


@dataclass(frozen=True)
class Figure:
    """Microseconds a reading over all rounds; `ratio` to the baseline's median."""

    name: str
    median: float
    fastest: float
    slowest: float
    ratio: float


def figures() -> list[Figure]:
    """Every figure, the baseline first."""
    received_at = T0 + READINGS * 1000
    calm = [Reading(timestamp=T0 + n * 1000, heart_rate=70 + n % 5, spo2=97, steps=0) for n in range(READINGS)]
    recent = calm[-200:]
    wire = json.dumps([json.loads(reading.to_json()) for reading in calm])
    rules = {name: compiled(rule_files.built_in(name)) for name in ("default", "simple")}
    work: dict[str, tuple[Callable[[], object], int]] = {
        "json.loads of the same readings": (lambda: json.loads(wire), READINGS),
        "is anything of it loud? (every reading)": (
            lambda: rules["default"].are_quiet(recent, received_at),
            len(recent),
        ),
    }
    for name, under in rules.items():
        for what, stream in _streams(calm, received_at).items():
            work[f"{name}: {what}"] = (_deciding(under, stream), len(stream))
    timed = {name: _timed(call, count) for name, (call, count) in work.items()}
    baseline = statistics.median(next(iter(timed.values())))
    return [
        Figure(name, statistics.median(times), min(times), max(times), statistics.median(times) / baseline)
        for name, times in timed.items()
    ]


def _streams(calm: Sequence[Reading], received_at: int) -> dict[str, list[Observation]]:
    """What a watch may send; only the loud ones come so far in the service, beside watches with something open."""

    def loud(heart_rate: int, activity: str | None = None) -> list[Observation]:
        return [
            Observation(reading.timestamp, received_at, heart_rate + n % 3, 97, 0, activity=activity)
            for n, reading in enumerate(calm)
        ]

    return {
        "calm, looked at all the same": observed(calm, received_at),
        "running at 150": loud(150, "running"),
        "something pending": loud(125),
        "an alert open": loud(175),
    }


def _deciding(rules: CompiledRules, stream: list[Observation]) -> Callable[[], object]:
    state = DeviceState("watch-001")
    return lambda: evaluate(rules, state, stream)


def _timed(call: Callable[[], object], count: int) -> list[float]:
    call()
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) / count * 1e6)
    return times


def main() -> None:
    found = figures()
    if "--json" in sys.argv[1:]:
        sys.stdout.write(json.dumps({"unit": "µs a reading", "figures": [vars(figure) for figure in found]}) + "\n")
        return
    table = Table("what", "µs a reading", "fastest-slowest", "of json.loads", title="Decisions of evaluate")
    for figure in found:
        table.add_row(
            figure.name,
            f"{figure.median:.2f}",
            f"{figure.fastest:.2f}-{figure.slowest:.2f}",
            f"{figure.ratio:.2f} ×",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
