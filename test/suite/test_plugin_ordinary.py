# SPDX-License-Identifier: GPL-2.0-or-later
# summary: on captures without a proxy tshark with the plugin writes, byte for byte, what it writes without.
from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import REPOSITORY
from test_plugin_wire import (ACK, CONNECT_REPLY, HTTP_REQUEST, HTTP_RESPONSE, PSH, RST, SYN, Connection, Tshark,
                              cannot_run, checksum, connect_request, folder, frame, ip_packet, tcp_packet, udp_packet,
                              write_capture)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

WAYS = [("-V",), ("-2", "-V"), (), ("-q", "-z", "conv,tcp", "-z", "expert", "-z", "follow,tcp,hex,0")]


def http(path: Path) -> Path:
    return Connection(server=("10.0.0.1", 80)).open().say(HTTP_REQUEST).hear(HTTP_RESPONSE).close().write(path)


def http_on_the_port_of_socks(path: Path) -> Path:
    return Connection(server=("10.0.0.1", 1080)).open().say(HTTP_REQUEST).hear(HTTP_RESPONSE).close().write(path)


def absolute_form(path: Path) -> Path:
    """A server that is asked with its own absolute URI (RFC 9112 section 3.2.2)."""
    request = HTTP_REQUEST.replace(b"GET /x", b"GET http://10.0.0.1:8080/x")
    return Connection(server=("10.0.0.1", 8080)).open().say(request).hear(HTTP_RESPONSE).close().write(path)


def body_with_connect(path: Path) -> Path:
    body = connect_request("www.example.com:443")
    request = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    return Connection(server=("10.0.0.1", 80)).open().say(request).say(body).hear(CONNECT_REPLY).close().write(path)


def mail(path: Path) -> Path:
    return (Connection(server=("10.0.0.1", 25)).open().hear(b"220 mail ESMTP\r\n").say(b"EHLO me\r\n")
            .hear(b"250 mail\r\n").say(b"QUIT\r\n").hear(b"221 bye\r\n").close().write(path))


def ssh(path: Path) -> Path:
    return (Connection(server=("10.0.0.1", 22)).open().hear(b"SSH-2.0-OpenSSH_9.2\r\n").say(b"SSH-2.0-client\r\n")
            .hear(bytes(64)).close().write(path))


def first_bytes_like_socks(path: Path) -> Path:
    """4 and 5 begin many things; the answers are none of a proxy."""
    four = Connection(client=("10.0.0.5", 1)).open()
    four.say(b"\x04\x01\x02\x03\x04\x05\x06\x07").hear(b"hello there").close()
    five = Connection(client=("10.0.0.5", 2), frames=four.frames).open()
    five.say(b"\x05\x01\x00").hear(b"\x05\x09\x09").close()
    rpc = Connection(client=("10.0.0.5", 3), frames=five.frames, server=("10.0.0.1", 135)).open()
    return rpc.say(bytes.fromhex("05000b0310000000480000000100000000000000")).close().write(path)


def letters_of_connect(path: Path) -> Path:
    """A word that begins like CONNECT, and a CONNECT that never ends."""
    first = Connection(client=("10.0.0.5", 1)).open().say(b"CONNEXION 1\r\n").hear(b"ok\r\n").close()
    return Connection(client=("10.0.0.5", 2), frames=first.frames).open().say(b"CONN").close().write(path)


def middle_of_a_tunnel(path: Path) -> Path:
    return Connection().say(bytes(range(200))).hear(bytes(300)).say(HTTP_REQUEST).close().write(path)


def resets_with_words(path: Path) -> Path:
    return Connection().open().say(b"hello").add(1, RST | ACK, b"go away").write(path)


def icmp_about_tcp(path: Path) -> Path:
    connection = Connection().open()
    quoted = connection.packet(0, PSH | ACK, b"\x05\x01\x00" + bytes(40))
    body = struct.pack(">BBHI", 3, 1, 0, 0) + quoted
    body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
    return write_capture(path, [*connection.frames, frame(ip_packet("10.0.0.9", "10.0.0.5", 1, body))])


