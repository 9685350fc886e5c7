"""Joins persist's port to AWS. The only place that does."""

from __future__ import annotations

from functools import cache

from persist import adapters
from persist.service import Dependencies
from persist.settings import Settings


@cache
def build() -> Dependencies:
    settings = Settings.from_environment()
    return Dependencies(
        table=adapters.DynamoDbReadingsTable(adapters.dynamodb_client(), settings.readings_table_name),
        retention=settings.retention,
    )
