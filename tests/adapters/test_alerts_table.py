"""The alerts table, on DynamoDB and in memory: every event counts once, whichever comes first; no step goes back."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from notify.alerts_table import DynamoDbAlerts
from notify.domain import SENDING, AlertRecord, TimelineEntry
from notify.plans import Telling
from notify.ports import Delivery, NotOpenError, OvertakenError, UnknownAlertError, UsedLinkError
from notify.requests import Alert, Noted, Raised, parse
from smartwatch_contracts.catalogue import ALERT_RAISED, RETROSPECTIVE_EPISODE_FOUND, TECHNICAL_ALERT_RAISED, EventType
from smartwatch_contracts.events import Severity
from smartwatch_contracts.roster import SmsChannel, TopicChannel

from tests.adapters.conftest import TableMaker
from tests.support.project import event_example
from tests.support.tables import (
    CAUSATION,
    CORRELATION,
    RAISED_AT,
    TRACE,
    AlertsTable,
    Between,
    DynamoDbTable,
    InterruptedCallError,
    MemoryTable,
)
from tests.support.workflows import an_alert

ENTRY = TimelineEntry("2023-11-14T22:13:30.000+00:00", "something", "happened")
TOPIC = TopicChannel(type="topic", topic="care-team")


@pytest.fixture(params=["dynamodb", "memory"])
def alerts(request: pytest.FixtureRequest) -> AlertsTable:
    """The table with one alert that the workflow has claimed, `a1`, a warning of watch-001."""
    made: AlertsTable = MemoryTable() if request.param == "memory" else request.getfixturevalue("on_dynamodb")
    made.claim(an_alert(severity="warning"), "e1")
    return made


@pytest.fixture
def on_dynamodb(dynamodb: Any, table: TableMaker) -> DynamoDbTable:
    return DynamoDbTable(dynamodb, table("Alerts"))


def noted(event_type: EventType) -> Noted:
    request = parse(event_example(event_type))
    assert isinstance(request, Noted)
    return request


def raised(alert: Alert, event_id: str = "e1") -> Raised:
    return Raised(
        action="raised",
        alert=alert,
        raised_at=RAISED_AT,
        event_id=event_id,
        correlation_id=CORRELATION,
        trace=TRACE,
    )


def telling(rank: int, severity: Severity = "warning", **fields: Any) -> Telling:
    given: dict[str, Any] = {"kind": "tell", "step": "care-team", **fields}
    return Telling(key=f"1.{rank}", rank=rank, cause="raised", severity=severity, wait_seconds=300, **given)


# ------------------------------------------------------------------------------------------- an alert becomes known


def test_what_is_raised_is_known_and_open(alerts: AlertsTable) -> None:
    alerts.ledger.raised(raised(an_alert("a2")), ENTRY)

    assert alerts.ledger.get("a2") == AlertRecord(
        "a2",
        "open",
        device_id="watch-001",
        rule_id="heart-rate-high",
        severity="critical",
        title="Heart rate high",
        started_at=1_772_452_800_000,
        raised_at=RAISED_AT,
        correlation_id=CORRELATION,
        trace=TRACE,
        causation_id="e1",
    )


def test_the_same_event_is_raised_once(alerts: AlertsTable) -> None:
    for _ in range(2):
        alerts.ledger.raised(raised(an_alert("a2")), ENTRY)

    assert alerts.timeline("a2") == ["something"]


def test_a_claim_writes_what_the_event_does_and_who_escalates(alerts: AlertsTable) -> None:
    alerts.ledger.raised(raised(an_alert("a2"), CAUSATION), ENTRY)
    before = alerts.ledger.get("a2")

    assert alerts.claim(an_alert("a2"), "e2") == "open"
    assert alerts.ledger.get("a2") == replace(before, execution_arn="e2")


@pytest.mark.parametrize("first", ["claim", "event"])
def test_claim_and_event_come_in_either_order(alerts: AlertsTable, first: str) -> None:
    steps = [lambda: alerts.claim(an_alert("a2"), "e2"), lambda: alerts.ledger.raised(raised(an_alert("a2")), ENTRY)]
    for step in steps if first == "claim" else reversed(steps):
        step()

    record = alerts.ledger.get("a2")
    assert (record.status, record.execution_arn, record.causation_id) == ("open", "e2", "e1")


def test_one_execution_claims_an_alert_and_may_ask_again(alerts: AlertsTable) -> None:
    assert alerts.claim(an_alert("a1"), "e2") is None
    assert alerts.claim(an_alert("a1"), "e1") == "open"


def test_an_unknown_alert_is_told_apart(alerts: AlertsTable) -> None:
    with pytest.raises(UnknownAlertError):
        alerts.ledger.get("nosuch")
    with pytest.raises(UnknownAlertError):
        alerts.ledger.acknowledge("nosuch", "nurse", 1, None, ENTRY)
    with pytest.raises(UnknownAlertError):
        alerts.ledger.begin_plan("nosuch", "care", 0, ENTRY)
    with pytest.raises(UnknownAlertError):
        alerts.ledger.append("nosuch", ENTRY)


# ------------------------------------------------------------------------------------------------ plans and tellings


def test_plans_are_counted(alerts: AlertsTable) -> None:
    first = alerts.ledger.begin_plan("a1", "care", 1800, ENTRY)
    second = alerts.ledger.begin_plan("a1", "care", 0, ENTRY)

    assert (first.plans, first.team, first.acknowledgement_expiry_seconds) == (1, "care", 1800)
    assert (second.plans, second.acknowledgement_expiry_seconds) == (2, 0)


def test_a_telling_keeps_its_token_for_the_one_who_answers(alerts: AlertsTable) -> None:
    record = alerts.ledger.begin_telling("a1", telling(1000), "t1", 5000)

    assert (record.status, record.waiting_until, record.waiting_severity, record.holding) == (
        "open",
        5000,
        "warning",
        "",
    )
    assert alerts.ledger.waiting_token("a1") == alerts.ledger.waiting_token("a1", telling=True) == "t1"


def test_a_hold_says_what_it_waits_for(alerts: AlertsTable) -> None:
    record = alerts.ledger.begin_telling("a1", telling(1000, kind="hold", step="quiet-hours"), "t1", 5000)
    alerts.ledger.forget_token("a1", "t1")

    assert (record.holding, record.telling_since) == ("quiet-hours", 0)
    assert alerts.ledger.get("a1").holding == "quiet-hours"


def test_since_when_people_are_told_counts_from_the_end_of_a_hold(alerts: AlertsTable) -> None:
    # Each waits five minutes.
    assert alerts.ledger.begin_telling("a1", telling(1000), "t1", 310_000).telling_since == 10_000
    assert alerts.ledger.begin_telling("a1", telling(1001), "t2", 610_000).telling_since == 10_000
    alerts.ledger.begin_telling("a1", telling(1002, kind="hold"), "t3", 900_000)
    record = alerts.ledger.begin_telling("a1", telling(1003), "t4", 1_200_000)

    assert (record.telling_since, record.holding) == (900_000, "")


def test_a_retried_telling_keeps_the_token_of_its_latest_try(alerts: AlertsTable) -> None:
    alerts.ledger.begin_telling("a1", telling(1000), "t1", 5000)
    alerts.ledger.begin_telling("a1", telling(1000), "t2", 6000)

    assert alerts.ledger.waiting_token("a1") == "t2"


def test_a_telling_that_a_later_one_has_overtaken_is_refused_and_changes_nothing(alerts: AlertsTable) -> None:
    alerts.ledger.begin_telling("a1", telling(1001), "t2", 5000)
    before = alerts.ledger.get("a1")

    with pytest.raises(OvertakenError):
        alerts.ledger.begin_telling("a1", telling(1000), "t1", 4000)

    assert (alerts.ledger.get("a1"), alerts.ledger.waiting_token("a1")) == (before, "t2")


def test_after_the_workflow_has_paged_directly_no_page_follows_from_here(alerts: AlertsTable) -> None:
    alerts.page_directly("a1")

    assert alerts.ledger.get("a1").paged_directly is True
    with pytest.raises(OvertakenError):
        alerts.ledger.begin_telling("a1", telling(1000), "t3", 5000)


def test_a_telling_of_an_alert_that_has_an_answer_gets_the_record_and_leaves_no_token(alerts: AlertsTable) -> None:
    alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)

    assert alerts.ledger.begin_telling("a1", telling(1000), "t1", 5000).status == "acknowledged"
    assert alerts.ledger.waiting_token("a1") is None


def test_the_token_is_forgotten_once_if_it_is_still_this_one(alerts: AlertsTable) -> None:
    alerts.ledger.begin_telling("a1", telling(1000), "t1", 5000)
    alerts.ledger.forget_token("a1", "another")
    assert alerts.ledger.waiting_token("a1") == "t1"

    alerts.ledger.forget_token("a1", "t1")

    record = alerts.ledger.get("a1")
    assert (record.waiting_severity, record.waiting_until) == (None, 0)
    assert alerts.ledger.waiting_token("a1") is None
    assert alerts.ledger.waiting_token("nosuch") is None


# ---------------------------------------------------------------------------------------------------------- messages


def test_a_message_is_begun_once(alerts: AlertsTable) -> None:
    assert alerts.ledger.claim_delivery("a1", "1.0/anna/0") is True
    assert alerts.ledger.claim_delivery("a1", "1.0/anna/0") is False
    assert alerts.ledger.get("a1").deliveries == {"1.0/anna/0": SENDING}


def test_a_message_that_was_not_sent_may_be_begun_again(alerts: AlertsTable) -> None:
    alerts.ledger.claim_delivery("a1", "1.0/anna/0")
    alerts.ledger.release_delivery("a1", "1.0/anna/0")

    assert alerts.ledger.claim_delivery("a1", "1.0/anna/0") is True


def test_a_message_that_is_out_is_not_begun_again(alerts: AlertsTable) -> None:
    alerts.ledger.claim_delivery("a1", "1.0/anna/0")
    alerts.ledger.delivered("a1", Delivery("1.0/anna/0", "anna", TOPIC, "r1", "1.0"), ENTRY)
    alerts.ledger.release_delivery("a1", "1.0/anna/0")

    record = alerts.ledger.get("a1")
    assert (record.deliveries, record.told, record.last_telling) == ({"1.0/anna/0": "r1"}, {"anna": TOPIC}, "1.0")


def test_the_last_channel_that_reached_somebody_is_the_one_that_is_kept(alerts: AlertsTable) -> None:
    sms = SmsChannel(type="sms", number="+41790000001")
    for number, channel in enumerate((TOPIC, sms)):
        alerts.ledger.delivered("a1", Delivery(f"1.{number}/anna/0", "anna", channel, "r", f"1.{number}"), ENTRY)

    assert alerts.ledger.get("a1").told == {"anna": sms}


def test_a_notice_tells_nobody_of_the_alert(alerts: AlertsTable) -> None:
    record = alerts.ledger.delivered("a1", Delivery("cleared/anna", "anna", TOPIC, "", ""), ENTRY)

    assert (record.deliveries, record.told, record.last_telling) == ({"cleared/anna": "sent"}, {}, "")


def test_what_counts_as_told_can_be_written_without_a_message(alerts: AlertsTable) -> None:
    alerts.ledger.append("a1", ENTRY)
    alerts.ledger.append("a1", ENTRY, telling="1.2")

    assert (alerts.ledger.get("a1").last_telling, alerts.timeline("a1")[1:]) == ("1.2", ["something", "something"])


# ----------------------------------------------------------------------------------------------------------- answers


def test_an_alert_is_acknowledged_once_and_says_by_whom_and_when(alerts: AlertsTable) -> None:
    record = alerts.ledger.acknowledge("a1", "nurse", 1_700_000_000_000, None, ENTRY)
    with pytest.raises(NotOpenError) as second:
        alerts.ledger.acknowledge("a1", "doctor", 1_700_000_001_000, None, ENTRY)

    assert (record.acknowledged_by, record.acknowledged_at) == ("nurse", 1_700_000_000_000)
    assert second.value.record == record


def test_an_exhausted_alert_that_is_over_needs_nobody(alerts: AlertsTable) -> None:
    alerts.exhaust("a1")
    alerts.ledger.clear("a1", "watch-001", 5, ENTRY)

    with pytest.raises(NotOpenError):
        alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)


def test_an_exhausted_alert_may_still_be_acknowledged(alerts: AlertsTable) -> None:
    alerts.exhaust("a1")

    assert alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY).status == "acknowledged"


def test_a_link_acknowledges_once_even_if_the_alert_is_open_again(alerts: AlertsTable) -> None:
    assert alerts.ledger.acknowledge("a1", "nurse", 1, "l1", ENTRY).used_links == {"l1"}
    alerts.ledger.reopen("a1", ENTRY)

    with pytest.raises(UsedLinkError):
        alerts.ledger.acknowledge("a1", "nurse", 2, "l1", ENTRY)
    assert alerts.ledger.get("a1").status == "open"
    assert alerts.ledger.acknowledge("a1", "nurse", 2, "l2", ENTRY).used_links == {"l1", "l2"}


def test_the_token_of_whoever_waits_for_recovery_is_kept_while_somebody_is_responsible(alerts: AlertsTable) -> None:
    assert alerts.ledger.await_recovery("a1", "t0", 5000).status == "open"
    assert alerts.ledger.waiting_token("a1") is None

    alerts.ledger.begin_telling("a1", telling(1000), "t1", 5000)
    alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)
    record = alerts.ledger.await_recovery("a1", "t2", 9000)

    assert (record.waiting_until, record.waiting_severity) == (9000, None)
    assert alerts.ledger.waiting_token("a1") == "t2"
    assert alerts.ledger.waiting_token("a1", telling=True) is None


def test_an_episode_that_is_over_needs_no_wait(alerts: AlertsTable) -> None:
    alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)
    alerts.ledger.clear("a1", "watch-001", 2, ENTRY)

    assert alerts.ledger.await_recovery("a1", "t2", 9000).over is True
    assert alerts.ledger.waiting_token("a1") is None


# ------------------------------------------------------------------------------------------------------------- clears


def test_a_clear_ends_an_open_alert_once(alerts: AlertsTable) -> None:
    for at in (5, 6):
        record = alerts.ledger.clear("a1", "watch-001", at, ENTRY)

    assert (record.status, record.cleared_at, alerts.timeline("a1")[1:]) == ("cleared", 5, ["something"])


def test_a_clear_that_comes_first_is_kept_for_the_claim(alerts: AlertsTable) -> None:
    assert alerts.ledger.clear("a2", "watch-002", 5, ENTRY).status == "cleared"

    assert alerts.claim(an_alert("a2", watch="watch-002"), "e2") == "cleared"


def test_a_clear_that_comes_before_the_event_is_kept_for_it(alerts: AlertsTable) -> None:
    alerts.ledger.clear("a2", "watch-002", 5, ENTRY)
    alerts.ledger.raised(raised(an_alert("a2", watch="watch-002")), ENTRY)

    assert alerts.ledger.get("a2").status == "cleared"


@pytest.mark.parametrize("status", ["acknowledged", "exhausted"])
def test_a_clear_is_noted_beside_an_answer(alerts: AlertsTable, status: str) -> None:
    if status == "acknowledged":
        alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)
    else:
        alerts.exhaust("a1")

    record = alerts.ledger.clear("a1", "watch-001", 5, ENTRY)

    assert (record.status, record.cleared_at, record.over) == (status, 5, True)


def test_only_an_open_alert_is_exhausted(alerts: AlertsTable) -> None:
    alerts.ledger.begin_telling("a1", telling(1000), "t1", 5000)
    assert alerts.exhaust("a1") is True
    assert alerts.exhaust("a1") is False
    assert alerts.exhaust("nosuch") is False

    assert (alerts.ledger.get("a1").waiting_until, alerts.ledger.waiting_token("a1")) == (0, None)


# -------------------------------------------------------------------------------------------- two alerts of one watch


def join(alerts: AlertsTable, member: str, severity: Severity = "critical", watch: str = "watch-001") -> str | None:
    """Claim another alert and ask who leads; the lead's id, None for itself."""
    alerts.claim(an_alert(member, watch=watch, severity=severity), f"e-{member}")
    lead = alerts.ledger.lead_of(alerts.ledger.get(member), ENTRY)
    return None if lead is None else lead.alert_id


