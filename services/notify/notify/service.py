"""Notify's use cases, by request."""

from __future__ import annotations

from typing import Any

from notify.answering import acknowledge, await_recovery, cleared
from notify.dependencies import Dependencies
from notify.digests import send_digests
from notify.noting import noted, raised, worsened
from notify.planning import make_plan
from notify.requests import (
    Acknowledge,
    AwaitRecovery,
    Cleared,
    MakePlan,
    Noted,
    Raised,
    Request,
    SendDigests,
    Tell,
    Worsened,
)
from notify.telling import tell


def serve(request: Request, deps: Dependencies) -> dict[str, Any]:
    """Do what is asked; a JSON object that says what came of it."""
    match request:
        case MakePlan():
            return make_plan(request, deps)
        case Tell():
            return tell(request, deps)
        case AwaitRecovery():
            return await_recovery(request, deps)
        case Acknowledge():
            return acknowledge(request, deps)
        case SendDigests():
            return send_digests(deps)
        case Raised():
            return raised(request, deps)
        case Cleared():
            return cleared(request, deps)
        case Noted():
            return noted(request, deps)
        case Worsened():
            return worsened(request, deps)
