"""Secrets: from a template, rotated by their function, and open only to whom IAM says."""

from __future__ import annotations

import json
import string
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.clouds import TestCloud, eventually, function_zip
from tests.support.resources import function, new_name
from tests.support.stacks import Stack

#: As AWS's own rotation functions do it; what it was asked to do is in the queue.
ROTATES = """
import boto3, json, os
secrets, queue = boto3.client("secretsmanager"), boto3.client("sqs")
def handler(event, context):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    queue.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
    stages = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert "AWSPENDING" in stages[token], stages
    if step == os.environ.get("FAIL"):
        raise ValueError("this step fails")
    if step == "createSecret":
        try:
            secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
        except secrets.exceptions.ResourceNotFoundException:
            word = secrets.get_random_password(ExcludePunctuation=True, PasswordLength=20)["RandomPassword"]
            secrets.put_secret_value(
                SecretId=arn, ClientRequestToken=token, SecretString=word, VersionStages=["AWSPENDING"]
            )
    if step == "testSecret":
        secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
    if step == "finishSecret":
        [current] = [v for v, labels in stages.items() if "AWSCURRENT" in labels]
        secrets.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Bucket: {Type: String}
  Length: {Type: String, Default: "40"}
Resources:
  Generated:
    Type: AWS::SecretsManager::Secret
    Properties:
      GenerateSecretString:
        SecretStringTemplate: '{"user": "admin"}'
        GenerateStringKey: key
        PasswordLength: !Ref Length
        ExcludePunctuation: true
        ExcludeCharacters: abc
  Given:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: !Sub "${AWS::StackName}-given", SecretString: known}
  Rotated:
    Type: AWS::SecretsManager::Secret
    Properties: {GenerateSecretString: {PasswordLength: 20, ExcludePunctuation: true}}
  Schedule:
    Type: AWS::SecretsManager::RotationSchedule
    DependsOn: Permission
    Properties:
      SecretId: !Ref Rotated
      RotationLambdaARN: !GetAtt Rotator.Arn
      RotationRules: {AutomaticallyAfterDays: 30}
      RotateImmediatelyOnUpdate: false
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Rotator
      Principal: secretsmanager.amazonaws.com
      SourceAccount: !Ref AWS::AccountId
      SourceArn: !Ref Rotated
  Rotator:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: main.handler
      Timeout: 10
      CodeUri: {Bucket: !Ref Bucket, Key: code.zip}
      Environment: {Variables: {QUEUE: !Ref Asked}}
      Policies:
        - Statement:
            - Effect: Allow
              Action:
                - secretsmanager:DescribeSecret
                - secretsmanager:GetSecretValue
                - secretsmanager:PutSecretValue
                - secretsmanager:UpdateSecretVersionStage
              Resource: !Ref Rotated
            - {Effect: Allow, Action: secretsmanager:GetRandomPassword, Resource: "*"}
            - {Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Asked.Arn}
  Asked: {Type: AWS::SQS::Queue}
Outputs:
  Generated: {Value: !Ref Generated}
  GeneratedId: {Value: !GetAtt Generated.Id}
  Given: {Value: !Ref Given}
  Rotated: {Value: !Ref Rotated}
  Schedule: {Value: !Ref Schedule}
  Rotator: {Value: !GetAtt Rotator.Arn}
  Asked: {Value: !Ref Asked}
"""


def stack(cloud: TestCloud, template: str = TEMPLATE, **parameters: str) -> tuple[Stack, dict[str, str]]:
    bucket = new_name("code")
    cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("s3").put_object(Bucket=bucket, Key="code.zip", Body=function_zip(main=ROTATES))
    made = Stack(cloud, template)
    return made, made.deploy(Bucket=bucket, **parameters)


@pytest.fixture
def deployed(mended: TestCloud) -> dict[str, str]:
    """Once the test of the rotation's configuration is over."""
    _, outputs = stack(mended)
    eventually(lambda: len(labels(mended, outputs["Rotated"])) == 1)
    asked(mended, outputs["Asked"], 1)
    return outputs


