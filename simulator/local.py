"""The local cloud with the stack on it: started where none runs, and stopped again by whoever started it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulator.cloud import process
from simulator.cloud.deploy import deploy
from simulator.cloud.settings import CloudSettings
from simulator.errors import UsageError
from simulator.home import cloud_home
from simulator.stack import Stack

Say = Callable[[str], None]


def up(settings: CloudSettings, say: Say, *, owned: bool = False) -> Stack:
    """Start the cloud and deploy the stack. Errors: `CloudError`; a cloud that can't take the stack is stopped.

    One that is `owned` ends with this process.
    """
    say(f"starting the local cloud on {settings.endpoint}")
    cloud = process.start(settings, owned=owned)
    try:
        say("deploying template.yaml")
        deploy(settings)
    except BaseException:
        process.stop(settings.home)
        raise
    return Stack.local(cloud)


def running() -> Stack:
    """The stack on the cloud that runs. Errors: `UsageError` when none does."""
    cloud = process.find(cloud_home())
    if cloud is None:
        raise UsageError("no local cloud runs; `smartwatch up` starts one (or name a stack on AWS with --stack)")
    return Stack.local(cloud)


@contextmanager
def running_or_started(settings: CloudSettings, say: Say) -> Iterator[Stack]:
    """The stack on the cloud that runs, or on one that runs for the length of the block."""
    cloud = process.find(settings.home)
    if cloud is not None:
        yield Stack.local(cloud)
        return
    stack = up(settings, say, owned=True)
    try:
        yield stack
    finally:
        process.stop(settings.home)
