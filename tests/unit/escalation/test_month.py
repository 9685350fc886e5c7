"""A month of 200 watches, once with everything at work and thrice with everything failing at random: who was told?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

import pytest

from simulator.escalation.model import TRANSITIONS, Execution
from tests.support.month import BEGIN, DAYS, MINUTE_MS, STORMY, SUNNY, Month, Sent, Story

ALERTS = 2500
#: After the plan's last wait: retries, the auditor's minute and its round, an execution that is started again.
GRACE_MS = 5 * MINUTE_MS
MONTHS = [("sunny", 1), ("stormy", 2), ("stormy", 3), ("stormy", 4)]
ENDS = {name for name, ways in TRANSITIONS.items() if not ways}


@cache
def passed(weather: str, seed: int) -> Month:
    month = Month(seed, SUNNY if weather == "sunny" else STORMY, ALERTS)
    month.run()
    return month


@pytest.fixture(params=MONTHS, ids=lambda each: f"{each[0]}-{each[1]}")
def month(request: pytest.FixtureRequest) -> Month:
    return passed(*request.param)


# ----------------------------------------------------------------------------------------------------- what happened


def moments(month: Month, alert_id: str, *what: str) -> list[int]:
    """When something happened to an alert, in milliseconds, in order."""
    return sorted(at_ms(entry.at) for entry in month.alerts.items[alert_id].timeline if entry.what in what)


def at_ms(text: str) -> int:
    return round(BEGIN.fromisoformat(text).timestamp() * 1000)


def messages(month: Month) -> dict[str, list[Sent]]:
    """Those that asked for an answer, by alert."""
    found: dict[str, list[Sent]] = defaultdict(list)
    for sent in month.sent:
        if sent.purpose == "alert":
            found[sent.alert_id].append(sent)
    return found


def family(month: Month, alert_id: str) -> set[str]:
    """The alert, and all that it ever joined, at first or second hand."""
    found, left = set(), [alert_id]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            left += month.leads_of(each)
    return found


def answered_spans(month: Month, alert_id: str) -> Iterator[tuple[int, int]]:
    """From each acknowledgement until it expired, the alert became more severe, or for ever."""
    again = moments(month, alert_id, "acknowledgement-expired", "reopened")
    for acknowledged in moments(month, alert_id, "acknowledged"):
        expiry = month.expiry_of(alert_id, acknowledged)
        ends = [at for at in again if at > acknowledged] + ([acknowledged + expiry * 1000] if expiry else [])
        yield acknowledged, min(ends, default=2**63)


def plan_ms(story: Story) -> int:
    """How long the story's policy takes to tell everybody of a critical alert."""
    return sum(step.wait_seconds * (step.repeat + 1) for step in story.policy.severities.critical.steps) * 1000


def critical_stories(month: Month) -> list[Story]:
    return [story for story in month.stories.values() if story.critical_from is not None]


# ------------------------------------------------------------------------------------------------------- the promises


def test_every_critical_alert_reached_a_person_or_rang_the_alarm(
    month: Month, record_property: Callable[[str, object], None]
) -> None:
    sent, exhausted = messages(month), {alert_id for _, alert_id in month.exhausted}
    fates: Counter[str] = Counter()
    unheard = []
    for story in critical_stories(month):
        assert story.critical_from is not None
        alert_id = story.alert.alert_id
        everyone = family(month, alert_id)
        due = month.silenced_until(story, story.critical_from) + plan_ms(story) + GRACE_MS
        told = [each for one in everyone for each in sent[one] if each.taken and each.ended <= due]
        over = [at for one in everyone for at in moments(month, one, "acknowledged", "cleared") if at <= due]
        if any(each.alert_id == alert_id for each in told):
            fates["told"] += 1
        elif told:
            fates["told with the one that it joined"] += 1
        elif everyone & exhausted:
            fates["exhausted, and the alarm rang"] += 1
        elif month.dead[alert_id] >= {"start", "raised"}:
            # Neither of the two that hear of an alert did: the alarm of both queues of dead letters rang.
            fates["in dead letters twice, and the alarm rang"] += 1
        elif over:
            fates["over before anybody had to be told"] += 1
        else:
            unheard.append(alert_id)
    record_property("fates of critical alerts", dict(fates))
    assert unheard == []
    assert fates["told"] > ALERTS / 5
    assert fates["in dead letters twice, and the alarm rang"] <= 1


