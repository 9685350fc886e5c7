"""FIT files, as sports watches write them; several may be chained in one.

Muscle oxygen, which some files call saturation, is never taken for SpO2.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import fitdecode

from simulator.devices.recordings.activities import activity_of
from simulator.devices.recordings.collector import Collector
from simulator.devices.recordings.hr_messages import HrMessages
from simulator.devices.recordings.model import BrokenError, RecordingError, one_line
from simulator.devices.recordings.times import milliseconds

#: A day at one record a second with every sensor is about 7 MB, and 250,000 messages of all kinds.
MOST_BYTES = 64 * 1024 * 1024
MOST_MESSAGES = 2_000_000

#: Fields of a `record`, native or of an app, that hold oxygen saturation of the blood. Those of muscle oxygen
#: (`saturated_hemoglobin_percent`, `SmO2`) are not among them.
SPO2_FIELDS = frozenset({"spo2", "pulseox", "pulseoximetrysaturation", "bloodoxygen", "bloodoxygensaturation"})


def is_fit(head: bytes) -> bool:
    """Whether a file starts as FIT files do (FIT protocol, file header)."""
    return head[8:12] == b".FIT"


def read(stream: io.BufferedReader[Any], collector: Collector) -> None:
    """Read a FIT file from its start. Errors: `RecordingError`, `BrokenError`."""
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise RecordingError(f"larger than {MOST_BYTES // 1024**2} MB, so not a FIT file of an activity")
    with warnings.catch_warnings():
        # fitdecode warns of what it mends; here the one line about damage says what matters.
        warnings.simplefilter("ignore")
        broken = _take_all(_sized(data), collector)
    if broken:
        raise BrokenError(broken)


def _sized(data: bytes) -> bytes:
    """The file, with its size in the header where that was never written: a watch that loses power leaves 0 there."""
    length = len(data) - data[0] - 2
    if data[4:8] == bytes(4) and length > 0:
        return data[:4] + length.to_bytes(4, "little") + data[8:]
    return data


def _take_all(data: bytes, collector: Collector) -> str | None:
    """Take what can be read; why it ends early, or None."""
    broken = None
    hr_messages = HrMessages()
    try:
        for index, frame in enumerate(_frames(data)):
            if index >= MOST_MESSAGES:
                raise BrokenError(f"more than {MOST_MESSAGES:,} messages")
            if isinstance(frame, fitdecode.FitDataMessage):
                _take(frame, collector, hr_messages)
            elif isinstance(frame, fitdecode.FitHeader):
                # The strap's clock begins anew in each of several chained files.
                _merge(hr_messages, collector)
                hr_messages = HrMessages()
            elif isinstance(frame, fitdecode.FitCRC) and not frame.matched:
                broken = "the checksum does not match"
    except BrokenError as error:
        broken = str(error)
    except Exception as error:
        # Whatever fitdecode stumbles on, struct errors and assertions included, is damage of the file.
        broken = one_line(error) or type(error).__name__
    _merge(hr_messages, collector)
    return broken


def _frames(data: bytes) -> Iterator[Any]:
    with fitdecode.FitReader(data, check_crc=fitdecode.CrcCheck.READONLY) as reader:
        yield from reader


def _take(frame: Any, collector: Collector, hr_messages: HrMessages) -> None:
    if frame.name == "record":
        _take_record(frame, collector)
    elif frame.name == "hr":
        _take_hr(frame, collector, hr_messages)
    elif frame.name == "spo2_data":
        collector.reading(_time(frame, "timestamp"), spo2=_number(_value(frame, "reading_spo2")))
    elif frame.name == "sport":
        collector.sport(_sport(frame))
    elif frame.name == "session":
        _take_session(frame, collector)


def _take_record(frame: Any, collector: Collector) -> None:
    spo2 = next((field.value for field in frame.fields if _plain(field.name) in SPO2_FIELDS), None)
    collector.reading(
        _time(frame, "timestamp"),
        heart_rate=_number(_value(frame, "heart_rate")),
        spo2=_number(spo2),
        strides_per_minute=_number(_value(frame, "cadence")),
    )


def _take_session(frame: Any, collector: Collector) -> None:
    """A session's sport, and when it was: the message's time is its end, unless an exporter put it at the start."""
    sport = _sport(frame)
    collector.sport(sport)
    start, end = _time(frame, "start_time"), _time(frame, "timestamp")
    lasted = _number(_value(frame, "total_elapsed_time"))
    if start is not None:
        end = max(end or start, start + round((lasted or 0) * 1000))
        collector.during(start, end, activity_of(sport))


def _take_hr(frame: Any, collector: Collector, hr_messages: HrMessages) -> None:
    # As they stand in the file: fitdecode's own expansion starts its counter at 0 instead of at the anchor.
    raw = {field.name: field.raw_value for field in frame.fields if field.field_def is not None}
    moment = _time(frame, "timestamp")
    fraction = _number(_value(frame, "fractional_timestamp")) or 0.0
    known = hr_messages.take(
        None if moment is None else moment / 1000 + fraction,
        [tick for tick in _sequence(raw.get("event_timestamp")) if tick is not None],
        bytes(_sequence(raw.get("event_timestamp_12"))),
        _sequence(raw.get("filtered_bpm")),
    )
    if not known:
        collector.untimed()


def _merge(hr_messages: HrMessages, collector: Collector) -> None:
    """A heart rate for each second of the strap's where the records have none."""
    for second, heart_rate in hr_messages.heart_rates():
        if not collector.has_heart_rate(second * 1000):
            collector.reading(second * 1000, heart_rate=heart_rate)


def _sport(frame: Any) -> str | None:
    """The sport, with the kind of it that tells more: `generic` with `trail` is a run."""
    sport, kind = _value(frame, "sport"), _value(frame, "sub_sport")
    if not isinstance(sport, str):
        return None
    return kind if activity_of(sport) is None and isinstance(kind, str) else sport


def _time(frame: Any, name: str) -> int | None:
    """Milliseconds since 1970; None also where the watch had no clock and counted since it was switched on."""
    value = _value(frame, name)
    return milliseconds(value) if isinstance(value, datetime) else None


def _value(frame: Any, name: str) -> Any:
    return frame.get_value(name, fallback=None)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _sequence(value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


@lru_cache(maxsize=256)
def _plain(name: str | None) -> str:
    return re.sub(r"[^a-z0-9]", "", (name or "").lower())
