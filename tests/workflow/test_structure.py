"""The escalation's definition, read as a graph: no dead end, no endless wait, nothing hard-coded."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.project import ROOT, resources, workflow

STATES: dict[str, dict[str, Any]] = workflow()["States"]
TEXT = (ROOT / "statemachines/escalation.asl.yaml").read_text()
tasks = pytest.mark.parametrize("name", [name for name, state in STATES.items() if state["Type"] == "Task"])


def _targets(state: dict[str, Any]) -> set[str]:
    branches = [*state.get("Choices", []), *state.get("Catch", []), state]
    return {branch["Next"] for branch in branches if "Next" in branch} | (
        {state["Default"]} if "Default" in state else set()
    )


@pytest.mark.parametrize("name", STATES)
def test_every_transition_leads_to_a_state(name: str) -> None:
    assert _targets(STATES[name]) <= set(STATES)


def test_every_state_can_be_reached() -> None:
    reached, frontier = set(), {workflow()["StartAt"]}
    while frontier:
        reached |= frontier
        frontier = {target for name in frontier for target in _targets(STATES[name])} - reached

    assert reached == set(STATES)


def test_it_ends_in_one_of_six_named_states() -> None:
    ends = {name for name, state in STATES.items() if state["Type"] in ("Succeed", "Fail")}

    assert ends == {"Acknowledged", "Cleared", "Joined", "Duplicate", "Exhausted", "EscalationFailed"}


def test_the_whole_execution_has_a_backstop() -> None:
    assert workflow()["TimeoutSeconds"] == 604_800


@tasks
def test_every_task_is_bounded_retried_and_caught(name: str) -> None:
    state = STATES[name]

    assert ("TimeoutSeconds" in state) != ("TimeoutSecondsPath" in state)
    assert any("States.TaskFailed" in retrier["ErrorEquals"] for retrier in state["Retry"])
    assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert all(retrier.get("MaxAttempts", 3) <= 4 for retrier in state["Retry"])


@tasks
def test_a_wait_for_people_takes_its_length_from_the_policy(name: str) -> None:
    if ".waitForTaskToken" in STATES[name]["Resource"]:
        assert STATES[name]["TimeoutSecondsPath"] in (
            "$.current.telling.waitSeconds",
            "$.planned.plan.acknowledgementExpirySeconds",
        )


def test_no_other_wait_has_a_length_of_its_own() -> None:
    waits = [state for state in STATES.values() if state["Type"] == "Wait"]

    assert [state["SecondsPath"] for state in waits] == [
        "$.directPageSeconds",
        "$.planned.plan.acknowledgementExpirySeconds",
    ]


def test_every_name_is_substituted_and_every_substitution_used() -> None:
    given = resources("AWS::Serverless::StateMachine")["Escalation"]["DefinitionSubstitutions"]

    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == set(given)


def test_nothing_of_an_account_is_hard_coded() -> None:
    assert not re.search(r"arn:aws:(?!states:::)|\d{12}", TEXT)


def test_a_definition_has_no_yaml_anchors() -> None:
    assert not re.search(r":\s+[&*]\w|-\s+[&*]\w", TEXT)
