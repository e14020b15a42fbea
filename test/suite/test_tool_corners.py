# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: corners of the contract in which the tool was once wrong, each as a small capture."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import pytest
import wire
from wire import ACK, CLIENT, PSH, RST, SERVER, SYN, Session

REQUEST, OK = b"CONNECT h:80 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"


def socks5(session: Session, address: str, port: int) -> list[bytes]:
    packed = wire.ip_address(address).packed
    kind = b"\1" if len(packed) == 4 else b"\4"
    return [session.say(CLIENT, b"\5\1\0"), session.say(SERVER, b"\5\0"),
            session.say(CLIENT, b"\5\1\0" + kind + packed + struct.pack(">H", port)),
            session.say(SERVER, b"\5\0\0\1" + bytes(6))]


def with_header(frame: bytes, options: bytes = b"", **fields: int) -> bytes:
    """An Ethernet frame of IPv4 and TCP with other options, acknowledgment or urgent pointer; checksums made anew."""
    packet, tcp, payload = frame[14:34], bytearray(frame[34:54] + options), frame[54:]
    tcp[12] = len(tcp) // 4 << 4
    if "acknowledgment" in fields:
        tcp[8:12] = struct.pack(">I", fields["acknowledgment"])
    if "urgent" in fields:
        tcp[13] |= 0x20
        tcp[18:20] = struct.pack(">H", fields["urgent"])
    tcp[16:18] = b"\0\0"
    length = len(tcp) + len(payload)
    value = wire.checksum(packet[12:20] + struct.pack(">II", length, 6) + bytes(tcp) + payload)
    tcp[16:18] = struct.pack(">H", value)
    head = packet[:2] + struct.pack(">H", 20 + length) + packet[4:10] + b"\0\0" + packet[12:]
    head = head[:10] + struct.pack(">H", wire.checksum(head)) + head[12:]
    return frame[:14] + head + bytes(tcp) + payload


def export(run, tmp_path: Path, frames: list[bytes], *options: object) -> tuple[dict, list[list[str]]]:
    source, output, report = tmp_path / "in.pcap", tmp_path / "out.pcapng", tmp_path / "report.json"
    source.write_bytes(wire.pcap(frames))
    done = run(source, "-q", "-w", output, "--report", report, *options)
    assert done.code == 0, done.stderr
    fields = [part for name in ("ip.src", "ip.dst", "tcp.flags", "tcp.len", "tcp.urgent_pointer", "tcp.options.sack_re",
                                "tcp.checksum.status") for part in ("-e", name)]
    text = subprocess.run(["tshark", "-n", "-o", "tcp.check_checksum:TRUE", "-o", "tcp.relative_sequence_numbers:FALSE",
                           "-r", output, "-T", "fields", *fields], check=True, capture_output=True, text=True).stdout
    return json.loads(report.read_text()), [line.split("\t") for line in text.splitlines()]


def test_a_syn_answer_acknowledges_what_the_syn_carried(run, tmp_path):
    session = Session()
    frames = [session.segment(CLIENT, SYN, REQUEST + b"EARLY"), session.segment(SERVER, SYN | ACK),
              session.segment(CLIENT, ACK), session.say(SERVER, OK), session.say(CLIENT, b"x")]
    report, _ = export(run, tmp_path, frames)
    assert [(t["status"], t["client_payload"]["bytes"]) for t in report["tunnels"]] == [("established", 6)]


def test_the_urgent_pointer_moves_with_the_cut(run, tmp_path):
    session = Session()
    frames = [*session.open(), session.say(CLIENT, REQUEST)]
    frames.append(with_header(session.say(SERVER, OK + b"hello!"), urgent=len(OK) + 3))
    _, packets = export(run, tmp_path, frames)
    assert packets[3][3:5] == ["6", "3"] and packets[3][6] == "1"


def test_a_duplicate_acknowledgment_with_sack_of_payload_is_shown(run, tmp_path):
    session = Session()
    frames = [*session.open(), session.say(CLIENT, REQUEST), session.say(SERVER, OK)]
    base = session.numbers[SERVER]
    sack = with_header(session.segment(CLIENT, ACK), b"\1\1\5\x0a" + struct.pack(">II", base + 10, base + 20))
    frames += [session.segment(SERVER, PSH | ACK, b"B" * 10, base + 10), sack,
               session.segment(SERVER, PSH | ACK, b"A" * 10, base)]
    _, packets = export(run, tmp_path, frames)
    assert [p[5] for p in packets[3:]] == ["", str(base + 20), ""]


