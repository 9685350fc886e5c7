"""Whatever a file holds, reading it ends in a recording or in one line that says why not."""

from __future__ import annotations

import gzip
import json
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.devices.recordings import Recording, RecordingError, files, read
from tests.support.project import SHARED
from tests.support.recording_files import (
    COMMITTED,
    gpx,
    health_export,
    health_record,
    reading,
    seconds_and_heart_rates,
    tcx,
    written,
)

HEALTH = health_export(
    *(
        health_record("HKQuantityTypeIdentifierHeartRate", "72", f"2023-11-14 22:{minute:02}:00 +0000")
        for minute in range(60)
    )
)
TABLE = "time,hr\n" + "".join(f"2023-11-14T22:{minute:02}:00Z,72\n" for minute in range(60))

WHOLE = {
    "ride.fit": (COMMITTED / "ride.fit").read_bytes(),
    "multisport.fit": (COMMITTED / "multisport.fit").read_bytes(),
    "ride.tcx": (COMMITTED / "ride.tcx").read_bytes(),
    "ride.gpx": (COMMITTED / "ride.gpx").read_bytes(),
    "export.xml": HEALTH.encode(),
    "table.csv": TABLE.encode(),
    "ride.tcx.gz": gzip.compress((COMMITTED / "ride.tcx").read_bytes(), mtime=0),
}


def outcome(path: Path) -> Recording | str:
    """A recording, or the one line of an error; anything else fails the test."""
    started = time.monotonic()
    try:
        found: Recording | str = read(path)
    except RecordingError as error:
        found = str(error)
        assert found.startswith(f"{path.name}: ")
    assert time.monotonic() - started < 60
    line = found if isinstance(found, str) else found.damage or ""
    assert "\n" not in line
    assert len(line) < 500
    if isinstance(found, Recording):
        json.dumps(found.summary())
        assert found.samples
        assert all(a.timestamp < b.timestamp for a, b in zip(found.samples, found.samples[1:], strict=False))
        assert all(s.heart_rate is None or 0 <= s.heart_rate <= 300 for s in found.samples)
        assert all(s.spo2 is None or 0 <= s.spo2 <= 100 for s in found.samples)
    return found


@pytest.mark.parametrize("sixteenths", range(16))
@pytest.mark.parametrize("name", WHOLE)
def test_a_truncated_file_gives_what_is_left_and_says_so(tmp_path: Path, name: str, sixteenths: int) -> None:
    content = WHOLE[name]
    whole = read(written(tmp_path, f"whole-{name}", content))
    found = outcome(written(tmp_path, name, content[: len(content) * sixteenths // 16]))

    if isinstance(found, Recording):
        # The last one may have lost its cadence, and a sport at the end of the file tells all of their activities.
        left = [(s.timestamp, s.heart_rate) for s in found.samples[:-1]]
        assert left == [(s.timestamp, s.heart_rate) for s in whole.samples[: len(left)]]
        assert found.damage or name == "table.csv"
    else:
        assert sixteenths <= 4


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", WHOLE)
def test_a_file_with_some_wrong_bytes_never_fails_otherwise(tmp_path: Path, name: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    content = bytearray(WHOLE[name])
    for _ in range(1 + seed):
        content[chance.randrange(len(content))] = chance.randrange(256)

    outcome(written(tmp_path, name, bytes(content)))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=2000),
    start=st.sampled_from(
        [
            b"",
            b"\x0e\x20\x68\x08\xff\x00\x00\x00.FIT\x00\x00",
            b"\x0e\x20\x68\x08\x00\x00\x00\x00.FIT\x00\x00\x40\x00\x00\x14\x00\x02\xfd\x04\x86\x03\x01\x02",
            b"<gpx>",
            b"<HealthData>",
            b"PK\x03\x04",
            b"\x1f\x8b\x08\x00",
            b"time,hr\n",
            b"\xff\xfe",
        ]
    ),
    suffix=st.sampled_from([".fit", ".tcx", ".zip", ".csv", ""]),
)
def test_random_bytes_never_fail_otherwise(tmp_path: Path, content: bytes, start: bytes, suffix: str) -> None:
    outcome(written(tmp_path, f"a{suffix}", start + content))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=20))
def test_random_cells_never_fail_otherwise(tmp_path: Path, cells: list[tuple[str, str]]) -> None:
    outcome(written(tmp_path, "a.csv", "time,hr\n" + "".join(f"{a},{b}\n" for a, b in cells)))


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.fit", b"", "a.fit: an empty file"),
        ("a.fit", b"<!DOCTYPE html><html><body>Log in</body></html>", "a.fit: not a FIT file"),
        ("a.fit", b"time,hr\n0,70\n", "a.fit: not a FIT file"),
        ("a.fit", b"\x0e\x20\x68\x08\x00\x00\x00\x00.FIX\x00\x00", "a.fit: not a FIT file"),
        ("a.fit", b"\x0e\x20\x68\x08\x00\x00\x00\x00.FIT\x00\x00", "a.fit: no readable samples"),
        (
            "a.tcx",
            b"<!DOCTYPE html><html><body>Log in</body></html>",
            "a.tcx: not a recording: <html> is none of TCX, GPX and Apple Health",
        ),
        ("a.gpx", gpx().encode(), "a.gpx: no readable samples"),
        ("a.csv", b"time,hr\n", "a.csv: no readable samples"),
        ("a.csv", b"hr\n70\n", "a.csv: no table with a column of times and one of heart rate, SpO2 or steps"),
        ("a.npy", b"\x93NUMPY\x01\x00v\x00", "a.npy: not a recording: neither FIT, TCX, GPX, Apple Health nor a table"),
        ("a.zip", b"PK\x03\x04", "a.zip: a zip archive that can't be read: File is not a zip file"),
    ],
)
def test_what_is_no_recording_is_named_in_one_line(tmp_path: Path, name: str, content: bytes, line: str) -> None:
    found = outcome(written(tmp_path, name, content))

    assert isinstance(found, str)
    assert found.startswith(line)


