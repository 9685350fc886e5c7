"""PagerDuty: one alert is one incident, a repeat is harmless, and a rehearsal says that it is one."""

from __future__ import annotations

from typing import Any

import pytest
from notify.messages import Message
from notify.pagerduty import PagerDuty, event
from notify.ports import NotSentError, PerhapsSentError
from notify.posting import Answer
from smartwatch_contracts.roster import PagerDutyChannel

from tests.support.messages import LINK, ROUTING_KEY, a_drill, a_message, pagerduty_secrets
from tests.support.posts import ScriptedPoster

CHANNEL = PagerDutyChannel(type="pagerduty", service="night-shift")


class Desk:
    """The channel with a poster that answers by script and a clock that only sleeping moves."""

    def __init__(self, *outcomes: int | Answer | Exception, routing_key: Any = ROUTING_KEY) -> None:
        self.poster = ScriptedPoster(*outcomes)
        self.pauses: list[float] = []
        self._channel = PagerDuty(
            pagerduty_secrets(routing_key),
            events_url="https://events.example.org/v2/enqueue",
            poster=self.poster,
            sleep=self.pauses.append,
            clock=lambda: sum(self.pauses),
        )

    def send(self, message: Message | None = None) -> str:
        return self._channel.send(message or a_message(), CHANNEL)

    def tries(self) -> int:
        return len(self.poster.bodies)


def test_an_alert_triggers_an_incident() -> None:
    desk = Desk(202)

    assert desk.send() == "202 a1"

    assert desk.poster.urls == ["https://events.example.org/v2/enqueue"]
    assert desk.poster.documents() == [
        {
            "routing_key": "0123456789abcdef0123456789abcdef",
            "event_action": "trigger",
            "dedup_key": "a1",
            "payload": {
                "summary": "Alert: Heart rate above 150 bpm (watch-002)",
                "source": "watch-002",
                "severity": "critical",
                "timestamp": "2023-11-14T22:13:20.000+00:00",
                "component": "heart-rate-high",
                "group": "watches",
                "class": "alert",
                "custom_details": {
                    "alertId": "a1",
                    "rule": "Heart rate above 150 bpm",
                    "since": "2023-11-14T22:13:20.000+00:00",
                    "drill": False,
                    "acknowledge": LINK,
                },
            },
            "client": "Smartwatch",
            "links": [{"href": LINK, "text": "Acknowledge"}],
        }
    ]


@pytest.mark.parametrize(("purpose", "action"), [("acknowledged", "acknowledge"), ("cleared", "resolve")])
def test_what_ends_an_alert_says_only_which_incident_it_is(purpose: str, action: str) -> None:
    desk = Desk(202)

    desk.send(a_message(purpose=purpose))

    assert desk.poster.documents() == [{"routing_key": ROUTING_KEY, "event_action": action, "dedup_key": "a1"}]


def test_where_nothing_can_be_answered_there_is_no_link() -> None:
    document = event(a_message(link=""))

    assert "links" not in document
    assert "acknowledge" not in document["payload"]["custom_details"]


def test_a_rehearsal_is_marked_wherever_a_person_looks() -> None:
    payload = event(a_drill())["payload"]

    assert payload["summary"] == "DRILL - Alert: Heart rate above 150 bpm (drill-001)"
    assert (payload["class"], payload["custom_details"]["drill"]) == ("drill", True)


def test_a_rehearsal_whose_subject_does_not_say_so_is_marked_here() -> None:
    assert event(a_drill(subject="Alert: x"))["payload"]["summary"] == "DRILL: Alert: x"


def test_a_summary_has_at_most_1024_characters() -> None:
    assert len(event(a_message(subject="x" * 2000))["payload"]["summary"]) == 1024


def test_a_digest_is_no_incident_and_another_channel_may_take_it() -> None:
    desk = Desk(202)

    with pytest.raises(NotSentError, match="PagerDuty takes alerts only"):
        desk.send(a_message(purpose="digest"))

    assert desk.tries() == 0


@pytest.mark.parametrize("routing_key", [None, "", 7])
def test_without_a_routing_key_nothing_is_sent(routing_key: Any) -> None:
    desk = Desk(202, routing_key=routing_key)

    with pytest.raises(NotSentError, match="PagerDuty service night-shift has no routing key"):
        desk.send()

    assert desk.tries() == 0


@pytest.mark.parametrize("first", [429, 500, 503, NotSentError("refused"), PerhapsSentError("no answer")])
def test_what_may_pass_is_tried_again_with_the_very_same_event(first: int | Exception) -> None:
    desk = Desk(first, 202)

    assert desk.send() == "202 a1"
    assert len(set(desk.poster.bodies)) == 1
    assert desk.tries() == 2
    assert desk.pauses == [0.5]


@pytest.mark.parametrize(("retry_after", "pause"), [(1.0, 1.0), (3600.0, 2.0)])
def test_a_pause_that_is_asked_for_is_kept_up_to_two_seconds(retry_after: float, pause: float) -> None:
    desk = Desk(Answer(429, retry_after=retry_after), 202)

    desk.send()

    assert desk.pauses == [pause]


@pytest.mark.parametrize("status", [301, 400, 403, 404])
def test_what_is_refused_is_not_tried_again(status: int) -> None:
    desk = Desk(status)

    with pytest.raises(NotSentError, match=f"PagerDuty answered {status}"):
        desk.send()

    assert desk.tries() == 1


@pytest.mark.parametrize("outcome", [429, NotSentError("refused")])
def test_after_three_tries_of_which_none_arrived_it_is_not_sent(outcome: int | Exception) -> None:
    desk = Desk(outcome)

    with pytest.raises(NotSentError):
        desk.send()

    assert desk.tries() == 3
    assert desk.pauses == [0.5, 1.0]


@pytest.mark.parametrize("outcome", [502, PerhapsSentError("no answer")])
def test_one_try_that_may_have_arrived_makes_the_whole_uncertain(outcome: int | Exception) -> None:
    with pytest.raises(PerhapsSentError):
        Desk(outcome, 429).send()


def test_no_try_begins_after_fourteen_seconds() -> None:
    poster, now = ScriptedPoster(PerhapsSentError("no answer")), iter([0.0, 13.8, 99.0])
    channel = PagerDuty(pagerduty_secrets(), poster=poster, sleep=lambda _: None, clock=lambda: next(now))

    with pytest.raises(PerhapsSentError):
        channel.send(a_message(), CHANNEL)

    assert len(poster.bodies) == 1


def test_no_error_repeats_the_routing_key_or_the_link() -> None:
    for outcome in (400, 503):
        with pytest.raises((NotSentError, PerhapsSentError)) as caught:
            Desk(outcome).send()
        assert ROUTING_KEY not in str(caught.value)
        assert LINK not in str(caught.value)
