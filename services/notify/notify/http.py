"""Notify's HTTP entry point: links that acknowledge, the signed API, and PagerDuty's webhooks."""

from __future__ import annotations

import base64
import json
import logging
import re
from dataclasses import replace
from typing import Annotated, Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from notify import links, page, wiring
from notify.desk import Acknowledged, Already, FrontDesk, Outcome, Unknown, UnreachableError, Used
from notify.domain import PAGER
from notify.links import Claims, ExpiredError, ForgedError
from notify.pagerduty_webhook import MalformedWebhookError

logger, tracer, metrics = Logger(), Tracer(), Metrics()
app = APIGatewayHttpResolver(debug=False)
# At its finest level the resolver logs paths, and whoever has a link's path can acknowledge.
logging.getLogger("aws_lambda_powertools.event_handler").setLevel(logging.INFO)

#: On every answer. A link must not end up in a cache, an index, a frame, or the `Referer` of another page.
HEADERS = {
    "Content-Security-Policy": page.CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

#: Largest bodies, in bytes. The one of a link's POST is not read at all.
LINK_BODY_MAX, API_BODY_MAX, WEBHOOK_BODY_MAX = 1024, 4096, 262_144
RETRY_AFTER_SECONDS = 5
ALERT_ID_MAX = 128

_ALLOWED = (
    (re.compile(r"/ack/[^/]+"), "GET, HEAD, POST"),
    (re.compile(r"/alerts/[^/]+/acknowledgements"), "POST"),
    (re.compile(r"/webhooks/pagerduty"), "POST"),
)


class RefusedError(Exception):
    """A request that we don't serve; the text is one clear sentence for whoever sent it."""

    def __init__(self, status: int, text: str, headers: dict[str, str | list[str]] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable")
    return text


class Answer(BaseModel):
    """Who takes responsibility, as a caller of the API says."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    by: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128), AfterValidator(_printable)
    ]


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context(log_event=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext, *, deps: FrontDesk | None = None) -> dict[str, Any]:
    """One request of an API Gateway HTTP API, payload format 2.0."""
    app.context.update(deps=deps or wiring.build_front_desk())
    answer = app.resolve(event, context)
    answer["headers"] = {**answer.get("headers", {}), **HEADERS}
    if event["requestContext"]["http"]["method"] == "HEAD":
        answer["body"] = ""
    metrics.add_metric("HttpRequests", MetricUnit.Count, 1)
    return answer


@app.route("/ack/<token>", method=["GET", "HEAD"])
def show(token: str) -> Response[str]:
    """The alert as it is. Mail scanners and previews follow links: this changes nothing."""
    claims, deps = _claims(token), _deps()
    view = deps.desk.look(claims.alert_id)
    if view is None:
        raise ForgedError
    if claims.id in view.used_links:
        return _page(410, page.used(view, claims.recipient))
    return _page(200, (page.ask if view.waits else page.closed)(view, claims.recipient))


@app.post("/ack/<token>")
def press(token: str) -> Response[str]:
    """The button was pressed: whoever the message was for takes responsibility."""
    _body(LINK_BODY_MAX)
    claims, deps = _claims(token), _deps()
    view = deps.desk.look(claims.alert_id)
    if view is None:
        raise ForgedError
    match _acknowledge(claims.alert_id, claims.recipient, via="link", token_id=claims.id):
        case Acknowledged(at=at):
            return _page(200, page.acknowledged(view, claims.recipient, at))
        case Used():
            # A button that was pressed twice: the second answer says what the first has done.
            return _page(410, page.used(deps.desk.look(claims.alert_id) or view, claims.recipient))
        case Already(status, by, at):
            now = replace(view, status=status, acknowledged_by=by, acknowledged_at=at)
            return _page(409, page.closed(now, claims.recipient))
        case Unknown():
            raise ForgedError


@app.post("/alerts/<alert_id>/acknowledgements")
def take(alert_id: str) -> Response[str]:
    """For programs. The API has checked the caller's signature; who that was is kept beside the name it gives."""
    caller = _caller()
    if caller is None:
        raise RefusedError(403, "this request is not signed by anybody we know")
    try:
        answer = Answer.model_validate_json(_body(API_BODY_MAX))
    except ValidationError:
        raise RefusedError(400, 'the body is JSON: {"by": "name"}, 1 to 128 printable characters') from None
    if len(alert_id) > ALERT_ID_MAX:
        raise RefusedError(404, "there is no such alert")
    match _acknowledge(alert_id, answer.by, via=caller, token_id=None):
        case Acknowledged(by, at):
            return _json(200, _record(alert_id, "acknowledged", by, at))
        case Already(status, by, at):
            return _json(409, {"error": "the alert waits for nobody", **_record(alert_id, status, by, at)})
        case Used():
            raise RefusedError(409, "this was used before")
        case Unknown():
            raise RefusedError(404, "there is no such alert")


@app.post("/webhooks/pagerduty")
def hear() -> Response[str]:
    """Somebody acknowledged at PagerDuty. Whatever comes of it is 200: PagerDuty would only send it again."""
    deps, raw = _deps(), _body(WEBHOOK_BODY_MAX)
    secrets = deps.webhook_secrets()
    if not secrets or not deps.webhook.verified(raw, app.current_event.headers.get("x-pagerduty-signature"), secrets):
        metrics.add_metric("WebhooksRefused", MetricUnit.Count, 1)
        raise RefusedError(401, "the signature is missing or wrong")
    try:
        event = deps.webhook.parsed(raw)
    except MalformedWebhookError:
        # Signed, and nothing that we know: to send it again would not help.
        metrics.add_metric("WebhooksRefused", MetricUnit.Count, 1)
        raise RefusedError(400, "the event can't be read") from None
    if event is None or len(event.alert_id) > ALERT_ID_MAX or len(event.event_id) > ALERT_ID_MAX - len(PAGER):
        return _json(202, {"status": "ignored"})
    # Single use, too: an event that is delivered again must not acknowledge an alert that is open again.
    outcome = _acknowledge(event.alert_id, event.by, via="pagerduty", token_id=f"{PAGER}{event.event_id}")
    return _json(200, {"status": type(outcome).__name__.lower()})


@app.not_found
def nothing_here(_error: NotFoundError) -> Response[str]:
    for pattern, methods in _ALLOWED:
        if pattern.fullmatch(app.current_event.path):
            return refuse(RefusedError(405, f"only {methods} work here", {"Allow": methods}))
    return forged(ForgedError()) if _is_page() else refuse(RefusedError(404, "there is nothing here"))


def forged(_error: ForgedError) -> Response[str]:
    metrics.add_metric("LinksRefused", MetricUnit.Count, 1)
    return _page(404, page.not_valid())


def expired(_error: ExpiredError) -> Response[str]:
    return _page(410, page.expired())


def refuse(error: RefusedError) -> Response[str]:
    sentence = f"{error.text[0].upper()}{error.text[1:]}."
    body = page.refused(sentence) if _is_page() else json.dumps({"error": error.text})
    return _answer(error.status, body, error.headers)


def unreachable(error: Exception) -> Response[str]:
    logger.error("what the request needs can't be reached", error=type(error).__name__)
    metrics.add_metric("AnswersFailed", MetricUnit.Count, 1)
    body = page.unreachable() if _is_page() else json.dumps({"error": "try again in a few seconds"})
    return _answer(503, body, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def broken(error: Exception) -> Response[str]:
    # The type and the place alone: the text may hold a token, or what a person measures.
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = "" if where is None else f"{where.tb_frame.f_code.co_name}:{where.tb_lineno}"
    logger.error("a request failed", error=type(error).__name__, place=place)
    metrics.add_metric("AnswersFailed", MetricUnit.Count, 1)
    return _answer(500, page.failed() if _is_page() else json.dumps({"error": "something went wrong"}))


for _kind, _answer_to in (
    (ForgedError, forged),
    (ExpiredError, expired),
    (RefusedError, refuse),
    (UnreachableError, unreachable),
    (BotoCoreError, unreachable),
    (ClientError, unreachable),
    (Exception, broken),
):
    app.exception_handler(_kind)(_answer_to)


def _acknowledge(alert_id: str, by: str, *, via: str, token_id: str | None) -> Outcome:
    outcome = _deps().desk.acknowledge(alert_id, by, via=via, token_id=token_id)
    what = type(outcome).__name__
    metrics.add_metric(f"Acknowledgements.{what}", MetricUnit.Count, 1)
    logger.info("somebody answered", alert_id=alert_id, via=via, outcome=what.lower())
    return outcome


def _claims(token: str) -> Claims:
    # A route matches a path with a newline behind it, too; of a link there is one spelling.
    if not app.current_event.path.endswith(f"/{token}"):
        raise ForgedError
    key_id = links.key_id(token)
    if key_id is None:
        raise ForgedError
    deps = _deps()
    return links.read(token, deps.link_keys.keys(key_id), deps.now())


def _caller() -> str | None:
    """The ARN of whoever signed the request, as API Gateway found it."""
    authorizer = app.current_event["requestContext"].get("authorizer") or {}
    caller = (authorizer.get("iam") or {}).get("userArn")
    return caller if isinstance(caller, str) and caller else None


def _body(limit: int) -> bytes:
    """The body's very bytes. Errors: `RefusedError`."""
    event = app.current_event
    text = event.get("body") or ""
    too_large = RefusedError(413, f"the body is larger than {limit} bytes")
    # Base64 has four characters for three bytes: what is certainly too large is not decoded.
    if len(text) > limit // 3 * 4 + 4:
        raise too_large
    try:
        raw = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except ValueError:
        raise RefusedError(400, "the body can't be read") from None
    if len(raw) > limit:
        raise too_large
    return raw


def _record(alert_id: str, status: str, by: str | None, at: int | None) -> dict[str, Any]:
    record = {"alertId": alert_id, "status": status, "acknowledgedBy": by, "acknowledgedAt": at}
    return {name: value for name, value in record.items() if value is not None}


def _deps() -> FrontDesk:
    deps: FrontDesk = app.context["deps"]
    return deps


def _is_page() -> bool:
    return app.current_event.path.startswith("/ack/")


def _page(status: int, body: str) -> Response[str]:
    return Response(status, "text/html; charset=utf-8", body)


def _json(status: int, body: dict[str, Any]) -> Response[str]:
    return Response(status, content_types.APPLICATION_JSON, json.dumps(body))


def _answer(status: int, body: str, headers: dict[str, str | list[str]] | None = None) -> Response[str]:
    """A page or JSON, as the path has it."""
    content_type = "text/html; charset=utf-8" if _is_page() else content_types.APPLICATION_JSON
    return Response(status, content_type, body, headers)
