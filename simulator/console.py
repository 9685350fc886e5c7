"""What every command shares: where it works, how it reports, and the options that all of them take."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from simulator import local
from simulator.cloud.settings import CloudSettings
from simulator.home import cloud_home
from simulator.stack import Stack

out, err = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
StackName = Annotated[str | None, typer.Option("--stack", help="A stack on AWS; the local cloud otherwise.")]
Profile = Annotated[str | None, typer.Option(help="AWS profile, with --stack.")]
Region = Annotated[str | None, typer.Option(help="AWS region, with --stack.")]
Port = Annotated[int, typer.Option(help="The local cloud's AWS API.", min=1, max=65535)]
MqttPort = Annotated[int, typer.Option(help="The local cloud's MQTT broker.", min=1, max=65535)]
XrayPort = Annotated[int, typer.Option(help="The local cloud's X-Ray daemon (UDP).", min=1, max=65535)]


@dataclass(frozen=True)
class Target:
    """Where a command works: a stack on AWS, or the local cloud."""

    stack: str | None
    profile: str | None
    region: str | None

    def existing(self) -> Stack:
        return Stack.on_aws(self.stack, self.profile, self.region) if self.stack else local.running()

    @contextmanager
    def existing_or_local(self, wanted: CloudSettings) -> Iterator[Stack]:
        if self.stack:
            yield Stack.on_aws(self.stack, self.profile, self.region)
        else:
            with local.running_or_started(wanted, say) as stack:
                yield stack


def settings(port: int = 4566, mqtt_port: int = 8883, xray_port: int = 2000) -> CloudSettings:
    """A local cloud in this home."""
    return CloudSettings(home=cloud_home(), api_port=port, mqtt_port=mqtt_port, xray_port=xray_port)


def say(text: str) -> None:
    """Progress, for people: never on standard output."""
    err.print(Text(f"· {text}", style="dim"), highlight=False)


def report(answer: dict[str, Any], as_json: bool, shown: RenderableType) -> None:
    if as_json:
        sys.stdout.write(json.dumps(answer) + "\n")
    else:
        # What people typed is in it: no markup.
        out.print(shown, highlight=False, markup=False)


def login() -> str:
    """Who sits here, for what is signed with a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
