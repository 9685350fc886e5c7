"""A watch that is switched off in mid-stream is missed, and clears by itself when it returns."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

from evaluate import rule_files

from simulator.devices import payloads
from tests.support.chain import Chain, a_watch_name
from tests.support.clouds import eventually
from tests.support.project import ROOT

#: Silent after 20 s without a reading, or 5 s after a last will. The watchdog looks once a minute.
LIMIT_SECONDS = 20
RULES = (
    rule_files.built_in_text("simple").replace("name: simple", "name: default")
    + f"silence: {{afterSeconds: {LIMIT_SECONDS}, offlineSeconds: 5}}\n"
)

STREAMING = """
import sys, time
from pathlib import Path
from simulator.devices import payloads
from simulator.devices.provisioning import Identity
from simulator.devices.watch import Broker, Watch
name, folder, host, port, rule = sys.argv[1:]
watch = Watch(Identity(name, Path(folder)), Broker(host, int(port), rule))
watch.connect()
while True:
    watch.publish([payloads.reading(int(time.time() * 1000), heart_rate=72)])
    watch.flush(5)
    print("sent", flush=True)
    time.sleep(1)
"""


def _silence(chain: Chain, name: str) -> dict[str, Any] | None:
    return next((alert for alert in chain.alerts(name) if alert["ruleId"]["S"] == "device-silent"), None)


def test_a_watch_that_is_killed_is_missed_and_returns_with_six_hours_of_readings(chain: Chain) -> None:
    chain.configuration.put_rule_set(RULES, "test")
    name = a_watch_name()
    identity, broker = chain.provision(name), chain.broker()
    streaming = subprocess.Popen(
        [sys.executable, "-c", STREAMING, name, identity.folder, broker.host, str(broker.port), str(broker.rule)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert streaming.stdout is not None
        for _ in range(4):
            assert streaming.stdout.readline() == "sent\n"
    finally:
        streaming.send_signal(signal.SIGKILL)
        streaming.wait()

    missed = eventually(lambda: _silence(chain, name), within=LIMIT_SECONDS + 60, every=0.5)
    assert (missed["status"]["S"], chain.executions(name)) == ("technical", [])

    backfill = [
        payloads.reading(int((time.time() - 6 * 3600 + n * 5) * 1000), heart_rate=160 if n % 50 < 5 else 72)
        for n in range(6 * 720 - 60)
    ]
    with chain.watch(name) as watch:
        for start in range(0, len(backfill), 60):
            watch.publish(backfill[start : start + 60])
        watch.publish([payloads.reading(int(time.time() * 1000), heart_rate=72)])
        assert watch.flush(30) == 0
        back = eventually(
            lambda: (alert := _silence(chain, name)) and alert["status"]["S"] == "cleared" and alert,
            within=75,
            every=0.5,
        )

    assert back["alertId"] == missed["alertId"]
    eventually(lambda: chain.stored(name) >= 4 + len(backfill) + 1, within=60)
    assert chain.executions(name) == []
    assert {alert["status"]["S"] for alert in chain.alerts(name)} == {"cleared", "retrospective"}
