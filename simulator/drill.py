"""A rehearsal: one watch has an emergency, and every hop to the page, the answer and the clear is timed and graded."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from evaluate import rule_files
from evaluate.compiled import LimitError
from evaluate.machine import Machine
from notify import policy_files
from notify.domain import DRY_RUN_PREFIX
from smartwatch_contracts.device import DRILL_PREFIX
from smartwatch_contracts.documents import DocumentError
from smartwatch_contracts.policies import EscalationPolicy
from smartwatch_contracts.profiles import Profile

from simulator import chain, grading, texts, timeline
from simulator.devices.fleet import Fleet, Wearer
from simulator.devices.scenarios import SCENARIOS, Scenario
from simulator.devices.watch import Watch, WatchError
from simulator.errors import ChainError, UsageError
from simulator.grading import ALERT_BUDGET_MS, STORE_BUDGET_MS, Course, Hop, Times
from simulator.scoring.rule_sets import rules_in_force
from simulator.scoring.streams import from_stored
from simulator.stack import Stack, trace_id_of

T = TypeVar("T")

#: How long the first reading, the alert, its plan and its first message may take before a drill is given up.
CHAIN_SECONDS = 60
#: What an escalation may take beyond its policy, and a clear beyond its rule.
SLACK_SECONDS = 60
#: How long the trace may take to be complete after the end.
TRACE_SECONDS = 20
#: How long after a message that must not come is waited for, beyond when it would have been due.
QUIET_SECONDS = 2
#: Readings well within limits that a drill ends with which nobody follows any more.
RECOVERY_READINGS = 5

Say = Callable[[str], None]


class BrokenOffError(Exception):
    """Whoever holds the drill has ended it."""


@dataclass(frozen=True)
class Rehearsal:
    """What is rehearsed. `ack_after` is in seconds after the first message; None when nobody answers."""

    scenario: Scenario
    by: str
    ack_after: float | None = None
    dry_run: bool = False

    def device_id(self) -> str:
        """A name for a watch that nobody wears."""
        return f"{DRY_RUN_PREFIX if self.dry_run else DRILL_PREFIX}{secrets.token_hex(3)}"


@dataclass(frozen=True)
class Chosen:
    """The policy of a drill: under the name that profiles know it by, and as whoever chose it calls it."""

    in_force: EscalationPolicy
    named: EscalationPolicy


@contextmanager
def policy_for(stack: Stack, given: str | None, by: str) -> Iterator[Chosen | None]:
    """The policy that a drill names, or the one in a file, which is in force under another name for the while.

    Errors: `UsageError`, `DocumentError`.
    """
    if given is None:
        yield None
    elif "/" in given or given.endswith((".yaml", ".yml", ".json")) or Path(given).is_file():
        made = policy_files.policy(texts.read(Path(given)))
        lent = made.model_copy(update={"name": f"{DRILL_PREFIX}{secrets.token_hex(4)}"})
        policies = stack.configuration.policies
        policies.put(lent.model_dump_json(by_alias=True, exclude_none=True), by)
        try:
            yield Chosen(lent, made)
        finally:
            policies.remove(lent.name, by)
    else:
        put = stack.configuration.policies.get(given)
        if put is None:
            raise UsageError(f"there is no policy {given!r}")
        known = policy_files.policy(put.text)
        yield Chosen(known, known)


@contextmanager
def _worn_under(stack: Stack, device_id: str, chosen: Chosen | None, by: str) -> Iterator[None]:
    """The watch has a profile that names the policy, until the end; one that it had before comes back."""
    if chosen is None:
        yield
        return
    configuration = stack.configuration
    before = configuration.profile(device_id)
    worn = Profile(device_id=device_id) if before is None else rule_files.parsed_profile(before.text)
    lent = worn.model_copy(update={"policy": chosen.in_force.name})
    configuration.put_profile(lent.model_dump_json(by_alias=True, exclude_none=True), by)
    try:
        yield
    finally:
        if before is None:
            configuration.remove_profile(device_id, by)
        else:
            configuration.put_profile(before.text, before.changed_by)


def hold(stack: Stack, rehearsal: Rehearsal, device_ids: Sequence[str], policy: Chosen | None, say: Say) -> list[Any]:
    """Hold a drill for each watch, all at once; the graded cards. Whoever breaks it off ends all of them."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(device_ids)) as pool:
        several = len(device_ids) > 1
        drills = [
            _Drill(stack, rehearsal, name, policy, _prefixed(say, name) if several else say, stop)
            for name in device_ids
        ]
        held = [pool.submit(drill.hold) for drill in drills]
        try:
            wait(held)
        except BaseException:
            stop.set()
            raise
        return [each.result() for each in held]


