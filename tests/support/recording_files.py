"""Recordings for tests: the committed ones, and small ones made of what a test says matters."""

from __future__ import annotations

from pathlib import Path

from simulator.devices.recordings import Recording, Sample, read
from tests.support.project import ROOT

#: Real recordings, stripped to timestamps, heart rate, cadence and speed.
COMMITTED = ROOT / "tests/recordings"

#: 2023-11-14T22:13:20Z in seconds.
T0 = 1_700_000_000


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def reading(folder: Path, name: str, content: bytes | str) -> Recording:
    return read(written(folder, name, content))


def seconds_and_heart_rates(samples: tuple[Sample, ...]) -> list[tuple[float, int | None]]:
    """Seconds after T0, with the heart rate."""
    return [(s.timestamp / 1000 - T0, s.heart_rate) for s in samples]


def tcx(*points: str, sport: str = "Running") -> str:
    """A TCX file of one activity; each point is what stands in its `Trackpoint`."""
    tracked = "".join(f"<Trackpoint>{point}</Trackpoint>" for point in points)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Activities>'
        f'<Activity Sport="{sport}"><Lap><Track>{tracked}</Track></Lap></Activity>'
        "</Activities></TrainingCenterDatabase>"
    )


def gpx(*points: str, kind: str = "running") -> str:
    """A GPX file of one track; each point is what stands in its `trkpt`."""
    tracked = "".join(f'<trkpt lat="0" lon="0">{point}</trkpt>' for point in points)
    return (
        '<gpx xmlns="http://www.topografix.com/GPX/1/1" version="1.1" '
        'xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">'
        f"<trk><type>{kind}</type><trkseg>{tracked}</trkseg></trk></gpx>"
    )


#: The document type that exports begin with; that of `WorkoutRoute` has been malformed since iOS 16.
HEALTH_DOCUMENT_TYPE = """<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 12 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|ClinicalRecord)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>
<!ATTLIST VisionPrescription
  type             CDATA #REQUIRED
<!ELEMENT RightEye EMPTY>
]>
"""


def health_record(kind: str, value: str, start: str, end: str | None = None, unit: str = "count/min") -> str:
    return (
        f'<Record type="{kind}" sourceName="Watch" unit="{unit}" creationDate="{start}" startDate="{start}" '
        f'endDate="{end or start}" value="{value}"/>\n'
    )


def health_export(*content: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{HEALTH_DOCUMENT_TYPE}<HealthData locale="en_US">\n'
        f'<ExportDate value="2024-03-06 09:00:00 +0100"/>\n{"".join(content)}</HealthData>\n'
    )
