# SPDX-License-Identifier: GPL-2.0-or-later
# summary: odd, broken and hostile captures, and many files in one process: never a crash, nothing newly malformed.
from __future__ import annotations

import json
import random
import struct
from collections import Counter
from pathlib import Path

import pytest

from conftest import REPOSITORY
from test_plugin_wire import (ACK, CONNECT_REPLY, FIN, HTTP_REQUEST, HTTP_RESPONSE, PSH, RST, SOCKS5_HELLO,
                              SOCKS5_METHOD, Connection, Tshark, cannot_run, checksum, connect, connect_request, folder,
                              frame, ip_packet, socks5, socks5_reply, socks5_request, tshark, udp_packet, write_capture)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

CAPTURES = REPOSITORY / "test/captures"
WAYS = ((), ("-2",))


def faulty_frames(tshark: Tshark, capture: Path, *options: str) -> set[str]:
    rows = tshark.fields(capture, "frame.number", "_ws.malformed", "_ws.expert.message", options=options)
    return {row[0][0] for row in rows if row[1] or any("issector bug" in text for text in row[2])}


def check_health(tshark: Tshark, capture: Path) -> None:
    """Nothing malformed that is not so without the plugin; tshark runs to its end and draws everything."""
    plain = faulty_frames(tshark, capture, "--disable-protocol", "proxytunnel")
    for way in WAYS:
        assert faulty_frames(tshark, capture, *way) <= plain
        assert "issector bug" not in tshark.text("-r", capture, *way, "-V")


def test_many_segments_before_the_reply(tshark: Tshark, folder: Path):
    """As many as may be held, each with a request of its own: one frame shows them all."""
    connection = Connection(server=("10.0.0.1", 3128)).open().say(connect_request("192.0.2.9:80"))
    for number in range(64):
        connection.say(HTTP_REQUEST.replace(b"/x", b"/%d" % number))
    capture = connection.hear(CONNECT_REPLY).hear(HTTP_RESPONSE).close().write(folder / "c.pcap")
    check_health(tshark, capture)
    for way in WAYS:
        assert tshark.distinct(capture, "http.request.uri", options=way)[1:] == [f"/{number}" for number in range(64)]
        held = tshark.fields(capture, "proxytunnel.virtual", "tcp.stream", options=("-Y", "frame.number == 69", *way))
        assert len(held[0][0]) == 67 and held[0][1] == ["0"] + ["1"] * 67


def test_many_requests_in_held_segments(tshark: Tshark, folder: Path):
    """Each held segment has ten: one frame shows them all."""
    connection = Connection(server=("10.0.0.1", 3128)).open().say(connect_request("192.0.2.9:80"))
    for _ in range(60):
        connection.say(HTTP_REQUEST * 10)
    capture = connection.hear(CONNECT_REPLY).hear(HTTP_RESPONSE).close().write(folder / "c.pcap")
    check_health(tshark, capture)
    for way in WAYS:
        methods = tshark.values(capture, "http.request.method", options=("-Y", "frame.number == 65", *way))
        assert methods.count("GET") == 600


def test_more_virtual_packets_than_epan_queues_taps_of_a_frame(tshark: Tshark, folder: Path):
    """epan's queue has 5,000 places, and IP and TCP fill one each for every virtual packet. One FIN ends them all."""
    origins = 2600
    connection = Connection(server=("10.0.0.1", 3128)).open()
    for number in range(origins):
        connection.say(b"GET http://10.1.%d.%d/ HTTP/1.1\r\n\r\n" % divmod(number, 250)).hear(HTTP_RESPONSE)
    capture, export = connection.close().write(folder / "c.pcap"), folder / "export.pcapng"
    said = tshark.run("-q", "-r", capture, "-z", f"proxytunnel,export,{export}", "-z", "proxytunnel,tree").stderr
    assert "Too many taps queued" in said  # the limit is reached
    closing = Counter(row[0][0] for row in tshark.fields(export, "tcp.dstport", options=("-Y", "tcp.flags.fin == 1")))
    assert closing["80"] == origins


def test_a_head_in_many_segments(tshark: Tshark, folder: Path):
    """Its last byte shows them all, and TCP looks below IP in each, also where a frame has too many layers for epan."""
    connection = Connection(server=("10.0.0.1", 3128)).open()
    for byte in b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\nX: " + b"x" * 200 + b"\r\n\r\n":
        connection.say(bytes([byte]))
    capture = connection.hear(HTTP_RESPONSE).close().write(folder / "c.pcap")
    check_health(tshark, capture)


def test_more_than_can_be_held(tshark: Tshark, folder: Path):
    connection = Connection(server=("10.0.0.1", 3128)).open().say(connect_request("192.0.2.9:9"))
    for number in range(80):
        connection.say(b"%3d\n" % number)
    capture = connection.hear(CONNECT_REPLY).say(b"last").close().write(folder / "c.pcap")
    check_health(tshark, capture)
    assert "held-overflow" in tshark.text("-r", capture, "-q", "-z", "proxytunnel,report")
    assert "[64 bytes missing in capture file]" in tshark.text("-r", capture, "-q", "-z", "follow,tcp,ascii,1")


