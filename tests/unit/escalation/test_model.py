"""The model of the workflow: the very graph of the definition, and every way through it."""

from __future__ import annotations

from typing import Any

import pytest
from notify.policy_files import built_in_policy
from notify.requests import Acknowledge, Worsened
from notify.service import serve
from smartwatch_contracts.policies import EscalationPolicy

from simulator.escalation.model import (
    BACKSTOP_SECONDS,
    FIRST_BACKOFF_SECONDS,
    LONGEST_BACKOFF_SECONDS,
    RETRIES,
    TRANSITIONS,
    WAITING_RETRIES,
    Escalations,
)
from tests.support.project import workflow
from tests.support.workflows import MONDAY_NOON, World, an_alert

STATES: dict[str, dict[str, Any]] = workflow()["States"]


def following(state: dict[str, Any]) -> set[str]:
    """Every state that the definition names as the next one."""
    named = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return {each[key] for each in named for key in ("Next", "Default") if key in each}


# --------------------------------------------------------------------------------------------------- the definition


def test_the_model_knows_the_states_of_the_definition_and_no_other() -> None:
    assert set(TRANSITIONS) == set(STATES)


@pytest.mark.parametrize("name", STATES)
def test_a_state_leads_where_the_definition_says(name: str) -> None:
    assert TRANSITIONS[name] == following(STATES[name])


def test_every_state_that_leads_on_is_played() -> None:
    played = {name for name in TRANSITIONS if hasattr(Escalations, f"_{name}")}

    assert played == {name for name, ways in TRANSITIONS.items() if ways}


@pytest.mark.parametrize("name", [name for name, state in STATES.items() if "Retry" in state])
def test_a_task_is_tried_as_often_and_at_such_intervals_as_the_definition_says(name: str) -> None:
    retry = STATES[name]["Retry"][-1]
    waits = STATES[name]["Resource"].endswith("waitForTaskToken")

    assert retry["MaxAttempts"] == (WAITING_RETRIES if waits else RETRIES)
    assert (retry["IntervalSeconds"], retry["BackoffRate"], retry["MaxDelaySeconds"], retry["JitterStrategy"]) == (
        FIRST_BACKOFF_SECONDS,
        2,
        LONGEST_BACKOFF_SECONDS,
        "FULL",
    )
    # A task that waits is not tried again once its time is up: then the next are told.
    assert ("States.Timeout" in retry["ErrorEquals"]) == (not waits)


def test_an_execution_has_the_backstop_of_the_definition() -> None:
    assert workflow()["TimeoutSeconds"] == BACKSTOP_SECONDS


# ------------------------------------------------------------------------------------------------------- every way

PLANNED = [
    "ClaimAlert",
    "ReadClaimed",
    "IsAlertOpen",
    "MakePlan",
    "WhatIsPlanned",
    "TakePlan",
    "TakeSeverity",
    "BeginPlan",
]
TELL = ["SelectTelling", "TellPeople"]
NEXT = ["CountTelling", "IsAnybodyLeft"]
EXHAUSTED = ["MarkExhausted", "AnnounceExhausted", "Exhausted"]
PAGED = [
    "IsItADryRun",
    "PageOnCallDirectly",
    "NoteDirectPage",
    "AwaitOnCall",
    "ReadOutcome",
    "IsAlertKnown",
    "TakeOutcome",
    "IsItOurs",
]
#: Before a page: has somebody answered meanwhile?
ASKED = ["ReadBeforePaging", "HasSomebodyAnswered"]


def went(world: World, name: str = "e1") -> list[str]:
    """The states of an execution that has ended."""
    execution = world.escalations.executions[f"arn:aws:states:::execution:escalation:{name}"]
    assert execution.status != "RUNNING"
    return [state for _, state in execution.states]


def without_expiry() -> EscalationPolicy:
    policy = built_in_policy()
    critical = policy.severities.critical.model_copy(update={"acknowledgement_expiry_seconds": None})
    return policy.model_copy(update={"severities": policy.severities.model_copy(update={"critical": critical})})


def test_nobody_answers() -> None:
    world = World()
    world.begin(name="e1")
    world.run()

    assert went(world) == [*PLANNED, *(TELL + NEXT) * 3, "ReadWhoWasTold", "WereTheLastTold", *EXHAUSTED]
    assert world.sent == [
        (0, "alert", "care-team"),
        (300, "alert", "care-team"),
        (600, "alert", "on-call"),
        (1200, "exhausted", "bus"),
    ]


