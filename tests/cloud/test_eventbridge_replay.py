"""Archives and replays."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.clouds import TestCloud, eventually
from tests.support.resources import new_name, queue, received

EVENTS = "events.amazonaws.com"
T0 = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class Bus:
    """A bus with an archive, and rules that end in queues."""

    def __init__(self, cloud: TestCloud, **archive: Any) -> None:
        self.cloud, self.events, self.name = cloud, cloud.client("events"), new_name("bus")
        self.arn = self.events.create_event_bus(Name=self.name)["EventBusArn"]
        settings = {"ArchiveName": self.name, "EventSourceArn": self.arn, **archive}
        self.archive_arn = self.events.create_archive(**settings)["ArchiveArn"]

    def rule(self, name: str, pattern: dict[str, Any]) -> tuple[str, str]:
        """The rule's ARN and its queue's URL."""
        url, queue_arn = queue(self.cloud, open_to=EVENTS)
        arn = self.events.put_rule(Name=name, EventBusName=self.name, EventPattern=json.dumps(pattern))["RuleArn"]
        self.events.put_targets(Rule=name, EventBusName=self.name, Targets=[{"Id": "inbox", "Arn": queue_arn}])
        return arn, url

    def put(self, *numbers: int, source: str = "test") -> None:
        """Event number n happened n minutes after T0."""
        entries = [
            {
                "Source": source,
                "DetailType": "Happened",
                "Detail": json.dumps({"number": number}),
                "EventBusName": self.name,
                "Time": T0 + timedelta(minutes=number),
            }
            for number in numbers
        ]
        for start in range(0, len(entries), 10):
            assert self.events.put_events(Entries=entries[start : start + 10])["FailedEntryCount"] == 0

    def replay(self, first: int, last: int, *rule_arns: str) -> str:
        name = new_name("replay")
        answer = self.events.start_replay(
            ReplayName=name,
            EventSourceArn=self.archive_arn,
            EventStartTime=T0 + timedelta(minutes=first, seconds=-1),
            EventEndTime=T0 + timedelta(minutes=last, seconds=1),
            Destination={"Arn": self.arn, **({"FilterArns": list(rule_arns)} if rule_arns else {})},
        )
        assert answer["State"] == "STARTING"
        return name

    def ended(self, replay: str) -> str:
        def state() -> str | None:
            now = self.events.describe_replay(ReplayName=replay)
            return now["State"] if "ReplayEndTime" in now else None

        return str(eventually(state))

    def numbers(self, url: str) -> list[int]:
        return sorted(json.loads(message["Body"])["detail"]["number"] for message in received(self.cloud, url))


def test_a_replay_reaches_only_the_rules_that_it_names(mended: TestCloud) -> None:
    bus = Bus(mended)
    chosen_arn, chosen = bus.rule("chosen", {"source": ["test"]})
    _, other = bus.rule("other", {"source": ["test"]})
    bus.put(1)
    assert [bus.numbers(chosen), bus.numbers(other)] == [[1], [1]]

    assert bus.ended(bus.replay(0, 9, chosen_arn)) == "COMPLETED"

    assert [bus.numbers(chosen), bus.numbers(other)] == [[1], []]


def test_a_replay_takes_the_events_of_its_time_range(mended: TestCloud) -> None:
    bus = Bus(mended)
    _, inbox = bus.rule("all", {"replay-name": [{"exists": True}]})
    bus.put(1, 2, 3, 4)

    bus.ended(bus.replay(2, 3))

    assert bus.numbers(inbox) == [2, 3]


def test_a_replayed_event_carries_the_replays_name_and_rules_can_shut_it_out(mended: TestCloud) -> None:
    bus = Bus(mended)
    _, live = bus.rule("live", {"source": ["test"], "replay-name": [{"exists": False}]})
    _, replayed = bus.rule("replayed", {"replay-name": [{"exists": True}]})
    bus.put(1)
    assert bus.numbers(live) == [1]

    name = bus.replay(0, 9)
    bus.ended(name)

    [message] = received(mended, replayed)
    assert json.loads(message["Body"])["replay-name"] == name
    assert bus.numbers(live) == []


def test_a_replay_is_not_archived_again(mended: TestCloud) -> None:
    bus = Bus(mended)
    bus.put(1, 2)
    bus.ended(bus.replay(0, 9))

    assert bus.events.describe_archive(ArchiveName=bus.name)["EventCount"] == 2


def test_a_cancelled_replay_stops_and_says_so(mended: TestCloud) -> None:
    bus = Bus(mended)
    bus.put(*range(300))
    name = bus.replay(0, 300)

    assert bus.events.cancel_replay(ReplayName=name)["State"] == "CANCELLING"

    assert bus.ended(name) == "CANCELLED"
    with pytest.raises(ClientError, match="IllegalStatusException"):
        bus.events.cancel_replay(ReplayName=name)


def test_a_replay_must_begin_before_it_ends(mended: TestCloud) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        Bus(mended).replay(9, 1)


def test_an_archive_takes_what_matches_its_pattern_and_forgets_after_its_retention(mended: TestCloud) -> None:
    bus = Bus(mended, EventPattern=json.dumps({"source": ["wanted"]}), RetentionDays=1)
    bus.put(1, source="unwanted")
    bus.put(1, source="wanted")  # in May, and so older than a day
    assert bus.events.describe_archive(ArchiveName=bus.name)["EventCount"] == 0

    bus.events.put_events(
        Entries=[
            {
                "Source": "wanted",
                "DetailType": "Happened",
                "Detail": json.dumps({"text": "x" * 1000}),
                "EventBusName": bus.name,
            }
        ]
    )
    archive = bus.events.describe_archive(ArchiveName=bus.name)
    assert archive["EventCount"] == 1
    assert int(archive["ResponseMetadata"]["HTTPHeaders"]["content-length"]) < 1000  # nothing of the events themselves
    assert archive["RetentionDays"] == 1
    assert archive["SizeBytes"] > 0


def test_stock_replays_to_every_rule(stock: TestCloud) -> None:
    bus = Bus(stock)
    chosen_arn, _ = bus.rule("chosen", {"source": ["test"]})
    _, other = bus.rule("other", {"source": ["test"]})
    bus.put(1)
    assert bus.numbers(other) == [1]
    name = new_name("replay")
    now = datetime.now(UTC)
    bus.events.start_replay(
        ReplayName=name,
        EventSourceArn=bus.archive_arn,
        EventStartTime=now - timedelta(minutes=5),
        EventEndTime=now + timedelta(minutes=5),
        Destination={"Arn": bus.arn, "FilterArns": [chosen_arn]},
    )
    bus.ended(name)

    assert bus.numbers(other) == [1]
