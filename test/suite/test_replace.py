# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: --mode replace with real captures: what is not proxied comes out as it was, proxied payload is moved, and
nothing is there twice or lost."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from conftest import REPOSITORY, SHARED
from replaced import Seen, Segment, packets_of, read, segment_of, streams_of

OURS = sorted(p for p in (REPOSITORY / "test/captures").iterdir() if p.suffix in (".pcap", ".pcapng", ".gz"))
LAB = sorted(p for p in (SHARED / "captures/lab").glob("*.pcap*")) if SHARED.is_dir() else []
# The lab's are mostly ours again, and those of both take minutes: PROXYTUNNEL_ALL_CAPTURES=1.
CAPTURES = OURS + (LAB if os.environ.get("PROXYTUNNEL_ALL_CAPTURES") else [])
# Connections with holes, and ends that are used again: their streams are not put together here.
WITH_HOLES = {"holes", "p17_holes", "midstream", "p12c_midstream", "snaplen_96", "p12b_snaplen96", "lossy",
              "p12a_lossy_reorder"}


def name_of(capture: Path) -> str:
    return capture.name.split(".")[0]


def each_capture(function):
    return pytest.mark.parametrize("capture", CAPTURES, ids=name_of)(function)


@pytest.fixture(scope="module")
def replace(run, tmp_path_factory):
    """replace(capture) -> (packets, report), once for each capture."""
    known = {}

    def replaced(capture: Path) -> tuple[list[Seen], dict]:
        if capture not in known:
            folder = tmp_path_factory.mktemp("replaced")
            done = run(capture, "--mode", "replace", "-w", folder / "out.pcapng", "--report", folder / "out.json",
                       "--engine", "native")
            assert done.code in (0, 1), done.stderr
            known[capture] = (read(folder / "out.pcapng"), json.loads((folder / "out.json").read_text()))
        return known[capture]
    return replaced


def proxied_ends(report: dict) -> set[frozenset]:
    """Of connections on the wire in which a tunnel opened."""
    def end(of: dict) -> tuple[str, int]:
        return of["address"], of["port"]
    return {frozenset((end(t["client"]), end(t["proxy"]))) for t in report["tunnels"]
            if t["layer"] == 0 and t["status"] in ("established", "auth-failed") and t["transport"] == "tcp"
            and not t["inside_tls"]} | {
        frozenset((end(t["proxy"]), end(t["origin"]))) for t in report["tunnels"]
        if t["layer"] == 0 and t["protocol"].startswith("proxy-") and t["transport"] == "tcp" and t["origin"]}


def left_as_they_are(replaced: list[Seen]) -> list[Seen]:
    return [seen for seen in replaced if not seen.is_virtual and not seen.is_changed]


def missing(captured: list[Seen], replaced: list[Seen]) -> list[int]:
    """Numbers of packets that did not come out as they were; what came out is in order."""
    gone, kept = [], iter(left_as_they_are(replaced))
    expected = next(kept, None)
    for number, seen in enumerate(captured, 1):
        if seen == expected:
            expected = next(kept, None)
        else:
            gone.append(number)
    assert expected is None, "a packet came out that was not captured, or not in order"
    return gone


@each_capture
def test_what_is_not_proxied_comes_out_as_it_was(capture, replace):
    captured = read(capture)
    replaced, report = replace(capture)
    if not report["tunnels"]:
        assert captured == replaced
        return
    proxied = proxied_ends(report)
    moved = {seen.source_frame for seen in replaced if seen.is_virtual}
    for number in missing(captured, replaced):
        segment = segment_of(captured[number - 1])
        if segment is None or segment.protocol == 17:
            assert number in moved or segment is None, number
        else:
            assert segment.ends in proxied, number


@each_capture
def test_time_is_no_worse_than_it_was(capture, replace):
    def steps_back(packets: list[Seen]) -> int:
        return sum(one.time > another.time for one, another in zip(packets, packets[1:], strict=False))
    assert steps_back(replace(capture)[0]) <= steps_back(read(capture))


@each_capture
def test_virtual_conversations_are_those_of_the_other_mode(capture, replace, run, tmp_path):
    replaced, report = replace(capture)
    if not report["tunnels"]:   # and it may be an export itself
        return
    assert run(capture, "-w", tmp_path / "out.pcapng", "--engine", "native").code in (0, 1)
    carriers = {t["parent"] for t in report["tunnels"] if t["parent"] is not None}
    names = {(t["client"]["address"], t["client"]["port"]) for t in report["tunnels"] if t["id"] in carriers}

    def leaves(packets: list[Seen]) -> list[tuple]:
        found = []
        for seen in packets:
            segment = segment_of(seen)
            assert segment is not None
            if not {segment.source, segment.destination} & names:
                found.append((seen.time, seen.data, seen.wire, seen.options))
        return found
    assert leaves([seen for seen in replaced if seen.is_virtual]) == leaves(read(tmp_path / "out.pcapng"))


@each_capture
def test_every_byte_is_in_one_place(capture, replace):
    """The bytes of a proxied connection are those that remain in it, and those of its virtual conversations."""
    replaced, report = replace(capture)
    before = [segment for segment in map(segment_of, read(capture)) if segment]
    after = [segment for seen in replaced if not seen.is_virtual and (segment := segment_of(seen))]
    made = [segment for seen in replaced if seen.is_virtual and (segment := segment_of(seen))]
    proxied = proxied_ends(report)
    if name_of(capture) in WITH_HOLES or not report["tunnels"]:
        return

    def bytes_of(segments: list[Segment], ends=None) -> Counter:
        return Counter(value for (source, destination), stream in streams_of(segments).items()
                       if ends is None or frozenset((source, destination)) in ends for value in stream.bytes.values())
    assert bytes_of(before, proxied) == bytes_of(after, proxied) + bytes_of(made)


