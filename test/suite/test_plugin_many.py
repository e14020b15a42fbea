# SPDX-License-Identifier: GPL-2.0-or-later
# summary: many virtual packets in one frame: more than there are layer numbers, more layers than epan allows.
from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import INSIDE, TOOL
from test_parity import ETHERNET, RAW, packets
from test_plugin_wire import Connection, Tshark, cannot_run, folder, tshark  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

LAYER_NUMBERS = 256
LAYERS = 500  # that epan allows in a frame
UNANSWERED = 1024  # requests of one connection; the next one is read when there is an answer
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
ONCE, TWICE = (), ("-2",)


def address(origin: int) -> str:
    return "10.1.%d.%d" % divmod(origin, 250)


def request(origin: int) -> bytes:
    return b"GET http://%s/ HTTP/1.1\r\n\r\n" % address(origin).encode()


def closing_together(path: Path, origins: int) -> tuple[Path, int]:
    """The client's FIN ends the conversations with all origins. Returns the number of its frame, too."""
    connection = Connection(server=("10.0.0.1", 3128)).open()
    for origin in range(origins):
        connection.say(request(origin)).hear(ANSWER)
    closing = len(connection.frames) + 1
    return connection.close().write(path), closing


def pipelined(path: Path, origins: int) -> tuple[Path, int]:
    """One segment has all requests: its frame opens each conversation (three packets) and shows its request."""
    connection = Connection(server=("10.0.0.1", 3128)).open()
    return connection.say(b"".join(map(request, range(origins)))).hear(ANSWER * origins).close().write(path), 4


def answered_together(path: Path, origins: int) -> tuple[Path, int]:
    """Half of the requests wait for their answers; the others are read when one segment has these answers."""
    connection = Connection(server=("10.0.0.1", 3128)).open()
    half = origins // 2
    connection.say(b"".join(map(request, range(half)))).say(b"".join(map(request, range(half, origins))))
    return connection.hear(ANSWER * half).hear(ANSWER * half).close().write(path), 6


def head_byte_by_byte(path: Path, size: int) -> Path:
    """Its last byte shows them all."""
    connection = Connection(server=("10.0.0.1", 3128)).open()
    for byte in b"GET http://192.0.2.9/ HTTP/1.1\r\nX: ".ljust(size - 4, b"x") + b"\r\n\r\n":
        connection.say(bytes([byte]))
    return connection.hear(ANSWER).close().write(path)


def tunnels(report: Path) -> list[dict]:
    """All that both programs tell."""
    said = json.loads(report.read_text())["tunnels"]
    for each in said:
        for fact in INSIDE:
            each.pop(fact)
        for side in ("client_payload", "server_payload"):
            each[side].pop("sha256", None)
    return said


@pytest.mark.skipif(not TOOL.is_file(), reason="compares with pcap-unproxy, which is not built")
@pytest.mark.parametrize(("build", "origins", "count"), [
    (closing_together, 1, 1), (pipelined, 25, 100), (pipelined, 250, 1000),
    (answered_together, 2 * UNANSWERED, 5 * UNANSWERED)])
def test_all_is_shown(run, tshark: Tshark, folder: Path, build, origins: int, count: int):  # noqa: F811
    capture, fullest = build(folder / "c.pcap", origins)
    ours, report, export = folder / "tool.pcapng", folder / "plugin.json", folder / "plugin.pcapng"
    assert run(capture, "-q", "-w", ours, "--report", folder / "tool.json").code == 0
    for way in (ONCE, (*TWICE, "-V", "-Y", f"frame.number == {fullest}")):
        said = tshark.text("-r", capture, *way, "-z", f"proxytunnel,report,{report}",
                           "-z", f"proxytunnel,export,{export}")
        assert "issector bug" not in said
        assert packets(export, RAW) == packets(ours, ETHERNET)
        assert tunnels(report) == tunnels(folder / "tool.json")
    assert said.count("\nTransmission Control Protocol") == said.count("\nInternet Protocol Version 4") == 1 + count
    assert [each["server_payload"]["bytes"] for each in tunnels(report)] == [len(ANSWER)] * origins


def test_of_more_than_there_are_layer_numbers_each_keeps_its_own(tshark: Tshark, folder: Path):  # noqa: F811
    """TCP keeps the time since the packet before under the number of its layer."""
    origins = LAYER_NUMBERS + 50
    capture, closing = closing_together(folder / "c.pcap", origins)
    (once,), (twice,) = (tshark.fields(capture, "tcp.time_delta", options=(*way, "-Y", f"frame.number == {closing}"))
                         for way in (ONCE, TWICE))
    assert len(once[0]) == 1 + origins and len(set(once[0])) >= origins
    assert once == twice


@pytest.mark.parametrize("size", [LAYER_NUMBERS, 300, 1000])
def test_what_many_packets_of_a_frame_bring_is_dissected_once(tshark: Tshark, folder: Path, size: int):  # noqa: F811
    """Reassembly tells the last of them by the number of its layer."""
    capture = head_byte_by_byte(folder / "c.pcap", size)
    names = ("http.request.uri", "proxytunnel.virtual")
    (once,), (twice,) = (tshark.fields(capture, *names, options=(*way, "-Y", "http.request && proxytunnel.virtual"))
                         for way in (ONCE, TWICE))
    assert once[0] == ["http://192.0.2.9/"] and len(once[1]) >= size
    assert once == twice


def test_layers_count_by_depth(tshark: Tshark, folder: Path):  # noqa: F811
    """The first IP layer of a frame is the captured one, the second that of each virtual packet."""
    capture, closing = closing_together(folder / "c.pcap", LAYER_NUMBERS + 50)
    several = [address(origin) for origin in (0, 1, LAYER_NUMBERS - 2, LAYER_NUMBERS - 1, LAYER_NUMBERS + 49)]
    matching = ["ip.dst#1 == 10.0.0.1", *(f"ip.dst#2 == {each}" for each in several),
                *(f"!(ip.dst#{depth} == {each})" for depth in (1, 3) for each in several)]
    wanted = " && ".join([f"frame.number == {closing}", *matching])
    assert tshark.values(capture, "frame.number", ("-Y", wanted)) == [str(closing)]


def test_layers_of_a_chain_count_by_depth(tshark: Tshark, captures: Path):  # noqa: F811
    capture = captures / "nested.pcapng"
    innermost = tshark.fields(capture, "tcp.stream", options=("-Y", "tcp.port#3 && !tcp.port#4"))
    assert len(innermost) > 5 and all(len(streams) >= 3 for (streams,) in innermost)
    assert tshark.values(capture, "tcp.stream", ("-Y", "tcp.port#4")) == []


def test_more_layers_than_epan_allows(tshark: Tshark, folder: Path):  # noqa: F811
    """From half of them on each packet has a list of its own."""
    capture, closing = closing_together(folder / "c.pcap", LAYERS)
    for way in (ONCE, TWICE):
        row, = tshark.fields(capture, "frame.protocols", "tcp.stream", "_ws.malformed",
                             options=(*way, "-Y", f"frame.number == {closing}"))
        assert len(row[1]) == 1 + LAYERS and row[2] == []
        assert LAYERS / 4 - 1 <= row[0][0].split(":").count("tcp") < LAYERS / 2
