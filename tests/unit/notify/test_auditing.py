"""The auditor: what should be escalating and isn't is started again, or the fallback is paged, once, and it is said."""

from __future__ import annotations

from typing import Any

import pytest
from notify import auditor
from notify.audit import Stalled, stalled
from notify.auditing import Audit, audit_escalations
from notify.domain import AlertRecord
from notify.ports import AlreadyRanError, Executions, NotSentError, PerhapsSentError
from notify.requests import Alert
from notify.wiring import Auditor

from tests.support.builders import NOW, LambdaContext
from tests.support.notify_world import DRILL, World, a_hold, a_telling

NOW_MS = int(NOW.timestamp() * 1000)
MINUTE = 60_000
DRY = DRILL.model_copy(update={"device_id": "drill-dry-1"})


class FakeExecutions(Executions):
    """Executions by ARN; those that are started are claimed at once unless `claims` says otherwise."""

    def __init__(self, world: World) -> None:
        self.statuses: dict[str, str] = {"e1": "RUNNING"}
        self.started: list[tuple[str, int]] = []
        self.ran: set[tuple[str, int]] = set()
        self.broken: set[str] = set()
        self.claims = True
        self._world = world

    def status(self, execution_arn: str) -> str:
        if execution_arn in self.broken:
            raise ConnectionError
        return self.statuses.get(execution_arn, "MISSING")

    def start(self, alert: Alert, record: AlertRecord, number: int) -> None:
        if (alert.alert_id, number) in self.ran:
            raise AlreadyRanError(number)
        self.started.append((alert.alert_id, number))
        if self.claims:
            execution = f"{alert.alert_id}-{number}"
            self.statuses[execution] = "RUNNING"
            self._world.claim(alert, execution)


