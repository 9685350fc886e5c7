"""Notify's HTTP front: looking changes nothing, a link works once, and every refusal is clear and changes nothing."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from notify import http, links, page
from notify.desk import (
    Acknowledged,
    AlertView,
    Already,
    Desk,
    FrontDesk,
    LinkKeys,
    Outcome,
    Unknown,
    UnreachableError,
    Used,
    Webhook,
    WebhookEvent,
)
from notify.links import Claims, Key, Keys

from tests.support.builders import LambdaContext

NOW = 1_700_000_060
ALERT = "0123456789abcdef0123456789abcdef"
KEYS = Keys(Key("new", b"n" * 48), (Key("old", b"o" * 48),))
CALLER = "arn:aws:sts::111122223333:assumed-role/on-call-tool/ada"
VIEW = AlertView(ALERT, "Heart rate above 150 bpm", "critical", "watch-002", 1_700_000_000_000, "open")


def a_token(who: str = "ada", *, alert_id: str = ALERT, message: str = "m1", keys: Keys = KEYS, ends: int = 60) -> str:
    return links.sign(Claims(alert_id, who, message, NOW + ends), keys)


class FakeDesk(Desk):
    """One alert, and what was done to it."""

    def __init__(self) -> None:
        self.view: AlertView | None = VIEW
        self.done: list[tuple[str, str, str]] = []
        self.looks = 0
        self.broken: Exception | None = None

    def look(self, alert_id: str) -> AlertView | None:
        self.looks += 1
        if self.broken is not None:
            raise self.broken
        return self.view if self.view is not None and alert_id == self.view.alert_id else None

    def acknowledge(self, alert_id: str, by: str, *, via: str, token_id: str | None) -> Outcome:
        view = self.look(alert_id)
        if view is None:
            return Unknown()
        if token_id in view.used_links:
            return Used()
        if not view.waits:
            return Already(view.status, view.acknowledged_by, view.acknowledged_at)
        self.done.append((alert_id, by, via))
        self.view = replace(
            view,
            status="acknowledged",
            acknowledged_by=by,
            acknowledged_at=NOW * 1000,
            used_links=view.used_links | ({token_id} if token_id else set()),
        )
        return Acknowledged(by, NOW * 1000)

    def becomes(self, **fields: Any) -> None:
        assert self.view is not None
        self.view = replace(self.view, **fields)


class FakeLinkKeys(LinkKeys):
    def __init__(self) -> None:
        self.wanted: list[str | None] = []
        self.broken: Exception | None = None

    def keys(self, wanted: str | None = None) -> Keys:
        self.wanted.append(wanted)
        if self.broken is not None:
            raise self.broken
        return KEYS


class Heard(WebhookEvent):
    def __init__(self, event_id: str, alert_id: str, by: str) -> None:
        self.values = (event_id, alert_id, by)

    @property
    def event_id(self) -> str:
        return self.values[0]

    @property
    def alert_id(self) -> str:
        return self.values[1]

    @property
    def by(self) -> str:
        return self.values[2]


class FakeWebhook(Webhook):
    """Signed by saying so. The body is `event alert name`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def verified(self, raw: bytes, header: str | None, secrets: list[str]) -> bool:
        self.bodies.append(raw)
        return header in secrets

    def parsed(self, raw: bytes) -> WebhookEvent | None:
        parts = raw.decode().split(" ", 2)
        return Heard(*parts) if len(parts) == 3 else None


class Front:
    """The handler, asked as API Gateway asks it."""

    def __init__(self) -> None:
        self.desk, self.link_keys, self.webhook = FakeDesk(), FakeLinkKeys(), FakeWebhook()
        self.secrets: list[str] = ["v1=good"]
        self.handler: Any = http.handler

    def __call__(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        caller: str | None = None,
        encoded: bool = False,
        stage: str = "$default",
    ) -> Answer:
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "secret=QUERY",
            "headers": {"content-type": "text/plain", **(headers or {})},
            "requestContext": {
                "accountId": "111122223333",
                "apiId": "api",
                "domainName": "api.example",
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
                "requestId": "id",
                "stage": stage,
                **({"authorizer": {"iam": {"userArn": caller}}} if caller else {}),
            },
            "isBase64Encoded": encoded,
            **({"body": body} if body is not None else {}),
        }
        deps = FrontDesk(self.desk, self.link_keys, self.webhook, lambda: self.secrets, now=lambda: NOW)
        return Answer(self.handler(event, LambdaContext(), deps=deps))

    def api(self, body: Any, *, alert_id: str = ALERT, caller: str | None = CALLER) -> Answer:
        text = body if isinstance(body, str) else json.dumps(body)
        return self("POST", f"/alerts/{alert_id}/acknowledgements", text, caller=caller)

    def pagerduty(self, body: str, signature: str | None = "v1=good", *, encoded: bool = False) -> Answer:
        headers = {"x-pagerduty-signature": signature} if signature is not None else None
        return self("POST", "/webhooks/pagerduty", body, headers=headers, encoded=encoded)