def test_a_folder_and_a_missing_file_are_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"^missing\.fit: No such file or directory$"):
        read(tmp_path / "missing.fit")
    with pytest.raises(RecordingError, match=r": not a file$"):
        read(tmp_path)


def test_a_files_name_can_not_break_the_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"^a b\.fit: an empty file$"):
        reading(tmp_path, "a\nb.fit", b"")


def test_a_gzipped_file_is_read_as_what_is_in_it(tmp_path: Path) -> None:
    for name in ("ride.fit", "ride.tcx", "ride.gpx"):
        packed = reading(tmp_path, f"{name}.gz", gzip.compress(WHOLE[name]))
        assert packed == read(COMMITTED / name)


def test_a_gzipped_file_unpacks_to_no_more_than_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_UNPACKED_BYTES", 10 * 1024**2)
    point = "<Time>2023-11-14T22:13:20Z</Time><HeartRateBpm><Value>70</Value></HeartRateBpm>"
    bomb = gzip.compress((tcx(point) + " " * 50_000_000).encode())
    recording = reading(tmp_path, "a.tcx.gz", bomb)

    assert seconds_and_heart_rates(recording.samples) == [(0, 70)]
    assert recording.damage == "a.tcx.gz: damaged, only 1 sample could be read (it unpacks to more than 10 MB)"


def test_a_gzip_bomb_of_nothing_is_refused(tmp_path: Path) -> None:
    for content in (bytes(50_000_000), b" " * 50_000_000, b"a" * 50_000_000):
        assert isinstance(outcome(written(tmp_path, "a.fit.gz", gzip.compress(content))), str)
        assert isinstance(outcome(written(tmp_path, "a.csv.gz", gzip.compress(content))), str)


def test_a_fit_file_larger_than_any_activity_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(WHOLE["ride.fit"] + bytes(70 * 1024**2))

    assert outcome(written(tmp_path, "a.fit.gz", bomb)) == (
        "a.fit.gz: larger than 64 MB, so not a FIT file of an activity"
    )


def test_sports_out_of_a_file_are_short_and_of_one_line(tmp_path: Path) -> None:
    recording = reading(
        tmp_path, "a.gpx", gpx("<time>2023-11-14T22:13:20Z</time>", kind="&#x2028;run&#x85;" + "x" * 1000)
    )

    assert recording.sport is not None
    assert len(recording.sport) <= 40
    assert recording.sport.isprintable()


def test_many_workouts_around_many_samples_take_no_longer_for_each_other(tmp_path: Path) -> None:
    workout = (
        '<Workout workoutActivityType="HKWorkoutActivityTypeRunning" startDate="2023-11-14 00:00:00 +0000" '
        'endDate="2099-01-01 00:00:00 +0000"/>'
    )
    beats = "".join(
        health_record(
            "HKQuantityTypeIdentifierHeartRate", "72", f"2023-11-{15 + n // 1440} {n // 60 % 24:02}:{n % 60:02}:00"
        )
        for n in range(20_000)
    )

    assert isinstance(outcome(written(tmp_path, "export.xml", health_export(workout * 20_000, beats))), Recording)


@pytest.mark.skipif(not SHARED.exists(), reason="the recordings are not on this machine")
@pytest.mark.parametrize(
    ("name", "samples", "lowest", "highest"),
    [
        ("fr935_run_3formats/4801048867.fit", 5159, 89, 160),
        ("fr935_run_3formats/activity_4801048867.tcx", 5159, 89, 160),
        ("fr935_run_3formats/activity_4801048867.gpx", 5159, 89, 160),
        ("small_ride_3formats/2020-06-01-16-52-40.fit", 96, 143, 156),
        ("small_ride_3formats/activity_5039744860.tcx", 96, 143, 156),
        ("small_ride_3formats/activity_5039744860.gpx", 96, 143, 156),
        ("polar_m400/3173437224.tcx", 3507, 45, 168),
        ("fr935_multisport/6449921903_ACTIVITY.fit", 199, 72, 121),
        ("fr935_multisport/6471559601_ACTIVITY.fit", 60, 46, 63),
    ],
)
def test_real_recordings_have_the_counts_of_independent_readers(
    name: str, samples: int, lowest: int, highest: int
) -> None:
    recording = read(SHARED / "recordings" / name)

    assert recording.damage is None
    assert recording.summary()["heartRate"] == {"count": samples, "min": lowest, "max": highest}
    assert len(recording.samples) == samples


@pytest.mark.skipif(not SHARED.exists(), reason="the recordings are not on this machine")
def test_a_real_run_is_the_same_in_all_three_formats() -> None:
    folder = SHARED / "recordings/fr935_run_3formats"
    fit, tcx_file, gpx_file = (
        read(folder / name) for name in ("4801048867.fit", "activity_4801048867.tcx", "activity_4801048867.gpx")
    )

    assert fit.samples == tcx_file.samples == gpx_file.samples


@pytest.mark.skipif(not SHARED.exists(), reason="the recordings are not on this machine")
@pytest.mark.parametrize("name", ["pyhrv_resting_1h/SampleNNISeriesLong.npy", "icu_spo2_numerics/3975656n.dat"])
def test_arrays_and_signals_are_no_recordings(name: str) -> None:
    with pytest.raises(RecordingError, match="not a recording"):
        read(SHARED / "recordings" / name)
