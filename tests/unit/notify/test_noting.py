"""What the bus says of alerts besides: noted once, told to nobody, and a rise in severity plans again."""

from __future__ import annotations

from typing import Any

import pytest
from notify.requests import parse
from notify.service import serve
from smartwatch_contracts.catalogue import CATALOGUE

from tests.support.notify_world import ALERT, World, a_hold, a_telling
from tests.support.project import event_example

WARNING = ALERT.model_copy(update={"severity": "warning"})


def _event(detail_type: str) -> dict[str, Any]:
    return event_example(next(t for t in CATALOGUE if t.detail_type == detail_type))


def told() -> World:
    """The care team was told of `a1`, a warning, and `t1` waits."""
    world = World(claimed=False)
    world.claim(WARNING)
    world.plan(WARNING)
    world.tell(a_telling(severity="warning"), alert=WARNING)
    return world


def test_an_alert_is_known_before_its_escalation_begins() -> None:
    world = World(claimed=False)

    assert world.raised() == {"noted": "raised"}
    assert (world.record().status, world.record().execution_arn) == ("open", "")
    assert world.details("raised") == ["Heart rate above 150 bpm, critical"]


def test_an_alert_that_is_raised_twice_is_noted_once() -> None:
    world = World(claimed=False)
    world.raised()
    world.raised()

    assert world.timeline() == ["raised"]


def test_an_alert_that_has_gone_on_is_not_set_back() -> None:
    world = told()
    world.acknowledge()

    world.raised()

    assert (world.record().status, world.record().acknowledged_by) == ("acknowledged", "nurse")


@pytest.mark.parametrize(
    ("detail_type", "status", "entry"),
    [
        ("TechnicalAlertRaised", "technical", "technical-alert-raised"),
        ("RetrospectiveEpisodeFound", "retrospective", "found-in-late-readings"),
    ],
)
def test_what_concerns_no_person_now_is_noted_once_and_told_to_nobody(
    detail_type: str, status: str, entry: str
) -> None:
    world = World(claimed=False)
    event = _event(detail_type)

    assert serve(parse(event), world.deps) == {"noted": status}
    serve(parse(event), world.deps)

    alert_id = event["detail"]["data"]["alertId"]
    assert (world.record(alert_id).status, world.timeline(alert_id)) == (status, [entry])
    assert (world.channels.sent, world.workflow.answers) == ([], [])


def test_a_rise_in_severity_is_noted_once_and_ends_the_wait_that_was_planned_for_less() -> None:
    world = told()

    world.worsen()
    world.worsen()

    assert world.record().severity == "critical"
    assert world.details("severity-raised") == ["to critical"]
    assert world.workflow.answers == [("t1", {"status": "plan-again", "cause": "worsened", "acknowledgedBy": ""})]


def test_a_rise_in_severity_that_did_not_reach_the_workflow_reaches_it_when_the_event_comes_again() -> None:
    world = told()
    world.workflow.broken = True
    with pytest.raises(ConnectionError):
        world.worsen()
    world.workflow.broken = False

    world.worsen()

    assert world.workflow.statuses == [("t1", "plan-again")]


def test_a_rise_in_severity_ends_quiet_hours() -> None:
    world = World(claimed=False)
    world.claim(WARNING)
    world.tell(a_hold("quiet-hours", severity="warning"), alert=WARNING)

    world.worsen()

    assert world.workflow.statuses == [("t1", "plan-again")]


def test_what_was_planned_for_as_much_goes_on() -> None:
    world = World()
    world.tell()

    world.worsen()

    assert world.workflow.answers == []


def test_a_rise_above_what_was_acknowledged_opens_the_alert_again_once() -> None:
    world = told()
    world.acknowledge()
    world.await_recovery("t2", alert=WARNING)

    world.worsen()
    world.worsen()

    assert world.workflow.statuses == [("t1", "acknowledged"), ("t2", "plan-again")]
    assert (world.record().status, world.details("reopened")) == ("open", ["critical, and acknowledged as warning"])


def test_a_rise_in_severity_of_a_member_raises_the_one_that_escalates() -> None:
    world = told()
    world.plan(world.another("a2", severity="warning"))

    world.worsen("a2")
    world.worsen("a2")

    assert (world.record("a1").severity, world.record("a2").severity) == ("critical", "critical")
    assert world.details("severity-raised", "a1") == ["to critical, by a2"]
    assert world.workflow.statuses == [("t1", "plan-again")]


def test_a_rise_in_severity_that_comes_before_the_alert_is_remembered() -> None:
    world = World(claimed=False)

    assert world.worsen() == {"severity": "critical"}
    world.raised(WARNING)

    assert world.record().severity == "critical"
