"""State machines for tests of the local cloud: made, run and looked at."""

from __future__ import annotations

import json
from typing import Any

from tests.support.clouds import TestCloud, eventually
from tests.support.resources import new_name, role


def machine(cloud: TestCloud, states: dict[str, Any], *, allow: list[str] | None = None, **definition: Any) -> str:
    """The ARN of a machine that starts at its first state."""
    text = json.dumps({"StartAt": next(iter(states)), "States": states, **definition})
    arn: str = cloud.client("stepfunctions").create_state_machine(
        name=new_name("machine"), definition=text, roleArn=role(cloud, "states.amazonaws.com", allow=allow or ["*"])
    )["stateMachineArn"]
    return arn


def started(cloud: TestCloud, machine_arn: str, given: Any = None, **more: Any) -> str:
    arn: str = cloud.client("stepfunctions").start_execution(
        stateMachineArn=machine_arn, input=json.dumps(given or {}), **more
    )["executionArn"]
    return arn


def ended(cloud: TestCloud, execution_arn: str, *, within: float = 15) -> dict[str, Any]:
    """The execution once it runs no longer."""

    def described() -> dict[str, Any] | None:
        answer: dict[str, Any] = cloud.client("stepfunctions").describe_execution(executionArn=execution_arn)
        return None if answer["status"] == "RUNNING" else answer

    answer = eventually(described, within=within)
    assert answer is not None
    return answer


def run(cloud: TestCloud, states: dict[str, Any], given: Any = None, **more: Any) -> dict[str, Any]:
    return ended(cloud, started(cloud, machine(cloud, states, **more), given))


def history(cloud: TestCloud, execution_arn: str) -> list[dict[str, Any]]:
    answer = cloud.client("stepfunctions").get_execution_history(executionArn=execution_arn, maxResults=1000)
    return list(answer["events"])


def entered(cloud: TestCloud, execution_arn: str) -> list[str]:
    events = history(cloud, execution_arn)
    return [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]