def test_somebody_answers_for_good() -> None:
    world = World(without_expiry())
    world.begin(name="e1")
    world.acknowledge(60)
    world.run()

    assert went(world) == [*PLANNED, *TELL, "AnsweredHow", "DoesItExpire", "Acknowledged"]
    assert world.sent == [(0, "alert", "care-team")]


def test_an_acknowledgement_that_expires_begins_again_by_the_policy_that_it_began_with() -> None:
    world = World()
    world.begin(name="e1")
    world.acknowledge(60)
    world.run()

    again = [
        "DoesItExpire",
        "AwaitRecovery",
        "Reopen",
        "BecauseItExpired",
        "MakePlan",
        "WhatIsPlanned",
        "TakePlan",
        "TakeSeverity",
        "BeginPlan",
    ]
    assert went(world)[: len(PLANNED) + 14] == [*PLANNED, *TELL, "AnsweredHow", *again, *TELL]
    assert world.sent[:2] == [(0, "alert", "care-team"), (1860, "alert", "care-team")]
    assert world.sent[-1] == (3060, "exhausted", "bus")


def test_an_alert_that_recovers_while_somebody_is_responsible_is_over() -> None:
    world = World()
    world.begin(name="e1")
    world.acknowledge(60)
    world.clear(900)
    world.run()

    assert went(world) == [*PLANNED, *TELL, "AnsweredHow", "DoesItExpire", "AwaitRecovery", "IsItOver", "Acknowledged"]
    assert world.sent == [(0, "alert", "care-team"), (900, "cleared", "care-team")]


def test_a_second_acknowledgement_does_not_end_the_wait_for_the_end_of_the_episode() -> None:
    world = World()
    world.begin(name="e1")
    world.acknowledge(60)
    world.acknowledge(90)
    world.run(1900)

    assert world.sent == [(0, "alert", "care-team"), (1860, "alert", "care-team")]


def test_an_alert_that_clears_ends() -> None:
    world = World()
    world.begin(name="e1")
    world.clear(400)
    world.run()

    assert went(world) == [*PLANNED, *TELL, *NEXT, *TELL, "AnsweredHow", "Cleared"]
    assert world.sent[-1] == (400, "cleared", "care-team")


def test_an_alert_that_was_over_before_its_escalation_began_tells_nobody() -> None:
    world = World()
    world.clear(0)
    world.run(0)
    world.begin(name="e1")
    world.run()

    assert went(world) == [
        "ClaimAlert",
        "ReadClaimed",
        "IsAlertOpen",
        "TakeOutcome",
        "IsItOurs",
        "AnsweredHow",
        "Cleared",
    ]
    assert world.sent == []


def test_an_alert_that_is_over_when_the_plan_is_made_tells_nobody() -> None:
    def clear(state: str) -> None:
        if state == "ReadClaimed" and world.alerts.items["a1"].record.cleared_at == 0 and len(cleared) < 2:
            # Before and after the read.
            cleared.append(state)
            if len(cleared) == 2:
                world.alerts.clear("a1", "watch-001", 1, world.deps.entry("cleared"))

    cleared: list[str] = []
    world = World(disturb=clear)
    world.begin(name="e1")
    world.run()

    states = [
        "ClaimAlert",
        "ReadClaimed",
        "IsAlertOpen",
        "MakePlan",
        "WhatIsPlanned",
        "TakeStatus",
        "AnsweredHow",
        "Cleared",
    ]
    assert went(world) == states


def test_a_second_execution_of_an_alert_finds_it_taken() -> None:
    world = World()
    world.begin(name="e1")
    world.begin(name="e2")
    world.run()

    assert went(world, "e2") == ["ClaimAlert", "Duplicate"]
    assert world.sent[:2] == [(0, "alert", "care-team"), (300, "alert", "care-team")]


def test_a_second_alert_of_a_watch_joins_the_first() -> None:
    world = World()
    world.begin(name="e1")
    world.at(10, lambda: world.begin(an_alert("a2"), name="e2"))
    world.run()

    assert went(world, "e2") == ["ClaimAlert", "ReadClaimed", "IsAlertOpen", "MakePlan", "WhatIsPlanned", "Joined"]
    assert [what for _, what, _ in world.sent] == ["alert", "alert", "alert", "exhausted"]