def test_every_escalation_that_was_exhausted_rang_the_alarm(month: Month) -> None:
    rang = {alert_id for _, alert_id in month.exhausted}
    failed = {each.alert.alert_id for each in month.escalations.executions.values() if each.status == "FAILED"}

    assert {alert_id for alert_id in month.alerts.items if moments(month, alert_id, "exhausted")} <= rang | failed | {
        each.alert.alert_id for each in month.escalations.executions.values() if each.status == "ABORTED"
    }


def test_nobody_was_told_of_an_alert_that_somebody_had_answered(
    month: Month, record_property: Callable[[str, object], None]
) -> None:
    sent = messages(month)
    crossed, wrong = 0, []
    for alert_id in sent:
        for since, until in answered_spans(month, alert_id):
            for each in sent[alert_id]:
                if not (since < each.begun < until and each.taken):
                    continue
                # The function was at this step when the answer came, and says so; or it wrote first.
                said = month.began_telling(each) <= since and bool(moments(month, alert_id, "crossed"))
                if said or written_before(month, each, since):
                    crossed += 1
                else:
                    wrong.append(each)
    record_property("messages of a step that crossed its answer", crossed)
    assert wrong == []


def written_before(month: Month, sent: Sent, acknowledged: int) -> bool:
    """Whether a message is on the timeline before an answer that was given, but not written, before it was sent."""
    timeline = month.alerts.items[sent.alert_id].timeline
    told = [n for n, each in enumerate(timeline) if each.what == "told" and at_ms(each.at) == sent.ended]
    answer = [n for n, each in enumerate(timeline) if each.what == "acknowledged" and at_ms(each.at) == acknowledged]
    return bool(told and answer) and told[0] < answer[0]


def test_no_message_was_sent_twice_by_the_same_path(month: Month) -> None:
    # A direct page whose receipt was lost goes out again: the workflow has no other way to be sure.
    counted = [
        each for each in month.sent if each.taken and each.purpose != "digest" and each.recipient != "direct page"
    ]
    paths = Counter((each.alert_id, each.key) for each in counted)

    assert [path for path, times in paths.items() if times > 1] == []


def test_nobody_was_told_twice_by_one_step_unless_a_channel_had_not_said_that_it_did(
    month: Month, record_property: Callable[[str, object], None]
) -> None:
    steps: dict[tuple[str, str, str], list[Sent]] = defaultdict(list)
    for each in month.sent:
        if each.purpose == "alert" and each.taken and each.key.count("/") == 2:
            steps[each.alert_id, each.key.split("/")[0], each.recipient].append(each)
    twice = [found for found in steps.values() if len(found) > 1]
    record_property("told twice by two channels, the first of which had not said so", len(twice))
    # Either the channel did not say so, or the function was stopped before it could write it down.
    ambiguous = [[each for each in found if not confirmed(month, each)] for found in twice]
    assert [found for found, open_ in zip(twice, ambiguous, strict=True) if len(open_) < len(found) - 1] == []


def confirmed(month: Month, sent: Sent) -> bool:
    return sent.said == "taken" and (sent.alert_id, sent.key) in month.written


def test_whoever_hears_that_it_is_over_was_told_of_it_and_hears_it_once(
    month: Month, record_property: Callable[[str, object], None]
) -> None:
    told = {
        (each.alert_id, each.recipient) for each in month.sent if each.purpose == "alert" and each.said != "refused"
    }
    # Each pager beside whatever else reaches the same person.
    heard = Counter((each.alert_id, each.key) for each in month.sent if each.purpose == "cleared" and each.taken)
    owed = {
        (alert_id, f"cleared/{key}")
        for alert_id, item in month.alerts.items.items()
        if item.record.over
        for key in item.record.told
    }
    record_property("owed a word that it is over, and never had it", len(owed - set(heard)))
    record_property("heard that it is over", sum(heard.values()))
    assert {(alert_id, key.split("/")[1]) for alert_id, key in heard} - told == set()
    assert set(heard.values()) == {1}


