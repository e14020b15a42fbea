# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: --mode replace with small captures of our own making: what is cut, what waits, what is refused."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import threading
from pathlib import Path

import pytest
from replaced import (
    ACK,
    FIN,
    SYN,
    Seen,
    network_part,
    pcap_packets,
    pcapng_packets,
    read,
    segment_of,
    streams_of,
)
from test_tool_bounds import peak
from wire import CLIENT, SERVER, Session, checksum, connect_session, pcap, udp
from wrap import wrapped


def written(tmp_path: Path, run, frames: list[bytes], *options: str, times: list[int] | None = None) -> tuple:
    """Replaced captures of our own making: (what was captured, what came out, report, words)."""
    data = pcap(frames)
    for index, seconds in enumerate(times or []):
        at = 24 + sum(16 + len(frame) for frame in frames[:index])
        data = data[:at] + struct.pack("<I", 1700000000 + seconds) + data[at + 4:]
    (tmp_path / "in.pcap").write_bytes(data)
    done = run(tmp_path / "in.pcap", "--mode", "replace", "-w", tmp_path / "out.pcapng", "--report",
               tmp_path / "out.json", *options)
    assert done.code == 0, done.stderr
    return (pcap_packets(data), read(tmp_path / "out.pcapng"), json.loads((tmp_path / "out.json").read_text()),
            done.stderr)


SOCKS4_ASKS, SOCKS4_GRANTS = b"\x04\x01\x00\x50\xc0\x00\x02\x07me\x00", b"\x00\x5a" + bytes(6)


def early_data(early: bytes, between: list[bytes]) -> list[bytes]:
    session = Session()
    return [*session.open(), session.say(CLIENT, SOCKS4_ASKS + early), *between, session.say(SERVER, SOCKS4_GRANTS),
            session.say(CLIENT, b"later"), session.say(SERVER, b"answer"), *session.close()]


def payload_of(packets: list[Seen], source: tuple[str, int], is_virtual: bool) -> bytes:
    segments = [segment for seen in packets if seen.is_virtual == is_virtual and (segment := segment_of(seen))]
    return b"".join(stream.text for (sender, _), stream in streams_of(segments).items() if sender == source)


CLIENT_END = ("10.0.0.5", 40000)


def test_early_data_waits_and_is_moved(run, tmp_path):
    other = Session(client=("10.0.0.9", 1), server=("10.0.0.8", 2))
    _, out, report, words = written(tmp_path, run, early_data(b"early", [other.segment(CLIENT, SYN)]))
    assert payload_of(out, CLIENT_END, False) == SOCKS4_ASKS
    assert payload_of(out, CLIENT_END, True) == b"earlylater"
    assert report["tunnels"][0]["anomalies"] == []
    assert "as they were" not in words


def test_what_waits_for_too_long_goes_as_it_is(run, tmp_path):
    """By the time of the capture. The hole is told, and nothing is there twice."""
    other = Session(client=("10.0.0.9", 1), server=("10.0.0.8", 2))
    frames = early_data(b"early", [other.segment(CLIENT, SYN)])
    captured, out, report, words = written(tmp_path, run, frames, times=[0] * 4 + [11] * (len(frames) - 4))
    assert payload_of(out, CLIENT_END, False) == SOCKS4_ASKS + b"early"
    assert payload_of(out, CLIENT_END, True) == b"later"
    assert out[:5] == captured[:5]
    assert report["tunnels"][0]["anomalies"] == ["held-overflow"]
    payload = report["tunnels"][0]["client_payload"]
    assert (payload["bytes"], payload["missing_bytes"], payload["held_overflow"]) == (5, 5, [[0, 5]])
    assert "1 packets went out as they were" in words


@pytest.mark.parametrize(("size", "count", "told"), [(60000, 1200, True), (10, 200000, True), (60000, 900, False)],
                         ids=["large packets", "small packets", "less"])
def test_what_waits_is_bounded(run, tmp_path, size, count, told):
    """By 64 MiB, and small packets take more than their bytes."""
    frame = Session(client=("10.0.0.9", 1), server=("10.0.0.8", 2)).say(CLIENT, bytes(size))
    session = early_data(b"early", [])
    frames = [*session[:4], *[frame] * count, *session[4:]]
    packed = b"".join(struct.pack("<IIII", 1700000000, 0, len(each), len(each)) + each for each in frames)
    (tmp_path / "in.pcap").write_bytes(pcap([]) + packed)
    done = run(tmp_path / "in.pcap", "--mode", "replace", "-w", tmp_path / "out.pcapng")
    assert done.code == 0
    assert ("1 packets went out as they were" in done.stderr) == told


