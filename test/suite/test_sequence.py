# SPDX-License-Identifier: GPL-2.0-or-later
# summary: --sequence: a capture that was cut into files gives what it gives uncut; what is missing, damaged or out of
#          order is told.
from __future__ import annotations

import json
import os
import random
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

import wire
from conftest import REPOSITORY, SHARED, run_program
from test_tool import DAMAGED, DONE, UNREADABLE, USAGE, tshark

PLACES = [REPOSITORY / "test/captures", SHARED / "captures/lab"]
ALL = [file for place in PLACES if place.is_dir() for file in sorted(place.iterdir())
       if file.name.endswith((".pcap", ".pcapng", ".gz"))]
FEW = ["socks5.pcapng", "nested.pcapng", "both_legs_dns.pcapng.gz", "socks5_udp.pcapng", "holes.pcapng.gz",
       "http_forward.pcapng"]
CAPTURES = ALL if os.environ.get("PROXYTUNNEL_ALL_CAPTURES") else [PLACES[0] / name for name in FEW]


def cut(capture: Path, folder: Path, packets: int) -> list[Path]:
    """Files of so many packets, as dumpcap would have named them."""
    folder.mkdir()
    done = run_program("editcap", "-c", packets, capture, folder / "ring.pcapng")
    assert done.code == 0, done.stderr
    return sorted(folder.iterdir())


def uncut(report: dict) -> list[dict]:
    """Attempts of a sequence, with frames and inputs of the capture before it was cut."""
    starts = [0]
    for entry in report["inputs"]:
        starts.append(starts[-1] + entry["packets"])
    for tunnel in report["tunnels"]:
        inputs = tunnel.pop("frame_inputs", {})
        assert all(other != tunnel["input"] for other in inputs.values())
        for name, number in tunnel["frames"].items():
            if number is not None:
                tunnel["frames"][name] += starts[inputs.get(name, tunnel["input"])]
        tunnel["input"] = 0
    return report["tunnels"]


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda file: file.name)
def test_a_cut_capture_gives_what_the_whole_one_gives(run, capture, tmp_path):
    """Bytes, times and order of all packets, in both modes, and all that is told but the frames, in any order of the
    files."""
    whole = tmp_path / "whole.pcapng"  # as editcap writes it: it leaves out some of what is no packet
    assert run_program("editcap", capture, whole).code == 0
    files = cut(whole, tmp_path / "ring", 7)
    random.Random(1).shuffle(files)
    made = {}
    for name, words in [("whole", [whole]), ("cut", ["--sequence", *files])]:
        for mode in ["virtual", "replace"]:
            output = tmp_path / f"{name}.{mode}.pcap"
            done = run("-q", *words, "--engine", "native", "--hash", "--mode", mode, "-F", "pcap", "-w", output,
                       "--report", tmp_path / "report.json")
            assert done.code == DONE, done.stderr
            report = json.loads((tmp_path / "report.json").read_text())
            made[name, mode] = (output.read_bytes(), uncut(report), report["skipped"], report["counters"])
            if name == "cut":
                assert [entry["file"] for entry in report["inputs"]] == [str(file) for file in sorted(files)]
                assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in report["inputs"])
    for mode in ["virtual", "replace"]:
        assert made["cut", mode] == made["whole", mode]
    assert made["whole", "virtual"][1], "there is nothing to compare"


@pytest.fixture
def ring(captures, tmp_path) -> list[Path]:
    return cut(captures / "socks5.pcapng", tmp_path / "ring", 10)


def told(run: Callable, folder: Path, *words: str | Path, code: int = DONE) -> tuple[dict, str]:
    done = run("--sequence", *words, "--report", folder / "report.json", "-w", folder / "out.pcapng")
    assert done.code == code, done.stderr
    return json.loads((folder / "report.json").read_text()), done.stderr


