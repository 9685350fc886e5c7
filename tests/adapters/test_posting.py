"""A request goes out once: what never left is told from what may have arrived, and a status counts in any case."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from notify.ports import NotSentError, PerhapsSentError
from notify.posting import Answer, Poster

from tests.support.clouds import free_port

Then = Callable[[socket.socket], None]
POSTER = Poster(connect_timeout=1, read_timeout=0.3)


class Listener:
    """A server that answers each connection with given bytes, or not at all, and keeps what it was sent."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hooks/83b1?x=1"
        self.requests: list[bytes] = []


def _request(connection: socket.socket) -> bytes:
    """A whole request with its body, or the first bytes of what is none."""
    received = connection.recv(65_536)
    while received.startswith(b"POST"):
        head, end, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if end and length is not None and len(body) >= int(length[1]):
            break
        received += connection.recv(65_536)
    return received


@contextmanager
def listening(
    answer: bytes | None, *, then: Callable[[socket.socket], None] = socket.socket.close
) -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Listener(server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                made.requests.append(_request(connection))
                if answer is not None:
                    connection.sendall(answer)
                then(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield made
        server.shutdown(socket.SHUT_RDWR)


def test_a_request_is_json_with_the_headers_given() -> None:
    with listening(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}") as server:
        assert POSTER.post(server.url, b'{"a":1}', {"Idempotency-Key": "k1"}) == Answer(202, b"{}")

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hooks/83b1?x=1 HTTP/1.1"
    assert {"Content-Type: application/json", "User-Agent: Smartwatch", "Idempotency-Key: k1"} < set(lines)
    assert body == b'{"a":1}'


def test_no_url_passes_where_x_ray_records_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    def recorded(*_: object) -> None:
        raise AssertionError("X-Ray's patch of http.client would have recorded the URL")

    monkeypatch.setattr(http.client.HTTPConnection, "_send_request", recorded)
    with listening(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
        assert POSTER.post(server.url, b"{}", {}).status == 200


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with listening(b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n\r\n") as elsewhere:
        location = elsewhere.url.encode()
        redirect = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
        with listening(redirect) as server:
            assert POSTER.post(server.url, b"{}", {}).status == 307

    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("Retry-After: 7", 7.0), ("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT", None), ("X: 1", None)],
)
def test_how_long_to_wait_is_a_number_of_seconds_or_unknown(header: str, seconds: float | None) -> None:
    answer = f"HTTP/1.1 429 Too Many Requests\r\n{header}\r\nContent-Length: 0\r\n\r\n"
    with listening(answer.encode()) as server:
        assert POSTER.post(server.url, b"{}", {}).retry_after == seconds


def test_an_answer_counts_though_its_body_never_comes() -> None:
    with listening(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", then=lambda _: None) as server:
        assert POSTER.post(server.url, b"{}", {}) == Answer(200)


def test_of_a_long_answer_the_beginning_is_read() -> None:
    with listening(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000) as server:
        assert len(POSTER.post(server.url, b"{}", {}).body) == 4096


def test_where_nobody_listens_nothing_was_sent() -> None:
    with pytest.raises(NotSentError, match=r"^no connection to 127\.0\.0\.1: NewConnectionError$"):
        POSTER.post(f"http://127.0.0.1:{free_port()}/hooks/83b1", b"{}", {})


def test_where_nobody_speaks_tls_nothing_was_sent() -> None:
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server, pytest.raises(NotSentError):
        POSTER.post(server.url.replace("http:", "https:"), b'{"secret":1}', {})

    assert b"secret" not in b"".join(server.requests)


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 2", b"SSH-2.0-x\r\n"])
@pytest.mark.parametrize("then", [socket.socket.close, lambda _: None], ids=["ends", "hangs"])
def test_where_no_answer_comes_the_request_may_have_arrived(answer: bytes | None, then: Then) -> None:
    with listening(answer, then=then) as server, pytest.raises(PerhapsSentError, match="no answer from") as caught:
        POSTER.post(server.url, b"{}", {})

    assert len(server.requests) == 1
    assert "83b1" not in str(caught.value)
