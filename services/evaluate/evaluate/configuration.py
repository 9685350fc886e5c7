"""Evaluate's rule sets and profiles on DynamoDB, changed without a deployment and read at most once in a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from smartwatch_contracts.documents import PROFILES, RULE_SET_HISTORY, RULE_SETS, DocumentError
from smartwatch_contracts.profiles import Profile
from smartwatch_contracts.rules import RuleSet

from evaluate import rule_files
from evaluate.compiled import CompiledRules, LimitError, compiled
from evaluate.ports import Configuration

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

logger = logging.getLogger(__name__)

#: The index by time of change.
CHANGES_INDEX = "changes"
#: Writers' clocks, and the index, may be behind by so much, in milliseconds.
OVERLAP_MS = 10_000
#: A broken rule set is passed over for the latest good one among so many.
HISTORY_READ = 20


class DynamoDbConfiguration(Configuration):
    """Documents by `kind` and `name`; the ones built into the function where the table has none.

    A document that can't be used is logged with the line and the reason, and the last good one stays in force: the one
    that this instance has, or else the latest good one of the history, or else the built-in one.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        refresh_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self._client = client
        self._table_name = table_name
        self._refresh_seconds = refresh_seconds
        self._monotonic = monotonic
        self._fresh_until = float("-inf")
        self._changed_at = {RULE_SETS: 0, PROFILES: 0}
        self._rule_sets: dict[str, RuleSet] = {name: rule_files.built_in(name) for name in rule_files.BUILT_IN}
        #: Rule sets that are in force because somebody put them.
        self._put: set[str] = set()
        self._documents: dict[tuple[str, str], str] = {}
        self._profiles: dict[str, Profile] = {}
        self._rules: dict[str, CompiledRules] = {}
        self._default = compiled(self._rule_sets["default"])

    def rules_of(self, device_id: str) -> CompiledRules:
        if device_id not in self._profiles:
            return self._default
        rules = self._rules.get(device_id)
        if rules is None:
            rules = self._rules[device_id] = self._compile(self._profiles[device_id])
        return rules

    def refresh(self) -> None:
        if self._monotonic() < self._fresh_until:
            return
        self._fresh_until = self._monotonic() + self._refresh_seconds
        changed = False
        try:
            for name, text in self._changes(RULE_SETS):
                changed = self._take_rule_set(name, text) or changed
            for device_id, text in self._changes(PROFILES):
                self._take_profile(device_id, text)
        except (ClientError, BotoCoreError) as error:
            # Alarms go on with the rules that are known.
            logger.warning("rule sets and profiles could not be read: %s", error)
        finally:
            # Whatever stopped the look: what it found before counts, and would not be found again.
            if changed:
                self._default = compiled(self._rule_sets["default"])
                self._rules.clear()

    def _changes(self, kind: str) -> Iterator[tuple[str, str | None]]:
        """Documents put or removed since the last look: name and text, None for removed."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name,
            IndexName=CHANGES_INDEX,
            KeyConditionExpression="kind = :kind AND changedAt > :since",
            ExpressionAttributeValues={
                ":kind": {"S": kind},
                ":since": {"N": str(self._changed_at[kind] - OVERLAP_MS)},
            },
        )
        for page in pages:
            for item in page["Items"]:
                # A writer whose clock is ahead must not hide those who come after.
                changed_at = min(int(item["changedAt"]["N"]), int(self._now() * 1000))
                self._changed_at[kind] = max(self._changed_at[kind], changed_at)
                name, text = item["name"]["S"], item.get("document", {}).get("S")
                if self._documents.get((kind, name)) != text:
                    if text is None:
                        del self._documents[kind, name]
                    else:
                        self._documents[kind, name] = text
                    yield name, text

    def _take_rule_set(self, name: str, text: str | None) -> bool:
        if text is None:
            self._put.discard(name)
            self._rule_sets.pop(name, None)
            if name in rule_files.BUILT_IN:
                self._rule_sets[name] = rule_files.built_in(name)
            return True
        made = self._parsed(name, text)
        if made is None and name not in self._put:
            made = self._last_good(name)
        if made is None:
            return False
        self._put.add(name)
        self._rule_sets[name] = made
        return True

    def _last_good(self, name: str) -> RuleSet | None:
        answer = self._client.query(
            TableName=self._table_name,
            KeyConditionExpression="kind = :kind AND begins_with(#name, :name)",
            ExpressionAttributeNames={"#name": "name"},
            ExpressionAttributeValues={":kind": {"S": RULE_SET_HISTORY}, ":name": {"S": f"{name}#"}},
            ScanIndexForward=False,
            Limit=HISTORY_READ,
        )
        texts = (item["document"]["S"] for item in answer["Items"])
        return next((made for text in texts if (made := self._parsed(name, text))), None)

    @staticmethod
    def _parsed(name: str, text: str) -> RuleSet | None:
        try:
            made = rule_files.rule_set(text)
        except DocumentError as error:
            logger.error("rule set %s is refused, the last good one stays in force: %s", name, error)
            return None
        if made.name != name:
            logger.error(
                "rule set %s is refused, the last good one stays in force: it calls itself %s", name, made.name
            )
            return None
        return made

    def _take_profile(self, device_id: str, text: str | None) -> None:
        self._rules.pop(device_id, None)
        if text is None:
            self._profiles.pop(device_id, None)
            return
        try:
            made = rule_files.parsed_profile(text)
        except DocumentError as error:
            logger.error("a profile is refused, the last good one stays in force: %s", error)
            return
        if made.device_id == device_id:
            self._profiles[device_id] = made

    def _compile(self, profile: Profile) -> CompiledRules:
        """A profile's rules; what the rules of now can't take of it is left out, and said."""
        rules = self._rule_sets.get(profile.rule_set or "default")
        if rules is None:
            logger.error("a profile names the rule set %s, which there is not; default is in force", profile.rule_set)
            rules = self._rule_sets["default"]
        try:
            return compiled(rules, profile)
        except LimitError as error:
            logger.error("a profile's own limits do not fit %s and are left out: %s", rules.name, error)
            return compiled(rules, profile.model_copy(update={"limits": {}}))
