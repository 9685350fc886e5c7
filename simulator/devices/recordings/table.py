"""Plain tables: CSV with a header, as spreadsheets, research data and the sites of most watches give them.

A column is known by its name, in any case and with any unit behind it; what is between the columns is a comma, a
semicolon or a tab, and with the latter two numbers may have decimal commas. Lines before the header are passed over.

Times are ISO 8601 (UTC where they have no zone), seconds or milliseconds since 1970, or count from the recording's
start, which then is 2000-01-01T00:00:00Z.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from simulator.devices.recordings import times
from simulator.devices.recordings.activities import activity_of
from simulator.devices.recordings.collector import MOST_SAMPLES, Collector
from simulator.devices.recordings.columns import Columns, recognised
from simulator.devices.recordings.model import BrokenError, RecordingError, one_line
from simulator.devices.recordings.numbers import NotANumberError, number

DELIMITERS = (",", ";", "\t")

#: Where a header may stand, for all the lines of notes before it.
LAST_HEADER_LINE = 60

#: A line stands in memory whole.
LONGEST_LINE = 64 * 1024

#: Blank lines and comments are lines too.
MOST_LINES = 2 * MOST_SAMPLES


def read(stream: io.BufferedReader[Any], collector: Collector) -> None:
    """Read a table. Errors: `RecordingError` where there is no header that we know, `BrokenError`."""
    lines = _lines(stream)
    columns = _header(lines)
    try:
        for row in csv.reader(lines, delimiter=columns.delimiter):
            if any(cell.strip() for cell in row) and not row[0].startswith("#"):
                _take(row, columns, collector)
    except csv.Error as error:
        raise BrokenError(one_line(error)) from None


def _lines(stream: io.BufferedReader[Any]) -> Iterator[str]:
    encoding = "utf-16" if stream.peek(2)[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline=None)
    for count, line in enumerate(iter(lambda: text.readline(LONGEST_LINE), "")):
        if count >= MOST_LINES:
            raise BrokenError(f"more than {MOST_LINES:,} lines")
        if len(line) == LONGEST_LINE:
            raise BrokenError(f"a line is longer than {LONGEST_LINE // 1024} kB")
        yield line.replace("\0", "")


def _header(lines: Iterator[str]) -> Columns:
    for _, line in zip(range(LAST_HEADER_LINE), lines, strict=False):
        found = [columns for delimiter in DELIMITERS if (columns := recognised(line.lstrip("# "), delimiter))]
        if found:
            return max(found, key=lambda columns: len(columns.vitals))
    raise RecordingError("no table with a column of times and one of heart rate, SpO2 or steps")


def _take(row: Sequence[str], columns: Columns, collector: Collector) -> None:
    if len(row) <= columns.first_vital:
        # The last row of a file that ends early: its time may have lost digits and still look like one.
        collector.flaw("row that ends early", "rows that end early")
        return

    def value(indices: Sequence[int]) -> float | None:
        for index in indices:
            if (found := collector.number(_dotted(_cell(row, index), columns))) is not None:
                return found
        return None

    collector.reading(
        _time(row, columns),
        heart_rate=value(columns.heart_rate),
        spo2=value(columns.spo2),
        steps=value(columns.steps),
        steps_per_minute=value(columns.steps_per_minute),
        activity=None if columns.activity is None else activity_of(_cell(row, columns.activity)),
    )


def _time(row: Sequence[str], columns: Columns) -> int | None:
    clock = columns.clock
    text = _cell(row, clock.index)
    try:
        count = number(_dotted(text, columns))
    except NotANumberError:
        of_day = times.elapsed(text)
        if of_day is None:
            return times.since_1970(text)
        return (
            of_day if clock.counts or columns.date is None else times.since_1970(f"{_cell(row, columns.date)} {text}")
        )
    if count is None:
        return None
    if clock.counts:
        return times.credible(times.ELAPSED_FROM_MS + round(count * (clock.unit or 1) * 1000))
    return times.counted(count, clock.unit)


def _cell(row: Sequence[str], index: int) -> str:
    return row[index].strip() if index < len(row) else ""


def _dotted(text: str, columns: Columns) -> str:
    """A number's text with a decimal point; between commas, a comma can't be a decimal one."""
    return text if columns.delimiter == "," else text.replace(",", ".")
