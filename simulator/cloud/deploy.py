"""Deploys `template.yaml` to the local cloud: zips of the services' own code, one change set, about a second.

The Lambda workers run on this interpreter and so have the locked packages already; what `sam build` would add to a zip
is left out here, and checked by building for real in the tests.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from notify.policy_files import DEFAULT

from simulator.alarm_configuration import AlarmConfiguration
from simulator.cloud.process import CloudError
from simulator.cloud.settings import REGION, CloudSettings

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_s3.client import S3Client

ROOT = Path(__file__).resolve().parents[2]
STACK = "smartwatch"
BUCKET = "smartwatch-artifacts"
DEADLINE_SECONDS = 60

#: People wait minutes, a laptop's demonstration waits seconds: so does the policy that is put where there is none.
LAPTOP_POLICY = Path(__file__).with_name("laptop.yaml")
LOCAL_PARAMETERS = {
    "DirectPageSeconds": "5",
    "IngestWindowSeconds": "1",
    "PersistWindowSeconds": "1",
    "WatchedRefreshSeconds": "1",
    "ConfigurationRefreshSeconds": "2",
    "HandOverSeconds": "2",
    "CareTeamEmail": "care-team@example.com",
    "OnCallPhone": "+15550100",
}

_CLIENT_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 2})


def deploy(
    settings: CloudSettings, stack: str = STACK, parameters: dict[str, str] | None = None, template: Path | None = None
) -> dict[str, str]:
    """Create or update `stack` on the local cloud; its outputs.

    `parameters` go over `LOCAL_PARAMETERS`. Errors: `CloudError` with CloudFormation's reason.
    """
    arguments: dict[str, Any] = {
        "endpoint_url": settings.endpoint,
        "region_name": REGION,
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "config": _CLIENT_CONFIG,
    }
    cloudformation: CloudFormationClient = boto3.client("cloudformation", **arguments)
    url = _packaged(template or ROOT / "template.yaml", boto3.client("s3", **arguments), settings.endpoint)
    _execute_change_set(cloudformation, stack, url, {**LOCAL_PARAMETERS, **(parameters or {})})
    made = outputs(cloudformation, stack)
    policies = AlarmConfiguration(boto3.client("dynamodb", **arguments), made["AlarmConfigurationTableName"]).policies
    if not policies.history(DEFAULT):
        policies.put(LAPTOP_POLICY.read_text(), "smartwatch up")
    return made


def outputs(cloudformation: CloudFormationClient, stack: str) -> dict[str, str]:
    """The stack's outputs by key."""
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _packaged(template: Path, s3: S3Client, endpoint: str) -> str:
    """The URL of the template, it and its code and its workflow uploaded: what `sam package` does.

    By URL, for a template that is given with the request may have 51,200 bytes.
    """
    from samtranslator.yaml_helper import yaml_parse  # slow to import, and only needed here

    body: dict[str, Any] = yaml_parse(template.read_text())
    _ensure_bucket(s3)
    for resource in body["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = _upload(s3, function_zip(ROOT / properties["CodeUri"]), ".zip")
        elif resource["Type"] == "AWS::Serverless::StateMachine":
            properties["DefinitionUri"] = _upload(s3, (ROOT / properties["DefinitionUri"]).read_bytes(), ".asl.yaml")
    key = _upload(s3, json.dumps(body, default=str).encode(), ".template").removeprefix(f"s3://{BUCKET}/")
    return f"{endpoint}/{BUCKET}/{key}"


def function_zip(service: Path) -> bytes:
    """A service's own package and the contracts, with fixed timestamps: the same code makes the same zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in (service, ROOT / "contracts"):
            for path in _package_files(folder):
                archive.writestr(zipfile.ZipInfo(path.relative_to(folder).as_posix()), path.read_bytes())
    return buffer.getvalue()


def _package_files(folder: Path) -> Iterator[Path]:
    for package in sorted(path.parent for path in folder.glob("*/__init__.py")):
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _ensure_bucket(s3: S3Client) -> None:
    try:
        s3.create_bucket(Bucket=BUCKET)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise


def _upload(s3: S3Client, data: bytes, suffix: str) -> str:
    key = hashlib.sha256(data).hexdigest() + suffix
    s3.put_object(Bucket=BUCKET, Key=key, Body=data)
    return f"s3://{BUCKET}/{key}"


def _execute_change_set(
    cloudformation: CloudFormationClient, stack: str, template_url: str, parameters: dict[str, str]
) -> None:
    name = f"deploy-{time.time_ns()}"
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        ChangeSetType="UPDATE" if _exists(cloudformation, stack) else "CREATE",
        TemplateURL=template_url,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        described = cloudformation.describe_change_set(ChangeSetName=name, StackName=stack)
        if described["Status"] == "CREATE_COMPLETE":
            break
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            if "didn't contain changes" in reason or "No updates" in reason:
                return
            raise CloudError(f"the template was refused: {reason}")
        _wait(deadline, "the change set")
    cloudformation.execute_change_set(ChangeSetName=name, StackName=stack)
    while (status := _status(cloudformation, stack)).endswith("_IN_PROGRESS"):
        _wait(deadline, "the deployment")
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise CloudError(f"the deployment ended in {status}: {_first_failure(cloudformation, stack)}")


def _exists(cloudformation: CloudFormationClient, stack: str) -> bool:
    try:
        return _status(cloudformation, stack) != "REVIEW_IN_PROGRESS"
    except ClientError:
        return False


def _status(cloudformation: CloudFormationClient, stack: str) -> str:
    return str(cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


def _first_failure(cloudformation: CloudFormationClient, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in events if event.get("ResourceStatus", "").endswith("FAILED")]
    if not failed:
        return "no resource says why"
    return f"{failed[-1]['LogicalResourceId']}: {failed[-1].get('ResourceStatusReason', '')}"


def _wait(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise CloudError(f"{what} took over {DEADLINE_SECONDS} s")
    time.sleep(0.05)
