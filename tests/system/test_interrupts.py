"""Whoever ends `smartwatch run`, at whatever moment, ends everything that it started."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulator.cloud import process
from tests.support.clouds import eventually
from tests.support.command import Command, Process, free_ports

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc")


@pytest.fixture
def smartwatch(tmp_path: Path) -> Iterator[Command]:
    yield Command(tmp_path)
    process.stop(tmp_path / "cloud")


def ended_at(
    smartwatch: Command, number: signal.Signals, moment: Callable[[list[Process]], bool]
) -> subprocess.CompletedProcess[str]:
    """A run that got a signal at a moment which its processes tell."""
    running = smartwatch.start(
        "run", "--json", "--watches", "2", "--interval", "0.2", "--duration", "60", *free_ports()
    )
    try:
        eventually(lambda: moment(smartwatch.processes()), within=60, every=0.02)
        running.send_signal(number)
        out, err = running.communicate(timeout=30)
    finally:
        running.kill()
    return subprocess.CompletedProcess(running.args, running.returncode, out, err)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_run_that_is_ended_in_mid_stream_leaves_no_process_behind(
    smartwatch: Command, number: signal.Signals, code: int
) -> None:
    ended = ended_at(smartwatch, number, lambda processes: any(p.is_function for p in processes))

    assert (ended.returncode, ended.stdout) == (code, "")
    assert "Traceback" not in ended.stderr
    assert smartwatch.processes() == []
    assert not (smartwatch.home / "cloud/cloud.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_while_its_cloud_starts_leaves_no_process_behind(
    smartwatch: Command, number: signal.Signals
) -> None:
    ended = ended_at(smartwatch, number, lambda processes: any(p.is_cloud for p in processes))

    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert smartwatch.processes() == []
