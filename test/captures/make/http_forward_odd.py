#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes http_forward_odd.pcapng and its truth: CONNECT behind absolute form, pipelining, a WebSocket.
"""http_forward_odd.py [DIRECTORY]        as root; needs squid privoxy tshark tcpdump

No real client does these things on purpose, so this script is the client, too: http_forward_odd.py --client PROXY WHAT
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

from forwarding import API, PRIVOXY, SOURCE, SQUID, WWW, exchanges, forwarded, start_origin, start_privoxy, start_squid
from lab import CLIENT, OTHER_HOST, OTHER_ORIGIN, ORIGIN, Lab, finish, main, payload, run, streams, version

NAME = "http_forward_odd"
SCRIPTED = "scripted Python"
TARGET = f"{OTHER_HOST}:8080"
SESSIONS = [(SQUID, "connect_later"), (SQUID, "connect_pipelined"), (SQUID, "pipelined"), (PRIVOXY, "pipelined"),
            (SQUID, "websocket"), (SQUID, "piecemeal")]


def get(url: str, *more: str) -> bytes:
    authority = url.split("/")[2]
    return "\r\n".join([f"GET {url} HTTP/1.1", f"Host: {authority}", *more, "", ""]).encode()


CONNECT = f"CONNECT {TARGET} HTTP/1.1\r\nHost: {TARGET}\r\n\r\n".encode()
INSIDE = f"GET /inside HTTP/1.1\r\nHost: {TARGET}\r\nConnection: close\r\n\r\n".encode()


class Connection:
    def __init__(self, proxy: str) -> None:
        address, port = proxy.split(":")
        self.socket = socket.create_connection((address, int(port)), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.seen = b""

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hear(self, what: bytes = b"", times: int = 1) -> None:
        """Waits until this has come so often; nothing: until the end."""
        while not what or self.seen.count(what) < times:
            data = self.socket.recv(65536)
            if not data and what:
                sys.exit(f"waiting for {what!r} ended with {self.seen!r}")
            if not data:
                return
            self.seen += data
        self.seen = b""

    def connect_later(self) -> None:
        for url in (f"{WWW}/before", f"{API}/before"):
            self.say(get(url))
            self.hear(b"</p>\n", 12)
        self.say(CONNECT)
        self.hear(b"\r\n\r\n")
        self.say(INSIDE)
        self.hear()

    def connect_pipelined(self) -> None:
        self.say(get(f"{WWW}/glued") + CONNECT)
        self.hear(b"\r\n\r\n", 2)
        self.say(INSIDE)
        self.hear()

    def pipelined(self) -> None:
        self.say(get(f"{WWW}/chunked?one") + get(f"{API}/two"))
        self.hear(b"</p>\n", 24)
        self.say(get(f"{API}/three") + get(f"{WWW}/four", "Connection: close"))
        self.hear()

    def websocket(self) -> None:
        self.say(get(f"{API}/plain"))
        self.hear(b"</p>\n", 12)
        self.say(get(f"{API}/socket", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
        self.hear(b"\r\n\r\n")
        for text in (b"first", b"second"):
            mask = b"\x12\x34\x56\x78"
            self.say(bytes([0x81, 0x80 | len(text)]) + mask + bytes(o ^ mask[i % 4] for i, o in enumerate(text)))
            self.hear(text)
        self.hear()

    def piecemeal(self) -> None:
        request = get(f"{WWW}/piecemeal", "Connection: close")
        for start in range(0, len(request), 2):
            self.say(request[start:start + 2])
            time.sleep(0.002)
        self.hear()


def make(directory: Path) -> None:
    with Lab() as lab:
        start_origin(lab)
        start_squid(lab, "http_upgrade_request_protocols websocket allow all\n")
        start_privoxy(lab)
        capture = lab.capture(CLIENT, "leg1", name=f"{NAME}.pcapng")
        wan = lab.capture(ORIGIN, "leg2", name="wan.pcap")
        for proxy, what in SESSIONS:
            run(CLIENT, sys.executable, Path(__file__).resolve(), "--client", proxy, what)
        lab.end_all()
        inside = iter([stream for stream in streams(wan) if stream.sent == INSIDE])
        tunnels = []
        for (proxy, what), stream in zip(SESSIONS, streams(capture), strict=True):
            assert stream.server == proxy
            entry = forwarded(stream, exchanges(lab, stream), SCRIPTED, note=what)
            tunnels.append(entry)
            if CONNECT in stream.sent:
                far = next(inside)
                assert stream.sent.endswith(far.sent) and stream.answered.endswith(far.answered)
                tunnels.append({
                    "proxy_protocol": "http-connect", "client": stream.client, "proxy": proxy,
                    "target_host": OTHER_HOST, "target_port": 8080, "origin_ip": OTHER_ORIGIN, "origin_port": 8080,
                    "username": None, "reply": "granted", "app": "http", "wan_flow": f"{far.client}->{far.server}",
                    "handshake_c2s_bytes": len(stream.sent) - len(far.sent),
                    "handshake_s2c_bytes": len(stream.answered) - len(far.answered), "connect_statuses": [200],
                    **payload(far.sent, far.answered), "client_sw": SCRIPTED, "proxy_sw": version("squid"),
                    "note": "on the connection of the entry before it, whose payload_bytes count this one's, too"})
        finish(directory, capture, {
            "file": f"{NAME}.pcapng", "description": "scripted client: CONNECT behind requests in absolute form, also "
            "in one segment with one; two requests to two origins in one segment; Upgrade to WebSocket; a request of "
            "two bytes per segment", "truth_source": SOURCE + ". The CONNECTs' payload is from the leg to the origin",
            "tunnels": tunnels})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        getattr(Connection(sys.argv[2]), sys.argv[3])()
    else:
        main(make)
