"""The real SAM CLI: builds the template, and deploys it to a local cloud of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.cloud.deploy import LOCAL_PARAMETERS, outputs
from tests.support.chain import Chain, a_watch_name
from tests.support.clouds import TestCloud, eventually, running_cloud
from tests.support.project import ROOT

SAM = ROOT / ".venv-sam/bin/sam"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
SERVICES = ("ingest", "persist", "evaluate", "notify")

pytestmark = [
    pytest.mark.skipif(not SAM.exists(), reason="`make test` installs the SAM CLI into .venv-sam"),
    pytest.mark.timeout(600),
]


def _environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "SAM_CLI_TELEMETRY": "0", **more}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `sam build` made, for this machine's interpreter and processor."""
    folder = tmp_path_factory.mktemp("sam") / "build"
    machine = "arm64" if os.uname().machine in ("arm64", "aarch64") else "x86_64"
    parameters = [f"PythonRuntime={RUNTIME}", f"Architecture={machine}"]
    subprocess.run(
        [SAM, "build", "--build-dir", folder, "--parallel", "--parameter-overrides", *parameters],
        cwd=ROOT,
        env=_environment(),
        check=True,
        capture_output=True,
        timeout=300,
    )
    return folder


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    with running_cloud(tmp_path_factory.mktemp("sam-cloud")) as cloud:
        yield cloud


def test_sam_validates_and_lints_the_template() -> None:
    validated = subprocess.run(
        [SAM, "validate", "--lint", "--region", "us-east-1"],
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert validated.returncode == 0, validated.stdout + validated.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_built_function_imports_its_handler_in_a_clean_interpreter(service: str, built: Path) -> None:
    folder = built / f"{service.capitalize()}Function"
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import {service}.handler as h; print(h.__file__)"

    # -I and -S: no site-packages, no environment, nothing but the standard library and the zip.
    imported = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        env={"POWERTOOLS_SERVICE_NAME": service},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert imported.returncode == 0, imported.stderr
    assert imported.stdout.strip() == str(folder / service / "handler.py")


def test_the_real_sam_deploy_makes_a_stack_whose_chain_works(built: Path, own_cloud: TestCloud, tmp_path: Path) -> None:
    deployed = subprocess.run(
        [
            *(SAM, "deploy", "--template-file", built / "template.yaml", "--stack-name", "smartwatch"),
            *("--config-file", ROOT / "samconfig.toml", "--region", "us-east-1", "--parameter-overrides"),
            *[f"{name}={value}" for name, value in {**LOCAL_PARAMETERS, "PythonRuntime": RUNTIME}.items()],
        ],
        cwd=ROOT,
        env=_environment(
            AWS_ENDPOINT_URL=own_cloud.settings.endpoint,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_DEFAULT_REGION="us-east-1",
        ),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    chain = Chain(own_cloud, outputs(own_cloud.client("cloudformation"), "smartwatch"), tmp_path)
    chain.use_plain_rules()
    name = a_watch_name()

    chain.send(name, 72, 160)

    eventually(lambda: chain.stored(name) == 2, within=30)
    eventually(lambda: chain.alerts(name), within=30)
