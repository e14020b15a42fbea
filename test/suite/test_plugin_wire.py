# SPDX-License-Identifier: GPL-2.0-or-later
# summary: builds small captures byte by byte, and runs tshark with the plugin on them, for the other test_plugin_*.py.
from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest

from conftest import REPOSITORY

BUILDS = ("release", "dev")
WRAPPER = REPOSITORY / "scripts/tshark-with-plugin"
ETHERNET = bytes.fromhex("020000000002020000000001")
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


# ---------------------------------------------------------------- tshark

def plugin_path() -> Path | None:
    """The plugin to test: $PROXYTUNNEL_PLUGIN, or the one that was built last."""
    if "PROXYTUNNEL_PLUGIN" in os.environ:
        return Path(os.environ["PROXYTUNNEL_PLUGIN"]).resolve()
    built = [REPOSITORY / f"build/{name}/plugins/epan/proxytunnel/proxytunnel.so" for name in BUILDS]
    return max((path for path in built if path.is_file()), key=lambda path: path.stat().st_mtime, default=None)


class Tshark:
    """tshark with the plugin and no settings of the user; sanitized plugins get their runtime."""

    def __init__(self) -> None:
        self.plugin = plugin_path()
        self.environment = dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8")
        self.sanitizer: dict[str, str] = {}
        needed = subprocess.run(["ldd", str(self.plugin)], capture_output=True, text=True, check=True).stdout
        for line in needed.splitlines():
            if "libasan" in line:
                self.sanitizer = {"LD_PRELOAD": line.split()[2], "ASAN_OPTIONS": "detect_leaks=0",
                                  "WIRESHARK_DEBUG_WMEM_OVERRIDE": "simple"}
        self.environment |= self.sanitizer

    @property
    def command(self) -> str:
        """For the tool's --tshark."""
        return " ".join(["env", *(f"{name}={value}" for name, value in self.sanitizer.items()), str(WRAPPER),
                         str(self.plugin)])

    def run(self, *arguments: object, program: str = "tshark", stdin: str = "",
            plugin: Path | str | None = None) -> subprocess.CompletedProcess:
        return subprocess.run([str(WRAPPER), str(plugin or self.plugin), *map(str, arguments)], input=stdin,
                              capture_output=True, text=True, errors="replace", timeout=120, check=False,
                              env=self.environment | {"TSHARK": program})

    def text(self, *arguments: object) -> str:
        done = self.run("-n", *arguments)
        assert done.returncode == 0 and "Sanitizer" not in done.stderr, done.stderr
        return done.stdout

    def fields(self, capture: Path, *names: str, options: tuple[object, ...] = ()) -> list[list[list[str]]]:
        """For each frame, for each field, its values."""
        arguments = [word for name in names for word in ("-e", name)]
        text = self.text("-r", capture, *options, "-T", "fields", "-E", "aggregator=\x03", *arguments)
        return [[cell.split("\x03") if cell else [] for cell in line.split("\t")] for line in text.split("\n")[:-1]]

    def values(self, capture: Path, name: str, options: tuple[object, ...] = ()) -> list[str]:
        """All values of a field, in order of appearance."""
        return [value for row in self.fields(capture, name, options=options) for value in row[0]]


    def distinct(self, capture: Path, name: str, options: tuple[object, ...] = ()) -> list[str]:
        """The values of a field, each once: releases differ in how often they repeat a request's in its response."""
        return list(dict.fromkeys(self.values(capture, name, options)))


def cannot_run() -> str | None:
    """Why the tests of the plugin cannot run here."""
    if plugin_path() is None:
        return "the plugin is not built (PROXYTUNNEL_PLUGIN names another place)"
    return None if shutil.which("tshark") else "there is no tshark"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Like tmp_path, but gone when the test is; nobody but its owner may enter it."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="session")
def tshark() -> Tshark:
    return Tshark()


# ---------------------------------------------------------------- packets