def lead(alerts: AlertsTable) -> None:
    assert alerts.ledger.lead_of(alerts.ledger.get("a1"), ENTRY) is None


def test_the_first_alert_of_a_watch_leads_however_often_it_asks(alerts: AlertsTable) -> None:
    lead(alerts)
    lead(alerts)


def test_the_second_alert_of_a_watch_joins_the_first(alerts: AlertsTable) -> None:
    lead(alerts)

    assert join(alerts, "a2") == "a1"
    assert join(alerts, "a3", watch="watch-002") is None
    assert alerts.ledger.get("a1").members == {"a2"}
    assert (alerts.ledger.get("a2").status, alerts.ledger.get("a2").lead) == ("joined", "a1")


def test_an_alert_that_asks_again_has_joined_and_is_on_the_timeline_once(alerts: AlertsTable) -> None:
    lead(alerts)
    join(alerts, "a2")
    again = alerts.ledger.lead_of(alerts.ledger.get("a2"), ENTRY)

    assert again is not None
    assert (again.alert_id, alerts.timeline("a1")) == ("a1", ["escalation-started", "something"])


@pytest.mark.parametrize("status", ["acknowledged", "cleared", "exhausted"])
def test_an_alert_leads_where_the_last_one_is_no_longer_open(alerts: AlertsTable, status: str) -> None:
    lead(alerts)
    if status == "acknowledged":
        alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)
    elif status == "cleared":
        alerts.ledger.clear("a1", "watch-001", 5, ENTRY)
    else:
        alerts.exhaust("a1")

    assert join(alerts, "a2") is None
    assert join(alerts, "a3") == "a2"


