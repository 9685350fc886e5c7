"""Apple Health: `export.xml` and the archive around it, read in bounded memory."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from simulator.devices.recordings import RecordingError, Sample, read
from tests.support.fit_files import RECORD, fit_file, messages, seconds
from tests.support.recording_files import T0, health_export, health_record, reading, written

HEART_RATE = "HKQuantityTypeIdentifierHeartRate"
SPO2 = "HKQuantityTypeIdentifierOxygenSaturation"
STEPS = "HKQuantityTypeIdentifierStepCount"
SLEEP = "HKCategoryTypeIdentifierSleepAnalysis"

#: T0, an hour east of UTC.
AT_0, AT_30, AT_60 = "2023-11-14 23:13:20 +0100", "2023-11-14 23:13:50 +0100", "2023-11-14 23:14:20 +0100"


def workout(kind: str, start: str, end: str) -> str:
    return (
        f'<Workout workoutActivityType="HKWorkoutActivityType{kind}" startDate="{start}" endDate="{end}"></Workout>\n'
    )


def archive(folder: Path, **members: str | bytes) -> Path:
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def test_heart_rate_spo2_and_steps_are_taken_and_nothing_else(tmp_path: Path) -> None:
    recording = reading(
        tmp_path,
        "export.xml",
        health_export(
            health_record(HEART_RATE, "72", AT_0),
            health_record("HKQuantityTypeIdentifierBodyMass", "80", AT_0, unit="kg"),
            health_record(SPO2, "0.97", AT_30, unit="%"),
            health_record(STEPS, "41", AT_0, AT_60, unit="count"),
        ),
    )

    assert recording.format == "Apple Health"
    assert recording.damage is None
    assert recording.samples == (
        Sample(T0 * 1000, 72, None, None),
        Sample((T0 + 30) * 1000, None, 97.0, None),
        Sample((T0 + 60) * 1000, None, None, 41),
    )


@pytest.mark.parametrize(("value", "percent"), [("0.9", 90.0), ("1", 100.0), ("97", 97.0), ("0", 0.0)])
def test_spo2_is_a_fraction_or_a_percentage(tmp_path: Path, value: str, percent: float) -> None:
    recording = reading(tmp_path, "export.xml", health_export(health_record(SPO2, value, AT_0, unit="%")))

    assert recording.samples[0].spo2 == percent


def test_heart_rate_by_the_second_is_multiplied(tmp_path: Path) -> None:
    content = health_export(health_record(HEART_RATE, "1.25", AT_0, unit="count/s"))

    assert reading(tmp_path, "export.xml", content).samples[0].heart_rate == 75


def test_workouts_and_sleep_tell_the_activity_of_what_lies_in_them(tmp_path: Path) -> None:
    recording = reading(
        tmp_path,
        "export.xml",
        health_export(
            *(health_record(HEART_RATE, "72", f"2023-11-14 {hour:02}:00:00 +0000") for hour in range(8)),
            health_record(
                SLEEP,
                "HKCategoryValueSleepAnalysisAsleepREM",
                "2023-11-14 00:00:00 +0000",
                "2023-11-14 01:00:00 +0000",
            ),
            health_record(
                SLEEP, "HKCategoryValueSleepAnalysisAwake", "2023-11-14 02:00:00 +0000", "2023-11-14 02:30:00 +0000"
            ),
            workout("Hiking", "2023-11-14 03:00:00 +0000", "2023-11-14 06:00:00 +0000"),
            workout("Cycling", "2023-11-14 04:00:00 +0000", "2023-11-14 05:00:00 +0000"),
            workout("TraditionalStrengthTraining", "2023-11-14 07:00:00 +0000", "2023-11-14 08:00:00 +0000"),
        ),
    )

    assert [s.activity for s in recording.samples] == [
        "sleeping",
        "sleeping",
        None,
        "walking",
        "cycling",
        "cycling",
        "walking",
        "other",
    ]


def test_a_malformed_document_type_is_passed_over_and_lines_are_still_counted_right(tmp_path: Path) -> None:
    content = health_export(health_record(HEART_RATE, "72", AT_0)).replace("</HealthData>", "<Record type=")
    recording = reading(tmp_path, "export.xml", content)

    assert len(recording.samples) == 1
    line = content.count("\n")
    assert recording.damage == f"export.xml: damaged, only 1 sample could be read (XML line {line}: unclosed token)"


@pytest.mark.parametrize(
    "name", ["export.xml", "apple_health_export/export.xml", "a/b/c/Export.xml", "apple_health_export/导出.xml"]
)
def test_the_export_is_found_at_any_depth_of_the_archive(tmp_path: Path, name: str) -> None:
    others = {"apple_health_export/export_cda.xml": "<ClinicalDocument/>", "__MACOSX/._export.xml": "\0"}
    content = health_export(health_record(HEART_RATE, "72", AT_0))

    assert len(read(archive(tmp_path, **others, **{name: content})).samples) == 1


def test_a_watchs_single_file_in_an_archive_is_read_too(tmp_path: Path) -> None:
    content = fit_file(messages(RECORD, (seconds(T0), 70, None, None)))

    assert read(archive(tmp_path, **{"4801048867_ACTIVITY.fit": content})).format == "FIT"


def test_an_archive_without_a_recording_says_so(tmp_path: Path) -> None:
    inner = archive(tmp_path, **{"export.xml": health_export(health_record(HEART_RATE, "72", AT_0))}).read_bytes()

    for members in ({"notes.txt": "x"}, {"inner.zip": inner}, {"a.gpx": "<gpx/>", "b.gpx": "<gpx/>"}, {}):
        with pytest.raises(RecordingError, match=r"^export\.zip: a zip archive without Apple Health's export\.xml"):
            read(archive(tmp_path, **members))


def test_a_member_that_is_packed_tighter_than_any_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("export.xml", "w") as member:
        member.write(b"<HealthData>")
        for _ in range(300):
            member.write(b" " * 1024**2)

    with pytest.raises(RecordingError, match=r"^export\.zip: its export\.xml is packed 400 times and more"):
        read(path)


def test_a_member_that_claims_to_be_endless_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, **{"export.xml": health_export(health_record(HEART_RATE, "72", AT_0))})
    claimed = path.read_bytes()
    directory = claimed.index(b"PK\x01\x02")
    # The size in the directory; 0xFFFFFFFE is the most without 64-bit fields.
    path.write_bytes(claimed[: directory + 24] + b"\xfe\xff\xff\xff" + claimed[directory + 28 :])

    with pytest.raises(RecordingError, match=r"^export\.zip: its export\.xml is packed 400 times and more"):
        read(path)


def test_a_large_export_is_read_without_holding_it_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    device = f'<Record device="{"x" * 2000}" '
    noise = health_record("HKQuantityTypeIdentifierActiveEnergyBurned", "0.1", AT_0).replace("<Record ", device) * 100
    with path.open("w") as file:
        file.write(health_export().removesuffix("</HealthData>\n"))
        for minute in range(100):
            file.write(noise)
            file.write(health_record(HEART_RATE, "72", f"2023-11-14 {minute // 60:02}:{minute % 60:02}:00 +0000"))
        file.write("</HealthData>\n")
    assert path.stat().st_size > 20_000_000

    tracemalloc.start()
    try:
        recording = read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(recording.samples) == 100
    assert peak < 2_000_000


def test_text_in_place_of_a_number_or_a_date_is_counted(tmp_path: Path) -> None:
    recording = reading(
        tmp_path,
        "export.xml",
        health_export(
            health_record(HEART_RATE, "fast", AT_0),
            health_record(HEART_RATE, "72", "today"),
            health_record(SPO2, "1.7", AT_30),
            health_record(SPO2, "170", AT_60),
        ),
    )

    assert [s.spo2 for s in recording.samples] == [None, 1.7, None]
    assert recording.damage == (
        "export.xml: damaged, 1 value that is no number, 1 moment without a readable time, 1 impossible value"
    )


def test_a_file_named_like_an_archive_that_is_none_is_read_for_what_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, "export.zip", health_export(health_record(HEART_RATE, "72", AT_0)))

    assert read(path).format == "Apple Health"