def asked(cloud: TestCloud, url: str, count: int) -> list[dict[str, str]]:
    """What the rotation function was called with, once that is `count` calls."""
    events: list[dict[str, str]] = []

    def all_there() -> bool:
        messages = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            cloud.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            events.append(json.loads(message["Body"]))
        return len(events) >= count

    eventually(all_there)
    return events


def value(cloud: TestCloud, secret: str, **version: str) -> str:
    return str(cloud.client("secretsmanager").get_secret_value(SecretId=secret, **version)["SecretString"])


def labels(cloud: TestCloud, secret: str) -> dict[str, list[str]]:
    stages = cloud.client("secretsmanager").describe_secret(SecretId=secret)["VersionIdsToStages"]
    return {version: sorted(labels) for version, labels in stages.items()}


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_reference_to_a_secret_is_its_arn(deployed: dict[str, str]) -> None:
    for name in ("Generated", "Given", "Rotated"):
        assert deployed[name].startswith("arn:aws:secretsmanager:us-east-1:000000000000:secret:")
    assert deployed["GeneratedId"] == deployed["Generated"]
    assert deployed["Schedule"] == deployed["Rotated"]


def test_a_generated_secret_is_what_its_template_says(mended: TestCloud, deployed: dict[str, str]) -> None:
    secret = json.loads(value(mended, deployed["Generated"]))

    assert secret["user"] == "admin"
    assert len(secret["key"]) == 40
    assert not set(secret["key"]) & set(string.punctuation + "abc")
    assert value(mended, deployed["Given"]) == "known"


def test_a_secret_keeps_its_value_until_its_generator_changes(mended: TestCloud) -> None:
    made, before = stack(mended)
    first = value(mended, before["Generated"])
    bucket = new_name("code")
    mended.client("s3").create_bucket(Bucket=bucket)
    mended.client("s3").put_object(Bucket=bucket, Key="code.zip", Body=function_zip(main=ROTATES))

    made.deploy(Bucket=bucket)
    assert value(mended, before["Generated"]) == first
    after = made.deploy(Bucket=bucket, Length="12")

    assert after["Generated"] == before["Generated"]
    assert len(json.loads(value(mended, after["Generated"]))["key"]) == 12
    assert value(mended, after["Generated"], VersionStage="AWSPREVIOUS") == first


def test_deleting_the_stack_deletes_its_secrets(mended: TestCloud) -> None:
    made, outputs = stack(mended)

    assert made.delete() == "DELETE_COMPLETE"

    for name in ("Generated", "Given", "Rotated"):
        with pytest.raises(ClientError) as error:
            value(mended, outputs[name])
        assert code(error) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"SecretString": "a", "GenerateSecretString": {"PasswordLength": 20}}, "can't specify both"),
        ({"GenerateSecretString": {"SecretStringTemplate": "{}"}}, "go together"),
        ({"GenerateSecretString": {"SecretStringTemplate": "{", "GenerateStringKey": "k"}}, "not JSON"),
        ({"GenerateSecretString": {"PasswordLength": 5000}}, "between 1 and 4096"),
    ],
)
def test_a_secret_that_cannot_be_made_fails_the_deployment(
    mended: TestCloud, properties: dict[str, Any], reason: str
) -> None:
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": properties}

    with pytest.raises(AssertionError, match=reason):
        Stack(mended, json.dumps({"Resources": {"Secret": secret}})).deploy()


def test_a_schedule_sets_up_rotation_and_only_tests_it(mended: TestCloud) -> None:
    _, outputs = stack(mended)

    described = mended.client("secretsmanager").describe_secret(SecretId=outputs["Rotated"])
    assert described["RotationEnabled"] is True
    assert described["RotationLambdaARN"] == outputs["Rotator"]
    assert described["RotationRules"] == {"AutomaticallyAfterDays": 30}
    assert [event["Step"] for event in asked(mended, outputs["Asked"], 1)] == ["testSecret"]
    eventually(lambda: list(labels(mended, outputs["Rotated"]).values()) == [["AWSCURRENT"]])
    assert "rotation schedule Schedule of stack" in mended.log()


