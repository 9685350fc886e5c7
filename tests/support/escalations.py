"""Every path through the escalation, as data, and the two interpreters that walk them: moto's and the local cloud's."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import boto3
import yaml
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from notify import adapters, alerts_table, channels, handler, policy_files
from notify.configuration import DynamoDbConfiguration
from notify.dependencies import Dependencies
from notify.domain import AlertRecord
from notify.ports import Links, Measures, Messenger, NotSentError
from notify.throttles_table import DynamoDbThrottles

from simulator.alarm_configuration import AlarmConfiguration
from tests.support.builders import LambdaContext
from tests.support.clouds import TestCloud, eventually, function_zip
from tests.support.project import ROOT, template

#: Seconds that each step waits: in moto, and on the local cloud, where a function may take some to start.
MOTO_WAIT = 8
LOCAL_WAIT = 8

#: How old the configuration may be that a function knows, on the local cloud.
CONFIGURATION_SECONDS = 3

#: What is broken in a variant of the workflow.
VARIANTS = ("sound", "no-notify", "mute-notify", "no-table", "no-people", "no-bus", "deaf-notify")

#: `ward`'s first channel has no key and fails; `unreachable` has no other; `busy` may be sent one message an hour.
ROSTER = """
name: default
teams:
  care-team: {channels: [{type: topic, topic: care-team}]}
  on-call: {channels: [{type: topic, topic: on-call}]}
  ward: {channels: [{type: webhook, endpoint: nosuch}, {type: topic, topic: care-team}]}
  unreachable: {channels: [{type: webhook, endpoint: nosuch}]}
  busy: {channels: [{type: topic, topic: care-team}], throttle: {messages: 1, perSeconds: 86400}}
