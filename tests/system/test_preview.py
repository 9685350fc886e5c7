"""What a preview foretells is what happens: the same policies in virtual time and on the local cloud, step by step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from notify import policy_files
from smartwatch_contracts.events import Severity
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.roster import Override, Roster, Silence

from simulator.escalation.preview import About, Line, preview
from tests.support.chain import Chain, a_watch_name
from tests.support.clouds import eventually

#: How long a function may take to start, in seconds, at the beginning and for each line after it.
LATE, LATE_FOR_EACH = 6, 2

ROSTER = """
name: default
people:
  anna: {channels: [{type: sms, number: "+15550101"}, {type: topic, topic: on-call}]}
  ben: {channels: [{type: topic, topic: on-call}, {type: sms, number: "+15550102"}]}
teams:
  care-team: {channels: [{type: topic, topic: care-team}]}
  on-call: {channels: [{type: topic, topic: on-call}]}
rotations:
  primary: {layers: [{timeZone: Europe/Zurich, every: day, at: "00:00", starts: 2026-01-01, people: [anna]}]}
  stood-in: {layers: [{timeZone: Europe/Zurich, every: day, at: "00:00", starts: 2026-01-01, people: [anna]}]}
  not-yet: {layers: [{timeZone: Europe/Zurich, every: week, at: "08:00", starts: 2099-01-01, people: [anna]}]}
