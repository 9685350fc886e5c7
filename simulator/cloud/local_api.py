"""HTTP paths that the local cloud answers itself, before MiniStack sees them; and the trace header of every request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from simulator.cloud.trace_context import TRACE

#: Method and body (parsed JSON, or None) in; status and JSON out.
Handler = Callable[[str, Any], tuple[int, Any]]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]

_routes: dict[str, Handler] = {}


def route(path: str, handler: Handler) -> None:
    """Answer `path` with `handler`."""
    _routes[path] = handler


def wrap(app: Asgi) -> Asgi:
    """`app` with the local paths in front of it."""

    async def local(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        incoming = headers.get(b"x-amzn-trace-id")
        TRACE.set(incoming.decode("latin-1") if incoming else None)
        handler = _routes.get(scope["path"])
        if handler is None:
            await app(scope, receive, send)
            return
        body = await _read(receive)
        status, answer = handler(scope["method"], json.loads(body) if body else None)
        content = json.dumps(answer).encode()
        content_type = (b"content-type", b"application/json")
        await send({"type": "http.response.start", "status": status, "headers": [content_type]})
        await send({"type": "http.response.body", "body": content})

    return local


async def _read(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body
