"""What can't be done is said in one line, with exit code 2 and never a traceback."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.cloud.deploy import deploy
from simulator.cloud.settings import LOOPBACK
from tests.support.clouds import TestCloud, running_cloud
from tests.support.command import Command, free_ports, usage_error

NONE_RUNS = "smartwatch: no local cloud runs; `smartwatch up` starts one (or name a stack on AWS with --stack)"
SCENARIOS = "bradycardia, desaturation, normal, rest, sensor-off, tachycardia"


def _words(value: object) -> str:
    """A test's id: what is typed, and not what is said."""
    return " ".join(map(str, value)) if isinstance(value, list) else ""


@pytest.fixture
def nowhere(tmp_path: Path) -> Command:
    """The command in a home where no cloud runs."""
    return Command(tmp_path)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    with running_cloud(tmp_path_factory.mktemp("usage") / "cloud") as running:
        deploy(running.settings)
        yield running


@pytest.fixture
def smartwatch(cloud: TestCloud) -> Command:
    """The command in a home where a cloud runs."""
    return Command(cloud.settings.home.parent)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["status"], ["outbox"], ["alerts"], ["ack", "a"], ["executions"], ["readings", "watch-001"], ["simulate"]),
        *(["drills"], ["report"], ["alert", "a"]),
    ],
    ids=_words,
)
def test_without_a_cloud_every_report_says_how_to_start_one(nowhere: Command, arguments: list[str]) -> None:
    assert usage_error(nowhere(*arguments)) == NONE_RUNS
    assert list(nowhere.home.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["simulate", "--scenario", "flu"], f"no scenario 'flu'; there are {SCENARIOS}"),
        (["drill", "--scenario", "flu"], f"no scenario 'flu'; there are {SCENARIOS}"),
        (["play", "x.fit", "--speed", "fast"], "--speed takes a positive number or max, not 'fast'"),
        (["play", "x.fit", "--speed", "0"], "--speed takes a positive number or max, not '0'"),
        (["play", "x.fit", "--speed", "nan"], "--speed takes a positive number or max, not 'nan'"),
        (
            ["drill", "--watch", "watch-001"],
            "a drill's watch must be named drill-..., or people would take it for real",
        ),
        (
            ["drill", "--watch", "drill-1", "--dry-run"],
            "a watch is named drill-dry-... for a dry run, and only then",
        ),
        (["drill", "--watch", "drill-dry-1"], "a watch is named drill-dry-... for a dry run, and only then"),
        (["drill", "--watch", "drill-1", "--count", "2"], "--watch names one watch, and --count wants several"),
        (["drill", "--every", "60"], "--every and --times go together"),
        (["drill", "--times", "2"], "--every and --times go together"),
        (["drill", "--dry-run", "--page-for-real"], "--dry-run or --page-for-real, not both"),
        (["drill", "--stack", "s"], "a drill on AWS reaches people: say --page-for-real, or --dry-run"),
        (["report", "--from", "2026-01-02", "--to", "2026-01-01"], "a period ends after it begins"),
        (["alerts", "--status", "new"], "no status 'new'; there are open, acknowledged, cleared, exhausted, joined"),
    ],
    ids=_words,
)
def test_what_no_cloud_is_needed_to_refuse_is_refused_without_one(
    nowhere: Command, arguments: list[str], said: str
) -> None:
    assert usage_error(nowhere(*arguments)) == f"smartwatch: {said}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["alert", "nosuch"], "there is no alert 'nosuch'"),
        (["ack", "nosuch"], "there is no alert 'nosuch'"),
        (["trace", "nosuch"], "there is no alert 'nosuch'"),
        (["executions", "nosuch"], "there is no execution 'nosuch'"),
        (["executions", "arn:aws:states:nosuch"], "there is no execution 'arn:aws:states:nosuch'"),
        (["readings", "watch-404"], "there is no watch 'watch-404'"),
        (["drill", "--policy", "nosuch"], "there is no policy 'nosuch'"),
        (["drill", "--policy", "nosuch.yaml"], "nosuch.yaml: No such file or directory"),
        *(
            ([command, "a b"], "'a b' is no device id: 1 to 128 of letters, digits, ':', '_' and '-'")
            for command in ("readings", "provision")
        ),
    ],
    ids=_words,
)
def test_what_the_cloud_does_not_have_is_named(smartwatch: Command, arguments: list[str], said: str) -> None:
    assert usage_error(smartwatch(*arguments)) == f"smartwatch: {said}"


def test_a_second_cloud_in_the_same_home_is_refused_and_the_first_runs_on(
    smartwatch: Command, cloud: TestCloud
) -> None:
    refusal = usage_error(smartwatch("up", *free_ports()))

    assert refusal == f"smartwatch: a local cloud already runs in {cloud.settings.home}; `smartwatch down` stops it"
    assert smartwatch.json("status")["endpoint"] == cloud.settings.endpoint


@pytest.mark.parametrize(
    ("command", "option"),
    [("up", "--port"), ("up", "--mqtt-port"), ("up", "--xray-port"), ("run", "--port"), ("drill", "--port")],
)
def test_a_taken_port_is_named_with_the_option_that_chooses_another(
    nowhere: Command, command: str, option: str
) -> None:
    kind = socket.SOCK_DGRAM if option == "--xray-port" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((LOOPBACK, 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        ports = free_ports()
        ports[ports.index(option) + 1] = str(port)

        refusal = usage_error(nowhere(command, *ports))

    assert refusal == f"smartwatch: port {port} is taken; choose another with {option}"
    assert nowhere.processes() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "AWS: You must specify a region."),
        (["--region", "us-east-1"], "AWS: Unable to locate credentials"),
        (["--profile", "nosuch"], "AWS: The config profile (nosuch) could not be found"),
    ],
    ids=_words,
)
def test_a_stack_on_aws_without_an_account_is_refused_at_once(nowhere: Command, options: list[str], said: str) -> None:
    began = time.monotonic()

    assert usage_error(nowhere("status", "--stack", "nosuch", *options)) == f"smartwatch: {said}"

    assert time.monotonic() - began < 10


def test_a_stack_that_does_not_exist_is_named(smartwatch: Command, cloud: TestCloud) -> None:
    """AWS's own answer, from the local cloud."""
    reached = smartwatch.with_environment(
        AWS_ENDPOINT_URL=cloud.settings.endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="us-east-1",
    )

    assert usage_error(reached("status", "--stack", "nosuch")) == "smartwatch: there is no stack 'nosuch'"
    assert reached.json("status", "--stack", "smartwatch")["stack"] == "smartwatch"
