"""What a watch sends of a recording."""

from __future__ import annotations

from typing import Any

from simulator.devices import payloads, playback
from simulator.devices.recordings import Recording, Sample
from tests.support.recording_files import COMMITTED, T0, read

RUN = Recording(
    (
        Sample(T0 * 1000, 70, None, None, "running"),
        Sample(T0 * 1000 + 500, None, None, None, "running"),
        Sample(T0 * 1000 + 1000, 71, 98.0, 3, None),
    ),
    "running",
    None,
)


def played(recording: Recording, **options: Any) -> list[list[dict[str, Any]]]:
    sent: list[list[dict[str, Any]]] = []
    playback.play(recording, sent.append, **{"speed": None, **options})
    return sent


def test_readings_carry_the_activity_where_it_is_known() -> None:
    assert played(RUN) == [
        [
            {"timestamp": 1_700_000_000, "heartRate": 70, "activity": "running"},
            {"timestamp": 1_700_000_001, "heartRate": 71, "steps": 3, "spo2": 98.0},
        ]
    ]


def test_an_activity_alone_is_no_reading() -> None:
    assert sum(len(group) for group in played(RUN)) == 2


def test_a_payload_without_activity_is_as_before() -> None:
    assert payloads.reading(1_700_000_000_000, heart_rate=72) == {"timestamp": 1_700_000_000, "heartRate": 72}


def test_shifted_samples_keep_everything_but_their_time() -> None:
    assert playback.shifted(RUN.samples, last_at_ms=T0 * 1000) == [
        Sample(T0 * 1000 - 1000, 70, None, None, "running"),
        Sample(T0 * 1000 - 500, None, None, None, "running"),
        Sample(T0 * 1000, 71, 98.0, 3, None),
    ]


def test_a_real_ride_is_sent_whole() -> None:
    sent = played(read(COMMITTED / "ride.fit"))

    assert [len(group) for group in sent] == [60, 36]
    assert {reading["activity"] for group in sent for reading in group} == {"cycling"}
