"""The local cloud's process: `python -m simulator.cloud SETTINGS [PID-OF-OWNER]`. See `simulator.cloud.process`."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path

from simulator.cloud.mends import ORDER
from simulator.cloud.settings import ENDING, LOOPBACK, CloudSettings


def main() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    settings = CloudSettings.from_json(json.loads(Path(sys.argv[1]).read_text()))
    _enter_environment(settings)
    from ministack import app as ministack_app  # reads the environment when it is imported

    if not settings.stock:
        for name in ORDER:
            importlib.import_module(f"simulator.cloud.mends.{name}").install(settings)
    asyncio.run(_serve(settings, ministack_app.app, owner=int(sys.argv[2]) if len(sys.argv) > 2 else None))


def _enter_environment(settings: CloudSettings) -> None:
    """Set what MiniStack reads, and drop what would reach a real account, another endpoint, or the functions."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "POWERTOOLS_", "LAMBDA_"))]:
        del os.environ[name]
    os.environ.update(settings.environment())
    for variable in ("TMPDIR", "STATE_DIR", "S3_DATA_DIR"):
        Path(os.environ[variable]).mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = None  # computed again from TMPDIR


async def _serve(settings: CloudSettings, app: object, owner: int | None) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = loop.create_task(_end_with(owner, stop)) if owner is not None else None
    config = Config()
    config.bind = [f"{LOOPBACK}:{settings.api_port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.5
    config.loglevel = "WARNING"
    try:
        await serve(app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    finally:
        if watching is not None:
            watching.cancel()
        _stop_workers()


async def _end_with(owner: int, stop: asyncio.Event) -> None:
    """A killed owner leaves its children to another parent."""
    while os.getppid() == owner:
        await asyncio.sleep(1)
    stop.set()


def _stop_workers() -> None:
    """End the Lambda worker processes; MiniStack leaves them to the operating system."""
    from ministack.core import lambda_runtime

    try:
        lambda_runtime.reset()
    except Exception:
        logging.getLogger(__name__).exception("stopping the Lambda workers")


if __name__ == "__main__":
    main()
