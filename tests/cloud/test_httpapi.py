"""HTTP APIs that SAM makes of `AWS::Serverless::HttpApi`: routes, URL, calls, and who may make them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.clouds import TestCloud, function_zip
from tests.support.resources import new_name
from tests.support.stacks import Stack
from tests.support.web import call, signed, whole

CODE = """
import json, time
ANSWERS = {
    "nothing": {"statusCode": "many"},
    "object": {"statusCode": 200, "body": {"a": 1}},
    "listed": {"statusCode": 200, "headers": {"x-a": ["1", "2"]}},
    "teapot": {"statusCode": 418, "headers": {"content-type": "text/html"}, "body": "<p>tea</p>", "cookies": ["c=1"]},
    "encoded": {"statusCode": 200, "body": "AAH/", "isBase64Encoded": True},
    "plain": "only text",
}
def handler(event, context):
    if event.get("type") == "REQUEST":
        return {"isAuthorized": event["identitySource"] == ["let me in"], "context": {"who": "me"}}
    token = (event.get("pathParameters") or {}).get("token")
    if token == "raise":
        raise ValueError("not to be seen")
    if token == "slow":
        time.sleep(2)
    return ANSWERS.get(token, event)
"""
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Bucket: {Type: String}}
Globals:
  Function: {Runtime: python3.11, Handler: main.handler, Timeout: 10, CodeUri: {Bucket: !Ref Bucket, Key: code.zip}}
Resources:
  HttpApi:
    Type: AWS::Serverless::HttpApi
    Properties:
      FailOnWarnings: true
      Auth:
        EnableIamAuthorizer: true
        Authorizers:
          Keeper:
            FunctionArn: !GetAtt Function.Arn
            AuthorizerPayloadFormatVersion: "2.0"
            EnableSimpleResponses: true
            EnableFunctionDefaultPermissions: true
            Identity: {Headers: [X-Word], ReauthorizeEvery: 0}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Get: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Path: "/ack/{token}", Method: GET}}
        Post: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Path: "/ack/{token}", Method: POST}}
        Fixed: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Path: /ack/fixed, Method: GET}}
        Rest: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Path: "/files/{proxy+}", Method: ANY}}
        Short:
          Type: HttpApi
          Properties: {ApiId: !Ref HttpApi, Path: "/short/{token}", Method: GET, TimeoutInMillis: 200}
        Kept: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Path: /kept, Method: GET, Auth: {Authorizer: Keeper}}}
        Signed:
          Type: HttpApi
          Properties: {ApiId: !Ref HttpApi, Path: "/signed/{token}", Method: GET, Auth: {Authorizer: AWS_IAM}}
  OpenApi:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: ["https://app.example"]
        AllowMethods: [GET, POST]
        AllowHeaders: [x-a]
        MaxAge: 600
        AllowCredentials: true
  Catching:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        All: {Type: HttpApi, Properties: {ApiId: !Ref OpenApi}}
Outputs:
  Url: {Value: !GetAtt HttpApi.ApiEndpoint}
  Id: {Value: !Ref HttpApi}
  OpenUrl: {Value: !GetAtt OpenApi.ApiEndpoint}
  Function: {Value: !Ref Function}
"""


def stack(cloud: TestCloud, template: str = TEMPLATE) -> tuple[Stack, dict[str, str]]:
    bucket = new_name("code")
    cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("s3").put_object(Bucket=bucket, Key="code.zip", Body=function_zip(main=CODE))
    made = Stack(cloud, template)
    return made, made.deploy(Bucket=bucket)


@pytest.fixture(scope="module")
def outputs(mended: TestCloud) -> dict[str, str]:
    return stack(mended)[1]


@pytest.fixture(scope="module")
def url(outputs: dict[str, str]) -> str:
    return outputs["Url"]


def event(*request: Any) -> dict[str, Any]:
    status, body = call(*request)
    assert status == 200, body
    given: dict[str, Any] = json.loads(body)
    return given


def test_the_url_of_an_api_is_a_path_on_the_clouds_own_port(mended: TestCloud, outputs: dict[str, str]) -> None:
    assert outputs["Url"] == f"{mended.settings.endpoint}/_aws/execute-api/{outputs['Id']}"
    [api] = [a for a in mended.client("apigatewayv2").get_apis()["Items"] if a["ApiId"] == outputs["Id"]]
    assert api["ApiEndpoint"] == outputs["Url"]


