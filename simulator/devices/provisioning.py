"""A watch's identity: a thing, a key, a certificate and the fleet's policy, through the IoT API; files on disk."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from smartwatch_contracts.device import DEVICE_ID_PATTERN

if TYPE_CHECKING:
    from mypy_boto3_iot.client import IoTClient


class DeviceIdError(ValueError):
    """A name that no watch can have. One line, for a person."""


@dataclass(frozen=True)
class Identity:
    """Where the files of one watch are."""

    device_id: str
    folder: Path

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate_file(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def key_file(self) -> Path:
        return self.folder / "private.key"

    @property
    def record_file(self) -> Path:
        """The certificate's ARN. Written last: without it the identity is incomplete."""
        return self.folder / "device.json"


def check_device_id(device_id: str) -> str:
    """The id itself. Errors: `DeviceIdError`."""
    if not re.fullmatch(DEVICE_ID_PATTERN, device_id):
        raise DeviceIdError(f"{device_id!r} is no device id: 1 to 128 of letters, digits, ':', '_' and '-'")
    return device_id


def provision(iot: IoTClient, device_id: str, *, policy: str, thing_type: str, ca: bytes, directory: Path) -> Identity:
    """The identity of a watch, made where it is missing. A second call with a valid one changes nothing.

    Files are private to their owner. Errors: `DeviceIdError`, botocore's `ClientError`.
    """
    identity = Identity(check_device_id(device_id), directory / device_id)
    if identity.record_file.exists() and _is_active(iot, identity):
        identity.ca_file.write_bytes(ca)
        return identity
    shutil.rmtree(identity.folder, ignore_errors=True)
    identity.folder.mkdir(parents=True, mode=0o700)
    iot.create_thing(thingName=device_id, thingTypeName=thing_type)
    made = iot.create_keys_and_certificate(setAsActive=True)
    _write_private(identity.certificate_file, made["certificatePem"].encode())
    _write_private(identity.key_file, made["keyPair"]["PrivateKey"].encode())
    _write_private(identity.ca_file, ca)
    iot.attach_policy(policyName=policy, target=made["certificateArn"])
    iot.attach_thing_principal(thingName=device_id, principal=made["certificateArn"])
    record = {"deviceId": device_id, "certificateArn": made["certificateArn"], "certificateId": made["certificateId"]}
    _write_private(identity.record_file, json.dumps(record).encode())
    return identity


def _is_active(iot: IoTClient, identity: Identity) -> bool:
    try:
        record = json.loads(identity.record_file.read_text())
    except ValueError:  # whoever wrote it was killed meanwhile
        return False
    try:
        described = iot.describe_certificate(certificateId=record["certificateId"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise
    return described["certificateDescription"]["status"] == "ACTIVE"


def _write_private(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)