fallback: {channels: [{type: topic, topic: on-call}]}
"""


def policy(name: str, wait: int, tell: tuple[str, str], expiry: int | None = None) -> str:
    """Two steps of which the first is repeated once, the same for each severity."""
    steps = [
        {"name": "first", "tell": [tell[0]], "waitSeconds": wait, "repeat": 1},
        {"name": "last", "tell": [tell[1]], "waitSeconds": wait},
    ]
    course = {"steps": steps, **({} if expiry is None else {"acknowledgementExpirySeconds": expiry})}
    return json.dumps({"name": name, "team": "care", "severities": {"warning": course, "critical": course}})


def put_configuration(configuration: AlarmConfiguration, wait: int) -> None:
    """The roster and the policies that the paths name."""
    configuration.rosters.put(ROSTER, "tests")
    for name, tell, expiry in (
        ("plain", ("care-team", "on-call"), None),
        ("expiring", ("care-team", "on-call"), wait),
        ("flaky", ("ward", "ward"), None),
        ("dead", ("unreachable", "unreachable"), None),
        ("busy", ("busy", "busy"), None),
    ):
        configuration.policies.put(policy(name, wait, tell, expiry), "tests")


class Interpreter(Protocol):
    """A place where the real definition runs."""

    def start(self, variant: str, alert_id: str, *, device_id: str, severity: str = "critical") -> str:
        """Start an execution; its ARN."""

    def client(self, service_name: str) -> Any:
        """A boto3 client."""

    def notify(self, event: dict[str, Any]) -> Any:
        """Call the notify function as a person or the bus does."""

    def running(self) -> set[str]:
        """ARNs of the executions that have not ended."""

    @property
    def configuration(self) -> AlarmConfiguration:
        """Policies, the roster and profiles."""

    @property
    def alerts_table(self) -> str:
        """Its name."""


@dataclass(frozen=True)
class Alert:
    """The alert that walks a path."""

    id: str
    device_id: str


Act = Callable[[Interpreter, Alert], object]


@dataclass(frozen=True)
class Path:
    """One path. Each act is done once the timeline holds what it comes after, so often (at once without one)."""

    ends: str
    timeline: list[str]
    variant: str = "sound"
    policy: str = "plain"
    prefix: str = "watch"
    severity: str = "critical"
    before: Act | None = None
    after: str | None = None
    act: Act | None = None
    then_after: str | None = None
    then: Act | None = None
    #: Other timelines that are right, where two things happen at the same time.
    also: tuple[list[str], ...] = ()


def acknowledge(world: Interpreter, alert: Alert) -> object:
    return world.notify({"action": "acknowledge", "alertId": alert.id, "acknowledgedBy": "nurse"})


def clear(world: Interpreter, alert: Alert) -> object:
    return world.notify({"action": "cleared", "alertId": alert.id, "deviceId": alert.device_id, "clearedAt": 1})


def worsen(world: Interpreter, alert: Alert) -> object:
    return world.notify({"action": "worsened", "eventId": "w1", "alertId": alert.id, "severity": "critical"})


def worsen_once_it_waits(world: Interpreter, alert: Alert) -> object:
    """More severe, while somebody is responsible and the workflow waits for the end of the episode."""
    arn = _item(world, alert.id)["executionArn"]["S"]
    eventually(lambda: "AwaitRecovery" in _states(world, arn), within=30)
    eventually(lambda: "taskToken" in _item(world, alert.id), within=30)
    return worsen(world, alert)


def _says(world: Interpreter, alert: Alert, status: str) -> object:
    return world.client("dynamodb").update_item(
        TableName=world.alerts_table,
        Key={"alertId": {"S": alert.id}},
        UpdateExpression="SET #s = :a",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":a": {"S": status}},
    )


def acknowledge_without_a_word(world: Interpreter, alert: Alert) -> object:
    """An acknowledgement whose answer to the workflow is lost: only the record says it."""
    return _says(world, alert, "acknowledged")


def clear_while_it_plans_again(world: Interpreter, alert: Alert) -> object:
    """The episode ends between a rise in severity and the plan for it."""
    token = _item(world, alert.id)["taskToken"]["S"]
    _says(world, alert, "cleared")
    output = json.dumps({"status": "plan-again", "cause": "worsened"})
    return world.client("stepfunctions").send_task_success(taskToken=token, output=output)


def claim(world: Interpreter, alert: Alert) -> object:
    """Another execution has the alert."""
    return world.client("dynamodb").put_item(
        TableName=world.alerts_table,
        Item={"alertId": {"S": alert.id}, "executionArn": {"S": "another"}, "status": {"S": "open"}},
    )


def another_escalates(world: Interpreter, alert: Alert) -> object:
    """Another alert of the same watch is open and leads."""
    table, lead = world.alerts_table, f"lead-of-{alert.id}"
    text = {"deviceId": alert.device_id, "status": "open", "severity": "critical", "title": "Another", "ruleId": "r"}
    item = {"alertId": {"S": lead}, **{name: {"S": value} for name, value in text.items()}}
    world.client("dynamodb").put_item(TableName=table, Item=item)
    pointer = {"alertId": {"S": f"watch/{alert.device_id}"}, "leadAlertId": {"S": lead}}
    return world.client("dynamodb").put_item(TableName=table, Item=pointer)


def acknowledge_as_the_wait_ends(world: Interpreter, alert: Alert) -> object:
    """The wait is over, the next telling has begun or is about to, and its token is another one."""
    arn = _item(world, alert.id)["executionArn"]["S"]
    eventually(lambda: "CountTelling" in _states(world, arn), within=30, every=0.02)
    return acknowledge(world, alert)


def it_has_joined(world: Interpreter, alert: Alert) -> object:
    """The auditor starts an execution for an alert that has joined another in the meantime."""
    item = {"alertId": {"S": alert.id}, "status": {"S": "joined"}, "leadAlertId": {"S": "another"}}
    return world.client("dynamodb").put_item(TableName=world.alerts_table, Item=item)


def a_worse_one_joins(world: Interpreter, alert: Alert) -> object:
    return world.start("sound", f"worse-{alert.id}", device_id=alert.device_id, severity="critical")


def silence(world: Interpreter, alert: Alert) -> object:
    """A silence that ends by itself, when every path has certainly begun."""
    now = datetime.now(UTC)
    document = {"name": f"s-{alert.device_id}"[:60], "watch": alert.device_id, "owner": "anna", "reason": "a test"}
    times = {"from": (now - timedelta(minutes=1)).isoformat(), "until": (now + timedelta(seconds=25)).isoformat()}
    return world.configuration.silences.put(policy_files.silence(json.dumps({**document, **times})), "anna")


STARTED, PLANNED, DIRECT = "escalation-started", "planned", "paged-directly"
CARE, CALL = "told care-team", "told on-call"
BEGUN = [STARTED, PLANNED]
FAILED = "channel-failed"

PATHS: dict[str, Path] = {
    "nobody-answers": Path("Exhausted", [*BEGUN, CARE, CARE, CALL, "exhausted"]),
    "acknowledged-at-once": Path("Acknowledged", [*BEGUN, CARE, "acknowledged"], after=CARE, act=acknowledge),
    "acknowledged-after-the-reminder": Path(
        "Acknowledged", [*BEGUN, CARE, CARE, "acknowledged"], after=f"{CARE} 2", act=acknowledge
    ),
    "acknowledged-by-the-on-call": Path(
        "Acknowledged", [*BEGUN, CARE, CARE, CALL, "acknowledged"], after=CALL, act=acknowledge
    ),
    "cleared-at-once": Path("Cleared", [*BEGUN, CARE, "cleared", "said-cleared care-team"], after=CARE, act=clear),
    "cleared-after-the-reminder": Path(
        "Cleared", [*BEGUN, CARE, CARE, "cleared", "said-cleared care-team"], after=f"{CARE} 2", act=clear
    ),
    "cleared-after-the-page": Path(
        "Cleared",
        [*BEGUN, CARE, CARE, CALL, "cleared", "said-cleared care-team", "said-cleared on-call"],
        after=CALL,
        act=clear,
    ),
    "cleared-before-it-began": Path("Cleared", ["cleared", STARTED], before=clear),
    "cleared-while-it-plans-again": Path(
        "Cleared",
        [*BEGUN, CARE],
        after=CARE,
        act=clear_while_it_plans_again,
    ),
    "somebody-else-has-it": Path("Duplicate", [], before=claim),
    "another-alert-of-the-watch-escalates": Path("Joined", [STARTED], before=another_escalates),
    "it-had-joined-another": Path("Joined", [STARTED], before=it_has_joined),
    "a-worse-alert-of-the-watch-joins": Path(
        "Exhausted",
        [*BEGUN, CARE, "joined", "severity-raised", PLANNED, CARE, CARE, CALL, "exhausted"],
        severity="warning",
        after=CARE,
        act=a_worse_one_joins,
    ),
    "it-becomes-more-severe": Path(
        "Exhausted",
        [*BEGUN, CARE, "severity-raised", PLANNED, CARE, CARE, CALL, "exhausted"],
        severity="warning",
        after=CARE,
        act=worsen,
    ),
    "silenced-and-then-told": Path(
        "Acknowledged", [*BEGUN, "waiting", CARE, "acknowledged"], before=silence, after=CARE, act=acknowledge
    ),
    "silenced-in-the-middle": Path(
        "Acknowledged",
        [*BEGUN, CARE, PLANNED, "waiting", CARE, "acknowledged"],
        after=CARE,
        act=silence,
        then_after=f"{CARE} 2",
        then=acknowledge,
    ),
    "acknowledged-while-silenced": Path(
        "Acknowledged", [*BEGUN, "waiting", "acknowledged"], before=silence, after="waiting", act=acknowledge
    ),
    "acknowledged-but-the-answer-is-lost": Path(
        "Acknowledged", [*BEGUN, CARE], after=CARE, act=acknowledge_without_a_word
    ),
    "acknowledged-at-the-last-moment": Path(
        "Acknowledged", [*BEGUN, CARE, CARE, CALL], after=CALL, act=acknowledge_without_a_word
    ),
    "acknowledged-as-the-wait-ends": Path(
        "Acknowledged",
        [*BEGUN, CARE, "acknowledged"],
        also=([*BEGUN, CARE, CARE, "acknowledged"], [*BEGUN, CARE, "acknowledged", CARE, "crossed care-team"]),
        after=CARE,
        act=acknowledge_as_the_wait_ends,
    ),
    "the-acknowledgement-expires": Path(
        "Exhausted",
        [*BEGUN, CARE, "acknowledged", "acknowledgement-expired", PLANNED, CARE, CARE, CALL, "exhausted"],
        policy="expiring",
        after=CARE,
        act=acknowledge,
    ),
    "acknowledged-and-over-in-time": Path(
        "Acknowledged",
        [*BEGUN, CARE, "acknowledged", "cleared", "said-cleared care-team"],
        policy="expiring",
        after=CARE,
        act=acknowledge,
        then_after="acknowledged",
        then=clear,
    ),
    "acknowledged-twice-and-over-in-time": Path(
        "Acknowledged",
        [*BEGUN, CARE, "acknowledged", "cleared", "said-cleared care-team"],
        policy="expiring",
        after=CARE,
        act=acknowledge,
        then_after="acknowledged",
        then=lambda world, alert: (acknowledge(world, alert), clear(world, alert)),
    ),
    "more-severe-than-what-was-acknowledged": Path(
        "Exhausted",
        [
            *[*BEGUN, CARE, "acknowledged", "severity-raised", "reopened", PLANNED],
            *[CARE, CARE, CALL, "exhausted"],
        ],
        policy="expiring",
        severity="warning",
        after=CARE,
        act=acknowledge,
        then_after="acknowledged",
        then=worsen_once_it_waits,
    ),
    "acknowledged-again-after-the-expiry": Path(
        "Acknowledged",
        [
            *[*BEGUN, CARE, "acknowledged", "acknowledgement-expired", PLANNED, CARE],
            *["acknowledged", "cleared", "said-cleared care-team"],
        ],
        policy="expiring",
        after=CARE,
        act=acknowledge,
        then_after=f"{CARE} 2",
        then=lambda world, alert: (acknowledge(world, alert), clear(world, alert)),
    ),
    "acknowledged-and-nobody-can-be-asked-to-wait": Path(
        "Exhausted",
        [*BEGUN, CARE, "acknowledged", "acknowledgement-expired", PLANNED, CARE, CARE, CALL, "exhausted"],
        policy="expiring",
        variant="deaf-notify",
        after=CARE,
        act=acknowledge,
    ),
    "a-channel-is-down-at-each-step": Path(
        "Exhausted",
        [*BEGUN, *[f"{FAILED} ward", "told ward"] * 3, "exhausted"],
        policy="flaky",
    ),
    "nobody-of-the-policy-can-be-reached": Path(
        "Exhausted", [*BEGUN, *[f"{FAILED} unreachable", "told fallback"] * 3, "exhausted"], policy="dead"
    ),
    "too-many-messages-for-the-recipient": Path(
        "Exhausted", [*BEGUN, "told busy", "held-back busy", "held-back busy", "exhausted"], policy="busy"
    ),
    "notify-is-broken": Path("Exhausted", [STARTED, DIRECT, "exhausted"], variant="no-notify"),
    "notify-is-broken-in-a-dry-run": Path(
        "Exhausted", [STARTED, DIRECT, "exhausted"], variant="no-notify", prefix="drill-dry"
    ),
    "notify-says-nothing-and-tells-nobody": Path("Exhausted", [STARTED, DIRECT, "exhausted"], variant="mute-notify"),
    "notify-is-broken-and-somebody-answers-the-page": Path(
        "Acknowledged", [STARTED, DIRECT, "acknowledged"], variant="no-notify", after=DIRECT, act=acknowledge
    ),
    "notify-is-broken-and-it-clears": Path(
        "Cleared", [STARTED, DIRECT, "cleared"], variant="no-notify", after=DIRECT, act=clear
    ),
    "the-alerts-table-is-gone": Path("Exhausted", [], variant="no-table"),
    "nobody-can-be-told-at-all": Path("EscalationFailed", [STARTED], variant="no-people"),
    "exhaustion-can-not-be-announced": Path(
        "EscalationFailed", [*BEGUN, CARE, CARE, CALL, "exhausted"], variant="no-bus"
    ),
}


@dataclass(frozen=True)
class Walk:
    """How a path went."""

    state: str
    status: str
    states: list[str]
    timeline: list[str]


def walk(world: Interpreter, paths: dict[str, Path], deadline: float) -> dict[str, Walk]:
    """Walk paths at the same time: all are started, and looked at together until each has ended."""
    walks: dict[str, Walk] = {}
    run = uuid.uuid4().hex[:6]
    alerts = {name: Alert(f"{name}-{run}", f"{path.prefix}-{name}-{run}") for name, path in paths.items()}
    started: dict[str, str] = {}
    for name, path in paths.items():
        profile = json.dumps({"deviceId": alerts[name].device_id, "policy": path.policy})
        world.configuration.put_profile(profile, "tests")
    for name, path in paths.items():
        if path.before:
            path.before(world, alerts[name])
    # What a function knew before of silences is out of date by then.
    time.sleep(CONFIGURATION_SECONDS)
    for name, path in paths.items():
        started[name] = world.start(
            path.variant, alerts[name].id, device_id=alerts[name].device_id, severity=path.severity
        )
    # moto looks through all executions for a token, and stumbles over one that has not quite begun.
    for arn in started.values():
        eventually(lambda arn=arn: _states(world, arn))  # type: ignore[misc]

    left = {
        name: [
            (_times(after), act)
            for after, act in ((path.after, path.act), (path.then_after, path.then))
            if act is not None
        ]
        for name, path in paths.items()
    }
    until = time.monotonic() + deadline
    with ThreadPoolExecutor(max_workers=len(paths)) as pool:
        acting: dict[str, Future[object]] = {}
        while time.monotonic() < until:
            timelines = _timelines(world)
            for name, acts in left.items():
                if not acts or (name in acting and not acting[name].done()):
                    continue
                (what, times), act = acts[0]
                if timelines.get(alerts[name].id, []).count(what) >= times:
                    acting[name] = pool.submit(act, world, alerts[name])
                    del acts[0]
            running = world.running()
            if not running & set(started.values()):
                break
            time.sleep(0.2)
        for future in acting.values():
            future.result()
    timelines = _timelines(world)
    for name, arn in started.items():
        entered = _states(world, arn)
        status = world.client("stepfunctions").describe_execution(executionArn=arn)["status"]
        walks[name] = Walk(entered[-1], status, entered, timelines.get(alerts[name].id, []))
    return walks


def _times(after: str | None) -> tuple[str, int]:
    """`told care-team 2` is the second such entry."""
    what, _, times = (after or "").rpartition(" ")
    return (what, int(times)) if times.isdigit() else (after or "", 1)


def _running(stepfunctions: Any, machines: Iterable[str]) -> set[str]:
    return {
        execution["executionArn"]
        for machine in machines
        for execution in stepfunctions.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    }


def _states(world: Interpreter, arn: str) -> list[str]:
    history = world.client("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)
    return [e["stateEnteredEventDetails"]["name"] for e in history["events"] if "stateEnteredEventDetails" in e]


def _item(world: Interpreter, alert_id: str) -> dict[str, Any]:
    key = {"alertId": {"S": alert_id}}
    answer = world.client("dynamodb").get_item(TableName=world.alerts_table, Key=key, ConsistentRead=True)
    item: dict[str, Any] = answer.get("Item", {})
    return item


def _timelines(world: Interpreter) -> dict[str, list[str]]:
    """What happened to every alert: what, and to whom."""
    pages = world.client("dynamodb").get_paginator("scan").paginate(TableName=world.alerts_table, ConsistentRead=True)
    found = {}
    for item in (item for page in pages for item in page["Items"]):
        entries = [entry["M"] for entry in item.get("timeline", {}).get("L", [])]
        found[item["alertId"]["S"]] = [
            " ".join(entry[name]["S"] for name in ("what", "to") if name in entry) for entry in entries
        ]
    return found


def execution_input(alert_id: str, wait: int, device_id: str = "watch-001", severity: str = "critical") -> str:
    return json.dumps(
        {
            "alert": {
                "alertId": alert_id,
                "deviceId": device_id,
                "ruleId": "heart-rate-high",
                "severity": severity,
                "title": "Heart rate above 150 bpm",
                "startedAt": 1_700_000_000_000,
                "drill": False,
            },
            "causationId": "e1",
            "correlationId": "c1",
            "raisedAt": "2023-11-14T22:13:20Z",
            "trace": "Root=1-6553f100-0a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=1",
            "cause": "raised",
            "planned": {"plan": {"policy": None}},
            "directPageSeconds": wait,
        }
    )


def deaf(definition: dict[str, Any], broken: str) -> dict[str, Any]:
    """The definition with a function that raises, where notify is asked to wait for the end of the episode."""
    definition["States"]["AwaitRecovery"]["Parameters"]["FunctionName"] = broken
    return definition


# ------------------------------------------------------------------------------------------------------------- in moto


class MotoInterpreter:
    """moto's interpreter, with our own notify handler for the function that it can't run without Docker."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        role = self.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        for table in ("Alerts", "Recipients", "AlarmConfiguration"):
            self._create_table(table)
        self.configuration = AlarmConfiguration(self.client("dynamodb"), "AlarmConfiguration")
        put_configuration(self.configuration, MOTO_WAIT)
        topics = {name: self.client("sns").create_topic(Name=name)["TopicArn"] for name in ("care-team", "on-call")}
        self.client("events").create_event_bus(Name="bus")
        for name in ("notify", "broken", "mute"):
            self.client("lambda").create_function(
                FunctionName=name, Runtime="python3.11", Role=role, Handler="h.h", Code={"ZipFile": b"x"}
            )
        dynamodb = self.client("dynamodb")
        sns = channels.SnsTopics(self.client("sns"), topics)
        self._deps = Dependencies(
            alerts=alerts_table.DynamoDbAlerts(dynamodb, "Alerts", retention_seconds=60),
            throttles=DynamoDbThrottles(dynamodb, "Recipients"),
            configuration=DynamoDbConfiguration(dynamodb, "AlarmConfiguration", refresh_seconds=0),
            channels={"topic": sns, "webhook": NoKey()},
            links=NoLinks(),
            workflow=adapters.StepFunctionsWorkflow(self.client("stepfunctions")),
            bus=adapters.EventBridgeBus(self.client("events"), "bus"),
            measures=NoMeasures(),
            clock=lambda: datetime.now(UTC),
        )
        lambda_arn = "arn:aws:lambda:us-east-1:123456789012:function:"
        sound = {
            "AlertsTableName": "Alerts",
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
            "deaf-notify": {},
        }
        self._machines = {
            variant: self.client("stepfunctions").create_state_machine(
                name=variant,
                definition=_definition({**sound, **changes[variant]}, variant, broken["NotifyFunctionArn"]),
                roleArn=role,
            )["stateMachineArn"]
            for variant in VARIANTS
        }

    alerts_table = "Alerts"

    def client(self, service_name: str) -> Any:
        if service_name not in self._clients:
            self._clients[service_name] = boto3.client(
                service_name, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
            )
        return self._clients[service_name]

    def start(self, variant: str, alert_id: str, *, device_id: str, severity: str = "critical") -> str:
        return str(
            self.client("stepfunctions").start_execution(
                stateMachineArn=self._machines[variant],
                name=alert_id,
                input=execution_input(alert_id, MOTO_WAIT, device_id, severity),
            )["executionArn"]
        )

    def running(self) -> set[str]:
        return _running(self.client("stepfunctions"), self._machines.values())

    def notify(self, event: dict[str, Any]) -> Any:
        # moto's tables are not safe for threads, and a real conditional write is atomic.
        with self._lock:
            return handler.handler(event, LambdaContext(), deps=self._deps)  # type: ignore[arg-type]

    def _create_table(self, name: str) -> None:
        properties = template()["Resources"][name]["Properties"]
        names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        given = {name: properties[name] for name in names if name in properties}
        self.client("dynamodb").create_table(TableName=name, **given)


