"""Every path of the real definition, in two independent interpreters."""

from __future__ import annotations

import pytest

from tests.support.clouds import TestCloud
from tests.support.escalations import PATHS, LocalInterpreter, Walk, in_moto, walk_all

#: Seconds for all paths together; the slowest waits three times and retries.
DEADLINE = 90

paths = pytest.mark.parametrize("name", PATHS)


@pytest.fixture(scope="module")
def in_motos_interpreter() -> dict[str, Walk]:
    with in_moto() as world:
        return walk_all(world, DEADLINE)


@pytest.fixture(scope="module")
def on_the_local_cloud(deployed: tuple[TestCloud, dict[str, str]]) -> dict[str, Walk]:
    return walk_all(LocalInterpreter(*deployed), DEADLINE)


@paths
def test_a_path_in_motos_interpreter(name: str, in_motos_interpreter: dict[str, Walk]) -> None:
    walk = in_motos_interpreter[name]

    assert (walk.state, walk.timeline) == (PATHS[name].ends, PATHS[name].timeline), walk.states


@paths
def test_a_path_on_the_local_cloud(name: str, on_the_local_cloud: dict[str, Walk]) -> None:
    walk = on_the_local_cloud[name]

    assert (walk.state, walk.timeline) == (PATHS[name].ends, PATHS[name].timeline), walk.states


def test_every_state_was_entered_in_each_interpreter(
    in_motos_interpreter: dict[str, Walk], on_the_local_cloud: dict[str, Walk]
) -> None:
    from tests.support.project import workflow

    for walks in (in_motos_interpreter, on_the_local_cloud):
        assert {state for walk in walks.values() for state in walk.states} == set(workflow()["States"])
