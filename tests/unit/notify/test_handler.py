"""Notify's entry point: what it is asked is answered, counted, and refused aloud."""

from __future__ import annotations

import pytest
from notify import handler
from pydantic import ValidationError

from tests.support.builders import LambdaContext
from tests.support.notify_world import World


def test_a_request_is_answered_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    event = {"action": "acknowledge", "alertId": "a1", "acknowledgedBy": "ada"}

    answer = handler.handler(event, LambdaContext(), deps=world.deps)  # type: ignore[arg-type]

    assert (answer["acknowledged"], answer["by"]) == (True, "ada")
    assert '"Requests.acknowledge":[1.0]' in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_what_is_no_request_fails_so_that_it_is_tried_again_and_dead_lettered() -> None:
    with pytest.raises(ValidationError):
        handler.handler({"action": "explode"}, LambdaContext(), deps=World().deps)  # type: ignore[arg-type]
