"""The rotation of the link keys: Secrets Manager calls this function, four steps for each new version of the secret."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field

from notify import links
from notify.links import Claims, Key, LinkError

logger = Logger()

#: A retired key signs a little longer, where it is cached and while a rotation takes its time; its links stay good too.
MARGIN_SECONDS = 86_400


class RotationError(Exception):
    """This version can't be rotated to. Secrets Manager tries again, and the current version stays in force."""


class Step(BaseModel):
    """What Secrets Manager sends (User Guide, "Rotation functions"). Errors: pydantic's `ValidationError`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    step: Literal["createSecret", "setSecret", "testSecret", "finishSecret"] = Field(alias="Step")
    secret_id: str = Field(alias="SecretId")
    version: str = Field(alias="ClientRequestToken")


@dataclass(frozen=True)
class Dependencies:
    """`client` is boto3's for Secrets Manager, `now` seconds since 1970. Keys are kept so long after they retire."""

    client: Any
    keep_seconds: int
    now: Callable[[], float] = time.time


def rotated(document: str, new_key: Key, now: int, keep_seconds: int) -> str:
    """The document with `new_key` in front, and behind it every key whose links may still be out there.

    Times are in seconds since 1970. Errors: `links.KeyDocumentError`.
    """
    was = links.load_key_document(document)
    kept = [entry for entry in was["previous"] if now < entry["retiredAt"] + keep_seconds]
    retired = {"id": was["id"], "key": was["key"], "retiredAt": now}
    made = json.dumps({"id": new_key.id, "key": new_key.secret.decode(), "previous": [retired, *kept]})
    links.load_key_document(made)
    return made


def new_key() -> Key:
    return Key(id=secrets.token_hex(4), secret=secrets.token_urlsafe(48).encode())


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], _context: LambdaContext, *, deps: Dependencies | None = None) -> None:
    """One step. Each may come again, and then finds its work done. Errors: `RotationError`, and AWS's own."""
    step = Step.model_validate(event)
    vault = Vault((deps or _build()).client, step.secret_id, step.version)
    if vault.is_current():
        return
    match step.step:
        case "createSecret":
            _create(vault, deps or _build())
        case "setSecret":
            pass  # Nobody else has a copy of the keys that would have to be told.
        case "testSecret":
            _test(vault)
        case "finishSecret":
            vault.make_current()
    logger.info("a step of the rotation is done", step=step.step)


def _create(vault: Vault, deps: Dependencies) -> None:
    if vault.pending() is None:
        vault.put_pending(rotated(vault.current(), new_key(), int(deps.now()), deps.keep_seconds))


def _test(vault: Vault) -> None:
    """The new version must read its own links and those that the current one signs at this moment."""
    document = vault.pending()
    if document is None:
        raise RotationError("the pending version has no value")
    pending, probe = links.parse_keys(document), Claims("rotation", "rotation", "rotation", links.LATEST_EXPIRY)
    for signing in (pending, links.parse_keys(vault.current())):
        try:
            links.read(links.sign(probe, signing), pending, 0)
        except LinkError:
            raise RotationError(f"the pending version does not read links of key {signing.current.id}") from None


class Vault:
    """The secret, seen from one version of it that is to become current."""

    def __init__(self, client: Any, secret_id: str, version: str) -> None:
        self._client = client
        self._secret_id = secret_id
        self._version = version

    def is_current(self) -> bool:
        """Whether the work is done already. Errors: `RotationError` for a version that nobody asked us to rotate to."""
        stages = self._stages()
        if "AWSCURRENT" in stages.get(self._version, []):
            return True
        if "AWSPENDING" not in stages.get(self._version, []):
            raise RotationError("the version is not pending")
        return False

    def current(self) -> str:
        return str(self._client.get_secret_value(SecretId=self._secret_id, VersionStage="AWSCURRENT")["SecretString"])

    def pending(self) -> str | None:
        try:
            answer = self._client.get_secret_value(
                SecretId=self._secret_id, VersionId=self._version, VersionStage="AWSPENDING"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        return str(answer["SecretString"])

    def put_pending(self, document: str) -> None:
        """Give the version its value. A twin of this call that was faster has given it one as good."""
        try:
            self._client.put_secret_value(
                SecretId=self._secret_id,
                ClientRequestToken=self._version,
                SecretString=document,
                VersionStages=["AWSPENDING"],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceExistsException":
                raise

    def make_current(self) -> None:
        was = next(version for version, stages in self._stages().items() if "AWSCURRENT" in stages)
        self._client.update_secret_version_stage(
            SecretId=self._secret_id,
            VersionStage="AWSCURRENT",
            MoveToVersionId=self._version,
            RemoveFromVersionId=was,
        )

    def _stages(self) -> dict[str, list[str]]:
        described = self._client.describe_secret(SecretId=self._secret_id)
        if not described.get("RotationEnabled", True):
            raise RotationError("rotation is not enabled")
        return dict(described["VersionIdsToStages"])


@cache
def _build() -> Dependencies:
    lifetime = int(os.environ["LINK_LIFETIME_SECONDS"])
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})
    return Dependencies(boto3.client("secretsmanager", config=config), keep_seconds=lifetime + MARGIN_SECONDS)
