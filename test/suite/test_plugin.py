# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what the plugin promises (docs/contract.md): fields, tree, columns, switches, statistics, Follow, export.
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import REPOSITORY
from test_plugin_wire import (ACK, CONNECT_REPLY, HTTP_REQUEST, HTTP_RESPONSE, SOCKS4_REPLY, SOCKS5_HELLO,
                              SOCKS5_METHOD, Connection, Tshark, cannot_run, connect, connect_request, folder,
                              http_through_socks5, socks4_request, socks5, socks5_reply, socks5_request, tshark)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

CAPTURES = REPOSITORY / "test/captures"
FIELDS = ["protocol", "command", "status", "reply_code", "target", "target.host", "target.port", "origin.ip",
          "origin.ipv6", "origin.port", "origin.provenance", "client.ip", "client.port", "proxy.ip", "proxy.port",
          "bound.ip", "bound.port", "method", "method.selected", "login_status", "username", "id", "layer",
          "parent_stream", "stream", "request_in",
          "reply_in", "opened_in", "connect_time", "virtual", "anomaly"]


def named(names: list[str]) -> list[str]:
    return [f"proxytunnel.{name}" for name in names]


# ---------------------------------------------------------------- fields, tree, columns

def test_fields_are_registered(tshark: Tshark):
    known = {line.split("\t")[2] for line in tshark.run("-G", "fields").stdout.splitlines() if line.startswith("F\t")}
    assert set(named(FIELDS)) <= known


def test_fields_of_a_session(tshark: Tshark, folder: Path):
    capture = http_through_socks5(folder / "c.pcap")
    rows = tshark.fields(capture, "frame.number", *named(FIELDS), options=("-2",))
    by_frame = {row[0][0]: dict(zip(FIELDS, row[1:])) for row in rows}
    request, reply, payload = by_frame["6"], by_frame["7"], by_frame["8"]
    assert request["protocol"] == ["socks5"] and request["command"] == ["connect"]
    assert request["target"] == ["www.example.com:80"] and request["target.port"] == ["80"]
    assert request["reply_in"] == ["7"] and request["opened_in"] == ["7"]
    assert reply["status"] == ["established"] and reply["reply_code"] == ["0"] and reply["request_in"][0] == "6"
    assert reply["origin.provenance"][0] == "synthetic" and reply["connect_time"] == ["0.001000000"]
    assert len(reply["virtual"]) == 3                       # SYN, SYN/ACK, ACK
    assert payload["virtual"] and payload["opened_in"] == ["7"] and payload["target.host"] == ["www.example.com"]
    # The tunnel's number also stands at the parent's line for the payload.
    assert payload["id"] == ["0", "0"] and payload["parent_stream"] == ["0"] and set(payload["stream"]) == {"1"}
    assert by_frame["4"]["id"] == [] and by_frame["1"]["protocol"] == []


def test_columns(tshark: Tshark, folder: Path):
    lines = tshark.text("-r", http_through_socks5(folder / "c.pcap")).splitlines()
    assert "10.0.0.5 → 10.0.0.1" in lines[5] and lines[5].endswith("SOCKS5 Connect www.example.com:80")
    assert "10.0.0.1 → 10.0.0.5" in lines[6] and "SOCKS5 Connect www.example.com:80 - granted" in lines[6]
    assert "10.0.0.5 → 198.1" in lines[7] and "HTTP" in lines[7] and "GET /x" in lines[7]


def test_names_of_origins(tshark: Tshark, folder: Path):
    capture = http_through_socks5(folder / "c.pcap")
    address = tshark.values(capture, "proxytunnel.origin.ip")[0]
    assert f"{address}\twww.example.com" in tshark.run("-r", capture, "-N", "n", "-q", "-z", "hosts").stdout


def test_mixed_families(tshark: Tshark, folder: Path):
    capture = http_through_socks5(folder / "c.pcap", client=("fd00::5", 40000), server=("fd00::1", 1080))
    done = tshark.run("-r", capture, "-N", "n", "-q", "-z", "hosts")
    assert "www.example.com" in done.stdout
    assert any(text.startswith("::ffff:198.1") for text in tshark.values(capture, "ipv6.dst"))


