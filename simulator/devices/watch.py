"""A watch: an MQTT client with a key and a certificate of its own."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from simulator.devices import payloads
from simulator.devices.provisioning import Identity

#: Seconds between two signs of life; the broker gives up on a watch after one and a half of them.
KEEP_ALIVE_SECONDS = 30
CONNECT_SECONDS = 10.0


class WatchError(RuntimeError):
    """The broker does not want this watch, or can't be reached. One line, for a person."""


@dataclass(frozen=True)
class Broker:
    """Where watches connect. `rule` is the IoT rule for Basic Ingest; None publishes to the plain topic."""

    host: str
    port: int
    rule: str | None

    def data_topic(self, device_id: str) -> str:
        topic = f"smartwatch/{device_id}/data"
        return topic if self.rule is None else f"$aws/rules/{self.rule}/{topic}"


class Watch:
    """One connected watch. Readings count as published once the broker has acknowledged them (QoS 1).

    paho keeps unacknowledged messages and sends them again after a lost connection.
    """

    def __init__(self, identity: Identity, broker: Broker) -> None:
        self.device_id = identity.device_id
        self._broker = broker
        self._unacknowledged: dict[int, int] = {}
        #: Messages whose acknowledgement overtook the return of `publish`.
        self._acknowledged_early: set[int] = set()
        self._status_messages: set[int] = set()
        self._changed = threading.Condition()
        self._refusal: str | None = None
        self.published = 0
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self.device_id, protocol=mqtt.MQTTv311, clean_session=True
        )
        try:
            self._client.tls_set(
                ca_certs=str(identity.ca_file),
                certfile=str(identity.certificate_file),
                keyfile=str(identity.key_file),
                tls_version=ssl.PROTOCOL_TLS_CLIENT,
            )
        except (OSError, ssl.SSLError) as error:
            raise WatchError(f"{self.device_id}: its key or certificate can't be read: {error}") from None
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(min_delay=1, max_delay=5)
        self._client.will_set(self._status_topic, self._status("offline", "lost"), qos=1)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish

    @property
    def connected(self) -> bool:
        return bool(self._client.is_connected())

    def connect(self) -> None:
        """Connect and start the network thread. Errors: `WatchError`."""
        try:
            self._client.connect(self._broker.host, self._broker.port, KEEP_ALIVE_SECONDS)
        except (OSError, ssl.SSLError) as error:
            raise WatchError(
                f"{self.device_id}: no connection to {self._broker.host}:{self._broker.port}: {error}"
            ) from None
        self._client.loop_start()
        deadline = time.monotonic() + CONNECT_SECONDS
        with self._changed:
            while not self.connected and self._refusal is None and time.monotonic() < deadline:
                self._changed.wait(0.1)
        if not self.connected:
            self._client.loop_stop()
            raise WatchError(f"{self.device_id}: the broker refused the connection: {self._refusal or 'no answer'}")

    def publish(self, readings: Sequence[dict[str, Any]]) -> None:
        """Send readings in one message."""
        if not readings:
            return
        # Not under our lock: paho holds its own while it calls us back, and the two would wait for each other.
        sent = self._client.publish(
            self._broker.data_topic(self.device_id), payloads.encode(self.device_id, readings), qos=1
        )
        with self._changed:
            if sent.mid in self._acknowledged_early:
                self._acknowledged_early.discard(sent.mid)
                self.published += len(readings)
            else:
                self._unacknowledged[sent.mid] = len(readings)

    def flush(self, seconds: float) -> int:
        """Wait until the broker has acknowledged everything; the readings that it has not when time is up."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._unacknowledged and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(min(left, 0.1))
            return sum(self._unacknowledged.values())

    def stop(self) -> None:
        """Say goodbye and end the network thread."""
        if self.connected:
            self._client.publish(self._status_topic, self._status("offline", "goodbye"), qos=1).wait_for_publish(2)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def _status_topic(self) -> str:
        return f"smartwatch/{self.device_id}/status"

    def _status(self, status: str, reason: str | None = None) -> str:
        return json.dumps({"deviceId": self.device_id, "status": status} | ({"reason": reason} if reason else {}))

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        # The network thread itself runs this: the acknowledgement can't come before the id is noted.
        if not reason.is_failure:
            self._status_messages.add(client.publish(self._status_topic, self._status("online"), qos=1).mid)
        with self._changed:
            self._refusal = str(reason) if reason.is_failure else None
            self._changed.notify_all()

    def _on_publish(
        self, _client: mqtt.Client, _data: object, mid: int, _reason: ReasonCode, _properties: object
    ) -> None:
        with self._changed:
            if mid in self._unacknowledged:
                self.published += self._unacknowledged.pop(mid)
            elif mid in self._status_messages:
                self._status_messages.discard(mid)
            else:
                self._acknowledged_early.add(mid)
            self._changed.notify_all()
