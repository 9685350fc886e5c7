"""What the commands show fits on a terminal, and an id on it can be copied whole."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from simulator import view
from simulator.devices.fleet import Glimpse
from simulator.devices.physiology import Vitals
from simulator.run import Picture
from simulator.story import story
from simulator.trends import with_trends
from tests.support.timelines import ALERT_ID, alert, said, told

EXECUTION = "5f480ee5-c772-4ba8-bb63-88caa151a32a"
EXECUTION_ARN = f"arn:aws:states:us-east-1:000000000000:execution:smartwatch-escalation:{EXECUTION}"

ALERT = {
    "alertId": ALERT_ID,
    "executionArn": EXECUTION_ARN,
    "status": "acknowledged",
    "deviceId": "watch-003",
    "title": "Heart rate above 150 bpm",
    "raisedAt": "2023-11-14T22:13:20.712345Z",
    "timeline": [
        {
            "at": "2023-11-14T22:13:21.859+00:00",
            "what": "told",
            "detail": "",
            "step": "care-team",
            "to": "ada",
            "through": "sms",
            "receipt": "60b018b0-7d0e-5a0c-9a0a-2b2d1c1a7e55",
        },
        {"at": "2023-11-14T22:13:25.100+00:00", "what": "acknowledged", "detail": "by Ana [/x]", "through": "link"},
    ],
}
RUNNING = {
    "executionArn": EXECUTION_ARN,
    "name": EXECUTION,
    "status": "RUNNING",
    "state": "PageOnCallDirectly",
    "startedAt": "2023-11-14T22:13:21.000+00:00",
    "endedAt": None,
}
MESSAGE = {
    "at": "2023-11-14T22:13:22.000Z",
    "protocol": "email",
    "to": "care-team@example.com",
    "subject": "Alert: Heart rate above 150 bpm (watch-003)",
}
WATCHES = [
    Glimpse("watch-001", "normal", "walk", Vitals(heart_rate=92, spo2=98, steps=2), 17, True),
    Glimpse("watch-002", "normal", "rest", None, 0, True),
    Glimpse("watch-003", "tachycardia", "rest", Vitals(heart_rate=176, spo2=97, steps=0), 17, True),
]
SEGMENTS = [
    {"trace_id": "1-6b06a3ae-9d41", "id": "a", "name": "smartwatch-ingest", "start_time": 10.0, "end_time": 10.5},
    {
        "trace_id": "1-6b06a3ae-9d41",
        "id": "b",
        "parent_id": "a",
        "name": "smartwatch-evaluate",
        "origin": "AWS::Lambda",
        "start_time": 10.5,
        "end_time": 11.0,
    },
]


def shown(what: RenderableType, width: int = 80) -> str:
    """As the commands print it on a terminal of that width, without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(what, highlight=False, markup=False)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    return "\n".join(lines)


@pytest.mark.parametrize("width", [80, 160])
def test_the_live_view_shows_every_watch_what_people_receive_and_where_the_escalation_is(width: int) -> None:
    picture = Picture(watches=WATCHES, alerts=[ALERT], executions=[RUNNING], outbox=[MESSAGE], seconds=23, published=34)

    screen = shown(view.live(picture), width)

    assert "23 s · 34 readings published" in screen
    assert all(watch.device_id in screen for watch in WATCHES)
    assert all(text in screen for text in ("176", "tachycardia", "care-team@example.com", "acknowledged"))
    assert "PageOnCallDirectly" in screen
    assert "by Ana [/x]" in screen


@pytest.mark.parametrize("width", [80, 160])
def test_the_live_view_shows_a_run_that_has_just_begun(width: int) -> None:
    screen = shown(view.live(Picture()), width)

    assert "0 readings published" in screen
    assert "nothing yet" in screen
    assert "none" in screen


def test_the_live_view_keeps_the_latest_messages_to_people_and_none_to_a_bare_topic() -> None:
    outbox = [{**MESSAGE, "subject": f"Alert {number}"} for number in range(8)]
    outbox.append({**MESSAGE, "protocol": "topic", "subject": "OK: an alarm"})

    screen = shown(view.live(Picture(outbox=outbox)), 160)

    assert [number for number in range(8) if f"Alert {number}" in screen] == [2, 3, 4, 5, 6, 7]
    assert "an alarm" not in screen


def test_a_list_of_alerts_holds_each_id_whole_for_the_next_command() -> None:
    drill = {**ALERT, "deviceId": "drill-3fa9c1", "title": "DRILL: Heart rate above 150 bpm"}

    screen = shown(view.alerts([ALERT, drill]))

    assert screen.count(ALERT_ID) == 2
    assert all(text in screen for text in ("watch-003", "drill-3fa9c1", "acknowledged"))
    assert screen.count("Heart") == 2


