"""What an IoT rule may do: each action's role decides.

Stock runs actions as the account's root. AWS runs each under its role; a refusal starts the rule's error action (AWS
IoT, "Granting an AWS IoT rule the access it requires").
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from simulator.cloud import permissions
from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings

_SERVICE = "iot.amazonaws.com"


def install(_: CloudSettings) -> None:
    from ministack.services import iot

    replace(iot, "_dispatch_rule_action", _asking_first)


def _asking_first(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    from ministack.core.responses import request_scope

    async def dispatch(account_id: str, region: str, rule_name: str, action: dict[str, Any], event: Any) -> None:
        with request_scope(account_id, region):
            refusal = _refusal(action, f"{region}:{account_id}", rule_name)
        if refusal:
            # The dispatcher logs it, and hands it to the error action.
            raise PermissionError(refusal)
        await original(account_id, region, rule_name, action, event)

    return dispatch


def _refusal(action: dict[str, Any], here: str, rule_name: str) -> str | None:
    kind, settings = next(iter(action.items()))
    if kind == "lambda":
        return permissions.function_refusal(settings["functionArn"], _SERVICE, f"arn:aws:iot:{here}:rule/{rule_name}")
    checks: dict[str, Callable[[], permissions.Check]] = {
        "kinesis": lambda: ("kinesis:PutRecord", f"arn:aws:kinesis:{here}:stream/{settings['streamName']}"),
        "sqs": lambda: ("sqs:SendMessage", f"arn:aws:sqs:{here}:{settings['queueUrl'].rsplit('/', 1)[-1]}"),
        "sns": lambda: ("sns:Publish", settings["targetArn"]),
        "republish": lambda: ("iot:Publish", f"arn:aws:iot:{here}:topic/{settings['topic']}"),
        "dynamoDBv2": lambda: (
            "dynamodb:PutItem",
            f"arn:aws:dynamodb:{here}:table/{settings['putItem']['tableName']}",
        ),
    }
    return permissions.role_refusal(settings.get("roleArn"), _SERVICE, [checks[kind]()]) if kind in checks else None
