"""The local cloud's process: at most one in a home, and nothing left of one that ended, however it did."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.cloud import process
from tests.support.clouds import eventually
from tests.support.command import Command, free_ports, usage_error

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc")

NONE_RUNS = "smartwatch: no local cloud runs; `smartwatch up` starts one (or name a stack on AWS with --stack)"


@pytest.fixture
def smartwatch(tmp_path: Path) -> Iterator[Command]:
    yield Command(tmp_path)
    process.stop(tmp_path / "cloud")


def up(smartwatch: Command) -> int:
    """The process id of a cloud with the stack on it and a function at work."""
    started = smartwatch("up", *free_ports())
    assert started.returncode == 0, started.stderr
    sent = smartwatch("simulate", "--duration", "1", "--interval", "0.5")
    assert sent.returncode == 0, sent.stderr
    eventually(lambda: any(p.is_function for p in smartwatch.processes()))
    running = process.find(smartwatch.home / "cloud")
    assert running is not None
    return running.pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cloud_that_is_told_to_end_takes_its_functions_with_it(smartwatch: Command, number: signal.Signals) -> None:
    os.kill(up(smartwatch), number)

    eventually(lambda: not smartwatch.processes())
    assert usage_error(smartwatch("status")) == NONE_RUNS


def test_after_a_cloud_was_killed_none_runs_and_the_next_one_starts_and_stops(smartwatch: Command) -> None:
    killed = up(smartwatch)
    os.kill(killed, signal.SIGKILL)

    assert usage_error(smartwatch("status")) == NONE_RUNS
    eventually(lambda: not smartwatch.processes())

    assert up(smartwatch) != killed
    assert smartwatch("down").stdout == "The local cloud is stopped.\n"
    assert smartwatch.processes() == []
    assert smartwatch("down").stdout == "No local cloud runs.\n"
