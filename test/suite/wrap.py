# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: wraps the IP packets of a capture as clouds, carriers and taps do: one way, one link type."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Callable

import wire

ETHERNET, PPP, RAW, RADIOTAP, ERF, NFLOG = 1, 9, 101, 127, 197, 239
TRANSPARENT_ETHERNET = 0x6558
# Longer ones do not fit when they are wrapped in IP.
LONGEST_INNER = 65000


@dataclass
class Inner:
    """A packet, and what it was on the wire: a snapshot length may have cut it."""
    packet: bytes
    size: int

    @property
    def type(self) -> int:
        return 0x86DD if self.packet[0] >> 4 == 6 else 0x0800

    @property
    def is_back(self) -> bool:
        """One of two directions."""
        at, size = (8, 16) if self.type == 0x86DD else (12, 4)
        return self.packet[at:at + size] > self.packet[at + size:at + 2 * size]

    def behind(self, header: bytes) -> Inner:
        return Inner(header + self.packet, len(header) + self.size)


def ethernet(inner: Inner) -> Inner:
    return inner.behind(b"\x06" * 6 + b"\x0a" * 6 + struct.pack(">H", inner.type))


def outer_udp(port: int, header: Callable[[Inner], Inner]) -> Callable[[Inner], Inner]:
    def wrap(inner: Inner) -> Inner:
        is_back = inner.is_back
        within = header(inner)
        datagram = within.behind(struct.pack(">HHHH", 55555, port, 8 + within.size, 0))
        return ethernet(outer_of(17, datagram, is_back))
    return wrap


def outer_of(protocol: int, payload: Inner, is_back: bool, version: int = 4) -> Inner:
    """In IP, from the end that this direction has."""
    ends = [ip_address(end).packed for end in
            (("192.0.2.1", "192.0.2.2") if version == 4 else ("2001:db8::1", "2001:db8::2"))]
    a, b = ends[::-1] if is_back else ends
    if version == 6:
        return payload.behind(struct.pack(">IHBB", 6 << 28, payload.size, protocol, 64) + a + b)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + payload.size, 1, 0x4000, 64, protocol, 0, a, b)
    return payload.behind(head[:10] + struct.pack(">H", wire.checksum(head)) + head[12:])


def in_ip(version: int) -> Callable[[Inner], Inner]:
    def wrap(inner: Inner) -> Inner:
        return ethernet(outer_of(41 if inner.type == 0x86DD else 4, inner, inner.is_back, version))
    return wrap


def in_gre(flags: int, kind: int | None, header: Callable[[Inner], Inner]) -> Callable[[Inner], Inner]:
    """`kind` None: that of the packet."""
    def wrap(inner: Inner) -> Inner:
        within = header(inner).behind(struct.pack(">HH", flags, kind or inner.type))
        return ethernet(outer_of(47, within, inner.is_back))
    return wrap


def keyed(key: int) -> Callable[[Inner], Inner]:
    return lambda inner: inner.behind(struct.pack(">I", key))


def pptp(inner: Inner) -> Inner:
    """The call is another one in each direction."""
    ppp = in_ppp(inner)
    return ppp.behind(struct.pack(">HHI", ppp.size & 0xFFFF, 20 if inner.is_back else 10, 1))


def gtp(inner: Inner, flags: int = 0x30, more: bytes = b"") -> Inner:
    """The TEID is another one in each direction."""
    header = struct.pack(">BBHI", flags, 255, (len(more) + inner.size) & 0xFFFF, 2 if inner.is_back else 1)
    return inner.behind(header + more)


def in_ppp(inner: Inner) -> Inner:
    return inner.behind(b"\xff\x03" + (b"\x00\x57" if inner.type == 0x86DD else b"\x00\x21"))


