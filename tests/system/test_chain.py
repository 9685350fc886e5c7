"""From a watch's MQTT message to the page, through the deployed template."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile

from simulator.cloud.deploy import function_zip
from simulator.devices import payloads
from tests.support.chain import Chain, a_watch_name
from tests.support.clouds import eventually
from tests.support.project import ROOT


def test_readings_published_through_either_topic_are_stored(chain: Chain) -> None:
    for basic_ingest in (True, False):
        name = a_watch_name()
        with chain.watch(name, basic_ingest=basic_ingest) as watch:
            watch.publish([payloads.reading(1_700_000_000_000 + n * 1000, heart_rate=72) for n in range(3)])
            watch.flush(10)
            assert watch.published == 3
        eventually(lambda name=name: chain.stored(name) == 3)  # type: ignore[misc]


def test_one_malformed_message_among_499_good_ones_is_quarantined_with_its_bytes_and_reason(chain: Chain) -> None:
    name = a_watch_name()
    good = [payloads.encode(name, [payloads.reading(1_700_000_000_000 + n * 1000, heart_rate=72)]) for n in range(499)]

    chain.put_records(*[(name, data) for data in [*good[:250], b'{"deviceId": broken', *good[250:]]])

    eventually(lambda: chain.stored(name) == 499)
    messages = eventually(lambda: chain.take("QuarantineQueueUrl"))
    body = json.loads(messages[0]["Body"])
    assert [m["MessageAttributes"]["reason"]["StringValue"] for m in messages] == ["not-json"]
    assert (body["deviceId"], body["payload"]) == (name, "eyJkZXZpY2VJZCI6IGJyb2tlbg==")


def test_a_payload_that_claims_to_be_another_watch_is_quarantined(chain: Chain) -> None:
    name, other = a_watch_name(), a_watch_name()
    with chain.watch(name) as watch:
        watch._client.publish(
            chain.broker().data_topic(name),
            payloads.encode(other, [payloads.reading(1_700_000_000_000, heart_rate=72)]),
            qos=1,
        ).wait_for_publish(10)

    (message,) = eventually(lambda: chain.take("QuarantineQueueUrl"))

    assert message["MessageAttributes"]["reason"]["StringValue"] == "device-mismatch"
    assert chain.stored(other) == 0


def test_an_episode_is_one_alert_and_one_execution_that_is_inspectable_with_the_stock_aws_cli(chain: Chain) -> None:
    name = a_watch_name()
    chain.send(name, 72, 160, 161, 162)
    eventually(lambda: chain.executions(name))
    chain.send(name, 163, 164)
    eventually(lambda: chain.stored(name) == 6)
    (arn,) = chain.executions(name)
    (alert,) = chain.alerts(name)

    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": chain.cloud.settings.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    aws = [sys.executable, "-m", "awscli", "stepfunctions"]
    machine = chain.outputs["EscalationStateMachineArn"]
    listed = subprocess.run(
        [*aws, "list-executions", "--state-machine-arn", machine, "--output", "json"],
        env=environment,
        capture_output=True,
        check=True,
        timeout=60,
    )
    history = subprocess.run(
        [*aws, "get-execution-history", "--execution-arn", arn, "--output", "json"],
        env=environment,
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert arn in [execution["executionArn"] for execution in json.loads(listed.stdout)["executions"]]
    events = json.loads(history.stdout)["events"]
    assert events[0]["type"] == "ExecutionStarted"
    assert "TaskSubmitted" in [event["type"] for event in events]
    assert alert["executionArn"]["S"] == arn


def test_one_trace_holds_ingest_evaluate_the_workflow_and_notify(chain: Chain) -> None:
    name = a_watch_name()
    chain.send(name, 160)
    (alert,) = eventually(lambda: [a for a in chain.alerts(name) if len(a["timeline"]["L"]) > 1])
    root = alert["trace"]["S"].split(";")[0].removeprefix("Root=")

    def names() -> set[str]:
        traces = chain.client("xray").batch_get_traces(TraceIds=[root])["Traces"]
        return {json.loads(segment["Document"])["name"] for trace in traces for segment in trace["Segments"]}

    wanted = {"smartwatch-ingest", "smartwatch-evaluate", "smartwatch-escalation", "smartwatch-notify"}
    eventually(lambda: wanted <= names())


def test_what_people_receive_names_no_measured_value(chain: Chain) -> None:
    name = a_watch_name("drill")
    chain.send(name, 187)

    messages = eventually(lambda: [m for m in chain.outbox() if name in m["message"]])

    assert all("187" not in message["subject"] + message["message"] for message in messages)
    assert all(message["subject"].startswith("DRILL") for message in messages)


def test_no_log_holds_a_vital_sign_a_payload_or_a_task_token(chain: Chain) -> None:
    name = a_watch_name()
    chain.send(name, 72, 193)
    (alert,) = eventually(lambda: [a for a in chain.alerts(name) if "taskToken" in a])
    token = alert["taskToken"]["S"]

    logs = chain.client("logs")
    lines = [
        event["message"]
        for group in logs.describe_log_groups()["logGroups"]
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    ]
    assert lines
    assert not [line for line in lines if token in line or "heartRate" in line or '"value"' in line or "193," in line]
    assert "193" not in "".join(line for line in lines if name in line)


def test_a_function_that_raises_on_one_record_stalls_nothing_and_the_record_reaches_the_failure_queue(
    chain: Chain,
) -> None:
    """Ingest is replaced by one that raises on a marker, as a bug would, and put back."""
    client, function = chain.client("lambda"), chain.outputs["IngestFunctionName"]
    wrapper = (
        "import base64\n"
        "from ingest import handler as sound\n"
        "def handler(event, context):\n"
        "    for record in event['Records']:\n"
        "        if b'Ym9vbQ==' in base64.b64decode(record['kinesis']['data']):\n"
        "            raise RuntimeError('boom')\n"
        "    return sound.handler(event, context)\n"
    )
    sound = function_zip(ROOT / "services/ingest")
    name, other = a_watch_name(), a_watch_name()
    client.update_function_code(FunctionName=function, ZipFile=_with(sound, "poisoned.py", wrapper))
    client.update_function_configuration(FunctionName=function, Handler="poisoned.handler")
    mapping = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"][0]["UUID"]
    client.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=1)
    try:
        good = [
            payloads.encode(name, [payloads.reading(1_700_000_000_000 + n * 1000, heart_rate=72)]) for n in range(20)
        ]
        chain.put_records(
            *[(name, data) for data in good[:10]], (other, b"boom"), *[(name, data) for data in good[10:]]
        )

        eventually(lambda: chain.stored(name) == 20, within=30)
        (message,) = eventually(lambda: chain.take("IngestDeadLettersUrl"), within=30)
    finally:
        client.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=10)
        client.update_function_configuration(FunctionName=function, Handler="ingest.handler.handler")
        client.update_function_code(FunctionName=function, ZipFile=sound)
    batch = json.loads(message["Body"])["KinesisBatchInfo"]
    assert (batch["batchSize"], batch["startSequenceNumber"]) == (1, batch["endSequenceNumber"])


def _with(archive: bytes, name: str, source: str) -> bytes:
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as opened:
        opened.writestr(name, source)
    return buffer.getvalue()
