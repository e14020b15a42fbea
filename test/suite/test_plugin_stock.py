# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what stock Wireshark shows wrongly about proxies, and what the plugin shows instead.
from __future__ import annotations

from pathlib import Path

import pytest

from test_plugin_wire import (CONNECT_REPLY, HTTP_REQUEST, HTTP_RESPONSE, SOCKS4_REPLY, SOCKS5_HELLO, SOCKS5_METHOD,
                              Connection, Tshark, cannot_run, connect, connect_request, folder, socks4_request, socks5,
                              socks5_reply, socks5_request, tshark)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

HELLO_TLS = bytes.fromhex(
    "16030100530100004f03030102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20000002c02f010000240000001400"
    "1200000f7777772e6578616d706c652e636f6d000a00040002001d000b00020100")


def virtual_protocols(tshark: Tshark, capture: Path) -> str:
    """All protocols of frames that show virtual packets."""
    return " ".join(tshark.values(capture, "frame.protocols", options=("-Y", "proxytunnel.virtual")))


def no_faults(tshark: Tshark, capture: Path) -> None:
    for way in ((), ("-2",)):
        assert tshark.values(capture, "_ws.malformed", options=way) == []
        assert not any("issector bug" in text for text in tshark.values(capture, "_ws.expert.message", options=way))


def test_destination_of_socks4(tshark: Tshark, folder: Path):
    capture = (Connection().open().say(socks4_request("192.0.2.9", 80)).hear(SOCKS4_REPLY).say(HTTP_REQUEST)
               .hear(HTTP_RESPONSE).close().write(folder / "c.pcap"))
    assert set(tshark.values(capture, "ip.dst", options=("-Y", "http.request"))) == {"10.0.0.1", "192.0.2.9"}
    assert set(tshark.values(capture, "proxytunnel.origin.ip")) == {"192.0.2.9"}
    no_faults(tshark, capture)


@pytest.mark.parametrize("port", [1080, 9901, 443, 80, 22, 53])
def test_socks_on_any_port(tshark: Tshark, folder: Path, port: int):
    capture = (socks5(Connection(server=("10.0.0.1", port)), "192.0.2.9", 80).say(HTTP_REQUEST).hear(HTTP_RESPONSE)
               .close().write(folder / "c.pcap"))
    assert tshark.values(capture, "ip.dst", options=("-Y", "http.request"))[-1] == "192.0.2.9"
    assert "http" in virtual_protocols(tshark, capture)


@pytest.mark.parametrize("port", [1080, 4444])
def test_handshake_split_over_segments(tshark: Tshark, folder: Path, port: int):
    connection = Connection(server=("10.0.0.1", port)).open()
    for byte in SOCKS5_HELLO:
        connection.say(bytes([byte]))
    for byte in SOCKS5_METHOD:
        connection.hear(bytes([byte]))
    for byte in socks5_request("www.example.com", 80):
        connection.say(bytes([byte]))
    for byte in socks5_reply():
        connection.hear(bytes([byte]))
    capture = connection.say(HTTP_REQUEST).hear(HTTP_RESPONSE).close().write(folder / "c.pcap")
    assert "http" in virtual_protocols(tshark, capture)
    assert "www.example.com:80" in tshark.values(capture, "proxytunnel.target")
    assert tshark.values(capture, "_ws.malformed", options=("-Y", "proxytunnel.virtual")) == []


def test_reply_with_the_first_bytes_of_the_server(tshark: Tshark, folder: Path):
    capture = (Connection().open().say(SOCKS5_HELLO).hear(SOCKS5_METHOD).say(socks5_request("192.0.2.9", 22))
               .hear(socks5_reply() + b"SSH-2.0-OpenSSH_9.2\r\n").say(b"SSH-2.0-client\r\n").close()
               .write(folder / "c.pcap"))
    assert tshark.values(capture, "ssh.protocol") == ["SSH-2.0-OpenSSH_9.2", "SSH-2.0-client"]
    no_faults(tshark, capture)


def test_optimistic_data(tshark: Tshark, folder: Path):
    """Greeting, request and payload in one segment."""
    capture = (Connection().open().say(SOCKS5_HELLO + socks5_request("192.0.2.9", 80) + HTTP_REQUEST)
               .hear(SOCKS5_METHOD + socks5_reply()).hear(HTTP_RESPONSE).close().write(folder / "c.pcap"))
    assert tshark.distinct(capture, "http.request.uri") == ["/x"]
    assert tshark.values(capture, "http.response.code") == ["200"]
    assert tshark.text("-r", capture, "-q", "-z", "follow,tcp,ascii,1").count("GET /x HTTP/1.1") == 1


def test_bytes_after_a_refusal_are_no_tunnel(tshark: Tshark, folder: Path):
    capture = (Connection().open().say(SOCKS5_HELLO).hear(SOCKS5_METHOD).say(socks5_request("192.0.2.9", 80))
               .hear(socks5_reply(5)).say(HTTP_REQUEST).close().write(folder / "c.pcap"))
    assert tshark.values(capture, "proxytunnel.virtual") == []
    assert tshark.values(capture, "proxytunnel.status") == ["refused"]
    assert tshark.distinct(capture, "http.request.uri") == []
    no_faults(tshark, capture)


def test_no_acceptable_method(tshark: Tshark, folder: Path):
    capture = (Connection().open().say(SOCKS5_HELLO).hear(b"\x05\xff").close().write(folder / "c.pcap"))
    assert tshark.values(capture, "proxytunnel.status") == ["method-rejected"]
    no_faults(tshark, capture)


