"""Link keys on Secrets Manager: cached, looked for when a link names a new one, never lost, rotated in four steps."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws
from moto.secretsmanager.models import secretsmanager_backends
from notify import links, rotation
from notify.desk import UnreachableError
from notify.link_keys import SecretLinkKeys
from notify.rotation import Dependencies, RotationError
from pydantic import ValidationError

from tests.support.builders import LambdaContext

NOW = 1_700_000_000
NAME = "smartwatch/link-keys"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
V2, V3 = "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"


def a_document(key_id: str) -> str:
    return json.dumps({"id": key_id, "key": key_id[0] * 48})


class Safe:
    """A secret with one version, a clock, and the number of times its value was asked for."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.now = 1000.0
        self.reads = 0
        self.broken: Exception | None = None
        client.create_secret(Name=NAME, SecretString=a_document("first"))
        self.link_keys = SecretLinkKeys(self, NAME, refresh_seconds=300, look_seconds=10, monotonic=lambda: self.now)

    def get_secret_value(self, **request: Any) -> Any:
        self.reads += 1
        if self.broken is not None:
            raise self.broken
        return self.client.get_secret_value(**request)

    def put(self, document: str) -> None:
        self.client.put_secret_value(SecretId=NAME, SecretString=document)

    def current_id(self, wanted: str | None = None) -> str:
        return self.link_keys.keys(wanted).current.id

    # What Secrets Manager does in a rotation.

    def begin(self, version: str) -> None:
        """Label a version as pending that has no value yet."""
        ((_account, backends),) = secretsmanager_backends.items()
        backends["us-east-1"].secrets[NAME].versions[version] = {
            "createdate": NOW,
            "version_id": version,
            "version_stages": ["AWSPENDING"],
        }

    def step(self, step: str, version: str = V2, *, at: int = NOW, keep_seconds: int = 3600) -> None:
        deps = Dependencies(self.client, keep_seconds, now=lambda: at)
        event = {"Step": step, "SecretId": NAME, "ClientRequestToken": version}
        rotation.handler(event, LambdaContext(), deps=deps)  # type: ignore[arg-type]

    def rotate(self, version: str, *, at: int = NOW) -> None:
        self.begin(version)
        for step in STEPS:
            self.step(step, version, at=at)

    def value(self, stage: str) -> dict[str, Any]:
        return dict(json.loads(self.client.get_secret_value(SecretId=NAME, VersionStage=stage)["SecretString"]))

    def stages(self) -> dict[str, list[str]]:
        return {k: sorted(v) for k, v in self.client.describe_secret(SecretId=NAME)["VersionIdsToStages"].items()}


@pytest.fixture
def safe() -> Iterator[Safe]:
    with mock_aws():
        yield Safe(boto3.client("secretsmanager", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"))


def test_keys_are_read_once_in_five_minutes(safe: Safe) -> None:
    assert safe.current_id() == "first"
    safe.put(a_document("second"))
    safe.now += 299
    assert (safe.current_id(), safe.reads) == ("first", 1)

    safe.now += 1
    assert (safe.current_id(), safe.reads) == ("second", 2)


def test_a_link_of_a_new_key_has_the_keys_read_at_once(safe: Safe) -> None:
    safe.current_id()
    safe.put(a_document("second"))
    safe.now += 10

    assert safe.current_id("second") == "second"


def test_a_link_of_a_known_key_costs_no_request(safe: Safe) -> None:
    safe.current_id()
    safe.now += 60

    assert (safe.current_id("first"), safe.reads) == ("first", 1)


def test_made_up_key_ids_cost_one_request_in_ten_seconds(safe: Safe) -> None:
    for number in range(1000):
        safe.now += 0.1
        safe.current_id(f"made-up-{number}")

    assert safe.reads == 10


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://example"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "GetSecretValue"),
    ],
)
def test_a_failed_read_leaves_the_last_good_keys_and_is_tried_again_soon(safe: Safe, error: Exception) -> None:
    safe.current_id()
    safe.put(a_document("second"))
    safe.now += 300
    safe.broken = error
    assert safe.current_id() == "first"
    safe.now += 9
    assert (safe.current_id(), safe.reads) == ("first", 2)

    safe.broken = None
    safe.now += 1
    assert safe.current_id() == "second"


