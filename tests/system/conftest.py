"""The deployed chain for system tests."""

from __future__ import annotations

import pytest

from tests.support.chain import Chain
from tests.support.clouds import TestCloud


@pytest.fixture(scope="session")
def chain(deployed: tuple[TestCloud, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Chain:
    made = Chain(*deployed, tmp_path_factory.mktemp("watches"))
    made.use_plain_rules()
    return made
