"""A rehearsal: one watch has an emergency, and every hop up to the page is timed against a budget."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from evaluate.machine import Machine
from smartwatch_contracts.device import DRILL_PREFIX

from simulator import chain
from simulator.devices.fleet import Fleet, Wearer
from simulator.devices.scenarios import SCENARIOS, Scenario
from simulator.devices.watch import Watch
from simulator.errors import ChainError
from simulator.scoring.rule_sets import rules_in_force
from simulator.scoring.streams import from_stored
from simulator.stack import Stack, trace_id_of

#: What the platform may add to the waits of the policy, in milliseconds: windows, cold starts, a slow laptop.
STORE_BUDGET_MS = 15_000
ALERT_BUDGET_MS = 10_000
TELL_BUDGET_MS = 8_000
STEP_BUDGET_MS = 5_000
#: How long the trace may take to be complete after the end.
TRACE_SECONDS = 20
#: Readings well within limits that end the episode after the drill.
RECOVERY_READINGS = 5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Hop:
    """One step of the chain. `milliseconds` is None when it was never reached."""

    name: str
    milliseconds: int | None
    budget_milliseconds: int | None
    passed: bool


def drill(
    stack: Stack, scenario: Scenario, *, ack_after: float | None, by: str, say: Say, device_id: str | None = None
) -> dict[str, Any]:
    """Hold one drill; the graded card. Errors: `ChainError` when no alert comes, `WatchError`."""
    device_id = device_id or f"{DRILL_PREFIX}{secrets.token_hex(3)}"
    say(f"provisioning {device_id}")
    watch = Watch(stack.provision(device_id), stack.broker())
    watch.connect()
    fleet = Fleet([Wearer(watch, seed=1, scenario=scenario)], interval=1)
    begun_ms = int(time.time() * 1000)
    fleet.start()
    try:
        return _follow(stack, device_id, begun_ms, ack_after, by, say)
    finally:
        _recover(fleet)


def _follow(stack: Stack, device_id: str, begun_ms: int, ack_after: float | None, by: str, say: Say) -> dict[str, Any]:
    say("waiting for the first reading in the store")
    first_stored = chain.poll(
        lambda: chain.stored(stack, device_id, since_ms=0, until_ms=2**53), bool, seconds=60, every=0.1
    )
    stored_ms = int(time.time() * 1000) - begun_ms if first_stored else None
    say("waiting for the alert")
    alert = chain.poll(lambda: chain.alert_of(stack, device_id), bool, seconds=60, every=0.1)
    if alert is None:
        raise ChainError(f"no alert about {device_id} within 60 s")
    alert_id, execution_arn = alert["alertId"], alert["executionArn"]
    policy = stack.execution(execution_arn)["input"]["policy"]
    if ack_after is not None:
        _acknowledge(stack, alert_id, ack_after, by, say)
    say("waiting for the end of the escalation")
    patience = sum(policy.values()) + 60
    outcome = chain.poll(
        lambda: stack.client("stepfunctions").describe_execution(executionArn=execution_arn)["status"],
        lambda status: status != "RUNNING",
        seconds=patience,
    )
    if ack_after is not None:
        # Past the reminder and the page that must not come any more.
        say("making sure that nobody is told after the acknowledgement")
        time.sleep(policy["careTeamSeconds"] + policy["reminderSeconds"] + 1)
    state = stack.state(execution_arn) if outcome != "RUNNING" else None
    alert = stack.alert(alert_id)
    trace_id = trace_id_of(alert)
    say("waiting for the trace")
    names = chain.poll(
        lambda: {segment["name"] for segment in stack.trace(trace_id)},
        lambda found: _traced(stack) <= found,
        seconds=TRACE_SECONDS,
    )
    at = {entry["what"]: chain.milliseconds(entry["at"]) for entry in alert["timeline"]}
    raised = chain.milliseconds(alert["raisedAt"])
    hops = [
        _within("reading stored", stored_ms, STORE_BUDGET_MS),
        _within("alert raised", raised - _decided_at(stack, alert), ALERT_BUDGET_MS),
        _within("care team told", _between(raised, at.get("care-team-notified")), TELL_BUDGET_MS),
    ]
    if ack_after is None:
        hops += _unanswered(at, policy)
        expected = "Exhausted"
    else:
        hops += _answered(at)
        expected = "Acknowledged"
    hops.append(Hop(f"ended {expected}", None, None, state == expected))
    hops.append(Hop("trace holds every service", None, None, _traced(stack) <= names))
    if stack.cloud:
        hops.append(_marked(stack, alert_id))
    return {
        "passed": all(hop.passed for hop in hops),
        "outcome": state,
        "notified": "care-team-notified" in at,
        "reminded": "care-team-reminded" in at,
        "paged": "on-call-paged" in at,
        "acknowledged": "acknowledged" in at,
        "hops": [asdict(hop) for hop in hops],
        "deviceId": device_id,
        "alertId": alert_id,
        "executionArn": execution_arn,
        "traceId": trace_id,
    }


def _decided_at(stack: Stack, alert: dict[str, Any]) -> int:
    """When the reading was taken that opened the alert: what a rule waits for is no delay of the platform."""
    rules = rules_in_force(stack, alert["deviceId"])
    stored = from_stored(alert["deviceId"], stack.readings_as_received(alert["deviceId"]))
    machine = Machine(rules)
    for observation in sorted(stored.observations):
        machine.step(observation)
    opened = [episode.opened_at for episode in machine.episodes if episode.rule_id == alert["ruleId"]]
    return min(opened, default=int(alert["startedAt"]))


def _acknowledge(stack: Stack, alert_id: str, after: float, by: str, say: Say) -> None:
    told = chain.poll(
        lambda: any(entry["what"] == "care-team-notified" for entry in stack.alert(alert_id)["timeline"]),
        bool,
        seconds=60,
        every=0.1,
    )
    if not told:
        raise ChainError("the care team was not told within 60 s")
    time.sleep(after)
    say(f"acknowledging as {by}")
    answer = stack.acknowledge(alert_id, by)
    if not answer["acknowledged"]:
        raise ChainError(f"the acknowledgement was refused: {answer.get('reason')}")


def _unanswered(at: dict[str, int], policy: dict[str, int]) -> list[Hop]:
    steps = [
        ("care team reminded", "care-team-notified", "care-team-reminded", policy["careTeamSeconds"]),
        ("on-call paged", "care-team-reminded", "on-call-paged", policy["reminderSeconds"]),
        ("exhausted", "on-call-paged", "exhausted", policy["onCallSeconds"]),
    ]
    return [
        _within(name, _between(at.get(begin), at.get(end)), wait * 1000 + STEP_BUDGET_MS)
        for name, begin, end, wait in steps
    ]


def _answered(at: dict[str, int]) -> list[Hop]:
    acknowledged = at.get("acknowledged")
    late = [what for what in ("care-team-reminded", "on-call-paged") if acknowledged and at.get(what, 0) > acknowledged]
    return [
        Hop("acknowledged", None, None, acknowledged is not None),
        Hop("nobody told after that", None, None, acknowledged is not None and not late),
        Hop("nobody paged", None, None, "on-call-paged" not in at),
    ]


def _marked(stack: Stack, alert_id: str) -> Hop:
    messages = [message for message in stack.outbox() if alert_id in message["message"]]
    marked = all("DRILL" in m["message"] and (not m["subject"] or "DRILL" in m["subject"]) for m in messages)
    return Hop("every message marked DRILL", None, None, bool(messages) and marked)


def _within(name: str, milliseconds: int | None, budget: int) -> Hop:
    return Hop(name, milliseconds, budget, milliseconds is not None and milliseconds <= budget)


def _between(begin: int | None, end: int | None) -> int | None:
    return None if begin is None or end is None else end - begin


def _traced(stack: Stack) -> set[str]:
    machine = stack.outputs["EscalationStateMachineArn"].rsplit(":", 1)[-1]
    functions = ("IngestFunctionName", "EvaluateFunctionName", "NotifyFunctionName")
    return {machine, *(stack.outputs[name] for name in functions)}


def _recover(fleet: Fleet) -> None:
    """Let the wearer recover, so that the episode ends, and stop."""
    for wearer in fleet.wearers:
        wearer.recover(SCENARIOS["normal"])
    time.sleep(RECOVERY_READINGS)
    fleet.stop()
