# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: what the tool makes of our captures, packet by packet, against files that a person can review.

UPDATE_GOLDENS=1 writes the files anew (scripts/update-goldens); the difference belongs in the review.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest
import wire
from conftest import INSIDE
from wire import ip_address

GOLDENS = Path(__file__).resolve().parents[1] / "goldens"
CAPTURES = ["curl_socks5_connect.pcap", "socks4.pcapng", "socks5_password.pcap", "connect_407.pcapng", "nested.pcapng",
            "optimistic_fragmented.pcapng", "snaplen_96.pcap", "midstream.pcap", "link_vlan.pcap", "socks5_ipv6.pcapng",
            "socks5_udp.pcapng", "socks_bind.pcapng", "http_forward_odd.pcapng", "proxy_protocol_stacked.pcapng"]
FLAGS = "FSRPAUEC"


def packet_line(block: wire.Block) -> str:
    """time, source frame, ends, flags, numbers, lengths: everything but payload bytes, which the hashes stand for."""
    high, low = struct.unpack_from("<II", block.body, 4)
    frame = struct.unpack("<Q", block.options[5][0])[0]
    packet = block.packet
    start = next(at for at in range(0, 64) if packet[at] in (0x45, 0x60) and is_ip(packet, at))
    version = packet[start] >> 4
    source, destination, rest = (packet[start + 12:start + 16], packet[start + 16:start + 20], packet[start + 20:]) \
        if version == 4 else (packet[start + 8:start + 24], packet[start + 24:start + 40], packet[start + 40:])
    sport, dport = struct.unpack_from(">HH", rest)
    ends = f"{ip_address(source)}:{sport} > {ip_address(destination)}:{dport}"
    if packet[start + (9 if version == 4 else 6)] == 17:
        length, checksum = struct.unpack_from(">HH", rest, 4)
        words = f"UDP {length}"
    else:
        sequence, acknowledgment, _, flags, _, checksum = struct.unpack_from(">IIBBHH", rest, 4)
        names = "".join(letter for bit, letter in enumerate(FLAGS) if flags >> bit & 1)
        words = f"{names} seq {sequence} ack {acknowledgment}"
    wire_length = struct.unpack_from("<I", block.body, 16)[0]
    return (f"{(high << 32 | low)} frame {frame} {ends} {words} "
            f"checksum {checksum:04x} captured {len(packet)} of {wire_length}" +
            "".join(f"\n    # {comment.decode()}" for comment in block.options.get(1, [])))


def is_ip(packet: bytes, at: int) -> bool:
    return packet[at + (9 if packet[at] == 0x45 else 6)] in (6, 17)


@pytest.mark.parametrize("name", CAPTURES)
def test_golden(run, captures, tmp_path, name):
    output, report_file = tmp_path / "out.pcapng", tmp_path / "report.json"
    done = run(captures / name, "-q", "--hash", "-w", output, "--report", report_file)
    assert done.code == 0, done.stderr
    report = json.loads(report_file.read_text())
    for entry in report["inputs"]:
        entry["file"] = Path(entry["file"]).name
    for entry in report["tunnels"]:  # what is inside depends on nDPI's release
        for each in [entry, *entry.get("flows", [])]:
            for fact in INSIDE:
                each.pop(fact, None)
    report["tool"] = {"name": report["tool"]["name"]}  # which version it was, and where, does not matter
    lines = ["# report"]
    for key, value in report.items():
        lines += [f"{key}: {json.dumps(item)}" for item in (value if isinstance(value, list) else [value])]
    lines.append("# packets")
    lines += [packet_line(block) for block in wire.pcapng_blocks(output.read_bytes()) if block.kind == wire.PACKET]
    text = "\n".join(lines) + "\n"
    golden = GOLDENS / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDENS"):
        GOLDENS.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()
