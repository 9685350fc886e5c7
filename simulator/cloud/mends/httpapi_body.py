"""HTTP APIs from a template: routes, integrations, authorizers and CORS from the OpenAPI `Body`, and a URL that works.

Stock ignores `Body`, where SAM puts all of an `AWS::Serverless::HttpApi`, so that the API answers nothing but 404;
keeps CORS in the template's spelling, which it does not read; and gives the API a host name under `localhost`, which
not every client resolves. CloudFormation imports the definition, and what it can't import fails the deployment if
`FailOnWarnings` says so. Here `ApiEndpoint` is a path on the cloud's own port. Not emulated, and refused: payload
format 1.0, service integrations, `BodyS3Location`.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from simulator.cloud.patching import replace, require
from simulator.cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

Properties = dict[str, Any]
#: As stock's path-style address has it, and therefore its routing, its CORS and its authorization.
PREFIX = "/_aws/execute-api/"

_ANY = "x-amazon-apigateway-any-method"
_METHODS = {name: name.upper() for name in ("get", "put", "post", "delete", "options", "head", "patch", "trace")}
_METHODS[_ANY] = "ANY"
#: SAM writes the default route with and without a slash.
_DEFAULT = {"$default", "/$default"}

_KNOWN = {"openapi", "info", "tags", "paths", "components", "x-amazon-apigateway-cors"}
_KNOWN_OF_AN_OPERATION = {
    "x-amazon-apigateway-integration",
    "security",
    "responses",
    "parameters",
    "isDefaultRoute",
    "operationId",
    "summary",
    "description",
    "tags",
}


def install(settings: CloudSettings) -> None:
    from ministack import app
    from ministack.services import apigateway
    from ministack.services.cloudformation import provisioners

    require(apigateway, "_apis", "_routes", "_integrations", "_authorizers", "stages_for_api", "find_api_scope")
    require(provisioners, "_RESOURCE_HANDLERS", "_pascal_to_camel", "_cfn_bool", "_tag_map")
    _import_bodies(provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"], settings.endpoint)
    replace(app, "_parse_execute_api_url", _keeping_the_path_of_the_default_stage)


def _import_bodies(handlers: dict[str, Any], endpoint: str) -> None:
    stock_create, stock_update, stock_delete = handlers["create"], handlers["update"], handlers["delete"]

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        definition = _definition(logical_id, properties)
        api_id, attributes = stock_create(logical_id, _with_title(properties), stack)
        return api_id, {**attributes, "ApiEndpoint": _apply(api_id, properties, definition, endpoint)}

    def update(api_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None) -> Any:
        definition = _definition(logical_id or api_id, new)
        api_id, attributes = stock_update(api_id, _with_title(old), _with_title(new), stack, logical_id)
        return api_id, {**attributes, "ApiEndpoint": _apply(api_id, new, definition, endpoint)}

    def delete(api_id: str, properties: Properties) -> None:
        from ministack.services import apigateway

        stock_delete(api_id, properties)
        apigateway._authorizers.pop(api_id, None)

    handlers.update(create=create, update=update, delete=delete)


def _with_title(properties: Properties) -> Properties:
    """An API that is imported is named in its definition."""
    info = (properties.get("Body") or {}).get("info") or {}
    return {"Name": info.get("title"), "Version": str(info.get("version", "")), **properties}


def _definition(logical_id: str, properties: Properties) -> _Definition | None:
    from ministack.services.cloudformation import provisioners

    if properties.get("BodyS3Location"):
        raise ValueError(f"{logical_id}: BodyS3Location is not emulated here; give the definition as Body")
    if not properties.get("Body"):
        return None
    definition = _Definition(properties["Body"])
    if definition.warnings:
        warnings = "; ".join(definition.warnings)
        if provisioners._cfn_bool(properties.get("FailOnWarnings", False)):
            raise ValueError(f"Warnings found during import: {warnings}")
        logger.warning("HTTP API %s: %s", logical_id, warnings)
    return definition


def _apply(api_id: str, properties: Properties, definition: _Definition | None, endpoint: str) -> str:
    """Give the API what its definition says; its URL."""
    from ministack.services import apigateway
    from ministack.services.cloudformation import provisioners

    api = apigateway._apis[api_id]
    if api["protocolType"] != "HTTP":
        return str(api["apiEndpoint"])
    api["apiEndpoint"] = f"{endpoint}{PREFIX}{api_id}"
    cors = provisioners._pascal_to_camel(properties.get("CorsConfiguration")) or (definition and definition.cors)
    api.pop("corsConfiguration", None)
    if cors:
        api["corsConfiguration"] = _cors(cors)
    if definition is not None:
        api["tags"] = {**definition.tags, **provisioners._tag_map(properties.get("Tags"))}
        apigateway._integrations[api_id] = definition.integrations
        apigateway._authorizers[api_id] = definition.authorizers
        apigateway._routes[api_id] = definition.routes
    return str(api["apiEndpoint"])


def _cors(given: dict[str, Any]) -> dict[str, Any]:
    """With the types that the API has: a template's numbers and booleans may be text."""
    cors = dict(given)
    for name in ("allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders"):
        if name in cors:
            cors[name] = [str(value) for value in cors[name]]
    if "maxAge" in cors:
        cors["maxAge"] = int(cors["maxAge"])
    if "allowCredentials" in cors:
        cors["allowCredentials"] = str(cors["allowCredentials"]).lower() == "true"
    return cors


