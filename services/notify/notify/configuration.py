"""Notify's policies, roster, overrides and silences on DynamoDB, changed without a deployment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from smartwatch_contracts.documents import OVERRIDES, POLICIES, PROFILES, ROSTERS, SILENCES, DocumentError, parsed
from smartwatch_contracts.model import Document
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.profiles import Profile
from smartwatch_contracts.roster import Override, Roster, Silence

from notify import policy_files
from notify.policy_files import DEFAULT
from notify.ports import Configuration, UnreadableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

logger = logging.getLogger(__name__)

DocumentT = TypeVar("DocumentT", bound=Document)
KnownT = TypeVar("KnownT")


class DynamoDbConfiguration(Configuration):
    """Documents by `kind` and `name`, each read at most once in `refresh_seconds`.

    A document that can't be read or used is logged, and the last good one that this instance knows stays in force. For
    one that is broken and was never good, the built-in one is; one that was never read at all is an error, and the
    workflow tries again: by the wrong policy, nobody may be told for a whole escalation.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        refresh_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._refresh_seconds = refresh_seconds
        self._monotonic = monotonic
        self._known: dict[tuple[str, str], tuple[float, object]] = {}

    def policy(self, device_id: str) -> EscalationPolicy:
        profile = self._profile(device_id)
        name = (profile.policy if profile else None) or DEFAULT
        found = self._document(POLICIES, name, EscalationPolicy)
        if found is None and name != DEFAULT:
            logger.error("a profile names the policy %s, which there is not; default is in force", name)
            found = self._document(POLICIES, DEFAULT, EscalationPolicy)
        return found or policy_files.built_in_policy()

    def site(self, device_id: str) -> str | None:
        profile = self._profile(device_id)
        return profile.site if profile else None

    def roster(self) -> Roster:
        return self._document(ROSTERS, DEFAULT, Roster) or policy_files.built_in_roster()

    def overrides(self) -> Sequence[Override]:
        return self._documents(OVERRIDES, Override)

    def silences(self) -> Sequence[Silence]:
        return self._documents(SILENCES, Silence)

    def _profile(self, device_id: str) -> Profile | None:
        return self._document(PROFILES, device_id, Profile)

    def _document(self, kind: str, name: str, model: type[DocumentT]) -> DocumentT | None:
        def read(last: DocumentT | None) -> DocumentT | None:
            answer = self._client.get_item(
                TableName=self._table_name, Key={"kind": {"S": kind}, "name": {"S": name}}, ConsistentRead=True
            )
            text = answer.get("Item", {}).get("document", {}).get("S")
            return None if text is None else self._parsed(kind, name, text, model) or last

        return self._fresh(kind, name, read, None)

    def _documents(self, kind: str, model: type[DocumentT]) -> Sequence[DocumentT]:
        def read(_: Sequence[DocumentT]) -> Sequence[DocumentT]:
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table_name,
                KeyConditionExpression="kind = :kind",
                ExpressionAttributeValues={":kind": {"S": kind}},
                ConsistentRead=True,
            )
            items = [item for page in pages for item in page["Items"] if "document" in item]
            items.sort(key=lambda item: int(item.get("changedAt", {}).get("N", "0")))
            made = (self._parsed(kind, item["name"]["S"], item["document"]["S"], model) for item in items)
            return [document for document in made if document is not None]

        nothing: Sequence[DocumentT] = []
        return self._fresh(kind, "", read, nothing)

    def _fresh(self, kind: str, name: str, read: Callable[[KnownT], KnownT], nothing: KnownT) -> KnownT:
        fresh_until, last = self._known.get((kind, name), (float("-inf"), nothing))
        if self._monotonic() < fresh_until:
            return last  # type: ignore[return-value]
        try:
            last = read(last)  # type: ignore[arg-type]
        except (ClientError, BotoCoreError) as error:
            logger.warning("%s %s could not be read: %s", kind, name, error)
            if (kind, name) not in self._known and nothing is None:
                raise UnreadableError(kind) from error
        self._known[kind, name] = (self._monotonic() + self._refresh_seconds, last)
        return last  # type: ignore[return-value]

    @staticmethod
    def _parsed(kind: str, name: str, text: str, model: type[DocumentT]) -> DocumentT | None:
        try:
            return parsed(text, model)
        except DocumentError as error:
            logger.error("%s %s is refused: %s", kind, name, error)
            return None