def test_an_alert_with_members_is_over_with_the_last_of_them(alerts: AlertsTable) -> None:
    lead(alerts)
    join(alerts, "a2")
    join(alerts, "a3")

    assert alerts.ledger.clear("a1", "watch-001", 5, ENTRY).status == "open"
    assert alerts.ledger.clear("a2", "watch-001", 6, ENTRY).status == "cleared"
    assert alerts.ledger.leave("a1", "a2").status == "open"
    alerts.ledger.clear("a3", "watch-001", 7, ENTRY)
    assert alerts.ledger.leave("a1", "a3").status == "cleared"


def test_members_that_leave_before_the_first_is_over_keep_nothing_open(alerts: AlertsTable) -> None:
    lead(alerts)
    join(alerts, "a2")
    alerts.ledger.clear("a2", "watch-001", 5, ENTRY)

    assert alerts.ledger.leave("a1", "a2").status == "open"
    assert alerts.ledger.leave("a1", "a2").members == frozenset()
    assert alerts.ledger.clear("a1", "watch-001", 6, ENTRY).status == "cleared"


def test_an_alert_that_was_over_before_it_joined_holds_nothing_open(alerts: AlertsTable) -> None:
    lead(alerts)
    alerts.claim(an_alert("a2"), "e2")
    before = alerts.ledger.get("a2")
    alerts.ledger.clear("a2", "watch-001", 5, ENTRY)
    alerts.ledger.lead_of(before, ENTRY)

    assert alerts.ledger.get("a1").members == frozenset()
    assert alerts.ledger.get("a2").status == "cleared"