def test_memory_does_not_grow_with_what_is_moved(tool, tmp_path):
    """30 MB of payload more, with a packet of another connection between each two."""
    def capture(count: int) -> Path:
        session, other = Session(), Session(client=("10.0.0.9", 1), server=("10.0.0.8", 2))
        path = tmp_path / f"{count}.pcap"
        head = [*session.open(), session.say(CLIENT, b"CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n"),
                session.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")]
        ordinary = other.say(CLIENT, b"ordinary")
        frames = [*head, *[frame for _ in range(count) for frame in (session.say(SERVER, bytes(60000)), ordinary)]]
        path.write_bytes(pcap([]) + b"".join(
            struct.pack("<IIII", 1700000000, 0, len(frame), len(frame)) + frame for frame in frames))
        return path
    small, large = (peak(tool, capture(count), "--mode", "replace", "-w", "/dev/null") for count in (100, 600))
    assert large < small + 6


def test_a_server_that_alone_speaks_holds_up_little(run, tmp_path):
    """FTP sends files so. Early data of another connection is not let go for it."""
    download = Session(client=("10.0.0.9", 1), server=("10.0.0.8", 20))
    frames = [*download.open(), *[download.say(SERVER, bytes(1000)) for _ in range(40)]]
    other = Session(client=("10.0.0.7", 5)).segment(CLIENT, SYN)
    captured, out, _, words = written(tmp_path, run, [*frames, other], times=[0] * len(frames) + [60])
    assert captured == out
    assert "as they were" not in words


def test_what_is_handshake_in_any_case_holds_up_nothing(run, tmp_path):
    """A proxy that takes a minute to open the tunnel."""
    session = Session()
    frames = [*session.open(), session.say(CLIENT, b"CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n"),
              Session(client=("10.0.0.9", 1)).segment(CLIENT, SYN), session.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n"),
              session.say(CLIENT, b"hello"), *session.close()]
    _, out, _, words = written(tmp_path, run, frames, times=[0] * 4 + [60] * (len(frames) - 4))
    assert "as they were" not in words
    assert payload_of(out, CLIENT_END, True) == b"hello"


def test_a_segment_of_both_is_cut(run, tmp_path):
    """The answer and the first payload in one segment; the last payload with the FIN."""
    session = Session()
    frames = [*session.open(), session.say(CLIENT, b"CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n"),
              session.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\nbanner"),
              session.segment(CLIENT, ACK), session.segment(SERVER, ACK | FIN, b"bye"),
              session.segment(CLIENT, FIN | ACK), session.segment(SERVER, ACK)]
    _, out, _, _ = written(tmp_path, run, frames)
    remains = [(segment, seen) for seen in out if not seen.is_virtual and (segment := segment_of(seen))]
    changed = [segment for segment, seen in remains if seen.is_changed and segment.source == ("10.0.0.1", 1080)]
    assert [(segment.payload, segment.flags) for segment in changed][:2] == [
        (b"HTTP/1.1 200 OK\r\n\r\n", ACK | 8), (b"", ACK | FIN)]
    assert changed[1].sequence == changed[0].sequence + 19   # right behind
    for _, seen in remains:
        check_checksums(seen)
    assert payload_of(out, ("192.0.2.7", 80), True) == b"bannerbye"


def check_checksums(seen: Seen) -> None:
    packet = network_part(seen)
    assert checksum(packet[:20]) == 0
    total = struct.unpack_from(">H", packet, 2)[0]
    assert checksum(packet[12:20] + struct.pack(">HH", 6, total - 20) + packet[20:total]) == 0


def test_a_fast_open_keeps_its_syn(run, tmp_path):
    """RFC 7413: a SYN with a PROXY header and payload."""
    session = Session(server=("10.0.0.1", 80))
    header = b"PROXY TCP4 192.0.2.9 10.0.0.1 40001 80\r\n"
    frames = [session.segment(CLIENT, SYN, header + b"hello"), session.segment(SERVER, SYN | ACK),
              session.segment(CLIENT, ACK), session.say(SERVER, b"answer"), *session.close()]
    _, out, _, _ = written(tmp_path, run, frames)
    first = segment_of(out[0])
    assert (first.flags, first.payload, first.sequence) == (SYN, header, 1000)
    assert payload_of(out, ("192.0.2.9", 40001), True) == b"hello"


def test_a_407_stays_and_what_is_around_it_is_moved(run, tmp_path):
    session = Session()
    asks = b"GET http://192.0.2.7/%d HTTP/1.1\r\nHost: 192.0.2.7\r\nProxy-Connection: keep-alive\r\n\r\n"
    refuses = b"HTTP/1.1 407 Who\r\nContent-Length: 4\r\n\r\nwho?"
    answers = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    frames = [*session.open(), session.say(CLIENT, asks % 1), session.say(SERVER, answers),
              session.say(CLIENT, asks % 2 + asks % 3 + asks % 4), session.say(SERVER, refuses + answers + refuses),
              *session.close()]
    _, out, _, _ = written(tmp_path, run, frames)
    assert payload_of(out, ("10.0.0.1", 1080), False) == refuses + refuses
    assert payload_of(out, ("192.0.2.7", 80), True) == answers + answers
    assert payload_of(out, CLIENT_END, False) == b""


USAGE = {
    "no capture is written": ["in.pcap", "--list"],
    "only leaves": ["in.pcap", "-w", "out.pcapng", "--layers", "leaf"],
    "another link layer": ["in.pcap", "-w", "out.pcapng", "--link", "raw"],
    "standard input twice": ["-", "-w", "out.pcapng", "--handshakes", "drop"],
    "a FIFO twice": ["fifo", "-w", "out.pcapng", "--handshakes", "drop"],
    "an interface twice": ["-i", "lo", "-w", "out.pcapng", "--handshakes", "drop"],
}


@pytest.mark.parametrize("words", USAGE.values(), ids=USAGE)
def test_wrong_usage(run, tmp_path, words):
    (tmp_path / "in.pcap").write_bytes(pcap(connect_session()))
    os.mkfifo(tmp_path / "fifo")
    done = run(*words, "--mode", "replace", cwd=tmp_path)
    assert done.code == 2
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.pcapng").exists()


def test_handshakes_are_dropped_in_this_mode_only(run, tmp_path):
    (tmp_path / "in.pcap").write_bytes(pcap(connect_session()))
    assert run("in.pcap", "-w", "out.pcapng", "--handshakes", "drop", cwd=tmp_path).code == 2



def test_options_comments_and_resolutions_come_out(run, tmp_path):
    """Both byte orders, several interfaces, and what no other program has to understand."""
    for order in "<>":
        def block(kind: int, body: bytes, order: str = order) -> bytes:
            size = 12 + len(body)
            return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)

        def option(code: int, value: bytes, order: str = order) -> bytes:
            return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
        end = option(0, b"")
        interfaces = [(1, option(2, b"eth0") + option(3, b"first") + option(9, b"\x03")),
                      (1, option(2, b"eth0") + option(9, b"\x94") + option(14, struct.pack(order + "q", 1000))),
                      (101, option(8, struct.pack(order + "Q", 10**9)) + option(9, b"\x0c"))]
        data = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        for link, options in interfaces:
            data += block(1, struct.pack(order + "HHI", link, 0, 65535) + options + end)
        options = (option(1, b"a comment") + option(1, b"another") + option(2, struct.pack(order + "I", 1)) +
                   option(4, struct.pack(order + "Q", 7)) + option(6, struct.pack(order + "I", 3)) +
                   option(2988, struct.pack(order + "I", 32473) + b"ours") + option(77, b"nobody knows"))
        for number in (0, 2, 1):
            frame = Session().segment(CLIENT, SYN)[14 if number == 2 else 0:]
            data += block(6, struct.pack(order + "IIIII", number, 5, 123456789, len(frame), len(frame) + 3) + frame +
                          bytes(-len(frame) % 4) + options + end)
        (tmp_path / "in.pcapng").write_bytes(data)
        assert run(tmp_path / "in.pcapng", "--mode", "replace", "-w", tmp_path / "out.pcapng").code == 0
        captured, out = pcapng_packets(data), (tmp_path / "out.pcapng").read_bytes()
        assert [(s.time, s.interface, s.link, s.name, s.data, s.wire) for s in captured] == [
            (s.time, s.interface, s.link, s.name, s.data, s.wire) for s in pcapng_packets(out)]
        shown = subprocess.run(["tshark", "-r", tmp_path / "out.pcapng", "-T", "fields", "-e", "frame.comment", "-e",
                                "frame.packet_flags", "-e", "frame.drop_count", "-e", "frame.interface_queue", "-e",
                                "frame.interface_description", "-e", "frame.time_epoch"],
                               capture_output=True, text=True, check=True).stdout
        assert shown == subprocess.run(["tshark", "-r", tmp_path / "in.pcapng", "-T", "fields", "-e", "frame.comment",
                                        "-e", "frame.packet_flags", "-e", "frame.drop_count", "-e",
                                        "frame.interface_queue", "-e", "frame.interface_description", "-e",
                                        "frame.time_epoch"], capture_output=True, text=True, check=True).stdout
        assert "a comment,another" in shown


