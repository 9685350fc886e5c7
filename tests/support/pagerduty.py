"""A small PagerDuty: Events API v2 with incidents behind it, what its own client needs of REST API v2, and webhooks v3.

It listens on loopback twice, on HTTP for our functions and on HTTPS for PagerDuty's client, which takes nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.messages import ROUTING_KEY

LOOPBACK = "127.0.0.1"
TOKEN = "not-a-real-token"
ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")

Status = Literal["triggered", "acknowledged", "resolved"]


@dataclass(frozen=True)
class Failure:
    """What becomes of one event instead of an answer: a status, silence, or a connection that ends. `taken` first."""

    status: int | None = None
    hang: bool = False
    retry_after: int | None = None
    taken: bool = False


HANG = Failure(hang=True)
DROP = Failure()


@dataclass
class Incident:
    """One incident. `log` is what happened to it, in order."""

    id: str
    incident_key: str
    title: str
    severity: str
    status: Status = "triggered"
    log: list[str] = field(default_factory=list)


@dataclass
class Delivery:
    """A webhook that went out, and the endpoint's answer (None when there was none)."""

    event: dict[str, Any]
    status: int | None


class FakePagerDuty:
    """The account: incidents in the order opened, events as received, webhooks as delivered."""

    def __init__(self, *, routing_key: str = ROUTING_KEY) -> None:
        self.routing_key = routing_key
        self.url = ""
        self.tls_url = ""
        self.trust = ssl.create_default_context()
        self.incidents: list[Incident] = []
        #: Every body that `/v2/enqueue` was sent, also those that it refused.
        self.events: list[Any] = []
        self.deliveries: list[Delivery] = []
        self.closing = threading.Event()
        self._failures: list[Failure] = []
        self._webhook: tuple[str, str] | None = None
        self._lock = threading.Lock()
        self._senders: list[threading.Thread] = []
        self._number = 0

    @property
    def events_url(self) -> str:
        return f"{self.url}/v2/enqueue"

    def fail(self, *failures: Failure) -> None:
        """The next events fare so, one each."""
        self._failures.extend(failures)

    def subscribe(self, url: str, secret: str) -> None:
        """Post what happens to incidents to `url`, signed."""
        self._webhook = (url, secret)

    def incident(self, incident_key: str) -> Incident:
        """The latest of this key."""
        return next(each for each in reversed(self.incidents) if each.incident_key == incident_key)

    def acknowledge(self, incident_key: str, *, user: str = "Ada Example") -> None:
        """A person acknowledges the incident in PagerDuty."""
        self._set(self.incident(incident_key), "acknowledged", person(user))

    def resolve(self, incident_key: str, *, user: str = "Ada Example") -> None:
        """A person resolves the incident in PagerDuty."""
        self._set(self.incident(incident_key), "resolved", person(user))

    def deliver(self, event: dict[str, Any], *, secret: str | None = None) -> Delivery:
        """Post an event to the subscriber; once more, if it was before. `secret` is a forger's."""
        assert self._webhook is not None
        url, own = self._webhook
        raw = json.dumps({"event": event}).encode()
        mac = hmac.new((secret or own).encode(), raw, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-PagerDuty-Signature": f"v1={mac}"}
        try:
            status = urllib3.request("POST", url, body=raw, headers=headers, timeout=10, retries=False).status
        except urllib3.exceptions.HTTPError:
            status = None
        delivery = Delivery(event, status)
        self.deliveries.append(delivery)
        return delivery

    def settle(self, *, within: float = 15) -> None:
        """Wait until what has happened so far is delivered."""
        for sender in self._senders:
            sender.join(within)

    def enqueue(self, event: Any) -> tuple[int, dict[str, Any]]:
        """Take an event; the status and body of the answer."""
        errors = list(_errors(event, self.routing_key))
        if errors:
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
        key = event.get("dedup_key") or hashlib.sha256(json.dumps(event).encode()).hexdigest()[:32]
        with self._lock:
            known = [each for each in self.incidents if each.incident_key == key and each.status != "resolved"]
            if not known and event["event_action"] == "trigger":
                self._number += 1
                payload = event["payload"]
                known = [Incident(f"Q{self._number:06}", key, payload["summary"], payload["severity"])]
                self.incidents += known
        # What ends an incident that is not open is accepted and forgotten, as PagerDuty does.
        for incident in known:
            if event["event_action"] == "trigger":
                incident.log.append("triggered by Events API")
            else:
                status: Status = "acknowledged" if event["event_action"] == "acknowledge" else "resolved"
                self._set(incident, status, INTEGRATION)
        return 202, {"status": "success", "message": "Event processed", "dedup_key": key}

    def next_failure(self) -> Failure | None:
        with self._lock:
            return self._failures.pop(0) if self._failures else None

    def update(self, incident: Incident, status: Status, email: str) -> None:
        """A person, known by e-mail, does it through the REST API."""
        self._set(incident, status, person(email.partition("@")[0]))

    def _set(self, incident: Incident, status: Status, agent: dict[str, str]) -> None:
        order: tuple[Status, ...] = ("triggered", "acknowledged", "resolved")
        with self._lock:
            if order.index(status) <= order.index(incident.status):
                return
            incident.status = status
            incident.log.append(f"{status} by {agent['summary']}")
            self._number += 1
            event = {
                "id": f"01EVENT{self._number:06}",
                "event_type": f"incident.{status}",
                "resource_type": "incident",
                "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "agent": agent,
                "client": None,
                "data": {
                    "id": incident.id,
                    "type": "incident",
                    "status": status,
                    "incident_key": incident.incident_key,
                    "title": incident.title,
                    "urgency": "high",
                    "resolve_reason": None,
                },
            }
        if self._webhook is not None:
            sender = threading.Thread(target=self.deliver, args=(event,), daemon=True)
            self._senders.append(sender)
            sender.start()


INTEGRATION = {"id": "PI1NTGR", "type": "inbound_integration_reference", "summary": "Events API"}


def person(name: str) -> dict[str, str]:
    return {"id": "PLH1HKV", "type": "user_reference", "summary": name}


@contextmanager
def running_pagerduty(home: Path, **settings: Any) -> Iterator[FakePagerDuty]:
    """A PagerDuty that listens until the block ends; `home` takes its certificate."""
    account = FakePagerDuty(**settings)
    certificate, key = _certificate(home)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    account.trust = ssl.create_default_context(cafile=str(certificate))
    plain, secure = (_Server((LOOPBACK, 0), account) for _ in range(2))
    secure.socket = tls.wrap_socket(secure.socket, server_side=True)
    account.url = f"http://{LOOPBACK}:{plain.server_port}"
    account.tls_url = f"https://{LOOPBACK}:{secure.server_port}"
    threads = [threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True) for each in (plain, secure)]
    for thread in threads:
        thread.start()
    try:
        yield account
    finally:
        account.closing.set()
        for server in (plain, secure):
            server.shutdown()
            server.server_close()


