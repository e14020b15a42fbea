# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: small captures made byte by byte: TCP sessions over Ethernet, and a reader for what the tool writes."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import ip_address

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = 0, 1


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(source: str, destination: str, protocol: int, body: bytes) -> bytes:
    """`body` has its checksum already."""
    a, b = ip_address(source).packed, ip_address(destination).packed
    if len(a) == 16:
        return struct.pack(">IHBB", 6 << 28, len(body), protocol, 64) + a + b + body
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0x4000, 64, protocol, 0, a, b)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def pseudo_header(source: str, destination: str, protocol: int, length: int) -> bytes:
    return ip_address(source).packed + ip_address(destination).packed + struct.pack(">II", length, protocol)


def udp(source: tuple[str, int], destination: tuple[str, int], payload: bytes) -> bytes:
    length = 8 + len(payload)
    head = struct.pack(">HHHH", source[1], destination[1], length, 0)
    value = checksum(pseudo_header(source[0], destination[0], 17, length) + head + payload) or 0xFFFF
    return ethernet(ip_packet(source[0], destination[0], 17, head[:6] + struct.pack(">H", value) + payload), source[0])


def dns_lookup(name: str, *addresses: str, asker: str = "10.0.0.1") -> list[bytes]:
    """A question and its answer."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\1\0\1"
    records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4" + ip_address(a).packed for a in addresses)
    def header(flags: int, answers: int) -> bytes:
        return struct.pack(">HHHHHH", 7, flags, 1, answers, 0, 0)
    server, client = ("10.0.0.53", 53), (asker, 3333)
    return [udp(client, server, header(0x0100, 0) + question),
            udp(server, client, header(0x8180, len(addresses)) + question + records)]


def ethernet(packet: bytes, address: str = "0.0.0.0") -> bytes:
    return b"\x02" * 6 + b"\x04" * 6 + (b"\x86\xdd" if ":" in address else b"\x08\x00") + packet


@dataclass
class Session:
    """A TCP connection: each method returns the Ethernet frame of one segment."""
    client: tuple[str, int] = ("10.0.0.5", 40000)
    server: tuple[str, int] = ("10.0.0.1", 1080)
    numbers: list[int] = field(default_factory=lambda: [1000, 5000])

    def segment(self, side: int, flags: int, payload: bytes = b"", sequence: int | None = None) -> bytes:
        here, there = (self.client, self.server)[::1 if side == CLIENT else -1]
        number = self.numbers[side] if sequence is None else sequence
        head = struct.pack(">HHIIBBHHH", here[1], there[1], number, self.numbers[1 - side] if flags & ACK else 0,
                           0x50, flags, 501, 0, 0)
        value = checksum(pseudo_header(here[0], there[0], 6, 20 + len(payload)) + head + payload)
        if sequence is None:
            self.numbers[side] = (number + len(payload) + bool(flags & (SYN | FIN))) % 2**32
        packet = ip_packet(here[0], there[0], 6, head[:16] + struct.pack(">H", value) + head[18:] + payload)
        return ethernet(packet, here[0])

    def open(self) -> list[bytes]:
        return [self.segment(CLIENT, SYN), self.segment(SERVER, SYN | ACK), self.segment(CLIENT, ACK)]

    def say(self, side: int, payload: bytes) -> bytes:
        return self.segment(side, PSH | ACK, payload)

    def close(self) -> list[bytes]:
        return [self.segment(CLIENT, FIN | ACK), self.segment(SERVER, FIN | ACK), self.segment(CLIENT, ACK)]


def connect_session(target: bytes = b"www.example.com:80", asked: bytes = b"GET / HTTP/1.0\r\n\r\n",
                    answered: bytes = b"HTTP/1.0 200 OK\r\n\r\nhello", **ends: tuple[str, int]) -> list[bytes]:
    """A whole session through a CONNECT proxy."""
    session = Session(**ends)
    return [*session.open(), session.say(CLIENT, b"CONNECT " + target + b" HTTP/1.1\r\n\r\n"),
            session.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n"), session.say(CLIENT, asked),
            session.say(SERVER, answered), *session.close()]


def pcap(frames: list[bytes], link: int = 1, wire_lengths: list[int] | None = None) -> bytes:
    """Microseconds, little-endian; one millisecond between frames."""
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    for index, frame in enumerate(frames):
        wire = wire_lengths[index] if wire_lengths else len(frame)
        data += struct.pack("<IIII", 1700000000 + index // 1000, index % 1000 * 1000, len(frame), wire) + frame
    return data


@dataclass
class Block:
    kind: int
    body: bytes

    @property
    def options(self) -> dict[int, list[bytes]]:
        """Of an enhanced packet block."""
        captured = struct.unpack_from("<I", self.body, 12)[0]
        return read_options(self.body[20 + (captured + 3 & ~3):])

    @property
    def packet(self) -> bytes:
        captured = struct.unpack_from("<I", self.body, 12)[0]
        return self.body[20:20 + captured]


def read_options(data: bytes) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    offset = 0
    while offset + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, offset)
        if code == 0:
            break
        found.setdefault(code, []).append(data[offset + 4:offset + 4 + length])
        offset += 4 + (length + 3 & ~3)
    return found


def pcapng_blocks(data: bytes) -> list[Block]:
    blocks, offset = [], 0
    while offset < len(data):
        kind, total = struct.unpack_from("<II", data, offset)
        assert struct.unpack_from("<I", data, offset + total - 4)[0] == total
        blocks.append(Block(kind, data[offset + 8:offset + total - 4]))
        offset += total
    return blocks


SECTION, INTERFACE, NAMES, PACKET, SECRETS = 0x0A0D0D0A, 1, 4, 6, 10