def _definition(substitutions: dict[str, str], variant: str, broken: str) -> str:
    text = (ROOT / "statemachines/escalation.asl.yaml").read_text()
    for name, value in substitutions.items():
        text = text.replace("${" + name + "}", value)
    if variant == "no-bus":
        text = text.replace("DetailType: EscalationExhausted", "DetailType: ''")
    definition: dict[str, Any] = yaml.safe_load(text)
    return json.dumps(deaf(definition, broken) if variant == "deaf-notify" else definition)


class NoKey(Messenger):
    """A channel that has no key for what it is to reach."""

    def send(self, message: Any, channel: Any) -> str:
        raise NotSentError("there is no key for it")


class NoLinks(Links):
    def acknowledgement(self, alert_id: str, recipient: str, key: str, now: datetime) -> str:
        return ""


class NoMeasures(Measures):
    def time(self, name: str, milliseconds: int, record: AlertRecord) -> None:
        return None

    def count(self, name: str, record: AlertRecord) -> None:
        return None


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
            "deaf-notify": json.dumps(deaf(json.loads(definition), f"{here}{broken}")),
        }
        self.configuration = AlarmConfiguration(self.client("dynamodb"), outputs["AlarmConfigurationTableName"])
        put_configuration(self.configuration, LOCAL_WAIT)
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

    def start(self, variant: str, alert_id: str, *, device_id: str, severity: str = "critical") -> str:
        return str(
            self.client("stepfunctions").start_execution(
                stateMachineArn=self._machines[variant],
                name=alert_id,
                input=execution_input(alert_id, LOCAL_WAIT, device_id, severity),
            )["executionArn"]
        )

    def running(self) -> set[str]:
        return _running(self.client("stepfunctions"), self._machines.values())

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
