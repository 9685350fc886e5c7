"""A webhook: signed over the time and the body as sent, sent once, and never in the clear."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from notify.ports import NotSentError, PerhapsSentError
from notify.posting import Answer, Poster
from notify.webhook import Webhook, signature
from smartwatch_contracts.roster import WebhookChannel

from tests.support.messages import LINK, KnownSecrets, a_message
from tests.support.posts import ScriptedPoster
from tests.support.project import ROOT

CHANNEL = WebhookChannel(type="webhook", endpoint="relay")
URL = "https://relay.example.org/hooks/83b1"
KEY = "not-a-real-key"


def webhook(poster: Poster | None, entry: dict[str, Any] | None = None) -> Webhook:
    given = {"url": URL, "key": KEY} if entry is None else entry
    return Webhook(KnownSecrets({"webhooks": {"relay": given}}), poster=poster, clock=lambda: 1_700_000_010.9)


def test_a_message_is_posted_as_json() -> None:
    poster = ScriptedPoster(204)

    assert webhook(poster).send(a_message(), CHANNEL) == "HTTP 204"

    assert poster.urls == [URL]
    assert poster.documents() == [
        {
            "type": "alert",
            "alertId": "a1",
            "deviceId": "watch-002",
            "ruleId": "heart-rate-high",
            "severity": "critical",
            "title": "Heart rate above 150 bpm",
            "subject": "Alert: Heart rate above 150 bpm (watch-002)",
            "body": "Alert.\nHeart rate above 150 bpm, critical.\nWatch: watch-002",
            "startedAt": 1_700_000_000_000,
            "drill": False,
            "link": LINK,
            "key": "a1-care-team-1",
        }
    ]


def test_whoever_has_the_key_can_check_who_sent_it_and_when() -> None:
    poster = ScriptedPoster(200)

    webhook(poster).send(a_message(), CHANNEL)

    expected = hmac.new(KEY.encode(), b"1700000010." + poster.bodies[0], hashlib.sha256).hexdigest()
    assert poster.headers == [
        {
            "Smartwatch-Timestamp": "1700000010",
            "Smartwatch-Signature": f"v1={expected}",
            "Idempotency-Key": "a1-care-team-1",
        }
    ]


def test_the_signature_of_a_known_message_is_this_one() -> None:
    # printf '1700000010.{}' | openssl dgst -sha256 -hmac not-a-real-key
    assert signature("not-a-real-key", 1_700_000_010, b"{}") == (
        "v1=3dab9210f95a6cf39d05890492f86ffcdc470301313ccdb32fdba8ed353598a5"
    )


@pytest.mark.parametrize("status", [301, 307, 400, 404, 408, 429])
def test_what_is_refused_or_sent_elsewhere_is_not_sent(status: int) -> None:
    poster = ScriptedPoster(status)

    with pytest.raises(NotSentError, match=f"webhook relay answered {status}"):
        webhook(poster).send(a_message(), CHANNEL)

    assert len(poster.bodies) == 1


@pytest.mark.parametrize("outcome", [500, 502, 503, PerhapsSentError("no answer")])
def test_what_may_have_arrived_is_never_sent_again(outcome: int | Exception) -> None:
    poster = ScriptedPoster(outcome)

    with pytest.raises(PerhapsSentError):
        webhook(poster).send(a_message(), CHANNEL)

    assert len(poster.bodies) == 1


@pytest.mark.parametrize("entry", [{}, {"url": URL}, {"key": KEY}, {"url": URL, "key": ""}, {"url": 1, "key": KEY}])
def test_without_a_url_or_a_key_nothing_is_sent(entry: dict[str, Any]) -> None:
    poster = ScriptedPoster(200)

    with pytest.raises(NotSentError, match="webhook relay has no url or no key"):
        webhook(poster, entry).send(a_message(), CHANNEL)

    assert poster.bodies == []


@pytest.mark.parametrize(
    "url",
    [
        "http://relay.example.org/hooks/83b1",
        "http://10.0.0.1/",
        "http://localhost.example.org/",
        "ftp://relay.example.org/",
        "https://name:password@relay.example.org/",
        "https://[bad/",
        "relay.example.org",
        "",
    ],
)
def test_nothing_goes_out_in_the_clear_or_to_what_is_no_address(url: str) -> None:
    with pytest.raises(NotSentError, match="the URL of the endpoint") as caught:
        webhook(Poster(), {"url": url, "key": KEY}).send(a_message(), CHANNEL)

    assert "83b1" not in str(caught.value)


def test_an_answer_is_its_status_whatever_its_body() -> None:
    assert webhook(ScriptedPoster(Answer(200, b"not json"))).send(a_message(), CHANNEL) == "HTTP 200"


def test_the_documentation_shows_how_to_check_a_request() -> None:
    shown: dict[str, Any] = {}
    exec((ROOT / "docs/channels.md").read_text().split("```python\n")[1].split("```")[0], shown)  # noqa: S102
    check, poster = shown["comes_from_smartwatch"], ScriptedPoster(200)
    webhook(poster).send(a_message(), CHANNEL)
    headers, raw = poster.headers[0], poster.bodies[0]

    assert check(headers, raw, KEY, now=lambda: 1_700_000_020)
    assert not check(headers, raw + b" ", KEY, now=lambda: 1_700_000_020)
    assert not check(headers, raw, "another", now=lambda: 1_700_000_020)
    assert not check(headers, raw, KEY, now=lambda: 1_700_000_400)
