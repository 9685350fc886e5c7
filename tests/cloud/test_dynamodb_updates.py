"""Update expressions: attributes that are set from one value are apart."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.clouds import TestCloud
from tests.support.resources import new_name


def updated(cloud: TestCloud, *expressions: str) -> dict[str, Any]:
    """An item after several updates; `:map` is an empty map and `:text` a text."""
    dynamodb, name = cloud.client("dynamodb"), new_name("table")
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    values = {":map": {"M": {}}, ":text": {"S": "x"}}
    for expression in expressions:
        used = {placeholder: value for placeholder, value in values.items() if placeholder in expression}
        dynamodb.update_item(
            TableName=name,
            Key={"id": {"S": "1"}},
            UpdateExpression=expression,
            **({"ExpressionAttributeValues": used} if used else {}),
        )
    item: dict[str, Any] = dynamodb.get_item(TableName=name, Key={"id": {"S": "1"}})["Item"]
    return item


@pytest.mark.parametrize(
    "expressions",
    [
        ("SET begun = if_not_exists(begun, :map), told = if_not_exists(told, :map)", "SET begun.a = :text"),
        ("SET begun = :map, told = :map", "SET begun.a = :text"),
        ("SET told = :map", "SET begun = told", "SET begun.a = :text"),
    ],
    ids=["if_not_exists", "placeholder", "attribute"],
)
def test_what_is_changed_in_one_attribute_changes_in_no_other(mended: TestCloud, expressions: tuple[str, ...]) -> None:
    assert updated(mended, *expressions) == {
        "id": {"S": "1"},
        "begun": {"M": {"a": {"S": "x"}}},
        "told": {"M": {}},
    }


def test_stock_gives_two_attributes_one_value(stock: TestCloud) -> None:
    both = "SET begun = if_not_exists(begun, :map), told = if_not_exists(told, :map)"
    changed = {"M": {"a": {"S": "x"}}}

    assert updated(stock, both, "SET begun.a = :text") == {"id": {"S": "1"}, "begun": changed, "told": changed}