def test_a_chain_within_a_reused_connection(run, tmp_path):
    frames = []
    for numbers in ([1000, 5000], [900000, 8800000]):
        session = Session(numbers=numbers)
        frames += [*session.open(), *socks5(session, "10.9.9.9", 1080), *socks5(session, "192.0.2.7", 80),
                   session.say(CLIENT, b"hello")]
    report, _ = export(run, tmp_path, frames)
    assert [t["anomalies"] for t in report["tunnels"]] == [[]] * 4


def test_the_outermost_client_keeps_its_family_through_a_chain(run, tmp_path):
    session = Session()
    frames = [*session.open(), *socks5(session, "2001:db8::9", 1080), *socks5(session, "192.0.2.7", 80),
              session.say(CLIENT, b"hello")]
    report, packets = export(run, tmp_path, frames)
    assert {t["client"]["address"] for t in report["tunnels"]} == {"10.0.0.5"}
    assert packets[-1][:2] == ["10.0.0.5", "192.0.2.7"]


def test_one_absurd_acknowledgment_proves_nothing(run, tmp_path):
    session = Session()
    frames = [*session.open(), session.say(CLIENT, REQUEST), session.say(SERVER, OK), session.say(SERVER, b"abc")]
    frames.append(with_header(session.segment(CLIENT, RST | ACK), acknowledgment=1234567890))
    report, _ = export(run, tmp_path, frames)
    assert report["tunnels"][0]["server_payload"]["missing_bytes"] == 0


def test_what_could_not_be_held_is_a_hole(run, tmp_path):
    session = Session()
    frames = [*session.open(), session.say(CLIENT, REQUEST), *(session.say(CLIENT, b"Z" * 1000) for _ in range(80))]
    frames.append(with_header(session.say(SERVER, OK), acknowledgment=1001 + len(REQUEST)))
    report, _ = export(run, tmp_path, frames, "--hash")
    payload = report["tunnels"][0]["client_payload"]
    assert (payload["missing_bytes"], payload["sha256"]) == (16000, None)


def test_ports_used_again_without_a_syn(run, tmp_path):
    again = Session(numbers=[3000000000, 77777777])
    frames = [*wire.connect_session(), again.say(CLIENT, b"CONNECT other:80 HTTP/1.1\r\n\r\n"), again.say(SERVER, OK),
              again.say(CLIENT, b"GET /2"), again.say(SERVER, b"answer2")]
    report, _ = export(run, tmp_path, frames)
    assert [(t["target"]["host"], t["server_payload"]["missing_bytes"]) for t in report["tunnels"]] == \
        [("www.example.com", 0), ("other", 0)]


def test_names_carry_no_orders_for_terminals(run, tmp_path):
    name = "a\u009b31m\u202eb\0www.bank.example".encode()
    session = Session()
    frames = [*session.open(), session.say(CLIENT, b"\5\1\0"), session.say(SERVER, b"\5\0"),
              session.say(CLIENT, b"\5\1\0\3" + bytes([len(name)]) + name + b"\0\x50"),
              session.say(SERVER, b"\5\0\0\1" + bytes(6)), session.say(CLIENT, b"x")]
    export(run, tmp_path, frames)
    listed = run(tmp_path / "in.pcap", "-q", "--list").stdout
    assert b"\xc2\x9b" not in listed and b"\xe2\x80\xae" not in listed
    names = [b.body for b in wire.pcapng_blocks((tmp_path / "out.pcapng").read_bytes()) if b.kind == wire.NAMES]
    assert not any(b"\0www.bank.example" in body for body in names)


def test_a_list_that_cannot_be_written(tool, tmp_path):
    path = tmp_path / "one.pcap"
    path.write_bytes(wire.pcap(wire.connect_session()))
    with open("/dev/full", "wb") as full:
        assert subprocess.run([tool, path, "-q", "--list"], stdout=full, stderr=subprocess.DEVNULL).returncode == 4


@pytest.mark.parametrize("room", [1, 2])
def test_what_makes_room_may_show_something_at_any_depth(run, captures, tmp_path, room: int):
    """Connections that are evicted show what waits in them while packets of others are on their way."""
    for capture in sorted(captures.glob("*.pcap*")):
        done = run(capture, "-q", "--engine", "native", "--max-connections", room, "-w", tmp_path / "out.pcapng")
        assert (done.code, done.stderr) == (0, ""), capture.name
