"""FIT files: records, heart rate in messages of its own, sessions, and what is never taken for SpO2."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.devices.recordings import Sample, fit, read
from tests.support.fit_files import (
    CYCLING,
    DEVELOPER_DATA_ID,
    FIELD_DESCRIPTION,
    GENERIC,
    HR,
    HR_ANCHOR,
    MUSCLE,
    RECORD,
    ROWING,
    RUNNING,
    SESSION,
    SPO2_DATA,
    SPORT,
    fit_file,
    messages,
    packed_12,
    seconds,
)
from tests.support.recording_files import COMMITTED, T0, reading, seconds_and_heart_rates

#: `sub_sport` of a run on trails (FIT profile).
TRAIL = 3


def records(*heart_rates: int | None, at: int = T0, cadence: int | None = None) -> bytes:
    return messages(RECORD, *[(seconds(at + n), rate, cadence, None) for n, rate in enumerate(heart_rates)])


def session(start: int, end: int, sport: int, kind: int = 0) -> bytes:
    return messages(SESSION, (seconds(end), seconds(start), (end - start) * 1000, sport, kind))


def test_each_sample_of_a_multisport_file_has_the_activity_of_the_session_around_it() -> None:
    samples = read(COMMITTED / "multisport.fit").samples

    assert [sample.activity for sample in samples] == ["running"] * 24 + ["other"] * 36


def test_one_sport_holds_for_the_whole_file_also_outside_of_its_session(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.fit", fit_file(records(70, 71, 72), session(T0, T0 + 1, CYCLING)))

    assert recording.sport == "cycling"
    assert {sample.activity for sample in recording.samples} == {"cycling"}


def test_between_two_sessions_nobody_knows_the_activity(tmp_path: Path) -> None:
    sessions = session(T0, T0 + 1, RUNNING) + session(T0 + 3, T0 + 4, ROWING)
    recording = reading(tmp_path, "a.fit", fit_file(records(70, 71, 72, 73, 74), sessions))

    assert [s.activity for s in recording.samples] == ["running", "running", None, "other", "other"]


def test_a_file_that_ends_before_its_session_has_the_sport_that_it_began_with(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.fit", fit_file(messages(SPORT, (RUNNING, TRAIL)), records(70)))

    assert recording.samples == (Sample(T0 * 1000, 70, None, None, "running"),)


def test_the_generic_sport_says_nothing_unless_its_kind_does(tmp_path: Path) -> None:
    generic = reading(tmp_path, "a.fit", fit_file(records(70), session(T0, T0 + 9, GENERIC)))
    trail = reading(tmp_path, "b.fit", fit_file(records(70), session(T0, T0 + 9, GENERIC, TRAIL)))

    assert (generic.sport, generic.samples[0].activity) == (None, None)
    assert (trail.sport, trail.samples[0].activity) == ("trail", "running")


def test_the_cadence_of_a_run_is_strides_of_two_steps_each(tmp_path: Path) -> None:
    run = reading(tmp_path, "a.fit", fit_file(records(70, 70, 70, cadence=85), session(T0, T0 + 9, RUNNING)))
    ride = reading(tmp_path, "b.fit", fit_file(records(70, 70, 70, cadence=85), session(T0, T0 + 9, CYCLING)))

    assert [s.steps for s in run.samples] == [None, 2, 3]  # 170 steps a minute are 2.83 a second
    assert [s.steps for s in ride.samples] == [None, None, None]


def test_an_invalid_heart_rate_is_no_reading_and_zero_stays_zero(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.fit", fit_file(records(None, 0, 70)))

    assert seconds_and_heart_rates(recording.samples) == [(0, None), (1, 0), (2, 70)]
    assert recording.damage is None


def test_muscle_oxygen_is_not_spo2(tmp_path: Path) -> None:
    native = messages(MUSCLE, (seconds(T0), 70, 655))
    described = messages(DEVELOPER_DATA_ID, [0]) + messages(FIELD_DESCRIPTION, (0, 7, 0x02, "SmO2"))
    app = described + messages(RECORD, (seconds(T0), 70, None, None, 65), app=[7])

    for content in (native, app):
        assert reading(tmp_path, "a.fit", fit_file(content)).samples == (Sample(T0 * 1000, 70, None, None),)


def test_spo2_comes_from_its_own_messages_and_from_apps(tmp_path: Path) -> None:
    own = messages(SPO2_DATA, (seconds(T0), 96))
    described = messages(DEVELOPER_DATA_ID, [0]) + messages(FIELD_DESCRIPTION, (0, 7, 0x02, "SpO2"))
    app = described + messages(RECORD, (seconds(T0), None, None, None, 96), app=[7])

    for content in (own, app):
        assert reading(tmp_path, "a.fit", fit_file(content)).samples == (Sample(T0 * 1000, None, 96.0, None),)


# ------------------------------------------------------------------------------------------------------- hr messages


def anchor(heart_rate: int, tick: int, *, at: int = T0, fraction: int = 0) -> bytes:
    """The strap's clock stands at `tick` at a moment; `fraction` is in 1/32768 s."""
    return messages(HR_ANCHOR, (seconds(at), fraction, heart_rate, tick))


