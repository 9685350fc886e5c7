"""One HTTPS request, sent once: what came back, or whether it may have arrived."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from ipaddress import ip_address

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import parse_url

from notify.ports import NotSentError, PerhapsSentError

#: In seconds: for a connection to stand, and for each wait for an answer.
CONNECT_TIMEOUT = 2.0
READ_TIMEOUT = 4.0
#: Of an answer that nobody needs whole, in bytes.
ANSWER_MAX_BYTES = 4096
USER_AGENT = "Smartwatch"


@dataclass(frozen=True)
class Answer:
    """What an endpoint said. `retry_after` is its Retry-After header, if that is a number of seconds."""

    status: int
    body: bytes = b""
    retry_after: float | None = None


class Poster:
    """Posts JSON. It follows no redirect, takes no proxy and tries nothing twice.

    urllib3's pools connect and send in one call, after which nobody can tell a failed handshake from a connection that
    broke under an answer. Here the connection stands before the first byte of the request is sent. And X-Ray, which
    records the URLs that `http.client` asks for, sees none of these: urllib3 writes its requests itself.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._tls = tls

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body`; whatever the endpoint answered, also when it refused.

        Errors: `NotSentError` when the request never went out, `PerhapsSentError` when it did and no answer came. Their
        text has the host at most: a path may be a secret.
        """
        connection, target = self._connection(url)
        try:
            try:
                connection.connect()
            except (OSError, HTTPError) as error:
                raise NotSentError(f"no connection to {connection.host}: {type(error).__name__}") from None
            connection.timeout = self._read_timeout
            if connection.sock is not None:
                connection.sock.settimeout(self._read_timeout)
            try:
                connection.request(
                    "POST",
                    target,
                    body=body,
                    headers={"Content-Type": "application/json", "User-Agent": USER_AGENT, **headers},
                    preload_content=False,
                    decode_content=False,
                )
                response = connection.getresponse()
            except (OSError, HTTPException, HTTPError) as error:
                raise PerhapsSentError(f"no answer from {connection.host}: {type(error).__name__}") from None
            try:
                said = response.read(ANSWER_MAX_BYTES)
            except (OSError, HTTPException, HTTPError):
                said = b""  # the status has said what counts
            return Answer(response.status, said, _seconds(response.headers.get("Retry-After")))
        finally:
            connection.close()

    def _connection(self, url: str) -> tuple[HTTPConnection, str]:
        """A connection that is not open yet, and what to ask it for. Errors: `NotSentError` for a URL of no use."""
        try:
            parsed = parse_url(url)
        except LocationParseError:
            raise NotSentError("the URL of the endpoint can't be read") from None
        if not parsed.host or parsed.auth:
            raise NotSentError("the URL of the endpoint has no host, or has a password in it")
        host = parsed.host.strip("[]")
        if parsed.scheme == "https":
            return (
                HTTPSConnection(host, parsed.port or 443, timeout=self._connect_timeout, ssl_context=self._tls),
                parsed.request_uri,
            )
        if parsed.scheme == "http" and _is_loopback(host):
            return HTTPConnection(host, parsed.port or 80, timeout=self._connect_timeout), parsed.request_uri
        raise NotSentError("the URL of the endpoint is not https")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isascii() and header.isdigit() else None