class _Definition:
    """What an OpenAPI body makes of an API, in the shape of stock's records; `warnings` says what it leaves out."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.warnings = [f"{name} is ignored" for name in body if name not in _KNOWN]
        self.cors = body.get("x-amazon-apigateway-cors")
        self.tags = {tag["name"]: str(tag.get("x-amazon-apigateway-tag-value", "")) for tag in body.get("tags") or []}
        self.integrations: dict[str, Any] = {}
        self.authorizers: dict[str, Any] = {}
        self.routes: dict[str, Any] = {}
        self._schemes = (body.get("components") or {}).get("securitySchemes") or {}
        self._authorizer_ids: dict[str, str] = {}
        for key, operation in _operations(body):
            self._add_route(key, operation)

    def _add_route(self, key: str, operation: dict[str, Any]) -> None:
        self.warnings += [f"{key}: {name} is ignored" for name in operation if name not in _KNOWN_OF_AN_OPERATION]
        integration_id = _new_id()
        self.integrations[integration_id] = {
            "integrationId": integration_id,
            **_integration(key, operation.get("x-amazon-apigateway-integration") or {}),
        }
        route_id = _new_id()
        self.routes[route_id] = {
            "routeId": route_id,
            "routeKey": key,
            "target": f"integrations/{integration_id}",
            "apiKeyRequired": False,
            **self._authorization(key, operation.get("security") or []),
        }

    def _authorization(self, key: str, security: list[dict[str, list[str]]]) -> dict[str, Any]:
        if not security:
            return {"authorizationType": "NONE"}
        if len(security) > 1 or len(security[0]) != 1:
            raise ValueError(f"{key}: a route has one authorizer, not {security}")
        [(name, scopes)] = security[0].items()
        scheme = self._schemes.get(name)
        if scheme is None:
            raise ValueError(f"{key}: there is no security scheme {name}")
        if scheme.get("x-amazon-apigateway-authtype") == "awsSigv4":
            return {"authorizationType": "AWS_IAM"}
        given = scheme.get("x-amazon-apigateway-authorizer") or {}
        kind = str(given.get("type", "")).upper()
        if kind not in {"JWT", "REQUEST"}:
            raise ValueError(f"{key}: an authorizer of type {given.get('type')} is not one of an HTTP API")
        if name not in self._authorizer_ids:
            self._authorizer_ids[name] = self._add_authorizer(name, kind, given)
        return {
            # A route's name for a Lambda authorizer is CUSTOM.
            "authorizationType": "JWT" if kind == "JWT" else "CUSTOM",
            "authorizerId": self._authorizer_ids[name],
            "authorizationScopes": list(scopes),
        }

    def _add_authorizer(self, name: str, kind: str, given: dict[str, Any]) -> str:
        source = given.get("identitySource") or []
        authorizer_id = _new_id()
        self.authorizers[authorizer_id] = {
            "authorizerId": authorizer_id,
            "authorizerType": kind,
            "name": name,
            "identitySource": [source] if isinstance(source, str) else source,
            "jwtConfiguration": given.get("jwtConfiguration") or {},
            "authorizerUri": given.get("authorizerUri", ""),
            "authorizerPayloadFormatVersion": str(given.get("authorizerPayloadFormatVersion", "2.0")),
            "authorizerResultTtlInSeconds": int(given.get("authorizerResultTtlInSeconds", 300)),
            "enableSimpleResponses": str(given.get("enableSimpleResponses", False)).lower() == "true",
        }
        return authorizer_id


def _operations(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Route keys with what the definition says of them."""
    for path, operations in (body.get("paths") or {}).items():
        for name, operation in operations.items():
            if name not in _METHODS:
                if name != "parameters":
                    raise ValueError(f"{path}: {name} is no method of a route")
            elif path in _DEFAULT:
                yield "$default", operation
            else:
                yield f"{_METHODS[name]} {path}", operation


def _integration(key: str, given: dict[str, Any]) -> dict[str, Any]:
    kind, version = str(given.get("type", "")).upper(), str(given.get("payloadFormatVersion", "1.0"))
    if kind not in {"AWS_PROXY", "HTTP_PROXY"}:
        raise ValueError(f"{key}: an integration of type {given.get('type')} is not emulated here")
    if kind == "AWS_PROXY" and (version != "2.0" or given.get("integrationSubtype") or given.get("credentials")):
        raise ValueError(
            f"{key}: here a function is called with payload format 2.0 and by its own policy: not {version}, "
            "and with no service integration and no credentials"
        )
    return {
        "integrationType": kind,
        "integrationUri": given.get("uri", ""),
        "integrationMethod": given.get("httpMethod", "POST"),
        "payloadFormatVersion": version,
        "timeoutInMillis": int(given.get("timeoutInMillis", 30000)),
        "connectionType": "INTERNET",
        "requestParameters": given.get("requestParameters") or {},
        "responseParameters": given.get("responseParameters") or {},
    }


def _keeping_the_path_of_the_default_stage(original: Callable[..., Any]) -> Callable[..., Any]:
    """Stock loses a slash at the end of a path, and takes an API's bare URL for a bucket."""
    from ministack.services import apigateway

    def parse(host: str, path: str) -> tuple[str, str, str] | None:
        api_id, _, rest = path.removeprefix(PREFIX).partition("/")
        if path.startswith(PREFIX) and apigateway.find_api_scope(api_id):
            stages = apigateway.stages_for_api(api_id)
            if "$default" in stages and rest.partition("/")[0] not in stages:
                return api_id, "$default", f"/{rest}"
        parsed: tuple[str, str, str] | None = original(host, path)
        return parsed

    return parse


def _new_id() -> str:
    return uuid.uuid4().hex[:8]