def test_a_schedule_whose_function_is_closed_to_the_service_fails_the_deployment(mended: TestCloud) -> None:
    closed = TEMPLATE.replace("Principal: secretsmanager.amazonaws.com", "Principal: events.amazonaws.com")

    with pytest.raises(AssertionError, match="Ensure that the function policy grants access"):
        stack(mended, closed)


def test_rotation_calls_the_function_step_by_step_and_moves_the_labels(
    mended: TestCloud, deployed: dict[str, str]
) -> None:
    secret, token = deployed["Rotated"], str(uuid.uuid4())
    [first], old = labels(mended, secret), value(mended, secret)

    answer = mended.client("secretsmanager").rotate_secret(SecretId=secret, ClientRequestToken=token)

    assert answer["VersionId"] == token
    calls = asked(mended, deployed["Asked"], 4)
    assert calls == [{"SecretId": secret, "ClientRequestToken": token, "Step": step} for step in STEPS]
    eventually(lambda: "AWSCURRENT" in labels(mended, secret)[token])
    assert labels(mended, secret)[first] == ["AWSPREVIOUS"]
    assert value(mended, secret) != old
    assert len(value(mended, secret)) == 20
    assert value(mended, secret, VersionStage="AWSPREVIOUS") == old
    eventually(lambda: "LastRotatedDate" in mended.client("secretsmanager").describe_secret(SecretId=secret))


def test_a_second_rotation_leaves_only_the_last_two_versions_labelled(
    mended: TestCloud, deployed: dict[str, str]
) -> None:
    secret, tokens = deployed["Rotated"], [str(uuid.uuid4()), str(uuid.uuid4())]
    for token in tokens:
        mended.client("secretsmanager").rotate_secret(SecretId=secret, ClientRequestToken=token)
        eventually(lambda token=token: "AWSCURRENT" in labels(mended, secret)[token])  # type: ignore[misc]

    assert labels(mended, secret) == {tokens[0]: ["AWSPREVIOUS"], tokens[1]: ["AWSCURRENT", "AWSPENDING"]}


def test_a_rotation_that_fails_changes_nothing_and_is_reattempted_when_asked_again(
    mended: TestCloud, deployed: dict[str, str]
) -> None:
    secret, secrets, functions = deployed["Rotated"], mended.client("secretsmanager"), mended.client("lambda")
    old, token = value(mended, secret), str(uuid.uuid4())

    def failing(step: str) -> None:
        variables = {"QUEUE": deployed["Asked"], "FAIL": step}
        functions.update_function_configuration(FunctionName=deployed["Rotator"], Environment={"Variables": variables})

    failing("setSecret")
    secrets.rotate_secret(SecretId=secret, ClientRequestToken=token)
    asked(mended, deployed["Asked"], 2)
    eventually(lambda: "rotation fails in setSecret" in mended.log())
    assert value(mended, secret) == old
    assert labels(mended, secret)[token] == ["AWSPENDING"]

    failing("")
    with pytest.raises(ClientError) as error:
        secrets.rotate_secret(SecretId=secret)
    assert code(error) == "InvalidRequestException"
    assert "A previous rotation isn't complete" in str(error.value)
    eventually(lambda: "AWSCURRENT" in labels(mended, secret)[token])
    assert [event["ClientRequestToken"] for event in asked(mended, deployed["Asked"], 4)] == [token] * 4


def test_a_secret_without_a_rotation_function_is_not_rotated(mended: TestCloud, deployed: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="No Lambda rotation function ARN is associated") as error:
        mended.client("secretsmanager").rotate_secret(SecretId=deployed["Given"])
    assert code(error) == "InvalidRequestException"


