"""Calls of an HTTP API: what the function is given, what the caller is answered, and preflights.

Stock leaves cookies in the headers and gives null for path parameters that are not there; answers an error of the
function with its text and 502, and a malformed answer with whatever comes of it; waits as long as the function takes;
and refuses every OPTIONS when no CORS is configured. AWS gives `cookies` apart, answers 500 without a reason, 503 when
the integration's time is up, and lets OPTIONS reach the routes of an API without CORS.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

Response = tuple[int, dict[str, Any], bytes]

_JSON = {"Content-Type": "application/json"}
#: How stock names the thread that runs an integration's function.
_INTEGRATION = "ministack-apigw-invoke"


def install(_: CloudSettings) -> None:
    from ministack.services import apigateway, lambda_svc

    require(apigateway, "_apis", "_extract_lambda_ref_from_integration_uri")
    require(lambda_svc, "_get_func_record_for_ref_in_scope")
    replace(apigateway, "run_reentrant", _in_the_format_of_aws)
    replace(apigateway, "_invoke_lambda_proxy", _in_the_time_of_the_integration)
    replace(apigateway, "_handle_execute_in_scope", _routing_options)
    replace(apigateway, "_match_route", lambda original: lambda api, method, path: original(api, method.upper(), path))
    replace(apigateway, "_cors_preflight_response", _answering_foreign_origins)


def failure(status: int, message: str) -> Response:
    return status, dict(_JSON), f'{{"message":"{message}"}}'.encode()


def _in_the_format_of_aws(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def run(execute: Any, record: Any, event: dict[str, Any], *, thread_name: str) -> Any:
        if thread_name != _INTEGRATION:
            return await original(execute, record, event, thread_name=thread_name)
        _complete(event)
        result = await original(execute, record, event, thread_name=thread_name)
        if result.get("throttle"):
            return result
        problem = _problem(result)
        if problem:
            logger.error("HTTP API %s: %s: %s", event["requestContext"]["apiId"], event["routeKey"], problem)
            status, headers, body = failure(500, "Internal Server Error")
            return {"body": {"statusCode": status, "headers": headers, "body": body.decode()}}
        return result

    return run


def _complete(event: dict[str, Any]) -> None:
    context, headers = event["requestContext"], event["headers"]
    context["http"]["method"] = context["http"]["method"].upper()
    context["domainPrefix"] = context["apiId"]
    cookies = headers.pop("cookie", None)
    if cookies:
        event["cookies"] = cookies.split("; ")
    if not event["pathParameters"]:
        del event["pathParameters"]


def _problem(result: dict[str, Any]) -> str | None:
    """Why the function's answer can't be passed on."""
    if result.get("error"):
        return f"the function failed: {result.get('body')}"
    answer = result.get("body")
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except ValueError:
            return None
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return None  # then the answer is the body, with status 200
    status, headers = answer["statusCode"], answer.get("headers")
    if isinstance(status, bool) or not str(status).isdigit() or not 100 <= int(status) <= 599:
        return f"the function answered with status {status!r}"
    answer["statusCode"] = int(status)
    if not isinstance(answer.get("body"), str | None):
        return f"the function answered with a body that is no text: {type(answer['body']).__name__}"
    if not isinstance(headers, dict | None) or not all(_is_scalar(value) for value in (headers or {}).values()):
        return f"the function answered with headers {headers!r}"
    answer.update(
        body=answer.get("body") or "", headers={name: _text(value) for name, value in (headers or {}).items()}
    )
    result["body"] = answer
    return None


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _in_the_time_of_the_integration(original: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    from ministack.services import apigateway, lambda_svc

    async def invoke(integration: dict[str, Any], api_id: str, *args: Any, **more: Any) -> Response:
        reference = apigateway._extract_lambda_ref_from_integration_uri(integration.get("integrationUri", ""))
        function, _, _ = lambda_svc._get_func_record_for_ref_in_scope(
            reference, account_id=more["owner_account_id"], region=more["owner_region"]
        )
        if function is None:
            logger.error("HTTP API %s: there is no function %s", api_id, reference)
            return failure(500, "Internal Server Error")
        running = asyncio.ensure_future(original(integration, api_id, *args, **more))
        done, _ = await asyncio.wait({running}, timeout=int(integration.get("timeoutInMillis") or 30000) / 1000)
        if done:
            return running.result()
        logger.error("HTTP API %s: %s did not answer in time; it goes on", api_id, reference)
        return failure(503, "Service Unavailable")

    return invoke


def _routing_options(original: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    from ministack.services import apigateway

    async def handle(api_id: str, stage: str, path: str, method: str, *args: Any, **more: Any) -> Response:
        if method == "OPTIONS" and not (apigateway._apis.get(api_id) or {}).get("corsConfiguration"):
            method = "options"  # stock answers OPTIONS itself; in this spelling it looks for a route
        return await original(api_id, stage, path, method, *args, **more)

    return handle


def _answering_foreign_origins(original: Callable[..., Response]) -> Callable[..., Response]:
    def preflight(cors: dict[str, Any], origin: str) -> Response:
        status, headers, body = original(cors, origin)
        # The browser is told by the headers that are missing.
        return (status, headers, body) if status == 204 else (204, {"Content-Length": "0"}, b"")

    return preflight