def checksum(data: bytes) -> int:
    words = struct.unpack(f">{len(data) // 2}H", data[:len(data) // 2 * 2])
    total = sum(words) + (data[-1] << 8 if len(data) % 2 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(sender: str, receiver: str, protocol: int, body: bytes, *, fragment: int = 0, identification: int = 7,
              ttl: int = 61) -> bytes:
    """`fragment`: the 16 bits of flags and offset (IPv4)."""
    source, target = ip_address(sender).packed, ip_address(receiver).packed
    if len(source) == 16:
        return struct.pack(">IHBB", 0x60000000, len(body), protocol, ttl) + source + target + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), identification, fragment, ttl, protocol, 0)
    head += source + target
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def transport(sender: str, receiver: str, protocol: int, segment: bytes, at: int) -> bytes:
    """The segment with its checksum, which stands at `at`."""
    pseudo = ip_address(sender).packed + ip_address(receiver).packed + struct.pack(">II", len(segment), protocol)
    return segment[:at] + struct.pack(">H", checksum(pseudo + segment)) + segment[at + 2:]


def tcp_packet(sender: tuple[str, int], receiver: tuple[str, int], sequence: int, acknowledged: int, flags: int,
               payload: bytes = b"", options: bytes = b"") -> bytes:
    head = struct.pack(">HHIIBBHHH", sender[1], receiver[1], sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF,
                       (20 + len(options)) // 4 << 4, flags, 0xFFFF, 0, 0)
    segment = transport(sender[0], receiver[0], 6, head + options + payload, 16)
    return ip_packet(sender[0], receiver[0], 6, segment)


def udp_packet(sender: tuple[str, int], receiver: tuple[str, int], payload: bytes) -> bytes:
    head = struct.pack(">HHHH", sender[1], receiver[1], 8 + len(payload), 0)
    return ip_packet(sender[0], receiver[0], 17, transport(sender[0], receiver[0], 17, head + payload, 6))


def frame(packet: bytes, vlan: int | None = None) -> bytes:
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    return ETHERNET + tag + struct.pack(">H", kind) + packet


def write_capture(path: Path, frames: list[bytes], snapshot: int = 262144) -> Path:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, snapshot, 1))
        for number, data in enumerate(frames):
            time = 1_700_000_000_000_000 + 1000 * number
            kept = data[:snapshot]
            file.write(struct.pack("<IIII", time // 1_000_000, time % 1_000_000, len(kept), len(data)) + kept)
    return path


@dataclass
class Connection:
    """A TCP connection, segment by segment. Each method appends frames to `frames` and returns the connection."""
    client: tuple[str, int] = ("10.0.0.5", 40000)
    server: tuple[str, int] = ("10.0.0.1", 1080)
    frames: list[bytes] = field(default_factory=list)
    vlan: int | None = None
    next: list[int] = field(default_factory=lambda: [1000, 90000])      # sequence numbers: client, server

    def packet(self, side: int, flags: int, payload: bytes = b"", back: int = 0) -> bytes:
        """A packet of the client (0) or server (1), `back` bytes before the next one."""
        ends = (self.client, self.server) if side == 0 else (self.server, self.client)
        options = bytes.fromhex("020405b4") if flags & SYN else b""
        acknowledged = 0 if flags == SYN else self.next[1 - side]
        return tcp_packet(*ends, self.next[side] - back, acknowledged, flags, payload, options)

    def add(self, side: int, flags: int, payload: bytes = b"") -> Connection:
        self.frames.append(frame(self.packet(side, flags, payload), self.vlan))
        self.next[side] += len(payload) + bool(flags & (SYN | FIN))
        return self

    def open(self) -> Connection:
        return self.add(0, SYN).add(1, SYN | ACK).add(0, ACK)

    def say(self, payload: bytes) -> Connection:
        return self.add(0, PSH | ACK, payload)

    def hear(self, payload: bytes) -> Connection:
        return self.add(1, PSH | ACK, payload)

    def acknowledge(self, side: int) -> Connection:
        return self.add(side, ACK)

    def close(self) -> Connection:
        return self.add(0, FIN | ACK).add(1, FIN | ACK).add(0, ACK)

    def write(self, path: Path, **options: int) -> Path:
        return write_capture(path, self.frames, **options)


SOCKS5_HELLO = b"\x05\x01\x00"
SOCKS5_METHOD = b"\x05\x00"


def socks5_request(host: str, port: int, command: int = 1) -> bytes:
    try:
        packed = ip_address(host).packed
        address = bytes([1 if len(packed) == 4 else 4]) + packed
    except ValueError:
        address = bytes([3, len(host)]) + host.encode()
    return bytes([5, command, 0]) + address + struct.pack(">H", port)


def socks5_reply(code: int = 0) -> bytes:
    return bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0])


def socks4_request(address: str, port: int, user: bytes = b"user") -> bytes:
    return b"\x04\x01" + struct.pack(">H", port) + ip_address(address).packed + user + b"\0"


SOCKS4_REPLY = b"\x00\x5a" + bytes(6)


def connect_request(target: str, *lines: str) -> bytes:
    return "\r\n".join([f"CONNECT {target} HTTP/1.1", f"Host: {target}", *lines, "", ""]).encode()


CONNECT_REPLY = b"HTTP/1.1 200 Connection established\r\n\r\n"


def socks5(connection: Connection, host: str, port: int) -> Connection:
    """A whole SOCKS5 handshake."""
    return (connection.open().say(SOCKS5_HELLO).hear(SOCKS5_METHOD).say(socks5_request(host, port))
            .hear(socks5_reply()))


def connect(connection: Connection, target: str) -> Connection:
    return connection.open().say(connect_request(target)).hear(CONNECT_REPLY)


HTTP_REQUEST = b"GET /x HTTP/1.1\r\nHost: www.example.com\r\n\r\n"
HTTP_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"


def http_through_socks5(path: Path, **ends: object) -> Path:
    return (socks5(Connection(**ends), "www.example.com", 80).say(HTTP_REQUEST).acknowledge(1).hear(HTTP_RESPONSE)
            .acknowledge(0).close().write(path))