def beats(*ticks_and_rates: tuple[int, int | None]) -> bytes:
    ticks, rates = zip(*ticks_and_rates, strict=True)
    return messages(HR, (rates, packed_12(ticks)))


def test_records_without_heart_rate_get_the_mean_of_the_straps_in_the_second_before_them(tmp_path: Path) -> None:
    # Ticks are 1/1024 s: heart rates at 0, 0.75, 1.0 and 1.5 s; each holds in steps of 250 ms.
    strap = anchor(60, 1000) + beats((1000 + 768, 70), (1000 + 1024, 80), (1000 + 1536, 90))
    recording = reading(tmp_path, "a.fit", fit_file(records(None, None, None), strap))

    # (0, 1]: 60 held at 0.25 and 0.5, 70, 80. (1, 2]: 80 held at 1.25, 90.
    assert seconds_and_heart_rates(recording.samples) == [(0, 60), (1, 68), (2, 85)]


def test_a_heart_rate_of_the_strap_holds_for_five_seconds_at_most(tmp_path: Path) -> None:
    strap = anchor(60, 0) + beats((3 * 1024, 60), (6 * 1024, 60)) + anchor(100, 20 * 1024, at=T0 + 20)
    recording = reading(tmp_path, "a.fit", fit_file(strap))

    assert [second for second, _ in seconds_and_heart_rates(recording.samples)] == [*range(12), 20]


def test_the_straps_clock_may_overflow_its_twelve_bits_and_its_thirty_two(tmp_path: Path) -> None:
    first = (1 << 32) - 1024
    strap = anchor(60, first) + beats(*[((first + 1024 * n) % (1 << 32), 60 + n) for n in range(1, 9)])
    recording = reading(tmp_path, "a.fit", fit_file(strap))

    assert [second for second, _ in seconds_and_heart_rates(recording.samples)] == list(range(9))


def test_the_anchors_fraction_of_a_second_counts(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.fit", fit_file(anchor(60, 500, fraction=16384)))

    assert seconds_and_heart_rates(recording.samples) == [(1, 60)]  # at 0.5 s, so in the second that ends at 1 s


def test_a_records_own_heart_rate_stays(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.fit", fit_file(records(150), anchor(60, 500)))

    assert seconds_and_heart_rates(recording.samples) == [(0, 150)]


def test_lost_contact_of_the_strap_does_not_lower_the_mean(tmp_path: Path) -> None:
    lost = reading(tmp_path, "a.fit", fit_file(anchor(0, 0)))
    partly = reading(tmp_path, "b.fit", fit_file(anchor(60, 0) + beats((1024, None), (1025, 0), (1200, 70))))

    assert seconds_and_heart_rates(lost.samples) == [(0, 0)]
    assert seconds_and_heart_rates(partly.samples) == [(0, 60), (1, 60), (2, 70)]


def test_heart_rate_chained_as_a_second_file_is_merged_into_the_first(tmp_path: Path) -> None:
    chained = fit_file(records(None, None)) + fit_file(anchor(60, 0) + beats((1024, 61)))
    recording = reading(tmp_path, "a.fit", chained)

    assert [second for second, _ in seconds_and_heart_rates(recording.samples)] == [0, 1]
    assert all(sample.heart_rate for sample in recording.samples)
    assert recording.damage is None


# ------------------------------------------------------------------------------------------------------------ damage


def test_a_wrong_checksum_is_damage_and_nothing_more(tmp_path: Path) -> None:
    content = fit_file(records(70, 71))
    recording = reading(tmp_path, "a.fit", content[:-2] + b"\0\0")

    assert len(recording.samples) == 2
    assert recording.damage == "a.fit: damaged, only 2 samples could be read (the checksum does not match)"


def test_a_size_that_was_never_written_is_that_of_the_file(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.fit", fit_file(records(70, 71), size=0))

    assert seconds_and_heart_rates(recording.samples) == [(0, 70), (1, 71)]


def test_a_size_beyond_the_file_is_a_file_that_ends_early(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.fit", fit_file(records(70, 71), size=100_000))

    assert seconds_and_heart_rates(recording.samples)[:2] == [(0, 70), (1, 71)]
    assert (recording.damage or "").startswith("a.fit: damaged, only 2 samples could be read (")


def test_junk_behind_a_whole_file_costs_nothing_of_it(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.fit", fit_file(records(70, 71)) + b"no second FIT file here")

    assert len(recording.samples) == 2
    assert recording.damage


def test_messages_without_end_end_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "MOST_MESSAGES", 10)
    recording = reading(tmp_path, "a.fit", fit_file(records(*[70] * 100)))

    assert recording.damage == "a.fit: damaged, only 6 samples could be read (more than 10 messages)"
