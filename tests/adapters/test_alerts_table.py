"""The alerts table: every event is noted once, whichever comes first, and no step goes back."""

from __future__ import annotations

from typing import Any

import pytest
from notify.alerts_table import DynamoDbAlerts
from notify.domain import TimelineEntry
from notify.ports import NotOpenError, OvertakenError, UnknownAlertError
from notify.requests import Noted, parse
from smartwatch_contracts.catalogue import RETROSPECTIVE_EPISODE_FOUND, TECHNICAL_ALERT_RAISED, EventType

from tests.adapters.conftest import TableMaker
from tests.support.project import event_example

ENTRY = TimelineEntry("2023-11-14T22:13:30.000+00:00", "something", "happened")


class Ledger:
    """The table with one alert that the workflow has claimed, `a1`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table
        self.alerts = DynamoDbAlerts(client, table, retention_seconds=60)
        claimed = {"alertId": {"S": "a1"}, "status": {"S": "open"}, "told": {"M": {}}, "severity": {"S": "warning"}}
        client.put_item(TableName=table, Item=claimed)

    def item(self, alert_id: str = "a1") -> dict[str, Any]:
        item: dict[str, Any] = self._client.get_item(TableName=self._table, Key={"alertId": {"S": alert_id}})["Item"]
        return item

    def timeline(self, alert_id: str = "a1") -> list[str]:
        return [entry["M"]["what"]["S"] for entry in self.item(alert_id).get("timeline", {}).get("L", [])]

    def mark_as_paged_directly(self) -> None:
        self._client.update_item(
            TableName=self._table,
            Key={"alertId": {"S": "a1"}},
            UpdateExpression="SET pagedDirectly = :at",
            ExpressionAttributeValues={":at": {"S": "now"}},
        )


@pytest.fixture
def ledger(dynamodb: Any, table: TableMaker) -> Ledger:
    return Ledger(dynamodb, table("Alerts"))


def noted(event_type: EventType) -> Noted:
    request = parse(event_example(event_type))
    assert isinstance(request, Noted)
    return request


def test_a_step_keeps_its_token_for_the_one_who_answers(ledger: Ledger) -> None:
    assert ledger.alerts.begin_step("a1", "care-team", "t1").status == "open"
    assert ledger.alerts.waiting_token("a1") == "t1"


def test_a_retried_step_keeps_the_token_of_its_latest_try(ledger: Ledger) -> None:
    ledger.alerts.begin_step("a1", "care-team", "t1")
    ledger.alerts.begin_step("a1", "care-team", "t2")

    assert ledger.alerts.waiting_token("a1") == "t2"


def test_a_step_that_a_later_one_has_overtaken_is_refused_and_changes_nothing(ledger: Ledger) -> None:
    ledger.alerts.begin_step("a1", "care-team-reminder", "t2")

    with pytest.raises(OvertakenError):
        ledger.alerts.begin_step("a1", "care-team", "t1")

    assert ledger.alerts.waiting_token("a1") == "t2"


def test_after_the_workflow_has_paged_directly_no_page_follows_from_here(ledger: Ledger) -> None:
    ledger.mark_as_paged_directly()

    with pytest.raises(OvertakenError):
        ledger.alerts.begin_step("a1", "on-call", "t3")


def test_a_step_that_is_done_is_on_the_timeline_once(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.alerts.step_done("a1", "care-team", ENTRY)

    assert ledger.timeline() == ["something"]
    assert ledger.alerts.begin_step("a1", "care-team", "t1").told == {"care-team"}


def test_an_alert_is_acknowledged_once_and_says_by_whom_and_when(ledger: Ledger) -> None:
    record = ledger.alerts.acknowledge("a1", "nurse", 1_700_000_000_000, ENTRY)
    with pytest.raises(NotOpenError) as second:
        ledger.alerts.acknowledge("a1", "doctor", 1_700_000_001_000, ENTRY)

    assert (record.acknowledged_by, record.acknowledged_at) == ("nurse", 1_700_000_000_000)
    assert second.value.record == record


def test_an_unknown_alert_is_told_apart(ledger: Ledger) -> None:
    with pytest.raises(UnknownAlertError):
        ledger.alerts.acknowledge("nosuch", "nurse", 1, ENTRY)


def test_a_clear_that_comes_first_is_kept_for_the_claim(ledger: Ledger) -> None:
    assert ledger.alerts.clear("a2", "watch-002", 1_700_000_000_000, ENTRY).status == "cleared"
    assert ledger.item("a2")["deviceId"]["S"] == "watch-002"


def test_a_fault_of_a_watch_is_kept_once_and_cleared_when_it_is_over(ledger: Ledger) -> None:
    request = noted(TECHNICAL_ALERT_RAISED)
    for _ in range(2):
        ledger.alerts.note(request, ENTRY)
    assert (ledger.item(request.alert.alert_id)["status"]["S"], ledger.timeline(request.alert.alert_id)) == (
        "technical",
        ["something"],
    )

    ledger.alerts.clear(request.alert.alert_id, "watch-002", 1_700_000_100_000, ENTRY)

    assert ledger.item(request.alert.alert_id)["status"]["S"] == "cleared"


def test_a_fault_that_was_over_before_it_was_noted_stays_cleared(ledger: Ledger) -> None:
    request = noted(TECHNICAL_ALERT_RAISED)
    ledger.alerts.clear(request.alert.alert_id, "watch-002", 1_700_000_100_000, ENTRY)

    ledger.alerts.note(request, ENTRY)

    item = ledger.item(request.alert.alert_id)
    assert (item["status"]["S"], item["title"]["S"]) == ("cleared", "Watch is not worn")


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_an_episode_of_the_past_ends_at_its_latest_end(ledger: Ledger, order: tuple[int, int]) -> None:
    request = noted(RETROSPECTIVE_EPISODE_FOUND)
    for n in order:
        update = {"event_id": f"e{n}", "ended_at": 1_700_000_000_000 + n}
        ledger.alerts.note(request.model_copy(update=update), ENTRY)

    item = ledger.item(request.alert.alert_id)
    assert (item["status"]["S"], item["clearedAt"]["N"]) == ("retrospective", "1700000000002")


def test_a_rise_in_severity_is_noted_once_and_before_the_claim_too(ledger: Ledger) -> None:
    for alert_id in ("a1", "a3"):
        for _ in range(2):
            ledger.alerts.worsen(alert_id, "critical", "e1", ENTRY)

        assert ledger.item(alert_id)["severity"]["S"] == "critical"
        assert ledger.timeline(alert_id) == ["something"]
