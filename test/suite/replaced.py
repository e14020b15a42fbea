# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: reads captures, pcap and pcapng in either byte order, without any program of ours, and takes TCP apart."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass, field
from fractions import Fraction
from ipaddress import ip_address
from pathlib import Path

PACKET_ID, COMMENT = 5, 1
CHANGED = b"payload of this packet is in a virtual conversation"
FIN, SYN, RST, ACK = 1, 2, 4, 16


@dataclass(frozen=True)
class Seen:
    """A packet as a capture has it."""
    time: Fraction
    interface: int
    link: int
    name: bytes
    data: bytes
    wire: int
    options: tuple[tuple[int, bytes], ...] = ()

    @property
    def is_virtual(self) -> bool:
        return any(code == PACKET_ID for code, _ in self.options)

    @property
    def source_frame(self) -> int:
        return next(struct.unpack("<Q", value)[0] for code, value in self.options if code == PACKET_ID)

    @property
    def is_changed(self) -> bool:
        return any(code == COMMENT and value.startswith(CHANGED) for code, value in self.options)


def read_options(data: bytes, order: str) -> tuple[tuple[int, bytes], ...]:
    found, at = [], 0
    while at + 4 <= len(data):
        code, size = struct.unpack_from(order + "HH", data, at)
        if code == 0:
            break
        found.append((code, data[at + 4:at + 4 + size]))
        at += 4 + (size + 3 & ~3)
    return tuple(found)


def unit(options: tuple[tuple[int, bytes], ...]) -> Fraction:
    resolution = next((value[0] for code, value in options if code == 9), 6)
    return Fraction(1, 2 ** (resolution & 127) if resolution & 128 else 10 ** resolution)


def packets_of(data: bytes) -> list[Seen]:
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return pcapng_packets(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else pcap_packets(data)


def pcap_packets(data: bytes) -> list[Seen]:
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    is_nano = struct.unpack_from(order + "I", data)[0] == 0xA1B23C4D
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    found, at = [], 24
    while at + 16 <= len(data):
        seconds, part, captured, wire = struct.unpack_from(order + "IIII", data, at)
        time = seconds + Fraction(part, 10 ** (9 if is_nano else 6))
        found.append(Seen(time, 0, link, b"", data[at + 16:at + 16 + captured], wire))
        at += 16 + captured
    return found


def pcapng_packets(data: bytes) -> list[Seen]:
    found, interfaces, first, at, order = [], [], 0, 0, "<"
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            first = len(interfaces)
        kind, total = struct.unpack_from(order + "II", data, at)
        body = data[at + 8:at + total - 4]
        if kind == 1:
            options = read_options(body[8:], order)
            name = next((value for code, value in options if code == 2), b"")
            interfaces.append((struct.unpack_from(order + "H", body)[0], name, unit(options)))
        elif kind == 6:
            number, high, low, captured, wire = struct.unpack_from(order + "IIIII", body)
            link, name, resolution = interfaces[first + number]
            options = read_options(body[20 + (captured + 3 & ~3):], order)
            found.append(Seen((high << 32 | low) * resolution, first + number, link, name, body[20:20 + captured],
                              wire, options))
        at += total
    return found


def network_part(seen: Seen) -> bytes:
    """The IP packet of a frame; empty where there is none. No VLAN stacks but 802.1Q."""
    data = seen.data
    if seen.link == 1:
        at = 12
        while data[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
            at += 4
        return data[at + 2:] if data[at:at + 2] in (b"\x08\x00", b"\x86\xdd") else b""
    if seen.link in (101, 228, 229):
        return data
    if seen.link == 113:
        return data[16:] if data[14:16] in (b"\x08\x00", b"\x86\xdd") else b""
    if seen.link == 276:
        return data[20:] if data[:2] in (b"\x08\x00", b"\x86\xdd") else b""
    return data[4:] if seen.link in (0, 108) else b""


@dataclass(frozen=True)
class Segment:
    source: tuple[str, int]
    destination: tuple[str, int]
    protocol: int
    sequence: int = 0
    acknowledgment: int = 0
    flags: int = 0
    payload: bytes = b""
    length: int = 0

    @property
    def ends(self) -> frozenset[tuple[str, int]]:
        return frozenset((self.source, self.destination))


def end_of(address: bytes, port: int) -> tuple[str, int]:
    value = ip_address(address)
    mapped = getattr(value, "ipv4_mapped", None)
    return str(mapped or value), port


def segment_of(seen: Seen) -> Segment | None:
    """TCP and UDP without fragments and extension headers; None for all else."""
    packet = network_part(seen)
    if len(packet) < 20:
        return None
    if packet[0] >> 4 == 4:
        header, protocol, addresses = (packet[0] & 15) * 4, packet[9], (packet[12:16], packet[16:20])
        total = struct.unpack_from(">H", packet, 2)[0] or len(packet)
        if struct.unpack_from(">H", packet, 6)[0] & 0x3FFF:
            return None
    else:
        header, protocol, addresses = 40, packet[6], (packet[8:24], packet[24:40])
        total = 40 + struct.unpack_from(">H", packet, 4)[0]
    body = packet[header:total]
    if protocol not in (6, 17) or len(body) < 8:
        return None
    ports = struct.unpack_from(">HH", body)
    ends = [end_of(address, port) for address, port in zip(addresses, ports, strict=True)]
    if protocol == 17:
        return Segment(*ends, 17, payload=body[8:], length=total - header - 8)
    if len(body) < 20:
        return None
    sequence, acknowledgment, offset, flags = struct.unpack_from(">IIBB", body, 4)
    size = (offset >> 4) * 4
    return Segment(*ends, 6, sequence, acknowledgment, flags, body[size:], total - header - size)


@dataclass
class Stream:
    """One direction: its bytes by place, and where it ended."""
    start: int | None = None
    bytes: dict[int, int] = field(default_factory=dict)
    fin: int | None = None
    latest: int = 0

    def take(self, segment: Segment) -> None:
        if segment.flags & SYN:
            if self.start is None:
                self.start = segment.sequence + 1
            return
        if self.start is None:
            self.start = segment.sequence
        begin = self.latest + ((segment.sequence - self.start - self.latest + 2**31) % 2**32 - 2**31)
        for index, value in enumerate(segment.payload):
            self.bytes.setdefault(begin + index, value)
        self.latest = max(self.latest, begin + segment.length)
        if segment.flags & FIN and self.fin is None:
            self.fin = begin + segment.length

    @property
    def text(self) -> bytes:
        return bytes(value for _, value in sorted(self.bytes.items()))

    @property
    def has_gap(self) -> bool:
        return bool(self.bytes) and (min(self.bytes), max(self.bytes) + 1) != (0, len(self.bytes))


def streams_of(segments: list[Segment]) -> dict[tuple[tuple[str, int], tuple[str, int]], Stream]:
    """By sender and receiver. Connections that use the same ends again are not told apart."""
    found: dict[tuple[tuple[str, int], tuple[str, int]], Stream] = {}
    for segment in segments:
        if segment.protocol == 6:
            found.setdefault((segment.source, segment.destination), Stream()).take(segment)
    return found


def read(path: Path) -> list[Seen]:
    return packets_of(path.read_bytes())
