"""Every alert has a trace, although only a sample of the batches has one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable


def trace_for_alert(
    header: str | None,
    now: Callable[[], float] = time.time,
    token: Callable[[int], str] = secrets.token_hex,
) -> str:
    """The batch's own trace header when X-Ray sampled it; otherwise a new root that is sampled.

    X-Ray decides once, at the root (AWS X-Ray, "Sampling"); a header of our own is how the part that matters, from the
    alert to the page, is recorded all the same. Format: AWS X-Ray, "Tracing header".
    """
    if header and "Sampled=1" in header:
        return header
    return f"Root=1-{int(now()):08x}-{token(12)};Parent={token(8)};Sampled=1"
