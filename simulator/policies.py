"""A stack's policies and roster, what is wrong with them, and whether anybody hears the topics behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

from notify import policy_files
from notify.policy_check import Finding, mistakes, recipients
from smartwatch_contracts.documents import DocumentError
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.roster import Override, Roster, TopicChannel

from simulator import moments
from simulator.alarm_configuration import NamedT, Put, Versioned
from simulator.errors import UsageError
from simulator.stack import Stack

#: How long the template remembers alerts unless it is told otherwise.
LEDGER_DAYS = 400
#: The stack's output for each topic that a roster may name.
TOPICS = {"care-team": "CareTeamTopicArn", "on-call": "OnCallTopicArn"}

DocumentT = TypeVar("DocumentT")


def parsed(source: object, text: str, parse: Callable[[str], DocumentT]) -> DocumentT:
    """A document. Errors: `UsageError` that says where it is from, with each mistake and its line."""
    try:
        return parse(text)
    except DocumentError as error:
        listed = "\n".join(f"  {line}" for line in str(error).splitlines())
        raise UsageError(f"{source} can't be used:\n{listed}") from None


def in_force(documents: Versioned[NamedT], name: str, kind: str) -> Put:
    """The document in force under a name. Errors: `UsageError`."""
    found = documents.get(name)
    if found is None:
        raise UsageError(f"there is no {kind} {name!r}")
    return found


def versions(documents: Versioned[NamedT], name: str) -> list[Put]:
    """Every version put under a name, the latest first. Errors: `UsageError` where none ever was."""
    found = documents.history(name)
    if not found:
        raise UsageError(f"nothing was ever put under the name {name!r}")
    return found


def roster_of(stack: Stack) -> Roster:
    """The roster in force. Errors: `UsageError`."""
    put = in_force(stack.configuration.rosters, policy_files.DEFAULT, "roster")
    return parsed("the roster in force", put.text, policy_files.roster)


def overrides_of(stack: Stack) -> list[Override]:
    """Every override that is not ended, the latest put last."""
    return [each.document for each in stack.configuration.overrides.all()]


@dataclass(frozen=True)
class Surroundings:
    """What a stack adds to a policy: overrides, how long it remembers alerts, and topics that nobody hears."""

    overrides: Sequence[Override] = ()
    ledger_days: int = LEDGER_DAYS
    unheard: frozenset[str] = frozenset()


def surroundings(stack: Stack) -> Surroundings:
    """Asked once, however many policies are looked at."""
    unheard = frozenset(topic for topic, output in TOPICS.items() if not _is_heard(stack, stack.outputs[output]))
    return Surroundings(overrides_of(stack), _ledger_days(stack), unheard)


def findings(policy: EscalationPolicy, roster: Roster, around: Surroundings) -> list[Finding]:
    """What is wrong with a policy now."""
    found = mistakes(policy, roster, around.overrides, at=moments.now(), ledger_days=around.ledger_days)
    return [*found, *_unheard(policy, roster, around)]


def findings_of_all(roster: Roster, stack: Stack) -> list[Finding]:
    """What is wrong now with each policy in force, if this were the roster."""
    around = surroundings(stack)
    found: dict[Finding, None] = {}
    for put in stack.configuration.policies.all():
        policy = parsed(f"policy {put.name}", put.text, policy_files.policy)
        for each in findings(policy, roster, around):
            in_policy = each.where.split(",")[0] in {"critical", "warning"}
            where = f"policy {put.name}, {each.where}" if in_policy else each.where
            found[Finding(each.severity, where, each.text)] = None
    return list(found)


def as_json(finding: Finding) -> dict[str, str]:
    return asdict(finding)


def line(finding: Finding) -> str:
    return f"{finding.severity}: {finding.where}: {finding.text}"


def _ledger_days(stack: Stack) -> int:
    described = stack.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"][0]
    parameters = {each["ParameterKey"]: each.get("ParameterValue") for each in described.get("Parameters", [])}
    return int(parameters.get("LedgerRetentionDays") or LEDGER_DAYS)


def _unheard(policy: EscalationPolicy, roster: Roster, around: Surroundings) -> Iterator[Finding]:
    """Topics that a policy or the fallback needs and nobody hears."""
    courses = (policy.severities.critical, policy.severities.warning)
    told = {name for course in courses for step in course.steps for name in step.tell}
    channels = list(roster.fallback.channels)
    for name in told:
        for recipient in (recipients(name, roster, around.overrides) or {}).values():
            channels += recipient.channels
    # The workflow itself pages the on-call topic where notify does not work.
    needed = {"on-call"} | {channel.topic for channel in channels if isinstance(channel, TopicChannel)}
    for topic in sorted(needed & around.unheard):
        yield Finding("warning", f"topic {topic}", "has no confirmed subscription: what is sent to it reaches nobody")


def _is_heard(stack: Stack, topic_arn: str) -> bool:
    pages = stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    # One that waits to be confirmed has a word in place of its ARN.
    return any(each["SubscriptionArn"].startswith("arn:") for page in pages for each in page["Subscriptions"])
