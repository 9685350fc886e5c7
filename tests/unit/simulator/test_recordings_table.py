"""Tables: any usual spelling of the header, any usual clock, and cells that are no readings."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.devices.recordings import RecordingError, Sample, read, table
from tests.support.project import SHARED
from tests.support.recording_files import T0, reading, seconds_and_heart_rates

#: Where clocks that count from the start begin, 2000-01-01T00:00:00Z, in milliseconds.
START = 946_684_800_000


@pytest.mark.parametrize(
    "header",
    [
        "Timestamp,HR",
        "time,heart_rate",
        "datetime,Heart Rate (bpm)",
        "date,BPM",
        "DateTime,pulse",
        "Time (UTC),HeartRate",
        "recorded_at,Heart rate [1/min]",
        "TIME,hr_bpm",
        '"Time","Pulse rate"',
        "timestamp,power,HR (bpm)",
        "# timestamp,hr",
    ],
)
def test_time_and_heart_rate_are_found_under_any_usual_name(tmp_path: Path, header: str) -> None:
    row = "2023-11-14T22:13:20Z," + "," * (header.count(",") - 1) + "72"

    assert reading(tmp_path, "a.csv", f"{header}\n{row}\n").samples == (Sample(T0 * 1000, 72, None, None),)


@pytest.mark.parametrize(
    "name", ["SpO2", "SpO2 (%)", "spo2_percent", "SpO₂", "Oxygen Saturation", "blood oxygen (%)", "O2 saturation"]
)
def test_spo2_is_found_under_any_usual_name(tmp_path: Path, name: str) -> None:
    recording = reading(tmp_path, "a.csv", f"time,{name}\n2023-11-14T22:13:20Z,97.5\n")

    assert recording.samples == (Sample(T0 * 1000, None, 97.5, None),)


@pytest.mark.parametrize("name", ["SmO2", "Muscle oxygen (%)", "saturated_hemoglobin_percent", "Average heart rate"])
def test_what_is_only_alike_is_not_taken(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError, match=r"^a\.csv: no table with a column of times and one of heart rate"):
        reading(tmp_path, "a.csv", f"time,{name}\n2023-11-14T22:13:20Z,65\n")


def test_steps_are_those_since_the_row_before_and_a_cadence_in_steps_is_counted_out(tmp_path: Path) -> None:
    steps = reading(tmp_path, "a.csv", "time,Step count\n2023-11-14T22:13:20Z,4\n")
    cadence = reading(tmp_path, "b.csv", "seconds,cadence (spm)\n0,120\n1,120\n2,90\n")
    crank = "seconds,hr,cadence (rpm)\n0,70,90\n1,70,90\n"

    assert [s.steps for s in steps.samples] == [4]
    assert [s.steps for s in cadence.samples] == [None, 2, 1]
    assert [s.steps for s in reading(tmp_path, "c.csv", crank).samples] == [None, None]


def test_activities_are_the_contracts_words(tmp_path: Path) -> None:
    rows = "".join(
        f"{n},70,{word}\n" for n, word in enumerate(["Trail Run", "sedentary", "Sleeping", "hiking", "yoga", ""])
    )
    recording = reading(tmp_path, "a.csv", f"seconds,hr,Activity\n{rows}")

    assert [s.activity for s in recording.samples] == ["running", "resting", "sleeping", "walking", "other", None]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_that_of_the_header(tmp_path: Path, delimiter: str) -> None:
    content = "time,hr,spo2\n2023-11-14T22:13:20Z,72,97\n".replace(",", delimiter)

    assert reading(tmp_path, "a.txt", content).samples == (Sample(T0 * 1000, 72, 97.0, None),)


def test_numbers_may_have_decimal_commas_where_the_delimiter_is_none(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.csv", "Zeit;time (s);HR;SpO2\nx;0,5;71,5;97,25\n")

    assert recording.samples == (Sample(START + 500, 72, 97.25, None),)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_of_the_encoding_are_no_part_of_the_header(tmp_path: Path, encoding: str) -> None:
    content = "time,hr\r\n2023-11-14T22:13:20Z,72\r\n".encode(encoding)

    assert seconds_and_heart_rates(reading(tmp_path, "a.csv", content).samples) == [(0, 72)]


@pytest.mark.parametrize("cell", ["", "--", "-", "NaN", "null", "None", "N/A", " "])
def test_what_says_no_reading_is_none_and_no_damage(tmp_path: Path, cell: str) -> None:
    recording = reading(tmp_path, "a.csv", f"time,hr,spo2\n2023-11-14T22:13:20Z,{cell},97\n")

    assert recording.samples == (Sample(T0 * 1000, None, 97.0, None),)
    assert recording.damage is None


def test_zeros_are_kept_they_mean_no_signal(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.csv", "time,hr,spo2,steps\n2023-11-14T22:13:20Z,0,0,0\n")

    assert recording.samples == (Sample(T0 * 1000, 0, 0.0, 0),)


def test_text_in_numbers_and_impossible_values_are_no_readings_and_counted(tmp_path: Path) -> None:
    rows = ["0,fast,97", "1,-3,97", "2,301,101", "3,7O,97", "later,70,97", "5,inf,97", "6,72 bpm,98 %"]
    recording = reading(tmp_path, "a.csv", "seconds,hr,spo2\n" + "\n".join(rows))

    assert [(s.heart_rate, s.spo2) for s in recording.samples] == [
        (None, 97.0),
        (None, 97.0),
        (None, None),
        (None, 97.0),
        (None, 97.0),
        (72, 98.0),
    ]
    assert recording.damage == (
        "a.csv: damaged, 3 values that are no numbers, 3 impossible values, 1 moment without a readable time"
    )


@pytest.mark.parametrize(
    ("header", "cell", "timestamp"),
    [
        ("time", "2023-11-14T22:13:20Z", T0 * 1000),
        ("time", "2023-11-14 22:13:20", T0 * 1000),
        ("time", "2023-11-14T22:13:20.250+00:00", T0 * 1000 + 250),
        ("time", "2023-11-14 23:13:20 +0100", T0 * 1000),
        ("time", "2023/11/14 22:13:20", T0 * 1000),
        ("time", "2023-11-14 22:13", T0 * 1000 - 20_000),
        ("timestamp", "1700000000", T0 * 1000),
        ("timestamp", "1700000000123", T0 * 1000 + 123),
        ("timestamp", "1700000000.5", T0 * 1000 + 500),
        ("timestamp (ms)", "1700000000123", T0 * 1000 + 123),
        ("time", "90", START + 90_000),
        ("seconds", "90.5", START + 90_500),
        ("elapsed", "90", START + 90_000),
        ("Elapsed (min)", "1.5", START + 90_000),
        ("time (s)", "90", START + 90_000),
        ("time [ms]", "90", START + 90),
        ("offset_s", "90", START + 90_000),
        ("minutes", "1.5", START + 90_000),
        ("Time", "00:01:30", START + 90_000),
        ("Time", "0:01", START + 60_000),
    ],
)
def test_times_are_dates_or_count_from_1970_or_from_the_start(
    tmp_path: Path, header: str, cell: str, timestamp: int
) -> None:
    recording = reading(tmp_path, "a.csv", f"{header},hr\n{cell},72\n")

    assert recording.samples == (Sample(timestamp, 72, None, None),)


def test_a_date_and_a_time_of_day_in_two_columns_are_one_time(tmp_path: Path) -> None:
    content = "Date,Time,HR\n2023-11-14,22:13:20,72\n"

    assert seconds_and_heart_rates(reading(tmp_path, "a.csv", content).samples) == [(0, 72)]


def test_notes_before_the_header_are_passed_over(tmp_path: Path) -> None:
    content = (
        "sep=,\nName,Sport,Date,Start time,Duration,Average heart rate (bpm)\n"
        "Somebody,RUNNING,14-11-2023,22:13:20,00:00:02,71\nSample rate,Time,HR (bpm),Speed (km/h)\n"
        "1,00:00:00,70,\n,00:00:01,71,\n"
    )
    recording = reading(tmp_path, "a.csv", content)

    assert [(s.timestamp - START, s.heart_rate) for s in recording.samples] == [(0, 70), (1000, 71)]


def test_a_gap_of_ten_years_is_kept_as_it_is(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.csv", "time,hr\n2013-11-14T22:13:20Z,70\n2023-11-14T22:13:20Z,71\n")

    assert recording.samples[1].timestamp - recording.samples[0].timestamp == 3652 * 86_400_000
    assert recording.damage is None


def test_rows_out_of_order_come_in_order(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.csv", "seconds,hr\n2,72\n0,70\n1,71\n")

    assert [s.heart_rate for s in recording.samples] == [70, 71, 72]


def test_of_two_columns_of_heart_rate_the_first_with_a_reading_counts(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.csv", "seconds,hr_ecg,pulse_ppg\n0,70,80\n1,,81\n")

    assert [s.heart_rate for s in recording.samples] == [70, 81]


def test_a_row_that_ends_before_its_first_vital_is_counted_and_left_out(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.csv", "time,hr\n2023-11-14T22:13:20Z,70\n2023-11-14T22")

    assert seconds_and_heart_rates(recording.samples) == [(0, 70)]
    assert recording.damage == "a.csv: damaged, 1 row that ends early"


def test_a_line_without_end_ends_the_table(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.csv", "seconds,hr\n0,70\n1," + "7" * 100_000)

    assert [s.heart_rate for s in recording.samples] == [70]
    assert recording.damage == "a.csv: damaged, only 1 sample could be read (a line is longer than 64 kB)"


def test_lines_without_end_end_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_LINES", 1000)
    recording = reading(tmp_path, "a.csv", "seconds,hr\n0,70\n" + "\n" * 10_000)

    assert recording.damage == "a.csv: damaged, only 1 sample could be read (more than 1,000 lines)"


def test_a_quote_without_end_ends_the_table(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.csv", 'seconds,hr\n0,70\n1,"' + "71\n" * 100_000)

    assert [s.heart_rate for s in recording.samples] == [70]
    assert "field larger than field limit" in (recording.damage or "")


@pytest.mark.skipif(not SHARED.exists(), reason="the recordings are not on this machine")
def test_a_bedside_monitors_table_is_read() -> None:
    recording = read(SHARED / "recordings/icu_spo2_numerics/s00001_1min.csv")

    assert recording.damage is None
    assert len(recording.samples) == 1936
    assert recording.summary()["spo2"] == {"count": 1573, "min": 91.9, "max": 100.0}
