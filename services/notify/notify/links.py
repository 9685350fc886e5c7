"""Links that acknowledge: what a link says, and the signature by which we know it for ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Any

#: First byte of every token, and part of what is signed: a later format can't be read as this one.
VERSION = 1
#: Keeps these signatures apart from any other use of the same key.
_DOMAIN = b"smartwatch/acknowledgement-link/v1\x00"
_SIGNATURE_BYTES = hashlib.sha256().digest_size
#: Expiry is this many bytes, big-endian.
_EXPIRY_BYTES = 5
LATEST_EXPIRY = 256**_EXPIRY_BYTES - 1

#: Longest fields, in bytes of UTF-8; each length is one byte. An id of the roster has at most 64 characters.
ALERT_ID_MAX, RECIPIENT_MAX, MESSAGE_KEY_MAX, KEY_ID_MAX = 128, 64, 64, 16
_LIMITS = (ALERT_ID_MAX, RECIPIENT_MAX, MESSAGE_KEY_MAX)
_BYTES_MAX = 1 + 1 + KEY_ID_MAX + _EXPIRY_BYTES + sum(1 + limit for limit in _LIMITS) + _SIGNATURE_BYTES
#: No token is longer, in characters; with an alert id of 32 characters none is longer than 291.
TOKEN_MAX = -(-_BYTES_MAX * 4 // 3)

_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{1,{TOKEN_MAX}}}")
_KEY_ID = re.compile(rf"[A-Za-z0-9-]{{1,{KEY_ID_MAX}}}")
#: A key is as strong as the signature when it has as many bytes.
KEY_BYTES_MIN = 32


class LinkError(Exception):
    """A link that acknowledges nothing."""


class ForgedError(LinkError):
    """We never signed this. Malformed, signed wrongly or with a key that we don't have: nobody is told which."""


class ExpiredError(LinkError):
    """Ours, and too late."""


class KeyDocumentError(ValueError):
    """The secret does not hold link keys. The text never quotes it."""


@dataclass(frozen=True)
class Key:
    """A signing key; its id is no secret."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Keys:
    """`current` signs. All of them verify."""

    current: Key
    others: tuple[Key, ...] = ()

    def find(self, key_id: str) -> Key | None:
        return next((key for key in (self.current, *self.others) if key.id == key_id), None)


@dataclass(frozen=True)
class Claims:
    """What a link says: this recipient of this message may acknowledge this alert.

    `expires_at` is in seconds since 1970; from then on the link is too late.
    """

    alert_id: str
    recipient: str
    message_key: str
    expires_at: int

    @property
    def id(self) -> str:
        """For single use, 32 hexadecimal digits: the same for a message that was sent twice, whatever signed it."""
        return hashlib.sha256(_DOMAIN + _packed(self)).hexdigest()[:32]


def sign(claims: Claims, keys: Keys) -> str:
    """The token for a link. Errors: `ValueError` for a field that is empty or too long."""
    fields = _packed(claims)
    if not 0 <= claims.expires_at <= LATEST_EXPIRY:
        raise ValueError("the expiry of a link is out of range")
    key_id = keys.current.id.encode()
    body = bytes([VERSION, len(key_id)]) + key_id + claims.expires_at.to_bytes(_EXPIRY_BYTES, "big") + fields
    return _text(body + _signature(keys.current, body))


def read(token: str, keys: Keys, now: float) -> Claims:
    """What the token says, if we signed it. Errors: `ForgedError`, `ExpiredError` and no other, whatever it holds."""
    raw = _raw(token)
    body, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    key = keys.find(_key_id(body))
    if key is None or not hmac.compare_digest(signature, _signature(key, body)):
        raise ForgedError
    claims = _claims(body)
    if now >= claims.expires_at:
        raise ExpiredError
    return claims


def key_id(token: str) -> str | None:
    """Which key the token says it was signed with, unproven; None for what can't be a token."""
    try:
        return _key_id(_raw(token)[:-_SIGNATURE_BYTES])
    except ForgedError:
        return None


def url(base: str, token: str) -> str:
    """The whole link; `base` is the address of the API."""
    return f"{base.rstrip('/')}/ack/{token}"


