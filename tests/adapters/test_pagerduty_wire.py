"""PagerDuty on the wire: its description takes what we send, and its client and our channel do the same to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pagerduty
import pytest
from notify.messages import Message
from notify.pagerduty import PagerDuty, event
from notify.pagerduty_webhook import SIGNATURE_HEADER, parsed, verified
from notify.ports import NotSentError, PerhapsSentError
from notify.posting import Poster
from smartwatch_contracts.roster import PagerDutyChannel

from tests.support.messages import ROUTING_KEY, a_drill, a_message, pagerduty_secrets
from tests.support.pagerduty import DROP, HANG, TOKEN, Failure, FakePagerDuty, running_pagerduty
from tests.support.prism import node, running_prism
from tests.support.project import SHARED

CHANNEL = PagerDutyChannel(type="pagerduty", service="night-shift")
DESCRIPTION = SHARED / "pagerduty/events-v2-openapi.json"


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where events go in PagerDuty's own description of its API."""
    if not DESCRIPTION.exists():
        pytest.skip("PagerDuty's description is not beside the project")
    if node() is None:
        pytest.skip("Node or Prism is not installed (make test installs Prism where there is npm)")
    with running_prism(DESCRIPTION, tmp_path_factory.mktemp("prism") / "log") as url:
        yield f"{url}/enqueue"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[FakePagerDuty]:
    with running_pagerduty(tmp_path) as running:
        yield running