def test_a_lead_that_ends_while_somebody_joins_is_not_joined(on_dynamodb: DynamoDbTable) -> None:
    on_dynamodb.claim(an_alert("a1"), "e1")
    lead(on_dynamodb)
    on_dynamodb.claim(an_alert("a2"), "e2")
    client = Between(on_dynamodb.client, 1, lambda: on_dynamodb.ledger.clear("a1", "watch-001", 5, ENTRY))
    raced = DynamoDbAlerts(client, on_dynamodb.table, retention_seconds=60)  # type: ignore[arg-type]

    assert raced.lead_of(raced.get("a2"), ENTRY) is None
    assert on_dynamodb.ledger.get("a1").members == frozenset()


def test_of_two_alerts_that_begin_at_once_one_leads(on_dynamodb: DynamoDbTable) -> None:
    on_dynamodb.claim(an_alert("a1"), "e1")
    on_dynamodb.claim(an_alert("a2"), "e2")
    client = Between(on_dynamodb.client, 1, lambda: lead(on_dynamodb))
    raced = DynamoDbAlerts(client, on_dynamodb.table, retention_seconds=60)  # type: ignore[arg-type]

    found = raced.lead_of(raced.get("a2"), ENTRY)

    assert found is not None
    assert (found.alert_id, on_dynamodb.ledger.get("a1").members) == ("a1", {"a2"})