def parse_keys(document: str) -> Keys:
    """The keys in `{"id", "key", "previous": [{"id", "key", "retiredAt"}]}`. Errors: `KeyDocumentError`."""
    loaded = load_key_document(document)
    current, *others = (Key(entry["id"], entry["key"].encode()) for entry in (loaded, *loaded["previous"]))
    return Keys(current, tuple(others))


def load_key_document(document: str) -> dict[str, Any]:
    """The document, checked, with `previous` in any case. Errors: `KeyDocumentError`."""
    try:
        loaded = json.loads(document)
    except ValueError:
        raise KeyDocumentError("the link keys are no JSON") from None
    if not isinstance(loaded, dict):
        raise KeyDocumentError("the link keys are no JSON object")
    previous = loaded.get("previous", [])
    if not isinstance(previous, list) or not all(isinstance(entry, dict) for entry in previous):
        raise KeyDocumentError("`previous` is no list of keys")
    for entry in (loaded, *previous):
        _check_key(entry)
    for entry in previous:
        retired_at = entry.get("retiredAt")
        if isinstance(retired_at, bool) or not isinstance(retired_at, int):
            raise KeyDocumentError("`retiredAt` is no whole number of seconds since 1970")
    ids = [entry["id"] for entry in (loaded, *previous)]
    if len(set(ids)) < len(ids):
        raise KeyDocumentError("two link keys have the same id")
    return {**loaded, "previous": previous}


def _check_key(entry: dict[str, Any]) -> None:
    key_id, key = entry.get("id"), entry.get("key")
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise KeyDocumentError(f"a link key has no `id` of 1 to {KEY_ID_MAX} letters, digits and hyphens")
    if not isinstance(key, str) or not key.isascii() or len(key) < KEY_BYTES_MIN:
        raise KeyDocumentError(f"a link key has no `key` of at least {KEY_BYTES_MIN} ASCII characters")


def _signature(key: Key, body: bytes) -> bytes:
    return hmac.digest(key.secret, _DOMAIN + body, "sha256")


def _packed(claims: Claims) -> bytes:
    """Each field behind its length, so that no two claims have the same bytes."""
    packed = b""
    for text, limit in zip((claims.alert_id, claims.recipient, claims.message_key), _LIMITS, strict=True):
        part = text.encode()
        if not 0 < len(part) <= limit:
            raise ValueError(f"a field of a link has {len(part)} bytes: 1 to {limit} fit")
        packed += bytes([len(part)]) + part
    return packed


def _claims(body: bytes) -> Claims:
    """What a body says that we signed. One of another shape is not ours, whoever signed it."""
    at = 2 + body[1]
    expires_at, rest = int.from_bytes(body[at : at + _EXPIRY_BYTES], "big"), body[at + _EXPIRY_BYTES :]
    texts = []
    for limit in _LIMITS:
        length = rest[0] if rest else 0
        if not 0 < length <= limit or len(rest) < 1 + length:
            raise ForgedError
        try:
            texts.append(rest[1 : 1 + length].decode())
        except UnicodeDecodeError:
            raise ForgedError from None
        rest = rest[1 + length :]
    if rest:
        raise ForgedError
    alert_id, recipient, message_key = texts
    return Claims(alert_id, recipient, message_key, expires_at)


def _key_id(body: bytes) -> str:
    if len(body) < 2 or body[0] != VERSION or len(body) < 2 + body[1] + _EXPIRY_BYTES:
        raise ForgedError
    # A byte for a character, so that nothing fails to decode; what is no key's id is then not found.
    found = body[2 : 2 + body[1]].decode("latin-1")
    if not _KEY_ID.fullmatch(found):
        raise ForgedError
    return found


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(token: str) -> bytes:
    """The token's bytes. Base64 has several spellings of some bytes, of which we take the one that we write."""
    if not _TOKEN.fullmatch(token) or len(token) % 4 == 1:
        raise ForgedError
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    if _text(raw) != token or len(raw) <= _SIGNATURE_BYTES:
        raise ForgedError
    return raw
