# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: two feeders, one truth: both programs make the same virtual packets, byte for byte, of our captures, also
when these are cut, reordered, doubled, thinned out or cut by a snapshot length."""

from __future__ import annotations

import json
import random
import struct
import subprocess
from pathlib import Path

import pytest
import wire
from test_plugin_wire import Tshark, cannot_run, folder, tshark  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

ETHERNET, RAW = 14, 0

# both_legs_dns is the exception: docs/decisions/0005.
CAPTURES = ["curl_socks5_connect.pcap", "socks4.pcapng", "socks5_password.pcap", "socks5_ipv6.pcapng",
            "connect_407.pcapng", "nested.pcapng", "optimistic_fragmented.pcapng", "lossy.pcapng", "midstream.pcap",
            "no_proxy.pcapng", "socks5_udp.pcapng", "socks_bind.pcapng", "http_forward.pcapng",
            "http_forward_407.pcapng", "http_forward_odd.pcapng", "proxy_protocol.pcapng",
            "proxy_protocol_stacked.pcapng", "gssapi.pcapng", "back_connect.pcapng", "pp2_dnsdist_udp.pcap",
            "udp_announced_other_address.pcap", "udp_reply_names_client.pcap"]


def drop_some(records: list, chance: random.Random) -> list:
    return [record for record in records if chance.random() > 0.05]


def swap_some(records: list, chance: random.Random) -> list:
    late = [(place + (6 * chance.random() if chance.random() < 0.3 else 0), record)
            for place, record in enumerate(records)]
    return [record for _, record in sorted(late, key=lambda item: item[0])]


def double_some(records: list, chance: random.Random) -> list:
    return [record for original in records for record in [original] * (1 + (chance.random() < 0.3))]


def cut_the_beginning(records: list, chance: random.Random) -> list:
    return records[chance.randrange(1, max(2, len(records) // 3)):]


def cut_each(records: list, chance: random.Random) -> list:
    return [(*record[:2], record[2][:96], record[3]) for record in records]


MUTATIONS = {"as it is": lambda records, chance: records, "dropped": drop_some, "reordered": swap_some,
             "doubled": double_some, "midstream": cut_the_beginning, "snapshot length": cut_each}


def mutated(capture: Path, target: Path, mutation: str) -> None:
    """Rewrites a capture of one link type, as nanosecond pcap."""
    subprocess.run(["editcap", "-F", "nsecpcap", capture, target], check=True, capture_output=True)
    data = target.read_bytes()
    records, offset = [], 24
    while offset < len(data):
        seconds, fraction, captured, length = struct.unpack_from("<IIII", data, offset)
        records.append((seconds, fraction, data[offset + 16:offset + 16 + captured], length))
        offset += 16 + captured
    changed = MUTATIONS[mutation](records, random.Random(capture.name + mutation))
    target.write_bytes(data[:24] + b"".join(struct.pack("<IIII", seconds, fraction, len(frame), length) + frame
                                            for seconds, fraction, frame, length in changed))


def packets(export: Path, link_header: int) -> list[tuple[bytes, list[bytes], bytes]]:
    """Time, source frame and IP packet of each."""
    return [(block.body[4:12], block.options[5], block.packet[link_header:])
            for block in wire.pcapng_blocks(export.read_bytes()) if block.kind == wire.PACKET]


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("name", CAPTURES)
def test_same_packets(run, captures, tshark: Tshark, folder: Path, name: str, mutation: str):  # noqa: F811
    capture = folder / "capture.pcap"
    mutated(captures / name, capture, mutation)
    assert run(capture, "-q", "-w", folder / "tool.pcapng").code == 0
    tshark.text("-r", capture, "-q", "-z", f"proxytunnel,export,{folder / 'plugin.pcapng'}")
    ours, theirs = packets(folder / "tool.pcapng", ETHERNET), packets(folder / "plugin.pcapng", RAW)
    assert len(ours) == len(theirs)
    assert ours == theirs
    assert bool(ours) == (name != "no_proxy.pcapng") or mutation != "as it is"


def test_what_waits_inside_a_conversation_names_the_same_frame(run, tshark: Tshark, folder: Path):  # noqa: F811
    """The second request comes in two segments: its beginning waits, and is shown at the frame of its end."""
    session = wire.Session(server=("10.0.0.1", 3128))
    request = b"GET http://192.0.2.7/ HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n"
    frames = [*session.open(), session.say(wire.CLIENT, request),
              session.say(wire.SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
              session.say(wire.CLIENT, request[:20]), session.say(wire.CLIENT, request[20:]), *session.close()]
    capture = folder / "capture.pcap"
    capture.write_bytes(wire.pcap(frames))
    assert run(capture, "-q", "-w", folder / "tool.pcapng").code == 0
    tshark.text("-r", capture, "-q", "-z", f"proxytunnel,export,{folder / 'plugin.pcapng'}")
    ours, theirs = packets(folder / "tool.pcapng", ETHERNET), packets(folder / "plugin.pcapng", RAW)
    assert ours == theirs
    assert [struct.unpack("<Q", source)[0] for _, (source,), packet in ours if len(packet) > 40] == [4, 5, 7, 7]


def attempts(report: Path) -> list[tuple]:
    return [(each["id"], each["protocol"], each["status"], each["target"]["host"], each["server_payload"]["bytes"])
            for each in json.loads(report.read_text())["tunnels"]]


def test_same_attempts_where_the_capture_ends_too_early(run, tshark: Tshark, folder: Path):  # noqa: F811
    """Undecided connections, and payload that waits behind a hole: the report of both programs ends them alike."""
    silent = wire.Session(client=("10.0.0.5", 40001), server=("10.0.0.1", 1080))
    lost = wire.Session(client=("10.0.0.5", 40002), server=("10.0.0.1", 3128))
    frames = [*silent.open(), silent.say(wire.CLIENT, b"\x04\x01\x00\x50\xc0\x00\x02\x07user\0"), *lost.open(),
              lost.say(wire.CLIENT, b"GET http://192.0.2.7/ HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n")]
    lost.say(wire.SERVER, b"HTTP/1.1 200 OK\r\n\r\n")  # not captured
    frames.append(lost.say(wire.SERVER, b"x" * 500))
    capture = folder / "capture.pcap"
    capture.write_bytes(wire.pcap(frames))
    assert run(capture, "-q", "--report", folder / "tool.json").code == 0
    tshark.text("-r", capture, "-q", "-z", f"proxytunnel,report,{folder / 'plugin.json'}")
    ours = attempts(folder / "tool.json")
    assert ours == attempts(folder / "plugin.json")
    assert [each[1:] for each in ours] == [("http-forward", "established", "192.0.2.7", 500),
                                           ("socks4", "incomplete", "192.0.2.7", 0)]
