"""Writes FIT files: only what tests need of the protocol (FIT protocol, file structure)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

#: Kind of a field → base type, struct format, invalid value.
KINDS = {
    "enum": (0x00, "B", 0xFF),
    "uint8": (0x02, "B", 0xFF),
    "uint16": (0x84, "H", 0xFFFF),
    "uint32": (0x86, "I", 0xFFFFFFFF),
    "byte": (0x0D, "B", 0xFF),
    "string": (0x07, "s", b""),
}

#: Global message numbers and the fields that tests write: number and kind (FIT profile).
FILE_ID = (0, [(0, "enum")])
SPORT = (12, [(0, "enum"), (1, "enum")])
SESSION = (18, [(253, "uint32"), (2, "uint32"), (7, "uint32"), (5, "enum"), (6, "enum")])
RECORD = (20, [(253, "uint32"), (3, "uint8"), (4, "uint8"), (6, "uint16")])
MUSCLE = (20, [(253, "uint32"), (3, "uint8"), (57, "uint16")])
HR_ANCHOR = (132, [(253, "uint32"), (0, "uint16"), (6, "uint8"), (9, "uint32")])
HR = (132, [(6, "uint8"), (10, "byte")])
SPO2_DATA = (269, [(253, "uint32"), (0, "uint8")])
DEVELOPER_DATA_ID = (207, [(3, "uint8")])
FIELD_DESCRIPTION = (206, [(0, "uint8"), (1, "uint8"), (2, "uint8"), (3, "string")])

#: 1989-12-31T00:00:00Z, where FIT's clock starts, in seconds since 1970.
EPOCH = 631_065_600

RUNNING, CYCLING, TRANSITION, GENERIC, ROWING = 1, 2, 3, 0, 15

_CRC = (
    *(0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401),
    *(0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400),
)


def seconds(unix: int) -> int:
    """A moment since 1970 on FIT's clock."""
    return unix - EPOCH


def messages(kind: tuple[int, Sequence[tuple[int, str]]], *rows: Sequence[Any], app: Sequence[int] = ()) -> bytes:
    """One definition and its messages; None is written as FIT's invalid value, a tuple as an array.

    `app` are the numbers of one-byte fields of an app (developer fields), whose values end each row.
    """
    number, fields = kind
    written = b""
    for row in rows:
        data, defined = b"", b""
        for (field, name), value in zip(fields, row, strict=False):
            base, form, invalid = KINDS[name]
            values = value if isinstance(value, tuple) else (value,)
            if name == "string":
                packed = value.encode() + b"\0"
            else:
                packed = b"".join(struct.pack(f"<{form}", invalid if v is None else v) for v in values)
            defined += bytes([field, len(packed), base])
            data += packed
        definition = bytes([0x40 | (0x20 if app else 0), 0, 0]) + struct.pack("<HB", number, len(fields)) + defined
        if app:
            definition += bytes([len(app)]) + b"".join(bytes([field, 1, 0]) for field in app)
            data += bytes(row[len(fields) :])
        written += (b"" if written.startswith(definition) else definition) + b"\0" + data
    return written


def packed_12(ticks: Sequence[int]) -> tuple[int, ...]:
    """`hr.event_timestamp_12`: the lowest 12 bits of each tick, one behind the other from the lowest bit on."""
    bits = sum((tick & 0xFFF) << (12 * index) for index, tick in enumerate(ticks))
    return tuple(bits.to_bytes((12 * len(ticks) + 7) // 8, "little"))


def fit_file(*body: bytes, size: int | None = None) -> bytes:
    """A file with header and checksums; `size` is what the header says of the body, rightly by default."""
    content = messages(FILE_ID, [4]) + b"".join(body)
    header = struct.pack("<BBHI4s", 14, 0x20, 2100, len(content) if size is None else size, b".FIT")
    header += struct.pack("<H", crc(header))
    return header + content + struct.pack("<H", crc(header + content))


def crc(data: bytes) -> int:
    found = 0
    for byte in data:
        for nibble in (byte & 0xF, byte >> 4):
            found = (found >> 4) ^ _CRC[found & 0xF] ^ _CRC[nibble]
    return found
