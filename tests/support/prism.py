"""Prism: a server that somebody else wrote, which takes what an OpenAPI description allows and refuses the rest."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from tests.support.clouds import free_port
from tests.support.project import ROOT

INDEX = ROOT / ".node/node_modules/@stoplight/prism-cli/dist/index.js"


def node() -> str | None:
    """Node, where Prism is installed for it (`make test` does that)."""
    return shutil.which("node") if INDEX.exists() else None


@contextmanager
def running_prism(description: Path, log: Path, *, within: float = 60) -> Iterator[str]:
    """The URL of a Prism that serves the description, until the block ends. Errors: `TimeoutError`, with its log."""
    program = node()
    assert program is not None
    port = free_port()
    command = [program, str(INDEX), "mock", "--host", "127.0.0.1", "--port", str(port), "--errors", str(description)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + within
            while not _answers(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise TimeoutError(f"Prism does not answer: {log.read_text(errors='replace')}")
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(url: str) -> bool:
    try:
        urllib3.request("GET", url, timeout=1, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return True
