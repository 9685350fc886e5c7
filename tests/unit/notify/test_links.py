"""Links: what we signed is read as it was, and nothing else is read at all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify import links
from notify.links import Claims, ExpiredError, ForgedError, Key, KeyDocumentError, Keys, LinkError, read, sign

NOW = 1_700_000_000
OLD, NEW = Key("old", b"o" * 48), Key("new", b"n" * 48)
KEYS = Keys(NEW, (OLD,))
CLAIMS = Claims("0123456789abcdef0123456789abcdef", "ada", "8c1f0de24b6a497790aa1bd2c3e4f506", NOW + 3600)
TOKEN = sign(CLAIMS, KEYS)
URL_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

A_TEXT = st.text(min_size=1, max_size=16)
SOME_CLAIMS = st.builds(Claims, A_TEXT, A_TEXT, A_TEXT, st.integers(1, links.LATEST_EXPIRY))


def raw(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def signed(body: bytes, key: Key = NEW) -> str:
    """A token that says whatever it wants, rightly signed."""
    return text(body + links._signature(key, body))


def refused(token: Any, keys: Keys = KEYS) -> bool:
    try:
        read(token, keys, NOW)
    except ForgedError:
        return True
    return False


@given(SOME_CLAIMS)
def test_what_was_signed_is_read_as_it_was(claims: Claims) -> None:
    assert read(sign(claims, KEYS), KEYS, claims.expires_at - 1) == claims


def test_a_link_reads_the_same_wherever_it_is_read() -> None:
    assert TOKEN == (
        "AQNuZXcAZVP_ECAwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZgNhZGEgOGMxZjBkZTI"
        "0YjZhNDk3NzkwYWExYmQyYzNlNGY1MDZUzWBAROUODhZ1NPxc2o3mIiBmtv5GywNlrbjbNSPfcg"
    )


def test_a_whole_link_is_well_under_400_characters() -> None:
    base = "https://a1b2c3d4e5.execute-api.ap-southeast-2.amazonaws.com"
    longest = sign(Claims("a" * 32, "r" * 64, "m" * 64, links.LATEST_EXPIRY), Keys(Key("k" * 16, b"k" * 48)))

    assert len(links.url(base, TOKEN)) == 214
    assert len(longest) == 291
    assert len(links.url(base, longest)) == 355


def test_a_link_is_the_address_of_the_api_and_the_token() -> None:
    assert (
        links.url("https://api.example/", "T") == links.url("https://api.example", "T") == "https://api.example/ack/T"
    )


def test_the_longest_token_of_all_fits_the_bound() -> None:
    claims = Claims("a" * 128, "r" * 64, "m" * 64, links.LATEST_EXPIRY)
    keys = Keys(Key("k" * 16, b"k" * 48))
    token = sign(claims, keys)

    assert len(token) == links.TOKEN_MAX == 419
    assert read(token, keys, NOW) == claims


@pytest.mark.parametrize(
    "changed",
    [
        {"alert_id": ""},
        {"alert_id": "a" * 129},
        {"recipient": ""},
        {"recipient": "ä" * 33},
        {"message_key": ""},
        {"message_key": "m" * 65},
        {"message_key": "\ud800"},
        {"expires_at": -1},
        {"expires_at": links.LATEST_EXPIRY + 1},
    ],
)
def test_a_field_that_does_not_fit_is_not_signed(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - texts differ
        sign(replace(CLAIMS, **changed), KEYS)


def test_each_recipient_of_each_message_about_each_alert_has_a_token_and_an_id_of_its_own() -> None:
    others = [replace(CLAIMS, **{name: "other"}) for name in ("alert_id", "recipient", "message_key")]

    assert len({sign(claims, KEYS) for claims in (CLAIMS, *others)}) == 4
    assert len({claims.id for claims in (CLAIMS, *others)}) == 4


def test_fields_that_only_read_alike_when_joined_have_ids_of_their_own() -> None:
    assert Claims("ab", "c", "m", NOW).id != Claims("a", "bc", "m", NOW).id


def test_a_message_that_is_sent_again_makes_no_second_use() -> None:
    again = replace(CLAIMS, expires_at=CLAIMS.expires_at + 60)

    assert sign(again, Keys(OLD)) != TOKEN
    assert again.id == CLAIMS.id
    assert len(CLAIMS.id) == 32


def test_a_link_is_good_until_its_expiry_and_not_at_it() -> None:
    assert read(TOKEN, KEYS, NOW + 3599.9) == CLAIMS
    with pytest.raises(ExpiredError):
        read(TOKEN, KEYS, NOW + 3600)


def test_a_changed_expiry_is_forged_and_not_expired() -> None:
    body = raw(TOKEN)
    assert refused(text(body[:5] + (1).to_bytes(5, "big") + body[10:]))


def test_every_changed_byte_and_every_changed_bit_is_refused() -> None:
    whole = raw(TOKEN)
    for at in range(len(whole)):
        for flipped in range(1, 256):
            changed = bytearray(whole)
            changed[at] ^= flipped
            assert refused(text(bytes(changed))), (at, flipped)


def test_every_changed_character_is_refused() -> None:
    for at, was in enumerate(TOKEN):
        for character in URL_CHARACTERS + "+/=. %":
            if character != was:
                assert refused(TOKEN[:at] + character + TOKEN[at + 1 :]), (at, character)


def test_every_token_that_was_cut_or_lengthened_is_refused() -> None:
    for at in range(len(TOKEN)):
        assert refused(TOKEN[:at])
        assert refused(TOKEN[at + 1 :])
        assert refused(TOKEN[:at] + TOKEN[at + 1 :])
    for end in (*URL_CHARACTERS, "=", "==", "\n", " ", "/", "\x00", "AAAA"):
        assert refused(TOKEN + end)
        assert refused(end + TOKEN)


def test_a_token_has_one_spelling_only() -> None:
    bodies = [sign(replace(CLAIMS, recipient="a" * length), KEYS) for length in (1, 2, 3)]
    # Of the three lengths, two leave bits at the end that decoders ignore.
    assert sorted(len(token) % 4 for token in bodies) == [0, 2, 3]
    for token in bodies:
        padded = token + "=" * (-len(token) % 4)
        spellings = {token[:-1] + character for character in URL_CHARACTERS} | {
            token.lower(),
            token.upper(),
            token.swapcase(),
            token + "=",
            padded + "=",
            token.replace("-", "+").replace("_", "/") + "=",
            f" {token}",
            f"{token}\n",
            f"{token[:40]}\n{token[40:]}",
            f"{token[:40]}.{token[40:]}",
        }
        assert [spelling for spelling in spellings if not refused(spelling)] == [token]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        b"\x01\x03new",
        b"\x01\x03new" + b"\x00" * 4,
        b"\x01\x03new" + b"\xff" * 5,
        b"\x01\x03new" + b"\xff" * 5 + b"\x01a\x01b",
        b"\x01\x03new" + b"\xff" * 5 + b"\x01a\x01b\x02m",
        b"\x01\x03new" + b"\xff" * 5 + b"\x01a\x01b\x00",
        b"\x01\x03new" + b"\xff" * 5 + b"\x01a\x01b\x01m!",
        b"\x01\x03new" + b"\xff" * 5 + b"\x01a\x01\xff\x01m",
        b"\x01\x03new" + b"\xff" * 5 + b"\x01a\x41" + b"b" * 65 + b"\x01m",
        b"\x02\x03new" + b"\xff" * 5 + b"\x01a\x01b\x01m",
        b"\x01\xffnew" + b"\xff" * 5 + b"\x01a\x01b\x01m",
        b"\x01\x00" + b"\xff" * 5 + b"\x01a\x01b\x01m",
        b"\x01\x03n\xe4w" + b"\xff" * 5 + b"\x01a\x01b\x01m",
    ],
)
def test_a_token_of_another_shape_is_refused_even_if_it_were_signed(body: bytes) -> None:
    assert refused(signed(body))


def test_the_right_shape_by_the_same_means_is_read() -> None:
    body = b"\x01\x03new" + b"\xff" * 5 + b"\x01a\x01b\x01m"
    assert read(signed(body), KEYS, NOW) == Claims("a", "b", "m", 1_099_511_627_775)


def test_another_alerts_signature_is_refused() -> None:
    other = raw(sign(replace(CLAIMS, alert_id="f" * 32), KEYS))
    assert refused(text(raw(TOKEN)[:-32] + other[-32:]))


def test_a_key_that_we_do_not_have_is_refused() -> None:
    assert refused(sign(CLAIMS, Keys(Key("else", b"n" * 48))))
    assert refused(sign(CLAIMS, Keys(Key("new", b"x" * 48))))
    # The right secret under another key's name.
    assert refused(sign(CLAIMS, Keys(Key("old", NEW.secret))))


def test_a_retired_key_still_verifies_and_no_longer_signs() -> None:
    assert read(sign(CLAIMS, Keys(OLD)), KEYS, NOW) == CLAIMS
    assert links.key_id(TOKEN) == "new"


def test_a_signature_for_another_purpose_is_refused() -> None:
    body = raw(TOKEN)[:-32]
    assert refused(text(body + hmac.digest(NEW.secret, body, "sha256")))
    assert refused(text(body + hashlib.sha256(NEW.secret + body).digest()))
    assert refused(text(body + b"\x00" * 32))


def test_of_ten_thousand_random_tokens_none_is_accepted() -> None:
    chance = random.Random(1)  # noqa: S311 - the same every time
    lengths = (len(TOKEN), *range(1, 430, 13))
    for _ in range(10_000):
        token = "".join(chance.choices(URL_CHARACTERS, k=chance.choice(lengths)))
        assert refused(token)


def test_of_ten_thousand_random_signatures_under_a_right_head_none_is_accepted() -> None:
    chance = random.Random(2)  # noqa: S311 - the same every time
    body = raw(TOKEN)[:-32]
    for _ in range(10_000):
        assert refused(text(body + chance.randbytes(32)))


def test_of_ten_thousand_mutations_of_a_good_token_none_is_accepted() -> None:
    chance = random.Random(3)  # noqa: S311 - the same every time
    whole = raw(TOKEN)
    for _ in range(10_000):
        changed = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            match chance.randrange(4):
                case 0:
                    changed[chance.randrange(len(changed))] = chance.randrange(256)
                case 1:
                    del changed[chance.randrange(len(changed))]
                case 2:
                    changed.insert(chance.randrange(len(changed) + 1), chance.randrange(256))
                case _:
                    one, other = chance.randrange(len(changed)), chance.randrange(len(changed))
                    changed[one], changed[other] = changed[other], changed[one]
        assert bytes(changed) == whole or refused(text(bytes(changed)))


@given(st.text() | st.text(alphabet=URL_CHARACTERS, max_size=500) | st.binary().map(text) | st.binary().map(signed))
def test_nothing_makes_reading_fail_in_another_way(token: str) -> None:
    links.key_id(token)
    with pytest.raises(LinkError):
        read(token, KEYS, NOW)


@pytest.mark.parametrize("token", ["", "\ud800", "٣" * 40, "A" * 1_000_000, "\x00"])
def test_what_can_not_be_a_token_is_refused(token: str) -> None:
    assert refused(token)
    assert links.key_id(token) is None


def test_keys_do_not_show_when_printed() -> None:
    assert "nnnn" not in repr(KEYS)
    assert "oooo" not in str(KEYS)


def a_document(**fields: Any) -> str:
    return json.dumps({"id": "new", "key": "n" * 48, **fields})


def test_keys_come_from_the_secret_with_the_current_one_in_front() -> None:
    document = a_document(previous=[{"id": "old", "key": "o" * 48, "retiredAt": 1_700_000_000}])
    assert links.parse_keys(document) == KEYS


def test_a_secret_that_was_never_rotated_has_one_key() -> None:
    assert links.parse_keys(a_document()) == Keys(NEW)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "no JSON, SECRET",
        "[]",
        "null",
        '"SECRET"',
        a_document(id=1),
        a_document(id=""),
        a_document(id="SECRET of more than sixteen"),
        a_document(id="SECRET\n"),
        a_document(key=None),
        a_document(key="SECRET"),
        a_document(key="ä" * 48),
        a_document(previous=None),
        a_document(previous={}),
        a_document(previous=["SECRET"]),
        a_document(previous=[{"id": "old", "key": "o" * 48}]),
        a_document(previous=[{"id": "old", "key": "o" * 48, "retiredAt": "SECRET"}]),
        a_document(previous=[{"id": "old", "key": "o" * 48, "retiredAt": True}]),
        a_document(previous=[{"id": "old", "key": "short", "retiredAt": 1}]),
        a_document(previous=[{"id": "new", "key": "o" * 48, "retiredAt": 1}]),
    ],
)
def test_a_secret_that_holds_no_keys_is_refused_without_being_quoted(document: str) -> None:
    with pytest.raises(KeyDocumentError) as caught:
        links.parse_keys(document)

    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