def test_socks_in_socks(tshark: Tshark, folder: Path):
    connection = socks5(Connection(), "192.0.2.1", 1080).say(SOCKS5_HELLO).hear(SOCKS5_METHOD)
    capture = (connection.say(socks5_request("192.0.2.9", 80)).hear(socks5_reply()).say(HTTP_REQUEST)
               .hear(HTTP_RESPONSE).close().write(folder / "c.pcap"))
    assert tshark.values(capture, "ip.dst", options=("-Y", "http.request"))[-1] == "192.0.2.9"
    assert {"0", "1"} == set(tshark.values(capture, "proxytunnel.layer"))
    no_faults(tshark, capture)


def test_connect_answered_201(tshark: Tshark, folder: Path):
    capture = (Connection(server=("10.0.0.1", 8080)).open().say(connect_request("192.0.2.9:80"))
               .hear(b"HTTP/1.1 201 Created\r\n\r\n").say(HTTP_REQUEST).hear(HTTP_RESPONSE).close()
               .write(folder / "c.pcap"))
    assert tshark.values(capture, "ip.dst", options=("-Y", 'http.request.method == "GET"'))[-1] == "192.0.2.9"


@pytest.mark.parametrize("port", [80, 8080, 9999])
def test_http_inside_connect(tshark: Tshark, folder: Path, port: int):
    capture = (connect(Connection(server=("10.0.0.1", port)), "192.0.2.9:80").say(HTTP_REQUEST).hear(HTTP_RESPONSE)
               .close().write(folder / "c.pcap"))
    assert tshark.distinct(capture, "http.request.uri") == ["192.0.2.9:80", "/x"]
    assert tshark.values(capture, "http.response.code") == ["200", "200"]
    no_faults(tshark, capture)


def test_connect_to_an_ipv6_literal(tshark: Tshark, folder: Path):
    capture = (connect(Connection(server=("10.0.0.1", 8080)), "[2001:db8::1]:25").hear(b"220 mail ESMTP\r\n")
               .close().write(folder / "c.pcap"))
    assert set(tshark.values(capture, "proxytunnel.target.host")) == {"2001:db8::1"}
    assert set(tshark.values(capture, "proxytunnel.origin.ipv6")) == {"2001:db8::1"}
    assert "::ffff:10.0.0.5" in tshark.values(capture, "ipv6.addr")


def test_who_is_who_in_mail(tshark: Tshark, folder: Path):
    capture = (connect(Connection(server=("10.0.0.1", 8080)), "192.0.2.9:25").hear(b"220 mail ESMTP\r\n")
               .say(b"EHLO me\r\n").hear(b"250 mail\r\n").close().write(folder / "c.pcap"))
    assert tshark.values(capture, "smtp.req.command") == ["EHLO"]
    assert tshark.values(capture, "smtp.response.code") == ["220", "250"]


@pytest.mark.parametrize(("target", "payload", "protocol"), [
    ("192.0.2.9:80", HELLO_TLS, "tls"), ("192.0.2.9:443", HTTP_REQUEST, "http"),
    ("192.0.2.9:8443", HELLO_TLS, "tls")])
def test_inner_protocol_by_content(tshark: Tshark, folder: Path, target: str, payload: bytes, protocol: str):
    capture = connect(Connection(server=("10.0.0.1", 8080)), target).say(payload).close().write(folder / "c.pcap")
    frames = tshark.values(capture, "frame.protocols", options=("-Y", f"proxytunnel.virtual && {protocol}"))
    assert [text for text in frames if text.split(":")[-1] == protocol]


# ---------------------------------------------------------------- what works in stock Wireshark, and must not be lost

@pytest.mark.parametrize("reply", [
    b"HTTP/1.1 100 Continue\r\n\r\n" + CONNECT_REPLY,
    b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
    b"HTTP/1.0 200 OK\n\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
], ids=["interim", "length", "bare-lf", "chunked"])
def test_answers_to_connect(tshark: Tshark, folder: Path, reply: bytes):
    capture = (Connection(server=("10.0.0.1", 3128)).open().say(connect_request("192.0.2.9:80")).hear(reply)
               .say(HTTP_REQUEST).hear(HTTP_RESPONSE).close().write(folder / "c.pcap"))
    assert tshark.distinct(capture, "http.request.uri")[-1] == "/x"
    assert tshark.values(capture, "http.response.code")[-1] == "200"
    assert "http:data-text-lines" in virtual_protocols(tshark, capture)
    no_faults(tshark, capture)


def test_login_and_second_try(tshark: Tshark, folder: Path):
    refusal = b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nno\n"
    capture = (Connection(server=("10.0.0.1", 3128)).open().say(connect_request("192.0.2.9:80")).hear(refusal)
               .say(connect_request("192.0.2.9:80", "Proxy-Authorization: Basic Ym9iOnNlY3JldA==")).hear(CONNECT_REPLY)
               .say(HTTP_REQUEST).hear(HTTP_RESPONSE).close().write(folder / "c.pcap"))
    assert tshark.values(capture, "proxytunnel.status") == ["auth-failed", "established"]
    assert "bob" in tshark.values(capture, "proxytunnel.username")
    assert tshark.distinct(capture, "http.request.uri")[-1] == "/x"


@pytest.mark.parametrize("port", [3128, 9999])
def test_connect_split_over_segments(tshark: Tshark, folder: Path, port: int):
    request = connect_request("192.0.2.9:80")
    capture = (Connection(server=("10.0.0.1", port)).open().say(request[:11]).say(request[11:40]).say(request[40:])
               .hear(CONNECT_REPLY[:9]).hear(CONNECT_REPLY[9:]).say(HTTP_REQUEST).hear(HTTP_RESPONSE).close()
               .write(folder / "c.pcap"))
    assert tshark.distinct(capture, "http.request.uri")[-1] == "/x"
    assert "192.0.2.9:80" in tshark.values(capture, "proxytunnel.target")
    no_faults(tshark, capture)
