"""Conditional writes to DynamoDB, as notify's tables make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UpdateItemOutputTypeDef


def update_if(client: DynamoDBClient, request: dict[str, Any]) -> UpdateItemOutputTypeDef | None:
    """The answer to `UpdateItem`; None when its condition does not hold. Errors: botocore's others."""
    try:
        return client.update_item(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return None
        raise