@each_capture
def test_what_remains_has_no_gap(capture, replace):
    replaced, report = replace(capture)
    proxied = proxied_ends(report)
    original = streams_of([segment for segment in map(segment_of, read(capture)) if segment])
    remains = streams_of([s for seen in replaced if not seen.is_virtual and (s := segment_of(seen))])
    for ends, stream in remains.items():
        if frozenset(ends) not in proxied or original[ends].has_gap or name_of(capture) in WITH_HOLES:
            continue
        assert not stream.has_gap, ends
        if original[ends].fin is not None:
            assert stream.fin == len(stream.bytes), ends


@each_capture
def test_nothing_is_left_to_find(capture, replace, run, tmp_path):
    """In what was replaced, the connections with proxies carry nothing any more. (A request in absolute form is one in
    its virtual conversation, too, and may be taken for another proxy's.)"""
    replaced, report = replace(capture)
    proxied = proxied_ends(report)
    assert run(capture, "--mode", "replace", "-w", tmp_path / "once.pcapng", "--engine", "native").code in (0, 1)
    assert run(tmp_path / "once.pcapng", "--report", tmp_path / "again.json", "--engine", "native").code == 0
    for tunnel in json.loads((tmp_path / "again.json").read_text())["tunnels"]:
        ends = frozenset((tunnel[end]["address"], tunnel[end]["port"]) for end in ("client", "proxy"))
        payload = tunnel["client_payload"]["bytes"] + tunnel["server_payload"]["bytes"]
        assert payload == 0 or ends not in proxied, tunnel
    assert read(tmp_path / "once.pcapng") == replaced   # two runs are equal


@pytest.mark.parametrize("name", ["connect", "optimistic_fragmented", "http_forward", "nested", "socks5_udp"])
def test_a_pipe_gives_the_same(name, captures, run, tmp_path):
    capture = captures / f"{name}.pcapng"
    assert run(capture, "--mode", "replace", "-w", tmp_path / "out.pcapng").code == 0
    piped = run("-", "--mode", "replace", "-w", "-", stdin=capture.read_bytes())
    assert piped.code == 0
    assert packets_of(piped.stdout) == read(tmp_path / "out.pcapng")


@each_capture
def test_dropped_handshakes(capture, replace, run, tmp_path):
    """What is left is the rest of the other output, in its order."""
    kept, report = replace(capture)
    assert run(capture, "--mode", "replace", "--handshakes", "drop", "--engine", "native", "-w",
               tmp_path / "out.pcapng").code in (0, 1)
    dropped = read(tmp_path / "out.pcapng")
    rest = iter(kept)
    assert all(seen in rest for seen in dropped)
    proxied = proxied_ends({"tunnels": [t for t in report["tunnels"] if t["status"] == "established"
                                        and t["command"] not in ("resolve", "resolve-ptr")]})
    if name_of(capture) in WITH_HOLES | {"back_connect"}:   # ends are used again there by others
        return
    left = [segment for seen in dropped if not seen.is_virtual and (segment := segment_of(seen))]
    assert not [segment for segment in left if segment.ends in proxied and segment.protocol == 6]
    if not report["tunnels"]:
        assert dropped == kept


def analysis(capture: Path) -> Counter:
    shown = subprocess.run(["tshark", "-r", capture, "-o", "tcp.check_checksum:FALSE", "--disable-protocol",
                            "proxytunnel", "-Y", "tcp.analysis.flags && !tcp.analysis.window_update && "
                            "!frame.packet_id", "-T", "fields", "-e", "_ws.expert.message"],
                           capture_output=True, text=True, check=True).stdout
    # What is sent again is called one or the other by its time.
    known = {"retransmission": "again", "out-of-order": "again", "not captured": "lost",
             "ACKed segment that wasn't": "lost", "Duplicate ACK": "acknowledged again", "Keep-alive": "kept alive"}
    return Counter(known[word] for line in shown.splitlines() for word in known if word.lower() in line.lower())


@pytest.mark.parametrize("name", [p.name for p in OURS if p.suffix != ".gz"])
def test_tshark_finds_no_more_faults(name, captures, run, tmp_path):
    """In what remains, beyond those of the capture; those of virtual conversations are the same ones again."""
    assert run(captures / name, "--mode", "replace", "-w", tmp_path / "out.pcapng", "--engine", "native").code in (0, 1)
    before, after = analysis(captures / name), analysis(tmp_path / "out.pcapng")
    assert after <= before, (before, after)
    wrong = subprocess.run(["tshark", "-r", tmp_path / "out.pcapng", "-o", "tcp.check_checksum:TRUE", "-o",
                            "ip.check_checksum:TRUE", "--disable-protocol", "proxytunnel", "-Y",
                            'frame.comment contains "payload of this packet" && '
                            "(tcp.checksum.status == 0 || ip.checksum.status == 0)"], capture_output=True, check=True)
    assert wrong.stdout == b""


def test_relayed_datagrams_are_replaced(captures, replace):
    """Of a SOCKS association none is left; what was no relayed datagram is."""
    capture = captures / "socks5_udp.pcapng"
    replaced, report = replace(capture)
    datagrams = sum(flow["client_payload"]["datagrams"] + flow["server_payload"]["datagrams"]
                    for tunnel in report["tunnels"] for flow in tunnel.get("flows", []))
    virtual = [segment for seen in replaced if seen.is_virtual and (segment := segment_of(seen)).protocol == 17]
    before = [segment for seen in read(capture) if (segment := segment_of(seen)) and segment.protocol == 17]
    after = [segment for seen in replaced if not seen.is_virtual and (segment := segment_of(seen))
             and segment.protocol == 17]
    assert datagrams == len(virtual) == len(before) - len(after) > 0
