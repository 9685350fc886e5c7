"""A stack's configuration table, as people fill it: rules, profiles, policies, rosters, overrides, silences, drills.

The functions read the same items; `kind` and `name` are its keys. What has versions is put together with a copy in its
history, in one transaction, so that a function that meets a broken one finds the latest good one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, Literal, Protocol, TypeVar

from evaluate import rule_files
from notify import policy_files
from smartwatch_contracts.documents import (
    DRILLS,
    OVERRIDES,
    POLICIES,
    POLICY_HISTORY,
    PROFILES,
    ROSTER_HISTORY,
    ROSTERS,
    RULE_SET_HISTORY,
    RULE_SETS,
    SILENCES,
    DocumentError,
)
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.profiles import Profile
from smartwatch_contracts.roster import Override, Roster, Silence
from smartwatch_contracts.rules import RuleSet


@dataclass(frozen=True)
class Put:
    """A document as it is in force. `changed_at` is in milliseconds since 1970; 0 for a built-in one."""

    name: str
    text: str
    changed_at: int
    changed_by: str

    @property
    def since(self) -> str:
        """Since when it is in force, and by whom, for people."""
        if not self.changed_at:
            return self.changed_by
        since = datetime.fromtimestamp(self.changed_at / 1000, UTC).isoformat(timespec="seconds")
        return f"since {since} by {self.changed_by}"


class _Named(Protocol):
    @property
    def name(self) -> str: ...


NamedT = TypeVar("NamedT", bound=_Named)
SpanT = TypeVar("SpanT", Override, Silence)


@dataclass(frozen=True)
class _Table:
    """Documents by kind and name. Errors: botocore's."""

    client: Any
    name: str

    def put(self, *items: dict[str, Any]) -> None:
        """All of them or none."""
        if len(items) == 1:
            self.client.put_item(TableName=self.name, Item=items[0])
            return
        self.client.transact_write_items(
            TransactItems=[{"Put": {"TableName": self.name, "Item": item}} for item in items]
        )

    def get(self, kind: str, name: str) -> Put | None:
        answer = self.client.get_item(
            TableName=self.name, Key={"kind": {"S": kind}, "name": {"S": name}}, ConsistentRead=True
        )
        return _document(answer["Item"]) if "document" in answer.get("Item", {}) else None

    def all(self, kind: str, beginning: str = "") -> list[Put]:
        """Every document of a kind, or those whose names have a beginning, by name."""
        named = " AND begins_with(#name, :beginning)" if beginning else ""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression=f"kind = :kind{named}",
            ExpressionAttributeValues={":kind": {"S": kind}, **({":beginning": {"S": beginning}} if named else {})},
            ConsistentRead=True,
            **({"ExpressionAttributeNames": {"#name": "name"}} if named else {}),
        )
        return [_document(item) for page in pages for item in page["Items"] if "document" in item]


class Versioned(Generic[NamedT]):
    """Documents of which every version is kept: one is in force under each name, a built-in one where none is put."""

    def __init__(
        self,
        table: _Table,
        kind: str,
        history: str,
        parse: Callable[[str], NamedT],
        built_in: Mapping[str, Callable[[], str]],
    ) -> None:
        self._table, self._kind, self._history = table, kind, history
        self._parse, self._built_in = parse, built_in

    def put(self, text: str, by: str) -> NamedT:
        """Bring a document into force under its own name, in every function once its cache is old.

        Errors: `DocumentError`.
        """
        made = self._parse(text)
        now = _now()
        self._table.put(
            written(self._kind, made.name, text, now, by),
            written(self._history, f"{made.name}#{now:015d}", text, now, by),
        )
        return made

    def remove(self, name: str, by: str) -> None:
        """Take a document out of force: the built-in one of that name, or none, takes its place."""
        self._table.put(written(self._kind, name, None, _now(), by))

    def all(self) -> list[Put]:
        """Every document in force, by name."""
        put = {document.name: document for document in self._table.all(self._kind)}
        built_in = {name: Put(name, text(), 0, "built in") for name, text in self._built_in.items()}
        return sorted((built_in | put).values(), key=lambda document: document.name)

    def get(self, name: str) -> Put | None:
        """The one in force under a name."""
        return next((document for document in self.all() if document.name == name), None)

    def history(self, name: str) -> list[Put]:
        """Every version that was ever put under a name, the latest first."""
        versions = self._table.all(self._history, f"{name}#")
        return [Put(name, each.text, each.changed_at, each.changed_by) for each in reversed(versions)]


@dataclass(frozen=True)
class Span(Generic[SpanT]):
    """Something that holds from one instant to another, and who put it when, in milliseconds since 1970."""

    document: SpanT
    changed_at: int
    changed_by: str

    def state(self, at: datetime) -> Literal["later", "in force", "expired"]:
        """What it is at an instant."""
        if at < self.document.from_:
            return "later"
        return "in force" if at < self.document.until else "expired"


