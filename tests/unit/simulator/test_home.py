"""Where the simulator keeps its things: this checkout's own folder, or the one that the environment names."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.home import cloud_home, home, watches_home
from tests.support.project import ROOT


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_choice_it_is_this_checkouts_ignored_folder(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMARTWATCH_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("SMARTWATCH_HOME", value)

    assert home() == ROOT / ".smartwatch"
    assert ".smartwatch/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_environment_may_name_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMARTWATCH_HOME", str(tmp_path))

    assert cloud_home() == tmp_path / "cloud"
    assert watches_home("local") == tmp_path / "watches" / "local"


def test_a_relative_one_is_made_absolute_because_the_cloud_runs_in_another_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMARTWATCH_HOME", "here")

    assert home() == tmp_path / "here"


def test_two_stacks_never_share_the_keys_of_a_watch() -> None:
    assert watches_home("smartwatch") != watches_home("local")
