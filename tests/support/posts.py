"""A poster for tests of channels: it keeps what was posted and answers what the test says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from notify.posting import Answer, Poster


class ScriptedPoster(Poster):
    """Answers, or raises, one outcome after another, and the last again and again. A number is a status."""

    def __init__(self, *outcomes: int | Answer | Exception) -> None:
        super().__init__()
        self._outcomes = [Answer(each) if isinstance(each, int) else each for each in outcomes]
        self.urls: list[str] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.urls.append(url)
        self.bodies.append(body)
        self.headers.append(dict(headers))
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def documents(self) -> list[Any]:
        return [json.loads(each) for each in self.bodies]
