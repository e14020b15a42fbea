# SPDX-License-Identifier: GPL-2.0-or-later
# summary: a frame shows the same in every pass: one pass, two, and frames in any order, as in the window.
from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import REPOSITORY
from test_plugin import FIELDS, named
from test_plugin_wire import (HTTP_REQUEST, HTTP_RESPONSE, Connection, Tshark, cannot_run, folder, http_through_socks5,
                              tshark)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

CAPTURES = sorted((REPOSITORY / "test/captures").glob("*.pcap*"))
# Only a later frame can tell these.
LATE = {"status", "reply_in", "opened_in", "request_in", "connect_time", "reply_code", "anomaly", "origin.ip",
        "origin.ipv6", "origin.port", "origin.provenance", "bound.ip", "bound.port", "id", "stream"}


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_two_passes_agree(tshark: Tshark, capture: Path):
    always = [*named([name for name in FIELDS if name not in LATE]), "tcp.stream", "tcp.seq_raw", "tcp.len",
              "tcp.payload", "ip.src", "ip.dst", "ipv6.src", "http.request.uri", "http.response.code"]
    late = named(sorted(LATE - {"reply_in", "status", "connect_time"}))
    once, twice = (tshark.fields(capture, *always, *late, options=way) for way in ((), ("-2",)))
    virtual, length = always.index("proxytunnel.virtual"), always.index("tcp.len")
    assert len(once) == len(twice) > 0
    for one, two in zip(once, twice):
        assert one[:len(always)] == two[:len(always)]
        assert one == two or not (one[virtual] and "0" in one[length])


def test_display_filter_on_the_second_pass_keeps_numbers(tshark: Tshark, folder: Path):
    capture = http_through_socks5(folder / "c.pcap")
    assert tshark.values(capture, "tcp.stream", options=("-2", "-R", "tcp.port == 80")) == \
        tshark.values(capture, "tcp.stream", options=("-Y", "tcp.port == 80"))


def shown_by_us(result: dict) -> str:
    """Without HTTP and TLS, which read differently, with and without the plugin, when a frame is read again."""
    ours = ("frame", "eth", "ip", "ipv6", "tcp", "udp", "proxytunnel", "socks")
    theirs = ("frame.protocols", "tcp.segment_data")
    trees = [node | {"n": [item for item in node.get("n", []) if not item.get("f", "").startswith(theirs)]}
             for node in result["tree"] if node.get("f", "").split(" ")[0] in ours]
    return json.dumps(trees, sort_keys=True)


def trees(tshark: Tshark, captures: list[Path]) -> list[tuple[tuple[str, int], str]]:
    """Of each frame of each capture, in order and then in a random one: capture and frame, and what sharkd shows."""
    asked: dict[int, tuple[str, int]] = {}
    requests: list[str] = []

    def ask(method: str, **params: object) -> None:
        requests.append(json.dumps({"jsonrpc": "2.0", "id": len(requests) + 1, "method": method, "params": params}))

    counts = subprocess.run(["capinfos", "-cMTr", *captures], capture_output=True, text=True, check=True).stdout
    for capture, line in zip(captures, counts.splitlines(), strict=True):
        frames = list(range(1, int(line.split("\t")[1]) + 1))
        ask("load", file=str(capture))
        for frame in [*frames, *random.Random(capture.name).sample(frames, k=len(frames))]:
            ask("frame", frame=frame, proto=True)
            asked[len(requests)] = (capture.name, frame)
    done = tshark.run("-", program="sharkd", stdin="\n".join(requests) + "\n")
    assert "Sanitizer" not in done.stderr, done.stderr[-3000:]
    answers = {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines()) if "id" in answer}
    return [(frame, shown_by_us(answers[number]["result"])) for number, frame in asked.items()]


@pytest.mark.skipif(shutil.which("sharkd") is None, reason="there is no sharkd")
def test_any_order_of_frames_shows_the_same(tshark: Tshark):
    """Somebody clicks here and there."""
    small = [capture for capture in CAPTURES if capture.stat().st_size < 60000]
    first: dict[tuple[str, int], str] = {}
    virtual = 0
    for frame, shown in trees(tshark, small):
        virtual += "proxytunnel.virtual" in shown
        assert first.setdefault(frame, shown) == shown, frame
    assert len(small) > 20 and virtual > 1000


# ---------------------------------------------------------------- what is saved of a capture

def payload(tshark: Tshark, capture: Path, shown: str) -> list[list[str]]:
    """Ends and payload of the innermost packet of each frame that a filter passes."""
    names = ("ip.src", "ip.dst", "tcp.seq_raw", "tcp.payload", "udp.payload")
    rows = tshark.fields(capture, *names, options=("-Y", shown))
    return [[cell[-1] if cell else "" for cell in row] for row in rows]


@pytest.fixture(scope="module")
def saves_what_is_depended_upon(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whether this tshark saves the first half of a response along with its second."""
    folder = tmp_path_factory.mktemp("depended")
    direct = Connection(server=("10.0.0.1", 80)).open().say(HTTP_REQUEST)
    direct.hear(HTTP_RESPONSE[:40]).hear(HTTP_RESPONSE[40:])
    capture, saved = direct.write(folder / "c.pcap"), folder / "saved.pcapng"
    Tshark().run("-r", capture, "-2", "-Y", "http.response", "-w", saved, plugin="none")
    frames = Tshark().run("-r", saved, "-T", "fields", "-e", "frame.number", plugin="none").stdout.split()
    if len(frames) < 2:
        pytest.skip("this tshark saves nothing but what passes the filter")


@pytest.mark.usefixtures("saves_what_is_depended_upon")
@pytest.mark.parametrize("name", ["curl_socks5_connect.pcap", "connect_407.pcapng", "nested.pcapng",
                                  "socks5_udp.pcapng", "http_forward.pcapng", "socks_bind.pcapng",
                                  "back_connect.pcapng"])
def test_saved_packets_bring_their_tunnel_along(tshark: Tshark, folder: Path, name: str):
    """Handshakes are depended upon: of some tunnels those packets are saved that have payload."""
    capture, saved = REPOSITORY / "test/captures" / name, folder / "saved.pcapng"
    tunnels = tshark.distinct(capture, "proxytunnel.id", options=("-Y", "proxytunnel.virtual && (tcp.len > 0 || udp)"))
    for tunnel in tunnels[::4]:
        packets = f"proxytunnel.virtual && proxytunnel.id == {tunnel} && (tcp.len > 0 || udp)"
        tshark.text("-r", capture, "-2", "-Y", packets, "-w", saved)
        before, again = payload(tshark, capture, packets), payload(tshark, saved, "proxytunnel.virtual")
        assert before and [row for row in before if row not in again] == [], tunnel
