"""What people would have received."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.support.clouds import TestCloud
from tests.support.resources import new_name


def outbox(cloud: TestCloud, method: str = "GET") -> list[dict[str, Any]]:
    request = urllib.request.Request(f"{cloud.settings.endpoint}/_local/outbox", method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        messages: list[dict[str, Any]] = json.load(answer)
    return messages


def to_topic(cloud: TestCloud, topic: str) -> list[dict[str, Any]]:
    return [message for message in outbox(cloud) if message["topicArn"] == topic]


@pytest.fixture
def topic(mended: TestCloud) -> str:
    return str(mended.client("sns").create_topic(Name=new_name("topic"))["TopicArn"])


def test_a_message_to_a_topic_is_kept_without_any_subscriber(mended: TestCloud, topic: str) -> None:
    published = mended.client("sns").publish(
        TopicArn=topic,
        Subject="Heart rate",
        Message="DRILL: look after watch-1",
        MessageAttributes={"drill": {"DataType": "String", "StringValue": "true"}},
    )

    [kept] = to_topic(mended, topic)
    at = kept.pop("at")
    assert at.endswith("Z")
    assert kept == {
        "protocol": "topic",
        "to": topic,
        "subject": "Heart rate",
        "message": "DRILL: look after watch-1",
        "topicArn": topic,
        "messageId": published["MessageId"],
        "attributes": {"drill": "true"},
    }


def test_each_subscriber_gets_the_text_of_its_protocol(mended: TestCloud, topic: str) -> None:
    sns = mended.client("sns")
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="care@example.com")
    sns.subscribe(TopicArn=topic, Protocol="email-json", Endpoint="desk@example.com")
    sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+15550100")
    texts = {"default": "for all", "email": "a long text", "sms": "short"}
    sns.publish(TopicArn=topic, Subject="Hello", Message=json.dumps(texts), MessageStructure="json")

    received = {message["to"]: message["message"] for message in to_topic(mended, topic)}
    assert received["care@example.com"] == "a long text"
    assert received["+15550100"] == "short"
    assert received[topic] == "for all"
    assert json.loads(received["desk@example.com"])["Message"] == "for all"


def test_a_filter_policy_keeps_a_message_from_a_person(mended: TestCloud, topic: str) -> None:
    sns = mended.client("sns")
    sns.subscribe(
        TopicArn=topic,
        Protocol="email",
        Endpoint="nights@example.com",
        Attributes={"FilterPolicy": json.dumps({"severity": ["critical"]})},
    )
    for severity in ("minor", "critical"):
        sns.publish(
            TopicArn=topic,
            Message=severity,
            MessageAttributes={"severity": {"DataType": "String", "StringValue": severity}},
        )

    mails = [message["message"] for message in to_topic(mended, topic) if message["protocol"] == "email"]
    assert mails == ["critical"]


def test_a_text_message_without_a_topic_is_kept(mended: TestCloud) -> None:
    published = mended.client("sns").publish(PhoneNumber="+15550177", Message="call back")

    [kept] = [message for message in outbox(mended) if message["to"] == "+15550177"]
    assert (kept["protocol"], kept["message"], kept["messageId"]) == ("sms", "call back", published["MessageId"])
    assert kept["topicArn"] is None


def test_delete_empties_the_outbox(mended: TestCloud, topic: str) -> None:
    mended.client("sns").publish(TopicArn=topic, Message="old")
    assert to_topic(mended, topic)

    assert outbox(mended, "DELETE") == []

    assert to_topic(mended, topic) == []


def test_stock_forgets_what_it_sends_to_people(stock: TestCloud) -> None:
    sns = stock.client("sns")
    arn = sns.create_topic(Name=new_name("topic"))["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="care@example.com")
    sns.publish(TopicArn=arn, Message="hello")

    with urllib.request.urlopen(f"{stock.settings.endpoint}/_ministack/sns/sms-messages", timeout=5) as answer:
        assert "hello" not in answer.read().decode()
    with pytest.raises(urllib.error.HTTPError):
        outbox(stock)
