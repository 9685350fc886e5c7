"""Use case: tell the people of one step, each through the first channel that works, and nobody twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from smartwatch_contracts.policies import ChannelType
from smartwatch_contracts.roster import Channel, Roster, Throttle

from notify import messages, on_call
from notify.delivering import deliver
from notify.dependencies import Dependencies
from notify.domain import SENDING, AlertRecord, delivery_key, more_severe, told_key
from notify.notices import say_cleared, tell_pagers
from notify.plans import Cause, Telling
from notify.ports import Delivery, NobodyToldError, NotSentError, OvertakenError, PerhapsSentError
from notify.requests import Tell
from notify.resuming import answer, plan_again
from notify.silencing import silenced

#: Who is told when nobody whom the policy names can be.
FALLBACK = "fallback"


class Reached(Enum):
    """What became of one recipient. `PERHAPS`: a channel took the message or not, and doesn't say.

    `CROSSED`: told, and meanwhile somebody has answered, or it is over: nobody else needs to be told.
    """

    YES = "told"
    CROSSED = "told, in vain"
    ANSWERED = "answered before it could be told"
    PERHAPS = "perhaps told"
    HELD = "held back"
    NO = "not told"


@dataclass(frozen=True)
class _Target:
    name: str
    channels: Sequence[Channel]
    throttle: Throttle | None
    rotation: str = ""


def tell(request: Tell, deps: Dependencies) -> dict[str, Any]:
    """Tell the people of one step, unless somebody has answered already or they were told before.

    The token is kept before the message goes out: whoever reads it can answer at once. Errors: `NobodyToldError`; the
    workflow retries, and then goes on to the next step.
    """
    alert_id, telling = request.alert.alert_id, request.telling
    waiting_until = deps.now_ms() + telling.wait_seconds * 1000
    try:
        record = deps.alerts.begin_telling(alert_id, telling, request.task_token, waiting_until)
    except OvertakenError:
        return {"told": False, "status": "overtaken"}
    if record.status != "open":
        deps.workflow.answer(request.task_token, answer(record))
        return {"told": False, "status": record.status}
    if more_severe(record.severity, telling.severity):
        return _plan_again(request, "worsened", deps)
    if telling.kind == "hold":
        if deps.alerts.claim_delivery(alert_id, telling.key):
            deps.alerts.append(alert_id, deps.entry("waiting", telling.reason, step=telling.step))
        return {"told": False, "status": "waiting"}
    if silenced(record, deps.clock(), deps)[0] is not None:
        # Put while the escalation was under way.
        return _plan_again(request, "silenced", deps)
    return {"told": _tell_everybody(telling, record, deps), "status": "open"}


def _plan_again(request: Tell, cause: Cause, deps: Dependencies) -> dict[str, Any]:
    deps.workflow.answer(request.task_token, plan_again(cause))
    return {"told": False, "status": "plan-again"}


def _tell_everybody(telling: Telling, record: AlertRecord, deps: Dependencies) -> bool:
    roster = deps.configuration.roster()
    reached: set[Reached] = set()
    for target in _targets(roster, telling, record, deps):
        reached.add(_reach(target, telling, record, deps))
        if not reached.isdisjoint({Reached.CROSSED, Reached.ANSWERED}):
            return not reached.isdisjoint({Reached.CROSSED, Reached.YES})
    if reached <= {Reached.NO}:
        fallback = _Target(FALLBACK, roster.fallback.channels, None)
        reached = {_reach(fallback, telling, record, deps)}
    if reached == {Reached.NO}:
        raise NobodyToldError(telling.step)
    return not reached.isdisjoint({Reached.YES, Reached.CROSSED})


def _targets(roster: Roster, telling: Telling, record: AlertRecord, deps: Dependencies) -> list[_Target]:
    """Those whom the step names, as they are on call now; a name that stands for nobody now is noted and left out."""
    overrides = deps.configuration.overrides()
    targets: dict[str, _Target] = {}
    for name in telling.tell:
        found = on_call.who(roster, overrides, name, deps.clock())
        channels = [] if found is None else _chosen(found.recipient.channels, telling.through)
        if found is None or not channels:
            why = "nobody is on call" if found is None else "has no such channel"
            if deps.alerts.claim_delivery(record.alert_id, f"{telling.key}/{name}"):
                deps.alerts.append(record.alert_id, deps.entry("not-told", why, step=telling.step, to=name))
            continue
        throttle = found.recipient.throttle or roster.throttle
        targets.setdefault(found.name, _Target(found.name, channels, throttle, name if found.name != name else ""))
    return list(targets.values())


def _chosen(channels: Sequence[Channel], through: Sequence[ChannelType] | None) -> Sequence[Channel]:
    if through is None:
        return channels
    return [channel for wanted in through for channel in channels if channel.type == wanted]


def _reach(target: _Target, telling: Telling, record: AlertRecord, deps: Dependencies) -> Reached:
    keys = [delivery_key(telling.key, target.name, index) for index in range(len(target.channels))]
    begun = [record.deliveries[key] for key in keys if key in record.deliveries]
    if any(receipt != SENDING for receipt in begun):
        return Reached.YES
    if f"{telling.key}/{target.name}/held" in record.deliveries:
        return Reached.HELD
    if not begun and _held_back(target, telling, record, deps):
        return Reached.HELD
    perhaps = False
    for key, channel in zip(keys, target.channels, strict=True):
        if not deps.alerts.claim_delivery(record.alert_id, key, while_open=True):
            if deps.alerts.get(record.alert_id).status != "open":
                return Reached.ANSWERED
            # A function was stopped while it sent this one: it may have gone out, and a second would be one too many.
            perhaps = True
            continue
        _renew(channel, target, record, deps)
        sent = _send(key, channel, target, telling, record, deps)
        if sent in (Reached.YES, Reached.CROSSED):
            return sent
        perhaps = perhaps or sent is Reached.PERHAPS
    return Reached.PERHAPS if perhaps else Reached.NO


def _renew(channel: Channel, target: _Target, record: AlertRecord, deps: Dependencies) -> None:
    """An acknowledged incident takes a trigger without a word: it is resolved first, and the trigger opens a new one.

    PagerDuty, Events API v2, "Alert de-duplication"; the incident's key stays the alert's id.
    """
    if channel.type != "pagerduty" or not record.reopens or record.dry_run:
        return
    message = messages.renewed(record, key=f"renewed/{record.reopens}/{told_key(target.name, channel)}")
    if deps.alerts.claim_delivery(record.alert_id, message.key):
        try:
            deps.channels[channel.type].send(message, channel)
        except (NotSentError, PerhapsSentError) as error:
            about = {"to": target.name, "through": channel.type}
            deps.alerts.append(record.alert_id, deps.entry("channel-failed", str(error), **about))


def _send(
    key: str, channel: Channel, target: _Target, telling: Telling, record: AlertRecord, deps: Dependencies
) -> Reached:
    link = deps.links.acknowledgement(record.alert_id, target.name, key, deps.clock())
    message = messages.alert(telling, record, key=key, link=link)
    about = {"step": telling.step, "to": target.name, "through": channel.type}
    try:
        receipt = deliver(message, channel, record, deps, **about)
    except NotSentError:
        return Reached.NO
    except PerhapsSentError:
        return Reached.PERHAPS
    detail = f"on call for {target.rotation}" if target.rotation else ""
    after = deps.alerts.delivered(
        record.alert_id,
        Delivery(key, target.name, channel, receipt, telling.key),
        deps.entry("told", detail, receipt=receipt, **about),
    )
    if after.status != "open":
        crossed = f"was on its way when the alert was {after.status}"
        deps.alerts.append(record.alert_id, deps.entry("crossed", crossed, **about))
        _catch_up(after, deps)
    if not record.told and len(after.told) == 1 and after.raised_at:
        deps.measures.time("TimeToNotify", deps.now_ms() - after.raised_ms, after)
    return Reached.CROSSED if after.status in ("acknowledged", "cleared") else Reached.YES


def _held_back(target: _Target, telling: Telling, record: AlertRecord, deps: Dependencies) -> bool:
    """Whether the recipient has had too many. Never the first word about a critical alert, nor the last resort."""
    if target.throttle is None or record.dry_run:
        return False
    counted = f"drill/{target.name}" if record.drill else target.name
    if deps.throttles.admit(counted, target.throttle, deps.clock()):
        return False
    # Who was told of a warning has not heard yet that it is critical now.
    first_word = target.name not in record.told_recipients or (telling.cause == "worsened" and telling.round == 0)
    if record.severity == "critical" and first_word:
        return False
    # Held back first: whoever is stopped in between has a line twice in the digest, and never not at all.
    line = messages.held_line(telling, record, deps.clock())
    deps.throttles.hold(counted, record.alert_id, line, target.throttle, deps.clock())
    if deps.alerts.claim_delivery(record.alert_id, f"{telling.key}/{target.name}/held"):
        limit = f"more than {target.throttle.messages} in {target.throttle.per_seconds} s"
        entry = deps.entry("held-back", limit, step=telling.step, to=target.name)
        deps.alerts.append(record.alert_id, entry, telling=telling.key)
    return True


def _catch_up(record: AlertRecord, deps: Dependencies) -> None:
    """What the others heard while this message was on its way. One that can't be told is noted."""
    try:
        if record.over:
            say_cleared(record, deps)
        elif record.status == "acknowledged":
            tell_pagers(record, deps)
    except NotSentError:
        return