def test_a_function_that_was_stopped_while_it_joined_may_join_again(on_dynamodb: DynamoDbTable) -> None:
    def stop() -> None:
        raise InterruptedCallError

    on_dynamodb.claim(an_alert("a1"), "e1")
    lead(on_dynamodb)
    on_dynamodb.claim(an_alert("a2"), "e2")
    stopped = DynamoDbAlerts(Between(on_dynamodb.client, 1, stop), on_dynamodb.table, retention_seconds=60)  # type: ignore[arg-type]
    with pytest.raises(InterruptedCallError):
        stopped.lead_of(stopped.get("a2"), ENTRY)

    found = on_dynamodb.ledger.lead_of(on_dynamodb.ledger.get("a2"), ENTRY)

    assert found is not None
    assert (found.members, on_dynamodb.ledger.get("a2").status) == ({"a2"}, "joined")


def test_an_alert_that_is_over_before_it_has_joined_holds_nothing_open(on_dynamodb: DynamoDbTable) -> None:
    on_dynamodb.claim(an_alert("a1"), "e1")
    lead(on_dynamodb)
    on_dynamodb.claim(an_alert("a2"), "e2")
    client = Between(on_dynamodb.client, 1, lambda: on_dynamodb.ledger.clear("a2", "watch-001", 5, ENTRY))
    raced = DynamoDbAlerts(client, on_dynamodb.table, retention_seconds=60)  # type: ignore[arg-type]

    raced.lead_of(raced.get("a2"), ENTRY)

    assert (raced.get("a1").members, raced.get("a2").status, raced.get("a2").lead) == (frozenset(), "cleared", "")


