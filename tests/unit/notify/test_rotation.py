"""Rotation: a new key in front, the old ones behind it for as long as their links live."""

from __future__ import annotations

import json

import pytest
from notify.links import Claims, ForgedError, Key, KeyDocumentError, parse_keys, read, sign
from notify.rotation import new_key, rotated

NOW = 1_700_000_000
HOUR = 3600
FIRST = json.dumps({"id": "first", "key": "1" * 48})


def a_key(key_id: str) -> Key:
    return Key(key_id, key_id.encode() * 48)


def test_the_new_key_signs_and_the_old_one_is_retired_with_the_time() -> None:
    assert json.loads(rotated(FIRST, Key("b", b"2" * 48), NOW, HOUR)) == {
        "id": "b",
        "key": "2" * 48,
        "previous": [{"id": "first", "key": "1" * 48, "retiredAt": 1_700_000_000}],
    }


def test_a_link_outlives_two_rotations_within_its_lifetime() -> None:
    claims = Claims("a1", "ada", "m1", NOW + HOUR)
    token = sign(claims, parse_keys(FIRST))

    once = rotated(FIRST, a_key("b"), NOW + 600, HOUR)
    twice = rotated(once, a_key("c"), NOW + 1200, HOUR)

    assert [key.id for key in (parse_keys(twice).current, *parse_keys(twice).others)] == ["c", "b", "first"]
    assert read(token, parse_keys(once), NOW + 600) == claims
    assert read(token, parse_keys(twice), NOW + 3599) == claims
    assert read(sign(claims, parse_keys(once)), parse_keys(twice), NOW + 3599) == claims


def test_a_key_is_kept_until_the_last_link_that_it_signed_has_expired() -> None:
    once = rotated(FIRST, a_key("b"), NOW, HOUR)

    assert [key.id for key in parse_keys(rotated(once, a_key("c"), NOW + 3599, HOUR)).others] == ["b", "first"]
    assert [key.id for key in parse_keys(rotated(once, a_key("c"), NOW + 3600, HOUR)).others] == ["b"]


def test_a_key_that_is_gone_reads_no_link() -> None:
    token = sign(Claims("a1", "ada", "m1", NOW + 10 * HOUR), parse_keys(FIRST))
    document = rotated(rotated(FIRST, a_key("b"), NOW, HOUR), a_key("c"), NOW + HOUR, HOUR)

    with pytest.raises(ForgedError):
        read(token, parse_keys(document), NOW + HOUR)


def test_a_broken_secret_is_not_rotated_but_said() -> None:
    with pytest.raises(KeyDocumentError):
        rotated('{"id": "first"}', a_key("b"), NOW, HOUR)


def test_a_new_key_never_takes_the_id_of_another() -> None:
    with pytest.raises(KeyDocumentError, match="same id"):
        rotated(FIRST, a_key("first"), NOW, HOUR)


def test_new_keys_are_long_and_all_different() -> None:
    keys = [new_key() for _ in range(100)]

    assert len({key.id for key in keys}) == len({key.secret for key in keys}) == 100
    assert {(len(key.id), len(key.secret)) for key in keys} == {(8, 64)}
    assert parse_keys(rotated(FIRST, keys[0], NOW, HOUR)).current == keys[0]