def fragments(path: Path) -> Path:
    connection = Connection(server=("10.0.0.1", 80)).open()
    packet = connection.packet(0, PSH | ACK, HTTP_REQUEST + bytes(200))
    body = packet[20:]
    parts = [ip_packet("10.0.0.5", "10.0.0.1", 6, body[:128], fragment=0x2000),
             ip_packet("10.0.0.5", "10.0.0.1", 6, body[128:], fragment=16)]
    lone = ip_packet("10.0.0.5", "10.0.0.1", 6, connection.packet(0, ACK, b"\x05\x01\x00")[20:], fragment=0x2000,
                     identification=9)
    return write_capture(path, [*connection.frames, *map(frame, parts), frame(lone)])


def headers_that_lie(path: Path) -> Path:
    good = tcp_packet(("10.0.0.5", 1), ("10.0.0.1", 1080), 1, 1, PSH | ACK, b"\x05\x01\x00")
    short = good[:32] + b"\x30" + good[33:]      # data offset 3
    long = good[:32] + b"\xf0" + good[33:]       # data offset 15, behind the end
    cut = ip_packet("10.0.0.5", "10.0.0.1", 6, good[20:30])
    return write_capture(path, [frame(packet) for packet in (short, long, cut, good)])


def cut_short(path: Path) -> Path:
    return (Connection(server=("10.0.0.1", 80)).open().say(HTTP_REQUEST).hear(HTTP_RESPONSE + bytes(500)).close()
            .write(path, snapshot=70))


def inside_gre(path: Path) -> Path:
    connection = Connection(server=("10.0.0.1", 80)).open().say(HTTP_REQUEST)
    return write_capture(path, [frame(ip_packet("10.9.0.1", "10.9.0.2", 47, b"\0\0\x08\0" + data[14:]))
                                for data in connection.frames])


def six_and_vlan(path: Path) -> Path:
    return (Connection(client=("fd00::5", 40000), server=("fd00::1", 80), vlan=5).open().say(HTTP_REQUEST)
            .hear(HTTP_RESPONSE).close().write(path))


def datagrams(path: Path) -> Path:
    name = b"\3www\7example\3com\0\0\1\0\1"
    answer = (struct.pack(">6H", 1, 0x8180, 1, 1, 0, 0) + name +
              b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([192, 0, 2, 1]))
    return write_capture(path, [frame(udp_packet(("10.0.0.9", 53), ("10.0.0.5", 3333), answer)),
                                frame(udp_packet(("10.0.0.9", 53), ("10.0.0.5", 3333), answer[:20])),
                                frame(udp_packet(("10.0.0.9", 1080), ("10.0.0.5", 9), b"\0\0\0\1" + bytes(8)))])


def syn_with_payload(path: Path) -> Path:
    connection = Connection(server=("10.0.0.1", 80))
    connection.frames.append(frame(connection.packet(0, SYN, HTTP_REQUEST)))
    return connection.write(path)


CAPTURES: list[Callable[[Path], Path]] = [
    http, http_on_the_port_of_socks, absolute_form, body_with_connect, mail, ssh, first_bytes_like_socks,
    letters_of_connect, middle_of_a_tunnel, resets_with_words, icmp_about_tcp, fragments, headers_that_lie, cut_short,
    inside_gre, six_and_vlan, datagrams, syn_with_payload]


def outputs(capture: Path, way: tuple[str, ...], *options: str) -> tuple[str, str]:
    """With the plugin (and options), and with no plugin at all."""
    tshark = Tshark()
    with_plugin = tshark.run("-r", capture, *way, *options)
    without = tshark.run("-r", capture, *way, plugin="none")
    assert with_plugin.returncode == without.returncode == 0, with_plugin.stderr
    return with_plugin.stdout, without.stdout


@pytest.mark.parametrize("way", WAYS[:2], ids=["V", "2-V"])
@pytest.mark.parametrize("build", CAPTURES, ids=lambda build: build.__name__)
def test_nothing_changes(build: Callable[[Path], Path], way: tuple[str, ...], folder: Path):
    ours, plain = outputs(build(folder / "capture.pcap"), way)
    assert ours == plain
    assert ours


@pytest.mark.parametrize("way", WAYS, ids=["V", "2-V", "summary", "statistics"])
def test_nothing_changes_on_a_real_capture(way: tuple[str, ...]):
    ours, plain = outputs(REPOSITORY / "test/captures/no_proxy.pcapng", way)
    assert ours == plain


@pytest.mark.parametrize("way", [("-V",), ("-q", "-z", "follow,tls,ascii,0"), ("-U", "OSI layer 7", "-w", "-")],
                         ids=["V", "follow", "pdus"])