def test_a_broken_secret_leaves_the_last_good_keys_and_is_logged_without_being_quoted(
    safe: Safe, caplog: pytest.LogCaptureFixture
) -> None:
    safe.current_id()
    safe.put('{"id": "SECRET", "key": "SECRET"}')
    safe.now += 300

    with caplog.at_level(logging.ERROR):
        assert safe.current_id() == "first"

    assert "last good ones stay in force" in caplog.text
    assert "SECRET" not in caplog.text


def test_keys_that_were_never_read_are_an_error_and_asked_for_again_soon(safe: Safe) -> None:
    safe.broken = EndpointConnectionError(endpoint_url="https://example")
    for _ in range(3):
        with pytest.raises(UnreachableError):
            safe.current_id()
    assert safe.reads == 1

    safe.broken = None
    safe.now += 10
    assert safe.current_id() == "first"


def test_a_rotation_puts_a_new_key_in_front_and_keeps_the_old_one(safe: Safe) -> None:
    safe.rotate(V2)

    value = safe.value("AWSCURRENT")
    assert value["id"] != "first"
    assert len(value["key"]) == 64
    assert value["previous"] == [{"id": "first", "key": "f" * 48, "retiredAt": NOW}]
    assert safe.stages()[V2] == ["AWSCURRENT", "AWSPENDING"]
    assert sorted(safe.stages().values()) == [["AWSCURRENT", "AWSPENDING"], ["AWSPREVIOUS"]]


def test_an_open_link_stays_good_across_two_rotations(safe: Safe) -> None:
    claims = links.Claims("a1", "ada", "m1", NOW + 3600)
    tokens = [links.sign(claims, safe.link_keys.keys())]
    for version, at in ((V2, NOW + 600), (V3, NOW + 1200)):
        safe.rotate(version, at=at)
        safe.now += 300
        tokens.append(links.sign(claims, safe.link_keys.keys()))

    assert len(set(tokens)) == 3
    assert [links.read(token, safe.link_keys.keys(), NOW + 3599) for token in tokens] == [claims] * 3


def test_every_step_may_come_twice(safe: Safe) -> None:
    safe.begin(V2)
    safe.step("createSecret")
    made = safe.value("AWSPENDING")
    for step in STEPS[:3]:
        safe.step(step)
        safe.step(step)
    assert safe.value("AWSPENDING") == made
    assert safe.value("AWSCURRENT")["id"] == "first"

    safe.step("finishSecret")
    stages = safe.stages()
    for step in STEPS:
        safe.step(step)

    assert safe.value("AWSCURRENT") == made
    assert safe.stages() == stages


def test_a_twin_that_was_faster_is_no_error(safe: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    safe.begin(V2)
    error = ClientError({"Error": {"Code": "ResourceExistsException", "Message": ""}}, "PutSecretValue")

    def refuse(**_request: Any) -> None:
        raise error

    monkeypatch.setattr(safe.client, "put_secret_value", refuse)
    safe.step("createSecret")

    error.response["Error"]["Code"] = "AccessDeniedException"
    with pytest.raises(ClientError):
        safe.step("createSecret")


@pytest.mark.parametrize("step", STEPS)
def test_a_version_that_is_not_pending_is_refused(safe: Safe, step: str) -> None:
    with pytest.raises(RotationError, match="not pending"):
        safe.step(step)


def test_a_pending_version_without_a_value_is_not_made_current(safe: Safe) -> None:
    safe.begin(V2)
    with pytest.raises(RotationError, match="no value"):
        safe.step("testSecret")


def test_a_pending_version_that_would_end_open_links_is_refused(safe: Safe) -> None:
    safe.begin(V2)
    safe.client.put_secret_value(
        SecretId=NAME, ClientRequestToken=V2, SecretString=a_document("second"), VersionStages=["AWSPENDING"]
    )
    with pytest.raises(RotationError, match="does not read links of key first"):
        safe.step("testSecret")


def test_a_rotation_that_is_switched_off_is_refused(safe: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    off = {"RotationEnabled": False, "VersionIdsToStages": {V2: ["AWSPENDING"]}}
    monkeypatch.setattr(safe.client, "describe_secret", lambda **_request: off)
    with pytest.raises(RotationError, match="not enabled"):
        safe.step("createSecret")


def test_a_step_that_is_none_is_refused(safe: Safe) -> None:
    with pytest.raises(ValidationError):
        safe.step("deleteSecret")


def test_no_key_is_ever_logged(safe: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(rotation.logger.registered_handler, "stream", written)
    safe.rotate(V2)

    assert "finishSecret" in written.getvalue()
    assert safe.value("AWSCURRENT")["key"] not in written.getvalue()
    assert "f" * 48 not in written.getvalue()
