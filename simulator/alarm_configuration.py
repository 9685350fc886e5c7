"""Rule sets and profiles in a stack's configuration table: checked, put, listed and removed by people.

The evaluate function reads the same items; `kind` and `name` are its keys. A rule set is put together with a copy in
its history, in one transaction, so that a function that meets a broken one finds the latest good one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from evaluate import rule_files
from smartwatch_contracts.documents import PROFILES, RULE_SET_HISTORY, RULE_SETS, DocumentError
from smartwatch_contracts.profiles import Profile
from smartwatch_contracts.rules import RuleSet


@dataclass(frozen=True)
class Put:
    """A document as it is in force. `changed_at` is in milliseconds since 1970; 0 for a built-in one."""

    name: str
    text: str
    changed_at: int
    changed_by: str


class AlarmConfiguration:
    """One stack's table. Errors: botocore's; `DocumentError` for documents that can't be used."""

    def __init__(self, dynamodb: Any, table_name: str) -> None:
        self._client = dynamodb
        self._table_name = table_name

    def put_rule_set(self, text: str, by: str) -> RuleSet:
        """Bring a rule set into force under its own name, in every function once its cache is old."""
        made = rule_files.rule_set(text)
        now = _now()
        history = self._item(RULE_SET_HISTORY, f"{made.name}#{now:015d}", text, now, by)
        self._client.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": self._table_name, "Item": self._item(RULE_SETS, made.name, text, now, by)}},
                {"Put": {"TableName": self._table_name, "Item": history}},
            ]
        )
        return made

    def remove_rule_set(self, name: str, by: str) -> None:
        """Take a rule set out of force: the built-in one of that name, or none, takes its place."""
        self._put(RULE_SETS, name, None, by)

    def rule_sets(self) -> list[Put]:
        """Every rule set in force, by name."""
        put = {document.name: document for document in self._all(RULE_SETS)}
        built_in = {name: Put(name, rule_files.built_in_text(name), 0, "built in") for name in rule_files.BUILT_IN}
        return sorted((built_in | put).values(), key=lambda document: document.name)

    def rule_set(self, name: str) -> Put | None:
        return next((document for document in self.rule_sets() if document.name == name), None)

    def put_profile(self, text: str, by: str) -> Profile:
        """Bring a profile into force for its watch."""
        name = rule_files.parsed_profile(text).rule_set or "default"
        rules = self.rule_set(name)
        if rules is None:
            raise DocumentError(f"line 1: ruleSet: there is no rule set {name}")
        made = rule_files.profile(text, rule_files.rule_set(rules.text))
        self._put(PROFILES, made.device_id, text, by)
        return made

    def remove_profile(self, device_id: str, by: str) -> None:
        """Forget who wears a watch: it has the rules of everybody again."""
        self._put(PROFILES, device_id, None, by)

    def profile(self, device_id: str) -> Put | None:
        answer = self._client.get_item(
            TableName=self._table_name, Key={"kind": {"S": PROFILES}, "name": {"S": device_id}}, ConsistentRead=True
        )
        return _document(answer["Item"]) if "document" in answer.get("Item", {}) else None

    def _put(self, kind: str, name: str, text: str | None, by: str) -> None:
        self._client.put_item(TableName=self._table_name, Item=self._item(kind, name, text, _now(), by))

    @staticmethod
    def _item(kind: str, name: str, text: str | None, now: int, by: str) -> dict[str, Any]:
        """Without a text, the mark that there is none any more: functions that know an older one see it."""
        item = {"kind": {"S": kind}, "name": {"S": name}, "changedAt": {"N": str(now)}, "changedBy": {"S": by}}
        return item if text is None else {**item, "document": {"S": text}}

    def _all(self, kind: str) -> list[Put]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name,
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": kind}},
            ConsistentRead=True,
        )
        return [_document(item) for page in pages for item in page["Items"] if "document" in item]


def _document(item: dict[str, Any]) -> Put:
    return Put(
        item["name"]["S"],
        item["document"]["S"],
        int(item["changedAt"]["N"]),
        item.get("changedBy", {}).get("S", ""),
    )


def _now() -> int:
    return int(time.time() * 1000)
