"""The MQTT listener for devices.

Stock takes a connection without a client certificate, listens on every interface, only logs a port that is taken, and
never ends a connection whose client has gone silent. AWS demands a certificate, and disconnects a client that sends
nothing for one and a half keep-alive intervals (MQTT 3.1.1, 3.1.2.10), which then publishes its last will.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import LOOPBACK, CloudSettings

logger = logging.getLogger(__name__)

#: Seconds that a client has to send its CONNECT packet.
CONNECT_SECONDS = 30

#: AWS IoT Core's longest keep-alive; it takes longer ones, and 0, for this (AWS IoT quotas).
LONGEST_KEEP_ALIVE_SECONDS = 1200


def install(settings: CloudSettings) -> None:
    from ministack.services import iot

    require(iot, "_MtlsAcceptor", "_mtls_server", "_mtls_loop", "_mtls_close")

    async def start() -> None:
        if iot._mtls_server is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            iot._mtls_server = await loop.create_server(iot._MtlsAcceptor, host=LOOPBACK, port=settings.mqtt_port)
        except OSError as error:
            logger.critical("port %d for MQTT is taken: %s", settings.mqtt_port, error)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        iot._mtls_loop = loop

    replace(iot, "_mtls_start_locked", lambda _: start)
    replace(iot, "_mtls_build_ssl_context", _demanding_a_certificate)
    replace(iot, "_mtls_serve_conn", _ending_silent_connections)


def _demanding_a_certificate(original: Callable[[], ssl.SSLContext]) -> Callable[[], ssl.SSLContext]:
    def build() -> ssl.SSLContext:
        context = original()
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    return build


def _ending_silent_connections(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await original(_KeepAliveReader(reader), writer)

    return serve


class _KeepAliveReader:
    """A stream reader that gives up on a silent client. The `OSError` ends the session as a lost connection does."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._seconds: float = CONNECT_SECONDS
        self._connected = False

    async def read(self, count: int) -> bytes:
        try:
            data = await asyncio.wait_for(self._reader.read(count), self._seconds)
        except TimeoutError:
            raise ConnectionResetError("the client sent nothing for 1.5 keep-alive intervals") from None
        if data and not self._connected:
            self._connected = True
            self._seconds = 1.5 * _keep_alive_seconds(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


def _keep_alive_seconds(connect: bytes) -> int:
    """The keep-alive of a CONNECT packet: two bytes after protocol name, level and flags (MQTT 3.1.1, 3.1.2)."""
    position = 1
    while position < len(connect) and connect[position] & 0x80:
        position += 1
    name_length = int.from_bytes(connect[position + 1 : position + 3], "big")
    start = position + 3 + name_length + 2
    seconds = int.from_bytes(connect[start : start + 2], "big")
    return min(seconds or LONGEST_KEEP_ALIVE_SECONDS, LONGEST_KEEP_ALIVE_SECONDS)
