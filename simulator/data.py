"""The readings that a command is to work on: scenarios, recordings, or what a stack has stored of a watch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from simulator.console import Target, say
from simulator.devices.library import stories
from simulator.errors import UsageError
from simulator.scoring.streams import Stream, from_stored, from_story, recordings_in

Recordings = Annotated[
    list[Path] | None, typer.Option("--recordings", help="A recording, or a folder of them; may be repeated.")
]
Watch = Annotated[str | None, typer.Option("--watch", help="The stored readings of this watch.")]


@dataclass(frozen=True)
class Data:
    """What was asked for. The scenarios are taken where nothing else is named."""

    recordings: list[Path]
    watch: str | None = None
    scenarios: bool = False


def gathered(data: Data, target: Target) -> list[Stream]:
    """The streams. Errors: `UsageError` where there is nothing to read."""
    streams: list[Stream] = []
    if data.scenarios or (not data.recordings and data.watch is None):
        streams += [from_story(story) for story in stories()]
    for path in data.recordings:
        streams += recorded(path)
    if data.watch is not None:
        streams.append(stored(target, data.watch))
    return streams


def recorded(path: Path) -> list[Stream]:
    """The recordings in a folder or a file. Errors: `UsageError` when there is none that can be read."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    found, unread = recordings_in(path)
    if not found:
        raise UsageError(unread[0] if len(unread) == 1 else f"{path}: holds no recording that can be read")
    return found


def stored(target: Target, watch: str) -> Stream:
    """What a stack has stored of a watch. Errors: `UsageError` for an unknown watch, or one that never sent."""
    stack = target.existing()
    stack.ensure_known(watch)
    found = stack.readings_as_received(watch)
    if not found:
        raise UsageError(f"nothing is stored of {watch}")
    say(f"{watch}: {len(found)} stored readings")
    return from_stored(watch, found)
