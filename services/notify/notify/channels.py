"""Channels on Amazon SNS: the stack's topics, and text messages straight to a phone."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    SSLError,
)
from smartwatch_contracts.roster import SmsChannel, TopicChannel

from notify.messages import Message
from notify.ports import NotSentError, PerhapsSentError

if TYPE_CHECKING:
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

#: SNS takes no idempotency key on a standard topic and none for a phone: a retry inside the client after a lost answer
#: would tell people twice. One attempt, and the caller decides. (`max_attempts` would count retries: botocore, Config.)
CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1})

#: Amazon SNS sends a longer text in parts, up to this many characters in all ("Publishing to a mobile phone").
SMS_MAX_CHARACTERS = 1600


class SnsTopics:
    """Topics by their name in the roster: e-mail, SMS and whatever else is subscribed to them."""

    def __init__(self, client: SNSClient, topic_arns: Mapping[str, str]) -> None:
        self._client = client
        self._topic_arns = topic_arns

    def send(self, message: Message, channel: TopicChannel) -> str:
        """Publish; the id that SNS gave the message. Errors: `NotSentError`, `PerhapsSentError`."""
        topic_arn = self._topic_arns.get(channel.topic)
        if topic_arn is None:
            raise NotSentError(f"there is no topic {channel.topic}")
        try:
            answer = self._client.publish(
                TopicArn=topic_arn,
                Subject=message.subject,
                Message=message.body,
                MessageAttributes=_attributes(message),
            )
        except (BotoCoreError, ClientError) as error:
            raise _failure(error) from None
        return answer["MessageId"]


class Sms:
    """A text message of the subject and, where an answer is asked for, the link; of a digest, what it holds."""

    def __init__(self, client: SNSClient) -> None:
        self._client = client

    def send(self, message: Message, channel: SmsChannel) -> str:
        """Publish to the phone; the id that SNS gave the message. Errors: `NotSentError`, `PerhapsSentError`."""
        try:
            answer = self._client.publish(
                PhoneNumber=channel.number,
                Message=_short(message),
                # Transactional: delivered as reliably as the carrier can, promotional ones as cheaply.
                MessageAttributes={"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}},
            )
        except (BotoCoreError, ClientError) as error:
            raise _failure(error) from None
        return answer["MessageId"]


def _short(message: Message) -> str:
    if message.purpose == "digest":
        return f"{message.subject}\n{message.body}"[:SMS_MAX_CHARACTERS]
    return "\n".join(filter(None, (message.subject, message.link)))


def sns_client() -> SNSClient:
    """The client that both channels need: it tries once."""
    return boto3.client("sns", config=CLIENT_CONFIG)


def _attributes(message: Message) -> dict[str, MessageAttributeValueTypeDef]:
    """What a subscription's filter policy can go by."""
    values = {
        "severity": message.severity,
        "alertId": message.alert_id,
        "drill": str(message.drill).lower(),
        "purpose": message.purpose,
    }
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}


def _failure(error: BotoCoreError | ClientError) -> NotSentError | PerhapsSentError:
    """Whether SNS may have the message. The text names the kind of error only: a number may stand in its message."""
    if isinstance(error, ClientError):
        text = f"SNS: {error.response['Error'].get('Code', 'error')}"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        return PerhapsSentError(text) if status >= 500 else NotSentError(text)
    text = f"SNS: {type(error).__name__}"
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError | ProxyConnectionError):
        return NotSentError(text)
    if isinstance(error, SSLError) and _is_certificate(error.kwargs.get("error")):
        return NotSentError(text)
    # What else fails in HTTP may have failed under the answer; what fails outside of it (no credentials, a parameter
    # that isn't one) has not left this machine.
    return PerhapsSentError(text) if isinstance(error, HTTPClientError | SSLError) else NotSentError(text)


def _is_certificate(cause: object) -> bool:
    """Whether TLS was refused for its certificate, which is before anything is sent."""
    within = (cause, *getattr(cause, "args", ()))
    return any(isinstance(each, ssl.SSLCertVerificationError) for each in within)