def test_experts(tshark: Tshark):
    text = tshark.text("-r", CAPTURES / "socks5_password.pcap", "-q", "-z", "expert")
    assert "Credentials in clear text" in text
    text = tshark.text("-r", CAPTURES / "connect_407.pcapng", "-q", "-z", "expert")
    assert "no tunnel to www.origin.test:443 (auth-failed)" in text


def test_experts_stand_under_our_protocol(tshark: Tshark):
    text = tshark.text("-r", CAPTURES / "connect_407.pcapng", "-q", "-z", "expert")
    lines = [line for line in text.splitlines() if re.search("no tunnel to|Credentials|synthetic", line)]
    assert len(lines) > 3 and all(line.split()[2] == "ProxyTunnel" for line in lines)


@pytest.mark.parametrize("way", [(), ("-2",)], ids=["one pass", "two passes"])
def test_a_packet_names_its_target_once(tshark: Tshark, folder: Path, way: tuple[str, ...]):
    """In a column that is; the opening frame shows the handshake's end and three virtual packets."""
    capture = http_through_socks5(folder / "c.pcap")
    rows = tshark.fields(capture, "proxytunnel.target", "proxytunnel.virtual", "proxytunnel.origin.ip", options=way)
    assert max(len(row[1]) for row in rows) == 3 and {len(row[0]) for row in rows if row[1]} == {1}
    assert {len(row[2]) for row in rows if row[1]} == {1}


def test_subnets_of_the_ends(tshark: Tshark, folder: Path):
    """Addresses are fields of their own beside the texts."""
    capture = http_through_socks5(folder / "c.pcap")
    frames = lambda text: tshark.values(capture, "frame.number", options=("-Y", text))  # noqa: E731
    for end in ("client", "proxy"):
        assert len(frames(f"proxytunnel.{end}.ip == 10.0.0.0/8")) > 3
        assert not frames(f"proxytunnel.{end}.ip == 11.0.0.0/8")
    opening, = frames("proxytunnel.bound.ip == 0.0.0.0/8 && proxytunnel.bound.port == 0")
    assert opening in frames("proxytunnel.proxy.port == 1080 && proxytunnel.client.port == 40000")
    six = http_through_socks5(folder / "6.pcap", client=("fd00::5", 40000), server=("fd00::1", 1080))
    assert tshark.values(six, "frame.number", options=("-Y", "proxytunnel.proxy.ipv6 == fd00::/16"))


def test_codes_and_methods_are_fields_of_their_own(tshark: Tshark):
    """A reply code is the proxy's answer to the request, and nothing else."""
    rows = tshark.fields(CAPTURES / "socks5_password.pcap", "proxytunnel.reply_code", "proxytunnel.method.selected",
                         "proxytunnel.login_status", "proxytunnel.status", options=("-Y", "proxytunnel"))
    answers = [row for row in rows if row[0]]
    assert answers and all(row[3] for row in answers)
    assert [row[1] for row in rows if row[1]] and [row[2] for row in rows if row[2]]
    assert not any(row[0] and row[2] for row in rows)


def test_what_stands_in_the_packet_is_not_generated(tshark: Tshark, folder: Path):
    capture = connect(Connection(server=("10.0.0.1", 3128)), "192.0.2.9:80").write(folder / "c.pcap")
    text, pdml = tshark.text("-r", capture, "-V"), tshark.text("-r", capture, "-T", "pdml")
    assert "        Target: 192.0.2.9:80\n" in text and "    [Proxy address: 10.0.0.1]\n" in text
    head = connect_request("192.0.2.9:80")
    assert re.search(rf'name="proxytunnel.target" showname="Target: 192.0.2.9:80" size="{len(head)}" pos="54"', pdml)


def test_resolve_ptr_shows_the_name(tshark: Tshark):
    text = tshark.text("-r", CAPTURES / "tor_resolve.pcapng", "-Y", "proxytunnel.bound")
    assert "SOCKS5 Resolve PTR 10.77.2.2:0 - granted: www.origin.test\n" in text


@pytest.mark.parametrize("wrong", ["synthetic4:nonsense", "synthetic4:10.0.0.0/30", "synthetic6:10.0.0.0/8",
                                   "layers:99", "layers:0"])
def test_preferences_that_make_no_sense_are_told(tshark: Tshark, folder: Path, wrong: str):
    capture = http_through_socks5(folder / "c.pcap")
    done = tshark.run("-o", f"proxytunnel.{wrong}", "-r", capture, "-n")
    assert f"proxytunnel.{wrong.split(':')[0]}: " in done.stderr and done.stdout == tshark.text("-r", capture)