def test_an_alert_whose_lead_is_over_parts_from_it_once(alerts: AlertsTable) -> None:
    lead(alerts)
    join(alerts, "a2")
    for _ in range(2):
        alerts.ledger.part("a2", ENTRY)

    record = alerts.ledger.get("a2")
    assert (record.status, record.lead, alerts.timeline("a2")) == ("open", "", ["escalation-started", "something"])


# ---------------------------------------------------------------------------------------- what begins once more


@pytest.mark.parametrize("by", ["auditor", "workflow"])
def test_an_acknowledgement_that_expires_leaves_nobody_responsible(alerts: AlertsTable, by: str) -> None:
    alerts.ledger.delivered("a1", Delivery("1.0/anna/0", "anna", TOPIC, "r", "1.0"), ENTRY)
    alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)
    alerts.ledger.await_recovery("a1", "t1", 5000)

    assert (
        alerts.ledger.reopen("a1", ENTRY) if by == "auditor" else alerts.expire("a1", "2023-11-14T22:50:00.000+00:00")
    ) is True

    record = alerts.ledger.get("a1")
    assert (record.status, record.acknowledged_by, record.acknowledged_at, record.last_telling) == ("open", None, 0, "")
    assert (record.told, alerts.ledger.waiting_token("a1")) == ({"anna": TOPIC}, None)


@pytest.mark.parametrize("by", ["auditor", "workflow"])
def test_what_is_over_or_nobodys_does_not_expire(alerts: AlertsTable, by: str) -> None:
    def expire() -> bool:
        return (
            alerts.ledger.reopen("a1", ENTRY)
            if by == "auditor"
            else alerts.expire("a1", "2023-11-14T22:50:00.000+00:00")
        )

    assert expire() is False
    alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)
    alerts.ledger.clear("a1", "watch-001", 5, ENTRY)
    assert expire() is False


def test_an_acknowledged_alert_that_is_held_open_by_members_expires(alerts: AlertsTable) -> None:
    lead(alerts)
    join(alerts, "a2")
    alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)
    alerts.ledger.clear("a1", "watch-001", 5, ENTRY)

    assert alerts.expire("a1", "2023-11-14T22:50:00.000+00:00") is True


def test_an_expiry_whose_answer_was_lost_may_be_asked_again_and_no_other(alerts: AlertsTable) -> None:
    alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)

    first, second = (f"2023-11-14T22:{minute}:00.000+00:00" for minute in (50, 51))
    assert [alerts.expire("a1", at) for at in (first, first, second)] == [True, True, False]