def test_pcap_comes_out_as_pcap(run, captures, tmp_path):
    capture = captures / "link_ethernet.pcap"
    assert run(capture, "--mode", "replace", "-F", "pcap", "-w", tmp_path / "out.pcap").code == 0
    assert run(capture, "--mode", "replace", "-w", tmp_path / "out.pcapng").code == 0
    assert [(s.time, s.data, s.wire) for s in read(tmp_path / "out.pcap")] == [
        (s.time, s.data, s.wire) for s in read(tmp_path / "out.pcapng")]


def test_a_ring_holds_all_of_it(run, captures, tmp_path):
    capture = captures / "connect.pcapng"
    assert run(capture, "--mode", "replace", "-w", tmp_path / "out.pcapng").code == 0
    assert run(capture, "--mode", "replace", "-w", tmp_path / "ring.pcapng", "-b", "packets:50").code == 0
    rings = sorted(tmp_path.glob("ring_*"))
    assert len(rings) == 8
    assert [seen for ring in rings for seen in read(ring)] == read(tmp_path / "out.pcapng")


def test_a_filter_leaves_out(run, captures, tmp_path):
    capture = captures / "connect.pcapng"
    assert run(capture, "--mode", "replace", "-f", "port 8888", "-w", tmp_path / "out.pcapng").code == 0
    ends = {port for seen in read(tmp_path / "out.pcapng") if not seen.is_virtual and (segment := segment_of(seen))
            for _, port in segment.ends}
    assert 8888 in ends
    assert 3128 not in ends