def test_a_more_severe_alert_that_joins_makes_the_first_plan_again_at_once() -> None:
    world = World()
    world.begin(an_alert(severity="warning"), name="e1")
    world.at(10, lambda: world.begin(an_alert("a2"), name="e2"))
    world.run()

    worsened = ["AnsweredHow", "TakeCause", "MakePlan", "WhatIsPlanned", "TakePlan", "TakeSeverity", "BeginPlan"]
    assert went(world)[: len(PLANNED) + 11] == [*PLANNED, *TELL, *worsened, *TELL]
    assert world.sent[:2] == [(0, "alert", "care-team"), (10, "alert", "care-team")]
    assert world.sent[-1] == (1210, "exhausted", "bus")


def test_an_acknowledgement_that_comes_just_before_the_next_plan_expires_too() -> None:
    def worsen_and_acknowledge() -> None:
        worse = Worsened(action="worsened", event_id="e1", alert_id="a1", severity="critical")
        serve(worse, world.deps)
        serve(Acknowledge(action="acknowledge", alert_id="a1", acknowledged_by="nurse"), world.deps)

    world = World(with_expiry_of_warnings(1200))
    world.begin(an_alert(severity="warning"), name="e1")
    world.at(60, worsen_and_acknowledge)
    world.run()

    again = ["TakeCause", "MakePlan", "WhatIsPlanned", "TakeStatus", "AnsweredHow", "DoesItExpire"]
    assert went(world)[len(PLANNED) + 2 :][:9] == ["AnsweredHow", *again, "AwaitRecovery", "Reopen"]
    assert world.sent[1] == (1260, "alert", "care-team")
    versions = {entry.detail for entry in world.alerts.items["a1"].timeline if entry.what == "planned"}
    assert len({detail.split(",")[0] for detail in versions}) == 1


def with_expiry_of_warnings(seconds: int) -> EscalationPolicy:
    policy = built_in_policy()
    warning = policy.severities.warning.model_copy(update={"acknowledgement_expiry_seconds": seconds})
    return policy.model_copy(update={"severities": policy.severities.model_copy(update={"warning": warning})})


# --------------------------------------------------------------------------------------------------- what is broken


def test_a_step_that_can_tell_nobody_is_tried_four_times_and_passed_over() -> None:
    world = World()
    world.broken = {"alert"}
    world.at(5, lambda: world.broken.clear())
    world.begin(name="e1")
    world.run()

    # Retries wait 1, 2 and 4 seconds: the last one is the first that can be told.
    assert world.sent[0] == (7, "alert", "care-team")
    assert world.calls[:5] == ["plan", "tell", "tell", "tell", "tell"]
    assert went(world)[-1] == "Exhausted"


def test_with_channels_that_never_work_the_workflow_pages_by_itself() -> None:
    world = World()
    world.broken = {"alert"}
    world.begin(name="e1")
    world.run()

    read = ["ReadWhoWasTold", "WereTheLastTold"]
    assert went(world) == [*PLANNED, *(TELL + NEXT) * 3, *read, *PAGED, "AnsweredHow", *EXHAUSTED]
    assert world.sent == [(21, "direct-page", "on-call"), (621, "exhausted", "bus")]


def test_without_notify_the_workflow_pages_by_itself_and_takes_the_answer() -> None:
    world = World()
    world.broken = {"plan"}
    world.begin(name="e1")
    world.acknowledge(100)
    world.run()

    states = [
        "ClaimAlert",
        "ReadClaimed",
        "IsAlertOpen",
        "MakePlan",
        *ASKED,
        *PAGED,
        "AnsweredHow",
        "DoesItExpire",
        "Acknowledged",
    ]
    assert went(world) == states
    # Retries wait 1, 2, 4 and 8 seconds.
    assert world.sent == [(15, "direct-page", "on-call")]


