# SPDX-License-Identifier: GPL-2.0-or-later
# summary: every follower shows of a virtual stream what Wireshark without the plugin shows of the export, and of a
#          parent what it shows of the capture.
from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from conftest import REPOSITORY
from test_plugin_wire import Tshark, cannot_run, folder, tshark  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

CAPTURES = ["curl_socks5_connect.pcap", "connect_407.pcapng", "nested.pcapng", "http_forward.pcapng", "lossy.pcapng",
            "optimistic_fragmented.pcapng", "socks5_udp.pcapng", "tls_proxy.pcapng", "tls_forward.pcapng"]
# Without the plugin the parent's HTTP is that of the tunnel as well, and SOCKS shows relayed datagrams twice.
ALIKE, WITHOUT_THE_TUNNEL = ("tcp", "tls"), ("udp", "http", "http2")
CONNECT = b"CONNECT ".hex()   # what it begins is another parent
BLOCK = re.compile(r"^Follow: (\w+),raw\nFilter: .*\nNode 0: (.*)\nNode 1: (.*)\n((?:\t?[0-9a-f]+\n)*)", re.MULTILINE)


def keys_of(capture: Path) -> tuple[str, ...]:
    keys = capture.with_suffix(".keys")
    return ("-o", f"tls.keylog_file:{keys}") if keys.is_file() else ()


def followed(program: Tshark, capture: Path, keys: tuple[str, ...], way: tuple[str, ...] = (),
             plugin: str | None = None) -> dict[str, Counter]:
    """What each follower says of all streams: (node 0, node 1, lines of payload), how often."""
    listed = program.run("-n", "-r", capture, "-T", "fields", "-e", "tcp.stream", "-e", "udp.stream", *keys,
                         plugin=plugin).stdout
    streams = range(max((int(number) for number in re.findall(r"\d+", listed)), default=-1) + 1)
    asked = [word for kind in ALIKE + WITHOUT_THE_TUNNEL for stream in streams
             for word in ("-z", f"follow,{kind},raw,{stream}" + ",0" * (kind == "http2"))]
    done = program.run("-n", "-r", capture, "-q", *way, *keys, *asked, plugin=plugin)
    assert done.returncode == 0 and "Sanitizer" not in done.stderr, done.stderr
    said: dict[str, Counter] = {kind: Counter() for kind in ALIKE + WITHOUT_THE_TUNNEL}
    for kind, *ends, payload in BLOCK.findall(done.stdout):
        if payload:
            said[kind][(*ends, payload)] += 1
    return said


@pytest.mark.parametrize("way", [(), ("-2",)], ids=["one-pass", "two-pass"])
@pytest.mark.parametrize("name", CAPTURES)
def test_every_follower_is_right(name: str, way: tuple[str, ...], folder: Path, tshark: Tshark):  # noqa: F811
    capture, export = REPOSITORY / "test/captures" / name, folder / "export.pcapng"
    keys = keys_of(capture)
    assert tshark.run("-q", "-r", capture, *keys, "-z", f"proxytunnel,export,{export}").returncode == 0
    ours = followed(tshark, capture, keys, way)
    of_parents = followed(tshark, capture, keys, way, plugin="none")
    of_virtual = followed(tshark, export, keys, way, plugin="none")
    assert any(ours.values()) and any(of_virtual.values())
    for kind in ALIKE:
        assert ours[kind] == of_parents[kind] + of_virtual[kind]
    for kind in WITHOUT_THE_TUNNEL:
        innermost = {stream for stream in of_virtual[kind] if not stream[2].startswith(CONNECT)}
        assert innermost <= ours[kind].keys()
        transport = "udp" if kind == "udp" else "tcp"
        may_be_parents = {frozenset(stream[:2]) for stream in of_parents[transport] + of_virtual[transport]}
        assert {frozenset(stream[:2]) for stream in ours[kind] if stream not in innermost} <= may_be_parents
    tunnelled = {line for *_, payload in of_virtual["tcp"] if not payload.startswith(CONNECT)
                 for line in payload.split() if len(line) > 100}
    assert not [payload for *_, payload in ours["http"] - of_virtual["http"]
                if any(line in payload for line in tunnelled)]