def in_wifi(inner: Inner) -> Inner:
    """Data from or to an access point, with QoS, behind radiotap with a time and flags."""
    radiotap = struct.pack("<BBHIQB", 0, 0, 17, 3, 1, 0)
    header = bytes([0x88, 2 if inner.is_back else 1, 0, 0]) + b"\x06" * 18 + bytes(4)
    return inner.behind(radiotap + header + b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", inner.type))


def in_erf(inner: Inner) -> Inner:
    frame = ethernet(inner)
    header = bytes(8) + struct.pack(">BBHHH", 2, 4, 18 + len(frame.packet) & 0xFFFF, 0, frame.size & 0xFFFF)
    return frame.behind(header + b"\0\0")


def in_nflog(inner: Inner) -> Inner:
    family = 10 if inner.type == 0x86DD else 2
    head = bytes([family, 0, 0, 0]) + struct.pack("<HHHBB", 8, 1, inner.type >> 8 | (inner.type & 0xFF) << 8, 1, 0)
    padding = bytes(-(4 + len(inner.packet)) % 4)
    within = inner.behind(head + struct.pack("<HH", (4 + inner.size) & 0xFFFF, 9))
    return Inner(within.packet + (padding if inner.size == len(inner.packet) else b""), within.size + len(padding))


def eight_times(inner: Inner) -> Inner:
    within = inner
    for _ in range(7):
        within = outer_of(41 if within.type == 0x86DD else 4, within, inner.is_back)
    return ethernet(outer_of(4, within, inner.is_back))


VXLAN = struct.pack(">II", 0x08000000, 100 << 8)
ERSPAN_2 = struct.pack(">III", 1, 0x10010000 | 5, 3)
ERSPAN_3 = struct.pack(">IIII", 1, 0x20010000 | 6, 3, 0)

# Each with its link type, and what the report says of it.
WAYS: dict[str, tuple[int, Callable[[Inner], Inner], list[tuple[str, int | None]]]] = {
    "vxlan": (ETHERNET, outer_udp(4789, lambda inner: ethernet(inner).behind(VXLAN)), [("vxlan", 100)]),
    "geneve": (ETHERNET, outer_udp(6081, lambda inner: ethernet(inner).behind(
        struct.pack(">IIII", 0x02006558, 11 << 8, 0x01020001, 0))), [("geneve", 11)]),
    "geneve-ip": (ETHERNET, outer_udp(6081, lambda inner: inner.behind(
        struct.pack(">HHI", 0, inner.type, 12 << 8))), [("geneve", 12)]),
    "gre": (ETHERNET, in_gre(0, None, lambda inner: inner), [("gre", None)]),
    "gre-key": (ETHERNET, in_gre(0x2000, None, keyed(7)), [("gre", 7)]),
    "gre-ethernet": (ETHERNET, in_gre(0, TRANSPARENT_ETHERNET, ethernet), [("gre", None)]),
    "gre-in-ppp": (ETHERNET, in_gre(0x3001, 0x880B, pptp), [("gre", 10)]),
    "erspan-1": (ETHERNET, in_gre(0, 0x88BE, ethernet), [("erspan", None)]),
    "erspan-2": (ETHERNET, in_gre(0x1000, 0x88BE, lambda inner: ethernet(inner).behind(ERSPAN_2)), [("erspan", 5)]),
    "erspan-3": (ETHERNET, in_gre(0x1000, 0x22EB, lambda inner: ethernet(inner).behind(ERSPAN_3)), [("erspan", 6)]),
    "ip": (ETHERNET, in_ip(4), [("ip", None)]),
    "ip-in-ip6": (ETHERNET, in_ip(6), [("ip", None)]),
    "gtp": (ETHERNET, outer_udp(2152, gtp), [("gtp", 1)]),
    "gtp-extension": (ETHERNET, outer_udp(2152, lambda inner: gtp(inner, 0x34, b"\0\0\0\x85\x01\x10\x09\0")),
                      [("gtp", 1)]),
    "vxlan-in-gre": (ETHERNET, in_gre(0x2000, 0x0800, lambda inner: outer_of(17, ethernet(inner).behind(VXLAN).behind(
        struct.pack(">HHHH", 1, 4789, 30 + inner.size, 0)), inner.is_back).behind(struct.pack(">I", 3))),
                     [("gre", 3), ("vxlan", 100)]),
    "eight": (ETHERNET, eight_times, [("ip", None)] * 8),
    "ppp": (PPP, in_ppp, []),
    "802.11": (RADIOTAP, in_wifi, []),
    "erf": (ERF, in_erf, []),
    "nflog": (NFLOG, in_nflog, []),
}

# Of link types: where the type stands, and what is behind it.
LINKS = {ETHERNET: (12, 14), 113: (14, 16), 276: (0, 20)}


def ip_of(link: int, frame: bytes, size: int) -> Inner | None:
    at = 0
    if link in LINKS:
        where, at = LINKS[link]
        while frame[where:where + 2] in (b"\x81\x00", b"\x88\xa8"):
            where, at = at + 2, at + 4
    elif link == 0:
        at = 4
    packet = frame[at:]
    if not packet or packet[0] >> 4 not in (4, 6) or len(packet) < 20:
        return None
    length = struct.unpack_from(">H", packet, 2 if packet[0] >> 4 == 4 else 4)[0]
    length += 0 if packet[0] >> 4 == 4 else 40
    whole = min(length, size - at) if length not in (0, 40) else size - at
    return Inner(packet[:whole], whole)


def records(capture: Path, scratch: Path) -> tuple[int, list[tuple[int, int, bytes, int]]]:
    """Link type, and seconds, nanoseconds, bytes and size of each packet; of captures that have one link type."""
    subprocess.run(["editcap", "-F", "nsecpcap", capture, scratch], check=True, capture_output=True)
    data = scratch.read_bytes()
    link, all_of_them, offset = struct.unpack_from("<I", data, 20)[0], [], 24
    while offset < len(data):
        seconds, fraction, captured, size = struct.unpack_from("<IIII", data, offset)
        all_of_them.append((seconds, fraction, data[offset + 16:offset + 16 + captured], size))
        offset += 16 + captured
    return link, all_of_them


def write(target: Path, link: int, frames: list[tuple[int, int, bytes, int]]) -> None:
    target.write_bytes(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link) + b"".join(
        struct.pack("<IIII", seconds, fraction, len(frame), size) + frame for seconds, fraction, frame, size in frames))


def wrapped(capture: Path, target: Path, way: str) -> bool:
    """False if the capture has packets that are too long for it. What is no IP packet is wrapped as one of ESP, so
    that frames keep their numbers."""
    link, frames = records(capture, target)
    to_link, wrap, _ = WAYS[way]
    made = []
    for seconds, fraction, frame, size in frames:
        inner = ip_of(link, frame, size) or Inner(wire.ip_packet("10.9.9.9", "10.9.9.8", 50, bytes(8)), 28)
        if inner.size > LONGEST_INNER:
            return False
        outer = wrap(inner)
        # An ERF record has a time of its own, in units of 2 ** -32 seconds.
        own_time = struct.pack("<Q", seconds << 32 | -(-(fraction << 32) // 10**9)) if to_link == ERF else b""
        made.append((seconds, fraction, own_time + outer.packet[len(own_time):], outer.size))
    write(target, to_link, made)
    return True
