"""Who may call an HTTP API, and which functions it may call.

Stock invokes a route's function or authorizer whatever its policy says; takes any `Authorization` header on a route
with AWS_IAM; answers a refusal as AWS's own services do; and refuses paths that are no route. An HTTP API needs the
function's permission for `apigateway.amazonaws.com` and its own ARN, and answers 403 `Forbidden` to a caller without a
valid signature or without `execute-api:Invoke` on the route.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from simulator.cloud import permissions
from simulator.cloud.mends.httpapi_calls import Response, failure
from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

_SERVICE = "apigateway.amazonaws.com"


def install(_: CloudSettings) -> None:
    from ministack import app
    from ministack.services import apigateway

    require(apigateway, "find_api_scope", "route_authorization_type", "_extract_lambda_ref_from_integration_uri")
    replace(app, "_enforce_execute_api", _forbidding)
    replace(apigateway, "_invoke_lambda_proxy", _asking_the_function)
    replace(apigateway, "_invoke_request_authorizer_lambda", _asking_the_authorizer)


def _forbidding(original: Callable[..., Response | None]) -> Callable[..., Response | None]:
    from ministack.services import apigateway

    def enforce(
        api_id: str, stage: str, method: str, path: str, headers: dict[str, str], query: Any, **more: Any
    ) -> Response | None:
        if apigateway.find_api_scope(api_id) is None or more.get("iam_action", "execute-api:Invoke") != (
            "execute-api:Invoke"
        ):
            return original(api_id, stage, method, path, headers, query, **more)
        if apigateway.route_authorization_type(api_id, stage, method, path) != "AWS_IAM":
            return None  # not a matter of signatures; and no route is not found, whoever asks
        header = headers.get("authorization", "")
        if header and not header.startswith("AWS4-HMAC-SHA256"):
            return failure(403, "Forbidden")
        denied = original(api_id, stage, method, path, headers, query, **more)
        if denied is None:
            return None
        logger.warning("HTTP API %s: %s %s is refused: %r", api_id, method, path, denied[2])
        return failure(403, "Forbidden")

    return enforce


def _asking_the_function(original: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    async def invoke(
        integration: dict[str, Any],
        api_id: str,
        stage: str,
        path: str,
        method: str,
        headers: Any,
        body: Any,
        query: Any,
        route_key: str,
        *args: Any,
        **more: Any,
    ) -> Response:
        _, _, pattern = route_key.partition(" ")
        source = f"{stage}/{method.upper()}{pattern}" if pattern else f"{stage}/{route_key}"
        refusal = _refusal(integration.get("integrationUri", ""), api_id, source)
        if refusal:
            logger.error("HTTP API %s: %s", api_id, refusal)
            return failure(500, "Internal Server Error")
        return await original(integration, api_id, stage, path, method, headers, body, query, route_key, *args, **more)

    return invoke


def _asking_the_authorizer(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def invoke(authorizer: dict[str, Any], event: dict[str, Any], account: str, region: str) -> Any:
        api_id = event["requestContext"]["apiId"]
        uri = authorizer.get("authorizerUri", "")
        refusal = _refusal(uri, api_id, f"authorizers/{authorizer['authorizerId']}")
        if refusal:
            logger.error("HTTP API %s: %s", api_id, refusal)
            return None
        return await original(authorizer, event, account, region)

    return invoke


def _refusal(uri: str, api_id: str, source: str) -> str | None:
    from ministack.core import responses
    from ministack.services import apigateway

    here = f"{responses.get_region()}:{responses.get_account_id()}"
    reference = apigateway._extract_lambda_ref_from_integration_uri(uri)
    return permissions.function_refusal(reference, _SERVICE, f"arn:aws:execute-api:{here}:{api_id}/{source}")