class Answer:
    def __init__(self, raw: dict[str, Any]) -> None:
        self.status: int = raw["statusCode"]
        self.headers: dict[str, str] = raw["headers"]
        self.body: str = raw["body"]
        assert raw["isBase64Encoded"] is False

    @property
    def json(self) -> Any:
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body)

    def is_page(self, words: str) -> bool:
        assert self.headers["Content-Type"] == "text/html; charset=utf-8"
        return words in self.body


@pytest.fixture
def front() -> Front:
    return Front()


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that is written to the log, at its finest level."""
    written = io.StringIO()
    monkeypatch.setattr(http.logger.registered_handler, "stream", written)
    handler = logging.StreamHandler(written)
    names = ("", "aws_lambda_powertools", "notify")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield written
    for name in names:
        logging.getLogger(name).removeHandler(handler)
        logging.getLogger(name).setLevel(levels[name])


def test_looking_a_thousand_times_changes_nothing(front: Front) -> None:
    for number in range(1000):
        answer = front("HEAD" if number % 2 else "GET", f"/ack/{a_token()}")
        assert answer.status == 200

    assert front.desk.view == VIEW
    assert front.desk.done == []


def test_a_link_shows_the_alert_with_a_button(front: Front) -> None:
    answer = front("GET", f"/ack/{a_token()}")

    assert answer.status == 200
    assert answer.body == page.ask(VIEW, "ada")


def test_head_answers_as_get_without_the_page(front: Front) -> None:
    for token in (a_token(), a_token(ends=0), "forged"):
        get, head = front("GET", f"/ack/{token}"), front("HEAD", f"/ack/{token}")
        assert (head.status, head.headers, head.body) == (get.status, get.headers, "")


def test_pressing_the_button_acknowledges_for_whom_the_message_was(front: Front) -> None:
    answer = front("POST", f"/ack/{a_token()}", "by=somebody-else")

    assert answer.status == 200
    assert answer.is_page("Acknowledged by you")
    assert front.desk.done == [(ALERT, "ada", "link")]


def test_a_second_press_changes_nothing_and_says_what_the_first_did(front: Front) -> None:
    front("POST", f"/ack/{a_token()}")
    before = front.desk.view
    answer = front("POST", f"/ack/{a_token()}")

    assert answer.status == 410
    assert answer.is_page("This link has been used")
    assert answer.is_page("Acknowledged by <bdi>ada</bdi> at")
    assert front.desk.view == before


def test_a_press_that_another_overtakes_shows_who_was_first_there(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledge = front.desk.acknowledge

    def twice(alert_id: str, by: str, *, via: str, token_id: str | None) -> Outcome:
        acknowledge(alert_id, by, via=via, token_id=token_id)
        return acknowledge(alert_id, by, via=via, token_id=token_id)

    monkeypatch.setattr(front.desk, "acknowledge", twice)
    answer = front("POST", f"/ack/{a_token()}")

    assert answer.status == 410
    assert answer.is_page("Acknowledged by <bdi>ada</bdi> at")


def test_a_used_link_is_shown_as_used(front: Front) -> None:
    front("POST", f"/ack/{a_token()}")
    answer = front("GET", f"/ack/{a_token()}")

    assert answer.status == 410
    assert answer.is_page("This link has been used")


def test_who_comes_second_is_told_who_was_first(front: Front) -> None:
    front("POST", f"/ack/{a_token('grace')}")
    shown, pressed = front("GET", f"/ack/{a_token()}"), front("POST", f"/ack/{a_token()}")

    assert (shown.status, pressed.status) == (200, 409)
    assert shown.body == pressed.body
    assert shown.is_page("Already acknowledged by grace")
    assert front.desk.done == [(ALERT, "grace", "link")]


def test_once_an_acknowledgement_has_run_out_a_used_link_is_refused_and_an_unused_one_works(front: Front) -> None:
    front("POST", f"/ack/{a_token()}")
    front.desk.becomes(status="open", acknowledged_by=None, acknowledged_at=None)

    again = front("POST", f"/ack/{a_token()}")
    assert again.status == 410
    assert again.is_page("The alert is open again")
    assert front("POST", f"/ack/{a_token(message='m2')}").status == 200
    assert front.desk.done == [(ALERT, "ada", "link")] * 2


def test_a_cleared_alert_can_not_be_acknowledged(front: Front) -> None:
    front.desk.becomes(status="cleared")
    shown, pressed = front("GET", f"/ack/{a_token()}"), front("POST", f"/ack/{a_token()}")

    assert (shown.status, pressed.status) == (200, 409)
    assert pressed.is_page("Cleared: back within limits")
    assert front.desk.done == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_expired_link_is_refused_without_a_look_at_the_alert(front: Front, method: str) -> None:
    answer = front(method, f"/ack/{a_token(ends=0)}")

    assert answer.status == 410
    assert answer.is_page("This link has expired")
    assert front.desk.looks == 0


FORGED = {
    "random": "A" * 167,
    "short": "x",
    "changed": a_token()[:-2] + "AA",
    "padded": a_token() + "=",
    "newline": a_token() + "\n",
    "percent": a_token()[:-1] + "%41",
    "unknown key": a_token(keys=Keys(Key("else", b"n" * 48))),
    "wrong key": a_token(keys=Keys(Key("new", b"x" * 48))),
    "huge": "A" * 10_000,
    "slash": "a/b",
    "unicode": "ключ",
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", sorted(FORGED))
def test_a_forged_link_is_not_valid_and_nothing_says_why(front: Front, name: str, method: str) -> None:
    answer = front(method, f"/ack/{FORGED[name]}")

    assert answer.status == 404
    assert answer.body == page.not_valid()
    assert front.desk.looks == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_about_an_alert_that_is_forgotten_is_not_valid(front: Front, method: str) -> None:
    front.desk.view = None
    assert front(method, f"/ack/{a_token()}").body == page.not_valid()


def test_an_alert_that_is_forgotten_between_the_look_and_the_press_is_not_valid(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front.desk, "acknowledge", lambda *_given, **_named: Unknown())
    assert front("POST", f"/ack/{a_token()}").status == 404


def test_the_keys_are_asked_for_the_one_that_the_link_names(front: Front) -> None:
    front("GET", f"/ack/{a_token()}")
    front("GET", f"/ack/{a_token(keys=Keys(KEYS.others[0]))}")
    front("GET", "/ack/no-token")

    assert front.link_keys.wanted == ["new", "old"]


def test_a_stage_in_the_path_is_passed_over(front: Front) -> None:
    assert front("GET", f"/prod/ack/{a_token()}", stage="prod").status == 200
    assert front("GET", "/prod/ack/forged", stage="prod").is_page("This link is not valid")


@pytest.mark.parametrize("body", ["x" * 1025, base64.b64encode(b"x" * 1025).decode()])
def test_a_body_too_large_for_a_button_is_refused(front: Front, body: str) -> None:
    answer = front("POST", f"/ack/{a_token()}", body, encoded=body.endswith("="))

    assert answer.status == 413
    assert answer.is_page("The body is larger than 1024 bytes.")
    assert front.desk.done == []


def test_a_program_acknowledges_and_its_arn_is_kept(front: Front) -> None:
    answer = front.api({"by": " ada "})

    assert answer.status == 200
    assert answer.json == {
        "alertId": ALERT,
        "status": "acknowledged",
        "acknowledgedBy": "ada",
        "acknowledgedAt": 1_700_000_060_000,
    }
    assert front.desk.done == [(ALERT, "ada", CALLER)]


def test_a_program_that_comes_second_is_told_who_was_first(front: Front) -> None:
    front.api({"by": "grace"})
    answer = front.api({"by": "ada"})

    assert answer.status == 409
    assert answer.json == {
        "error": "the alert waits for nobody",
        "alertId": ALERT,
        "status": "acknowledged",
        "acknowledgedBy": "grace",
        "acknowledgedAt": 1_700_000_060_000,
    }


def test_a_program_is_told_that_an_alert_is_over(front: Front) -> None:
    front.desk.becomes(status="cleared")
    answer = front.api({"by": "ada"})

    assert (answer.status, answer.json["status"]) == (409, "cleared")


@pytest.mark.parametrize("alert_id", ["f" * 32, "f" * 129])
def test_a_program_is_told_that_there_is_no_such_alert(front: Front, alert_id: str) -> None:
    answer = front.api({"by": "ada"}, alert_id=alert_id)

    assert (answer.status, answer.json) == (404, {"error": "there is no such alert"})


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "{}",
        {"by": ""},
        {"by": "  "},
        {"by": 1},
        {"by": "a" * 129},
        {"by": "a\nb"},
        "\ud800",
    ],
)
def test_a_program_that_does_not_say_who_is_refused_in_one_line(front: Front, body: Any) -> None:
    answer = front.api(body)

    assert answer.status == 400
    assert list(answer.json) == ["error"]
    assert "\n" not in answer.json["error"]
    assert front.desk.done == []


def test_a_call_that_nobody_signed_is_refused_whatever_the_template_says(front: Front) -> None:
    assert front.api({"by": "ada"}, caller=None).status == 403
    assert front.desk.done == []


def test_a_body_that_is_no_base64_is_refused(front: Front) -> None:
    answer = front("POST", f"/alerts/{ALERT}/acknowledgements", "?", caller=CALLER, encoded=True)
    assert (answer.status, answer.json) == (400, {"error": "the body can't be read"})


def test_a_body_too_large_for_the_api_is_refused(front: Front) -> None:
    assert front.api({"by": "ada", "more": "x" * 4096}).status == 413


def test_a_webhook_acknowledges(front: Front) -> None:
    answer = front.pagerduty(f"E1 {ALERT} Ada Lovelace")

    assert (answer.status, answer.json) == (200, {"status": "acknowledged"})
    assert front.desk.done == [(ALERT, "Ada Lovelace", "pagerduty")]


def test_a_webhook_is_verified_over_the_very_bytes_that_were_sent(front: Front) -> None:
    sent = f"E1 {ALERT} Zoë".encode()
    answer = front.pagerduty(base64.b64encode(sent).decode(), encoded=True)

    assert answer.status == 200
    assert front.webhook.bodies == [sent]
    assert front.desk.done == [(ALERT, "Zoë", "pagerduty")]


@pytest.mark.parametrize("signature", [None, "", "v1=bad"])
def test_a_webhook_without_a_good_signature_is_refused(front: Front, signature: str | None) -> None:
    answer = front.pagerduty(f"E1 {ALERT} ada", signature)

    assert (answer.status, answer.json) == (401, {"error": "the signature is missing or wrong"})
    assert front.desk.looks == 0


def test_without_a_secret_no_webhook_is_believed(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    front.secrets = []
    monkeypatch.setattr(front.webhook, "verified", lambda *_given: True)
    assert front.pagerduty(f"E1 {ALERT} ada").status == 401


def test_a_webhook_that_means_nothing_to_us_is_taken_and_changes_nothing(front: Front) -> None:
    answer = front.pagerduty("ping")

    assert (answer.status, answer.json) == (202, {"status": "ignored"})
    assert front.desk.looks == 0


@pytest.mark.parametrize(("alert_id", "status"), [("other", "unknown"), (ALERT, "already")])
def test_a_webhook_that_changes_nothing_is_not_asked_for_again(front: Front, alert_id: str, status: str) -> None:
    front.desk.becomes(status="cleared")
    answer = front.pagerduty(f"E1 {alert_id} ada")

    assert (answer.status, answer.json) == (200, {"status": status})


def test_a_webhook_that_is_delivered_again_does_not_acknowledge_an_alert_that_is_open_again(front: Front) -> None:
    front.pagerduty(f"E1 {ALERT} ada")
    front.desk.becomes(status="open")

    assert front.pagerduty(f"E1 {ALERT} ada").json == {"status": "used"}
    assert front.pagerduty(f"E2 {ALERT} ada").json == {"status": "acknowledged"}


def test_a_webhook_too_large_is_refused_before_it_is_verified(front: Front) -> None:
    assert front.pagerduty("x" * 262_145).status == 413
    assert front.webhook.bodies == []


ERRORS = [UnreachableError("x"), EndpointConnectionError(endpoint_url="https://example")]


@pytest.mark.parametrize("error", ERRORS)
def test_when_the_table_can_not_be_reached_people_are_asked_to_try_again(front: Front, error: Exception) -> None:
    front.desk.broken = error
    for method in ("GET", "POST"):
        answer = front(method, f"/ack/{a_token()}")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert answer.is_page("Load this page again in a few seconds")
    for answer in (front.api({"by": "ada"}), front.pagerduty(f"E1 {ALERT} ada")):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert answer.json == {"error": "try again in a few seconds"}


def test_when_the_keys_can_not_be_read_no_link_is_called_forged(front: Front) -> None:
    front.link_keys.broken = UnreachableError("x")
    assert front("GET", f"/ack/{a_token()}").status == 503


def test_a_mistake_of_ours_is_one_clear_line_and_no_traceback(front: Front, logged: io.StringIO) -> None:
    front.desk.broken = ZeroDivisionError("SECRET")
    shown, called = front("POST", f"/ack/{a_token()}"), front.api({"by": "ada"})

    assert shown.status == called.status == 500
    assert shown.body == page.failed()
    assert called.json == {"error": "something went wrong"}
    assert "ZeroDivisionError" in logged.getvalue()
    assert '"place":"look:' in logged.getvalue()
    assert "SECRET" not in logged.getvalue() + shown.body + called.body
    assert "Traceback" not in logged.getvalue()


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/ack/x", "GET, HEAD, POST"),
        ("OPTIONS", "/ack/x", "GET, HEAD, POST"),
        ("GET", f"/alerts/{ALERT}/acknowledgements", "POST"),
        ("DELETE", "/webhooks/pagerduty", "POST"),
    ],
)
def test_another_method_is_told_which_ones_work(front: Front, method: str, path: str, allow: str) -> None:
    answer = front(method, path)

    assert (answer.status, answer.headers["Allow"]) == (405, allow)
    assert f"nly {allow} work here" in answer.body


@pytest.mark.parametrize("path", ["/", "/ack", "/alerts", f"/alerts/{ALERT}", "/webhooks/other", "/favicon.ico"])
def test_there_is_nothing_anywhere_else(front: Front, path: str) -> None:
    answer = front("GET", path)
    assert (answer.status, answer.json) == (404, {"error": "there is nothing here"})


def every_answer(front: Front) -> list[Answer]:
    """Every route and every status."""
    answers = [
        front("GET", f"/ack/{a_token()}"),
        front("HEAD", f"/ack/{a_token()}"),
        front("GET", f"/ack/{a_token(ends=0)}"),
        front("GET", "/ack/forged"),
        front("GET", "/ack/a/b"),
        front("PUT", "/ack/x"),
        front("POST", f"/ack/{a_token()}", "x" * 9999),
        front("POST", f"/ack/{a_token()}"),
        front("POST", f"/ack/{a_token()}"),
        front("POST", f"/ack/{a_token('grace')}"),
        front.api({"by": "ada"}),
        front.api({}),
        front.api({"by": "ada"}, caller=None),
        front.api({"by": "ada"}, alert_id="other"),
        front.pagerduty(f"E1 {ALERT} ada"),
        front.pagerduty("ping"),
        front.pagerduty("ping", "v1=bad"),
        front("GET", "/"),
    ]
    front.desk.becomes(status="open")
    answers.append(front.api({"by": "ada"}))
    for front.desk.broken in (UnreachableError(), ZeroDivisionError()):
        answers += [front("GET", f"/ack/{a_token()}"), front.api({"by": "ada"})]
    return answers


def test_every_answer_has_the_headers_that_keep_a_link_to_itself(front: Front) -> None:
    answers = every_answer(front)

    assert {answer.status for answer in answers} == {200, 202, 400, 401, 403, 404, 405, 409, 410, 413, 500, 503}
    for answer in answers:
        assert answer.headers["Content-Security-Policy"] == page.CONTENT_SECURITY_POLICY
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Robots-Tag"] == "noindex"


@pytest.mark.parametrize("careless", [False, True])
def test_no_token_path_or_query_is_ever_logged(
    front: Front,
    logged: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    careless: bool,
) -> None:
    if careless:
        # What a deployment could switch on by mistake.
        for name in ("POWERTOOLS_LOGGER_LOG_EVENT", "POWERTOOLS_DEV", "POWERTOOLS_DEBUG"):
            monkeypatch.setenv(name, "true")
        monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "DEBUG")
        spec = importlib.util.find_spec("notify.http")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "notify.http", module)
        spec.loader.exec_module(module)
        monkeypatch.setattr(module.logger.registered_handler, "stream", logged)
        front.handler = module.handler
    every_answer(front)

    written = logged.getvalue() + "".join(capfd.readouterr())
    assert "somebody answered" in written
    for token in (a_token(), a_token("grace"), a_token(ends=0)):
        assert token not in written
        assert token[-43:] not in written
    assert "/ack" not in written
    assert "QUERY" not in written


def test_who_answered_what_and_how_is_logged(front: Front, logged: io.StringIO) -> None:
    front("POST", f"/ack/{a_token()}")
    lines = [json.loads(line) for line in logged.getvalue().splitlines() if '"message":"somebody' in line]

    assert [(line["alert_id"], line["via"], line["outcome"]) for line in lines] == [(ALERT, "link", "acknowledged")]
