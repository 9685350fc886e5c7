"""What ingest accepts, what it refuses and why, and how it packs events."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest.domain import EVENT_READINGS_BYTES, Message, Reason, inspect, pack
from smartwatch_contracts.catalogue import READINGS_ACCEPTED
from smartwatch_contracts.events import Reading
from smartwatch_contracts.wire import EVENT_BILLING_CHUNK_BYTES, entry

from tests.support.builders import NOW, T0, a_body, a_message, a_reading


def test_the_contracts_own_example_is_accepted_with_its_time_in_milliseconds() -> None:
    found = inspect(a_message(a_body()))

    assert found.rejection is None
    assert found.readings == (Reading(timestamp=1_700_000_000_000, heart_rate=72, steps=4, spo2=98),)


@pytest.mark.parametrize(
    ("sent", "milliseconds"),
    [
        (1_700_000_000, 1_700_000_000_000),
        (1_700_000_000_123, 1_700_000_000_123),
        (1_700_000_000.25, 1_700_000_000_250),
    ],
)
def test_a_timestamp_is_in_seconds_or_in_milliseconds(sent: float, milliseconds: int) -> None:
    assert inspect(a_message(a_body(timestamp=sent))).readings[0].timestamp == milliseconds


def test_zero_heart_rate_and_spo2_mean_no_signal_and_are_accepted() -> None:
    assert inspect(a_message(a_body(heartRate=0, spo2=0))).rejection is None


@pytest.mark.parametrize("field", ["heartRate", "steps", "spo2"])
def test_a_vital_that_the_watch_does_not_measure_may_be_left_out(field: str) -> None:
    assert inspect(a_message(a_body(**{field: ...}))).rejection is None


def test_unknown_fields_are_counted_and_change_nothing() -> None:
    found = inspect(a_message(a_body(firmware="2.1", colour="red")))

    assert found.unknown_fields == 2
    assert found.readings == (Reading(timestamp=T0, heart_rate=72, steps=4, spo2=98),)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.NOT_JSON),
        (b"{", Reason.NOT_JSON),
        (b"\xff\xfe\x00", Reason.NOT_JSON),
        (b'{"deviceId":"watch-001","timestamp":1700000000,"heartRate":NaN}', Reason.NOT_JSON),
        (b"[" * 100_000, Reason.NOT_JSON),
        ([], Reason.WRONG_SHAPE),
        ("text", Reason.WRONG_SHAPE),
        (None, Reason.WRONG_SHAPE),
        ({"deviceId": "watch-001", "readings": []}, Reason.WRONG_SHAPE),
        ({"deviceId": "watch-001", "readings": {}}, Reason.WRONG_SHAPE),
        ({"deviceId": "watch-001", "readings": [1]}, Reason.WRONG_TYPE),
        (a_body(deviceId=...), Reason.WRONG_TYPE),
        (a_body(deviceId=7), Reason.WRONG_TYPE),
        (a_body(deviceId="watch-002"), Reason.DEVICE_MISMATCH),
        (a_body(timestamp=...), Reason.WRONG_TYPE),
        (a_body(timestamp="1700000000"), Reason.WRONG_TYPE),
        (a_body(timestamp=True), Reason.WRONG_TYPE),
        (a_body(timestamp=0), Reason.IMPOSSIBLE_VALUE),
        (a_body(timestamp=-5), Reason.IMPOSSIBLE_VALUE),
        (a_body(timestamp=10**30), Reason.IMPOSSIBLE_VALUE),
        (a_body(heartRate="72"), Reason.WRONG_TYPE),
        (a_body(heartRate=True), Reason.WRONG_TYPE),
        (a_body(heartRate=72.5), Reason.WRONG_TYPE),
        (a_body(heartRate=[72]), Reason.WRONG_TYPE),
        (a_body(heartRate=301), Reason.IMPOSSIBLE_VALUE),
        (a_body(heartRate=-1), Reason.IMPOSSIBLE_VALUE),
        (a_body(spo2=100.1), Reason.IMPOSSIBLE_VALUE),
        (a_body(spo2=-1), Reason.IMPOSSIBLE_VALUE),
        (a_body(steps=-1), Reason.IMPOSSIBLE_VALUE),
        (a_body(heartRate=..., steps=..., spo2=...), Reason.WRONG_TYPE),
        (a_body(timestamp=1_700_000_301), Reason.FUTURE_TIMESTAMP),
    ],
)
def test_what_can_not_be_accepted_is_refused_with_its_reason_and_bytes(body: Any, reason: Reason) -> None:
    message = a_message(body, received_at=T0)

    found = inspect(message)

    assert found.readings == ()
    assert found.rejection is not None
    assert found.rejection.reason == reason
    assert found.rejection.payload == message.payload


def test_a_whole_number_written_as_a_float_is_a_heart_rate() -> None:
    assert inspect(a_message(a_body(heartRate=72.0))).readings[0].heart_rate == 72


def test_five_minutes_ahead_is_the_most_that_a_clock_may_be_off() -> None:
    assert inspect(a_message(a_body(timestamp=1_700_000_300), received_at=T0)).rejection is None


@pytest.mark.parametrize("topic_id", ["", "a/b", "watch 1", "watch-001\n", "x" * 129, "<script>"])
def test_a_topic_that_names_no_valid_watch_is_refused(topic_id: str) -> None:
    rejection = inspect(a_message(a_body(), device_id=topic_id)).rejection

    assert rejection is not None
    assert rejection.reason == Reason.UNKNOWN_DEVICE


def test_one_bad_reading_of_several_is_refused_by_its_place_and_the_rest_accepted() -> None:
    readings = [{"timestamp": 1_700_000_000 + n, "heartRate": 70 + n} for n in range(3)]
    readings[1]["heartRate"] = 999

    found = inspect(a_message({"deviceId": "watch-001", "readings": readings}))

    assert [reading.heart_rate for reading in found.readings] == [70, 72]
    assert found.rejection is not None
    assert found.rejection.reason == Reason.IMPOSSIBLE_VALUE
    assert "readings.1.heartRate" in found.rejection.detail


def test_a_reason_never_repeats_the_value_that_was_refused() -> None:
    rejection = inspect(a_message(a_body(heartRate="secret-161"))).rejection

    assert rejection is not None
    assert "161" not in rejection.detail


def _messages(devices: int, each: int) -> list[tuple[Message, tuple[Reading, ...]]]:
    return [
        (a_message({}, device_id=f"watch-{d:04d}", number=str(d * each + n)), (a_reading(n, steps=4, spo2=98),))
        for d in range(devices)
        for n in range(each)
    ]


def _bytes(draft: Any) -> int:
    """An entry's size as EventBridge counts it: 14 bytes for the time, and its texts."""
    envelope = READINGS_ACCEPTED.envelope(
        draft.data, event_id=draft.event_id, correlation_id=draft.correlation_id, occurred_at=NOW, trace="x" * 80
    )
    made = entry(envelope, "smartwatch")
    return 14 + sum(len(made[name].encode()) for name in ("Source", "DetailType", "Detail"))