class Round:
    """A world, and an auditor that looks at it."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.executions = FakeExecutions(self.world)

    def look(self) -> Audit:
        return audit_escalations(self.world.deps, self.world.alerts, self.executions)

    @property
    def announced(self) -> list[tuple[str, str, str]]:
        return [(e.data.alert_id, e.data.reason, e.data.action) for e in self.world.bus.published]


def escalating() -> Round:
    """`a1` is told to the care team, and `t1` waits for five minutes."""
    found = Round()
    found.world.plan()
    found.world.tell()
    found.world.channels.sent.clear()
    return found


# --------------------------------------------------------------------------------------------------- what is stalled


def a_record(**fields: Any) -> AlertRecord:
    """Raised two minutes ago, told, and waiting for a minute more."""
    healthy: dict[str, Any] = {
        "severity": "critical",
        "raised_at": "2023-11-14T22:11:30+00:00",
        "execution_arn": "e1",
        "last_telling": "1.0",
        "told": {"care-team": None},
        "waiting_until": NOW_MS + MINUTE,
    }
    return AlertRecord("a1", **{"status": "open", **healthy, **fields})


def _acknowledged(**fields: Any) -> AlertRecord:
    """Acknowledged 31 minutes ago, which counts for 29 minutes."""
    at = {"acknowledged_at": NOW_MS - 31 * MINUTE, "acknowledgement_expiry_seconds": 29 * 60}
    return a_record(status="acknowledged", **{**at, **fields})


@pytest.mark.parametrize(
    ("record", "execution"),
    [
        (a_record(), "RUNNING"),
        (a_record(execution_arn="", raised_at="2023-11-14T22:12:30+00:00"), ""),
        (a_record(execution_arn="", raised_at=""), ""),
        (a_record(waiting_until=NOW_MS - MINUTE), "RUNNING"),
        (a_record(told={}, last_telling="", raised_at="2023-11-14T22:12:30+00:00"), "RUNNING"),
        (a_record(told={}, last_telling="", holding="silence"), "RUNNING"),
        (a_record(told={}, last_telling="1.0"), "RUNNING"),
        (a_record(status="exhausted"), "SUCCEEDED"),
        (a_record(status="cleared"), "SUCCEEDED"),
        (a_record(status="technical", execution_arn=""), ""),
        (_acknowledged(acknowledgement_expiry_seconds=0), "SUCCEEDED"),
        (_acknowledged(acknowledgement_expiry_seconds=30 * 60), "SUCCEEDED"),
        (_acknowledged(acknowledgement_expiry_seconds=30 * 60), "RUNNING"),
        (_acknowledged(waiting_until=NOW_MS), "RUNNING"),
        (_acknowledged(cleared_at=1), "SUCCEEDED"),
    ],
)
def test_what_is_looked_after_or_needs_nobody_is_healthy(record: AlertRecord, execution: str) -> None:
    assert stalled(record, execution, NOW_MS) is None


@pytest.mark.parametrize(
    ("record", "execution", "found"),
    [
        (a_record(execution_arn=""), "", Stalled("never-started", "no execution has claimed it")),
        (a_record(), "FAILED", Stalled("ended", "its execution is failed")),
        (a_record(), "ABORTED", Stalled("ended", "its execution is aborted")),
        (a_record(), "TIMED_OUT", Stalled("ended", "its execution is timed out")),
        (a_record(), "MISSING", Stalled("ended", "its execution is missing")),
        (a_record(), "SUCCEEDED", Stalled("ended", "its execution is succeeded")),
        (a_record(paged_directly=True), "FAILED", Stalled("ended", "its execution is failed")),
        (
            a_record(waiting_until=NOW_MS - MINUTE - 1),
            "RUNNING",
            Stalled("overdue", "it has waited in 1.0 for longer than planned"),
        ),
        (
            a_record(told={}, last_telling="", holding="silence", waiting_until=NOW_MS - MINUTE - 1),
            "RUNNING",
            Stalled("overdue", "it has waited in its first step for longer than planned"),
        ),
        (
            a_record(told={}, last_telling=""),
            "RUNNING",
            Stalled("nobody-told", "nobody has certainly been told yet"),
        ),
        (
            _acknowledged(waiting_until=NOW_MS - 2 * MINUTE),
            "RUNNING",
            Stalled("overdue", "its acknowledgement has expired and its execution goes on waiting"),
        ),
        (
            _acknowledged(),
            "SUCCEEDED",
            Stalled("ended", "its acknowledgement has expired and no execution is there to say so"),
        ),
        (
            _acknowledged(execution_arn=""),
            "",
            Stalled("ended", "its acknowledgement has expired and no execution is there to say so"),
        ),
        (
            _acknowledged(cleared_at=1, members=frozenset({"a2"})),
            "SUCCEEDED",
            Stalled("ended", "its acknowledgement has expired and no execution is there to say so"),
        ),
    ],
)
def test_what_should_be_escalating_and_is_not_has_a_reason(record: AlertRecord, execution: str, found: Stalled) -> None:
    assert stalled(record, execution, NOW_MS) == found


# ------------------------------------------------------------------------------------------------ what is done about it


def test_nothing_is_done_about_an_escalation_that_goes_on() -> None:
    found = escalating()

    assert found.look() == Audit(looked_at=1)
    assert (found.executions.started, found.world.channels.sent, found.announced) == ([], [], [])


def test_an_alert_whose_escalation_never_began_is_started_after_a_minute() -> None:
    found = Round(World(claimed=False))
    found.world.raised()
    assert found.look() == Audit(looked_at=1)
    found.world.later(60)

    assert found.look() == Audit(looked_at=1, stalled=1)
    assert found.executions.started == [("a1", 0)]
    assert found.announced == [("a1", "never-started", "restarted")]
    assert found.world.timeline() == ["raised", "escalation-started", "restarted"]


@pytest.mark.parametrize("status", ["FAILED", "ABORTED", "TIMED_OUT", "MISSING"])
def test_an_escalation_that_ended_without_an_answer_is_started_again(status: str) -> None:
    found = escalating()
    found.executions.statuses["e1"] = status

    assert found.look() == Audit(looked_at=1, stalled=1)
    assert found.executions.started == [("a1", 1)]
    assert (found.world.record().restarts, found.world.record().execution_arn) == (1, "a1-1")
    assert found.announced == [("a1", "ended", "restarted")]
    assert found.look() == Audit(looked_at=1)


def test_what_is_started_again_tells_its_people_again() -> None:
    found = escalating()
    found.executions.statuses["e1"] = "FAILED"
    found.look()

    plan = found.world.plan()["plan"]
    assert plan["tellings"][0]["key"] == "2.0"
    assert found.world.tell(a_telling(key="2.0"), "t2")["told"] is True


def test_the_event_says_which_alert_stalled_why_and_what_was_done() -> None:
    found = escalating()
    found.executions.statuses["e1"] = "FAILED"
    found.look()

    (event,) = found.world.bus.published
    assert (event.source, event.type, event.correlation_id) == ("smartwatch.notify", "EscalationStalled", "c1")
    assert (event.data.device_id, event.data.rule_id, event.data.severity) == (
        "watch-002",
        "heart-rate-high",
        "critical",
    )
    assert event.data.drill is False


def test_each_start_and_page_is_an_event_of_its_own() -> None:
    found = escalating()
    for number in range(4):
        found.executions.statuses.update({"e1": "FAILED", f"a1-{number}": "FAILED"})
        found.look()

    ids = [event.id for event in found.world.bus.published]
    assert len(ids) == len(set(ids)) == 3


def test_an_escalation_is_started_again_twice_and_then_the_fallback_is_paged_once() -> None:
    found = escalating()
    for number in range(4):
        found.executions.statuses.update({"e1": "FAILED", f"a1-{number}": "FAILED"})
        found.look()

    assert found.executions.started == [("a1", 1), ("a1", 2)]
    assert found.announced == [
        ("a1", "ended", "restarted"),
        ("a1", "ended", "restarted"),
        ("a1", "ended", "fallback-paged"),
    ]
    assert found.world.channels.addresses == ["topic on-call"]


def test_an_execution_that_began_and_ended_without_the_alert_is_followed_by_another() -> None:
    found = Round(World(claimed=False))
    found.world.raised()
    found.world.later(60)
    found.executions.ran = {("a1", 0)}

    assert found.look() == Audit(looked_at=1, stalled=1)
    assert found.executions.started == [("a1", 1)]
    assert found.world.record().restarts == 1


def test_executions_that_never_claim_the_alert_are_not_started_for_ever() -> None:
    found = Round(World(claimed=False))
    found.world.raised()
    found.world.later(60)
    found.executions.claims = False
    for _ in range(8):
        found.look()
        found.executions.ran = set(found.executions.started)

    assert found.executions.started == [("a1", 0), ("a1", 1), ("a1", 2)]
    assert found.world.channels.addresses == ["topic on-call"]
    assert len({event.id for event in found.world.bus.published}) == len(found.announced)


def test_an_escalation_that_two_rounds_find_at_once_is_started_again_once() -> None:
    found = escalating()
    found.executions.statuses["e1"] = "FAILED"
    stale = found.world.record()
    found.look()
    found.world.alerts.get = lambda _: stale  # type: ignore[method-assign]

    assert found.look() == Audit(looked_at=1)
    assert found.executions.started == [("a1", 1)]


def test_a_wait_that_does_not_end_pages_the_fallback_once() -> None:
    found = escalating()
    found.world.later(361)

    assert found.look() == Audit(looked_at=1, stalled=1)
    assert found.look() == Audit(looked_at=1)
    assert found.executions.started == []
    assert found.announced == [("a1", "overdue", "fallback-paged")]
    (message,) = found.world.channels.messages
    assert message.subject == "Escalation stalled: Heart rate above 150 bpm (watch-002)"
    assert message.body.splitlines() == [
        "Escalation stalled: it has waited in 1.0 for longer than planned.",
        "Heart rate above 150 bpm, critical.",
        "Watch: watch-002",
        "Since: 2023-11-14 22:13:20 UTC",
        "Alert: a1",
        "",
        "To take responsibility: https://answers/a1/fallback/stalled/1",
    ]


def test_an_alert_of_which_nobody_certainly_knows_pages_the_fallback() -> None:
    found = Round()
    found.world.plan()
    found.world.channels.broken = {"topic care-team": PerhapsSentError("?")}
    found.world.tell()
    found.world.later(61)

    assert found.look() == Audit(looked_at=1, stalled=1)
    assert found.announced == [("a1", "nobody-told", "fallback-paged")]
    assert found.world.details("stalled") == ["nobody has certainly been told yet; the fallback was paged"]


@pytest.mark.parametrize("told", [True, False])
def test_the_fallback_that_was_paged_hears_how_it_ended(told: bool) -> None:
    found = Round()
    found.world.roster(
        "name: default\nteams: {care-team: {channels: [{type: topic, topic: care-team}]}}\n"
        "fallback: {channels: [{type: pagerduty, service: last}]}\n"
    )
    found.world.plan()
    if told:
        found.world.tell()
    found.world.later(361)
    found.look()
    found.world.channels.sent.clear()

    found.world.acknowledge()
    found.world.clear()

    assert [said for said in found.world.channels.said if said[1] == "pagerduty last"] == [
        ("acknowledged", "pagerduty last"),
        ("cleared", "pagerduty last"),
    ]


def test_the_fallback_is_paged_through_the_first_channel_that_works() -> None:
    found = escalating()
    found.world.roster(
        "name: default\nfallback: {channels: [{type: pagerduty, service: last}, {type: topic, topic: on-call}]}\n"
    )
    found.world.channels.broken = {"pagerduty last": NotSentError("no")}
    found.world.later(361)

    found.look()

    assert found.world.channels.addresses == ["topic on-call"]
    assert found.world.details("channel-failed") == ["no"]


def test_a_fallback_that_can_not_be_paged_is_an_error_and_is_paged_in_the_next_round() -> None:
    found = escalating()
    found.world.later(361)
    found.world.channels.broken = {"topic on-call": NotSentError("no")}
    assert isinstance(found.look().failed, NotSentError)
    assert found.announced == []
    found.world.channels.broken = {}

    assert found.look() == Audit(looked_at=1, stalled=1)
    assert found.world.channels.addresses == ["topic on-call"]


def test_a_page_that_perhaps_went_out_is_not_repeated() -> None:
    found = escalating()
    found.world.later(361)
    found.world.channels.broken = {"topic on-call": PerhapsSentError("timed out")}

    assert found.look() == Audit(looked_at=1, stalled=1)
    found.world.channels.broken = {}
    assert found.look() == Audit(looked_at=1)
    assert found.world.channels.sent == []


def test_an_acknowledgement_that_expired_without_an_execution_escalates_again() -> None:
    found = escalating()
    found.world.acknowledge()
    found.executions.statuses["e1"] = "ABORTED"
    found.world.later(1800)
    assert found.look() == Audit(looked_at=1)
    found.world.later(61)

    assert found.look() == Audit(looked_at=1, stalled=1)
    assert (found.world.record().status, found.world.record().acknowledged_by) == ("open", None)
    assert found.executions.started == [("a1", 1)]
    assert found.world.timeline()[-4:] == ["acknowledgement-expired", "stalled", "escalation-started", "restarted"]


def test_what_is_over_or_answered_for_good_is_left_alone() -> None:
    found = escalating()
    found.world.acknowledge()
    found.executions.statuses["e1"] = "SUCCEEDED"
    found.world.clear()
    found.world.later(86_400)

    assert found.look() == Audit()
    assert found.executions.started == []


# ------------------------------------------------------------------------------------------------- silences and joins


def test_what_is_held_back_by_a_silence_is_healthy() -> None:
    found = Round()
    found.world.silence(600)
    found.world.plan()
    found.world.tell(a_hold(wait_seconds=600))
    found.world.later(500)

    assert found.look() == Audit(looked_at=1)
    assert found.world.workflow.answers == []


def test_a_silence_that_was_ended_early_ends_its_wait() -> None:
    found = Round()
    found.world.silence(600)
    found.world.plan()
    found.world.tell(a_hold(wait_seconds=600), "t1")
    found.world.configuration.silent = []

    assert found.look() == Audit(looked_at=1)
    assert found.world.workflow.answers == [
        ("t1", {"status": "plan-again", "cause": "unsilenced", "acknowledgedBy": ""})
    ]


def test_quiet_hours_go_on_whatever_is_silenced() -> None:
    found = Round()
    found.world.tell(a_hold("quiet-hours", wait_seconds=600))

    found.look()

    assert found.world.workflow.answers == []


def test_a_member_is_left_to_the_one_that_escalates_for_it() -> None:
    found = escalating()
    found.world.plan(found.world.another("a2"))
    found.world.later(200)

    assert found.look() == Audit(looked_at=2)
    assert found.world.record("a2").status == "joined"


def test_a_member_whose_lead_is_over_escalates_by_itself_from_the_next_round_on() -> None:
    found = escalating()
    found.world.plan(found.world.another("a2"))
    found.world.change("a1", status="cleared", members=frozenset())
    found.executions.statuses["e-a2"] = "SUCCEEDED"

    assert found.look() == Audit(looked_at=1)
    assert (found.world.record("a2").status, found.world.record("a2").lead) == ("open", "")
    assert found.world.details("parted", "a2") == ["from a1, which is over"]
    assert found.look() == Audit(looked_at=1)
    assert found.executions.started == [("a2", 1)]


def test_a_member_of_an_alert_that_nobody_answered_escalates_by_itself() -> None:
    found = escalating()
    found.world.plan(found.world.another("a2"))
    found.world.change("a1", status="exhausted")
    found.executions.statuses["e-a2"] = "SUCCEEDED"

    found.look()
    found.look()

    assert (found.world.record("a1").members, found.executions.started) == (frozenset(), [("a2", 1)])
    assert found.announced == []


def test_what_became_more_severe_after_everybody_was_told_of_less_begins_again() -> None:
    found = escalating()
    found.world.change(status="exhausted", severity="critical", planned_severity="warning")
    found.executions.statuses["e1"] = "SUCCEEDED"

    found.look()

    assert (found.world.record().status, found.executions.started) == ("open", [("a1", 1)])


def test_a_member_whose_lead_is_forgotten_escalates_by_itself() -> None:
    found = escalating()
    found.world.plan(found.world.another("a2"))
    found.world.change("a1", status="cleared")
    del found.world.alerts.items["a1"]

    found.look()

    assert found.world.record("a2").status == "open"


# ------------------------------------------------------------------------------------------------------- drills, errors


def test_drills_are_counted_apart() -> None:
    world = World(claimed=False)
    world.claim(DRILL)
    found = Round(world)
    found.executions.statuses["e1"] = "FAILED"

    assert found.look() == Audit(looked_at=1, stalled_drills=1)
    assert found.world.bus.published[0].data.drill is True


def test_a_dry_run_that_stalls_pages_nobody() -> None:
    world = World(claimed=False)
    world.claim(DRY)
    world.plan(DRY)
    world.tell(alert=DRY)
    world.later(361)
    found = Round(world)

    assert found.look() == Audit(looked_at=1, stalled_drills=1)
    assert world.channels.sent == []
    assert world.alerts.items["a1"].timeline[-1].receipt == "dry run, not sent"


def test_one_alert_that_can_not_be_looked_at_hides_no_other() -> None:
    found = escalating()
    found.executions.broken = {"e1"}
    second = found.world.another("a2", device_id="watch-003")
    found.executions.statuses["e-a2"] = "FAILED"

    assert isinstance(found.look().failed, ConnectionError)
    assert found.executions.started == [(second.alert_id, 1)]


def test_an_alert_that_is_gone_when_it_is_looked_at_is_no_error() -> None:
    found = escalating()
    found.world.alerts.with_status = lambda status, **_: ["a1", "gone"] if status == "open" else []  # type: ignore[method-assign]

    assert found.look() == Audit(looked_at=2)


def test_the_function_says_what_it_found_and_counts_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = escalating()
    found.executions.statuses["e1"] = "FAILED"
    deps = Auditor(found.world.deps, found.world.alerts, found.executions)

    assert auditor.handler({}, LambdaContext(), deps=deps) == {  # type: ignore[arg-type]
        "lookedAt": 1,
        "stalled": 1,
        "stalledDrills": 0,
    }
    assert '"EscalationsStalled":[1.0]' in capsys.readouterr().out


@pytest.mark.parametrize("status", ["open", "exhausted"])
def test_that_the_workflow_had_to_page_by_itself_is_said_once_and_nobody_is_paged_again(status: str) -> None:
    found = escalating()
    found.world.change(paged_directly=True, status=status)

    assert found.look() == Audit(looked_at=1, stalled=1)
    assert found.look() == Audit(looked_at=1)
    assert found.announced == [("a1", "notify-failed", "paged-directly")]
    assert found.world.channels.sent == []


def test_an_execution_that_paged_by_itself_and_ended_is_started_again() -> None:
    found = escalating()
    found.world.change(paged_directly=True)
    found.executions.statuses["e1"] = "FAILED"

    assert found.look() == Audit(looked_at=1, stalled=1)
    assert found.executions.started == [("a1", 1)]


def test_a_round_that_was_stopped_while_it_paged_is_made_up_for_once() -> None:
    found = escalating()
    found.world.later(361)
    found.world.alerts.claim_delivery("a1", "stalled/1")

    found.look()
    found.look()

    assert found.world.channels.addresses == ["topic on-call"]


def test_the_grace_of_a_telling_counts_from_its_own_beginning() -> None:
    hours_ago = "2023-11-14T02:00:00+00:00"

    assert (
        stalled(a_record(told={}, last_telling="", raised_at=hours_ago, telling_since=NOW_MS - 1000), "RUNNING", NOW_MS)
        is None
    )
