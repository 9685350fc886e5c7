"""IoT rule actions of type Kinesis.

Stock skips them, with a line at debug level. AWS puts one record on the stream for each message, under a partition key
that may hold substitution templates, and runs the rule's error action when it can't (AWS IoT, "Kinesis Data Streams").
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

_TEMPLATE = re.compile(r"\$\{(.+?)\}")

#: Topic, payload and client of the message whose actions run: the dispatcher itself is told only the rule's output.
_message: ContextVar[tuple[str, bytes, str | None]] = ContextVar("iot_message", default=("", b"", None))

AsyncFunction = Callable[..., Awaitable[None]]


def install(_: CloudSettings) -> None:
    from ministack.services import iot, kinesis

    require(iot, "_rule_message", "_eval_select_expr", "_MISSING")
    require(kinesis, "put_record_internal")
    replace(iot, "_run_rule_actions", _remembering_the_message)
    replace(iot, "_dispatch_rule_action", _with_kinesis)
    iot._RULE_ACTION_RESOURCE_KEYS["kinesis"] = ("streamName",)


def _remembering_the_message(original: AsyncFunction) -> AsyncFunction:
    async def run(
        account_id: str,
        region: str,
        rule: dict[str, Any],
        payload: bytes,
        topic: str = "",
        client_id: str | None = None,
    ) -> None:
        token = _message.set((topic, payload or b"", client_id))
        try:
            await original(account_id, region, rule, payload, topic, client_id)
        finally:
            _message.reset(token)

    return run


def _with_kinesis(original: AsyncFunction) -> AsyncFunction:
    async def dispatch(account_id: str, region: str, rule_name: str, action: dict[str, Any], event: Any) -> None:
        if "kinesis" in action:
            _put_record(account_id, region, action["kinesis"], event)
        else:
            await original(account_id, region, rule_name, action, event)

    return dispatch


def _put_record(account_id: str, region: str, action: dict[str, Any], event: Any) -> None:
    from ministack.core.responses import request_scope
    from ministack.services import kinesis

    arn = f"arn:aws:kinesis:{region}:{account_id}:stream/{action['streamName']}"
    data = event if isinstance(event, str) else json.dumps(event)
    key = _TEMPLATE.sub(_substituted, action.get("partitionKey") or "${newuuid()}")
    with request_scope(account_id, region):
        if not kinesis.put_record_internal(arn, key, data.encode()):
            raise LookupError(f"stream {action['streamName']} does not exist or is not active")


def _substituted(template: re.Match[str]) -> str:
    from ministack.services import iot

    topic, payload, client_id = _message.get()
    value = iot._eval_select_expr(template.group(1), topic, payload, iot._rule_message(payload), client_id)
    if value is iot._MISSING:
        return "undefined"
    return value if isinstance(value, str) else json.dumps(value)
