"""What is wrong with a policy is said before it is in force, each mistake with its place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from notify import policy_files
from notify.policy_check import Finding, mistakes
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.roster import Override, Roster

#: A Monday.
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SMS = {"type": "sms", "number": "+41790000001"}
PAGER = {"type": "pagerduty", "service": "night"}


def step(name: str, tell: str, wait: int = 300, **fields: Any) -> dict[str, Any]:
    return {"name": name, "tell": tell.split(), "waitSeconds": wait, **fields}


def policy(*steps: dict[str, Any], **course: Any) -> EscalationPolicy:
    critical = {"steps": list(steps), **course}
    warning = {"steps": [step("all", "care-team")]}
    return EscalationPolicy.model_validate(
        {"name": "p", "team": "care", "severities": {"critical": critical, "warning": warning}}
    )


def layer(*people: str, **fields: Any) -> dict[str, Any]:
    return {"timeZone": "Europe/Zurich", "starts": "2026-01-05", "people": people, **fields}


def roster(*layers: dict[str, Any]) -> Roster:
    return Roster.model_validate(
        {
            "name": "default",
            "people": {"anna": {"channels": [SMS, PAGER]}, "ben": {"channels": [PAGER]}},
            "teams": {"care-team": {"channels": [{"type": "topic", "topic": "care-team"}]}},
            "rotations": {"night": {"layers": layers or [layer("anna", "ben")]}},
            "fallback": {"channels": [SMS]},
        }
    )


def override(person: str, since: str, until: str, rotation: str = "night") -> Override:
    return Override.model_validate(
        {
            "name": "swap",
            "rotation": rotation,
            "person": person,
            "from": f"{since}Z",
            "until": f"{until}Z",
            "owner": "o",
            "reason": "r",
        }
    )


def found(
    policy: EscalationPolicy, roster: Roster, *overrides: Override, days: int = 400
) -> list[tuple[str, str, str]]:
    listed = mistakes(policy, roster, overrides, at=NOW, ledger_days=days)
    return [(finding.severity, finding.where, finding.text) for finding in listed]


def test_the_built_in_policy_with_the_built_in_roster_has_no_mistakes() -> None:
    assert mistakes(policy_files.built_in_policy(), policy_files.built_in_roster(), [], at=NOW, ledger_days=1) == []


def test_a_team_a_person_and_a_rotation_are_known_names() -> None:
    assert found(policy(step("a", "care-team anna"), step("b", "night")), roster()) == []


def test_a_name_that_the_roster_does_not_have_is_an_error() -> None:
    assert found(policy(step("first", "care-team"), step("second", "nigth anna")), roster()) == [
        ("error", "critical, step second", "nigth is not in the roster")
    ]


def test_a_step_that_begins_after_the_workflow_s_end_is_never_reached() -> None:
    # Eleven waits of an hour each: 15 steps take 165 hours, 16 take 176.
    steps = [step(f"s{number}", "anna", 3600, repeat=10) for number in range(17)]

    assert found(policy(*steps), roster()) == [
        (
            "error",
            "critical, step s16",
            "is never reached: it would begin after 7 d 8 h, and an escalation ends after 7 d",
        )
    ]


def test_a_step_through_channels_that_nobody_of_it_has_tells_nobody() -> None:
    assert found(policy(step("a", "care-team ben", through=["sms", "webhook"])), roster()) == [
        ("error", "critical, step a", "tells nobody: none of care-team, ben has a channel through sms or webhook")
    ]


def test_a_person_without_a_channel_that_a_step_goes_through_is_a_warning() -> None:
    assert found(policy(step("a", "night", through=["sms"])), roster()) == [
        ("warning", "critical, step a", "ben has no channel through sms")
    ]


def test_who_stands_in_needs_a_channel_too() -> None:
    stand_in = override("ben", "2026-03-03T00:00", "2026-03-04T00:00")

    assert found(policy(step("a", "night", through=["sms"])), roster(layer("anna")), stand_in) == [
        ("warning", "critical, step a", "ben has no channel through sms")
    ]


def test_the_first_gap_of_a_rota_is_said_in_its_own_local_time() -> None:
    # The clocks change on 29 March: 21:00 is 20:00 UTC before and 19:00 UTC after it.
    nights = layer("anna", every="day", at="08:00", hours={"from": "21:00", "until": "08:00"})
    days = layer("ben", every="day", at="08:00", hours={"from": "08:00", "until": "20:00"})

    assert found(policy(step("a", "night")), roster(nights, days)) == [
        (
            "warning",
            "rotation night",
            "nobody is on call from 2026-03-02 20:00 to 2026-03-02 21:00 (Europe/Zurich), "
            "and in 55 more gaps of the next 8 weeks: the fallback is told then",
        )
    ]


def test_the_time_before_a_rota_begins_is_a_gap() -> None:
    assert found(policy(step("a", "night")), roster(layer("anna", starts="2026-03-09"))) == [
        (
            "warning",
            "rotation night",
            "nobody is on call from 2026-03-02 13:00 to 2026-03-09 08:00 (Europe/Zurich): the fallback is told then",
        )
    ]


def test_a_gap_that_an_override_fills_is_none() -> None:
    stand_in = override("ben", "2026-03-02T00:00", "2026-03-09T07:00")

    assert found(policy(step("a", "night")), roster(layer("anna", starts="2026-03-09")), stand_in) == []


def test_a_rota_with_nobody_for_eight_weeks_is_an_error() -> None:
    assert found(policy(step("a", "night")), roster(layer("anna", starts="2026-06-01"))) == [
        ("error", "rotation night", "nobody is on call in the next 8 weeks: the fallback is told instead")
    ]


def test_a_rota_that_no_step_tells_is_not_looked_at() -> None:
    assert found(policy(step("a", "anna")), roster(layer("anna", starts="2026-06-01"))) == []


@pytest.mark.parametrize(("expiry", "days", "said"), [(86_400, 2, []), (86_400, 1, ["1 d 5 min"]), (None, 1, [])])
def test_a_course_must_be_over_before_its_alert_is_forgotten(expiry: int | None, days: int, said: list[str]) -> None:
    made = policy(step("a", "anna"), acknowledgementExpirySeconds=expiry)

    assert found(made, roster(), days=days) == [
        ("error", "critical", f"takes up to {span}, and an alert is remembered for 1 d") for span in said
    ]


def test_an_override_for_a_rotation_or_a_person_that_there_is_not_is_a_warning() -> None:
    stray = override("stranger", "2026-03-03T00:00", "2026-03-04T00:00", rotation="nosuch")

    assert found(policy(step("a", "night")), roster(), stray) == [
        ("warning", "override swap", "counts for nothing: there is no rotation nosuch"),
        ("warning", "override swap", "is ignored: stranger is no person of the roster"),
    ]


def test_an_override_that_is_over_is_no_concern() -> None:
    over = override("stranger", "2026-03-01T00:00", "2026-03-02T12:00")

    assert found(policy(step("a", "night")), roster(), over) == []


def test_a_finding_is_a_value() -> None:
    assert mistakes(policy(step("a", "x")), roster(), [], at=NOW, ledger_days=400) == [
        Finding("error", "critical, step a", "x is not in the roster")
    ]
