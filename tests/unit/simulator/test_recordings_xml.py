"""TCX and GPX: points, duplicates, cadence, sports, and the XML that exporters get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.devices.recordings import RecordingError, Sample, read
from tests.support.recording_files import COMMITTED, T0, gpx, reading, seconds_and_heart_rates, tcx

AT_0, AT_1, AT_2 = (f"<Time>2023-11-14T22:13:{second}Z</Time>" for second in (20, 21, 22))


def beats(rate: str) -> str:
    return f"<HeartRateBpm><Value>{rate}</Value></HeartRateBpm>"


def test_one_activity_is_the_same_as_fit_tcx_and_gpx() -> None:
    fit, tcx_file, gpx_file = (read(COMMITTED / f"ride.{form}") for form in ("fit", "tcx", "gpx"))

    assert (fit.format, tcx_file.format, gpx_file.format) == ("FIT", "TCX", "GPX")
    assert len(fit.samples) == 96  # the TCX has 100, four of them a second time at the borders of laps
    assert (min(s.heart_rate or 0 for s in fit.samples), max(s.heart_rate or 0 for s in fit.samples)) == (143, 156)
    assert {s.activity for s in fit.samples} == {"cycling"}
    assert fit.samples == tcx_file.samples == gpx_file.samples


def test_a_tcx_file_may_be_named_anything(tmp_path: Path) -> None:
    assert reading(tmp_path, "activity.xml", tcx(AT_0 + beats("70"))).format == "TCX"
    assert reading(tmp_path, "activity.csv", tcx(AT_0 + beats("70"))).format == "TCX"


def test_blanks_and_a_mark_before_the_declaration_are_passed_over(tmp_path: Path) -> None:
    content = tcx(AT_0 + beats("70"))

    assert len(reading(tmp_path, "a.tcx", " " * 10 + content).samples) == 1
    assert len(reading(tmp_path, "a.tcx", "\r\n" * 1000 + content).samples) == 1
    assert len(reading(tmp_path, "a.tcx", b"\xef\xbb\xbf" + content.encode()).samples) == 1


def test_utf_16_is_read_as_what_it_is(tmp_path: Path) -> None:
    content = tcx(AT_0 + beats("70")).replace("UTF-8", "UTF-16").encode("utf-16")

    assert seconds_and_heart_rates(reading(tmp_path, "a.tcx", content).samples) == [(0, 70)]


def test_of_two_heart_rates_at_one_point_the_first_number_counts(tmp_path: Path) -> None:
    twice = reading(tmp_path, "a.tcx", tcx(AT_0 + beats("70") + beats("90")))
    text_first = reading(tmp_path, "a.tcx", tcx(AT_0 + beats("seventy") + beats("90")))
    hr = "<time>2023-11-14T22:13:20Z</time><extensions><hr></hr><gpxtpx:hr>71</gpxtpx:hr><hr>99</hr></extensions>"

    assert seconds_and_heart_rates(twice.samples) == [(0, 70)]
    assert seconds_and_heart_rates(text_first.samples) == [(0, 90)]
    assert text_first.damage == "a.tcx: damaged, 1 value that is no number"
    assert seconds_and_heart_rates(reading(tmp_path, "a.gpx", gpx(hr)).samples) == [(0, 71)]


def test_a_repeated_moment_adds_only_what_was_missing(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.tcx", tcx(AT_0, AT_0 + beats("70"), AT_0 + beats("90")))

    assert seconds_and_heart_rates(recording.samples) == [(0, 70)]


@pytest.mark.parametrize(
    "cadence",
    [
        "<Cadence>90</Cadence>",
        '<Extensions><x:TPX xmlns:x="urn:x"><x:RunCadence>90</x:RunCadence></x:TPX></Extensions>',
    ],
)
def test_a_runs_cadence_is_strides_in_tcx_under_either_name(tmp_path: Path, cadence: str) -> None:
    points = (AT_0 + cadence, AT_1 + cadence, AT_2 + cadence)

    assert [s.steps for s in reading(tmp_path, "a.tcx", tcx(*points)).samples] == [None, 3, 3]
    assert [s.steps for s in reading(tmp_path, "a.tcx", tcx(*points, sport="Biking")).samples] == [None, None, None]


@pytest.mark.parametrize(
    ("kind", "activity"),
    [
        ("running", "running"),
        ("trail_running", "running"),
        ("Walking", "walking"),
        ("hiking", "walking"),
        ("MountainBikeRide", "cycling"),
        ("rowing", "other"),
        ("motorcycling", "other"),
        ("9", None),
        ("", None),
    ],
)
def test_the_type_of_a_track_is_its_activity(tmp_path: Path, kind: str, activity: str | None) -> None:
    recording = reading(tmp_path, "a.gpx", gpx("<time>2023-11-14T22:13:20Z</time>", kind=kind))

    assert recording.samples == (Sample(T0 * 1000, None, None, None, activity),)


def test_the_type_of_a_link_is_not_the_tracks(tmp_path: Path) -> None:
    content = gpx("<time>2023-11-14T22:13:20Z</time>").replace(
        "<type>running</type>", '<link href="x"><type>text/html</type></link><type>walking</type>'
    )

    assert reading(tmp_path, "a.gpx", content).sport == "walking"


def test_activities_of_a_multisport_tcx_have_each_their_own(tmp_path: Path) -> None:
    both = tcx(AT_0).replace(
        "</Activities>",
        f'<Activity Sport="Biking"><Lap><Track><Trackpoint>{AT_1}</Trackpoint></Track></Lap></Activity></Activities>',
    )

    assert [s.activity for s in reading(tmp_path, "a.tcx", both).samples] == ["running", "cycling"]


@pytest.mark.parametrize(
    "time", ["2023-11-14T22:13:20", "2023-11-14T22:13:20.000Z", "2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20.0Z"]
)
def test_a_time_without_zone_is_utc(tmp_path: Path, time: str) -> None:
    assert reading(tmp_path, "a.gpx", gpx(f"<time>{time}</time>")).samples[0].timestamp == T0 * 1000


def test_routes_and_way_points_were_never_recorded(tmp_path: Path) -> None:
    way_point = '<wpt lat="0" lon="0"><time>2023-11-14T22:13:30Z</time></wpt>'
    content = gpx("<time>2023-11-14T22:13:20Z</time>").replace("<trk>", f"{way_point}<trk>")

    assert len(reading(tmp_path, "a.gpx", content).samples) == 1


def test_points_without_a_time_are_counted_and_left_out(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.tcx", tcx(beats("70"), "<Time>yesterday</Time>", AT_0 + beats("71")))

    assert seconds_and_heart_rates(recording.samples) == [(0, 71)]
    assert recording.damage == "a.tcx: damaged, 2 moments without a readable time"


def test_impossible_heart_rates_are_no_readings_and_zero_stays_zero(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.tcx", tcx(AT_0 + beats("-1"), AT_1 + beats("301"), AT_2 + beats("0")))

    assert seconds_and_heart_rates(recording.samples) == [(0, None), (1, None), (2, 0)]
    assert recording.damage == "a.tcx: damaged, 2 impossible values"


def test_xml_that_ends_early_gives_the_points_before_its_end(tmp_path: Path) -> None:
    content = tcx(AT_0 + beats("70"), AT_1 + beats("71"))
    recording = reading(tmp_path, "a.tcx", content[: content.index("<Value>71")])

    assert seconds_and_heart_rates(recording.samples) == [(0, 70)]
    assert recording.damage == "a.tcx: damaged, only 1 sample could be read (XML line 2: no element found)"


def test_control_characters_in_the_text_do_no_harm(tmp_path: Path) -> None:
    recording = reading(tmp_path, "a.tcx", tcx(f"<Notes>\x0b\x00</Notes>{AT_0}{beats('70')}"))

    assert seconds_and_heart_rates(recording.samples) == [(0, 70)]


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % a SYSTEM "http://127.0.0.1/a.dtd"> %a;',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_whatever_they_are(tmp_path: Path, declared: str, encoding: str) -> None:
    content = f"<!DOCTYPE gpx [{declared}]>" + gpx("<time>2023-11-14T22:13:20Z</time>")

    with pytest.raises(RecordingError, match=r"^a\.gpx: declares XML entities, which no recording needs"):
        reading(tmp_path, "a.gpx", content.encode(encoding))


def test_an_entity_hidden_behind_a_comment_expands_to_nothing(tmp_path: Path) -> None:
    content = '<!DOCTYPE gpx [<!-- ]> --><!ENTITY a "ha">]>' + gpx("<time>&a;</time>")

    with pytest.raises(RecordingError, match=r"^a\.gpx: "):
        reading(tmp_path, "a.gpx", content)


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"^a\.gpx: XML elements are nested more than 100 deep$"):
        reading(tmp_path, "a.gpx", "<gpx>" * 100_000)


def test_a_tag_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"^a\.gpx: an XML tag or comment is longer than 8 MB$"):
        reading(tmp_path, "a.gpx", '<gpx a="' + "x" * 10_000_000)


def test_names_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"^a\.gpx: XML with more than 20,000 different names$"):
        reading(tmp_path, "a.gpx", "<gpx>" + "".join(f"<a{n}/>" for n in range(100_000)))


def test_other_xml_is_named_for_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"^a\.xml: not a recording: <kml> is none of TCX, GPX and Apple Health$"):
        reading(tmp_path, "a.xml", "<kml/>")