@pytest.mark.parametrize("status", ["acknowledged", "cleared"])
def test_nobody_is_paged_directly_after_an_answer_that_did_not_reach_the_workflow(status: str) -> None:
    def answer_without_a_word() -> None:
        entry = world.deps.entry(status)
        if status == "acknowledged":
            world.alerts.acknowledge("a1", "nurse", world.deps.now_ms(), None, entry)
        else:
            world.alerts.clear("a1", "watch-001", world.deps.now_ms(), entry)

    world = World(without_expiry())
    world.begin(name="e1")
    # The last step reaches nobody for certain.
    world.at(599, lambda: world.alerts.claim_delivery("a1", "1.2/on-call/0"))
    world.at(599, lambda: world.alerts.claim_delivery("a1", "1.2/fallback/0"))
    world.at(700, answer_without_a_word)
    world.run()

    assert went(world)[-1] == status.capitalize()
    assert [what for _, what, _ in world.sent] == ["alert", "alert"]


def test_without_people_the_execution_fails() -> None:
    world = World()
    world.broken = {"notify", "direct-page"}
    world.begin(name="e1")
    world.run()

    assert went(world) == [
        "ClaimAlert",
        "ReadClaimed",
        "IsAlertOpen",
        "MakePlan",
        *ASKED,
        "IsItADryRun",
        "PageOnCallDirectly",
        "EscalationFailed",
    ]


def test_exhaustion_that_can_not_be_announced_fails() -> None:
    world = World()
    world.broken = {"exhausted"}
    world.begin(name="e1")
    world.run()

    assert went(world)[-3:] == ["MarkExhausted", "AnnounceExhausted", "EscalationFailed"]


@pytest.mark.parametrize(
    ("state", "ends"),
    [
        ("ClaimAlert", ["ClaimAlert", *PAGED, "AnsweredHow", *EXHAUSTED]),
        ("ReadWhoWasTold", ["ReadWhoWasTold", *PAGED, "AnsweredHow", *EXHAUSTED]),
        ("MarkExhausted", ["WereTheLastTold", *EXHAUSTED]),
        ("AnnounceExhausted", ["MarkExhausted", "AnnounceExhausted", "EscalationFailed"]),
    ],
)
def test_a_call_of_the_workflow_that_always_fails_goes_where_it_is_caught(state: str, ends: list[str]) -> None:
    calls = []

    def break_(name: str) -> None:
        if name == state:
            calls.append(name)
            # The effect is there and the answer is lost, once and again.
            if len(calls) % 2 == 0:
                raise TimeoutError

    world = World(disturb=break_)
    world.begin(name="e1")
    world.run()

    assert len(calls) == 2 * (RETRIES + 1)
    assert went(world)[-len(ends) :] == ends


def test_a_claim_whose_answer_was_lost_is_no_duplicate() -> None:
    calls: list[str] = []

    def lose_the_first_answer(name: str) -> None:
        calls.append(name)
        if len(calls) == 2:
            raise TimeoutError

    world = World(disturb=lose_the_first_answer)
    world.begin(name="e1")
    world.run()

    assert went(world)[0:4] == ["ClaimAlert", "ReadClaimed", "IsAlertOpen", "MakePlan"]


def test_an_acknowledgement_that_notify_can_not_wait_for_expires_all_the_same() -> None:
    world = World()
    world.broken = {"await-recovery"}
    world.begin(name="e1")
    world.acknowledge(60)
    world.run()

    assert went(world)[len(PLANNED) :][2:8] == [
        "AnsweredHow",
        "DoesItExpire",
        "AwaitRecovery",
        "WaitForExpiry",
        "Reopen",
        "BecauseItExpired",
    ]
    # Three retries after 1, 2 and 4 seconds, and then the whole half hour.
    assert world.sent[1] == (1867, "alert", "care-team")


def test_an_answer_that_comes_late_is_no_error() -> None:
    world = World()
    execution = world.begin(name="e1")
    world.run(10)
    token = execution.token
    world.run(310)

    assert world.escalations.answer(token, {"status": "acknowledged"}) is False


def test_an_execution_that_is_stopped_does_nothing_more() -> None:
    world = World()
    execution = world.begin(name="e1")
    world.run(10)
    world.escalations.stop(execution.arn)
    world.run()

    assert (execution.status, world.sent) == ("ABORTED", [(0, "alert", "care-team")])


def test_virtual_time_begins_where_it_is_told() -> None:
    assert World().clock.now() == MONDAY_NOON
