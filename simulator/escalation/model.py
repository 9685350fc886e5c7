"""The escalation workflow in virtual time: each execution goes through the states of statemachines/escalation.asl.yaml.

A test holds `TRANSITIONS` to the definition's own graph, and an execution takes no other way. What a state decides is
written here a second time, in Python; whom to tell, when and how is decided by notify's own use cases.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Protocol, TypeVar

from notify.domain import DRY_RUN, DRY_RUN_PREFIX, AlertRecord, TimelineEntry
from notify.ports import AlreadyRanError, Executions, Workflow
from notify.requests import Alert

from simulator.escalation.memory import MemoryAlerts

#: Every state, and those that may follow it. An end has none.
TRANSITIONS: dict[str, frozenset[str]] = {
    name: frozenset(following.split())
    for name, following in {
        "ClaimAlert": "ReadClaimed Duplicate IsItADryRun",
        "ReadClaimed": "IsAlertOpen MakePlan",
        "IsAlertOpen": "MakePlan Joined TakeOutcome",
        "MakePlan": "WhatIsPlanned ReadBeforePaging",
        "WhatIsPlanned": "Joined TakeStatus TakePlan ReadBeforePaging",
        "TakeStatus": "AnsweredHow",
        "TakePlan": "TakeSeverity",
        "TakeSeverity": "BeginPlan",
        "BeginPlan": "SelectTelling",
        "SelectTelling": "TellPeople",
        "TellPeople": "AnsweredHow CountTelling",
        "CountTelling": "IsAnybodyLeft",
        "IsAnybodyLeft": "SelectTelling ReadWhoWasTold",
        "ReadWhoWasTold": "WereTheLastTold IsItADryRun",
        "WereTheLastTold": "TakeOutcome MarkExhausted IsItADryRun",
        "ReadBeforePaging": "HasSomebodyAnswered IsItADryRun",
        "HasSomebodyAnswered": "TakeOutcome IsItADryRun",
        "IsItADryRun": "PageNobody PageOnCallDirectly",
        "PageNobody": "NoteDirectPage",
        "PageOnCallDirectly": "NoteDirectPage EscalationFailed",
        "NoteDirectPage": "AwaitOnCall",
        "AwaitOnCall": "ReadOutcome",
        "ReadOutcome": "IsAlertKnown AnnounceExhausted",
        "IsAlertKnown": "TakeOutcome AnnounceExhausted",
        "TakeOutcome": "IsItOurs",
        "IsItOurs": "Duplicate AnsweredHow",
        "AnsweredHow": "DoesItExpire TakeCause Cleared MarkExhausted AnnounceExhausted",
        "TakeCause": "MakePlan",
        "DoesItExpire": "AwaitRecovery Acknowledged",
        "AwaitRecovery": "IsItOver Reopen WaitForExpiry",
        "IsItOver": "TakeCause AwaitRecovery Acknowledged",
        "WaitForExpiry": "Reopen",
        "Reopen": "BecauseItExpired Acknowledged IsItADryRun",
        "BecauseItExpired": "MakePlan",
        "MarkExhausted": "AnnounceExhausted ReadOutcome",
        "AnnounceExhausted": "Exhausted EscalationFailed",
        "Acknowledged": "",
        "Cleared": "",
        "Joined": "",
        "Duplicate": "",
        "Exhausted": "",
        "EscalationFailed": "",
    }.items()
}
#: How often a task is tried again: one that waits for an answer, and every other.
WAITING_RETRIES, RETRIES = 3, 4
#: Seconds before the first retry, and at most; each wait is twice the one before.
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 1, 10
#: The definition's `TimeoutSeconds`.
BACKSTOP_SECONDS = 604_800

ResultT = TypeVar("ResultT")


class Stopped(BaseException):
    """A function was stopped half-way: out of time or memory, or its machine is gone. Nothing in it can catch that."""


class Clock:
    """Virtual time, in milliseconds since 1970, and what is to happen when: in order, and in no time at all."""

    def __init__(self, at: datetime) -> None:
        self.now_ms = int(at.timestamp() * 1000)
        self._numbers = itertools.count()
        self._due: list[tuple[int, int, Callable[[], object]]] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def at(self, when_ms: int, do: Callable[[], object]) -> None:
        """Do it then, or now if that is over."""
        heapq.heappush(self._due, (max(when_ms, self.now_ms), next(self._numbers), do))

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        """Do it so many seconds from now."""
        self.at(self.now_ms + round(seconds * 1000), do)

    def run(self, until_ms: int | None = None) -> None:
        """Let everything happen that is due until then, what follows from it included; without a limit, to the end.

        What happens may call this too: then other things happen while it goes on.
        """
        while self._due and (until_ms is None or self._due[0][0] <= until_ms):
            self.step()
        if until_ms is not None:
            self.now_ms = max(self.now_ms, until_ms)

    def step(self) -> None:
        """Let the next thing happen."""
        when, _, do = heapq.heappop(self._due)
        # A thing within which others happened ends later than they were due.
        self.now_ms = max(self.now_ms, when)
        do()


class Outside(Protocol):
    """What the workflow reaches without notify. Errors: any; the workflow tries again."""

    def page_on_call(self, alert: Alert, execution_arn: str) -> str:
        """`PageOnCallDirectly`; a receipt."""

    def announce_exhausted(self, alert: Alert, execution_arn: str) -> None:
        """`AnnounceExhausted`: on the bus."""


@dataclass
class Execution:
    """One escalation: what it began with, what it knows, where it has been, and how it ended (`RUNNING` until then)."""

    arn: str
    alert: Alert
    raised_at: str
    correlation_id: str
    trace: str
    causation_id: str
    cause: str = "raised"
    made: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=lambda: {"policy": None})
    position: int = 0
    answer: str = ""
    answer_cause: str = ""
    token: str = ""
    read: AlertRecord | None = None
    state: str = ""
    entered_ms: int = 0
    states: list[tuple[int, str]] = field(default_factory=list)
    status: str = "RUNNING"
    ended_ms: int = 0

    def __post_init__(self) -> None:
        # Its severity may change on the way.
        self.input_alert = self.alert

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    @property
    def began_with(self) -> tuple[object, ...]:
        """Its input, as far as two inputs for one alert may differ."""
        return (self.input_alert, self.raised_at, self.correlation_id, self.trace, self.causation_id)

    @property
    def telling(self) -> dict[str, Any]:
        telling: dict[str, Any] = self.plan["tellings"][self.position]
        return telling


class Escalations(Workflow, Executions):
    """The state machine. `notify` is the function: it takes a payload and gives an answer, or fails.

    `disturb` is called with a state's name before and after every effect of the workflow's own on AWS, and may raise.
    `random` spreads retries as `JitterStrategy: FULL` does; without it each waits its whole time.
    """

    def __init__(
        self,
        clock: Clock,
        alerts: MemoryAlerts,
        notify: Callable[[dict[str, Any]], dict[str, Any]],
        outside: Outside,
        *,
        direct_page_seconds: int = 600,
        random: Random | None = None,
        disturb: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._clock, self._alerts, self._notify, self._outside = clock, alerts, notify, outside
        self._direct_page_seconds = direct_page_seconds
        self._random = random
        self._disturb = disturb
        self._numbers = itertools.count(1)
        self._waiting: dict[str, Execution] = {}
        self.executions: dict[str, Execution] = {}

    # ---------------------------------------------------------------------------------------------------- as a service

    def begin(
        self,
        alert: Alert,
        *,
        raised_at: str,
        correlation_id: str = "",
        trace: str = "",
        causation_id: str = "",
        name: str = "",
    ) -> Execution:
        """Start one. The same name with the same input is the same one while it runs. Errors: `AlreadyRanError`."""
        arn = f"arn:aws:states:::execution:escalation:{name or f'event-{next(self._numbers)}'}"
        made = Execution(arn, alert, raised_at, correlation_id, trace, causation_id)
        before = self.executions.get(arn)
        if before is not None:
            if before.status != "RUNNING" or before.began_with != made.began_with:
                raise AlreadyRanError(name)
            return before
        self.executions[arn] = made
        self._clock.after(BACKSTOP_SECONDS, lambda: self.stop(arn, "TIMED_OUT"))
        self._clock.after(0, lambda: self._go(made, "ClaimAlert"))
        return made

    def running(self) -> bool:
        """Whether any goes on."""
        return any(execution.status == "RUNNING" for execution in self.executions.values())

    def start(self, alert: Alert, record: AlertRecord, number: int) -> None:
        self.begin(
            alert,
            raised_at=record.raised_at,
            correlation_id=record.correlation_id,
            trace=record.trace,
            causation_id=record.causation_id or alert.alert_id,
            name=f"{alert.alert_id}-{number}",
        )

    def status(self, execution_arn: str) -> str:
        execution = self.executions.get(execution_arn)
        return "MISSING" if execution is None else execution.status

    def stop(self, execution_arn: str, status: str = "ABORTED") -> None:
        """End one from outside, if it still runs."""
        execution = self.executions[execution_arn]
        if execution.status == "RUNNING":
            execution.status, execution.ended_ms = status, self._clock.now_ms
            self._waiting.pop(execution.token, None)

    def answer(self, task_token: str, output: dict[str, Any]) -> bool:
        execution = self._waiting.pop(task_token, None)
        if execution is None:
            return False
        execution.answer, execution.answer_cause = output["status"], output.get("cause", "")
        following = "IsItOver" if execution.state == "AwaitRecovery" else "AnsweredHow"
        self._clock.after(0, lambda: self._go(execution, following))
        return True

    # --------------------------------------------------------------------------------------------- from state to state

    def _go(self, execution: Execution, state: str) -> None:
        """Enter a state, and those after it for as long as none has to wait."""
        following: str | None = state
        while following is not None and execution.status == "RUNNING":
            if execution.state and following not in TRANSITIONS[execution.state]:
                raise AssertionError(f"the workflow knows no way from {execution.state} to {following}")
            execution.state, execution.entered_ms = following, self._clock.now_ms
            execution.states.append((self._clock.now_ms, following))
            if not TRANSITIONS[following]:
                execution.status = "FAILED" if following == "EscalationFailed" else "SUCCEEDED"
                execution.ended_ms = self._clock.now_ms
                return
            following = getattr(self, f"_{following}")(execution)

    def _task(
        self, execution: Execution, do: Callable[[], str], caught: str, retries: int = RETRIES, attempt: int = 0
    ) -> str | None:
        """The state that follows; None while a retry is awaited. `caught` follows when all have failed."""
        try:
            following = do()
        except (Exception, Stopped):
            if attempt >= retries:
                return caught
            state = execution.state

            def again() -> None:
                if execution.status == "RUNNING" and execution.state == state:
                    following = self._task(execution, do, caught, retries, attempt + 1)
                    if following is not None:
                        self._go(execution, following)

            self._clock.after(self._backoff(attempt), again)
            return None
        return following

    def _backoff(self, attempt: int) -> float:
        longest = min(FIRST_BACKOFF_SECONDS * 2.0**attempt, LONGEST_BACKOFF_SECONDS)
        return longest if self._random is None else self._random.uniform(0, longest)

    def _effect(self, state: str, do: Callable[[], ResultT]) -> ResultT:
        self._disturb(state)
        result = do()
        self._disturb(state)
        return result

    def _wait_for_answer(
        self, execution: Execution, payload: dict[str, Any], seconds: int, timed_out: str, caught: str, attempt: int = 0
    ) -> None:
        """`waitForTaskToken`: each try has a token of its own, and the whole time."""
        token = execution.token = f"{execution.name}/{next(self._numbers)}"
        self._waiting[token] = execution
        self._clock.after(seconds, lambda: self._gave_up(token, timed_out))
        try:
            self._notify({**payload, "taskToken": token})
        except (Exception, Stopped):
            if self._waiting.pop(token, None) is None:
                return
            if attempt >= WAITING_RETRIES:
                self._clock.after(0, lambda: self._go(execution, caught))
                return

            def again() -> None:
                if execution.status == "RUNNING" and execution.token == token:
                    self._wait_for_answer(execution, payload, seconds, timed_out, caught, attempt + 1)

            self._clock.after(self._backoff(attempt), again)

    def _gave_up(self, token: str, timed_out: str) -> None:
        execution = self._waiting.pop(token, None)
        if execution is not None:
            self._go(execution, timed_out)

    def _payload(self, execution: Execution, action: str, **more: Any) -> dict[str, Any]:
        return {"action": action, "alert": execution.alert.model_dump(by_alias=True), **more}

    def _entry(self, execution: Execution, what: str, detail: str, receipt: str = "") -> TimelineEntry:
        at = datetime.fromtimestamp(execution.entered_ms / 1000, UTC).isoformat(timespec="milliseconds")
        return TimelineEntry(at, what, detail, receipt=receipt)

    # ------------------------------------------------------------------------------------------------------ the states

    def _ClaimAlert(self, execution: Execution) -> str | None:  # noqa: N802 - the states' own names, here and below
        def claim() -> str:
            entry = self._entry(execution, "escalation-started", execution.name)
            record = self._effect(
                "ClaimAlert",
                lambda: self._alerts.claim(
                    execution.alert,
                    execution.arn,
                    raised_at=execution.raised_at,
                    correlation_id=execution.correlation_id,
                    trace=execution.trace,
                    causation_id=execution.causation_id,
                    entry=entry,
                ),
            )
            if record is None:
                return "Duplicate"
            return "ReadClaimed"

        return self._task(execution, claim, "IsItADryRun")

    def _ReadClaimed(self, execution: Execution) -> str | None:  # noqa: N802
        return self._task(execution, lambda: self._read(execution, "IsAlertOpen"), "MakePlan")

    def _IsAlertOpen(self, execution: Execution) -> str:  # noqa: N802
        status = execution.read.status if execution.read else ""
        return {"open": "MakePlan", "joined": "Joined"}.get(status, "TakeOutcome")

    def _MakePlan(self, execution: Execution) -> str | None:  # noqa: N802
        def make() -> str:
            policy = execution.plan["policy"]
            execution.made = self._notify(self._payload(execution, "plan", cause=execution.cause, policy=policy))
            return "WhatIsPlanned"

        return self._task(execution, make, "ReadBeforePaging")

    def _WhatIsPlanned(self, execution: Execution) -> str:  # noqa: N802
        if "decision" not in execution.made:
            return "ReadBeforePaging"
        return {"escalate": "TakePlan", "answered": "TakeStatus"}.get(execution.made["decision"], "Joined")

    def _TakeStatus(self, execution: Execution) -> str:  # noqa: N802
        execution.answer = execution.made["status"]
        return "AnsweredHow"

    def _TakePlan(self, execution: Execution) -> str:  # noqa: N802
        execution.plan = execution.made["plan"]
        return "TakeSeverity"

    def _TakeSeverity(self, execution: Execution) -> str:  # noqa: N802
        execution.alert = execution.alert.model_copy(update={"severity": execution.plan["severity"]})
        return "BeginPlan"

    def _BeginPlan(self, execution: Execution) -> str:  # noqa: N802
        execution.position = 0
        return "SelectTelling"

    def _SelectTelling(self, _: Execution) -> str:  # noqa: N802
        return "TellPeople"

    def _TellPeople(self, execution: Execution) -> None:  # noqa: N802
        payload = self._payload(execution, "tell", telling=execution.telling)
        seconds = execution.telling["waitSeconds"]
        self._wait_for_answer(execution, payload, seconds, "CountTelling", "CountTelling")

    def _CountTelling(self, execution: Execution) -> str:  # noqa: N802
        execution.position += 1
        return "IsAnybodyLeft"

    def _IsAnybodyLeft(self, execution: Execution) -> str:  # noqa: N802
        left = execution.position < len(execution.plan["tellings"])
        return "SelectTelling" if left else "ReadWhoWasTold"

    def _ReadWhoWasTold(self, execution: Execution) -> str | None:  # noqa: N802
        return self._task(execution, lambda: self._read(execution, "WereTheLastTold"), "IsItADryRun")

    def _WereTheLastTold(self, execution: Execution) -> str:  # noqa: N802
        if execution.read is not None and execution.read.status in ("acknowledged", "cleared"):
            return "TakeOutcome"
        last = execution.plan["tellings"][-1]["key"]
        told = execution.read is not None and execution.read.last_telling == last
        return "MarkExhausted" if told else "IsItADryRun"

    def _ReadBeforePaging(self, execution: Execution) -> str | None:  # noqa: N802
        return self._task(execution, lambda: self._read(execution, "HasSomebodyAnswered"), "IsItADryRun")

    def _HasSomebodyAnswered(self, execution: Execution) -> str:  # noqa: N802
        answered = execution.read is not None and execution.read.status in ("acknowledged", "cleared")
        return "TakeOutcome" if answered else "IsItADryRun"

    def _IsItADryRun(self, execution: Execution) -> str:  # noqa: N802
        return "PageNobody" if execution.alert.device_id.startswith(DRY_RUN_PREFIX) else "PageOnCallDirectly"

    def _PageNobody(self, execution: Execution) -> str:  # noqa: N802
        execution.answer = DRY_RUN
        return "NoteDirectPage"

    def _PageOnCallDirectly(self, execution: Execution) -> str | None:  # noqa: N802
        def page() -> str:
            execution.answer = self._effect(
                "PageOnCallDirectly", lambda: self._outside.page_on_call(execution.alert, execution.arn)
            )
            return "NoteDirectPage"

        return self._task(execution, page, "EscalationFailed")

    def _NoteDirectPage(self, execution: Execution) -> str | None:  # noqa: N802
        def note() -> str:
            detail = "the on-call topic, without notify"
            entry = self._entry(execution, "paged-directly", detail, execution.answer)
            self._effect("NoteDirectPage", lambda: self._alerts.paged_directly(execution.alert.alert_id, entry))
            return "AwaitOnCall"

        return self._task(execution, note, "AwaitOnCall")

    def _AwaitOnCall(self, execution: Execution) -> None:  # noqa: N802
        self._clock.after(self._direct_page_seconds, lambda: self._go(execution, "ReadOutcome"))

    def _ReadOutcome(self, execution: Execution) -> str | None:  # noqa: N802
        return self._task(execution, lambda: self._read(execution, "IsAlertKnown"), "AnnounceExhausted")

    def _read(self, execution: Execution, following: str) -> str:
        execution.read = self._effect(execution.state, lambda: self._alerts.find(execution.alert.alert_id))
        return following

    def _IsAlertKnown(self, execution: Execution) -> str:  # noqa: N802
        return "AnnounceExhausted" if execution.read is None else "TakeOutcome"

    def _TakeOutcome(self, execution: Execution) -> str:  # noqa: N802
        execution.answer = execution.read.status if execution.read else ""
        return "IsItOurs"

    def _IsItOurs(self, execution: Execution) -> str:  # noqa: N802
        owner = execution.read.execution_arn if execution.read else ""
        return "AnsweredHow" if owner in ("", execution.arn) else "Duplicate"

    def _AnsweredHow(self, execution: Execution) -> str:  # noqa: N802
        following = {
            "acknowledged": "DoesItExpire",
            "plan-again": "TakeCause",
            "cleared": "Cleared",
            "open": "MarkExhausted",
        }
        return following.get(execution.answer, "AnnounceExhausted")

    def _TakeCause(self, execution: Execution) -> str:  # noqa: N802
        execution.cause = execution.answer_cause
        return "MakePlan"

    def _DoesItExpire(self, execution: Execution) -> str:  # noqa: N802
        return "AwaitRecovery" if self._expiry(execution) > 0 else "Acknowledged"

    def _expiry(self, execution: Execution) -> int:
        return int(execution.plan.get("acknowledgementExpirySeconds", 0))

    def _AwaitRecovery(self, execution: Execution) -> None:  # noqa: N802
        payload = self._payload(execution, "await-recovery")
        self._wait_for_answer(execution, payload, self._expiry(execution), "Reopen", "WaitForExpiry")

    def _IsItOver(self, execution: Execution) -> str:  # noqa: N802
        following = {"plan-again": "TakeCause", "acknowledged": "AwaitRecovery"}
        return following.get(execution.answer, "Acknowledged")

    def _WaitForExpiry(self, execution: Execution) -> None:  # noqa: N802
        self._clock.after(self._expiry(execution), lambda: self._go(execution, "Reopen"))

    def _Reopen(self, execution: Execution) -> str | None:  # noqa: N802
        def reopen() -> str:
            entry = self._entry(execution, "acknowledgement-expired", "acknowledged and still not over")
            alert_id = execution.alert.alert_id
            done = self._effect("Reopen", lambda: self._alerts.expire(alert_id, execution.arn, entry))
            return "BecauseItExpired" if done else "Acknowledged"

        return self._task(execution, reopen, "IsItADryRun")

    def _BecauseItExpired(self, execution: Execution) -> str:  # noqa: N802
        execution.cause = "expired"
        return "MakePlan"

    def _MarkExhausted(self, execution: Execution) -> str | None:  # noqa: N802
        def mark() -> str:
            entry = self._entry(execution, "exhausted", "everybody was told and nobody answered")
            alert_id = execution.alert.alert_id
            done = self._effect("MarkExhausted", lambda: self._alerts.mark_exhausted(alert_id, execution.arn, entry))
            return "AnnounceExhausted" if done else "ReadOutcome"

        return self._task(execution, mark, "AnnounceExhausted")

    def _AnnounceExhausted(self, execution: Execution) -> str | None:  # noqa: N802
        def announce() -> str:
            self._effect("AnnounceExhausted", lambda: self._outside.announce_exhausted(execution.alert, execution.arn))
            return "Exhausted"

        return self._task(execution, announce, "EscalationFailed")
