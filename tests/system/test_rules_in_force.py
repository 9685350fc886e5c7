"""Rule sets and profiles change in the running platform, with no deployment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from evaluate import rule_files
from smartwatch_contracts.documents import RULE_SETS, DocumentError

from simulator.alarm_configuration import written
from tests.support.chain import Chain, a_watch_name
from tests.support.clouds import eventually

PLAIN = rule_files.built_in_text("simple").replace("name: simple", "name: default")


@pytest.fixture
def plain_rules_again(chain: Chain) -> Iterator[None]:
    yield
    chain.use_plain_rules()


def _raises(chain: Chain, heart_rate: int) -> bool:
    name = a_watch_name()
    chain.send(name, heart_rate)
    eventually(lambda: chain.stored(name) == 1)
    return bool(chain.alerts(name))


def test_a_rule_that_is_put_decides_within_the_life_of_the_cache(chain: Chain, plain_rules_again: None) -> None:
    assert not _raises(chain, 125)

    chain.configuration.put_rule_set(PLAIN.replace("above: 150", "above: 120").replace("below: 146", "below: 116"), "t")

    # The cache lives for 2 s here; each look sends a reading of a watch of its own.
    eventually(lambda: _raises(chain, 125), within=20)


def test_a_broken_rule_set_is_refused_where_it_is_put(chain: Chain) -> None:
    with pytest.raises(DocumentError, match="line 15: rules"):
        chain.configuration.put_rule_set(PLAIN.replace("above: 150", "above: high"), "t")


def test_a_broken_rule_set_that_got_in_all_the_same_stops_no_alarm(chain: Chain, plain_rules_again: None) -> None:
    table = chain.outputs["AlarmConfigurationTableName"]
    broken = written(RULE_SETS, "default", "rules: [", 2**42, "t")
    chain.client("dynamodb").put_item(TableName=table, Item=broken)

    def refused() -> bool:
        chain.send(a_watch_name(), 72)
        group = f"/aws/lambda/{chain.outputs['EvaluateFunctionName']}"
        events = chain.client("logs").filter_log_events(logGroupName=group)["events"]
        return any("rule set default is refused" in event["message"] for event in events)

    eventually(refused, within=20)
    name = a_watch_name()
    chain.send(name, 160)
    eventually(lambda: chain.alerts(name))


def test_a_profile_changes_the_limit_of_its_own_watch(chain: Chain) -> None:
    name = a_watch_name()
    chain.configuration.put_profile(f"{{deviceId: {name}, limits: {{heart-rate-high: {{critical: 100}}}}}}", "t")

    def told() -> bool:
        chain.send(name, 105)
        return bool(chain.alerts(name))

    eventually(told, within=20)
    assert not _raises(chain, 105)