def test_passwords_are_hidden(tshark: Tshark):
    capture = CAPTURES / "socks5_password.pcap"
    assert set(tshark.values(capture, "proxytunnel.password")) == {"[hidden]"}
    shown = tshark.values(capture, "proxytunnel.password", options=("-o", "proxytunnel.credentials:TRUE"))
    assert shown and "[hidden]" not in shown
    assert set(tshark.values(capture, "proxytunnel.anomaly")) == {"clear-text-credentials"}


def test_builtin_fields_stay(tshark: Tshark, folder: Path):
    capture = connect(Connection(server=("10.0.0.1", 9999)), "192.0.2.9:80").write(folder / "c.pcap")
    assert tshark.values(capture, "http.request.method") == ["CONNECT"]
    assert tshark.values(capture, "http.response.code") == ["200"]
    capture = http_through_socks5(folder / "d.pcap")
    assert "www.example.com" in tshark.values(capture, "socks.remote_name")
    assert tshark.values(capture, "_ws.malformed") == []


# ---------------------------------------------------------------- switches

def shows_virtual(tshark: Tshark, capture: Path, *options: str) -> bool:
    return bool(tshark.values(capture, "proxytunnel.virtual", options=options))


SESSIONS: dict[str, Callable[[Path], Path]] = {
    "socks4": lambda path: (Connection(server=("10.0.0.1", 9901)).open().say(socks4_request("192.0.2.9", 80))
                            .hear(SOCKS4_REPLY).say(HTTP_REQUEST).hear(HTTP_RESPONSE).write(path)),
    "socks5": lambda path: http_through_socks5(path, server=("10.0.0.1", 9901)),
    "connect": lambda path: (connect(Connection(server=("10.0.0.1", 9901)), "192.0.2.9:80").say(HTTP_REQUEST)
                             .hear(HTTP_RESPONSE).write(path)),
}
PREFERENCES = {"socks4": "socks4", "socks5": "socks5", "connect": "http_connect"}


@pytest.mark.parametrize("kind", SESSIONS)
def test_switches(tshark: Tshark, folder: Path, kind: str):
    capture = SESSIONS[kind](folder / "c.pcap")
    plain = tshark.run("-n", "-r", capture, "-V", plugin="none").stdout
    assert shows_virtual(tshark, capture)
    for off in (("--disable-heuristic", f"proxytunnel_{kind}"), ("-o", f"proxytunnel.{PREFERENCES[kind]}:FALSE"),
                ("--disable-protocol", "proxytunnel")):
        assert tshark.text("-r", capture, "-V", *off) == plain
    for other in set(SESSIONS) - {kind}:
        assert shows_virtual(tshark, capture, "--disable-heuristic", f"proxytunnel_{other}")


@pytest.mark.parametrize("kind", SESSIONS)
def test_decode_as_wins(tshark: Tshark, folder: Path, kind: str):
    capture = SESSIONS[kind](folder / "c.pcap")
    way = ("-d", "tcp.port==9901,echo")
    assert not shows_virtual(tshark, capture, *way)
    assert tshark.text("-r", capture, "-V", *way) == tshark.run("-n", "-r", capture, "-V", *way, plugin="none").stdout


def test_virtual_conversations_can_be_off(tshark: Tshark, folder: Path):
    capture = http_through_socks5(folder / "c.pcap")
    off = ("-o", "proxytunnel.virtual_conversations:FALSE")
    assert not shows_virtual(tshark, capture, *off)
    assert "established" in tshark.values(capture, "proxytunnel.status", options=off)


def test_without_precedence_others_come_first(tshark: Tshark, folder: Path):
    capture = (connect(Connection(server=("10.0.0.1", 8080)), "192.0.2.9:22").hear(b"SSH-2.0-x\r\n")
               .write(folder / "c.pcap"))
    off = ("-o", "proxytunnel.precedence:FALSE")
    protocols = tshark.values(capture, "frame.protocols", options=off)
    assert protocols[5].startswith("eth:ethertype:ip:tcp:http:") and protocols[5].endswith("ip:tcp:ssh")
    assert tshark.values(capture, "frame.protocols")[5].startswith("eth:ethertype:ip:tcp:proxytunnel:")


