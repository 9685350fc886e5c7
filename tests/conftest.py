"""What every test starts from: no AWS account within reach, and the variables that Lambda would set."""

from __future__ import annotations

import os

for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
os.environ.update(
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_METRICS_NAMESPACE="Smartwatch",
    POWERTOOLS_SERVICE_NAME="test",
    POWERTOOLS_TRACE_DISABLED="true",
)

from collections.abc import Iterator  # noqa: E402

import pytest  # noqa: E402

from simulator.cloud.deploy import deploy  # noqa: E402
from tests.support.clouds import TestCloud, running_cloud  # noqa: E402

#: Files that wait longest, longest first: so that no worker begins them when the others are done.
SLOW = (
    "test_silent_watch",
    "test_properties",
    "test_sam",
    "test_paths",
    "test_permissions",
    "test_drill",
    "test_command",
    "test_chain",
    "test_rules_in_force",
    "test_budget",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return SLOW.index(item.path.stem) if item.path.stem in SLOW else len(SLOW)

    items.sort(key=rank)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestCloud, dict[str, str]]]:
    """A local cloud with the template on it, and the stack's outputs."""
    with running_cloud(tmp_path_factory.mktemp("deployed")) as cloud:
        yield cloud, deploy(cloud.settings)
