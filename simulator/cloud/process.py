"""Start, find and stop the local cloud's process. At most one cloud per home folder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from simulator.cloud.settings import ENDING, LOOPBACK, CloudSettings

#: Seconds from start to a ready API on a slow machine; typical is one.
START_DEADLINE_SECONDS = 60
#: Seconds between SIGTERM and SIGKILL.
STOP_DEADLINE_SECONDS = 8


class CloudError(RuntimeError):
    """The local cloud could not be started or found. One line, for a person."""


class PortTakenError(CloudError):
    """Something else listens on a port that the local cloud needs."""


@dataclass(frozen=True)
class RunningCloud:
    """A local cloud that answers: its settings and its process id."""

    settings: CloudSettings
    pid: int


def start(settings: CloudSettings, *, owned: bool = False) -> RunningCloud:
    """Start a local cloud and wait until it answers. One that is `owned` ends with this process, even a killed one.

    Errors: `PortTakenError`; `CloudError` when one already runs in this home, or when it does not come up.
    """
    if find(settings.home) is not None:
        raise CloudError(f"a local cloud already runs in {settings.home}; `smartwatch down` stops it")
    _refuse_taken_ports(settings)
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings_file = settings.home / "settings.json"
    settings_file.write_text(json.dumps(settings.to_json()))
    log_file = settings.home / "cloud.log"
    # A signal that came while the child runs and is not yet known here would leave it behind: it waits for a moment.
    # The child takes its signals again in `simulator.cloud.__main__`.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    process: subprocess.Popen[bytes] | None = None
    try:
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "simulator.cloud", str(settings_file), *([str(os.getpid())] if owned else [])],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=Path(__file__).resolve().parents[2],
            )
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        (settings.home / "cloud.json").write_text(json.dumps({"pid": process.pid, "settings": settings.to_json()}))
        _wait_until_ready(settings, process, log_file)
    except BaseException:  # whoever is interrupted while waiting leaves nothing behind either
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if process is not None:
            _end(process.pid)
        _forget(settings.home)
        raise
    return RunningCloud(settings, process.pid)


def _wait_until_ready(settings: CloudSettings, process: subprocess.Popen[bytes], log_file: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE_SECONDS
    while not _ready(settings):
        if process.poll() is not None:
            raise CloudError(f"the local cloud did not start: {_last_line(log_file)} (all of it: {log_file})")
        if time.monotonic() > deadline:
            raise CloudError(f"the local cloud did not answer in {START_DEADLINE_SECONDS} s; see {log_file}")
        time.sleep(0.05)


def find(home: Path) -> RunningCloud | None:
    """The cloud that runs in `home`, or None. A record left by a killed one is removed."""
    try:
        record = json.loads((home / "cloud.json").read_text())
        settings, pid = CloudSettings.from_json(record["settings"]), int(record["pid"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if _alive(pid):
        return RunningCloud(settings, pid)
    _forget(home)
    return None


def stop(home: Path) -> bool:
    """Stop the cloud that runs in `home`, with every process it started; False when none runs."""
    running = find(home)
    if running is None:
        return False
    _end(running.pid)
    _forget(home)
    return True


def _end(pid: int) -> None:
    _signal_group(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_DEADLINE_SECONDS
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    _signal_group(pid, signal.SIGKILL)  # whatever is left of the group, worker processes too
    _reap(pid)


def _refuse_taken_ports(settings: CloudSettings) -> None:
    for name, port, kind in (
        ("--port", settings.api_port, socket.SOCK_STREAM),
        ("--mqtt-port", settings.mqtt_port, socket.SOCK_STREAM),
        ("--xray-port", settings.xray_port, socket.SOCK_DGRAM),
    ):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                raise PortTakenError(f"port {port} is taken; choose another with {name}") from error


def _ready(settings: CloudSettings) -> bool:
    try:
        with urllib.request.urlopen(f"{settings.endpoint}/_ministack/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _alive(pid: int) -> bool:
    _reap(pid)
    try:
        return b"simulator.cloud" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # the latter when it ends between our two steps
        if Path("/proc").is_dir():
            return False
    try:  # no /proc (macOS)
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _reap(pid: int) -> None:
    """Collect the process if it is our child, so that a dead one is not taken for a live one."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _forget(home: Path) -> None:
    (home / "cloud.json").unlink(missing_ok=True)


def _last_line(log_file: Path) -> str:
    lines = log_file.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
