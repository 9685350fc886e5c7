"""Every path through the escalation, as data, and the two interpreters that walk them: moto's and the local cloud's."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
import yaml
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from notify import adapters, alerts_table, handler, service

from tests.support.builders import NOW, LambdaContext
from tests.support.clouds import TestCloud, eventually, function_zip
from tests.support.project import ROOT, template

#: Seconds that each step waits: in moto, and on the local cloud, where a function may take some to start.
MOTO_WAIT = 5
LOCAL_WAIT = 8

#: What is broken in a variant of the workflow.
VARIANTS = ("sound", "no-notify", "mute-notify", "no-table", "no-people", "no-bus")


class Interpreter(Protocol):
    """A place where the real definition runs."""

    def start(self, variant: str, alert_id: str) -> str:
        """Start an execution; its ARN."""

    def client(self, service_name: str) -> Any:
        """A boto3 client."""

    def notify(self, event: dict[str, Any]) -> Any:
        """Call the notify function as a person or the bus does."""

    @property
    def alerts_table(self) -> str:
        """Its name."""


@dataclass(frozen=True)
class Path:
    """One path. `act` is done once the alert's timeline holds `after` (at once without one)."""

    ends: str
    timeline: list[str]
    variant: str = "sound"
    after: str | None = None
    act: Callable[[Interpreter, str], object] | None = None
    before: Callable[[Interpreter, str], object] | None = None


def acknowledge(world: Interpreter, alert_id: str) -> object:
    return world.notify({"action": "acknowledge", "alertId": alert_id, "acknowledgedBy": "nurse"})


def clear(world: Interpreter, alert_id: str) -> object:
    return world.notify({"action": "cleared", "alertId": alert_id, "deviceId": "watch-001", "clearedAt": 1})


def acknowledge_without_a_word(world: Interpreter, alert_id: str) -> object:
    """An acknowledgement whose answer to the workflow is lost: only the record says it."""
    return world.client("dynamodb").update_item(
        TableName=world.alerts_table,
        Key={"alertId": {"S": alert_id}},
        UpdateExpression="SET #s = :a",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":a": {"S": "acknowledged"}},
    )


def claim(world: Interpreter, alert_id: str) -> object:
    """Another execution has the alert."""
    return world.client("dynamodb").put_item(
        TableName=world.alerts_table,
        Item={"alertId": {"S": alert_id}, "executionArn": {"S": "another"}, "status": {"S": "open"}},
    )


STARTED, TOLD, REMINDED, PAGED = "escalation-started", "care-team-notified", "care-team-reminded", "on-call-paged"

PATHS: dict[str, Path] = {
    "nobody-answers": Path("Exhausted", [STARTED, TOLD, REMINDED, PAGED, "exhausted"]),
    "acknowledged-at-once": Path("Acknowledged", [STARTED, TOLD, "acknowledged"], after=TOLD, act=acknowledge),
    "acknowledged-after-the-reminder": Path(
        "Acknowledged", [STARTED, TOLD, REMINDED, "acknowledged"], after=REMINDED, act=acknowledge
    ),
    "acknowledged-by-the-on-call": Path(
        "Acknowledged", [STARTED, TOLD, REMINDED, PAGED, "acknowledged"], after=PAGED, act=acknowledge
    ),
    "cleared-at-once": Path("Cleared", [STARTED, TOLD, "cleared"], after=TOLD, act=clear),
    "cleared-after-the-reminder": Path("Cleared", [STARTED, TOLD, REMINDED, "cleared"], after=REMINDED, act=clear),
    "cleared-after-the-page": Path("Cleared", [STARTED, TOLD, REMINDED, PAGED, "cleared"], after=PAGED, act=clear),
    "cleared-before-it-began": Path("Cleared", ["cleared", STARTED], before=clear),
    "somebody-else-has-it": Path("Duplicate", [], before=claim),
    "acknowledged-but-the-answer-is-lost": Path(
        "Acknowledged", [STARTED, TOLD], after=TOLD, act=acknowledge_without_a_word
    ),
    "acknowledged-at-the-last-moment": Path(
        "Acknowledged", [STARTED, TOLD, REMINDED, PAGED], after=PAGED, act=acknowledge_without_a_word
    ),
    "notify-is-broken": Path("Exhausted", [STARTED, PAGED, "exhausted"], variant="no-notify"),
    "notify-says-nothing-and-tells-nobody": Path("Exhausted", [STARTED, PAGED, "exhausted"], variant="mute-notify"),
    "notify-is-broken-and-somebody-answers-the-page": Path(
        "Acknowledged", [STARTED, PAGED, "acknowledged"], variant="no-notify", after=PAGED, act=acknowledge
    ),
    "notify-is-broken-and-it-clears": Path(
        "Cleared", [STARTED, PAGED, "cleared"], variant="no-notify", after=PAGED, act=clear
    ),
    "the-alerts-table-is-gone": Path("Exhausted", [], variant="no-table"),
    "nobody-can-be-told-at-all": Path("EscalationFailed", [STARTED], variant="no-people"),
    "exhaustion-can-not-be-announced": Path(
        "EscalationFailed", [STARTED, TOLD, REMINDED, PAGED, "exhausted"], variant="no-bus"
    ),
}


