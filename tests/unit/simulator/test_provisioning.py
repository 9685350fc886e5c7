"""A watch's identity: made once, private to its owner, whole or made again."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from simulator.devices.provisioning import DeviceIdError, Identity, provision


@pytest.fixture
def iot(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The IoT API of an account with the stack's policy and thing type."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("iot")
        client.create_thing_type(thingTypeName="smartwatch-watch")
        client.create_policy(policyName="smartwatch-watch", policyDocument='{"Version":"2012-10-17","Statement":[]}')
        yield client


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A umask that takes nothing away: what is private is private by itself."""
    before = os.umask(0)
    yield
    os.umask(before)


def provisioned(iot: Any, directory: Path, device_id: str = "watch-001", **changes: Any) -> Identity:
    settings = {"policy": "smartwatch-watch", "thing_type": "smartwatch-watch", "ca": b"the authority", **changes}
    return provision(iot, device_id, directory=directory, **settings)


def contents(identity: Identity) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in identity.folder.iterdir()}


def certificates(iot: Any) -> list[str]:
    return [certificate["certificateId"] for certificate in iot.list_certificates()["certificates"]]


def test_a_watch_gets_a_thing_of_the_type_and_a_certificate_with_the_policy(iot: Any, tmp_path: Path) -> None:
    provisioned(iot, tmp_path)

    assert iot.describe_thing(thingName="watch-001")["thingTypeName"] == "smartwatch-watch"
    (principal,) = iot.list_thing_principals(thingName="watch-001")["principals"]
    (certificate,) = iot.list_certificates()["certificates"]
    assert (certificate["certificateArn"], certificate["status"]) == (principal, "ACTIVE")
    assert [policy["policyName"] for policy in iot.list_attached_policies(target=principal)["policies"]] == [
        "smartwatch-watch"
    ]


def test_key_certificate_and_folder_are_readable_by_their_owner_only(
    iot: Any, tmp_path: Path, open_umask: None
) -> None:
    identity = provisioned(iot, tmp_path)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [identity.folder, *identity.folder.iterdir()]}
    assert modes == {
        "watch-001": 0o700,
        "ca.pem": 0o600,
        "certificate.pem": 0o600,
        "private.key": 0o600,
        "device.json": 0o600,
    }


def test_a_second_call_changes_nothing(iot: Any, tmp_path: Path) -> None:
    first = contents(provisioned(iot, tmp_path))

    assert contents(provisioned(iot, tmp_path)) == first
    assert len(certificates(iot)) == 1


def test_a_new_authority_reaches_a_watch_that_has_its_key_already(iot: Any, tmp_path: Path) -> None:
    before = contents(provisioned(iot, tmp_path))

    after = contents(provisioned(iot, tmp_path, ca=b"another authority"))

    assert after == {**before, "ca.pem": b"another authority"}


def test_two_watches_have_two_keys(iot: Any, tmp_path: Path) -> None:
    one, other = provisioned(iot, tmp_path, "watch-001"), provisioned(iot, tmp_path, "watch-002")

    assert one.key_file.read_bytes() != other.key_file.read_bytes()
    assert len(certificates(iot)) == 2


def test_provisioning_that_was_refused_half_way_is_made_again_as_a_whole(iot: Any, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        provisioned(iot, tmp_path, policy="no-such-policy")
    half = tmp_path / "watch-001"
    assert not (half / "device.json").exists()
    key = (half / "private.key").read_bytes()

    identity = provisioned(iot, tmp_path)

    assert identity.key_file.read_bytes() != key
    assert len(iot.list_thing_principals(thingName="watch-001")["principals"]) == 1


@pytest.mark.parametrize("record", [b"", b'{"deviceId": "watch-0'], ids=["empty", "cut"])
def test_provisioning_that_was_killed_while_it_wrote_its_record_is_made_again(
    iot: Any, tmp_path: Path, record: bytes
) -> None:
    identity = provisioned(iot, tmp_path)
    key = identity.key_file.read_bytes()
    identity.record_file.write_bytes(record)

    assert provisioned(iot, tmp_path).key_file.read_bytes() != key
    assert identity.record_file.read_bytes() != record


def test_a_certificate_that_was_revoked_is_replaced(iot: Any, tmp_path: Path) -> None:
    identity = provisioned(iot, tmp_path)
    key = identity.key_file.read_bytes()
    iot.update_certificate(certificateId=certificates(iot)[0], newStatus="REVOKED")

    assert provisioned(iot, tmp_path).key_file.read_bytes() != key


def test_a_certificate_that_the_account_does_not_know_is_replaced(iot: Any, tmp_path: Path) -> None:
    """The local cloud forgets everything when it stops; the watches' folders stay."""
    identity = provisioned(iot, tmp_path)
    key = identity.key_file.read_bytes()
    (principal,) = iot.list_thing_principals(thingName="watch-001")["principals"]
    iot.detach_policy(policyName="smartwatch-watch", target=principal)
    iot.detach_thing_principal(thingName="watch-001", principal=principal)
    iot.update_certificate(certificateId=certificates(iot)[0], newStatus="INACTIVE")
    iot.delete_certificate(certificateId=certificates(iot)[0])

    assert provisioned(iot, tmp_path).key_file.read_bytes() != key
    assert len(certificates(iot)) == 1


@pytest.mark.parametrize("device_id", ["", "..", "a/b", "a b", "watch+1", "watch#", "ä", "a\n", "x" * 129])
def test_a_name_that_no_watch_can_have_is_refused_before_anything_is_made(
    iot: Any, tmp_path: Path, device_id: str
) -> None:
    with pytest.raises(DeviceIdError) as refusal:
        provisioned(iot, tmp_path / "watches", device_id)

    assert str(refusal.value) == f"{device_id!r} is no device id: 1 to 128 of letters, digits, ':', '_' and '-'"
    assert not (tmp_path / "watches").exists()
    assert not certificates(iot)
