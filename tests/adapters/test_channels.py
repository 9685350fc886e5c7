"""Channels on SNS, and keys: what SNS did not take is told from what it may have, and keys outlive Secrets Manager."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)
from botocore.stub import Stubber
from moto import mock_aws
from moto.sns import sns_backends
from notify.channels import Sms, SnsTopics, sns_client
from notify.ports import NotSentError, PerhapsSentError
from notify.secrets import SecretsManagerSecrets, SecretsUnreadableError
from smartwatch_contracts.roster import SmsChannel, TopicChannel

from tests.support.messages import LINK, a_message

CARE_TEAM = TopicChannel(type="topic", topic="care-team")
PHONE = SmsChannel(type="sms", number="+4915112345678")
ENDPOINT = "https://sns.us-east-1.amazonaws.com/"
CONTENT = {
    "pagerduty": {
        "night-shift": {"routingKey": "r1", "webhookSecrets": ["w1", "w2"]},
        "day-shift": {"routingKey": "r2", "webhookSecrets": ["w3", "", 7]},
        "no-webhook": {"routingKey": "r3"},
    },
    "webhooks": {"relay": {"url": "https://relay.example.org/", "key": "k1"}},
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        yield


@pytest.fixture
def topics(aws: None) -> SnsTopics:
    client = sns_client()
    arn = client.create_topic(Name="care-team")["TopicArn"]
    return SnsTopics(client, {"care-team": arn})


def published() -> Any:
    """What moto's SNS has sent, by topic or to phones."""
    return sns_backends["123456789012"]["us-east-1"]


class FailingSns:
    """A client whose every publish fails in one way, and that counts them."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.tries = 0

    def publish(self, **_: Any) -> Any:
        self.tries += 1
        raise self._error


def client_error(code: str, status: int, message: str = "") -> Exception:
    """What botocore makes of such an answer."""
    client = boto3.client("sns", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        stub.add_client_error("publish", service_error_code=code, service_message=message, http_status_code=status)
        try:
            client.publish(Message="x", PhoneNumber="+4915112345678")
        except client.exceptions.ClientError as error:
            return error
    raise AssertionError("the stub did not refuse")


def test_a_topic_carries_subject_body_and_what_subscriptions_filter_by(topics: SnsTopics) -> None:
    receipt = topics.send(a_message(), CARE_TEAM)

    (topic,) = published().topics.values()
    (sent,) = topic.sent_notifications
    message_id, body, subject, attributes, *_ = sent
    assert message_id == receipt
    assert body == a_message().body
    assert subject == "Alert: Heart rate above 150 bpm (watch-002)"
    assert {name: each["Value"] for name, each in attributes.items()} == {
        "severity": "critical",
        "alertId": "a1",
        "drill": "false",
        "purpose": "alert",
    }


def test_a_topic_that_the_stack_does_not_have_is_told_to_nobody(topics: SnsTopics) -> None:
    with pytest.raises(NotSentError, match="there is no topic on-call"):
        topics.send(a_message(), TopicChannel(type="topic", topic="on-call"))


def test_a_text_message_is_the_subject_and_the_link(aws: None) -> None:
    receipt = Sms(sns_client()).send(a_message(), PHONE)

    assert published().sms_messages == {
        receipt: ("+4915112345678", f"Alert: Heart rate above 150 bpm (watch-002)\n{LINK}")
    }


def test_a_text_message_that_asks_for_nothing_is_its_subject(aws: None) -> None:
    receipt = Sms(sns_client()).send(a_message(link=""), PHONE)

    assert published().sms_messages[receipt] == ("+4915112345678", "Alert: Heart rate above 150 bpm (watch-002)")


def test_a_text_message_is_transactional() -> None:
    client = boto3.client("sns", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        stub.add_response(
            "publish",
            {"MessageId": "m1"},
            {
                "PhoneNumber": "+4915112345678",
                "Message": "Alert: x",
                "MessageAttributes": {
                    "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"},
                },
            },
        )

        assert Sms(client).send(a_message(subject="Alert: x", link=""), PHONE) == "m1"


def test_the_client_tries_once(aws: None) -> None:
    assert sns_client().meta.config.retries == {"mode": "standard", "total_max_attempts": 1}


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=ENDPOINT),
        ConnectTimeoutError(endpoint_url=ENDPOINT),
        SSLError(endpoint_url=ENDPOINT, error=ssl.SSLCertVerificationError("unknown issuer")),
        NoCredentialsError(),
        client_error("AuthorizationError", 403),
        client_error("InvalidParameter", 400),
        client_error("Throttled", 429),
    ],
)
def test_what_sns_certainly_did_not_take_is_not_sent(error: Exception) -> None:
    client = FailingSns(error)

    with pytest.raises(NotSentError):
        Sms(client).send(a_message(), PHONE)  # type: ignore[arg-type]

    assert client.tries == 1


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url=ENDPOINT),
        ConnectionClosedError(endpoint_url=ENDPOINT),
        SSLError(endpoint_url=ENDPOINT, error=ssl.SSLEOFError("EOF occurred")),
        client_error("InternalFailure", 500),
        client_error("ServiceUnavailable", 503),
    ],
)
def test_what_sns_may_have_taken_is_perhaps_sent_and_never_repeated(error: Exception) -> None:
    client = FailingSns(error)

    with pytest.raises(PerhapsSentError):
        SnsTopics(client, {"care-team": "arn"}).send(a_message(), CARE_TEAM)  # type: ignore[arg-type]

    assert client.tries == 1


def test_no_error_repeats_the_phone_number() -> None:
    client = FailingSns(client_error("InvalidParameter", 400, "Invalid parameter: PhoneNumber +4915112345678"))

    with pytest.raises(NotSentError, match=r"^SNS: InvalidParameter$"):
        Sms(client).send(a_message(), PHONE)  # type: ignore[arg-type]


class Vault:
    """The channels' secret in moto, and a clock that the test moves."""

    def __init__(self, content: Any = CONTENT) -> None:
        self.client = boto3.client("secretsmanager", region_name="us-east-1")
        self.client.create_secret(Name="channels", SecretString="{}")
        self.put(content)
        self.now = 1000.0
        self.reads = 0
        self.client.meta.events.register("before-call.secretsmanager.GetSecretValue", self._count)
        self.secrets = SecretsManagerSecrets(self.client, "channels", refresh_seconds=300, clock=lambda: self.now)

    def put(self, content: Any) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        self.client.put_secret_value(SecretId="channels", SecretString=text)

    def lose(self) -> None:
        self.client.delete_secret(SecretId="channels", ForceDeleteWithoutRecovery=True)

    def routing_key(self) -> Any:
        return self.secrets.channel("pagerduty", "night-shift")["routingKey"]

    def _count(self, **_: Any) -> None:
        self.reads += 1