@dataclass(frozen=True)
class Walk:
    """How a path went."""

    state: str
    status: str
    states: list[str]
    timeline: list[str]


def walk_all(world: Interpreter, deadline: float) -> dict[str, Walk]:
    """Walk every path at the same time: all are started, and then each is followed in a thread."""
    walks: dict[str, Walk] = {}
    alerts = {name: f"{name}-{uuid.uuid4().hex[:6]}" for name in PATHS}
    started: dict[str, str] = {}
    for name, path in PATHS.items():
        if path.before:
            path.before(world, alerts[name])
        started[name] = world.start(path.variant, alerts[name])
    # moto looks through all executions for a token, and stumbles over one that has not quite begun.
    for arn in started.values():
        eventually(lambda arn=arn: _states(world, arn))  # type: ignore[misc]

    def follow(name: str) -> None:
        walks[name] = _follow(world, PATHS[name], alerts[name], started[name], deadline)

    threads = [threading.Thread(target=follow, args=(name,), name=name) for name in PATHS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return walks


def _follow(world: Interpreter, path: Path, alert_id: str, arn: str, deadline: float) -> Walk:
    acted = path.act is None
    until = time.monotonic() + deadline
    status = "RUNNING"
    while status == "RUNNING" and time.monotonic() < until:
        if not acted and path.after in _timeline(world, alert_id):
            assert path.act is not None
            path.act(world, alert_id)
            acted = True
        time.sleep(0.1)
        status = world.client("stepfunctions").describe_execution(executionArn=arn)["status"]
    entered = _states(world, arn)
    return Walk(entered[-1], status, entered, _timeline(world, alert_id))


def _states(world: Interpreter, arn: str) -> list[str]:
    history = world.client("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)
    return [e["stateEnteredEventDetails"]["name"] for e in history["events"] if "stateEnteredEventDetails" in e]


def _timeline(world: Interpreter, alert_id: str) -> list[str]:
    item = world.client("dynamodb").get_item(
        TableName=world.alerts_table, Key={"alertId": {"S": alert_id}}, ConsistentRead=True
    )
    return [entry["M"]["what"]["S"] for entry in item.get("Item", {}).get("timeline", {}).get("L", [])]


def execution_input(alert_id: str, wait: int) -> str:
    return json.dumps(
        {
            "alert": {
                "alertId": alert_id,
                "deviceId": "watch-001",
                "ruleId": "heart-rate-high",
                "severity": "critical",
                "title": "Heart rate above 150 bpm",
                "startedAt": 1_700_000_000_000,
                "drill": False,
            },
            "causationId": "e1",
            "correlationId": "c1",
            "raisedAt": "2023-11-14T22:13:20Z",
            "trace": "Root=1-6553f100-0a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=1",
            "policy": {"careTeamSeconds": wait, "reminderSeconds": wait, "onCallSeconds": wait},
        }
    )


# ------------------------------------------------------------------------------------------------------------- in moto


class MotoInterpreter:
    """moto's interpreter, with our own notify handler for the function that it can't run without Docker."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        role = self.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        self._create_table()
        topics = {name: self.client("sns").create_topic(Name=name)["TopicArn"] for name in ("care-team", "on-call")}
        self.client("events").create_event_bus(Name="bus")
        for name in ("notify", "broken", "mute"):
            self.client("lambda").create_function(
                FunctionName=name, Runtime="python3.11", Role=role, Handler="h.h", Code={"ZipFile": b"x"}
            )
        self._deps = service.Dependencies(
            alerts=alerts_table.DynamoDbAlerts(self.client("dynamodb"), "alerts", retention_seconds=60),
            channels={
                "care-team": adapters.SnsTopic(self.client("sns"), topics["care-team"]),
                "care-team-reminder": adapters.SnsTopic(self.client("sns"), topics["care-team"]),
                "on-call": adapters.SnsTopic(self.client("sns"), topics["on-call"]),
            },
            workflow=adapters.StepFunctionsWorkflow(self.client("stepfunctions")),
            bus=adapters.EventBridgeBus(self.client("events"), "bus"),
            clock=lambda: NOW,
        )
        lambda_arn = "arn:aws:lambda:us-east-1:123456789012:function:"
        sound = {
            "AlertsTableName": "alerts",
            "NotifyFunctionArn": f"{lambda_arn}notify",
            "OnCallTopicArn": topics["on-call"],
            "EventBusName": "bus",
        }
        broken = {"NotifyFunctionArn": f"{lambda_arn}broken"}
        changes: dict[str, dict[str, str]] = {
            "sound": {},
            "no-notify": broken,
            "mute-notify": {"NotifyFunctionArn": f"{lambda_arn}mute"},
            "no-table": {"AlertsTableName": "nosuch"},
            "no-people": {**broken, "OnCallTopicArn": f"{topics['on-call']}-nosuch"},
            # moto takes events for any bus, but no entry without a type.
            "no-bus": {},
        }
        self._machines = {
            variant: self.client("stepfunctions").create_state_machine(
                name=variant, definition=_definition({**sound, **changes[variant]}, variant), roleArn=role
            )["stateMachineArn"]
            for variant in VARIANTS
        }

    alerts_table = "alerts"

    def client(self, service_name: str) -> Any:
        if service_name not in self._clients:
            self._clients[service_name] = boto3.client(
                service_name, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
            )
        return self._clients[service_name]

    def start(self, variant: str, alert_id: str) -> str:
        return str(
            self.client("stepfunctions").start_execution(
                stateMachineArn=self._machines[variant], name=alert_id, input=execution_input(alert_id, MOTO_WAIT)
            )["executionArn"]
        )

    def notify(self, event: dict[str, Any]) -> Any:
        # moto's tables are not safe for threads, and a real conditional write is atomic.
        with self._lock:
            return handler.handler(event, LambdaContext(), deps=self._deps)  # type: ignore[arg-type]

    def _create_table(self) -> None:
        properties = template()["Resources"]["Alerts"]["Properties"]
        names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        self.client("dynamodb").create_table(TableName="alerts", **{name: properties[name] for name in names})


def _definition(substitutions: dict[str, str], variant: str) -> str:
    text = (ROOT / "statemachines/escalation.asl.yaml").read_text()
    for name, value in substitutions.items():
        text = text.replace("${" + name + "}", value)
    if variant == "no-bus":
        text = text.replace("DetailType: EscalationExhausted", "DetailType: ''")
    return json.dumps(yaml.safe_load(text))


@contextmanager
def in_moto() -> Iterator[MotoInterpreter]:
    """moto's services in this process; retries wait a twentieth of their time."""
    config: Any = {"lambda": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}
    original_invoke, original_time = LambdaSimpleBackend.invoke, retrier_decl.time
    with mock_aws(config=config):
        world = MotoInterpreter()

        def invoke(
            _self: Any, function_name: str, _qualifier: Any, body: Any, _headers: Any, response_headers: Any
        ) -> bytes:
            if function_name.endswith("broken"):
                response_headers["x-amz-function-error"] = "Unhandled"
                return json.dumps({"errorType": "ConnectionError", "errorMessage": "broken"}).encode()
            if function_name.endswith("mute"):
                return b"null"
            return json.dumps(world.notify(json.loads(body))).encode()

        class Hurried:
            @staticmethod
            def sleep(seconds: float) -> None:
                time.sleep(seconds / 20)

        LambdaSimpleBackend.invoke = invoke  # type: ignore[method-assign]
        retrier_decl.time = Hurried  # type: ignore[assignment]
        try:
            yield world
        finally:
            LambdaSimpleBackend.invoke = original_invoke  # type: ignore[method-assign]
            retrier_decl.time = original_time


# --------------------------------------------------------------------------------------------------- on the local cloud


class LocalInterpreter:
    """The deployed stack's own workflow, and variants of its definition with something broken."""

    def __init__(self, cloud: TestCloud, outputs: dict[str, str]) -> None:
        self._cloud = cloud
        self._outputs = outputs
        machine = outputs["EscalationStateMachineArn"]
        described = self.client("stepfunctions").describe_state_machine(stateMachineArn=machine)
        definition, function = described["definition"], outputs["NotifyFunctionName"]
        role = self._role("variants", "*")
        mute = self._role("variants-mute", "lambda:*", "dynamodb:*", "sns:*")
        broken = self._function("broken-notify", "raise ConnectionError('broken')", role)
        silent = self._function("mute-notify", "return None", role)
        here = "arn:aws:lambda:us-east-1:000000000000:function:"
        without_notify = definition.replace(f"{here}{function}", f"{here}{broken}")
        variants = {
            "no-notify": without_notify,
            "mute-notify": definition.replace(f"{here}{function}", f"{here}{silent}"),
            "no-table": definition.replace(outputs["AlertsTableName"], "nosuch"),
            "no-people": without_notify.replace(outputs["OnCallTopicArn"], outputs["OnCallTopicArn"] + "-nosuch"),
            "no-bus": definition,
        }
        self._machines = {"sound": machine}
        for variant, text in variants.items():
            assert text != definition or variant == "no-bus", f"{variant} changed nothing"
            self._machines[variant] = self.client("stepfunctions").create_state_machine(
                name=f"variant-{variant}", definition=text, roleArn=mute if variant == "no-bus" else role
            )["stateMachineArn"]

    @property
    def alerts_table(self) -> str:
        return self._outputs["AlertsTableName"]

    def client(self, service_name: str) -> Any:
        return self._cloud.client(service_name)

    def start(self, variant: str, alert_id: str) -> str:
        return str(
            self.client("stepfunctions").start_execution(
                stateMachineArn=self._machines[variant], name=alert_id, input=execution_input(alert_id, LOCAL_WAIT)
            )["executionArn"]
        )

    def notify(self, event: dict[str, Any]) -> Any:
        answer = self.client("lambda").invoke(
            FunctionName=self._outputs["NotifyFunctionName"], Payload=json.dumps(event)
        )
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    def _role(self, name: str, *actions: str) -> str:
        services = ["states.amazonaws.com", "lambda.amazonaws.com"]
        trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
        role = self.client("iam").create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        self.client("iam").put_role_policy(
            RoleName=name,
            PolicyName="variants",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        )
        return str(role)

    def _function(self, name: str, body: str, role: str) -> str:
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role,
            Handler="stand_in.handler",
            Code={"ZipFile": function_zip(stand_in=f"def handler(event, context):\n    {body}\n")},
        )
        return name
