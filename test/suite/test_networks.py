# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: a connection that is seen in several VLANs is one connection, and an anomaly: the same in both programs,
whatever the tags and whatever the link layer."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import wire
from test_plugin_wire import Tshark, cannot_run, folder, tshark  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

VLAN, SERVICE_VLAN, OLD_VLAN = 0x8100, 0x88A8, 0x9100
IP = 0x0800
UNTAGGED: list[tuple[int, int]] = []
FIVE, SIX = [(VLAN, 5)], [(VLAN, 6)]


def typed(tags: list[tuple[int, int]]) -> tuple[int, bytes]:
    """The link layer's type and what stands between it and the IP packet."""
    kinds = [kind for kind, _ in tags] + [IP]
    return kinds[0], b"".join(struct.pack(">HH", number, kind) for (_, number), kind in zip(tags, kinds[1:]))


def ethernet(packet: bytes, tags: list[tuple[int, int]]) -> bytes:
    kind, between = typed(tags)
    return b"\x02" * 6 + b"\x04" * 6 + struct.pack(">H", kind) + between + packet


def cooked(packet: bytes, tags: list[tuple[int, int]]) -> bytes:
    kind, between = typed(tags)
    return struct.pack(">HHH8sH", 0, 1, 6, b"\x02" * 6, kind) + between + packet


def cooked_2(packet: bytes, tags: list[tuple[int, int]]) -> bytes:
    kind, between = typed(tags)
    return struct.pack(">HHIHBB8s", kind, 0, 1, 1, 0, 6, b"\x02" * 6) + between + packet


LINKS = {"ethernet": (1, ethernet), "cooked": (113, cooked), "cooked-2": (276, cooked_2)}


# How a connection is tagged first, how from the answer on, and whether these are several VLANs.
CASES = [
    (UNTAGGED, FIVE, True), (FIVE, UNTAGGED, True), (FIVE, SIX, True), (FIVE, FIVE, False),
    # The number 0 is no VLAN: such a tag is there for its priority. The priority does not count, nor does the kind.
    (UNTAGGED, [(VLAN, 0x6000)], False), (FIVE, [(VLAN, 0xE005)], False), (FIVE, [(SERVICE_VLAN, 5)], False),
    ([(SERVICE_VLAN, 9), *FIVE], [(SERVICE_VLAN, 9), *SIX], True),
    ([(SERVICE_VLAN, 8), *FIVE], [(SERVICE_VLAN, 9), *FIVE], True),
    ([(SERVICE_VLAN, 9), (SERVICE_VLAN, 5)], [(SERVICE_VLAN, 9), (SERVICE_VLAN, 6)], True),
    ([(OLD_VLAN, 9), *FIVE], [(OLD_VLAN, 9), *SIX], True), ([*FIVE, *SIX], [*SIX, *FIVE], True),
    ([(VLAN, 7), *FIVE, *SIX], [(VLAN, 7), *SIX, *SIX], True), ([*FIVE, *SIX], [*FIVE, *SIX], False),
]


def anomalies(run, tshark: Tshark, folder: Path, frames: list[bytes], link: int = 1) -> list[list[str]]:  # noqa: F811
    """Of each tunnel, after both programs said the same."""
    capture = folder / "capture.pcap"
    capture.write_bytes(wire.pcap(frames, link))
    assert run(capture, "-q", "--report", folder / "tool.json").code == 0
    tshark.text("-r", capture, "-q", "-z", f"proxytunnel,report,{folder / 'plugin.json'}")
    ours, theirs = (json.loads((folder / f"{name}.json").read_text())["tunnels"] for name in ("tool", "plugin"))
    assert [each["status"] for each in ours] == [each["status"] for each in theirs]
    assert {each["status"] for each in ours} == {"established"}
    told = [each["anomalies"] for each in ours]
    assert told == [each["anomalies"] for each in theirs]
    return told


@pytest.mark.parametrize("link", LINKS)
def test_the_answer_comes_in_another_vlan(run, tshark: Tshark, folder: Path, link: str):  # noqa: F811
    number, framed = LINKS[link]
    answer = 6
    frames = []
    for port, (before, after, _) in enumerate(CASES, start=40000):
        session = wire.connect_session(client=("10.0.0.5", port))
        frames += [framed(frame[14:], after if index >= answer else before) for index, frame in enumerate(session)]
    told = anomalies(run, tshark, folder, frames, number)
    assert told == [["several-vlans"] if several else [] for _, _, several in CASES]


def test_what_waited_keeps_its_vlan(run, tshark: Tshark, folder: Path):  # noqa: F811
    """A chain whose client waits for nobody: what it says in another VLAN is shown inside both tunnels, in a frame of
    the first VLAN."""
    session = wire.Session()
    asked = [*session.open(), session.say(wire.CLIENT, b"CONNECT 10.0.0.2:1080 HTTP/1.1\r\n\r\n")]
    early = [session.say(wire.CLIENT, b"CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n"), session.say(wire.CLIENT, b"hello")]
    granted = [session.say(wire.SERVER, b"HTTP/1.1 200 OK\r\n\r\n") for _ in range(2)]
    frames = [ethernet(frame[14:], SIX if frame in early else FIVE)
              for frame in [*asked, *early, *granted, *session.close()]]
    assert anomalies(run, tshark, folder, frames) == [["several-vlans"], ["several-vlans"]]
