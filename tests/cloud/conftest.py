"""Two local clouds for the mends' tests: one mended, one as MiniStack ships it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.clouds import TestCloud, running_cloud


@pytest.fixture(scope="session")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    with running_cloud(tmp_path_factory.mktemp("mended")) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    with running_cloud(tmp_path_factory.mktemp("stock"), stock=True) as cloud:
        yield cloud
