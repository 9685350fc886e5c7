"""The channels' keys, from one secret in AWS Secrets Manager. What is in it is never logged and in no error."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from notify.ports import NotSentError, Secrets

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

#: In seconds. A key that was rotated is in use after this at the latest.
REFRESH_SECONDS = 300.0
#: How long after a failed refresh the keys that are known do, so that not each message waits for Secrets Manager.
RETRY_SECONDS = 30.0
#: Reading a secret twice harms nobody.
CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})


class SecretsUnreadableError(NotSentError):
    """The secret was never read so far and can't be now."""


class SecretsManagerSecrets(Secrets):
    """`{"pagerduty": {service: {"routingKey", "webhookSecrets"}}, "webhooks": {endpoint: {"url", "key"}}}`.

    Kept for `refresh_seconds`, and beyond where it can't be read again: an old key is better than no page.
    """

    def __init__(
        self,
        client: SecretsManagerClient,
        secret_id: str,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._secret_id = secret_id
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._known: dict[str, Any] | None = None
        self._refresh_at = 0.0

    def channel(self, kind: str, name: str) -> dict[str, Any]:
        entry = _entries(self._content(), kind).get(name)
        if not isinstance(entry, dict):
            raise NotSentError(f"there is no key for {kind} {name}")
        return entry

    def webhook_secrets(self) -> list[str]:
        """What PagerDuty may have signed with, of all its services. Errors: `SecretsUnreadableError`."""
        services = _entries(self._content(), "pagerduty").values()
        lists = [service.get("webhookSecrets") for service in services if isinstance(service, dict)]
        # An empty one would let everybody sign.
        return [each for those in lists if isinstance(those, list) for each in those if isinstance(each, str) and each]

    def _content(self) -> dict[str, Any]:
        now = self._clock()
        if self._known is None or now >= self._refresh_at:
            fresh = self._read()
            if fresh is not None:
                self._known = fresh
            self._refresh_at = now + (RETRY_SECONDS if fresh is None else self._refresh_seconds)
        if self._known is None:
            raise SecretsUnreadableError("the channels' secret can't be read")
        return self._known

    def _read(self) -> dict[str, Any] | None:
        """None when it can't be read. The errors end here: the one of a JSON parser has the whole text in it."""
        try:
            content = json.loads(self._client.get_secret_value(SecretId=self._secret_id)["SecretString"])
        except (BotoCoreError, ClientError, KeyError, ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None


def secrets_manager_client() -> SecretsManagerClient:
    return boto3.client("secretsmanager", config=CLIENT_CONFIG)


def _entries(content: dict[str, Any], kind: str) -> dict[str, Any]:
    entries = content.get(kind)
    return entries if isinstance(entries, dict) else {}
