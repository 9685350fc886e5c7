"""Local clouds for tests: free ports, a temporary home, boto3 clients, and a poll with a deadline."""

from __future__ import annotations

import io
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from simulator.cloud import process
from simulator.cloud.settings import LOOPBACK, REGION, CloudSettings

T = TypeVar("T")


@dataclass
class TestCloud:
    """A running local cloud, and a boto3 client of each service on demand (as the account's root)."""

    __test__ = False
    settings: CloudSettings
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.settings.endpoint,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(inject_host_prefix=False, retries={"max_attempts": 1}, read_timeout=30),
            )
        return self._clients[service]

    def log(self) -> str:
        return (self.settings.home / "cloud.log").read_text(errors="replace")


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_cloud(home: Path, **changes: Any) -> Iterator[TestCloud]:
    settings = CloudSettings(
        home=home,
        api_port=free_port(),
        mqtt_port=free_port(),
        xray_port=free_port(socket.SOCK_DGRAM),
        metric_period_seconds=0.5,
        **changes,
    )
    process.start(settings)
    try:
        yield TestCloud(settings)
    finally:
        process.stop(home)


def eventually(probe: Callable[[], T], *, within: float = 15, every: float = 0.05) -> T:
    """The first truthy answer of `probe`; fails with its last answer when the deadline passes."""
    deadline = time.monotonic() + within
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {within} s; last answer: {answer!r}"
        time.sleep(every)


def function_zip(**sources: str) -> bytes:
    """A Lambda zip of Python modules, given as name=source."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, source in sources.items():
            archive.writestr(f"{name}.py", source)
    return buffer.getvalue()
