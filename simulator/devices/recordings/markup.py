"""XML from strangers: read as a stream, in bounded memory, with nothing declared and nothing fetched.

The document type is cut out before the parser sees it: it may declare elements and attributes, which nobody needs here
(in Apple Health's exports it has been malformed since iOS 16), but no entities, which could make a small file expand
without end or name other files. Blanks before the declaration and control characters in the text, which exporters leave
behind, are tolerated.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, Protocol
from xml.parsers import expat

from simulator.devices.recordings.model import BrokenError, RecordingError, one_line

CHUNK_BYTES = 64 * 1024

#: Apple Health's is 8 kB.
LONGEST_DOCUMENT_TYPE_BYTES = 1024 * 1024

#: A tag with its attributes, or a comment, stands in memory whole.
LONGEST_TOKEN_BYTES = 8 * 1024 * 1024

#: The deepest of the formats nests twelve elements.
DEEPEST_NESTING = 100

#: The parser keeps each name of an element or an attribute once; Apple Health has two hundred.
MOST_NAMES = 20_000

#: No value that matters is longer; the rest of a text is left out.
LONGEST_TEXT = 256

_BLANKS = b" \t\r\n"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
#: Control characters that XML 1.0 forbids, and blanks in their places.
_FORBIDDEN = bytes(code for code in range(32) if code not in _BLANKS)
_TOLERANT = bytes.maketrans(_FORBIDDEN, b" " * len(_FORBIDDEN))


class Handler(Protocol):
    """What one format makes of its elements. Names are local: without the namespace's prefix."""

    def start(self, name: str, attributes: dict[str, str]) -> None: ...

    def end(self, name: str, text: str) -> None: ...


def read(stream: io.BufferedReader[Any], choose: Callable[[str], Handler]) -> None:
    """Read XML; `choose` gives the handler for a root element's name, or refuses it.

    Errors: `RecordingError` for what is refused, `BrokenError` where the XML ends early or is malformed.
    """
    reader = _Reader(choose)
    start = stream.read(CHUNK_BYTES)
    wide = start.startswith(_UTF16_MARKS)
    if not wide:
        start = _without_document_type(start.removeprefix(_UTF8_MARK).lstrip(_BLANKS), stream)
    try:
        chunk = start
        while chunk:
            reader.feed(chunk if wide else chunk.translate(_TOLERANT))
            chunk = stream.read(CHUNK_BYTES)
        reader.close()
    except expat.ExpatError as error:
        raise BrokenError(f"XML line {error.lineno}: {expat.ErrorString(error.code)}") from None
    except (LookupError, ValueError) as error:
        if isinstance(error, RecordingError):
            raise
        raise BrokenError(f"XML: {one_line(error)}") from None


class _Reader:
    """expat, with bounds."""

    def __init__(self, choose: Callable[[str], Handler]) -> None:
        self._choose = choose
        self._handler: Handler | None = None
        self._depth = 0
        self._text: list[str] = []
        self._text_length = 0
        self._fed = 0
        self._parser = expat.ParserCreate()
        # Defaults that a document type gives to attributes would come back with every element.
        self._parser.specified_attributes = True
        self._parser.EntityDeclHandler = _refuse_entity
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def feed(self, chunk: bytes) -> None:
        self._parser.Parse(chunk, False)
        self._fed += len(chunk)
        if self._fed - self._parser.CurrentByteIndex > LONGEST_TOKEN_BYTES:
            raise RecordingError(f"an XML tag or comment is longer than {LONGEST_TOKEN_BYTES // 1024**2} MB")
        if len(self._parser.intern) > MOST_NAMES:
            raise RecordingError(f"XML with more than {MOST_NAMES:,} different names")

    def close(self) -> None:
        self._parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if self._handler is None:
            self._handler = self._choose(local)
        self._depth += 1
        if self._depth > DEEPEST_NESTING:
            raise RecordingError(f"XML elements are nested more than {DEEPEST_NESTING} deep")
        self._forget_text()
        self._handler.start(local, attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._handler is not None:
            self._handler.end(name.rpartition(":")[2], "".join(self._text).strip())
        self._forget_text()

    def _characters(self, text: str) -> None:
        if self._text_length < LONGEST_TEXT:
            self._text.append(text[:LONGEST_TEXT])
            self._text_length += len(text)

    def _forget_text(self) -> None:
        if self._text:
            self._text.clear()
            self._text_length = 0


def _refuse_entity(*_declaration: object) -> None:
    raise RecordingError("declares XML entities, which no recording needs and which are refused")


def _without_document_type(start: bytes, stream: io.BufferedReader[Any]) -> bytes:
    """The start of a file, its document type replaced by as many line ends; nothing changes where there is none."""
    at = start.find(b"<!DOCTYPE")
    root = re.search(rb"<[A-Za-z_]", start)
    if at < 0 or (root is not None and root.start() < at):
        return start
    while (end := _end_of_document_type(start, at)) is None:
        more = stream.read(CHUNK_BYTES)
        if not more or len(start) > LONGEST_DOCUMENT_TYPE_BYTES:
            raise BrokenError("the XML document type does not end")
        start += more
    declared = start[at:end]
    if b"<!ENTITY" in declared:
        _refuse_entity()
    return start[:at] + b"\n" * declared.count(b"\n") + start[end:]


def _end_of_document_type(start: bytes, at: int) -> int | None:
    opening = re.compile(rb"[\[>]").search(start, at)
    if opening is None:
        return None
    if opening[0] == b">":
        return opening.end()
    closing = re.compile(rb"\]\s*>").search(start, opening.end())
    return None if closing is None else closing.end()
