"""Rotation of a secret: RotateSecret calls the rotation function, and the function moves the labels.

Stock calls nobody: it copies the secret and makes the copy current at once. It also has no version without a value,
lets two versions have the same label, and lets a token overwrite the version it already made. AWS labels an empty
version `AWSPENDING` and calls the function for createSecret, setSecret, testSecret and finishSecret, which moves
`AWSCURRENT`; it wants the function's permission for `secretsmanager.amazonaws.com`; it refuses to begin while a
rotation is not complete, and tries that one again. Here nothing is tried again unasked, and a failed step is in the
log.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from simulator.cloud import permissions
from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

Request = dict[str, Any]
Secret = dict[str, Any]

_SERVICE = "secretsmanager.amazonaws.com"
_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_CANNOT_INVOKE = (
    "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the "
    "principal secretsmanager.amazonaws.com."
)

#: Versions that are being rotated to.
_running: set[str] = set()
#: The version of a configuration's test, by the secret's ARN: it only looks like a rotation.
_tests: dict[str, str] = {}


def install(_: CloudSettings) -> None:
    from ministack.services import lambda_svc, secretsmanager

    require(secretsmanager, "_resolve", "_find_stage_version", "_remove_stage_everywhere", "_is_replica")
    require(lambda_svc, "_get_func_record_for_ref", "_execution_record_for_config")
    require(lambda_svc, "_execute_function_with_config_scope")
    replace(secretsmanager, "_rotate_secret", _rotating)
    replace(secretsmanager, "_get_secret_value", _not_finding_empty_versions)
    replace(secretsmanager, "_put_secret_value", _moving_labels)
    replace(secretsmanager, "_describe_secret", _saying_when)


def _rotating(original: Callable[[Request], Any]) -> Callable[[Request], Any]:
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import secretsmanager

    def rotate(data: Request) -> Any:
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        if not secret or secret.get("DeletedDate") or secretsmanager._is_replica(secret):
            return original(data)  # which refuses
        function = data.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
        if not function:
            message = "No Lambda rotation function ARN is associated with this secret."
            return error_response_json("InvalidRequestException", message, 400)
        refusal = _refusal(function, secret)
        if refusal:
            logger.error("secret %s: %s", secret["Name"], refusal)
            return error_response_json("AccessDeniedException", _CANNOT_INVOKE, 400)
        _forget_test(secret)
        pending, _ = secretsmanager._find_stage_version(secret, "AWSPENDING")
        if pending and "AWSCURRENT" not in secret["Versions"][pending]["Stages"]:
            _start(secret, function, pending, _STEPS)
            message = "A previous rotation isn't complete. That rotation will be reattempted."
            return error_response_json("InvalidRequestException", message, 400)
        secret.update(RotationEnabled=True, RotationLambdaARN=function)
        if data.get("RotationRules"):
            secret["RotationRules"] = data["RotationRules"]
        version = data.get("ClientRequestToken") or str(uuid.uuid4())
        if data.get("RotateImmediately", True):
            _pend(secret, version, {})
            _start(secret, function, version, _STEPS)
        else:
            _, current = secretsmanager._find_stage_version(secret, "AWSCURRENT")
            _tests[secret["ARN"]] = version
            _pend(secret, version, current or {})
            _start(secret, function, version, ("testSecret",))
        return json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version})

    return rotate


def _refusal(function: str, secret: Secret) -> str | None:
    from ministack.services import lambda_svc

    record, _, _ = lambda_svc._get_func_record_for_ref(function)
    if not record:
        return f"there is no function {function}"
    return permissions.function_refusal(function, _SERVICE, secret["ARN"])


def _pend(secret: Secret, version: str, value: dict[str, Any]) -> None:
    from ministack.services import secretsmanager

    secretsmanager._remove_stage_everywhere(secret, "AWSPENDING")
    secret["Versions"][version] = {
        "SecretString": value.get("SecretString"),
        "SecretBinary": value.get("SecretBinary"),
        "CreatedDate": int(time.time()),
        "Stages": ["AWSPENDING"],
    }


def _forget_test(secret: Secret) -> None:
    version = _tests.pop(secret["ARN"], None)
    if version:
        secret["Versions"].pop(version, None)


def _start(secret: Secret, function: str, version: str, steps: tuple[str, ...]) -> None:
    """Rotate on a thread of its own: the function calls this server."""
    from ministack.core.responses import get_account_id, get_region, request_scope

    if version in _running:
        return
    _running.add(version)
    account, region = get_account_id(), get_region()

    def run() -> None:
        try:
            with request_scope(account, region):
                _run(secret, function, version, steps)
        except Exception:
            logger.exception("secret %s: rotation", secret["Name"])
        finally:
            _running.discard(version)

    threading.Thread(target=run, name="secret-rotation", daemon=True).start()


def _run(secret: Secret, function: str, version: str, steps: tuple[str, ...]) -> None:
    for step in steps:
        problem = _refusal(function, secret) or _call(function, secret, version, step)
        if problem and secret["Versions"].get(version):
            logger.error("secret %s: rotation fails in %s: %s", secret["Name"], step, problem)
        if problem:
            break
    else:
        if steps == _STEPS:
            _finish(secret, version)
    if _tests.get(secret["ARN"]) == version:
        _forget_test(secret)


def _call(function: str, secret: Secret, version: str, step: str) -> str | None:
    """What went wrong."""
    from ministack.services import lambda_svc

    event = {"SecretId": secret["ARN"], "ClientRequestToken": version, "Step": step}
    record, config, _ = lambda_svc._get_func_record_for_ref(function)
    result = lambda_svc._execute_function_with_config_scope(
        lambda_svc._execution_record_for_config(record, config), event
    )
    return str(result.get("body")) if result.get("error") or result.get("throttle") else None


def _finish(secret: Secret, version: str) -> None:
    if "AWSCURRENT" in secret["Versions"].get(version, {}).get("Stages", []):
        secret["LastRotatedDate"] = int(time.time())
    else:
        logger.error("secret %s: finishSecret did not make version %s current", secret["Name"], version)


def _not_finding_empty_versions(original: Callable[[Request], Any]) -> Callable[[Request], Any]:
    from ministack.core.responses import error_response_json
    from ministack.services import secretsmanager

    def get(data: Request) -> Any:
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        if not secret or secret.get("DeletedDate"):
            return original(data)
        version, stage = data.get("VersionId"), data.get("VersionStage")
        if version:
            found, where = secret["Versions"].get(version), f"VersionId: {version}"
            if found and stage and stage not in found["Stages"]:
                message = "You provided a VersionStage that is not associated to the provided VersionId."
                return error_response_json("InvalidRequestException", message, 400)
        else:
            _, found = secretsmanager._find_stage_version(secret, stage or "AWSCURRENT")
            where = f"staging label: {stage or 'AWSCURRENT'}"
        if found and found["SecretString"] is None and found["SecretBinary"] is None:
            message = f"Secrets Manager can't find the specified secret value for {where}"
            return error_response_json("ResourceNotFoundException", message, 400)
        return original(data)

    return get


def _moving_labels(original: Callable[[Request], Any]) -> Callable[[Request], Any]:
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import secretsmanager

    def put(data: Request) -> Any:
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        token = data.get("ClientRequestToken")
        made = secret["Versions"].get(token) if secret and token else None
        if secret and made and (made["SecretString"], made["SecretBinary"]) != (None, None):
            if (made["SecretString"], made["SecretBinary"]) != (data.get("SecretString"), data.get("SecretBinary")):
                message = (
                    f"You can't use ClientRequestToken {token} because that value is already in use for a version of "
                    f"secret {secret['ARN']}."
                )
                return error_response_json("ResourceExistsException", message, 400)
            answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token}
            return json_response({**answer, "VersionStages": list(made["Stages"])})
        answered = original(data)
        if answered[0] == 200 and secret:
            version = json.loads(answered[2])["VersionId"]
            for label in data.get("VersionStages") or []:
                secretsmanager._remove_stage_everywhere(secret, label, except_version_id=version)
        return answered

    return put


def _saying_when(original: Callable[[Request], Any]) -> Callable[[Request], Any]:
    from ministack.core.responses import json_response
    from ministack.services import secretsmanager

    def describe(data: Request) -> Any:
        answer = original(data)
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        if answer[0] == 200 and secret and secret.get("LastRotatedDate"):
            return json_response({**json.loads(answer[2]), "LastRotatedDate": secret["LastRotatedDate"]})
        return answer

    return describe
