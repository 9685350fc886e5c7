"""The default policy of a topic that a template makes.

Stock gives it without its condition, so that every role of the account may publish. The condition, `AWS:SourceOwner`,
is about services that act for the account: a role without `sns:Publish` is refused (Amazon SNS, "Using identity-based
policies": publishing is given to users and roles by policies of their own).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings

#: The statement that SNS gives every topic.
DEFAULT_STATEMENT = "__default_statement_ID"


def install(_: CloudSettings) -> None:
    from ministack.services import sns

    replace(sns, "topic_policy_for_arn", _without_the_owners_statement)


def _without_the_owners_statement(original: Callable[[str], Any]) -> Callable[[str], Any]:
    def policy_of(topic_arn: str) -> Any:
        found = original(topic_arn)
        if found is None or not found[0]:
            return found
        policy, owner = found
        document = json.loads(policy) if isinstance(policy, str) else policy
        statements = [s for s in document.get("Statement", []) if s.get("Sid") != DEFAULT_STATEMENT]
        return json.dumps({**document, "Statement": statements}), owner

    return policy_of