def test_held_chain(tshark: Tshark, folder: Path):
    """A whole chain of proxies whose client waits for nobody: everything opens in one frame."""
    hops = [f"192.0.2.{hop}:3128" for hop in range(1, 9)]
    said = b"".join(connect_request(hop) for hop in [*hops, "192.0.2.99:80"])
    connection = Connection(server=("10.0.0.1", 3128)).open().say(said + HTTP_REQUEST)
    capture = connection.hear(CONNECT_REPLY * 9 + HTTP_RESPONSE).close().write(folder / "c.pcap")
    check_health(tshark, capture)
    layers = [set(tshark.values(capture, "proxytunnel.layer", options=("-Y", "proxytunnel.virtual", *way)))
              for way in WAYS]
    assert layers[0] == layers[1] and len(layers[0]) >= 8


def test_icmp_that_quotes_a_tunnel(tshark: Tshark, folder: Path):
    connection = socks5(Connection(), "192.0.2.9", 80).say(HTTP_REQUEST)
    quoted = connection.packet(0, PSH | ACK, b"\x05\x01\x00\x03\x40" + bytes(60), back=30)
    body = struct.pack(">BBHI", 3, 1, 0, 0) + quoted
    body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
    connection.frames.append(frame(ip_packet("10.0.0.1", "10.0.0.5", 1, body)))
    capture = connection.hear(HTTP_RESPONSE).close().write(folder / "c.pcap")
    check_health(tshark, capture)
    rows = tshark.fields(capture, "proxytunnel.id", "proxytunnel.virtual", options=("-Y", "icmp"))
    assert rows == [[[], []]]
    assert tshark.values(capture, "http.response.code") == ["200"]


def test_fragments_of_the_parent(tshark: Tshark, folder: Path):
    connection = socks5(Connection(), "192.0.2.9", 80)
    packet = connection.packet(0, PSH | ACK, HTTP_REQUEST)
    connection.next[0] += len(HTTP_REQUEST)
    for number, part in enumerate((packet[20:44], packet[44:])):
        flags = 0x2000 if number == 0 else 3
        connection.frames.append(frame(ip_packet("10.0.0.5", "10.0.0.1", 6, part, fragment=flags)))
    capture = connection.hear(HTTP_RESPONSE).close().write(folder / "c.pcap")
    check_health(tshark, capture)
    assert tshark.distinct(capture, "http.request.uri") == ["/x"]
    assert tshark.values(capture, "http.response.code") == ["200"]


def test_vlan(tshark: Tshark, folder: Path):
    capture = (socks5(Connection(vlan=7), "192.0.2.9", 80).say(HTTP_REQUEST).hear(HTTP_RESPONSE).close()
               .write(folder / "c.pcap"))
    assert tshark.distinct(capture, "http.request.uri") == ["/x"]


@pytest.mark.parametrize("snapshot", [54, 60, 68, 90, 110])
def test_cut_by_the_snapshot_length(tshark: Tshark, folder: Path, snapshot: int):
    connection = socks5(Connection(), "192.0.2.9", 80).say(HTTP_REQUEST).hear(HTTP_RESPONSE)
    capture = connect(Connection(client=("10.0.0.5", 2), server=("10.0.0.1", 80), frames=connection.frames),
                      "192.0.2.9:80").say(HTTP_REQUEST).close().write(folder / "c.pcap", snapshot=snapshot)
    check_health(tshark, capture)


@pytest.mark.parametrize("flags", [RST, RST | ACK, FIN | ACK], ids=["rst", "rst-ack", "fin"])
@pytest.mark.parametrize("after", range(1, 8))
def test_ended_at_any_moment(tshark: Tshark, folder: Path, after: int, flags: int):
    connection = socks5(Connection(), "192.0.2.9", 80)
    del connection.frames[after:]
    connection.frames.append(frame(connection.packet(0, flags)))
    capture = connection.write(folder / "c.pcap")
    for way in WAYS:
        assert faulty_frames(tshark, capture, *way) == set()


def test_malformed_handshakes(tshark: Tshark, folder: Path):
    frames: list[bytes] = []
    broken = [(SOCKS5_HELLO, b"\x05\x02", b"\x02\x05alice\x06secret"),
              (SOCKS5_HELLO, SOCKS5_METHOD, b"\x05\x01\x00\x09"),
              (b"\x04\x01\x00\x50\x00\x00\x00\x01\x00\x00", bytes([0, 90]) + bytes(6), b"x"),
              (b"CONNECT \r\n\r\n", CONNECT_REPLY, b"x"), (b"CONNECT a:99999 HTTP/1.1\r\n\r\n", CONNECT_REPLY, b"x"),
              (b"\x05\xff" + bytes(range(255)), b"\x05\x00", socks5_request("a" * 255, 0))]
    for number, (asked, answered, said) in enumerate(broken):
        for port in (1080, 3128):
            frames = (Connection(client=("10.0.0.5", 100 + number), server=("10.0.0.1", port), frames=frames).open()
                      .say(asked).hear(answered).say(said).hear(socks5_reply(1)).close().frames)
    check_health(tshark, write_capture(folder / "c.pcap", frames))