class Endpoint:
    """Where webhooks arrive: each body and its signature."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, str | None]] = []
        self.url = ""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            made.received.append((raw, self.headers.get(SIGNATURE_HEADER)))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_port}/pagerduty"
        yield made
        server.shutdown()


def channel(events_url: str, *, read_timeout: float = 10) -> PagerDuty:
    poster = Poster(read_timeout=read_timeout)
    return PagerDuty(pagerduty_secrets(), events_url=events_url, poster=poster, sleep=lambda _: None)


EVERY_KIND = {
    "critical": a_message(),
    "warning": a_message(severity="warning"),
    "without a link": a_message(link=""),
    "drill": a_drill(),
    "acknowledged": a_message(purpose="acknowledged"),
    "cleared": a_message(purpose="cleared"),
}


@pytest.mark.parametrize("message", EVERY_KIND.values(), ids=EVERY_KIND.keys())
def test_pagerdutys_description_takes_what_we_send(described: str, message: Message) -> None:
    assert channel(described).send(message, CHANNEL) == f"202 {message.alert_id}"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sent: sent | {"dedup_key": 5},
        lambda sent: sent | {"event_action": "alert"},
        lambda sent: sent | {"links": [{"text": "Acknowledge"}]},
        lambda sent: sent | {"payload": sent["payload"] | {"severity": "terrible"}},
        lambda sent: sent | {"payload": sent["payload"] | {"timestamp": "yesterday"}},
        lambda sent: sent | {"payload": {"summary": "x", "severity": "critical"}},
        lambda sent: {name: value for name, value in sent.items() if name != "routing_key"},
    ],
)
def test_pagerdutys_description_refuses_what_is_spoiled(
    described: str, spoil: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    sent = {"routing_key": ROUTING_KEY, **event(a_message())}
    assert Poster().post(described, json.dumps(sent).encode(), {}).status == 202

    assert Poster().post(described, json.dumps(spoil(sent)).encode(), {}).status in (400, 422)


def test_a_message_that_the_description_does_not_allow_is_not_sent(described: str) -> None:
    with pytest.raises(NotSentError):
        channel(described).send(a_message(severity="terrible"), CHANNEL)


Sender = Callable[[str], None]


def by_our_channel(account: FakePagerDuty) -> Sender:
    def send(purpose: str) -> None:
        channel(account.events_url).send(a_message(purpose=purpose), CHANNEL)

    return send


def by_pagerdutys_client(account: FakePagerDuty) -> Sender:
    client = pagerduty.EventsApiV2Client(ROUTING_KEY, base_url=account.tls_url, verify=account.trust, trust_env=False)

    def send(purpose: str) -> None:
        if purpose == "alert":
            client.trigger(a_message().subject, "watch-002", dedup_key="a1", severity="critical")
        elif purpose == "acknowledged":
            client.acknowledge("a1")
        else:
            client.resolve("a1")

    return send


def rest(account: FakePagerDuty, email: str = "ada@example.org") -> pagerduty.RestApiV2Client:
    return pagerduty.RestApiV2Client(
        TOKEN, default_from=email, base_url=account.tls_url, verify=account.trust, trust_env=False
    )


@pytest.mark.parametrize("sender", [by_our_channel, by_pagerdutys_client])
def test_an_alert_is_one_incident_from_its_beginning_to_its_end(
    account: FakePagerDuty, sender: Callable[[FakePagerDuty], Sender]
) -> None:
    send, reader, seen = sender(account), rest(account), []

    for purpose in ("alert", "acknowledged", "cleared"):
        send(purpose)
        (incident,) = reader.list_all("incidents", params={"incident_key": "a1"})
        seen.append((incident["title"], incident["status"]))

    assert seen == [
        ("Alert: Heart rate above 150 bpm (watch-002)", "triggered"),
        ("Alert: Heart rate above 150 bpm (watch-002)", "acknowledged"),
        ("Alert: Heart rate above 150 bpm (watch-002)", "resolved"),
    ]


@pytest.mark.parametrize(
    ("first", "then"), [(by_our_channel, by_pagerdutys_client), (by_pagerdutys_client, by_our_channel)]
)
def test_what_one_begins_the_other_ends(account: FakePagerDuty, first: Any, then: Any) -> None:
    first(account)("alert")
    then(account)("alert")
    then(account)("cleared")

    assert [(each.incident_key, each.status) for each in account.incidents] == [("a1", "resolved")]


def test_what_comes_again_after_its_end_is_a_new_incident(account: FakePagerDuty) -> None:
    send = by_our_channel(account)
    for purpose in ("alert", "cleared", "alert"):
        send(purpose)

    assert [each.status for each in account.incidents] == ["resolved", "triggered"]


def test_an_end_without_a_beginning_opens_nothing(account: FakePagerDuty) -> None:
    by_our_channel(account)("cleared")

    assert account.incidents == []


@pytest.mark.parametrize(
    "failure", [Failure(429, retry_after=1), Failure(500), Failure(503, taken=True), DROP, HANG, Failure(taken=True)]
)
def test_after_a_failure_there_is_one_incident_whether_or_not_it_had_arrived(
    account: FakePagerDuty, failure: Failure
) -> None:
    account.fail(failure)

    assert channel(account.events_url, read_timeout=0.5).send(a_message(), CHANNEL) == "202 a1"

    assert [each.incident_key for each in account.incidents] == ["a1"]
    assert len(account.events) == 2


@pytest.mark.parametrize(
    ("failure", "error"), [(DROP, PerhapsSentError), (HANG, PerhapsSentError), (Failure(429), NotSentError)]
)
def test_what_fails_three_times_is_told_apart(account: FakePagerDuty, failure: Failure, error: type[Exception]) -> None:
    account.fail(failure, failure, failure)

    with pytest.raises(error):
        channel(account.events_url, read_timeout=0.3).send(a_message(), CHANNEL)

    assert len(account.events) == 3


def test_another_accounts_routing_key_is_refused(account: FakePagerDuty) -> None:
    account.routing_key = "another"

    with pytest.raises(NotSentError, match="PagerDuty answered 400"):
        channel(account.events_url).send(a_message(), CHANNEL)


def test_a_certificate_that_nobody_vouches_for_gets_no_routing_key(account: FakePagerDuty) -> None:
    with pytest.raises(NotSentError, match=r"no connection to 127\.0\.0\.1"):
        channel(f"{account.tls_url}/v2/enqueue").send(a_message(), CHANNEL)

    assert account.events == []


def test_over_tls_an_event_arrives_as_over_loopback(account: FakePagerDuty) -> None:
    poster = Poster(tls=account.trust)
    sender = PagerDuty(pagerduty_secrets(), events_url=f"{account.tls_url}/v2/enqueue", poster=poster)

    assert sender.send(a_message(), CHANNEL) == "202 a1"


@pytest.mark.parametrize(("status", "action"), [("acknowledged", "acknowledged"), ("resolved", "resolved")])
def test_a_person_who_answers_in_pagerduty_is_told_of_by_a_signed_webhook(
    account: FakePagerDuty, endpoint: Endpoint, status: str, action: str
) -> None:
    account.subscribe(endpoint.url, "w1")
    by_our_channel(account)("alert")

    client = rest(account, "grace@example.org")
    incident = client.find("incidents", a_message().subject, attribute="title")
    client.rput(incident, json={"type": "incident", "status": status})
    account.settle()

    ((raw, header),) = endpoint.received
    assert verified(raw, header, ["w1"])
    assert not verified(raw, header, ["w2"])
    found = parsed(raw)
    assert found is not None
    assert (found.alert_id, found.by, found.action) == ("a1", "grace", action)


def test_our_own_acknowledgement_comes_back_as_no_persons(account: FakePagerDuty, endpoint: Endpoint) -> None:
    account.subscribe(endpoint.url, "w1")
    for purpose in ("alert", "acknowledged", "cleared"):
        by_our_channel(account)(purpose)
        account.settle()

    assert [parsed(raw) for raw, _ in endpoint.received] == [None, None]


def test_a_webhook_that_is_delivered_again_is_the_same_event(account: FakePagerDuty, endpoint: Endpoint) -> None:
    account.subscribe(endpoint.url, "w1")
    by_our_channel(account)("alert")
    account.acknowledge("a1")
    account.settle()
    account.deliver(account.deliveries[0].event)

    first, again = (parsed(raw) for raw, _ in endpoint.received)
    assert first is not None
    assert first == again
