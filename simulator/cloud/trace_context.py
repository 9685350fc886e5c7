"""The X-Ray trace header that the local cloud is working under, as AWS services hand it on to one another."""

from __future__ import annotations

import secrets
import time
from contextvars import ContextVar

#: `Root=1-...;Parent=...;Sampled=1` (AWS X-Ray, "Tracing header"), or None outside any trace.
TRACE: ContextVar[str | None] = ContextVar("trace", default=None)


def parse(header: str | None) -> dict[str, str]:
    """A header's parts by name; empty for none."""
    return dict(part.split("=", 1) for part in (header or "").split(";") if "=" in part)


def header(root: str, parent: str, *, sampled: bool = True) -> str:
    return f"Root={root};Parent={parent};Sampled={int(sampled)}"


def new_root() -> str:
    """A trace id: version, time in hexadecimal seconds, 96 random bits (AWS X-Ray, "Trace ID format")."""
    return f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"


def new_segment_id() -> str:
    return secrets.token_hex(8)
