"""Secrets and rotation schedules from a template.

Stock's `Ref` of a secret is its name; a generated secret ignores every setting but `PasswordLength` and
`ExcludeCharacters`; and a template with an `AWS::SecretsManager::RotationSchedule` is refused. CloudFormation's `Ref`
is the secret's ARN, the generator is that of GetRandomPassword, and a schedule sets up rotation and rotates at once
unless `RotateImmediatelyOnUpdate` is false. The schedule itself does not tick here, and the log says so; RotateSecret
rotates.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-secretsmanager-rotationschedule.html
"""

from __future__ import annotations

import json
import logging
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

Properties = dict[str, Any]

_SWITCHES = (
    "ExcludeLowercase",
    "ExcludeNumbers",
    "ExcludePunctuation",
    "ExcludeUppercase",
    "IncludeSpace",
    "RequireEachIncludedType",
)


def install(_: CloudSettings) -> None:
    from ministack.services import secretsmanager
    from ministack.services.cloudformation import provisioners

    require(secretsmanager, "_get_random_password", "_resolve", "_rotate_secret")
    require(provisioners, "_RESOURCE_HANDLERS", "_cfn_bool")
    replace(provisioners, "_sm_secret_string", lambda _original: _secret_string)
    handlers = provisioners._RESOURCE_HANDLERS
    _identify_by_arn(handlers["AWS::SecretsManager::Secret"])
    handlers.setdefault(
        "AWS::SecretsManager::RotationSchedule",
        {"create": _create_schedule, "update": _update_schedule, "delete": _delete_schedule},
    )


def _secret_string(properties: Properties) -> str:
    given, generate = properties.get("SecretString"), properties.get("GenerateSecretString")
    if given and generate:
        raise ValueError("You can't specify both GenerateSecretString and SecretString.")
    if not generate:
        return str(given or "")
    template, key = generate.get("SecretStringTemplate"), generate.get("GenerateStringKey")
    if bool(template) != bool(key):
        raise ValueError("SecretStringTemplate and GenerateStringKey go together.")
    if not template:
        return _password(generate)
    try:
        secret = json.loads(template)
    except ValueError as error:
        raise ValueError(f"SecretStringTemplate is not JSON: {error}") from error
    if not isinstance(secret, dict):
        raise ValueError("SecretStringTemplate is no JSON object.")
    return json.dumps({**secret, key: _password(generate)})


def _password(generate: Properties) -> str:
    from ministack.services import secretsmanager
    from ministack.services.cloudformation import provisioners

    request: dict[str, Any] = {name: provisioners._cfn_bool(generate[name]) for name in _SWITCHES if name in generate}
    request["PasswordLength"] = int(generate.get("PasswordLength", 32))
    request["ExcludeCharacters"] = str(generate.get("ExcludeCharacters", ""))
    return str(_result(secretsmanager._get_random_password(request))["RandomPassword"])


def _identify_by_arn(handlers: dict[str, Any]) -> None:
    stock_create, stock_update, stock_delete = handlers["create"], handlers["update"], handlers["delete"]

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        _, attributes = stock_create(logical_id, properties, stack)
        return attributes["Arn"], attributes

    def update(arn: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None) -> Any:
        _, attributes = stock_update(_name(arn), old, new, stack, logical_id)
        return attributes["Arn"], attributes

    def delete(arn: str, properties: Properties) -> None:
        stock_delete(_name(arn), properties)

    handlers.update(create=create, update=update, delete=delete)


def _name(arn: str) -> str:
    """Under which stock keeps the secret."""
    from ministack.services import secretsmanager

    key, _ = secretsmanager._resolve(arn)
    return key or arn


def _create_schedule(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, str]]:
    return _schedule(properties, f"{logical_id} of stack {stack}"), {}


def _update_schedule(arn: str, _old: Properties, new: Properties, stack: str) -> tuple[str, dict[str, str]]:
    return _schedule(new, f"for {arn} of stack {stack}"), {}


def _schedule(properties: Properties, what: str) -> str:
    from ministack.services import secretsmanager
    from ministack.services.cloudformation import provisioners

    for name in ("HostedRotationLambda", "ExternalSecretRotationMetadata"):
        if properties.get(name):
            raise ValueError(f"{name} is not emulated here: give a RotationLambdaARN")
    logger.warning("rotation schedule %s does not tick here: RotateSecret rotates the secret", what)
    answer = secretsmanager._rotate_secret(
        {
            "SecretId": properties["SecretId"],
            "RotationLambdaARN": properties.get("RotationLambdaARN"),
            "RotationRules": _rules(properties.get("RotationRules") or {}),
            "RotateImmediately": provisioners._cfn_bool(properties.get("RotateImmediatelyOnUpdate", True)),
        }
    )
    return str(_result(answer)["ARN"])


def _rules(given: Properties) -> Properties:
    days = given.get("AutomaticallyAfterDays")
    return {**given, "AutomaticallyAfterDays": int(days)} if days is not None else given


def _delete_schedule(arn: str, _properties: Properties) -> None:
    from ministack.services import secretsmanager

    _, secret = secretsmanager._resolve(arn)
    if secret is not None:
        secret.update(RotationEnabled=False, RotationLambdaARN=None, RotationRules=None)


def _result(answer: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer[2])
    if answer[0] >= 400:
        raise ValueError(str(body.get("message") or body.get("Message") or body))
    return body