@pytest.mark.parametrize("options", [(), ("--disable-protocol", "proxytunnel")], ids=["on", "disabled"])
def test_nothing_changes_inside_tls(way: tuple[str, ...], options: tuple[str, ...]):
    captures = REPOSITORY / "test/captures"
    ours, plain = outputs(captures / "no_proxy_tls.pcapng",
                          (*way, "-o", f"tls.keylog_file:{captures / 'no_proxy_tls.keys'}"), *options)
    assert ours == plain
    assert "HTTP/1.1 200" in ours


# ---------------------------------------------------------------- all outputs of tshark, of all captures in one file

REAL = sorted((REPOSITORY / "test/captures").glob("no_proxy*.pcap*"))
KEYS = ("-o", f"tls.keylog_file:{REPOSITORY / 'test/captures/no_proxy_tls.keys'}")
STREAMS = 28  # all of them
STATISTICS = [
    *(f"{table},{kind}" for table in ("conv", "endpoints") for kind in ("eth", "ip", "ipv6", "tcp", "udp")),
    *(f"follow,{kind},hex,{stream}" for kind in ("tcp", "udp", "tls", "http") for stream in range(STREAMS)),
    *(f"follow,http2,hex,{stream},1" for stream in range(STREAMS)),
    *(f"{name},tree" for name in ("http", "http2", "http_req", "http_srv", "http_seq", "dns", "rtsp")),
    "io,phs", "io,stat,0,tcp,udp,http,tls", "expert"]
OUTPUTS: dict[str, tuple[object, ...]] = {
    "V": ("-V",), "2-V": ("-2", "-V"), "json": ("-T", "json"), "summary": (),
    "statistics": ("-q", *(word for each in STATISTICS for word in ("-z", each)),
                   "--export-objects", "http,{folder}"),
    "hosts": ("-q", "-z", "hosts"),
    "pdus of layer 4": ("-U", "OSI layer 4", "-w", "{folder}/pdus"),
    "pdus of layer 7": ("-U", "OSI layer 7", "-w", "{folder}/pdus")}
WORDS = {"statistics": ("Node 0: 10.0.0.5:40000", "GET /x", "Follow: http,hex", "Hierarchy", "Notes"),
         "hosts": ("www.example.com",)}


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ordinary")
    made = [build(folder / f"{number}.pcap") for number, build in enumerate(CAPTURES)]
    subprocess.run(["mergecap", "-a", "-w", folder / "merged.pcapng", *made, *REAL], check=True)
    return folder / "merged.pcapng"


# TCP's urgent pointer in its exported data is whatever lay in memory, unless there is one.
URGENT = re.compile(rb"(\x00\x22\x00[\x13\x14].{17})..", re.DOTALL)


def everything(capture: Path, way: tuple[object, ...], folder: Path, plugin: str | None, *options: str) -> dict:
    """What tshark says, and what it writes into the folder."""
    folder.mkdir()
    done = Tshark().run("-r", capture, *KEYS, *(str(word).format(folder=folder) for word in way), *options,
                        plugin=plugin)
    assert done.returncode == 0, done.stderr
    said = done.stdout if "hosts" not in way else "".join(sorted(done.stdout.splitlines(keepends=True)))  # a hash table
    written = {file.name: file.read_bytes() for file in folder.iterdir()}
    return {"": said.encode()} | {name: URGENT.sub(rb"\1", data) for name, data in written.items()}


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_output_changes(merged: Path, name: str, folder: Path):
    plain = everything(merged, OUTPUTS[name], folder / "none", "none")
    for number, options in enumerate(((), ("--disable-protocol", "proxytunnel"))):
        assert everything(merged, OUTPUTS[name], folder / str(number), None, *options) == plain
    assert sum(map(len, plain.values())) > 100
    for word in WORDS.get(name, ()):
        assert word in plain[""].decode()


@pytest.mark.parametrize("name", ["socks5.pcapng", "connect_407.pcapng", "nested.pcapng"])
@pytest.mark.parametrize("way", WAYS, ids=["V", "2-V", "summary", "statistics"])
def test_disabled_is_as_if_absent(name: str, way: tuple[str, ...]):
    capture = REPOSITORY / "test/captures" / name
    ours, plain = outputs(capture, way, "--disable-protocol", "proxytunnel")
    assert ours == plain
    assert outputs(capture, ())[0] != outputs(capture, ())[1]      # else the comparison could not fail