def test_after_a_failed_execution_another_one_may_claim_once(alerts: AlertsTable) -> None:
    alerts.ledger.begin_telling("a1", telling(1000), "t1", 5000)
    record = alerts.ledger.get("a1")

    assert [alerts.ledger.take_over(record, ENTRY) for _ in range(2)] == [True, False]
    after = alerts.ledger.get("a1")
    assert (after.execution_arn, after.restarts, alerts.ledger.waiting_token("a1")) == ("", 1, None)
    assert alerts.claim(an_alert("a1"), "e2") == "open"
    assert alerts.ledger.take_over(record, ENTRY) is False


def test_an_alert_with_an_answer_is_not_taken_over(alerts: AlertsTable) -> None:
    record = alerts.ledger.get("a1")
    alerts.ledger.acknowledge("a1", "nurse", 1, None, ENTRY)

    assert alerts.ledger.take_over(record, ENTRY) is False


def test_alerts_are_found_by_status_once_they_were_raised(alerts: AlertsTable) -> None:
    alerts.claim(an_alert("a2"), "e2")
    alerts.ledger.acknowledge("a2", "nurse", 1, None, ENTRY)
    alerts.ledger.worsen("a3", "critical", "e3", ENTRY)
    alerts.ledger.clear("a4", "watch-001", 5, ENTRY)

    found = {status: list(alerts.ledger.with_status(status)) for status in ("open", "acknowledged", "cleared")}
    assert found == {"open": ["a1"], "acknowledged": ["a2"], "cleared": []}


# ----------------------------------------------------------------------------------- kept beside, and rises in severity


def test_a_fault_of_a_watch_is_kept_once_and_cleared_when_it_is_over(alerts: AlertsTable) -> None:
    request = noted(TECHNICAL_ALERT_RAISED)
    alert_id = request.alert.alert_id
    for _ in range(2):
        alerts.ledger.note(request, ENTRY)
    assert (alerts.ledger.get(alert_id).status, alerts.timeline(alert_id)) == ("technical", ["something"])

    assert alerts.ledger.clear(alert_id, "watch-002", 5, ENTRY).status == "cleared"


def test_a_fault_that_was_over_before_it_was_noted_stays_cleared(alerts: AlertsTable) -> None:
    request = noted(TECHNICAL_ALERT_RAISED)
    alerts.ledger.clear(request.alert.alert_id, "watch-002", 5, ENTRY)

    alerts.ledger.note(request, ENTRY)

    record = alerts.ledger.get(request.alert.alert_id)
    assert (record.status, record.title) == ("cleared", "Watch is not worn")


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_an_episode_of_the_past_ends_at_its_latest_end(alerts: AlertsTable, order: tuple[int, int]) -> None:
    request = noted(RETROSPECTIVE_EPISODE_FOUND)
    for n in order:
        update = {"event_id": f"e{n}", "ended_at": 1_700_000_000_000 + n}
        alerts.ledger.note(request.model_copy(update=update), ENTRY)

    record = alerts.ledger.get(request.alert.alert_id)
    assert (record.status, record.cleared_at) == ("retrospective", 1_700_000_000_002)


def test_a_rise_in_severity_is_noted_once(alerts: AlertsTable) -> None:
    for _ in range(2):
        alerts.ledger.worsen("a1", "critical", "e1", ENTRY)

    assert (alerts.ledger.get("a1").severity, alerts.timeline("a1")[1:]) == ("critical", ["something"])


@pytest.mark.parametrize("by", ["claim", "event"])
def test_a_rise_in_severity_that_comes_first_is_kept(alerts: AlertsTable, by: str) -> None:
    alerts.ledger.worsen("a2", "critical", "e9", ENTRY)
    with pytest.raises(UnknownAlertError):
        alerts.ledger.get("a2")

    if by == "claim":
        alerts.claim(an_alert("a2", severity="warning"), "e2")
    else:
        alerts.ledger.raised(raised(an_alert("a2", severity="warning")), ENTRY)

    assert alerts.ledger.get("a2").severity == "critical"


def test_the_example_of_the_event_is_understood() -> None:
    assert isinstance(parse(event_example(ALERT_RAISED)), Raised)


# ------------------------------------------------------------------------------------------- the same, whatever happens


