"""The broker and its rules: to Kinesis, byte for byte, and only for clients with a certificate."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from simulator.cloud.mends.iot_listener import _keep_alive_seconds
from simulator.cloud.settings import BROKER_HOST
from tests.support.clouds import TestCloud, eventually
from tests.support.resources import new_name, queue, received, role

SQL = "SELECT encode(*, 'base64') AS payload, topic(2) AS deviceId, timestamp() AS receivedAt FROM '{}/+/data'"


class Rule:
    """A stream, and a rule that puts every message of one topic tree on it."""

    def __init__(self, cloud: TestCloud, *, stream_exists: bool = True, allow: list[str] | None = None) -> None:
        self.cloud = cloud
        self.root = new_name("root")
        self.stream = new_name("stream")
        self.name = new_name("rule").replace("-", "_")
        if stream_exists:
            cloud.client("kinesis").create_stream(StreamName=self.stream, ShardCount=1)
        self.errors_url, _ = queue(cloud)
        arn = role(
            cloud, "iot.amazonaws.com", allow=["kinesis:PutRecord", "sqs:SendMessage"] if allow is None else allow
        )
        cloud.client("iot").create_topic_rule(
            ruleName=self.name,
            topicRulePayload={
                "sql": SQL.format(self.root),
                "awsIotSqlVersion": "2016-03-23",
                "actions": [{"kinesis": {"streamName": self.stream, "partitionKey": "${topic(2)}", "roleArn": arn}}],
                "errorAction": {"sqs": {"queueUrl": self.errors_url, "roleArn": arn, "useBase64": False}},
            },
        )

    def publish(self, payload: bytes, *, basic_ingest: bool = False) -> None:
        topic = f"{self.root}/watch-1/data"
        self.cloud.client("iot-data").publish(
            topic=f"$aws/rules/{self.name}/{topic}" if basic_ingest else topic, payload=payload, qos=1
        )

    def records(self) -> list[dict[str, Any]]:
        kinesis = self.cloud.client("kinesis")
        iterator = kinesis.get_shard_iterator(
            StreamName=self.stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return list(kinesis.get_records(ShardIterator=iterator)["Records"])


@pytest.mark.parametrize("basic_ingest", [False, True])
@pytest.mark.parametrize(
    "payload",
    [b'{"heartRate": 72}', b"[1, 2]", b"{broken", b"\x00\xff\xfe", b"x" * 100_000],
    ids=["object", "array", "no-json", "binary", "large"],
)
def test_every_message_reaches_the_stream_byte_for_byte(mended: TestCloud, payload: bytes, basic_ingest: bool) -> None:
    rule = Rule(mended)
    before = int(time.time() * 1000)

    rule.publish(payload, basic_ingest=basic_ingest)

    [record] = eventually(rule.records)
    forwarded = json.loads(record["Data"])
    assert base64.b64decode(forwarded["payload"]) == payload
    assert forwarded["deviceId"] == record["PartitionKey"] == "watch-1"
    assert before <= forwarded["receivedAt"] <= int(time.time() * 1000)


def test_a_message_that_can_not_be_forwarded_starts_the_error_action(mended: TestCloud) -> None:
    rule = Rule(mended, stream_exists=False)

    rule.publish(b"{broken")

    [message] = eventually(lambda: received(mended, rule.errors_url))
    error = json.loads(message["Body"])
    assert base64.b64decode(error["base64OriginalPayload"]) == b"{broken"
    assert error["failures"][0]["failedResource"] == rule.stream


def test_a_rule_whose_role_may_not_put_records_starts_the_error_action(mended: TestCloud) -> None:
    rule = Rule(mended, allow=["sqs:SendMessage"])

    rule.publish(b"{}")

    [message] = eventually(lambda: received(mended, rule.errors_url))
    assert "kinesis:PutRecord" in json.loads(message["Body"])["failures"][0]["errorMessage"]


def test_stock_skips_the_action_in_silence(stock: TestCloud) -> None:
    rule = Rule(stock)

    rule.publish(b"{}")

    with pytest.raises(AssertionError, match="not within"):
        eventually(lambda: rule.records() or received(stock, rule.errors_url), within=1)


def test_stock_runs_an_action_whatever_its_role_may_do(stock: TestCloud) -> None:
    url, _ = queue(stock)
    nothing = role(stock, "iot.amazonaws.com")
    root, name = new_name("root"), new_name("rule").replace("-", "_")
    stock.client("iot").create_topic_rule(
        ruleName=name,
        topicRulePayload={
            "sql": SQL.format(root),
            "actions": [{"sqs": {"queueUrl": url, "roleArn": nothing, "useBase64": False}}],
        },
    )

    stock.client("iot-data").publish(topic=f"{root}/watch-1/data", payload=b'{"a": 1}', qos=1)

    assert eventually(lambda: received(stock, url))


# --------------------------------------------------------------------------------------------------------- the listener


def tls(cloud: TestCloud, folder: Path, *, certificate: bool) -> ssl.SSLContext:
    with urllib.request.urlopen(f"{cloud.settings.endpoint}/_ministack/iot/ca.pem", timeout=10) as answer:
        (folder / "ca.pem").write_bytes(answer.read())
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if certificate:
        made = cloud.client("iot").create_keys_and_certificate(setAsActive=True)
        document = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
        policy = new_name("policy")
        cloud.client("iot").create_policy(
            policyName=policy, policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [document]})
        )
        cloud.client("iot").attach_policy(policyName=policy, target=made["certificateArn"])
        (folder / "chain.pem").write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])
        context.load_cert_chain(str(folder / "chain.pem"))
    return context


def connect_packet(keep_alive: int) -> bytes:
    """CONNECT of MQTT 3.1.1, clean session, client id "x"."""
    return bytes.fromhex("100d00044d5154540402") + keep_alive.to_bytes(2, "big") + b"\x00\x01x"


def answer_to_connect(
    cloud: TestCloud, context: ssl.SSLContext, keep_alive: int = 60, *, then_wait: float = 0
) -> bytes:
    """What the broker says to a CONNECT; with a wait, what it says after a silence of that length."""
    with (
        socket.create_connection((BROKER_HOST, cloud.settings.mqtt_port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=BROKER_HOST) as secured,
    ):
        try:
            secured.sendall(connect_packet(keep_alive))
            answer = secured.recv(4)
            if then_wait:
                secured.settimeout(then_wait)
                answer = secured.recv(4)
        except TimeoutError:
            return b"still connected"
        except OSError:
            return b""
    return answer


ACCEPTED = bytes.fromhex("20020000")


def test_a_client_without_a_certificate_is_refused(mended: TestCloud, tmp_path: Path) -> None:
    assert answer_to_connect(mended, tls(mended, tmp_path, certificate=False)) == b""


def test_a_client_with_a_certificate_is_accepted(mended: TestCloud, tmp_path: Path) -> None:
    assert answer_to_connect(mended, tls(mended, tmp_path, certificate=True)) == ACCEPTED


def test_a_client_that_falls_silent_is_disconnected_after_one_and_a_half_keep_alives(
    mended: TestCloud, tmp_path: Path
) -> None:
    assert answer_to_connect(mended, tls(mended, tmp_path, certificate=True), 1, then_wait=5) == b""


def test_the_broker_listens_on_loopback_only(mended: TestCloud) -> None:
    assert _listening_addresses(mended.settings.mqtt_port) == {"0100007F"}


@pytest.mark.parametrize(("sent", "seconds"), [(30, 30), (0, 1200), (65535, 1200)])
def test_the_keep_alive_is_read_from_the_connect_packet(sent: int, seconds: int) -> None:
    assert _keep_alive_seconds(connect_packet(sent)) == seconds


def test_stock_answers_a_client_without_a_certificate(stock: TestCloud, tmp_path: Path) -> None:
    assert answer_to_connect(stock, tls(stock, tmp_path, certificate=False)) != b""


def test_stock_never_gives_up_on_a_silent_client(stock: TestCloud, tmp_path: Path) -> None:
    context = tls(stock, tmp_path, certificate=True)

    assert answer_to_connect(stock, context, 1, then_wait=3) == b"still connected"


def test_stock_listens_on_every_interface(stock: TestCloud) -> None:
    assert _listening_addresses(stock.settings.mqtt_port) == {"00000000"}


def _listening_addresses(port: int) -> set[str]:
    """Hexadecimal addresses with a listener on the port, from /proc."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("only Linux tells who listens where in /proc/net/tcp")
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}