def test_an_idle_pipe_gives_what_is_known(tool, captures):
    """All of a session but its end; the program waits for more."""
    data = pcap(connect_session()[:-3])
    with subprocess.Popen([tool, "-q", "-", "--mode", "replace", "-w", "-"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        process.stdin.write(data)
        process.stdin.flush()
        out = b""
        while b"hello" not in out:
            piece = os.read(process.stdout.fileno(), 65536)
            assert piece, "it ended"
            out += piece
        process.stdin.close()
        process.stdout.read()
        guard.cancel()
    assert process.returncode == 0


def session_with_cuts() -> list[bytes]:
    """Segments of both, and payload with the FIN, from an odd and an even place."""
    session = Session()
    return [*session.open(), session.say(CLIENT, b"CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n"),
            session.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\nfirst words"), session.say(CLIENT, b"hello"),
            session.say(SERVER, b"more"), session.segment(SERVER, ACK | FIN, b"goodbye"),
            session.segment(CLIENT, FIN | ACK), session.segment(SERVER, ACK)]


def dissected(capture: Path) -> list[tuple]:
    """Of each packet that is not virtual, what its innermost segment says; and that all checksums are right."""
    shown = subprocess.run(
        ["tshark", "-r", capture, "--disable-protocol", "proxytunnel", "-o", "ip.check_checksum:TRUE", "-o",
         "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields", "-e", "tcp.srcport", "-e",
         "tcp.seq_raw", "-e", "tcp.ack_raw", "-e", "tcp.len", "-e", "tcp.flags", "-e", "tcp.payload", "-e",
         "ip.checksum.status", "-e", "udp.checksum.status", "-e", "tcp.checksum.status", "-e", "frame.packet_id"],
        capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in shown.splitlines()]
    for row in rows:
        assert "0" not in ",".join(row[6:9]).split(","), row   # 0 is bad
    return [tuple(row[:6]) for row, seen in zip(rows, read(capture), strict=True) if not seen.is_virtual]


def vxlan_with_checksum(frame: bytes) -> bytes:
    sender = struct.unpack_from(">H", frame, 34)[0]
    ends = (("192.0.2.1", 5000), ("192.0.2.2", 4789))
    return udp(*ends, struct.pack(">II", 0x08000000, 100 << 8) + frame) if sender == 40000 else udp(
        (ends[1][0], 5001), (ends[0][0], 4789), struct.pack(">II", 0x08000000, 100 << 8) + frame)


@pytest.mark.parametrize("way", ["vxlan", "geneve", "gre", "gre-key", "gre-ethernet", "erspan-2", "ip", "ip-in-ip6",
                                 "gtp", "vxlan-in-gre", "eight", "ppp", "802.11", "nflog", "with a checksum"])
def test_what_remains_stays_wrapped(run, tmp_path, way):
    frames = session_with_cuts()
    plain, inside = tmp_path / "plain.pcap", tmp_path / "inside.pcap"
    plain.write_bytes(pcap(frames))
    if way == "with a checksum":
        inside.write_bytes(pcap([vxlan_with_checksum(frame) for frame in frames]))
    else:
        assert wrapped(plain, inside, way)
    for capture in (plain, inside):
        done = run(capture, "--mode", "replace", "-w", capture.with_suffix(".pcapng"))
        assert done.code == 0
        assert "1 tunnel opened" in done.stderr
    assert dissected(inside.with_suffix(".pcapng")) == dissected(plain.with_suffix(".pcapng"))
    if way not in ("ppp", "802.11"):   # which the reader here does not know
        assert payload_of(read(inside.with_suffix(".pcapng")), ("192.0.2.7", 80), True) == b"first wordsmoregoodbye"


def in_fragments(frame: bytes, size: int, number: int) -> list[bytes]:
    """Of an Ethernet frame with IPv4."""
    body, parts = frame[34:], []
    for offset in range(0, len(body), size):
        more = 0x2000 if offset + size < len(body) else 0
        part = body[offset:offset + size]
        head = frame[14:16] + struct.pack(">HHH", 20 + len(part), number, more | offset // 8) + frame[22:24]
        head += bytes(2) + frame[26:34]
        parts.append(frame[:14] + head[:10] + struct.pack(">H", checksum(head)) + head[12:] + part)
    return parts


def test_fragments_stay_or_go_together(run, tmp_path):
    ordinary = Session(client=("10.0.0.9", 7), server=("10.0.0.8", 99))
    plain = [*ordinary.open(), ordinary.say(CLIENT, b"something else, in three fragments"), *session_with_cuts()]
    frames = [part for number, frame in enumerate(plain) for part in in_fragments(frame, 24, number)]
    captured, out, _, _ = written(tmp_path, run, frames)
    expected = dissected(tmp_path / "out.pcapng")
    assert [seen for seen in captured if b"\x0a\x00\x00\x09" in seen.data] == [
        seen for seen in out if b"\x0a\x00\x00\x09" in seen.data]
    assert payload_of(out, ("192.0.2.7", 80), True) == b"first wordsmoregoodbye"
    (tmp_path / "plain.pcap").write_bytes(pcap(plain))
    assert run(tmp_path / "plain.pcap", "--mode", "replace", "-w", tmp_path / "plain.pcapng").code == 0
    whole = [row for row in expected if row[0]]   # what tshark puts together, it shows with the last fragment
    assert whole == [row for row in dissected(tmp_path / "plain.pcapng") if row[0]]


def test_fragments_that_never_come_hold_up_for_a_while_only(run, tmp_path):
    lone = in_fragments(Session().say(CLIENT, bytes(40)), 24, 1)[:1]
    other = [Session(client=("10.0.0.9", 1)).segment(CLIENT, SYN)] * 2
    captured, out, _, words = written(tmp_path, run, lone + other, times=[0, 0, 11])
    assert captured == out
    assert "as they were" not in words



def test_relayed_datagrams_in_pieces(run, tmp_path):
    """FRAG: those that are put together are gone; those that came to nothing stay."""
    session = Session()
    frames = [*session.open(), session.say(CLIENT, b"\x05\x01\x00"), session.say(SERVER, b"\x05\x00"),
              session.say(CLIENT, b"\x05\x03\x00\x01" + bytes(6)),
              session.say(SERVER, b"\x05\x00\x00\x01\x0a\x00\x00\x01\x27\x10")]

    def piece(position: int, payload: bytes) -> bytes:
        return udp(("10.0.0.5", 4000), ("10.0.0.1", 10000),
                   bytes([0, 0, position, 1, 192, 0, 2, 7, 0, 53]) + payload)
    frames += [piece(1, b"lost"), piece(1, b"in "), piece(2, b"two "), piece(0x83, b"pieces"), piece(1, b"the end")]
    _, out, _, _ = written(tmp_path, run, frames)
    datagrams = [(seen.is_virtual, segment.payload) for seen in out if (segment := segment_of(seen)).protocol == 17]
    assert [payload[10:] for is_virtual, payload in datagrams if not is_virtual] == [b"lost", b"the end"]
    assert [payload for is_virtual, payload in datagrams if is_virtual] == [b"in two pieces"]