fallback: {channels: [{type: topic, topic: on-call}]}
"""


def a_policy(name: str, *steps: dict[str, Any], **course: Any) -> EscalationPolicy:
    """A policy with these steps for each severity."""
    critical = {"steps": list(steps), **{key: value for key, value in course.items() if key != "quietHours"}}
    warning = {"steps": list(steps), **course}
    document = {"name": name, "team": "care", "severities": {"warning": warning, "critical": critical}}
    return policy_files.policy(json.dumps(document))


def a_step(name: str, *tell: str, wait: int = 3, **more: Any) -> dict[str, Any]:
    return {"name": name, "tell": list(tell), "waitSeconds": wait, **more}


def quiet_until_the_next_minute() -> dict[str, str]:
    """Quiet hours that end by themselves soon, and not at once."""
    ends = datetime.now(UTC) + timedelta(seconds=75)
    return {"from": (ends - timedelta(hours=2)).strftime("%H:%M"), "until": ends.strftime("%H:%M"), "timeZone": "UTC"}


@dataclass(frozen=True)
class Case:
    policy: EscalationPolicy
    severity: Severity = "critical"
    ack_after: int | None = None
    silenced_for: int | None = None


def cases() -> dict[str, Case]:
    care, call = a_step("care-team", "care-team", repeat=1), a_step("on-call", "on-call")
    return {
        "two steps, the first repeated": Case(a_policy("two-steps", care, call)),
        "one step for two, and another order of channels": Case(
            a_policy(
                "together", a_step("all", "care-team", "anna", "ben"), a_step("ben", "ben", through=["sms", "topic"])
            )
        ),
        "rotations, one with an override": Case(
            a_policy("rotations", a_step("first", "primary"), a_step("second", "stood-in", repeat=1))
        ),
        "nobody on call yet": Case(a_policy("gap", care, a_step("last", "not-yet"))),
        "a warning in quiet hours": Case(
            a_policy("quiet", care, call, quietHours=quiet_until_the_next_minute()), severity="warning"
        ),
        "an acknowledgement that expires": Case(
            a_policy(
                "expiring",
                a_step("care-team", "care-team", wait=10, repeat=1),
                a_step("on-call", "on-call", wait=4),
                acknowledgementExpirySeconds=5,
            ),
            ack_after=15,
        ),
        "a silence": Case(a_policy("silenced", care, call), silenced_for=12),
    }


@pytest.fixture(scope="module")
def both(chain: Chain) -> dict[str, tuple[list[Line], list[Line]]]:
    """For each case what was foretold and what happened, all at the same time."""
    roster, configuration = policy_files.roster(ROSTER), chain.configuration
    configuration.rosters.put(ROSTER, "tests")
    now = datetime.now(UTC)
    override = policy_files.override(
        json.dumps(
            {
                "name": "ben-for-anna",
                "rotation": "stood-in",
                "person": "ben",
                "from": (now - timedelta(hours=1)).isoformat(),
                "until": (now + timedelta(hours=1)).isoformat(),
                "owner": "anna",
                "reason": "a test",
            }
        )
    )
    configuration.overrides.put(override, "tests")
    try:
        with ThreadPoolExecutor() as pool:
            running = {
                name: pool.submit(_foretold_and_real, chain, case, roster, override) for name, case in cases().items()
            }
            return {name: each.result() for name, each in running.items()}
    finally:
        configuration.rosters.remove("default", "tests")
        configuration.overrides.end("ben-for-anna", "tests")


def _foretold_and_real(chain: Chain, case: Case, roster: Roster, override: Override) -> tuple[list[Line], list[Line]]:
    device_id, configuration = a_watch_name(), chain.configuration
    configuration.policies.put(case.policy.model_dump_json(by_alias=True, exclude_none=True), "tests")
    configuration.put_profile(json.dumps({"deviceId": device_id, "policy": case.policy.name}), "tests")
    silences = [] if case.silenced_for is None else [_silence(device_id, case.silenced_for)]
    for silence in silences:
        configuration.silences.put(silence, "tests")
    # What a function knew of this kind of document before must be out of date.
    time.sleep(3)
    at = datetime.now(UTC)
    chain.raise_alert(device_id, case.severity)
    if case.ack_after is not None:
        time.sleep(case.ack_after)
        (item,) = chain.alerts(device_id)
        request = {"action": "acknowledge", "alertId": item["alertId"]["S"], "acknowledgedBy": "nurse"}
        chain.client("lambda").invoke(
            FunctionName=chain.outputs["NotifyFunctionName"], Payload=json.dumps(request).encode()
        )
    eventually(lambda: "exhausted" in chain.timeline(device_id), within=150, every=0.5)
    about = About(device_id=device_id)
    foretold = preview(case.policy, roster, [override], silences, case.severity, at, case.ack_after, about)
    return foretold, _real(chain, device_id, at)


def _silence(device_id: str, seconds: int) -> Silence:
    now = datetime.now(UTC)
    document = {"name": f"s-{device_id}", "watch": device_id, "owner": "anna", "reason": "a test"}
    times = {"from": now.isoformat(), "until": (now + timedelta(seconds=seconds)).isoformat()}
    return policy_files.silence(json.dumps({**document, **times}))


def _real(chain: Chain, device_id: str, at: datetime) -> list[Line]:
    (item,) = chain.alerts(device_id)
    entries = [{name: value["S"] for name, value in entry["M"].items()} for entry in item["timeline"]["L"]]
    return [
        Line(
            round((datetime.fromisoformat(entry["at"]) - at).total_seconds()),
            entry["what"],
            entry.get("step", ""),
            entry.get("to", ""),
            entry.get("through", ""),
        )
        for entry in entries
        if entry["what"] not in ("raised", "escalation-started", "planned")
    ]


def _said(line: Line) -> tuple[str, ...]:
    return (line.what, line.step, line.to, "" if line.what == "acknowledged" else line.through)


@pytest.mark.parametrize("name", cases())
def test_every_step_happens_as_foretold(name: str, both: dict[str, tuple[list[Line], list[Line]]]) -> None:
    foretold, real = both[name]

    assert [_said(line) for line in real] == [_said(line) for line in foretold]


@pytest.mark.parametrize("name", cases())
def test_no_step_happens_before_its_time_nor_long_after_it(
    name: str, both: dict[str, tuple[list[Line], list[Line]]], record_property: Callable[[str, object], None]
) -> None:
    foretold, real = both[name]

    for index, (expected, happened) in enumerate(zip(foretold, real, strict=True)):
        late = happened.offset_seconds - expected.offset_seconds
        record_property(f"{index} {expected.what}", late)
        assert -1 <= late <= LATE + index * LATE_FOR_EACH
