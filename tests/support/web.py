"""HTTP calls as a browser or curl makes them: no SDK, no redirects to follow, errors are answers."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from simulator.cloud.settings import REGION

Answer = tuple[int, bytes]


def call(url: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
    status, _, content = whole(url, method, headers, body)
    return status, content


def whole(
    url: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None
) -> tuple[int, Any, bytes]:
    """Status, headers and body."""
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=body)
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def signed(url: str, key: str, secret: str) -> dict[str, str]:
    """The headers that sign a GET for API Gateway."""
    request = AWSRequest("GET", url)
    SigV4Auth(Credentials(key, secret), "execute-api", REGION).add_auth(request)
    return dict(request.headers.items())