def test_comments_lead_to_the_frame_and_its_file(run, ring, tmp_path):
    """The payload of a virtual packet is in the frame of the file that its comment names."""
    report, words = told(run, tmp_path, *ring)
    assert f"{ring[0]} and {len(ring) - 1} more files: 212 packets, 6 tunnels opened" in words
    fields = ["-T", "fields", "-e", "frame.packet_id", "-e", "frame.comment", "-e", "tcp.payload"]
    rows = [row.split("\t") for row in tshark("-r", tmp_path / "out.pcapng", *fields).splitlines()]
    payload_of = {file.name: tshark("-r", file, "-T", "fields", "-e", "tcp.payload").splitlines() for file in ring}
    carried, named = 0, set()
    for number, comment, payload in rows:
        frame, file = re.search(r"\bframe (\d+) of (\S+)$", comment).groups()
        assert frame == number
        named.add(file)
        if payload:
            carried += 1
            assert payload_of[file][int(frame) - 1].endswith(payload)
    assert carried > 50 and len(named) > 10
    first = report["tunnels"][1]
    opening = next(comment for _, comment, _ in rows if comment.startswith("tunnel 1: "))
    place = first["frame_inputs"].get("request", first["input"])
    assert f"request in frame {first['frames']['request']} of {ring[place].name}, " in opening


def test_everything_else_reads_a_sequence_too(run, ring, captures, tmp_path):
    """What reads it twice, logs, --split, --select by a file, -d, -j and directories."""
    whole = captures / "socks5.pcapng"
    chosen = ["--select", "server_payload.bytes > 400", "--layers", "leaf"]
    counts = []
    for words in [[whole], ["--sequence", tmp_path / "ring", "-j", "2"]]:
        folder = tmp_path / str(len(words))
        done = run(*words, *chosen, "-d", folder / "out", "--split", "tunnel", "--log", "zeek,csv", "--log-dir",
                   folder / "logs")
        assert done.code == DONE, done.stderr
        rows = [line.split("\t") for line in (folder / "logs/conn.log").read_text().splitlines()]
        columns = next(row[1:] for row in rows if row[0] == "#fields")
        kept = [columns.index(name) for name in ["ts", "id.orig_p", "id.resp_p", "conn_state", "orig_bytes",
                                                 "resp_bytes", "history", "community_id"]]
        counts.append(([[row[at] for at in kept] for row in rows if not row[0].startswith("#")],
                       sorted(file.name.partition(".")[2] for file in (folder / "out").iterdir())))
    assert counts[0] == counts[1] and len(counts[0][1]) > 1
    done = run("--sequence", *ring, "--select", "input == 2", "--list=csv")
    assert len(done.text.splitlines()) == 2
    done = run("-q", "--sequence", *ring, "-d", tmp_path / "one")
    assert done.code == DONE and [file.name for file in (tmp_path / "one").iterdir()] == [
        ring[0].name.replace(".pcapng", ".unproxied.pcapng")]


# ---------------------------------------------------------------- what is missing

def test_a_file_that_is_missing_by_its_number(run, ring, tmp_path):
    """Its bytes are missing, and nobody else's."""
    whole, _ = told(run, tmp_path, *ring)
    report, words = told(run, tmp_path, *ring[:4], *ring[6:])
    assert f"{ring[6]}: by its name, 2 files are missing before it" in words
    assert [entry["gap"]["missing_files"] for entry in report["inputs"][1:]] == [0, 0, 0, 2] + [0] * (len(ring) - 7)
    assert "gap" not in report["inputs"][0]
    missing = sum(report["tunnels"][1][f"{who}_payload"]["missing_bytes"] for who in ("client", "server"))
    assert missing > 0
    behind = [{key: tunnel[key] for key in ("client", "status", "client_payload", "server_payload")}
              for tunnel in whole["tunnels"] if tunnel["input"] >= 6]
    assert [{key: tunnel[key] for key in ("client", "status", "client_payload", "server_payload")}
            for tunnel in report["tunnels"] if tunnel["input"] >= 4] == behind and len(behind) > 3


