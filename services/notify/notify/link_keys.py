"""Notify's link keys on Secrets Manager: read once in a while, and when a link names a key that is new to us."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from notify import links
from notify.desk import LinkKeys, UnreachableError

logger = logging.getLogger(__name__)


class SecretLinkKeys(LinkKeys):
    """The secret's current version. `client` is boto3's for Secrets Manager. Times are in seconds.

    A link may be signed with a key that is younger than what is cached here: an unknown id is worth a look, but no more
    than one in `look_seconds`, or anybody could have us call with every token they make up. What can't be read or used
    leaves the last good keys in force.
    """

    def __init__(
        self,
        client: Any,
        secret_id: str,
        *,
        refresh_seconds: float = 300,
        look_seconds: float = 10,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._secret_id = secret_id
        self._refresh_seconds = refresh_seconds
        self._look_seconds = look_seconds
        self._monotonic = monotonic
        self._keys: links.Keys | None = None
        self._fresh_until = float("-inf")
        self._looked_at = float("-inf")

    def keys(self, wanted: str | None = None) -> links.Keys:
        now = self._monotonic()
        stranger = wanted is not None and self._keys is not None and self._keys.find(wanted) is None
        if (stranger or now >= self._fresh_until) and now >= self._looked_at + self._look_seconds:
            self._look(now)
        if self._keys is None:
            raise UnreachableError("the link keys could not be read")
        return self._keys

    def _look(self, now: float) -> None:
        self._looked_at = now
        try:
            answer = self._client.get_secret_value(SecretId=self._secret_id, VersionStage="AWSCURRENT")
            self._keys = links.parse_keys(answer.get("SecretString", ""))
        except (ClientError, BotoCoreError) as error:
            logger.error("the link keys could not be read: %s", error)
        except links.KeyDocumentError as error:
            logger.error("the link keys are refused, the last good ones stay in force: %s", error)
        else:
            self._fresh_until = now + self._refresh_seconds