def test_what_was_held_back_came_with_a_digest(month: Month, record_property: Callable[[str, object], None]) -> None:
    held = {
        (alert_id, key.split("/")[1])
        for alert_id, item in month.alerts.items.items()
        for key in item.record.deliveries
        if key.endswith("/held")
    }
    record_property("alerts that were held back from somebody", len(held))

    assert held - month.throttles.ever == set()
    assert month.throttles.held == {}


def test_every_execution_ended_in_a_named_end(month: Month) -> None:
    executions = month.escalations.executions.values()

    assert {each.status for each in executions} <= {"SUCCEEDED", "FAILED", "ABORTED"}
    assert {each.state for each in executions if each.status != "ABORTED"} <= ENDS
    assert [
        each.name for each in executions if each.states[-1][0] > BEGIN.timestamp() * 1000 + (DAYS + 3) * 86.4e6
    ] == []


def test_an_alert_escalates_once_at_a_time(month: Month) -> None:
    by_alert: dict[str, list[Execution]] = defaultdict(list)
    for each in month.escalations.executions.values():
        if any(state == "IsAlertOpen" for _, state in each.states):
            by_alert[each.alert.alert_id].append(each)
    overlaps = [
        (one.name, other.name)
        for executions in by_alert.values()
        for one, other in pairwise(executions)
        if claimed(other) < one.ended_ms
    ]
    assert overlaps == []


def claimed(execution: Execution) -> int:
    return next(at for at, state in execution.states if state == "IsAlertOpen")


def test_nothing_is_left_open(month: Month) -> None:
    left = [
        alert_id
        for status in ("open", "joined", "acknowledged")
        for alert_id in month.alerts.with_status(status)
        if not month.alerts.get(alert_id).over
    ]

    assert left == []


def test_where_nothing_fails_the_auditor_finds_only_acknowledgements_that_came_after_the_end() -> None:
    month = passed("sunny", 1)
    stalls = [each for each in month.published if each.type == "EscalationStalled"]

    assert {(each.data.reason, each.data.action) for each in stalls} <= {("ended", "restarted")}
    assert [each.data.alert_id for each in stalls if not moments(month, each.data.alert_id, "exhausted")] == []
    assert month.counts["direct pages"] == 0


def test_what_happened_in_the_month(month: Month, record_property: Callable[[str, object], None]) -> None:
    """The counts, for whoever reads them: `pytest -s`."""
    ends = Counter(
        each.state if each.status != "ABORTED" else "ABORTED" for each in month.escalations.executions.values()
    )
    stalls = Counter(
        f"{each.data.reason}, {each.data.action}" for each in month.published if each.type == "EscalationStalled"
    )
    first = [
        min(each.ended for each in sent if each.taken) - month.stories[alert_id].raised
        for alert_id, sent in messages(month).items()
        if any(each.taken for each in sent)
        and month.stories[alert_id].alert.severity == "critical"
        # Of what it joined, people had heard before.
        and not month.leads_of(alert_id)
        and month.silenced_until(month.stories[alert_id], month.stories[alert_id].raised)
        == month.stories[alert_id].raised
    ]
    first.sort()
    counts = {
        "alerts": len(month.stories),
        "critical alerts": len(critical_stories(month)),
        **dict(sorted(month.counts.items())),
        **{f"executions that ended {end}": count for end, count in sorted(ends.items())},
        **{f"stalls: {stall}": count for stall, count in sorted(stalls.items())},
        "critical: first message after, median s": first[len(first) // 2] / 1000,
        "critical: first message after, 99 of 100 within s": first[len(first) * 99 // 100] / 1000,
        "critical: first message after, at most s": first[-1] / 1000,
    }
    for name, count in counts.items():
        record_property(name, count)
        print(f"{name:<60} {count}")  # noqa: T201 - for `pytest -s`
    assert counts["executions that ended Joined"] > 0
    assert counts["executions that ended Exhausted"] > 0
    assert counts["calls: await-recovery"] > 0
