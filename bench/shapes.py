#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: captures of shapes that ordinary traffic has seldom, one for each path through the tool that capgen has not.
"""shapes.py SHAPE OUT NUMBER [NUMBER]

  forward REQUESTS ORIGINS       one connection with an HTTP proxy, and so many requests to so many origins
  udp ASSOCIATIONS DATAGRAMS     SOCKS5 UDP ASSOCIATE, each with a relay port of its own; datagrams of 200 bytes in all
  udp-one-port ASSOCIATIONS DATAGRAMS    the same, but all share one relay port
  udp-bulk ASSOCIATIONS DATAGRAMS        the same as udp, with datagrams of 1,200 bytes
  bind SESSIONS                  SOCKS5 BIND, with a peer and 20 segments
  deep SESSIONS LAYERS           SOCKS5 inside SOCKS5, so many times, and 20 segments
  one-way SESSIONS               CONNECT and 20 segments, of which the capture has the client's only
  open CONNECTIONS               that many SOCKS5 sessions, all open at the same time, in their handshake
  idle CONNECTIONS               that many ordinary connections, all open at the same time, each with one request
  syns NUMBER                    SYNs without an answer
  refused SESSIONS               CONNECT that the proxy refuses

The same arguments give the same bytes. All is Ethernet, IPv4 and correct checksums.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import BinaryIO

BODY = b"\x17\x03\x03\x04\x00" + bytes(range(128, 256)) * 10  # looks like nothing but itself
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
Endpoint = tuple[bytes, int]


def endpoint(net: int, host: int, port: int) -> Endpoint:
    return bytes((10, net + (host >> 16), host >> 8 & 255, host & 255)), port


def checksum(data: bytes) -> int:
    """RFC 1071: the sum of words is the number itself, modulo 65535."""
    if len(data) % 2:
        data += b"\0"
    return 0xffff - int.from_bytes(data, "big") % 0xffff


class Capture:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.packets = 0
        file.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))

    def packet(self, sender: Endpoint, receiver: Endpoint, protocol: int, transport: bytes) -> None:
        self.packets += 1
        seconds, micros = divmod(self.packets * 10, 1_000_000)
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(transport), self.packets & 0xffff, 0x4000, 64, protocol,
                             0, sender[0], receiver[0])
        header = header[:10] + struct.pack(">H", checksum(header)) + header[12:]
        frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x00" + header + transport
        self.file.write(struct.pack("<IIII", 1_700_000_000 + seconds, micros, len(frame), len(frame)) + frame)

    def datagram(self, sender: Endpoint, receiver: Endpoint, payload: bytes) -> None:
        head = struct.pack(">HHH", sender[1], receiver[1], 8 + len(payload))
        pseudo = sender[0] + receiver[0] + struct.pack(">HH", 17, 8 + len(payload))
        total = checksum(pseudo + head + b"\0\0" + payload)
        self.packet(sender, receiver, 17, head + struct.pack(">H", total) + payload)


class Connection:
    """Both ends; `sees` tells which of them the capture has."""

    def __init__(self, capture: Capture, client: Endpoint, server: Endpoint, sees: str = "both") -> None:
        self.capture, self.ends, self.sees = capture, (client, server), sees
        self.next = [1000, 500_000]

    def segment(self, side: int, flags: int, payload: bytes = b"") -> None:
        sender, receiver = self.ends[side], self.ends[1 - side]
        answered = self.next[1 - side] if flags & ACK else 0
        head = struct.pack(">HHIIBBH", sender[1], receiver[1], self.next[side], answered, 0x50, flags, 64240)
        self.next[side] += len(payload) + (1 if flags & (SYN | FIN) else 0)
        if self.sees == "client" and side == 1:
            return
        pseudo = sender[0] + receiver[0] + struct.pack(">HH", 6, 20 + len(payload))
        total = checksum(pseudo + head + b"\0\0\0\0" + payload)
        self.capture.packet(sender, receiver, 6, head + struct.pack(">HH", total, 0) + payload)

    def opens(self) -> Connection:
        self.segment(0, SYN)
        self.segment(1, SYN | ACK)
        self.segment(0, ACK)
        return self

    def says(self, side: int, payload: bytes) -> None:
        self.segment(side, PSH | ACK, payload)

    def greets(self) -> None:
        self.says(0, b"\5\1\0")
        self.says(1, b"\5\0")

    def asks(self, command: int, target: Endpoint, bound: Endpoint) -> None:
        self.says(0, struct.pack(">BBBB4sH", 5, command, 0, 1, *target))
        self.says(1, struct.pack(">BBBB4sH", 5, 0, 0, 1, *bound))

    def talks(self, segments: int, size: int = 500) -> None:
        for i in range(segments):
            self.says(i % 2, BODY[:size])

    def closes(self) -> None:
        self.segment(0, FIN | ACK)
        self.segment(1, FIN | ACK)
        self.segment(0, ACK)


def client(i: int) -> Endpoint:
    return endpoint(1, i % 60_000, 1024 + i // 60_000)


PROXY = endpoint(9, 1, 1080)
NOWHERE = (bytes(4), 0)


def forward(capture: Capture, requests: int, origins: int) -> None:
    connection = Connection(capture, client(0), endpoint(9, 1, 3128)).opens()
    for i in range(requests):
        host = f"host{i % origins}.example"
        connection.says(0, f"GET http://{host}/item/{i} HTTP/1.1\r\nHost: {host}\r\nProxy-Connection: keep-alive\r\n"
                           f"User-Agent: shapes\r\n\r\n".encode())
        connection.says(1, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 200\r\n\r\n" + b"x" * 200)
    connection.closes()


def associate(capture: Capture, associations: int, datagrams: int, size: int, relay: Callable[[int], Endpoint]) -> None:
    controls = [Connection(capture, client(i), PROXY).opens() for i in range(associations)]
    for i, control in enumerate(controls):
        control.greets()
        control.asks(3, NOWHERE, relay(i))
    for n in range(datagrams):
        i = n % associations
        own, target = (client(i)[0], 30_000 + i // 60_000), endpoint(20, i % 5000, 53)
        message = struct.pack(">HBB4sH", 0, 0, 1, *target) + b"d" * size
        if n // associations % 2 == 0:
            capture.datagram(own, relay(i), message)
        else:
            capture.datagram(relay(i), own, message)
    for control in controls:
        control.closes()


def udp(capture: Capture, associations: int, datagrams: int) -> None:
    associate(capture, associations, datagrams, 200, lambda i: endpoint(9, 2 + i // 50_000, 10_000 + i % 50_000))


def udp_one_port(capture: Capture, associations: int, datagrams: int) -> None:
    associate(capture, associations, datagrams, 200, lambda i: endpoint(9, 2, 10_000))


def udp_bulk(capture: Capture, associations: int, datagrams: int) -> None:
    associate(capture, associations, datagrams, 1200, lambda i: endpoint(9, 2 + i // 50_000, 10_000 + i % 50_000))


def bind(capture: Capture, sessions: int) -> None:
    for i in range(sessions):
        connection = Connection(capture, client(i), PROXY).opens()
        connection.greets()
        peer = endpoint(20, i % 5000, 20)
        connection.asks(2, peer, endpoint(9, 1, 40_000))
        connection.says(1, struct.pack(">BBBB4sH", 5, 0, 0, 1, *peer))
        connection.talks(20)
        connection.closes()


def deep(capture: Capture, sessions: int, layers: int) -> None:
    for i in range(sessions):
        connection = Connection(capture, client(i), PROXY).opens()
        for layer in range(layers):
            connection.greets()
            connection.asks(1, endpoint(20 + layer, i % 5000, 1080 if layer + 1 < layers else 80), NOWHERE)
        connection.talks(20)
        connection.closes()


def one_way(capture: Capture, sessions: int) -> None:
    for i in range(sessions):
        connection = Connection(capture, client(i), endpoint(9, 1, 3128), "client").opens()
        where = f"host{i % 5000}.example:443"
        connection.says(0, f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode())
        connection.says(1, b"HTTP/1.1 200 Connection established\r\n\r\n")
        connection.talks(40)
        connection.closes()


def opened(capture: Capture, connections: int) -> None:
    for i in range(connections):
        Connection(capture, client(i), PROXY).opens().greets()


def idle(capture: Capture, connections: int) -> None:
    all_of_them = [Connection(capture, client(i), endpoint(20, i % 5000, 80)).opens() for i in range(connections)]
    for connection in all_of_them:
        connection.says(0, b"GET / HTTP/1.1\r\nHost: host.example\r\n\r\n")
        connection.says(1, b"HTTP/1.1 204 No Content\r\n\r\n")


def syns(capture: Capture, number: int) -> None:
    for i in range(number):
        Connection(capture, endpoint(30 + i // 60_000 % 200, i % 60_000, 1024 + i // 12_000_000),
                   endpoint(9, 1, 80)).segment(0, SYN)


def refused(capture: Capture, sessions: int) -> None:
    for i in range(sessions):
        connection = Connection(capture, client(i), endpoint(9, 1, 3128)).opens()
        connection.says(0, b"CONNECT host.example:443 HTTP/1.1\r\nHost: host.example:443\r\n\r\n")
        connection.says(1, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        connection.closes()


SHAPES: dict[str, Callable[..., None]] = {
    "forward": forward, "udp": udp, "udp-one-port": udp_one_port, "udp-bulk": udp_bulk, "bind": bind, "deep": deep,
    "one-way": one_way, "open": opened, "idle": idle, "syns": syns, "refused": refused,
}


def main() -> None:
    if len(sys.argv) < 4 or sys.argv[1] not in SHAPES:
        raise SystemExit(__doc__)
    shape, out, *numbers = sys.argv[1:]
    with open(out, "wb", buffering=1 << 20) as file:
        SHAPES[shape](Capture(file), *map(int, numbers))


if __name__ == "__main__":
    main()
