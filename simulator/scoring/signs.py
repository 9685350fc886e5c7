"""What a rule looks at, in the words that conditions are labelled with."""

from __future__ import annotations

from collections.abc import Iterator

from smartwatch_contracts.rules import Change, Faulty, Level, Rule, RuleSet

from simulator.devices.library import Condition


def of_rule(rule: Rule) -> frozenset[str]:
    """The signs of one rule."""
    return frozenset(_sign(leaf) for leaf in rule.leaves())


def by_rule(rule_set: RuleSet) -> dict[str, frozenset[str]]:
    """Rule id → signs, the rule of silence included."""
    found = {rule.id: of_rule(rule) for rule in rule_set.rules}
    if rule_set.silence:
        found[rule_set.silence.id] = frozenset({"fault silent"})
    return found


def meant_for(rule_set: RuleSet, condition: Condition) -> Iterator[str]:
    """The rules that should find a condition: the one of its name, or else all that look at its signs."""
    signs = by_rule(rule_set)
    if condition.rule in signs:
        yield condition.rule
        return
    yield from (rule_id for rule_id, looked_at in signs.items() if looked_at & condition.signs)


def _sign(leaf: Level | Change | Faulty) -> str:
    if isinstance(leaf, Faulty):
        return f"fault {leaf.fault}{f' {leaf.signal}' if leaf.signal else ''}"
    if isinstance(leaf, Change):
        return f"{leaf.signal} {'falls' if leaf.rises_per_minute is None else 'rises'}"
    return f"{leaf.signal} {'above' if leaf.below is None else 'below'}"