class Spans(Generic[SpanT]):
    """What ends by itself: overrides, silences."""

    def __init__(self, table: _Table, kind: str, parse: Callable[[str], SpanT]) -> None:
        self._table, self._kind = table, kind
        self._parse: Callable[[str], SpanT] = parse

    def put(self, document: SpanT, by: str) -> None:
        """Bring it into force under its own name."""
        text = document.model_dump_json(by_alias=True, exclude_none=True)
        self._table.put(written(self._kind, document.name, text, _now(), by))

    def end(self, name: str, by: str) -> None:
        """End it before its time."""
        self._table.put(written(self._kind, name, None, _now(), by))

    def all(self) -> list[Span[SpanT]]:
        """Those in force, to come and over, the latest put last; without any that can't be used."""
        found = []
        for put in self._table.all(self._kind):
            try:
                found.append(Span(self._parse(put.text), put.changed_at, put.changed_by))
            except DocumentError:
                continue
        return sorted(found, key=lambda each: each.changed_at)

    def get(self, name: str) -> Span[SpanT] | None:
        return next((each for each in self.all() if each.document.name == name), None)


class AlarmConfiguration:
    """One stack's table. Errors: botocore's; `DocumentError` for documents that can't be used."""

    def __init__(self, dynamodb: Any, table_name: str) -> None:
        self._table = table = _Table(dynamodb, table_name)
        self._rule_sets: Versioned[RuleSet] = Versioned(
            table,
            RULE_SETS,
            RULE_SET_HISTORY,
            rule_files.rule_set,
            {name: partial(rule_files.built_in_text, name) for name in rule_files.BUILT_IN},
        )
        self.policies: Versioned[EscalationPolicy] = Versioned(
            table,
            POLICIES,
            POLICY_HISTORY,
            policy_files.policy,
            {policy_files.DEFAULT: policy_files.built_in_policy_text},
        )
        self.rosters: Versioned[Roster] = Versioned(
            table, ROSTERS, ROSTER_HISTORY, _the_roster, {policy_files.DEFAULT: policy_files.built_in_roster_text}
        )
        self.overrides: Spans[Override] = Spans(table, OVERRIDES, policy_files.override)
        self.silences: Spans[Silence] = Spans(table, SILENCES, policy_files.silence)

    def put_rule_set(self, text: str, by: str) -> RuleSet:
        """Bring a rule set into force under its own name."""
        return self._rule_sets.put(text, by)

    def remove_rule_set(self, name: str, by: str) -> None:
        """Take a rule set out of force."""
        self._rule_sets.remove(name, by)

    def rule_sets(self) -> list[Put]:
        """Every rule set in force, by name."""
        return self._rule_sets.all()

    def rule_set(self, name: str) -> Put | None:
        return self._rule_sets.get(name)

    def put_profile(self, text: str, by: str) -> Profile:
        """Bring a profile into force for its watch."""
        name = rule_files.parsed_profile(text).rule_set or "default"
        rules = self.rule_set(name)
        if rules is None:
            raise DocumentError(f"line 1: ruleSet: there is no rule set {name}")
        made = rule_files.profile(text, rule_files.rule_set(rules.text))
        self._table.put(written(PROFILES, made.device_id, text, _now(), by))
        return made

    def remove_profile(self, device_id: str, by: str) -> None:
        """Forget who wears a watch: it has the rules of everybody again."""
        self._table.put(written(PROFILES, device_id, None, _now(), by))

    def profile(self, device_id: str) -> Put | None:
        return self._table.get(PROFILES, device_id)

    def keep_drill(self, card: dict[str, Any], by: str) -> None:
        """Keep how a drill went. Each has a name of its own, and they sort by time."""
        self._table.put(written(DRILLS, f"{card['at']}-{card['deviceId']}", json.dumps(card), _now(), by))

    def drills(self) -> list[dict[str, Any]]:
        """The cards of every drill that was kept, the earliest first."""
        return [json.loads(put.text) for put in self._table.all(DRILLS)]


def _the_roster(text: str) -> Roster:
    """There is one roster: another name would never be in force."""
    made = policy_files.roster(text)
    if made.name != policy_files.DEFAULT:
        lines = text.splitlines()
        line = next((number for number, line in enumerate(lines, 1) if line.startswith("name:")), 1)
        raise DocumentError(f"line {line}: name: the roster in force is named {policy_files.DEFAULT}")
    return made


def written(kind: str, name: str, text: str | None, now: int, by: str) -> dict[str, Any]:
    """Without a text, the mark that there is none any more: functions that know an older one see it."""
    item = {"kind": {"S": kind}, "name": {"S": name}, "changedAt": {"N": str(now)}, "changedBy": {"S": by}}
    return item if text is None else {**item, "document": {"S": text}}


def _document(item: dict[str, Any]) -> Put:
    return Put(
        item["name"]["S"],
        item["document"]["S"],
        int(item["changedAt"]["N"]),
        item.get("changedBy", {}).get("S", ""),
    )


def _now() -> int:
    return int(time.time() * 1000)