def test_an_alert_that_was_only_claimed_is_listed_without_its_time() -> None:
    assert ALERT_ID in shown(view.alerts([{"alertId": ALERT_ID, "status": "open", "deviceId": "watch-003"}]))


def test_a_list_of_executions_holds_each_name_whole_for_the_next_command() -> None:
    screen = shown(view.executions([RUNNING]))

    assert EXECUTION in screen
    assert "PageOnCallDirectly" in screen


def test_a_timeline_shows_what_people_typed_as_they_typed_it() -> None:
    assert "by Ana [/x], through link" in shown(view.timeline(ALERT))


def test_an_entry_says_at_which_step_who_was_told_through_what_and_with_which_receipt() -> None:
    assert view.said(ALERT["timeline"][0]) == (
        "care-team, to ada, through sms, receipt 60b018b0-7d0e-5a0c-9a0a-2b2d1c1a7e55"
    )


STORY = story(
    alert(
        said(0, "raised", "Heart rate high, critical"),
        said(0.5, "planned", "policy night 5b1e0c8b7f3a, critical"),
        said(1, "waiting", "move, by ada: the ward moves", step="silence"),
        told(2, "care-team", "ada", through="sms", receipt="60b018b0-7d0e-5a0c-9a0a-2b2d1c1a7e55"),
        said(3, "held-back", "more than 2 in 60 s", step="care-team", to="bo"),
        said(4, "joined", "by SpO2 low, critical, 98a51fcd193ecfb0979965e421dfa113"),
        said(5, "acknowledged", "by Ana [/x]", through="link"),
        said(9, "cleared", "back within limits"),
        drill=True,
    ),
    trace_id="1-6b06a3ae-9d41",
    execution={"name": EXECUTION, "status": "SUCCEEDED", "state": "Acknowledged"},
)


def test_a_story_tells_everything_about_an_alert_in_100_columns() -> None:
    lines = shown(view.story(STORY), 100).splitlines()

    told_of = {" ".join(line.split()) for line in lines}
    assert {
        "open Heart rate high, critical a rehearsal, no person is in danger",
        f"alert {ALERT_ID}",
        "watch watch-002",
        "rule heart-rate-high",
        "policy night 5b1e0c8b7f3a, for critical",
        "team care",
        f"execution {EXECUTION}, SUCCEEDED in Acknowledged",
        "trace 1-6b06a3ae-9d41",
        "Messages",
        "Held back",
        "98a51fcd193ecfb0979965e421dfa113 SpO2 low, critical over",
        "Course",
    } <= told_of
    assert any(line.endswith("care-team ada sms sent 60b018b0-7d0e-5a0c-9a0a-2b2d1c1a7e55") for line in told_of)
    assert any(line.endswith("silence move, by ada: the ward moves") for line in told_of)
    assert any(line.endswith("throttle care-team bo more than 2 in 60 s") for line in told_of)
    assert any(line.endswith("by Ana [/x] through link") for line in told_of)


def test_a_story_does_not_repeat_a_message_in_the_course_of_things() -> None:
    screen = shown(view.story(STORY), 100)

    assert screen.count("60b018b0-7d0e-5a0c-9a0a-2b2d1c1a7e55") == 1
    assert screen.count("back within limits") == 1


def test_the_story_of_an_alert_that_joined_another_leads_there() -> None:
    lead = alert(told(2), status="acknowledged")
    member = alert(said(0, "raised", "SpO2 low, critical"), alertId="a2", status="joined", leadAlertId=ALERT_ID)

    screen = shown(view.story(story(member, trace_id="", lead=lead)), 100)

    assert f"Heart rate high, critical, acknowledged: alert {ALERT_ID}" in screen
    assert "SpO2 low, critical" in screen


def test_the_story_of_an_alert_that_was_only_claimed_is_short() -> None:
    claimed = {"alertId": ALERT_ID, "status": "open", "deviceId": "watch-003", "timeline": []}

    assert ALERT_ID in shown(view.story(story(claimed, trace_id="")))


@pytest.mark.parametrize("title", ["Heart rate [/bold]", "[red]Heart rate"])
def test_the_title_of_a_rule_is_text_and_never_markup(title: str) -> None:
    assert title in shown(view.alerts([{**ALERT, "title": title}]), 160)
    assert title in shown(view.messages([{**MESSAGE, "subject": title}]), 160)
    assert title in shown(view.live(Picture(alerts=[ALERT], outbox=[{**MESSAGE, "subject": title}])), 160)


def test_the_states_of_an_execution_are_in_the_order_it_entered_them() -> None:
    states = [
        {"name": name, "enteredAt": f"2023-11-14T22:13:2{second}.000+00:00"}
        for second, name in enumerate(["ClaimAlert", "TellPeople", "Acknowledged"])
    ]

    screen = shown(view.states({"status": "SUCCEEDED", "executionArn": EXECUTION_ARN, "states": states}), 160)

    assert screen.index("ClaimAlert") < screen.index("TellPeople") < screen.index("Acknowledged")
    assert f"SUCCEEDED · {EXECUTION_ARN}" in screen