def anything(alerts: AlertsTable, random: Random, number: int) -> Any:
    """One random call; what it answers."""
    ledger, alert_id, event = alerts.ledger, random.choice(("a1", "a2", "a3", "a4")), f"e{random.randrange(6)}"
    alert = an_alert(alert_id, severity=random.choice(("warning", "critical")))
    entry = TimelineEntry(f"2026-01-01T00:{number // 60:02}:{number % 60:02}+00:00", f"w{number}")
    rank = random.randrange(1000, 1004)
    key = f"1.{rank}/anna/{random.randrange(2)}"
    kind = random.choice(("tell", "hold"))
    delivery = Delivery(key, random.choice(("anna", "ben")), TOPIC, "r", random.choice(("", f"1.{rank}")))
    link = random.choice((None, "l1", "l2"))
    member = random.choice(("a1", "a2", "a3", "a4"))
    execution = f"e-{alert_id}-{random.randrange(2)}"
    seen = f"t{number - random.randrange(2)}"
    calls = {
        "raised": lambda: ledger.raised(raised(alert, event), entry),
        "claim": lambda: alerts.claim(alert, execution),
        "exhaust": lambda: alerts.exhaust(alert_id),
        "expire": lambda: alerts.expire(alert_id, seen),
        "plan": lambda: ledger.begin_plan(alert_id, "care", random.choice((0, 60)), entry),
        "lead": lambda: ledger.lead_of(ledger.get(alert_id), entry),
        "tell": lambda: ledger.begin_telling(alert_id, telling(rank, kind=kind), f"t{number}", 400_000 + number),
        "await": lambda: ledger.await_recovery(alert_id, f"t{number}", number),
        "begin": lambda: ledger.claim_delivery(alert_id, key),
        "release": lambda: ledger.release_delivery(alert_id, key),
        "delivered": lambda: ledger.delivered(alert_id, delivery, entry),
        "append": lambda: ledger.append(alert_id, entry, telling=random.choice(("", "1.9"))),
        "acknowledge": lambda: ledger.acknowledge(alert_id, "nurse", number, link, entry),
        "clear": lambda: ledger.clear(alert_id, "watch-001", number, entry),
        "leave": lambda: ledger.leave(alert_id, member),
        "worsen": lambda: ledger.worsen(alert_id, "critical", event, entry),
        "forget": lambda: ledger.forget_token(alert_id, ledger.waiting_token(alert_id) or "none"),
        "reopen": lambda: ledger.reopen(alert_id, entry),
        "take-over": lambda: ledger.take_over(ledger.get(alert_id), entry),
        "part": lambda: ledger.part(alert_id, entry),
    }
    weights = [6 if name in ("claim", "raised", "lead") else 1 if name in ("clear", "exhaust") else 3 for name in calls]
    chosen = random.choices(list(calls), weights)[0]
    if chosen in ("begin", "release", "delivered", "append") and not is_raised(alerts, alert_id):
        # Notify knows what an alert is before it sends anything about it.
        return chosen, None
    try:
        return chosen, calls[chosen]()
    except (UnknownAlertError, NotOpenError, UsedLinkError, OvertakenError) as error:
        return chosen, type(error).__name__


def is_raised(alerts: AlertsTable, alert_id: str) -> bool:
    try:
        return alerts.ledger.get(alert_id).title != ""
    except UnknownAlertError:
        return False


def state(alerts: AlertsTable) -> dict[str, Any]:
    """Everything that can be seen of the table."""
    found: dict[str, Any] = {}
    for alert_id in ("a1", "a2", "a3", "a4"):
        try:
            found[alert_id] = (alerts.ledger.get(alert_id), alerts.timeline(alert_id))
        except UnknownAlertError:
            found[alert_id] = None
        found[f"{alert_id} waits"] = alerts.ledger.waiting_token(alert_id)
        found[f"{alert_id} waits for people"] = alerts.ledger.waiting_token(alert_id, telling=True)
    for status in ("open", "acknowledged", "joined", "exhausted", "cleared"):
        found[status] = sorted(alerts.ledger.with_status(status))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_both_tables_do_the_same_whatever_happens_to_them(on_dynamodb: DynamoDbTable, seed: int) -> None:
    memory = MemoryTable()
    done = []
    for number in range(120):
        one, other = (
            anything(alerts, Random(f"{seed} {number}"), number)  # noqa: S311 - the same every time
            for alerts in (on_dynamodb, memory)
        )
        done.append(one[0])
        assert one == other, done
        if number % 8 == 7:
            assert state(on_dynamodb) == state(memory), done
