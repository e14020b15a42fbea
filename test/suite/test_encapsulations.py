# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: what clouds, carriers and taps wrap gives the same tunnels as it does without, in both programs, and
networks that have the same addresses stay apart."""

from __future__ import annotations

import csv
import json
import os
import struct
import subprocess
from pathlib import Path

import pytest
import wire
import wrap
from conftest import REPOSITORY, SHARED
from test_parity import CAPTURES, packets
from test_plugin_wire import Tshark, cannot_run, folder, tshark  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

OWN = [REPOSITORY / "test/captures" / name for name in CAPTURES]
LAB = sorted(SHARED.glob("captures/lab/*.pcap*")) if SHARED else []
# In every way one capture of each folder is wrapped; all of them where it is asked for (takes long).
ALL = "PROXYTUNNEL_ALL_ENCAPSULATIONS" in os.environ
EACH = [(way, capture) for number, way in enumerate(wrap.WAYS) for captures in (OWN, LAB)
        for place, capture in enumerate(captures) if ALL or place == number % len(captures)]


def told(report: Path) -> list[dict]:
    """What a report says of tunnels, but for what wraps them."""
    tunnels = json.loads(report.read_text())["tunnels"]
    return [{key: value for key, value in each.items() if key not in ("encapsulation", "input", "anomalies")} |
            {"anomalies": [name for name in each["anomalies"] if name != "several-vlans"]} for each in tunnels]


def known_to_the_plugin(tunnels: list[dict]) -> list[dict]:
    """Without what only a program that reads files knows."""
    keys = ("id", "protocol", "client", "proxy", "target", "origin", "status", "parent", "anomalies", "virtual_client")
    return [{key: value for key, value in each.items() if key in keys} for each in tunnels]


@pytest.mark.parametrize(("way", "capture"), EACH, ids=lambda value: value if isinstance(value, str) else value.name)
def test_the_same_tunnels(run, tshark: Tshark, folder: Path, way: str, capture: Path):  # noqa: F811
    target, plain = folder / "wrapped.pcap", folder / "plain.pcap"
    if "per packet" in subprocess.run(["capinfos", "-TmE", capture], capture_output=True, text=True).stdout:
        pytest.skip("several link types")
    if not wrap.wrapped(capture, target, way):
        pytest.skip("a packet is too long to be wrapped")
    wrap.write(plain, *wrap.records(capture, folder / "scratch"))
    assert run(plain, "-q", "--report", folder / "plain.json", "-w", folder / "plain.pcapng", "--link", "raw").code == 0
    assert run(target, "-q", "--report", folder / "tool.json", "-w", folder / "tool.pcapng", "--link", "raw").code == 0
    tshark.text("-r", target, "-q", "-z", f"proxytunnel,report,{folder / 'plugin.json'}", "-z",
                f"proxytunnel,export,{folder / 'plugin.pcapng'}")
    assert told(folder / "tool.json") == told(folder / "plain.json")
    assert packets(folder / "tool.pcapng", 0) == packets(folder / "plain.pcapng", 0)
    assert packets(folder / "tool.pcapng", 0) == packets(folder / "plugin.pcapng", 0)
    ours, theirs = (json.loads((folder / f"{name}.json").read_text())["tunnels"] for name in ("tool", "plugin"))
    assert [each["encapsulation"] for each in ours] == [each["encapsulation"] for each in theirs]
    assert known_to_the_plugin(told(folder / "tool.json")) == known_to_the_plugin(told(folder / "plugin.json"))
    expected = [{"protocol": name, "id": number} for name, number in wrap.WAYS[way][2]]
    for each in ours:
        if way in ("gtp", "gtp-extension", "gre-in-ppp"):  # another one in each direction
            assert [layer["protocol"] for layer in each["encapsulation"]] in ([], [expected[0]["protocol"]])
        else:
            assert each["encapsulation"] in ([], expected)


def in_vxlan(number: int, frame: bytes) -> bytes:
    header = struct.pack(">II", 0x08000000, number << 8)
    return wire.udp(("192.0.2.1", 50000), ("192.0.2.2", 4789), header + frame)


def in_gtp(number: int, frame: bytes, ends: tuple[str, str] = ("192.0.2.1", "192.0.2.2")) -> bytes:
    packet = frame[14:]
    return wire.udp((ends[0], 2152), (ends[1], 2152), struct.pack(">BBHI", 0x30, 255, len(packet), number) + packet)


def both(run, tshark: Tshark, folder: Path, frames: list[bytes]) -> list[dict]:  # noqa: F811
    """The tunnels, after both programs said the same."""
    capture = folder / "capture.pcap"
    capture.write_bytes(wire.pcap(frames))
    assert run(capture, "-q", "--report", folder / "tool.json", "--hash", "-w", folder / "tool.pcapng", "--link",
               "raw").code == 0
    tshark.text("-r", capture, "-q", "-z", f"proxytunnel,report,{folder / 'plugin.json'}", "-z",
                f"proxytunnel,export,{folder / 'plugin.pcapng'}")
    assert known_to_the_plugin(told(folder / "tool.json")) == known_to_the_plugin(told(folder / "plugin.json"))
    assert packets(folder / "tool.pcapng", 0) == packets(folder / "plugin.pcapng", 0)
    return json.loads((folder / "tool.json").read_text())["tunnels"]


def interleaved(*sessions: list[bytes]) -> list[bytes]:
    return [frame for turn in zip(*sessions, strict=True) for frame in turn]


def test_the_same_addresses_in_two_networks(run, tshark: Tshark, folder: Path):  # noqa: F811
    """Two tenants of a cloud, frame by frame: the same client, proxy and ports, and other targets."""
    sessions = [[in_vxlan(number, frame) for frame in wire.connect_session(
        target=b"host-%d.example:80" % number, answered=b"HTTP/1.0 200 OK\r\n\r\n" + b"%d" % number * number)]
        for number in (5, 6)]
    tunnels = both(run, tshark, folder, interleaved(*sessions))
    assert [each["target"]["host"] for each in tunnels] == ["host-5.example", "host-6.example"]
    assert [each["encapsulation"] for each in tunnels] == [[{"protocol": "vxlan", "id": 5}],
                                                           [{"protocol": "vxlan", "id": 6}]]
    assert [each["server_payload"]["bytes"] for each in tunnels] == [19 + 5, 19 + 6]
    assert all(not each["anomalies"] for each in tunnels)


def test_the_same_ends_shown_at_once_do_not_run_into_each_other(run, tshark: Tshark, folder: Path):  # noqa: F811
    """The same client and the same origin in two networks: an export has no networks, so one of them has a synthetic
    port."""
    sessions = [[in_vxlan(number, frame) for frame in wire.connect_session(target=b"192.0.2.7:80")]
                for number in (5, 6)]
    tunnels = both(run, tshark, folder, interleaved(*sessions))
    assert ["virtual_client" in each for each in tunnels] == [False, True]
    assert tunnels[0]["server_payload"]["sha256"] == tunnels[1]["server_payload"]["sha256"]


def test_directions_that_have_another_identifier_each(run, tshark: Tshark, folder: Path):  # noqa: F811
    """Two subscribers with the same addresses; TEIDs are given by the end that receives."""
    sessions = []
    for number, (up, down) in enumerate(((1, 2), (2, 3))):
        ends = wire.Session(numbers=[1000 + 77777 * number, 5000 + 99999 * number])
        frames = [(up, frame) for frame in ends.open()]
        frames[1] = (down, frames[1][1])
        frames += [(up, ends.say(wire.CLIENT, b"CONNECT host-%d.example:80 HTTP/1.1\r\n\r\n" % number)),
                   (down, ends.say(wire.SERVER, b"HTTP/1.1 200 OK\r\n\r\n")),
                   (up, ends.say(wire.CLIENT, b"GET / HTTP/1.0\r\n\r\n")), (down, ends.say(wire.SERVER, b"hello"))]
        close = ends.close()
        frames += [(up, close[0]), (down, close[1]), (up, close[2])]
        there, back = ("192.0.2.1", "192.0.2.2"), ("192.0.2.2", "192.0.2.1")
        sessions.append([in_gtp(teid, frame, there if teid == up else back) for teid, frame in frames])
    tunnels = both(run, tshark, folder, interleaved(*sessions))
    assert [(each["target"]["host"], each["status"]) for each in tunnels] == [("host-0.example", "established"),
                                                                              ("host-1.example", "established")]
    assert [each["server_payload"]["bytes"] for each in tunnels] == [5, 5]


def test_what_is_passed_over_is_counted(run, tmp_path: Path):
    """Damaged headers, endless nesting and payloads that nobody knows cost nobody else anything."""
    def ip(protocol: int, body: bytes) -> bytes:
        return wire.ethernet(wire.ip_packet("192.0.2.1", "192.0.2.2", protocol, body))
    deep = wire.ip_packet("10.0.0.1", "10.0.0.2", 6, bytes(20))
    for _ in range(12):
        deep = wire.ip_packet("192.0.2.1", "192.0.2.2", 4, deep)
    odd = [wire.ethernet(deep), ip(47, b"\0\0"), ip(47, b"\0\0\x12\x34" + bytes(40)), ip(4, b"\x99" * 40),
           in_vxlan(1, b"\x02" * 12 + b"\x08\x06" + bytes(28))]
    capture = tmp_path / "capture.pcap"
    capture.write_bytes(wire.pcap([*odd, *(in_vxlan(7, frame) for frame in wire.connect_session())]))
    report = tmp_path / "report.json"
    assert run(capture, "-q", "--report", report).code == 0
    told_of = json.loads(report.read_text())
    assert told_of["counters"]["packets_passed_over"] == {"too-many-headers": 1, "cut-short": 1, "encapsulated": 1,
                                                          "not-ip": 2}
    assert [each["status"] for each in told_of["tunnels"]] == ["established"]


def test_a_list_as_csv_names_the_network(run, tmp_path: Path):
    capture = tmp_path / "capture.pcap"
    capture.write_bytes(wire.pcap([in_vxlan(7, frame) for frame in wire.connect_session()]))
    done = run(capture, "-q", "--list=csv")
    assert [row["encapsulation"] for row in csv.DictReader(done.text.splitlines())] == ["vxlan 7"]


def test_the_export_has_the_link_layer_of_the_packet_itself(run, tmp_path: Path):
    """Ethernet inside VXLAN; none inside GTP; the comment on the SYN says what it was in."""
    frames = [in_vxlan(7, frame) for frame in wire.connect_session()]
    frames += [in_gtp(8, frame) for frame in wire.connect_session(client=("10.0.0.6", 40000))]
    capture, export = tmp_path / "capture.pcap", tmp_path / "export.pcapng"
    capture.write_bytes(wire.pcap(frames))
    assert run(capture, "-q", "-w", export).code == 0
    blocks = wire.pcapng_blocks(export.read_bytes())
    links = [struct.unpack_from("<H", block.body)[0] for block in blocks if block.kind == 1]
    assert links == [1, 101]
    comments = [comment.decode() for block in blocks if block.kind == wire.PACKET
                for comment in block.options.get(1, []) if b"shown as" in comment]
    assert [", in vxlan 7," in comments[0], ", in gtp 8," in comments[1]] == [True, True]
    for link, size in (("pcap", 14), ("raw", 0)):
        again = tmp_path / f"{link}.out"
        options = ("-F", "pcap") if link == "pcap" else ("--link", "raw")
        assert run(capture, "-q", "-w", again, *options).code == 0
        assert subprocess.run(["capinfos", "-c", again], capture_output=True, check=True).stdout
