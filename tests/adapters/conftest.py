"""Adapters meet moto's services, on tables as the template makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.support import reserved
from tests.support.project import resources

TableMaker = Callable[[str], str]


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.meta.events.register("provide-client-params.dynamodb", reserved.check)
        yield client


@pytest.fixture
def table(dynamodb: Any) -> TableMaker:
    def make(logical_id: str) -> str:
        properties = resources("AWS::DynamoDB::Table")[logical_id]
        names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        given = {name: properties[name] for name in names if name in properties}
        dynamodb.create_table(TableName=logical_id, **given)
        return logical_id

    return make
