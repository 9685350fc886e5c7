"""The IAM actions of SQS' batch calls.

Stock asks for `sqs:SendMessageBatch` and the like. There are no such actions: `sqs:SendMessage` permits both calls
(Service Authorization Reference, "Actions, resources, and condition keys for Amazon SQS").
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.cloud.patching import replace
from simulator.cloud.settings import CloudSettings

_BATCH = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}


def install(_: CloudSettings) -> None:
    from ministack.core import iam_actions

    replace(iam_actions, "extract_iam_action", _naming_real_actions)


def _naming_real_actions(original: Callable[..., str | None]) -> Callable[..., str | None]:
    def extract(*args: object, **kwargs: object) -> str | None:
        action = original(*args, **kwargs)
        return _BATCH.get(action, action) if action else action

    return extract
