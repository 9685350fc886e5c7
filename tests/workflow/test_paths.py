"""Every path of the real definition, in two independent interpreters."""

from __future__ import annotations

import pytest

from tests.support.clouds import TestCloud
from tests.support.escalations import PATHS, LocalInterpreter, Walk, in_moto, walk

#: Seconds for paths that are walked together; the slowest waits five times.
DEADLINE = 120
#: moto has one processor for all that it plays: too many at once, and it is late for what the paths wait for.
AT_ONCE = 13

pytestmark = pytest.mark.timeout(500)
paths = pytest.mark.parametrize("name", PATHS)


@pytest.fixture(scope="module")
def in_motos_interpreter() -> dict[str, Walk]:
    names, walks = list(PATHS), dict[str, Walk]()
    with in_moto() as world:
        for start in range(0, len(names), AT_ONCE):
            walks |= walk(world, {name: PATHS[name] for name in names[start : start + AT_ONCE]}, DEADLINE)
    return walks


@pytest.fixture(scope="module")
def on_the_local_cloud(deployed: tuple[TestCloud, dict[str, str]]) -> dict[str, Walk]:
    return walk(LocalInterpreter(*deployed), PATHS, DEADLINE)


@paths
def test_a_path_in_motos_interpreter(name: str, in_motos_interpreter: dict[str, Walk]) -> None:
    walked = in_motos_interpreter[name]

    assert walked.state == PATHS[name].ends, walked.states
    assert walked.timeline in (PATHS[name].timeline, *PATHS[name].also), walked.states


@paths
def test_a_path_on_the_local_cloud(name: str, on_the_local_cloud: dict[str, Walk]) -> None:
    walked = on_the_local_cloud[name]

    assert walked.state == PATHS[name].ends, walked.states
    assert walked.timeline in (PATHS[name].timeline, *PATHS[name].also), walked.states


def test_every_state_was_entered_in_each_interpreter(
    in_motos_interpreter: dict[str, Walk], on_the_local_cloud: dict[str, Walk]
) -> None:
    from tests.support.project import workflow

    for walks in (in_motos_interpreter, on_the_local_cloud):
        assert {state for walked in walks.values() for state in walked.states} == set(workflow()["States"])