def _prefixed(say: Say, device_id: str) -> Say:
    return lambda text: say(f"{device_id}: {text}")


class _Drill:
    """One watch's drill."""

    def __init__(
        self,
        stack: Stack,
        rehearsal: Rehearsal,
        device_id: str,
        policy: Chosen | None,
        say: Say,
        stop: threading.Event,
    ) -> None:
        self._stack = stack
        self._rehearsal = rehearsal
        self._device_id = device_id
        self._policy = policy
        self._say = say
        self._stop = stop
        self._begun = datetime.now(UTC)
        self._alert_id: str | None = None
        self._recovered_at: int | None = None
        self._stored_ms: int | None = None

    def hold(self) -> dict[str, Any]:
        """The graded card: also of a drill in which the chain failed."""
        try:
            with ExitStack() as after:
                after.enter_context(_worn_under(self._stack, self._device_id, self._policy, self._rehearsal.by))
                self._say(f"provisioning {self._device_id}")
                watch = Watch(self._stack.provision(self._device_id), self._stack.broker())
                watch.connect()
                fleet = Fleet([Wearer(watch, seed=1, scenario=self._rehearsal.scenario)], interval=1)
                self._begun = datetime.now(UTC)
                fleet.start()
                after.callback(self._leave, fleet)
                return self._follow(fleet)
        except (ChainError, WatchError) as error:
            return self._failed(str(error))

    # ----------------------------------------------------------------------------------------------------- the course

    def _follow(self, fleet: Fleet) -> dict[str, Any]:
        rehearsal, stack = self._rehearsal, self._stack
        alert = self._raised()
        course = self._course(alert["alertId"])
        if rehearsal.ack_after is not None:
            self._answer(course, rehearsal.ack_after)
            self._recover(fleet, self._course(course.alert["alertId"]))
            self._ended(course)
        else:
            self._ended(course)
            self._recover(fleet, self._course(course.alert["alertId"]))
        course = self._course(course.alert["alertId"])
        arn = course.alert["executionArn"]
        state = stack.state(arn) if stack.execution_status(arn) != "RUNNING" else None
        self._say("waiting for the trace")
        trace_id = trace_id_of(course.alert)
        names = self._poll(
            lambda: {segment["name"] for segment in stack.trace(trace_id)},
            lambda found: _traced(stack) <= found,
            TRACE_SECONDS,
        )
        return self._card(course, state, trace_id, _traced(stack) <= names)

    def _raised(self) -> dict[str, Any]:
        self._say("waiting for the first reading in the store")
        stack, begun_ms = self._stack, int(self._begun.timestamp() * 1000)
        if self._poll(
            lambda: chain.stored(stack, self._device_id, since_ms=begun_ms - 1000, until_ms=2**53), bool, CHAIN_SECONDS
        ):
            self._stored_ms = int(time.time() * 1000) - begun_ms
        self._say("waiting for the alert")
        # One that is still open from before goes on, and no other is raised.
        alert = self._poll(
            lambda: chain.alert_of(stack, self._device_id, begun_ms - 1000), lambda found: found is not None, 60
        )
        if alert is None:
            raise ChainError(f"no alert about {self._device_id} within {CHAIN_SECONDS} s")
        self._alert_id = alert["alertId"]
        planned = self._poll(lambda: self._alert(alert["alertId"]), lambda found: bool(timeline.plans(found)), 60)
        if not timeline.plans(planned):
            raise ChainError(f"the alert {alert['alertId']} was not planned within {CHAIN_SECONDS} s")
        return planned

    def _answer(self, course: Course, after: float) -> None:
        alert_id = course.alert["alertId"]
        hold = timeline.expected(course.first)[0].after / 1000
        self._say("waiting for the first message")
        told = self._poll(
            lambda: timeline.first(timeline.entries(self._alert(alert_id)), *timeline.SENT),
            lambda at: at is not None,
            CHAIN_SECONDS + hold,
        )
        if told is None:
            raise ChainError(f"nobody was told within {CHAIN_SECONDS + hold:g} s")
        self._sleep(max(0.0, told / 1000 + after - time.time()))
        self._say(f"acknowledging as {self._rehearsal.by}")
        answer = self._stack.acknowledge(alert_id, self._rehearsal.by)
        if not answer["acknowledged"]:
            raise ChainError(f"the acknowledgement was refused: {answer.get('reason')}")
        self._say("making sure that nobody is told after the acknowledgement")
        self._sleep(self._seconds_to_the_next(self._course(alert_id)))

    def _seconds_to_the_next(self, course: Course) -> float:
        """Until the message that must not come any more would have been there; less where the answer runs out first."""
        told = course.told
        due = [told[each.step, each.round] + each.wait for each in course.expected if (each.step, each.round) in told]
        seconds = (max(due) / 1000 - time.time() if due else 0.0) + QUIET_SECONDS
        expiry = course.plan.acknowledgement_expiry_seconds
        return max(0.0, min(seconds, expiry - QUIET_SECONDS) if expiry else seconds)

    def _recover(self, fleet: Fleet, course: Course) -> None:
        self._say("the wearer recovers: waiting until the alert is over and everyone has heard")
        self._recovered_at = int(time.time() * 1000)
        for wearer in fleet.wearers:
            wearer.recover(SCENARIOS["rest"])
        self._poll(lambda: self._alert(course.alert["alertId"]), _is_over, self._clear_seconds() + SLACK_SECONDS)

    def _clear_seconds(self) -> float:
        """The longest that any rule in force waits before it clears."""
        rules = rules_in_force(self._stack, self._device_id)
        return max((rule.clear_ms / 1000 for rule in rules.rules), default=0.0)

    def _ended(self, course: Course) -> None:
        self._say("waiting for the end of the escalation")
        arn = course.alert["executionArn"]
        # The severity may rise on the way, and the plan is then another.
        patience = timeline.seconds(course.first) + timeline.seconds(course.plan)
        self._poll(
            lambda: self._stack.execution_status(arn), lambda status: status != "RUNNING", patience + SLACK_SECONDS
        )

    def _course(self, alert_id: str) -> Course:
        alert = self._alert(alert_id)
        planned = timeline.plans(alert)
        made = [self._stack.plan(each) for each in (planned[0], planned[-1])]
        if made[0] is None or made[1] is None:
            raise ChainError(f"the policy {planned[-1].policy} {planned[-1].version} is not known to this stack")
        return Course(alert, made[0], made[1], planned[-1])

    def _alert(self, alert_id: str) -> dict[str, Any]:
        return self._stack.alert(alert_id)

    # ------------------------------------------------------------------------------------------------------- the card

    def _card(self, course: Course, state: str | None, trace_id: str, traced: bool) -> dict[str, Any]:
        rehearsal, alert = self._rehearsal, course.alert
        taken = grading.times(course, self._recovered_at)
        # The reading that closed it may still be on its way to the store.
        opened, closed = self._poll(
            lambda: self._decided(alert),
            lambda decided: taken.clear is None or decided[1] is not None,
            STORE_BUDGET_MS / 1000,
        )
        hops = [
            grading.within("reading stored", self._stored_ms, STORE_BUDGET_MS),
            grading.within("alert raised", course.raised - opened, ALERT_BUDGET_MS),
        ]
        if self._policy is not None:
            wanted = self._policy.in_force
            found = {(each.policy, each.version) for each in timeline.plans(alert)}
            hops.append(grading.said(f"planned by {self._policy.named.name}", found == {(wanted.name, wanted.version)}))
        hops.append(grading.notified(course, taken))
        if rehearsal.ack_after is None:
            hops += grading.unanswered(course, taken)
            expected = "Exhausted"
        else:
            hops += grading.answered(course, taken, int(rehearsal.ack_after * 1000))
            expected = "Acknowledged"
        if self._recovered_at is not None:
            hops += grading.cleared(alert, self._recovered_at, closed, taken)
        hops.append(grading.said(f"ended {expected}", state == expected))
        hops.append(grading.said("trace holds every service", traced))
        outbox = self._stack.outbox() if self._stack.cloud else None
        if rehearsal.dry_run:
            hops += grading.spared(alert, outbox)
        elif outbox is not None:
            hops.append(grading.marked(alert, outbox))
        planned = course.planned
        policy = {"name": planned.policy, "version": planned.version}
        return self._graded(
            hops, taken, alert=alert, outcome=state, trace_id=trace_id, policy=self._chosen_policy() or policy
        )

    def _failed(self, why: str) -> dict[str, Any]:
        """The card of a drill that came to nothing."""
        hops = [grading.within("reading stored", self._stored_ms, STORE_BUDGET_MS), grading.said(why, False)]
        return self._graded(
            hops,
            Times(None, None, None, None),
            alert={"alertId": self._alert_id} if self._alert_id is None else self._alert(self._alert_id),
            outcome=None,
            trace_id="",
            policy=self._chosen_policy(),
        )

    def _chosen_policy(self) -> dict[str, str] | None:
        """As whoever chose it calls it."""
        policy = None if self._policy is None else self._policy.named
        return None if policy is None else {"name": policy.name, "version": policy.version}

    def _graded(
        self,
        hops: list[Hop],
        taken: Times,
        *,
        alert: dict[str, Any],
        outcome: str | None,
        trace_id: str,
        policy: dict[str, str] | None,
    ) -> dict[str, Any]:
        found = timeline.entries(alert)
        rehearsal = self._rehearsal
        return {
            "passed": all(hop.passed for hop in hops),
            "outcome": outcome,
            "at": self._begun.isoformat(timespec="milliseconds"),
            "by": rehearsal.by,
            "scenario": rehearsal.scenario.name,
            "policy": policy,
            "dryRun": rehearsal.dry_run,
            "ackAfter": rehearsal.ack_after,
            "notified": taken.notify is not None,
            "paged": taken.page is not None,
            "acknowledged": taken.acknowledge is not None,
            "cleared": taken.clear is not None,
            "times": asdict(taken),
            "told": [
                {name: entry.get(name, "") for name in ("at", "step", "to", "through", "receipt")}
                for entry in found
                if entry["what"] in timeline.SENT
            ],
            "hops": [asdict(hop) for hop in hops],
            "deviceId": self._device_id,
            "alertId": alert.get("alertId"),
            "executionArn": alert.get("executionArn"),
            "traceId": trace_id,
        }

    def _decided(self, alert: dict[str, Any]) -> tuple[int, int | None]:
        """When the readings were taken that opened and that closed the alert, in milliseconds since 1970.

        What a rule waits for is no delay of the platform. None for one that is open.
        """
        started = int(alert["startedAt"])
        try:
            rules = rules_in_force(self._stack, self._device_id)
        except (DocumentError, LimitError, UsageError):
            return started, None
        stored = from_stored(self._device_id, self._stack.readings_as_received(self._device_id))
        machine = Machine(rules)
        for observation in sorted(stored.observations):
            machine.step(observation)
        own = [each for each in machine.episodes if each.rule_id == alert["ruleId"]]
        episode = min(own, key=lambda each: abs(each.started_at - started), default=None)
        return (started, None) if episode is None else (episode.opened_at, episode.ended_at)

    # -------------------------------------------------------------------------------------------------- time and ends

    def _poll(self, probe: Callable[[], T], done: Callable[[T], bool], seconds: float) -> T:
        return chain.poll(probe, done, seconds=seconds, every=0.1, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise BrokenOffError

    def _leave(self, fleet: Fleet) -> None:
        """Stop the watch. A wearer who is still ill recovers first, and an escalation that nobody follows is ended."""
        try:
            if self._recovered_at is None:
                self._break_off(fleet)
        finally:
            fleet.stop()

    def _break_off(self, fleet: Fleet) -> None:
        for wearer in fleet.wearers:
            wearer.recover(SCENARIOS["rest"])
        # At once, and again: an alert may have been on its way.
        self._end_escalation()
        time.sleep(RECOVERY_READINGS)
        alert_id = self._end_escalation()
        if alert_id is None or self._stack.cloud:
            return
        # An acknowledgement may run out, and people would be told again: the alert has to be over.
        chain.poll(lambda: self._alert(alert_id), _is_over, seconds=self._clear_seconds() + SLACK_SECONDS)

    def _end_escalation(self) -> str | None:
        """Acknowledge the watch's alert, if it has one that waits; its id."""
        alert = chain.alert_of(self._stack, self._device_id, int(self._begun.timestamp() * 1000) - 1000)
        if alert is None:
            return None
        alert_id = str(alert["alertId"])
        if alert["status"] == "open":
            self._say("ending the escalation that nobody follows any more")
            self._stack.acknowledge(alert_id, f"{self._rehearsal.by} (drill broken off)"[:128])
        return alert_id


def _is_over(alert: dict[str, Any]) -> bool:
    """Cleared, with every alert that joined it, and everyone who was told has heard."""
    return "clearedAt" in alert and not alert.get("members") and timeline.all_have_heard(timeline.entries(alert))


def _traced(stack: Stack) -> set[str]:
    machine = stack.outputs["EscalationStateMachineArn"].rsplit(":", 1)[-1]
    functions = ("IngestFunctionName", "EvaluateFunctionName", "NotifyFunctionName")
    return {machine, *(stack.outputs[name] for name in functions)}
