"""The MQTT listener for devices.

Stock takes a connection without a client certificate, says nothing of a failed handshake, listens on every interface,
only logs a port that is taken, and never ends a connection whose client has gone silent. AWS demands a certificate, and
disconnects a client that sends nothing for one and a half keep-alive intervals (MQTT 3.1.1, 3.1.2.10), which then
publishes its last will. On some Pythons (3.11.2) stock also loses the first bytes of every connection: its pause is
undone by asyncio in the same turn of the loop.
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
    require(iot, "_mtls_context", "_mtls_upgrades", "_mtls_handle_conn")

    async def start() -> None:
        if iot._mtls_server is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            iot._mtls_server = await loop.create_server(_Acceptor, host=LOOPBACK, port=settings.mqtt_port)
        except OSError as error:
            logger.critical("port %d for MQTT is taken: %s", settings.mqtt_port, error)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        iot._mtls_loop = loop

    replace(iot, "_mtls_start_locked", lambda _: start)
    replace(iot, "_mtls_build_ssl_context", _demanding_a_certificate)
    replace(iot, "_mtls_serve_conn", _ending_silent_connections)


class _Acceptor(asyncio.Protocol):
    """Accepts a connection, upgrades it to TLS and serves it. Until then its bytes stay in the kernel."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (a socket's)
        transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._begin, transport)

    def _begin(self, transport: asyncio.Transport) -> None:
        from ministack.services import iot

        # A pause holds only from here on: see above.
        transport.resume_reading()
        transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._upgrade(transport))
        iot._mtls_upgrades.add(task)
        task.add_done_callback(iot._mtls_upgrades.discard)

    @staticmethod
    async def _upgrade(transport: asyncio.Transport) -> None:
        from ministack.services import iot

        loop = asyncio.get_running_loop()
        context = await iot._mtls_context()
        if context is None or transport.is_closing():
            transport.abort()
            return
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        peer = transport.get_extra_info("peername")
        try:
            secured = await loop.start_tls(transport, protocol, context, server_side=True)
        except (OSError, ssl.SSLError) as error:
            logger.warning("IoT: the connection from %s is refused: %s", peer, error)
            transport.abort()
            return
        assert secured is not None  # noqa: S101 (None only for a transport that is closing)
        protocol.connection_made(secured)
        await iot._mtls_handle_conn(reader, asyncio.StreamWriter(secured, protocol, reader, loop))


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