def _errors(event: Any, routing_key: str) -> Iterator[str]:
    """What PagerDuty would not take, in its reference's words for fields ("Send an event")."""
    if not isinstance(event, dict):
        yield "JSON parse error"
        return
    action, dedup_key = event.get("event_action"), event.get("dedup_key")
    if event.get("routing_key") != routing_key:
        yield "'routing_key' is missing, invalid or of no integration"
    if action not in ACTIONS:
        yield f"'event_action' is none of {', '.join(ACTIONS)}"
    if dedup_key is not None and not (isinstance(dedup_key, str) and len(dedup_key) <= 255):
        yield "'dedup_key' is not a string of at most 255 characters"
    if action in ("acknowledge", "resolve") and not dedup_key:
        yield "'dedup_key' is missing or blank"
    if action == "trigger":
        yield from _payload_errors(event.get("payload"))
    links = event.get("links", [])
    if not isinstance(links, list) or not all(isinstance(each, dict) and each.get("href") for each in links):
        yield "'links' is not a list of objects with 'href'"


def _payload_errors(payload: Any) -> Iterator[str]:
    if not isinstance(payload, dict):
        yield "'payload' is missing or blank"
        return
    for name in ("summary", "source"):
        if not isinstance(payload.get(name), str) or not 0 < len(payload[name]) <= 1024:
            yield f"'payload.{name}' is missing, blank or too long"
    if payload.get("severity") not in SEVERITIES:
        yield f"'payload.severity' is none of {', '.join(SEVERITIES)}"
    if not isinstance(payload.get("custom_details", {}), dict):
        yield "'payload.custom_details' is not an object"
    try:
        datetime.fromisoformat(payload.get("timestamp", "2023-11-14T22:13:20Z"))
    except (TypeError, ValueError):
        yield "'payload.timestamp' is no ISO 8601 time"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    #: A handler that hangs is not waited for.
    block_on_close = False

    def __init__(self, address: tuple[str, int], account: FakePagerDuty) -> None:
        super().__init__(address, _Handler)
        self.account = account

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that ends a connection, or doesn't trust the certificate, is no error here."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        account = self.server.account
        body = self._body()
        if self.path != "/v2/enqueue":
            self._answer(404, {"status": "not found", "message": self.path})
            return
        account.events.append(body)
        failure = account.next_failure()
        if failure is None:
            self._answer(*account.enqueue(body))
            return
        if failure.taken:
            account.enqueue(body)
        if failure.status is not None:
            self._answer(failure.status, {"status": "error", "message": "as told"}, failure.retry_after)
            return
        if failure.hang:
            account.closing.wait()
        self.close_connection = True

    def do_GET(self) -> None:
        if not self._authorized():
            return
        account, url = self.server.account, urlsplit(self.path)
        if url.path == "/incidents":
            wanted = parse_qs(url.query).get("incident_key", [])
            found = [each for each in account.incidents if not wanted or each.incident_key in wanted]
            shown = [self._shown(each) for each in found]
            self._answer(200, {"incidents": shown, "limit": 25, "offset": 0, "total": None, "more": False})
        else:
            incident = self._incident(url.path)
            if incident is not None:
                self._answer(200, {"incident": self._shown(incident)})

    def do_PUT(self) -> None:
        body = self._body()
        if not self._authorized():
            return
        incident = self._incident(self.path)
        if incident is None:
            return
        email = self.headers.get("From", "")
        status = (body or {}).get("incident", {}).get("status")
        if "@" not in email or status not in ("acknowledged", "resolved"):
            self._answer(400, {"error": {"code": 2001, "message": "Invalid Input Provided", "errors": []}})
            return
        self.server.account.update(incident, status, email)
        self._answer(200, {"incident": self._shown(incident)})

    def _body(self) -> Any:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            return json.loads(raw)
        except ValueError:
            return None

    def _authorized(self) -> bool:
        if self.headers.get("Authorization") == f"Token token={TOKEN}":
            return True
        self._answer(401, {"error": {"code": 2006, "message": "Authentication failed"}})
        return False

    def _incident(self, path: str) -> Incident | None:
        """The incident that a path names; none, and the answer is given."""
        match = re.fullmatch(r"/incidents/(\w+)", path)
        for incident in self.server.account.incidents:
            if match is not None and incident.id == match[1]:
                return incident
        self._answer(404, {"error": {"code": 2100, "message": "Not Found"}})
        return None

    def _shown(self, incident: Incident) -> dict[str, Any]:
        scheme = "https" if isinstance(self.connection, ssl.SSLSocket) else "http"
        return {
            "id": incident.id,
            "type": "incident",
            "self": f"{scheme}://{self.headers['Host']}/incidents/{incident.id}",
            "incident_key": incident.incident_key,
            "title": incident.title,
            "status": incident.status,
            "urgency": "high",
        }

    def _answer(self, status: int, body: dict[str, Any], retry_after: int | None = None) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""


def _certificate(home: Path) -> tuple[Path, Path]:
    """A certificate for loopback that nobody else trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake PagerDuty")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=12))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = home / "pagerduty.pem", home / "pagerduty.key"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file