def test_a_file_that_is_not_there(run, ring, tmp_path):
    """Also where it was taken away after the others were looked into: the report has it in its place."""
    ring[3].unlink()
    report, words = told(run, tmp_path, *ring, code=UNREADABLE)
    assert f"cannot open {ring[3]}: No such file or directory; the sequence goes on behind it" in words
    assert [entry["file"] for entry in report["inputs"]] == [str(file) for file in ring]
    assert "No such file" in report["inputs"][3]["unreadable"] and report["inputs"][3]["packets"] == 0
    assert sum(entry["packets"] for entry in report["inputs"]) == 202 and len(report["tunnels"]) >= 9


def test_no_file_is_there(run, tmp_path):
    done = run("--sequence", tmp_path / "a.pcap", tmp_path / "b.pcap", "-w", tmp_path / "out.pcapng", "--report",
               tmp_path / "report.json")
    assert done.code == UNREADABLE and not (tmp_path / "out.pcapng").exists()
    assert done.stderr.count("cannot open") == 2 and "no file of the sequence can be read" in done.stderr
    assert [bool(entry["unreadable"]) for entry in json.loads((tmp_path / "report.json").read_text())["inputs"]] == [
        True, True]


def test_a_file_that_is_cut_short(run, ring, tmp_path):
    """The next one follows."""
    ring[3].write_bytes(ring[3].read_bytes()[:-50])
    report, words = told(run, tmp_path, *ring, code=DAMAGED)
    assert f"{ring[3]}: at byte " in words and report["inputs"][3]["damaged"].startswith("at byte ")
    assert [entry["damaged"] for entry in report["inputs"][4:]] == [None] * (len(ring) - 4)
    assert report["inputs"][4]["packets"] == 10


def test_time_between_files(run, ring, tmp_path):
    """An hour between two of them, one that lies before the end of another, one without packets."""
    later, empty = tmp_path / "later.pcapng", tmp_path / "empty.pcapng"
    assert run_program("editcap", "-t", "3600", ring[5], later).code == 0
    assert run_program("editcap", "-r", ring[0], empty, "99").code == 0
    report, words = told(run, tmp_path, ring[0], empty, later, ring[3])
    assert [Path(entry["file"]) for entry in report["inputs"]] == [ring[0], empty, ring[3], later]
    assert re.search(re.escape(str(later)) + r": its first packet is 3600\.\d{3} seconds after the latest one", words)
    assert "gap" not in report["inputs"][1] and report["inputs"][3]["gap"]["seconds"] > 3600
    overlapping = tmp_path / "overlapping.pcapng"
    assert run_program("mergecap", "-a", "-w", overlapping, ring[0], ring[4]).code == 0
    report, words = told(run, tmp_path, ring[2], overlapping)
    assert "seconds before the latest one of the files before it" in words
    assert report["inputs"][1]["gap"]["seconds"] < 0