@pytest.mark.parametrize("width", [80, 160])
def test_a_drills_card_says_of_each_hop_whether_it_passed(width: int) -> None:
    graded: dict[str, Any] = {
        "passed": False,
        "outcome": "Exhausted",
        "alertId": ALERT_ID,
        "hops": [
            {"name": "alert raised", "milliseconds": 512, "budget_milliseconds": 10_000, "passed": True},
            {"name": "on-call told", "milliseconds": None, "budget_milliseconds": 8_000, "passed": False},
        ],
    }

    lines = shown(view.card(graded), width).splitlines()

    (raised,) = [line for line in lines if "alert raised" in line]
    (paged,) = [line for line in lines if "on-call told" in line]
    assert all(text in raised for text in ("512 ms", "10000 ms", "pass"))
    assert all(text in paged for text in ("8000 ms", "FAIL"))
    assert lines[-1] == f"drill FAILED · ended Exhausted · alert {ALERT_ID}"


def test_the_card_of_a_drill_that_raised_no_alert_says_why_it_failed() -> None:
    hop = {"name": "no alert within 60 s", "milliseconds": None, "budget_milliseconds": None, "passed": False}
    graded = {"passed": False, "outcome": None, "alertId": None, "policy": None, "hops": [hop]}

    screen = shown(view.card(graded))

    assert "no alert within 60 s" in screen
    assert screen.splitlines()[-1] == "drill FAILED"


def test_the_card_of_a_dry_run_says_who_would_have_been_told() -> None:
    graded = {
        "passed": True,
        "outcome": "Exhausted",
        "alertId": ALERT_ID,
        "hops": [],
        "dryRun": True,
        "policy": {"name": "night", "version": "5b1e0c8b7f3a"},
        "told": [
            {
                "at": "2023-11-14T22:13:21+00:00",
                "step": "care-team",
                "to": "ada",
                "through": "sms",
                "receipt": "dry run, not sent",
            }
        ],
    }

    screen = shown(view.card(graded), 100)

    assert "care-team ada sms dry run, not sent" in screen
    assert f"drill passed · ended Exhausted · policy night 5b1e0c8b7f3a · alert {ALERT_ID}" in screen


def test_drills_are_listed_with_how_each_stands_to_the_earlier_ones() -> None:
    held = {
        "at": "2023-11-14T22:13:20+00:00",
        "scenario": "tachycardia",
        "ackAfter": None,
        "dryRun": False,
        "policy": {"name": "night", "version": "1"},
        "passed": True,
    }
    times = [
        {"notify": notify, "acknowledge": None, "page": page, "clear": None}
        for notify, page in ((1_000, 10_000), (2_000, 5_000), (1_400, None))
    ]

    screen = shown(view.drills(with_trends([{**held, "times": each} for each in times])), 100).splitlines()

    rows = [" ".join(line.split()[2:]) for line in screen if line.startswith("2023-11-14")]
    assert rows == [
        "tachycardia night 1.0 s - 10.0 s - passed",
        "tachycardia night 2.0 s ↑ - 5.0 s ↓ - passed",
        "tachycardia night 1.4 s → - - - passed",
    ]
    assert [line.rstrip() for line in screen if "▁" in line or "█" in line] == [
        "  notify      ▅█▆",
        "  page        █▅",
    ]


def test_a_waterfall_indents_children_and_starts_their_bars_where_they_began() -> None:
    lines = shown(view.waterfall(SEGMENTS), 120).splitlines()

    (parent,) = [line for line in lines if "smartwatch-ingest" in line]
    (child,) = [line for line in lines if "smartwatch-evaluate" in line]
    assert child.index("smartwatch") - parent.index("smartwatch") == 2
    assert "smartwatch-evaluate Lambda" in child
    assert child.index("█") - parent.index("█") == 24
    assert (parent.count("█"), child.count("█")) == (24, 24)


def test_a_waterfall_shows_a_segment_that_has_not_ended_and_one_whose_parent_is_missing() -> None:
    running = [{"trace_id": "1-6b06a3ae-9d41", "id": "c", "parent_id": "gone", "name": "states", "start_time": 10.0}]

    assert "states" in shown(view.waterfall(running))


def test_readings_leave_blank_what_was_not_measured_and_show_zero() -> None:
    screen = shown(view.readings([{"timestamp": 1_700_000_000_000, "heartRate": 0, "steps": 4}]))

    (row,) = [line for line in screen.splitlines() if ".000" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")][1:] == ["0", "", "4"]
