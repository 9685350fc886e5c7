"""What commands about overrides and silences share: both have an owner, a reason and an end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from smartwatch_contracts.roster import Override, Silence

from simulator import moments
from simulator.alarm_configuration import Span, Spans, SpanT
from simulator.console import login
from simulator.errors import UsageError

Owner = Annotated[str | None, typer.Option(help="Who answers for it; by default, your login.")]
Reason = Annotated[str, typer.Option(help="Why, for those who come after.")]


def owner(given: str | None) -> str:
    return given or login()


def put(spans: Spans[SpanT], model: type[SpanT], wanted: str, fields: dict[str, Any]) -> SpanT:
    """Bring one into force, under a name that nothing has yet, so that it replaces nothing. Errors: `UsageError`."""
    taken: set[str] = {each.document.name for each in spans.all()}
    names = [wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3))]
    name = next(name for name in names if name not in taken)
    try:
        made = model.model_validate({"name": name, **fields})
    except ValidationError as error:
        raise UsageError("; ".join(_reasons(error))) from None
    spans.put(made, login())
    return made


def end(spans: Spans[SpanT], name: str, kind: str) -> None:
    """End one before its time. Errors: `UsageError` where there is none."""
    if spans.get(name) is None:
        raise UsageError(f"there is no {kind} {name!r}")
    spans.end(name, login())


def as_json(span: Span[SpanT], at: datetime) -> dict[str, Any]:
    return {**of(span.document), "state": span.state(at), "putBy": span.changed_by}


def of(document: Override | Silence) -> dict[str, Any]:
    """The document under its wire names."""
    return document.model_dump(mode="json", by_alias=True, exclude_none=True)


def line(span: Span[SpanT], at: datetime, what: str) -> str:
    since, until = moments.shown(span.document.from_), moments.shown(span.document.until)
    owner = f"{span.document.owner}: {span.document.reason}"
    return f"{span.document.name:<40} {span.state(at):<9} {what}, {since} to {until}, {owner}"


def _reasons(error: ValidationError) -> list[str]:
    reasons = []
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(part) for part in mistake["loc"])
        reasons.append(f"{place}: {mistake['msg']}" if place else mistake["msg"].removeprefix("Value error, "))
    return reasons
