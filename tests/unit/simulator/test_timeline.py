"""What a timeline means: its plans, its steps and rounds, who joined, who has heard."""

from __future__ import annotations

from typing import Any

import pytest
from notify import policy_files

from simulator import timeline
from tests.support.timelines import T0, alert, at, policy, said, told


def test_every_plan_has_the_entries_that_follow_it_and_the_reason_for_it() -> None:
    record = alert(
        said(0, "raised", "Heart rate high, warning"),
        said(1, "planned", "policy default 5b1e0c8b7f3a, warning"),
        told(1.1),
        said(3, "severity-raised", "to critical"),
        said(4, "planned", "policy default 5b1e0c8b7f3a, critical"),
        told(4.1),
        said(9, "acknowledgement-expired", "acknowledged and still not over"),
        said(10, "planned", "policy default 5b1e0c8b7f3a, critical"),
    )

    found = timeline.plans(record)

    assert [(each.at - T0, each.severity, each.cause) for each in found] == [
        (1_000, "warning", "raised"),
        (4_000, "critical", "worsened"),
        (10_000, "critical", "expired"),
    ]
    assert {(each.policy, each.version) for each in found} == {("default", "5b1e0c8b7f3a")}
    assert [[entry["what"] for entry in each.entries] for each in found] == [
        ["told", "severity-raised"],
        ["told", "acknowledgement-expired"],
        [],
    ]


@pytest.mark.parametrize("detail", ["", "policy default", "policy default 5b1e0c8b7f3a", "by somebody"])
def test_what_says_no_policy_is_no_plan(detail: str) -> None:
    assert timeline.plans(alert(said(0, "planned", detail))) == []


def test_a_step_acts_in_rounds_by_each_recipients_messages() -> None:
    entries = [
        told(1, "care-team", "ada"),
        told(1.5, "care-team", "bo"),
        told(6, "care-team", "bo"),
        told(6.5, "care-team", "ada"),
        said(8, "held-back", "more than 2 in 60 s", step="care-team", to="ada"),
        told(11, "on-call", "cy"),
        said(12, "said-cleared", to="ada"),
    ]

    assert timeline.told(entries) == {
        ("care-team", 0): T0 + 1_000,
        ("care-team", 1): T0 + 6_000,
        ("care-team", 2): T0 + 8_000,
        ("on-call", 0): T0 + 11_000,
    }


def test_an_alert_that_joined_is_named_once_whatever_its_title_holds() -> None:
    record = alert(
        said(1, "joined", "by SpO2 low, at rest, critical, a2"),
        said(2, "joined", "by SpO2 low, at rest, critical, a2"),
        said(3, "joined", "by Heart rate high, warning, a3"),
    )

    assert timeline.joined(record) == [
        timeline.Joined("a2", "SpO2 low, at rest", "critical"),
        timeline.Joined("a3", "Heart rate high", "warning"),
    ]


def test_a_plan_is_made_again_from_the_policy() -> None:
    (planned,) = timeline.plans(alert(said(0, "planned", "policy p 1, critical")))

    made = timeline.plan_of(planned, policy())

    assert [(each.step, each.round, each.after, each.wait) for each in timeline.expected(made)] == [
        ("care-team", 0, 0, 5_000),
        ("care-team", 1, 5_000, 5_000),
        ("on-call", 0, 10_000, 4_000),
    ]
    assert timeline.seconds(made) == 14


def test_quiet_hours_are_part_of_what_comes_before_a_message() -> None:
    """T0 is 22:13:20 UTC: a warning waits until the morning."""
    quiet = policy_files.policy(
        policy(acknowledgement_expiry=None)
        .model_dump_json(by_alias=True, exclude_none=True)
        .replace('"warning":{', '"warning":{"quietHours":{"from":"22:00","until":"06:00","timeZone":"UTC"},')
    )
    (planned,) = timeline.plans(alert(said(0, "planned", "policy p 1, warning")))

    first = timeline.expected(timeline.plan_of(planned, quiet))[0]

    assert (first.step, first.after) == ("care-team", (7 * 3600 + 46 * 60 + 40) * 1000)


@pytest.mark.parametrize(
    ("entries", "late"),
    [
        ([told(1), said(2, "acknowledged", "by ada")], []),
        ([told(1), said(2, "acknowledged", "by ada"), told(3, "on-call", "cy")], ["on-call"]),
        ([said(2, "acknowledged", "by ada"), said(3, "said-cleared", to="ada")], []),
        ([said(2, "acknowledged", "by ada"), said(3, "acknowledgement-expired", "x"), told(4, "care-team")], []),
        ([said(2, "acknowledged", "by ada"), said(3, "reopened", "critical"), told(4, "care-team")], []),
    ],
    ids=["before", "after", "a notice", "once it has run out", "once it is worse than what was answered"],
)
def test_a_message_after_an_answer_is_late_while_the_answer_is_good(
    entries: list[dict[str, str]], late: list[str]
) -> None:
    assert [entry["step"] for entry in timeline.told_after(entries)] == late


@pytest.mark.parametrize(
    ("entries", "heard"),
    [
        ([], True),
        ([told(1, to="ada")], False),
        ([told(1, to="ada"), said(2, "said-cleared", to="ada")], True),
        ([told(1, to="ada"), told(1, to="bo"), said(2, "said-cleared", to="ada")], False),
        ([told(1, to="ada"), said(2, "perhaps-told", "SNS: timeout", to="ada")], True),
        ([told(1, to="ada"), said(2, "perhaps-told", "SNS: timeout", step="on-call", to="ada")], False),
    ],
    ids=["nobody was told", "not yet", "yes", "not all", "perhaps", "another message"],
)
def test_all_have_heard_when_each_who_was_told_has(entries: list[dict[str, str]], heard: bool) -> None:
    assert timeline.all_have_heard(entries) is heard


def test_the_first_of_something_is_the_earliest() -> None:
    entries: list[dict[str, Any]] = [said(5, "told"), said(3, "told"), said(1, "raised")]

    assert timeline.first(entries, "told") == at(3)
    assert timeline.first(entries, "exhausted") is None
