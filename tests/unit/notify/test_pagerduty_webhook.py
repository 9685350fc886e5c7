"""PagerDuty's webhooks: believed when signed, and only a person takes responsibility."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from notify.pagerduty_webhook import Acknowledgement, MalformedWebhookError, parsed, verified

from tests.support.project import SHARED

PUBLISHED = SHARED / "pagerduty/webhook-v3-signature-example.json"
SECRET = "not-a-real-secret"
RAW = b'{"event":{}}'
#: printf '{"event":{}}' | openssl dgst -sha256 -hmac not-a-real-secret
SIGNED = "v1=900b171a4ea9a72bc91de2c73300df3140bad28d04d711cd313eb8341b2360cf"
PERSON = {"id": "PLH1HKV", "type": "user_reference", "summary": "Ada Example"}
INTEGRATION = {"id": "PI1NTGR", "type": "inbound_integration_reference", "summary": "Events API V2"}


def an_event(**changes: Any) -> bytes:
    """Somebody acknowledged the incident of alert a1; with some fields changed."""
    event = {
        "id": "01BWDWL3NYY7LUFPZCC28QUCMK",
        "event_type": "incident.acknowledged",
        "resource_type": "incident",
        "occurred_at": "2023-11-14T22:14:00.000Z",
        "agent": PERSON,
        "client": None,
        "data": {"id": "PGR0VU2", "type": "incident", "status": "acknowledged", "incident_key": "a1"},
    }
    return json.dumps({"event": event | changes}).encode()


@pytest.fixture
def published() -> dict[str, str]:
    if not PUBLISHED.exists():
        pytest.skip("the published example is not beside the project")
    example: dict[str, str] = json.loads(PUBLISHED.read_text())
    return example


def test_the_published_example_is_believed(published: dict[str, str]) -> None:
    assert verified(published["body"].encode(), published["valid"], [published["secret"]])


def test_the_published_mismatch_is_not_believed(published: dict[str, str]) -> None:
    assert not verified(published["body"].encode(), published["mismatch"], [published["secret"]])


def test_the_published_event_is_about_no_acknowledgement(published: dict[str, str]) -> None:
    assert parsed(published["body"].encode()) is None


@pytest.mark.parametrize(
    "header", [SIGNED, f"v1={'0' * 64},{SIGNED}", f"{SIGNED}, v1={'0' * 64}", f"v0=x,v2={'1' * 64}, {SIGNED}"]
)
def test_one_signature_that_fits_is_enough(header: str) -> None:
    assert verified(RAW, header, [SECRET])


def test_any_of_the_secrets_may_have_signed() -> None:
    assert verified(RAW, SIGNED, ["another", SECRET])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "v1=",
        SIGNED.removeprefix("v1="),
        SIGNED.replace("v1=", "v2="),
        SIGNED[:-1],
        SIGNED.upper(),
        "v1=ü",
        f"v1={'0' * 64}",
    ],
)
def test_what_is_not_signed_so_is_not_believed(header: str | None) -> None:
    assert not verified(RAW, header, [SECRET])


def test_one_byte_more_is_another_body() -> None:
    assert not verified(RAW + b"\n", SIGNED, [SECRET])


def test_nobody_is_believed_without_a_secret() -> None:
    empty = "v1=" + hmac.new(b"", RAW, hashlib.sha256).hexdigest()

    assert not verified(RAW, SIGNED, [])
    assert not verified(RAW, empty, [""])


def test_a_header_without_end_is_not_read() -> None:
    assert not verified(RAW, ",".join([f"v1={'0' * 64}"] * 100 + [SIGNED]), [SECRET])


@pytest.mark.parametrize(
    ("event_type", "action"), [("incident.acknowledged", "acknowledged"), ("incident.resolved", "resolved")]
)
def test_a_person_who_takes_an_incident_takes_its_alert(event_type: str, action: str) -> None:
    assert parsed(an_event(event_type=event_type)) == Acknowledgement(
        event_id="01BWDWL3NYY7LUFPZCC28QUCMK",
        alert_id="a1",
        by="Ada Example",
        action=action,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("agent", [INTEGRATION, None, {}, {"type": "user_reference"}, "Ada"])
def test_what_no_person_did_is_no_acknowledgement(agent: Any) -> None:
    assert parsed(an_event(agent=agent)) is None


def test_a_person_without_a_name_is_known_by_id() -> None:
    found = parsed(an_event(agent={"id": "PLH1HKV", "type": "user_reference", "summary": " "}))

    assert found is not None
    assert found.by == "PLH1HKV"


def test_a_name_is_cut_to_what_an_acknowledgement_takes() -> None:
    found = parsed(an_event(agent=PERSON | {"summary": "x" * 500}))

    assert found is not None
    assert len(found.by) == 128


@pytest.mark.parametrize(
    "event_type",
    ["incident.triggered", "incident.unacknowledged", "incident.annotated", "service.updated", "pagey.ping", None, 7],
)
def test_every_other_event_is_none_of_ours(event_type: Any) -> None:
    assert parsed(an_event(event_type=event_type)) is None


def test_the_ping_that_pagerduty_sends_to_try_an_endpoint_is_none_of_ours() -> None:
    ping = {"id": "01BWDWL3", "event_type": "pagey.ping", "resource_type": "pagey", "agent": None, "client": None}
    body = json.dumps({"event": ping | {"data": {"message": "Hello from your friend Pagey!", "type": "ping"}}})

    assert parsed(body.encode()) is None


@pytest.mark.parametrize("data", [None, {}, {"incident_key": None}, {"incident_key": ""}, {"incident_key": 7}])
def test_an_incident_that_somebody_made_by_hand_is_about_no_alert(data: Any) -> None:
    assert parsed(an_event(data=data)) is None


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff", b"[]", b"null", b"{}", b'{"event": []}', b'{"event": {}}', b"[" * 200_000],
)
def test_what_is_no_webhook_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedWebhookError):
        parsed(raw)


def test_an_acknowledgement_that_can_not_be_told_from_its_repeat_is_malformed() -> None:
    with pytest.raises(MalformedWebhookError):
        parsed(an_event(id=None))
