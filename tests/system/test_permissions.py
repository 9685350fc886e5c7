"""Each hop with its permission removed: refused, seen, and nothing lost in silence."""

from __future__ import annotations

import base64
import json
import socket
import ssl

import pytest

from simulator.cloud.settings import BROKER_HOST
from simulator.devices import payloads
from simulator.devices.provisioning import Identity
from simulator.devices.watch import Watch, WatchError
from tests.support.chain import Chain, a_watch_name
from tests.support.clouds import eventually


def test_rule_to_stream_a_refused_message_is_kept_with_its_bytes(chain: Chain) -> None:
    name = a_watch_name()
    with chain.without("ReadingsRuleRole", "kinesis:PutRecord"):
        chain.send(name, 72)

    # The watch's word that it is online was refused just the same.
    bodies = eventually(
        lambda: [
            body
            for body in (json.loads(message["Body"]) for message in chain.take("UndeliveredMessagesUrl"))
            if "heartRate" in _decoded(body["base64OriginalPayload"])
        ]
    )

    (body,) = bodies
    assert f'"deviceId":"{name}"' in _decoded(body["base64OriginalPayload"])
    assert "kinesis:PutRecord" in body["failures"][0]["errorMessage"]
    assert chain.stored(name) == 0


def test_function_to_table_a_refused_event_stays_in_its_queue_and_is_stored_later(chain: Chain) -> None:
    name = a_watch_name()
    url = chain.client("sqs").get_queue_url(QueueName=chain.physical("PersistQueue").rsplit("/", 1)[-1])["QueueUrl"]
    chain.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2"})
    try:
        with chain.without("PersistRole", "dynamodb:BatchWriteItem"):
            chain.send(name, 72)
            eventually(lambda: _redelivered(chain))
            assert chain.stored(name) == 0
        eventually(lambda: chain.stored(name) == 1)
    finally:
        chain.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "360"})


def _redelivered(chain: Chain) -> bool:
    events = chain.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{chain.outputs['PersistFunctionName']}")
    return any("not all stored" in event["message"] for event in events["events"])


def test_bus_to_function_a_refused_event_is_dead_lettered(chain: Chain) -> None:
    name = a_watch_name()
    with chain.without_function_permission("EvaluateFunctionName"):
        chain.send(name, 160)
        (message,) = eventually(
            lambda: [m for m in chain.take("EvaluateDeadLettersUrl") if "ReadingsAccepted" in m["Body"]]
        )

    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert name in message["Body"]
    assert chain.alerts(name) == []


def test_bus_to_queue_a_refused_event_is_dead_lettered(chain: Chain) -> None:
    name = a_watch_name()
    with chain.without_queue_policy("PersistQueue"):
        chain.send(name, 72)
        (message,) = eventually(lambda: chain.take("PersistDeadLettersUrl"))

    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert name in message["Body"]


def test_bus_to_workflow_a_refused_alert_is_dead_lettered(chain: Chain) -> None:
    name = a_watch_name()
    with chain.without("EscalationRuleRole", "states:StartExecution"):
        chain.send(name, 160)
        (message,) = eventually(lambda: chain.take("EscalationDeadLettersUrl"))

    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert json.loads(message["Body"])["detail"]["data"]["deviceId"] == name


def test_workflow_to_function_and_to_sns_the_execution_fails_and_says_why(chain: Chain) -> None:
    name = a_watch_name()
    with chain.without("EscalationRole", "lambda:InvokeFunction", "sns:Publish"):
        chain.send(name, 160)
        (arn,) = eventually(lambda: chain.executions(name))
        eventually(lambda: chain.history(arn)[-1]["type"] == "ExecutionFailed", within=90)

    causes = [event["taskFailedEventDetails"] for event in chain.history(arn) if event["type"] == "TaskFailed"]
    assert any("lambda:InvokeFunction" in cause["cause"] for cause in causes)
    assert any("sns:Publish" in cause["cause"] for cause in causes)


def test_function_to_sns_the_on_call_is_paged_without_it(chain: Chain) -> None:
    name = a_watch_name()
    with chain.without("NotifyRole", "sns:Publish"):
        chain.send(name, 160)
        eventually(lambda: [m for m in chain.outbox() if name in m["message"] and m["protocol"] == "sms"], within=90)

    (message,) = [m for m in chain.outbox() if name in m["message"] and m["protocol"] == "sms"]
    assert "The usual way to tell you did not work" in message["message"]


def test_a_watch_that_publishes_to_anothers_topic_is_disconnected_and_nothing_arrives(chain: Chain) -> None:
    name, victim = a_watch_name(), a_watch_name()
    chain.provision(victim)
    gone = []
    with chain.watch(name) as watch:
        watch._client.on_disconnect = lambda *_: gone.append(True)
        sent = watch._client.publish(
            chain.broker().data_topic(victim),
            payloads.encode(victim, [payloads.reading(1_700_000_000_000, heart_rate=200)]),
            qos=1,
        )
        eventually(lambda: gone)
        assert not sent.is_published()

    assert chain.stored(victim) == 0
    assert chain.alerts(victim) == []


def test_a_watch_that_connects_as_another_is_refused(chain: Chain) -> None:
    thief, victim = chain.provision(a_watch_name()), chain.provision(a_watch_name())
    disguised = Watch(Identity(victim.device_id, thief.folder), chain.broker())

    with pytest.raises(WatchError):
        disguised.connect()


def test_a_watch_whose_certificate_was_revoked_is_refused(chain: Chain) -> None:
    identity = chain.provision(a_watch_name())
    certificate = json.loads(identity.record_file.read_text())["certificateId"]
    chain.client("iot").update_certificate(certificateId=certificate, newStatus="REVOKED")

    with pytest.raises(WatchError):
        Watch(identity, chain.broker()).connect()


def test_a_connection_without_a_certificate_is_refused(chain: Chain) -> None:
    identity = chain.provision(a_watch_name())
    context = ssl.create_default_context(cafile=str(identity.ca_file))
    port = chain.cloud.settings.mqtt_port

    # CONNECT of MQTT 3.1.1 with a keep-alive of 60 s and the client id "x"; an accepted one is answered with 20020000.
    with (
        socket.create_connection((BROKER_HOST, port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=BROKER_HOST) as secured,
    ):
        try:
            secured.sendall(bytes.fromhex("100d00044d5154540402003c000178"))
            answer = secured.recv(4)
        except OSError:
            answer = b""

    assert answer == b""


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
