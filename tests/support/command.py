"""The `smartwatch` command as a person runs it: a process, with a home and ports of its own and no AWS account."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.clouds import free_port
from tests.support.project import ROOT


@dataclass(frozen=True)
class Process:
    """One process at one moment."""

    pid: int
    command_line: str

    @property
    def is_function(self) -> bool:
        """Whether a Lambda function runs in it."""
        return "ministack-lambda-" in self.command_line

    @property
    def is_cloud(self) -> bool:
        return "simulator.cloud" in self.command_line


class Command:
    """`smartwatch` with one home; nothing else of the environment than what is given."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self._more = environment

    def with_environment(self, **environment: str) -> Command:
        return Command(self.home, **self._more, **environment)

    def __call__(self, *arguments: object, within: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._words(arguments),
            env=self._environment(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
        )

    def json(self, *arguments: object, within: float = 60) -> dict[str, Any]:
        """The one JSON object that standard output holds. The command must succeed."""
        ended = self(*arguments, "--json", within=within)
        assert ended.returncode == 0, ended.stderr
        answer = json.loads(ended.stdout)
        assert isinstance(answer, dict)
        return answer

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """The process, which the caller ends."""
        return subprocess.Popen(
            self._words(arguments),
            env=self._environment(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A test run that a shell started in the background ignores SIGINT, and so would its children.
            preexec_fn=_heed_interrupts,
        )

    def processes(self) -> list[Process]:
        """Every process that has this home in its environment or on its command line, by /proc."""
        wanted = str(self.home).encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command_line, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
            except OSError:  # ended meanwhile, or somebody else's
                continue
            if wanted in command_line or wanted in environment:
                found.append(Process(int(folder.name), command_line.replace(b"\0", b" ").decode()))
        return found

    def _words(self, arguments: tuple[object, ...]) -> list[str]:
        return [str(Path(sys.executable).parent / "smartwatch"), *map(str, arguments)]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),  # no AWS configuration either
            "SMARTWATCH_HOME": str(self.home),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self._more,
        }


def free_ports() -> list[str]:
    """The options that give a local cloud ports of its own."""
    return [
        *("--port", str(free_port())),
        *("--mqtt-port", str(free_port())),
        *("--xray-port", str(free_port(socket.SOCK_DGRAM))),
    ]


def usage_error(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line in which a command says why it could not do what it was asked, after whatever progress it made."""
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("· ")]
    assert len(lines) == 1, ended.stderr
    return lines[0]


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