def test_a_thousand_readings_of_a_thousand_watches_fit_in_three_events() -> None:
    assert len(pack(_messages(1000, 1))) <= 3


def test_a_thousand_readings_of_five_watches_fit_in_two_events() -> None:
    assert len(pack(_messages(5, 200))) <= 2


def test_the_same_batch_makes_the_same_events_again() -> None:
    batch = _messages(40, 30)

    assert [draft.event_id for draft in pack(batch)] == [draft.event_id for draft in pack(batch)]


def test_no_event_exceeds_one_billing_chunk() -> None:
    assert max(_bytes(draft) for draft in pack(_messages(1000, 2))) <= EVENT_BILLING_CHUNK_BYTES


def test_a_message_larger_than_an_event_is_spread_over_several() -> None:
    readings = tuple(a_reading(n, steps=4, spo2=98) for n in range(3000))

    drafts = pack([(a_message({}), readings)])

    assert len(drafts) > 1
    assert [r for draft in drafts for d in draft.data.devices for r in d.readings] == list(readings)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3000), st.integers(1, 300)),
        max_size=8,
    )
)
def test_packing_neither_loses_nor_doubles_a_reading_and_keeps_each_watchs_order(
    sizes: list[tuple[int, int, int]],
) -> None:
    batch = [
        (
            a_message({}, device_id=f"w{device}", received_at=T0 + received, number=str(index)),
            tuple(a_reading(index * 1000 + n) for n in range(count)),
        )
        for index, (device, received, count) in enumerate(sizes)
    ]

    drafts = pack(batch)

    for device in {f"w{device}" for device, _, _ in sizes}:
        sent = {r for message, readings in batch if message.device_id == device for r in readings}
        packed = [r for draft in drafts for d in draft.data.devices if d.device_id == device for r in d.readings]
        assert len(packed) == len(sent)
        assert set(packed) == sent
    assert all(_bytes(draft) <= EVENT_BILLING_CHUNK_BYTES for draft in drafts)
    assert all(draft.sequence_numbers for draft in drafts)
    assert EVENT_READINGS_BYTES < EVENT_BILLING_CHUNK_BYTES
