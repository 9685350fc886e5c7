"""What PutEvents takes and refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.clouds import TestCloud, eventually
from tests.support.resources import new_name, queue, received


def entry(**changes: Any) -> dict[str, Any]:
    return {"Source": "test", "DetailType": "Happened", "Detail": "{}", **changes}


def test_a_request_over_one_megabyte_is_refused(mended: TestCloud) -> None:
    large = json.dumps({"text": "x" * 600_000})
    with pytest.raises(ClientError, match="Total size of the entries in the request is over the limit"):
        mended.client("events").put_events(Entries=[entry(Detail=large), entry(Detail=large)])


def test_an_entry_just_under_the_limit_is_accepted(mended: TestCloud) -> None:
    detail = json.dumps({"text": "x" * 1_000_000})
    assert mended.client("events").put_events(Entries=[entry(Detail=detail)])["FailedEntryCount"] == 0


def test_a_request_holds_at_most_ten_entries(mended: TestCloud) -> None:
    with pytest.raises(ClientError, match="'entries' failed to satisfy constraint"):
        mended.client("events").put_events(Entries=[entry()] * 11)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"DetailType": ""}, "InvalidArgument"),
        ({"Source": ""}, "InvalidArgument"),
        ({"Detail": ""}, "InvalidArgument"),
        ({"Detail": "not JSON"}, "MalformedDetail"),
        ({"Detail": "[1]"}, "MalformedDetail"),
        ({"Source": "aws.ec2"}, "NotAuthorizedForSourceException"),
    ],
)
def test_a_bad_entry_fails_alone_and_in_its_place(mended: TestCloud, bad: dict[str, str], code: str) -> None:
    answer = mended.client("events").put_events(Entries=[entry(), entry(**bad), entry()])

    assert answer["FailedEntryCount"] == 1
    assert [result.get("ErrorCode") for result in answer["Entries"]] == [None, code, None]


def test_an_event_for_no_bus_is_accepted_and_the_log_says_that_it_is_lost(mended: TestCloud) -> None:
    answer = mended.client("events").put_events(Entries=[entry(EventBusName="nowhere")])

    assert answer["FailedEntryCount"] == 0
    assert "an event is lost: there is no bus nowhere" in mended.log()


def test_an_event_keeps_the_time_that_it_was_given(mended: TestCloud) -> None:
    events = mended.client("events")
    source = new_name("source")
    inbox, inbox_arn = queue(mended, open_to="events.amazonaws.com")
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=source, Targets=[{"Id": "inbox", "Arn": inbox_arn}])

    events.put_events(Entries=[entry(Source=source, Time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))])

    [message] = eventually(lambda: received(mended, inbox))
    assert json.loads(message["Body"])["time"] == "2026-01-02T03:04:05Z"


def test_stock_takes_an_entry_without_a_detail_type(stock: TestCloud) -> None:
    assert stock.client("events").put_events(Entries=[entry(DetailType="")])["FailedEntryCount"] == 0
