"""Opens a file, unpacks it where it is packed, and finds its format by its content: names of files tell lies."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Any, Protocol, cast

from simulator.devices.recordings import apple_health, fit, gpx, markup, table, tcx
from simulator.devices.recordings.collector import Collector
from simulator.devices.recordings.model import BrokenError, Recording, RecordingError, one_line

#: A packed FIT, TCX, GPX or CSV file may unpack to this: TCX of a day at one point a second is 60 MB.
MOST_UNPACKED_BYTES = 256 * 1024**2

#: Apple Health's export of ten years with a watch is 2 to 4 GB.
MOST_HEALTH_BYTES = 20 * 1024**3

#: XML of real exports packs 10 to 40 times; deflate reaches 1,032 times where somebody tries.
MOST_TIMES_PACKED = 400

#: Below this, nothing that an archive unpacks to can hurt.
HARMLESS_BYTES = 256 * 1024**2

#: Enough to tell the formats from each other.
HEAD_BYTES = 4096

_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_SINGLE_SUFFIXES = (".fit", ".tcx", ".gpx")

#: What the standard library raises for an archive that is damaged, hostile, encrypted or packed in an unknown way.
_UNPACKING_ERRORS = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, ValueError)


class Source(Protocol):
    """Anything that bytes can be read from.

    With `read1`: what was unpacked before an error would be lost in `read`, which goes on until it has enough.
    """

    def read1(self, size: int, /) -> bytes: ...


class Limited(io.RawIOBase):
    """A stream that ends where its source can't be read on, or where a limit is reached.

    `broken` says in one line why it ended early, or is None.
    """

    def __init__(self, source: Source, limit: int) -> None:
        self._source, self._left, self._limit = source, limit, limit
        self.broken: str | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the whole buffer, unless the stream ends before; the number of bytes."""
        filled = 0
        while filled < len(buffer) and self.broken is None:
            try:
                part = self._source.read1(len(buffer) - filled)
            except _UNPACKING_ERRORS as error:
                self.broken = f"unpacking fails: {one_line(error)}"
                break
            if not part:
                break
            self._left -= len(part)
            if self._left < 0:
                self.broken = f"it unpacks to more than {self._limit // 1024**2:,} MB"
                break
            buffer[filled : filled + len(part)] = part
            filled += len(part)
        return filled


def read(path: Path) -> Recording:
    """The recording in a file. Errors: `RecordingError`, which names the file."""
    name = one_line(path.name)
    collector = Collector()
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise RecordingError("not a file")
        with path.open("rb") as file:
            broken = _read(name, file, collector)
        return collector.recording(name, broken)
    except RecordingError as error:
        raise RecordingError(f"{name}: {error}") from None
    except OSError as error:
        raise RecordingError(f"{name}: {error.strerror or one_line(error)}") from None
    except ValueError as error:
        # A path with a null character.
        raise RecordingError(f"{name}: {one_line(error)}") from None


def _read(name: str, file: io.BufferedReader, collector: Collector) -> str | None:
    """Read a file into the collector; why it ended early, or None."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise RecordingError("an empty file")
    if head.startswith(_ZIP):
        return _read_member(file, collector)
    if head.startswith(_GZIP):
        with gzip.GzipFile(fileobj=file) as unpacked:
            return _take(name, unpacked, MOST_UNPACKED_BYTES, collector)
    return _take(name, file, MOST_HEALTH_BYTES, collector)


def _take(name: str, source: Source, limit: int, collector: Collector) -> str | None:
    """Read what is not packed any more, in whichever format it is; why it ended early, or None."""
    limited = Limited(source, limit)
    stream = io.BufferedReader(limited, buffer_size=markup.CHUNK_BYTES)
    head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
    if not head:
        raise RecordingError(limited.broken or "an empty file")
    try:
        if fit.is_fit(head):
            collector.form = "FIT"
            fit.read(stream, collector)
        elif name.lower().removesuffix(".gz").endswith(".fit"):
            raise RecordingError("not a FIT file")
        elif _is_markup(head):
            _take_markup(stream, collector)
        elif head.startswith(_UTF16_MARKS) or b"\0" not in head:
            collector.form = "CSV"
            table.read(stream, collector)
        else:
            raise RecordingError("not a recording: neither FIT, TCX, GPX, Apple Health nor a table")
    except BrokenError as error:
        return limited.broken or str(error)
    return limited.broken


def _take_markup(stream: io.BufferedReader[Any], collector: Collector) -> None:
    def choose(root: str) -> markup.Handler:
        if root == tcx.ROOT:
            collector.form = "TCX"
            return tcx.TcxHandler(collector)
        if root == gpx.ROOT:
            collector.form = "GPX"
            return gpx.GpxHandler(collector)
        if root == apple_health.ROOT:
            collector.form = "Apple Health"
            return apple_health.AppleHealthHandler(collector)
        raise RecordingError(f"not a recording: <{one_line(root, 40)}> is none of TCX, GPX and Apple Health")

    markup.read(stream, choose)


def _read_member(file: io.BufferedReader, collector: Collector) -> str | None:
    try:
        with zipfile.ZipFile(file) as archive:
            chosen = _chosen(archive)
            name = one_line(chosen.filename.rpartition("/")[2], 60)
            limit = MOST_UNPACKED_BYTES if _suffix(chosen) in _SINGLE_SUFFIXES else MOST_HEALTH_BYTES
            if chosen.file_size > limit:
                raise RecordingError(f"its {name} unpacks to more than {limit // 1024**2:,} MB")
            if chosen.file_size > max(HARMLESS_BYTES, MOST_TIMES_PACKED * chosen.compress_size):
                raise RecordingError(f"its {name} is packed {MOST_TIMES_PACKED} times and more: no recording is")
            with archive.open(chosen) as member:
                return _take(name, cast(zipfile.ZipExtFile, member), limit, collector)
    except RecordingError:
        raise
    except _UNPACKING_ERRORS as error:
        raise RecordingError(f"a zip archive that can't be read: {one_line(error)}") from None


def _chosen(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Apple Health's export, at any depth, or the single FIT, TCX or GPX file that sites of watches pack alone."""
    members = [member for member in archive.infolist() if not _base(member).startswith("._")]
    for member in members:
        if _base(member) == "export.xml":
            return member
    # Phones set to other languages name the file in them: "Exportación.xml", "导出.xml".
    for member in members:
        if _suffix(member) == ".xml" and not _base(member).endswith("_cda.xml") and _is_health(archive, member):
            return member
    single = [member for member in members if _suffix(member) in _SINGLE_SUFFIXES]
    if len(single) == 1:
        return single[0]
    raise RecordingError("a zip archive without Apple Health's export.xml, and without a single FIT, TCX or GPX file")


def _is_health(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    with archive.open(member) as stream:
        start = stream.read(HEAD_BYTES)
    return b"<!DOCTYPE HealthData" in start or b"<HealthData" in start


def _base(member: zipfile.ZipInfo) -> str:
    return member.filename.rpartition("/")[2].lower()


def _suffix(member: zipfile.ZipInfo) -> str:
    return Path(_base(member)).suffix


def _is_markup(head: bytes) -> bool:
    for mark in (_UTF8_MARK, *_UTF16_MARKS):
        head = head.removeprefix(mark)
    return head.lstrip(b" \t\r\n\0").startswith(b"<")
