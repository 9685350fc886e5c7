"""Ends the wait of a workflow's task: the one place where task tokens are used."""

from __future__ import annotations

from typing import Any

from notify.dependencies import Dependencies
from notify.domain import AlertRecord, more_severe
from notify.plans import Cause


def answer(record: AlertRecord) -> dict[str, Any]:
    """What a task is told: the status, and who is responsible."""
    status = "cleared" if record.status == "acknowledged" and record.over else record.status
    return {"status": status, "acknowledgedBy": record.acknowledged_by or ""}


def plan_again(cause: Cause) -> dict[str, Any]:
    """What a task is told whose plan is out of date, and why it is."""
    return {"status": "plan-again", "cause": cause, "acknowledgedBy": ""}


def resume(record: AlertRecord, deps: Dependencies) -> None:
    """Answer the task that waits, if one does. The record is saved first: a task that is missed here asks it later.

    That somebody is responsible ends the wait of those who tell people, and not the wait for the end of the episode: a
    second acknowledgement, or one that is slow, finds that one waiting already.
    """
    output = answer(record)
    _send(record.alert_id, output, deps, telling=output["status"] == "acknowledged")


def resume_to_plan_again(alert_id: str, cause: Cause, deps: Dependencies) -> None:
    """What the task waits for is out of date: the severity has risen, or a silence has ended."""
    _send(alert_id, plan_again(cause), deps, telling=True)


def plan_again_if_more_severe(record: AlertRecord, deps: Dependencies) -> None:
    """What the workflow waits for was planned for less: it plans again, however often this is asked."""
    if record.waiting_severity and more_severe(record.severity, record.waiting_severity):
        resume_to_plan_again(record.alert_id, "worsened", deps)


def open_again_if_more_severe(record: AlertRecord, deps: Dependencies) -> None:
    """Whoever took responsibility, or did not answer, was told of less.

    Where no execution waits any more, the auditor starts one.
    """
    known = record.acknowledged_severity if record.status == "acknowledged" else record.planned_severity
    if record.status in ("acknowledged", "exhausted") and more_severe(record.severity, known):
        token = deps.alerts.waiting_token(record.alert_id)
        entry = deps.entry("reopened", f"{record.severity}, and {record.status} as {known}")
        if deps.alerts.reopen(record.alert_id, entry) and token is not None:
            deps.workflow.answer(token, plan_again("worsened"))


def _send(alert_id: str, output: dict[str, Any], deps: Dependencies, *, telling: bool) -> None:
    token = deps.alerts.waiting_token(alert_id, telling=telling)
    if token is not None:
        deps.workflow.answer(token, output)
        deps.alerts.forget_token(alert_id, token)