def test_an_entry_is_found_by_kind_and_name(aws: None) -> None:
    secrets = Vault().secrets

    assert secrets.channel("webhooks", "relay") == {"url": "https://relay.example.org/", "key": "k1"}
    assert secrets.channel("pagerduty", "no-webhook") == {"routingKey": "r3"}


@pytest.mark.parametrize(("kind", "name"), [("webhooks", "night-shift"), ("carrier-pigeon", "relay")])
def test_what_is_not_in_the_secret_is_not_sent(aws: None, kind: str, name: str) -> None:
    with pytest.raises(NotSentError, match=f"there is no key for {kind} {name}"):
        Vault().secrets.channel(kind, name)


def test_webhook_secrets_are_those_of_all_services_and_never_empty(aws: None) -> None:
    assert Vault().secrets.webhook_secrets() == ["w1", "w2", "w3"]


def test_a_rotated_key_is_in_use_after_five_minutes(aws: None) -> None:
    vault = Vault()
    assert vault.routing_key() == "r1"
    vault.put({"pagerduty": {"night-shift": {"routingKey": "r9"}}})

    vault.now += 299
    assert vault.routing_key() == "r1"
    assert vault.reads == 1
    vault.now += 1
    assert vault.routing_key() == "r9"


@pytest.mark.parametrize("broken", ["not json", "[]", "null", None])
def test_a_secret_that_can_not_be_read_again_stays_as_it_was_known(aws: None, broken: str | None) -> None:
    vault = Vault()
    vault.routing_key()
    if broken is None:
        vault.lose()
    else:
        vault.put(broken)

    vault.now += 300
    assert vault.routing_key() == "r1"
    assert vault.routing_key() == "r1"
    assert vault.reads == 2
    vault.now += 30
    assert vault.routing_key() == "r1"
    assert vault.reads == 3


@pytest.mark.parametrize("broken", ["not json k1", '"k1"'])
def test_a_secret_that_was_never_read_is_an_error_without_its_text(aws: None, broken: str) -> None:
    with pytest.raises(SecretsUnreadableError) as caught:
        Vault(broken).secrets.webhook_secrets()

    assert "k1" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_secret_that_was_never_read_is_asked_for_each_time(aws: None) -> None:
    vault = Vault("not json")
    for _ in range(2):
        with pytest.raises(SecretsUnreadableError):
            vault.routing_key()

    vault.put(CONTENT)

    assert vault.routing_key() == "r1"