def test_layers_and_prefixes(tshark: Tshark):
    capture = CAPTURES / "nested.pcapng"
    assert set(tshark.values(capture, "proxytunnel.layer", options=("-Y", "proxytunnel.virtual"))) == {"0", "1"}
    fewer = ("-o", "proxytunnel.layers:1", "-Y", "proxytunnel.virtual")
    assert "layer-limit" in tshark.values(capture, "proxytunnel.anomaly", options=fewer)
    other = ("-o", "proxytunnel.synthetic4:100.64.0.0/10")
    assert any(text.startswith("100.") for text in tshark.values(capture, "proxytunnel.origin.ip", options=other))


# ---------------------------------------------------------------- Follow and statistics

def follow(tshark: Tshark, capture: Path, which: str, *options: str) -> str:
    return tshark.text("-r", capture, "-q", *options, "-z", f"follow,tcp,ascii,{which}")


@pytest.mark.parametrize("way", [(), ("-2",)], ids=["one-pass", "two-pass"])
def test_follow(tshark: Tshark, folder: Path, way: tuple[str, ...]):
    """The reply comes with the server's first bytes: the frame in which parent and virtual conversation meet."""
    capture = (Connection().open().say(SOCKS5_HELLO).hear(SOCKS5_METHOD).say(socks5_request("192.0.2.9", 25))
               .hear(socks5_reply() + b"220 mail\r\n").say(b"EHLO me\r\n").close().write(folder / "c.pcap"))
    virtual = follow(tshark, capture, "1", *way)
    assert "Node 0: 10.0.0.5:40000\nNode 1: 192.0.2.9:25\n" in virtual
    assert "220 mail" in virtual and "EHLO me" in virtual and "......" not in virtual
    parent = follow(tshark, capture, "0", *way)
    assert parent == tshark.run("-n", "-r", capture, "-q", *way, "-z", "follow,tcp,ascii,0", plugin="none").stdout
    assert follow(tshark, capture, "10.0.0.5:40000,192.0.2.9:25", *way).split("Node 0")[1] == virtual.split("Node 0")[1]


def test_follow_twice_in_one_run(tshark: Tshark, folder: Path):
    capture = http_through_socks5(folder / "c.pcap")
    both = tshark.text("-r", capture, "-q", "-z", "follow,tcp,raw,0", "-z", "follow,tcp,raw,1")
    assert both.count("Node 1: 10.0.0.1:1080") == 1 and both.count("Node 1: 198.1") == 1


def test_statistics(tshark: Tshark, folder: Path):
    capture = http_through_socks5(folder / "c.pcap")
    address = tshark.values(capture, "proxytunnel.origin.ip")[0]
    size = len(HTTP_REQUEST), len(HTTP_RESPONSE)
    lines = tshark.text("-r", capture, "-q", "-z", "conv,proxytunnel").splitlines()
    row = next(line.split() for line in lines if address in line)
    assert row[0] == "10.0.0.5" and str(size[1]) in row and str(sum(size)) in row
    assert address in tshark.text("-r", capture, "-q", "-z", "endpoints,proxytunnel")
    table = tshark.text("-r", capture, "-q", "-z", "conv,tcp")
    assert re.search(rf"10\.0\.0\.5:40000 +<-> {re.escape(address)}:80 ", table)
    assert "www.example.com:80" in tshark.text("-r", capture, "-q", "-z", "proxytunnel,tree")
    assert "established" in tshark.text("-r", capture, "-q", "-z", "proxytunnel,list")


def test_export_objects(tshark: Tshark, folder: Path):
    capture = http_through_socks5(folder / "c.pcap")
    tshark.text("-r", capture, "-q", "--export-objects", f"http,{folder}")
    assert (folder / "x").read_text() == "hello"


def test_a_synthetic_address_is_marked_where_the_tunnel_opens(tshark: Tshark, folder: Path):
    named = Connection().open().say(SOCKS5_HELLO).hear(SOCKS5_METHOD)
    named.say(b"\x05\x01\x00\x03\x0bexample.com\x00\x50").hear(socks5_reply()).say(HTTP_REQUEST).close()
    capture = named.write(folder / "named.pcap")
    info, = tshark.values(capture, "_ws.col.Info", options=("-Y", "proxytunnel.synthetic"))
    origin, = tshark.distinct(capture, "proxytunnel.origin.ip")
    assert info == f"SOCKS5 Connect example.com:80 - granted [synthetic {origin}]"
    literal = socks5(Connection(), "192.0.2.9", 80).say(HTTP_REQUEST).close().write(folder / "literal.pcap")
    assert "[synthetic" not in tshark.text("-r", literal)


