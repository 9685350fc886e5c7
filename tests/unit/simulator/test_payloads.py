"""What a watch writes is the contract, to the byte."""

from __future__ import annotations

import json

import pytest
from smartwatch_contracts.device import DeviceReading

from simulator.devices import payloads


def test_one_reading_is_the_plain_form() -> None:
    reading = payloads.reading(1_700_000_000_000, heart_rate=72, steps=4, spo2=98)

    assert payloads.encode("watch-001", [reading]) == (
        b'{"deviceId":"watch-001","timestamp":1700000000,"heartRate":72,"steps":4,"spo2":98}'
    )


def test_several_readings_are_the_array_form_under_one_device_id() -> None:
    readings = [payloads.reading(1_700_000_000_000 + n * 1000, heart_rate=72 + n) for n in range(2)]

    assert payloads.encode("watch-001", readings) == (
        b'{"deviceId":"watch-001","readings":'
        b'[{"timestamp":1700000000,"heartRate":72},{"timestamp":1700000001,"heartRate":73}]}'
    )


@pytest.mark.parametrize(
    ("milliseconds", "written"),
    [
        (1_700_000_000_000, 1_700_000_000),
        (1_700_000_000_001, 1_700_000_000_001),
        (1_700_000_000_999, 1_700_000_000_999),
    ],
)
def test_whole_seconds_are_written_in_seconds_and_other_times_in_milliseconds(milliseconds: int, written: int) -> None:
    assert payloads.reading(milliseconds, heart_rate=72) == {"timestamp": written, "heartRate": 72}


def test_a_vital_that_is_not_measured_is_left_out_and_zero_is_not() -> None:
    assert payloads.reading(1_700_000_000_000) == {"timestamp": 1_700_000_000}
    assert payloads.reading(1_700_000_000_000, heart_rate=0, steps=0, spo2=0) == {
        "timestamp": 1_700_000_000,
        "heartRate": 0,
        "steps": 0,
        "spo2": 0,
    }


def test_a_written_reading_is_one_of_the_contract_with_no_unknown_field() -> None:
    written = json.loads(payloads.encode("watch-001", [payloads.reading(1_700_000_000_500, heart_rate=72, spo2=97.5)]))
    del written["deviceId"]

    read = DeviceReading.model_validate(written)

    assert (read.timestamp, read.heart_rate, read.spo2, read.steps) == (1_700_000_000_500, 72, 97.5, None)
    assert not read.model_extra