def test_a_function_gets_the_request_in_payload_format_2_0(url: str) -> None:
    given = event(
        f"{url}/ack/a%20b?x=1&y=a%20b&x=2", "GET", {"User-Agent": "curl/8", "X-Mine": "1", "Cookie": "a=b; c=d"}
    )

    assert given["version"] == "2.0"
    assert given["routeKey"] == "GET /ack/{token}"
    assert given["rawPath"] == "/ack/a b"
    assert given["rawQueryString"] == "x=1&y=a%20b&x=2"
    assert given["queryStringParameters"] == {"x": "1,2", "y": "a b"}
    assert given["pathParameters"] == {"token": "a b"}
    assert given["headers"]["x-mine"] == "1"
    assert given["cookies"] == ["a=b", "c=d"]
    assert "cookie" not in given["headers"]
    assert given["isBase64Encoded"] is False
    assert "body" not in given
    context = given["requestContext"]
    assert context["http"] == {
        "method": "GET",
        "path": "/ack/a b",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "curl/8",
    }
    assert context["routeKey"] == "GET /ack/{token}"
    assert context["stage"] == "$default"
    assert context["requestId"]
    assert context["timeEpoch"] > 1_600_000_000_000


def test_a_text_arrives_as_it_is_and_bytes_arrive_encoded(url: str) -> None:
    text = event(f"{url}/ack/x", "POST", {"Content-Type": "application/json"}, '{"a": "ö"}'.encode())
    form = event(f"{url}/ack/x", "POST", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1")

    assert (text["body"], text["isBase64Encoded"]) == ('{"a": "ö"}', False)
    assert (form["body"], form["isBase64Encoded"]) == ("YT0x", True)


def test_a_greedy_parameter_takes_the_rest_of_the_path_with_every_method(url: str) -> None:
    given = event(f"{url}/files/a/b.txt", "DELETE")

    assert given["pathParameters"] == {"proxy": "a/b.txt"}
    assert given["routeKey"] == "ANY /files/{proxy+}"


def test_a_fixed_path_goes_before_a_parameter_and_has_no_path_parameters(url: str) -> None:
    given = event(f"{url}/ack/fixed")

    assert given["routeKey"] == "GET /ack/fixed"
    assert "pathParameters" not in given


@pytest.mark.parametrize("path", ["", "/", "/nowhere", "/ack", "/ack/a/b", "/ack/a/"])
def test_what_is_no_route_is_not_found(url: str, path: str) -> None:
    assert call(url + path) == (404, b'{"message":"Not Found"}')


def test_a_method_without_a_route_is_not_found(url: str) -> None:
    assert call(f"{url}/ack/x", "PUT") == (404, b'{"message":"Not Found"}')
    assert call(f"{url}/ack/x", "OPTIONS") == (404, b'{"message":"Not Found"}')


def test_an_api_that_does_not_exist_is_not_found(mended: TestCloud) -> None:
    assert call(f"{mended.settings.endpoint}/_aws/execute-api/00000000/x")[0] == 404


def test_the_default_route_takes_what_no_other_takes(outputs: dict[str, str]) -> None:
    given = event(f"{outputs['OpenUrl']}/any/where", "PATCH")

    assert (given["routeKey"], given["rawPath"]) == ("$default", "/any/where")
    assert event(outputs["OpenUrl"])["rawPath"] == "/"


def test_a_functions_answer_has_its_status_headers_cookies_and_bytes(url: str) -> None:
    status, headers, body = whole(f"{url}/ack/teapot")
    assert (status, headers["content-type"], headers["set-cookie"], body) == (418, "text/html", "c=1", b"<p>tea</p>")
    assert call(f"{url}/ack/encoded") == (200, b"\x00\x01\xff")
    assert call(f"{url}/ack/plain") == (200, b"only text")


@pytest.mark.parametrize("token", ["raise", "nothing", "object", "listed"])
def test_a_function_that_fails_or_answers_nonsense_is_an_internal_error_without_a_reason(
    mended: TestCloud, outputs: dict[str, str], token: str
) -> None:
    assert call(f"{outputs['Url']}/ack/{token}") == (500, b'{"message":"Internal Server Error"}')
    assert f"HTTP API {outputs['Id']}: GET /ack/{{token}}: the function " in mended.log()


def test_an_integration_whose_time_is_up_is_unavailable(url: str) -> None:
    assert call(f"{url}/short/slow") == (503, b'{"message":"Service Unavailable"}')


def test_a_preflight_is_answered_from_the_cors_configuration(outputs: dict[str, str]) -> None:
    status, headers, _ = whole(f"{outputs['OpenUrl']}/x", "OPTIONS", {"Origin": "https://app.example"})
    foreign = whole(f"{outputs['OpenUrl']}/x", "OPTIONS", {"Origin": "https://other.example"})

    assert status == 204
    assert headers["access-control-allow-origin"] == "https://app.example"
    assert headers["access-control-allow-methods"] == "GET,POST"
    assert headers["access-control-allow-headers"] == "x-a"
    assert headers["access-control-max-age"] == "600"
    assert headers["access-control-allow-credentials"] == "true"
    assert foreign[0] == 204
    assert "access-control-allow-origin" not in foreign[1]


def test_an_answer_has_cors_headers_for_the_origins_that_are_configured(outputs: dict[str, str], url: str) -> None:
    origin = {"Origin": "https://app.example"}

    assert whole(f"{outputs['OpenUrl']}/x", "GET", origin)[1]["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in whole(f"{url}/ack/x", "GET", origin)[1]


def test_a_route_with_iam_wants_a_signature_and_a_permission_on_its_arn(
    mended: TestCloud, outputs: dict[str, str]
) -> None:
    iam, name, target = mended.client("iam"), new_name("user"), f"{outputs['Url']}/signed/x"
    iam.create_user(UserName=name)
    created = iam.create_access_key(UserName=name)["AccessKey"]
    key, secret = created["AccessKeyId"], created["SecretAccessKey"]

    def allow(path: str) -> None:
        arn = f"arn:aws:execute-api:us-east-1:000000000000:{outputs['Id']}/$default/{path}"
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": arn}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="invoke", PolicyDocument=document)

    forbidden = (403, b'{"message":"Forbidden"}')
    assert call(target, "GET", signed(target, key, secret)) == forbidden
    allow("POST/signed/*")
    assert call(target, "GET", signed(target, key, secret)) == forbidden
    allow("GET/signed/*")
    assert event(target, "GET", signed(target, key, secret))["requestContext"]["authorizer"]["iam"]["accessKey"] == key
    assert call(target, "GET", signed(target, key, "another secret")) == forbidden
    assert call(target, "GET", {"Authorization": "Bearer x"}) == forbidden
    status, body = call(target)
    assert (status, json.loads(body)) == (403, {"message": "Forbidden"})


def test_a_path_that_is_no_route_is_not_found_whoever_signs(mended: TestCloud, url: str) -> None:
    iam, name = mended.client("iam"), new_name("user")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    headers = signed(f"{url}/nowhere", key["AccessKeyId"], key["SecretAccessKey"])

    assert call(f"{url}/nowhere", "GET", headers) == (404, b'{"message":"Not Found"}')


def test_a_lambda_authorizer_decides_and_passes_its_context(url: str) -> None:
    assert call(f"{url}/kept")[0] == 401
    assert call(f"{url}/kept", "GET", {"X-Word": "open up"})[0] == 403
    given = event(f"{url}/kept", "GET", {"X-Word": "let me in"})
    assert given["requestContext"]["authorizer"] == {"lambda": {"who": "me"}}


def test_a_function_without_permission_for_the_api_is_not_called(mended: TestCloud) -> None:
    _, made = stack(mended)
    functions, name = mended.client("lambda"), made["Function"]
    assert call(f"{made['Url']}/ack/x")[0] == 200
    for statement in json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]:
        functions.remove_permission(FunctionName=name, StatementId=statement["Sid"])
    another = "arn:aws:execute-api:us-east-1:000000000000:00000000/*/*"
    functions.add_permission(
        FunctionName=name,
        StatementId="another",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=another,
    )

    assert call(f"{made['Url']}/ack/x") == (500, b'{"message":"Internal Server Error"}')
    assert call(f"{made['Url']}/kept", "GET", {"X-Word": "let me in"})[0] == 500
    assert "apigateway.amazonaws.com is not authorized to perform: lambda:InvokeFunction" in mended.log()


def test_an_update_changes_the_routes_and_keeps_the_url(mended: TestCloud) -> None:
    made, before = stack(mended)
    made.template = TEMPLATE.replace("Path: /ack/fixed", "Path: /moved")
    bucket = new_name("code")
    mended.client("s3").create_bucket(Bucket=bucket)
    mended.client("s3").put_object(Bucket=bucket, Key="code.zip", Body=function_zip(main=CODE))

    after = made.deploy(Bucket=bucket)

    assert after["Url"] == before["Url"]
    assert event(f"{after['Url']}/moved")["routeKey"] == "GET /moved"
    assert event(f"{after['Url']}/ack/fixed")["routeKey"] == "GET /ack/{token}"


def test_deleting_the_stack_takes_the_api_away(mended: TestCloud) -> None:
    made, outputs = stack(mended)

    assert made.delete() == "DELETE_COMPLETE"

    assert call(f"{outputs['Url']}/ack/x")[0] == 404


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"x-amazon-apigateway-importexport-version": "1.0"}, "Warnings found during import: .*importexport"),
        ({"paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"type": "mock"}}}}}, "GET /a: .*mock"),
        (
            {"paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"type": "aws_proxy"}}}}},
            "payload format 2.0 .*: not 1.0",
        ),
        (
            {
                "paths": {
                    "/a": {
                        "get": {
                            "x-amazon-apigateway-integration": {"type": "http_proxy"},
                            "security": [{"Nobody": []}],
                        }
                    }
                }
            },
            "no security scheme Nobody",
        ),
    ],
)
def test_a_definition_that_is_not_understood_fails_the_deployment(
    mended: TestCloud, body: dict[str, Any], reason: str
) -> None:
    definition = {"openapi": "3.0.1", "info": {"title": "t"}, "paths": {}, **body}
    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": definition, "FailOnWarnings": True}}

    with pytest.raises(AssertionError, match=reason):
        Stack(mended, json.dumps({"Resources": {"Api": api}})).deploy()


def test_stock_makes_no_routes_of_a_template(stock: TestCloud) -> None:
    _, outputs = stack(stock)

    assert call(f"{stock.settings.endpoint}/_aws/execute-api/{outputs['Id']}/ack/x")[0] == 404
    assert outputs["Url"].startswith(f"http://{outputs['Id']}.execute-api.localhost:")


@pytest.fixture(scope="module")
def stock_url(stock: TestCloud) -> str:
    """An API that was made by calls: stock has those."""
    _, outputs = stack(stock)
    apis, api = stock.client("apigatewayv2"), outputs["Id"]
    arn = stock.client("lambda").get_function_configuration(FunctionName=outputs["Function"])["FunctionArn"]
    target = apis.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0", TimeoutInMillis=200
    )["IntegrationId"]
    apis.create_route(ApiId=api, RouteKey="GET /open/{token}", Target=f"integrations/{target}")
    apis.create_route(ApiId=api, RouteKey="GET /fixed", Target=f"integrations/{target}")
    apis.create_route(ApiId=api, RouteKey="GET /signed", Target=f"integrations/{target}", AuthorizationType="AWS_IAM")
    return f"{stock.settings.endpoint}/_aws/execute-api/{api}"


def test_stock_leaves_cookies_in_the_headers_and_gives_null_for_no_parameters(stock_url: str) -> None:
    given = event(f"{stock_url}/fixed", "GET", {"Cookie": "a=b"})

    assert given["headers"]["cookie"] == "a=b"
    assert given["pathParameters"] is None


def test_stock_tells_the_functions_errors_and_waits_for_slow_ones(stock_url: str) -> None:
    assert call(f"{stock_url}/open/raise")[0] == 502
    assert b"not to be seen" in call(f"{stock_url}/open/raise")[1]
    assert call(f"{stock_url}/open/slow")[0] == 200
    assert call(f"{stock_url}/open/x", "OPTIONS")[0] == 403


def test_stock_calls_a_function_whatever_its_policy_and_takes_any_authorization(stock_url: str) -> None:
    assert call(f"{stock_url}/signed", "GET", {"Authorization": "Bearer x"})[0] == 200
