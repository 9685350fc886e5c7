"""Ingest's use case: nothing of a batch is lost, whatever fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from ingest.domain import Reason, Rejection
from ingest.handler import handler
from ingest.ports import Bus, Quarantine
from ingest.service import Dependencies, take
from smartwatch_contracts.envelope import Envelope

from tests.support.builders import NOW, T0, LambdaContext, a_body, a_kinesis_record


class FakeBus(Bus):
    def __init__(self, *, refuses: int = 0) -> None:
        self.published: list[Envelope[Any]] = []
        self._refuses = refuses

    def publish(self, envelopes: Sequence[Envelope[Any]]) -> frozenset[str]:
        self.published += envelopes[self._refuses :]
        return frozenset(envelope.id for envelope in envelopes[: self._refuses])

    def readings(self) -> int:
        return sum(len(device.readings) for envelope in self.published for device in envelope.data.devices)


class FakeQuarantine(Quarantine):
    def __init__(self, *, broken: bool = False) -> None:
        self.rejections: list[Rejection] = []
        self._broken = broken

    def put(self, rejections: Sequence[Rejection]) -> frozenset[str]:
        if self._broken:
            return frozenset(rejection.sequence_number for rejection in rejections)
        self.rejections += rejections
        return frozenset()


def deps(bus: Bus | None = None, quarantine: Quarantine | None = None) -> Dependencies:
    return Dependencies(bus or FakeBus(), quarantine or FakeQuarantine(), clock=lambda: NOW)


def a_batch(count: int) -> list[dict[str, Any]]:
    return [
        a_kinesis_record(a_body(timestamp=1_700_000_000 + n), number=str(n), received_at=T0 + 10**7)
        for n in range(count)
    ]


def test_one_malformed_record_in_500_leaves_499_accepted_and_one_quarantined_with_its_bytes() -> None:
    bus, quarantine = FakeBus(), FakeQuarantine()
    batch = a_batch(500)
    batch[250] = a_kinesis_record(b'{"deviceId": oops', number="250")

    report = take(batch, deps(bus, quarantine), trace=None)

    assert report.failed == frozenset()
    assert bus.readings() == 499
    assert [(r.reason, r.payload, r.sequence_number) for r in quarantine.rejections] == [
        (Reason.NOT_JSON, b'{"deviceId": oops', "250")
    ]


def test_a_record_that_the_iot_rule_did_not_write_is_quarantined_whole() -> None:
    quarantine = FakeQuarantine()
    record = {"kinesis": {"sequenceNumber": "9", "data": "bm90IGZyb20gdXM="}}

    take([record], deps(quarantine=quarantine), trace=None)

    assert [(r.reason, r.payload) for r in quarantine.rejections] == [(Reason.UNREADABLE_RECORD, b"not from us")]


def test_records_of_an_event_that_was_not_accepted_come_back() -> None:
    report = take(a_batch(3), deps(FakeBus(refuses=1)), trace=None)

    assert report.failed == {"0", "1", "2"}


def test_a_record_that_could_not_be_quarantined_comes_back() -> None:
    batch = [*a_batch(2), a_kinesis_record(b"?", number="2")]

    report = take(batch, deps(quarantine=FakeQuarantine(broken=True)), trace=None)

    assert report.failed == {"2"}


def test_events_carry_the_trace_that_kinesis_drops() -> None:
    bus = FakeBus()

    take(a_batch(1), deps(bus), trace="Root=1-2-3;Parent=4;Sampled=1")

    assert bus.published[0].trace == "Root=1-2-3;Parent=4;Sampled=1"


def test_a_batch_writes_as_many_lines_for_a_thousand_readings_as_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for count in (1, 1000):
        handler({"Records": a_batch(count)}, LambdaContext(), deps=deps())
        lines.append(len(capsys.readouterr().out.splitlines()))

    assert lines[0] == lines[1]


def test_the_handler_reports_what_must_come_back() -> None:

    answer = handler({"Records": a_batch(2)}, LambdaContext(), deps=deps(FakeBus(refuses=1)))

    assert json.dumps(answer) == '{"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "1"}]}'
