"""Documentation that repeats the code says what the code says."""

from __future__ import annotations

import importlib

from simulator.cloud.mends import ORDER
from tests.support.project import ROOT


def test_the_list_of_mends_is_what_the_mends_say_of_themselves() -> None:
    page = (ROOT / "docs/local-cloud.md").read_text()
    rows = []
    for name in ORDER:
        said = " ".join((importlib.import_module(f"simulator.cloud.mends.{name}").__doc__ or "").split())
        rows.append(f"| [{name}](../simulator/cloud/mends/{name}.py) | {said} |")

    assert page.split("|---|---|\n")[1].splitlines() == rows