def test_port_of_the_proxy_is_that_of_the_origin(tshark: Tshark, folder: Path):
    """The tunnel leads to the proxy itself: its virtual conversation would be the parent, so its port is synthetic."""
    capture = socks5(Connection(), "10.0.0.1", 1080).say(b"hello").close().write(folder / "c.pcap")
    check_health(tshark, capture)
    shown, = set(tshark.values(capture, "proxytunnel.virtual_client"))
    port = shown.rsplit(":", 1)[1]
    assert int(port) >= 49152 and port in tshark.values(capture, "tcp.srcport")
    assert set(tshark.values(capture, "tcp.stream")) == {"0", "1"}


def test_dns_in_the_capture(tshark: Tshark, folder: Path):
    name = b"\3www\7example\3com\0\0\1\0\1"
    answer = (struct.pack(">6H", 1, 0x8180, 1, 1, 0, 0) + name +
              b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([192, 0, 2, 77]))
    question = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + name
    frames = [frame(udp_packet(("10.0.0.1", 3333), ("10.0.0.9", 53), question)),
              frame(udp_packet(("10.0.0.9", 53), ("10.0.0.1", 3333), answer))]

    def session(name: str, *before: bytes) -> Path:
        return (socks5(Connection(frames=list(before)), "www.example.com", 80).say(HTTP_REQUEST).close()
                .write(folder / name))
    unasked = tshark.values(session("unasked.pcap", frames[1]), "proxytunnel.origin.provenance")
    assert set(unasked) == {"synthetic"}
    capture = session("c.pcap", *frames)
    assert set(tshark.values(capture, "proxytunnel.origin.ip")) == {"192.0.2.77"}
    assert set(tshark.values(capture, "proxytunnel.origin.provenance")) == {"dns-in-capture"}
    off = tshark.values(capture, "proxytunnel.origin.provenance", options=("-o", "proxytunnel.dns:FALSE"))
    assert set(off) == {"synthetic"}


def damaged(frames: list[bytes], source: random.Random) -> list[bytes]:
    """Some frames lost, doubled, exchanged, cut, or with other bytes behind their IP header."""
    frames = list(frames)
    for _ in range(source.randint(1, 8)):
        at, other = source.randrange(len(frames)), source.randrange(len(frames))
        match source.randrange(5):
            case 0:
                del frames[at]
            case 1:
                frames.insert(other, frames[at])
            case 2:
                frames[at], frames[other] = frames[other], frames[at]
            case 3:
                frames[at] = frames[at][:source.randint(34, len(frames[at]))]
            case _:
                changed = bytearray(frames[at])
                changed[source.randrange(34, len(changed))] = source.randrange(256)
                frames[at] = bytes(changed)
    return frames


@pytest.mark.parametrize("seed", range(12))
def test_damaged_sessions(tshark: Tshark, folder: Path, seed: int):
    source = random.Random(seed)
    connection = socks5(Connection(), "192.0.2.1", 3128).say(connect_request("192.0.2.9:80")).hear(CONNECT_REPLY)
    connection.say(HTTP_REQUEST).hear(HTTP_RESPONSE).close()
    connection = connect(Connection(client=("10.0.0.5", 2), server=("10.0.0.1", 8080), frames=connection.frames),
                         "www.example.com:80").say(HTTP_REQUEST).hear(HTTP_RESPONSE).close()
    check_health(tshark, write_capture(folder / "c.pcap", damaged(connection.frames, source)))


def test_many_files_in_one_process(tshark: Tshark):
    """What was known of one file is gone when the next one is opened."""
    names = ["nested.pcapng", "no_proxy.pcapng", "socks5.pcapng", "nested.pcapng"]
    lines = []
    for number, name in enumerate(names):
        # sharkd remembers what passed a filter, over files: each needs its own text.
        filter_text = f"proxytunnel.virtual && frame.number < {1000000 + number}"
        for method, params in (("load", {"file": str(CAPTURES / name)}), ("frames", {"filter": filter_text})):
            lines.append(json.dumps({"jsonrpc": "2.0", "id": len(lines) + 1, "method": method, "params": params}))
    done = tshark.run("-", program="sharkd", stdin="\n".join(lines) + "\n")
    assert "Sanitizer" not in done.stderr
    answers = {answer["id"]: answer["result"] for answer in map(json.loads, filter(None, done.stdout.splitlines()))}
    counts = [len(answers[number]) for number in range(2, 2 * len(names) + 1, 2)]
    assert counts[0] == counts[3] > 0 and counts[1] == 0 and counts[2] > 0


def test_socks5_method_lost(tshark: Tshark, folder: Path):
    connection = Connection().open().say(SOCKS5_HELLO)
    connection.next[1] += len(SOCKS5_METHOD)
    capture = (connection.say(socks5_request("192.0.2.9", 80)).hear(socks5_reply()).say(HTTP_REQUEST).close()
               .write(folder / "c.pcap"))
    check_health(tshark, capture)
