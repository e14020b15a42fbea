# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: what an export is: hash, and the times of its first and its last packet. It is pcapng, as pcap-unproxy
writes it: one section in our own order of bytes, and no packet but in enhanced packet blocks."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

INTERFACE, PACKET = 1, 6
RESOLUTION, END = 9, 0


class Block(NamedTuple):
    kind: int
    begin: int
    size: int


def blocks(file: BinaryIO, size: int) -> Iterator[Block]:
    at = 0
    while at + 12 <= size:
        file.seek(at)
        kind, length = struct.unpack("=II", file.read(8))
        if length < 12:
            return
        yield Block(kind, at, length)
        at += length


def blocks_from_the_end(file: BinaryIO, size: int) -> Iterator[Block]:
    while size >= 12:
        file.seek(size - 4)
        length, = struct.unpack("=I", file.read(4))
        if not 12 <= length <= size:
            return
        size -= length
        file.seek(size)
        yield Block(struct.unpack("=I", file.read(4))[0], size, length)


def units_per_second(file: BinaryIO, block: Block) -> int:
    file.seek(block.begin + 16)
    options = file.read(block.size - 20)
    while len(options) >= 4:
        code, length = struct.unpack_from("=HH", options)
        if code == END:
            break
        if code == RESOLUTION:
            return int(2 ** (options[4] & 127) if options[4] & 128 else 10 ** options[4])
        options = options[4 + length + -length % 4:]
    return 10**6


def time_of(file: BinaryIO, block: Block, size: int) -> int:
    """In nanoseconds."""
    file.seek(block.begin + 8)
    interface, high, low = struct.unpack("=III", file.read(12))
    found = (each for each in blocks(file, size) if each.kind == INTERFACE)
    units = units_per_second(file, next(each for number, each in enumerate(found) if number == interface))
    return int((high << 32 | low) * 10**9 // units)


def rfc3339(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def describe(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        ends = [next((block for block in way(file, size) if block.kind == PACKET), None)
                for way in (blocks, blocks_from_the_end)]
        times = [rfc3339(time_of(file, block, size)) if block else None for block in ends]
    return {"bytes": size, "sha256": digest, "first_time": times[0], "last_time": times[1]}
