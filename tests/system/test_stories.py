"""What the commands read of a stack: the story of alerts that share an escalation, and a period's alerts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from notify import policy_files

from simulator import report, story
from simulator.cloud import process
from simulator.stack import Stack
from tests.support.alarms import happened, item, raise_alert, status
from tests.support.chain import Chain, a_watch_name
from tests.support.clouds import eventually


@pytest.fixture(scope="module")
def stack(chain: Chain) -> Stack:
    running = process.find(chain.cloud.settings.home)
    assert running is not None
    return Stack.local(running)


@pytest.fixture(scope="module")
def shared(chain: Chain) -> tuple[str, str]:
    """Two alerts of one watch: the second joined the first, and makes it as severe as itself."""
    watch = a_watch_name()
    lead = raise_alert(chain, watch, severity="warning")
    eventually(lambda: happened(chain, lead, "told"))
    member = raise_alert(chain, watch)
    eventually(lambda: status(chain, member) == "joined")
    eventually(lambda: len(happened(chain, lead, "planned")) == 2 and len(happened(chain, lead, "told")) > 1)
    return lead, member


def test_the_story_of_a_lead_names_the_alerts_that_joined_it(stack: Stack, shared: tuple[str, str]) -> None:
    lead, member = shared

    told = story.gathered(stack, lead)

    (other,) = told["joinedBy"]
    assert (other["alertId"], other["status"], other["severity"]) == (member, "joined", "critical")
    assert (other["holdsItOpen"], told["lead"]) == (True, None)
    assert (told["policy"]["name"], told["policy"]["severity"]) == ("default", "critical")
    assert told["execution"]["status"] in {"RUNNING", "SUCCEEDED"}


def test_the_story_of_an_alert_that_joined_another_is_that_ones(stack: Stack, shared: tuple[str, str]) -> None:
    lead, member = shared

    told, of_lead = story.gathered(stack, member), story.gathered(stack, lead)

    assert (told["lead"]["alertId"], told["joinedBy"]) == (lead, [])
    assert told["messages"][:2] == of_lead["messages"][:2]
    assert told["execution"]["name"] == of_lead["execution"]["name"]


def test_no_story_holds_the_token_of_a_task_that_waits(chain: Chain, stack: Stack) -> None:
    alert_id = raise_alert(chain, a_watch_name())
    token = eventually(lambda: item(chain, alert_id).get("taskToken", {}).get("S"))
    now = datetime.now(UTC)

    found = stack.alerts_between(now - timedelta(minutes=5), now + timedelta(minutes=5), report.STATUSES)

    assert alert_id in [alert["alertId"] for alert in found]
    for read in (story.gathered(stack, alert_id), stack.alert(alert_id), stack.alerts(), stack.executions(), found):
        text = json.dumps(read)
        assert token not in text
        assert "taskToken" not in text


def test_a_period_has_the_alerts_that_were_raised_from_its_begin_on_and_before_its_end(
    chain: Chain, stack: Stack, shared: tuple[str, str]
) -> None:
    alert_id, _ = shared
    raised = datetime.fromisoformat(item(chain, alert_id)["raisedAt"]["S"])
    tick = timedelta(microseconds=1)

    def found(since: datetime, until: datetime) -> bool:
        return alert_id in [alert["alertId"] for alert in stack.alerts_between(since, until, report.STATUSES)]

    assert found(raised, raised + tick)
    assert not found(raised + tick, raised + timedelta(hours=1))
    assert not found(raised - timedelta(hours=1), raised)


def test_a_policy_is_found_in_the_version_that_an_alert_was_planned_by_also_once_it_has_changed(
    chain: Chain, stack: Stack
) -> None:
    course = "{steps: [{name: first, tell: [on-call], waitSeconds: WAIT}]}"
    text = f"{{name: nights, team: care, severities: {{warning: {course}, critical: {course}}}}}"
    older, newer = (chain.configuration.policies.put(text.replace("WAIT", wait), "test") for wait in ("60", "90"))

    assert stack.policy("nights", older.version) == older
    assert stack.policy("nights", newer.version) == newer
    assert stack.policy("nights", "000000000000") is None


def test_the_policy_that_nobody_put_is_found_too(stack: Stack) -> None:
    built_in = policy_files.built_in_policy()

    assert stack.policy("default", built_in.version) == built_in