def test_numbers_of_two_rings_say_nothing(run, ring, tmp_path):
    """A capture that was begun anew counts anew: its files come behind those that are older, whatever their numbers."""
    names = ["a_00101_20260101000000.pcapng", "a_00102_20260101000000.pcapng", "a_00001_20260101010000.pcapng",
             "a_00002_20260101010000.pcapng"]
    files = [tmp_path / name for name in names]
    for i, file in enumerate(files):
        assert run_program("editcap", "-t", str(3600 * (i // 2)), ring[i], file).code == 0
    report, words = told(run, tmp_path, *reversed(files))
    assert [entry["file"] for entry in report["inputs"]] == [str(file) for file in files]
    assert "missing" not in words


# ---------------------------------------------------------------- interfaces, secrets

def interface(name: bytes, link: int = 1) -> wire.Block:
    return block(1, struct.pack("<HHI", link, 0, 0) + struct.pack("<HH", 2, len(name)) + name +
                 b"\0" * (-len(name) % 4) + struct.pack("<HH", 0, 0))


def block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


HEADER = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def packet(number: int, frame: bytes, micros: int) -> bytes:
    return block(6, struct.pack("<IIIII", number, micros >> 32, micros & 0xFFFFFFFF, len(frame), len(frame)) + frame +
                 b"\0" * (-len(frame) % 4))


def test_interfaces_that_say_the_same_are_one(run, tmp_path):
    """Two of one name in a file stay two; another link type is another one."""
    frame = wire.udp(("10.0.0.1", 9), ("10.0.0.2", 9), b"x")
    files = []
    for i, more in enumerate([[], [], [interface(b"c", 101)]]):
        files.append(tmp_path / f"{i}.pcapng")
        files[-1].write_bytes(HEADER + interface(b"a") + interface(b"b") + interface(b"b") + b"".join(more) +
                              packet(1, frame, 10 * i) + packet(2, frame, 10 * i + 1))
    done = run("--sequence", *files, "--mode", "replace", "-w", tmp_path / "out.pcapng")
    assert done.code == DONE
    blocks = wire.pcapng_blocks((tmp_path / "out.pcapng").read_bytes())
    names = [wire.read_options(each.body[8:])[2][0] for each in blocks if each.kind == 1]
    assert names == [b"a", b"b", b"b", b"c"]
    assert [struct.unpack("<I", each.body[:4])[0] for each in blocks if each.kind == 6] == [1, 2] * 3


def test_interfaces_are_bounded(run, tmp_path):
    """Those of all files together; the file in which there are too many ends there, and the next one is read."""
    frame = wire.udp(("10.0.0.1", 9), ("10.0.0.2", 9), b"x")
    files = []
    for i, count in enumerate([40000, 40000, 1]):
        files.append(tmp_path / f"{i}.pcapng")
        names = [b"%d.%d" % (i % 2, each) for each in range(count)]
        files[-1].write_bytes(HEADER + b"".join(map(interface, names)) + packet(0, frame, i))
    report, words = told(run, tmp_path, *files, code=DAMAGED)
    assert "1.pcapng: from here on: more interfaces than can be real" in words
    assert [entry["packets"] for entry in report["inputs"]] == [1, 0, 1]


def test_secrets_are_carried_over_and_told(run, captures, shared, tmp_path):
    source = shared / "captures/lab/socks5_tls.pcapng"
    if not source.exists():
        source = next(file for file in ALL if file.name.endswith(".pcapng") and
                      any(each.kind == 10 for each in wire.pcapng_blocks(file.read_bytes())))
    shutil.copy(source, tmp_path / "a.pcapng")
    _, words = told(run, tmp_path, tmp_path / "a.pcapng", captures / "connect.pcapng")
    assert "there are decryption secrets, for which tshark would have to read one file: mergecap" in words
    assert any(each.kind == 10 for each in wire.pcapng_blocks((tmp_path / "out.pcapng").read_bytes()))


# ---------------------------------------------------------------- wrong use

@pytest.mark.parametrize(("words", "complaint"), [
    (["-", "a.pcapng", "--list"], "standard input cannot be read twice"),
    (["-i", "lo", "--list"], "-i captures anew"),
    (["a.pcapng", "--list", "--engine", "tshark"], "mergecap"),
    (["a.pcapng", "--list", "--keylog", __file__], "mergecap"),
    (["a.pcapng", "b.pcapng", "-w", "a.pcapng"], "a.pcapng is an input"),
])
def test_usage(run, captures, tmp_path, words, complaint):
    for name in ["a.pcapng", "b.pcapng"]:
        shutil.copy(captures / "socks5.pcapng", tmp_path / name)
    done = run("--sequence", *words, cwd=tmp_path)
    assert done.code == USAGE and complaint in done.stderr


def test_several_inputs_without_it(run, captures, tmp_path):
    done = run(captures / "socks5.pcapng", captures / "connect.pcapng", "-w", tmp_path / "out.pcapng")
    assert done.code == USAGE and "or --sequence if they are one capture" in done.stderr