def test_a_function_that_is_closed_to_the_service_does_not_rotate(mended: TestCloud, deployed: dict[str, str]) -> None:
    closed = function(mended, "def handler(event, context): pass")

    with pytest.raises(ClientError, match="Secrets Manager cannot invoke") as error:
        mended.client("secretsmanager").rotate_secret(SecretId=deployed["Given"], RotationLambdaARN=closed)
    assert code(error) == "AccessDeniedException"


def test_a_token_makes_one_version_and_a_label_is_on_one_version(mended: TestCloud) -> None:
    secrets = mended.client("secretsmanager")
    arn = secrets.create_secret(Name=new_name("secret"), SecretString="one")["ARN"]
    tokens = [str(uuid.uuid4()), str(uuid.uuid4())]

    def put(token: str, text: str) -> dict[str, Any]:
        answer: dict[str, Any] = secrets.put_secret_value(
            SecretId=arn, ClientRequestToken=token, SecretString=text, VersionStages=["AWSPENDING"]
        )
        return answer

    put(tokens[0], "two")
    assert put(tokens[0], "two")["VersionId"] == tokens[0]
    with pytest.raises(ClientError) as error:
        put(tokens[0], "three")
    assert code(error) == "ResourceExistsException"
    put(tokens[1], "three")
    assert [v for v, stages in labels(mended, arn).items() if "AWSPENDING" in stages] == [tokens[1]]
    with pytest.raises(ClientError) as error:
        value(mended, arn, VersionId=tokens[1], VersionStage="AWSCURRENT")
    assert code(error) == "InvalidRequestException"


READS = """
import boto3, os
def handler(event, context):
    try:
        return boto3.client("secretsmanager").get_secret_value(SecretId=event)["SecretString"]
    except Exception as error:
        return error.response["Error"]["Code"]
"""


def test_a_function_reads_only_the_secret_that_its_role_may(mended: TestCloud) -> None:
    secrets = mended.client("secretsmanager")
    mine = secrets.create_secret(Name=new_name("secret"), SecretString="mine")
    other = secrets.create_secret(Name=new_name("secret"), SecretString="other")
    reader = function(mended, READS)
    role = mended.client("lambda").get_function_configuration(FunctionName=reader)["Role"].rsplit("/", 1)[1]
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": mine["ARN"]}
    mended.client("iam").put_role_policy(
        RoleName=role,
        PolicyName="read",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )

    def read(secret: str) -> str:
        payload = mended.client("lambda").invoke(FunctionName=reader, Payload=json.dumps(secret))["Payload"]
        return str(json.loads(payload.read()))

    assert read(mine["ARN"]) == "mine"
    assert read(mine["Name"]) == "mine"
    assert read(other["ARN"]) == "AccessDeniedException"


def test_stock_refers_to_a_secret_by_name_and_ignores_how_it_is_generated(stock: TestCloud) -> None:
    generate = {"PasswordLength": 400, "ExcludePunctuation": True}
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": generate}}
    template = {"Resources": {"Secret": secret}, "Outputs": {"Secret": {"Value": {"Ref": "Secret"}}}}
    outputs = Stack(stock, json.dumps(template)).deploy()

    assert not outputs["Secret"].startswith("arn:")
    assert set(value(stock, outputs["Secret"])) & set(string.punctuation)


def test_stock_refuses_a_rotation_schedule(stock: TestCloud) -> None:
    with pytest.raises((ClientError, AssertionError), match="AWS::SecretsManager::RotationSchedule"):
        stack(stock)


def test_stock_rotates_without_calling_anybody(stock: TestCloud) -> None:
    secrets = stock.client("secretsmanager")
    arn = secrets.create_secret(Name=new_name("secret"), SecretString="one")["ARN"]
    nobody = "arn:aws:lambda:us-east-1:000000000000:function:nobody"

    token = secrets.rotate_secret(SecretId=arn, RotationLambdaARN=nobody)["VersionId"]

    assert labels(stock, arn)[token] == ["AWSCURRENT"]
