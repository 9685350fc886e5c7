"""What a message to people is, whatever carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smartwatch_contracts.events import Severity

#: `alert` asks for an answer; `acknowledged` and `cleared` say that none is needed now; `digest` what was held back.
Purpose = Literal["alert", "acknowledged", "cleared", "digest"]

#: Amazon SNS `Publish`: a subject has fewer than 100 characters, printable ASCII.
SUBJECT_MAX_CHARACTERS = 99


@dataclass(frozen=True)
class Message:
    """A message to one recipient. It names the watch and the rule and never a measured value: mail is not private.

    `subject` fits SNS and a text message; `body` is the whole text. `link` is where to acknowledge, empty where nothing
    is to be. `key` is the same however often this very message is sent, and another for every other message.
    """

    purpose: Purpose
    subject: str
    body: str
    severity: Severity
    alert_id: str
    device_id: str
    rule_id: str
    title: str
    started_at: int
    drill: bool
    key: str
    link: str = ""
