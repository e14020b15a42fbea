# SPDX-License-Identifier: GPL-2.0-or-later
# summary: TLS inside a tunnel is decrypted with a key log, in the virtual conversation.
from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from test_plugin_wire import (CONNECT_REPLY, HTTP_REQUEST, HTTP_RESPONSE, Connection, Tshark, cannot_run, connect,
                              connect_request, folder, socks5, tshark)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

SEGMENT = 700     # so that records span segments


class Talk:
    """A TLS session in memory; `flights` are the bytes that each side (0 client, 1 server) sent, in order."""

    def __init__(self, folder: Path) -> None:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=www.example.com",
                        "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
        server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        client.keylog_filename = str(folder / "keys.log")
        self.pipes = [(ssl.MemoryBIO(), ssl.MemoryBIO()), (ssl.MemoryBIO(), ssl.MemoryBIO())]
        self.sides = [client.wrap_bio(*self.pipes[0], server_hostname="www.example.com"),
                      server.wrap_bio(*self.pipes[1], server_side=True)]
        self.flights: list[tuple[int, bytes]] = []
        done = [False, False]
        while not all(done):
            for side in (0, 1):
                try:
                    self.sides[side].do_handshake()
                    done[side] = True
                except ssl.SSLWantReadError:
                    pass
                self.pass_on(side)

    def pass_on(self, side: int) -> None:
        sent = self.pipes[side][1].read()
        if sent:
            self.flights.append((side, sent))
            self.pipes[1 - side][0].write(sent)

    def say(self, side: int, words: bytes) -> None:
        self.sides[side].write(words)
        self.pass_on(side)
        assert self.sides[1 - side].read() == words


@pytest.mark.parametrize("kind", ["socks5", "connect", "chain"])
@pytest.mark.parametrize("way", [(), ("-2",)], ids=["one-pass", "two-pass"])
def test_decryption(tshark: Tshark, folder: Path, kind: str, way: tuple[str, ...]):
    talk = Talk(folder)
    talk.say(0, HTTP_REQUEST)
    talk.say(1, HTTP_RESPONSE)
    connection = Connection(server=("10.0.0.1", 8080))
    if kind == "connect":
        connect(connection, "www.example.com:443")
    else:
        socks5(connection, "www.example.com", 443 if kind == "socks5" else 1080)
    if kind == "chain":
        inner = socks5(Connection(), "192.0.2.9", 443)
        for frame in inner.frames[3:]:
            side = 0 if frame[26:30] == bytes([10, 0, 0, 5]) else 1
            (connection.say if side == 0 else connection.hear)(frame[54:])
    for side, sent in talk.flights:
        for start in range(0, len(sent), SEGMENT):
            (connection.say if side == 0 else connection.hear)(sent[start:start + SEGMENT])
    capture = connection.close().write(folder / "c.pcap")
    options = (*way, "-o", f"tls.keylog_file:{folder}/keys.log")
    assert tshark.distinct(capture, "http.request.uri", options=options)[-1] == "/x"
    assert tshark.values(capture, "http.response.code", options=options)[-1] == "200"
    # From 4.6 on TLS counts its streams itself.
    number = "tls.stream" if "\ttls.stream\t" in tshark.run("-G", "fields").stdout else "tcp.stream"
    stream = tshark.values(capture, number, options=(*options, "-Y", "http.response && tls"))[-1]
    text = tshark.text("-r", capture, "-q", *options, "-z", f"follow,tls,ascii,{stream}")
    assert "GET /x HTTP/1.1" in text and "hello" in text
    assert "hello" not in tshark.text("-r", capture, "-q", *way, "-z", f"follow,tls,ascii,{stream}")


@pytest.mark.parametrize("cut", [4, 12, 30])
def test_a_head_may_come_in_two_records(tshark: Tshark, folder: Path, cut: int):
    talk = Talk(folder)
    head = connect_request("www.example.com:80")
    for side, words in ((0, head[:cut]), (0, head[cut:]), (1, CONNECT_REPLY), (0, HTTP_REQUEST), (1, HTTP_RESPONSE)):
        talk.say(side, words)
    connection = Connection(server=("10.0.0.1", 8443)).open()
    for side, sent in talk.flights:
        (connection.say if side == 0 else connection.hear)(sent)
    capture = connection.close().write(folder / "c.pcap")
    options = ("-o", f"tls.keylog_file:{folder}/keys.log", "-Y", "proxytunnel.virtual && http")
    assert tshark.distinct(capture, "http.request.uri", options=options) == ["/x"]
    assert tshark.distinct(capture, "http.response.code", options=options) == ["200"]


def test_passes_agree_on_a_session_that_brought_no_tunnel(tshark: Tshark, folder: Path):
    talk = Talk(folder)
    talk.say(0, connect_request("www.example.com:443"))
    talk.say(1, b"HTTP/1.1 403 Forbidden\r\n\r\n")
    talk.say(1, b"a body of unknown length")
    talk.say(0, b"and more")
    connection = Connection(server=("10.0.0.1", 8443)).open()
    for side, sent in talk.flights:
        (connection.say if side == 0 else connection.hear)(sent)
    capture = connection.close().write(folder / "c.pcap")
    fields = ("proxytunnel.status", "http.response.code", "data.data")
    keys = ("-o", f"tls.keylog_file:{folder}/keys.log")
    shown = tshark.fields(capture, *fields, options=keys)
    assert shown == tshark.fields(capture, *fields, options=(*keys, "-2"))
    assert [row[0] for row in shown if row[0]] == [["refused"]]