def test_retransmitted_and_reordered_handshake(tshark: Tshark, folder: Path):
    """TCP keeps such segments from its sub-dissectors; what they say is shown all the same."""
    connection = Connection().open()
    hello, method = connection.say(SOCKS5_HELLO), connection.hear(SOCKS5_METHOD)
    assert hello is method
    request = socks5_request("192.0.2.9", 80)
    connection.say(request)
    late = connection.frames.pop()
    connection.acknowledge(0)
    connection.frames.append(late)
    connection.hear(socks5_reply())
    connection.frames.append(late)
    capture = connection.say(HTTP_REQUEST).hear(HTTP_RESPONSE).close().write(folder / "c.pcap")
    assert tshark.values(capture, "tcp.analysis.out_of_order") or tshark.values(capture, "tcp.analysis.retransmission")
    assert "192.0.2.9:80" in tshark.values(capture, "proxytunnel.target", options=("-Y", "!proxytunnel.virtual"))
    assert tshark.distinct(capture, "http.request.uri") == ["/x"]


def test_losses_stay_visible(tshark: Tshark, folder: Path):
    connection = socks5(Connection(), "192.0.2.9", 9).say(b"a" * 100).say(b"b" * 100).say(b"c" * 100)
    del connection.frames[-2]
    capture = connection.close().write(folder / "c.pcap")
    assert len(tshark.values(capture, "tcp.analysis.lost_segment")) == 2      # parent and virtual
    assert "[100 bytes missing in capture file]" in follow(tshark, capture, "1")


def test_session_without_its_syn(tshark: Tshark, folder: Path):
    capture = Connection()
    (capture.say(SOCKS5_HELLO).hear(SOCKS5_METHOD).say(socks5_request("192.0.2.9", 80)).hear(socks5_reply())
     .say(HTTP_REQUEST).hear(HTTP_RESPONSE))
    path = capture.write(folder / "c.pcap")
    assert tshark.distinct(path, "http.request.uri")[-1] == "/x"
    assert tshark.values(path, "tcp.stream", options=("-Y", "frame.number == 5")) == ["0", "1"]


def test_two_connections_in_one_capture(tshark: Tshark, folder: Path):
    """The same client port again: a new connection, parent and virtual."""
    first = socks5(Connection(), "192.0.2.9", 80).say(HTTP_REQUEST).hear(HTTP_RESPONSE).close()
    second = Connection(frames=first.frames, next=[500000, 700000])
    capture = socks5(second, "192.0.2.9", 80).say(HTTP_REQUEST).hear(HTTP_RESPONSE).close().write(folder / "c.pcap")
    assert set(tshark.values(capture, "proxytunnel.stream")) == {"1", "3"}
    assert tshark.values(capture, "tcp.analysis.retransmission") == []


def test_bytes_of_the_parent_are_not_dissected_twice(tshark: Tshark, folder: Path):
    capture = http_through_socks5(folder / "c.pcap")
    assert tshark.values(capture, "http.request.method") == ["GET"]
    text = tshark.text("-r", capture, "-V")
    assert f"tunnelled payload ({len(HTTP_REQUEST)} bytes) for www.example.com:80" in text


def test_connect_that_is_only_text(tshark: Tshark, folder: Path):
    """A CONNECT in the body of a refused CONNECT's retry is a body."""
    body = connect_request("192.0.2.9:80")
    capture = (Connection(server=("10.0.0.1", 80)).open()
               .say(b"POST http://a:81/ HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
               .hear(CONNECT_REPLY).close().write(folder / "c.pcap"))
    assert set(tshark.values(capture, "proxytunnel.protocol")) == {"http-forward"}
    assert "192.0.2.9" not in tshark.distinct(capture, "proxytunnel.target.host")


def test_keep_alives_and_pure_acknowledgements(tshark: Tshark, folder: Path):
    connection = socks5(Connection(), "192.0.2.9", 9).say(b"hello").acknowledge(1)
    connection.frames.append(connection.frames[0][:14] + connection.packet(0, ACK, b"\0", back=1))
    assert len(tshark.values(connection.write(folder / "c.pcap"), "tcp.analysis.keep_alive")) == 2
