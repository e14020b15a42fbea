# SPDX-License-Identifier: GPL-2.0-or-later
# summary: rings of output files, named as by dumpcap: each is complete by itself, and no file of others is lost.
from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest
import wire
from conftest import run_program
from live_traffic import until
from test_live import lab, live  # noqa: F401  # fixtures
from test_tool import DONE, UNWRITABLE, tshark

UTC = timezone.utc
NAME = re.compile(r"out_(\d{5})_(\d{14})\.pcapng")


def ring_of(folder: Path) -> list[Path]:
    """In order. Nothing else is there."""
    files = sorted(folder.iterdir())
    assert all(NAME.fullmatch(file.name) for file in files), files
    return files


def in_utc(tool: Path, *arguments: object, code: int = DONE) -> str:
    done = run_program("env", "TZ=UTC", tool, *arguments)
    assert done.code == code, done.stderr
    return done.stderr


def packets_of(file: Path) -> list[wire.Block]:
    return [block for block in wire.pcapng_blocks(file.read_bytes()) if block.kind == wire.PACKET]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ring").mkdir()
    return tmp_path / "ring"


@pytest.mark.parametrize("name", ["socks5.pcapng", "nested.pcapng", "link_sll2.pcap"])
@pytest.mark.parametrize("limit", ["packets:7", "filesize:4", "duration:0.1"])
def test_the_files_are_the_capture(tool, captures, folder, tmp_path, name, limit):
    """One behind the other they have its packets; each opens alone."""
    in_utc(tool, captures / name, "-w", tmp_path / "whole.pcapng")
    words = in_utc(tool, captures / name, "-w", folder / "out.pcapng", "-b", limit)
    whole, files = packets_of(tmp_path / "whole.pcapng"), ring_of(folder)
    assert [packet for file in files for packet in packets_of(file)] == whole
    assert [int(NAME.fullmatch(file.name)[1]) for file in files] == list(range(1, len(files) + 1))
    count = "1 file" if len(files) == 1 else f"{len(files)} files"
    assert f", as {count}; the last one is {files[-1]}" in words
    done = run_program("capinfos", "-T", "-r", "-S", "-c", "-a", *files)
    told = [line.split("\t") for line in done.text.splitlines()]
    assert done.code == 0 and [row[:2] for row in told] == [[str(f), str(len(packets_of(f)))] for f in files]
    begun = [datetime.fromtimestamp(int(float(row[2])), UTC) for row in told]
    assert [NAME.fullmatch(file.name)[2] for file in files] == [f"{time:%Y%m%d%H%M%S}" for time in begun]
    if limit == "packets:7":
        assert {len(packets_of(file)) for file in files[:-1]} == {7} and len(packets_of(files[-1])) <= 7
    if limit == "filesize:4":
        # Full is what has reached it, with its last packet.
        last = [len(packets_of(file)[-1].body) + 12 for file in files]
        assert all(file.stat().st_size - size < 4000 <= file.stat().st_size for file, size in zip(files[:-1], last))


def names_in(blocks: list[wire.Block]) -> bytes:
    return b"".join(block.body for block in blocks if block.kind == wire.NAMES)


def test_each_file_has_the_names_that_it_needs(tool, captures, folder):
    in_utc(tool, captures / "socks5.pcapng", "-w", folder / "out.pcapng", "-b", "packets:30")
    report = json.loads(run_program(tool, captures / "socks5.pcapng", "-q", "--report", "-").stdout)
    by_name = {tunnel["origin"]["address"] for tunnel in report["tunnels"]
               if tunnel["origin"] and not tunnel["target"]["address"]}
    assert by_name and len(ring_of(folder)) > 3
    for file in ring_of(folder):
        shown = set(tshark("-r", file, "-T", "fields", "-e", "ip.src", "-e", "ip.dst").split())
        assert named_in(wire.pcapng_blocks(file.read_bytes())) == by_name & shown


def named_in(blocks: list[wire.Block]) -> set[str]:
    """Addresses in records of name resolution blocks, IPv4 only."""
    addresses, offset, names = set(), 0, names_in(blocks)
    while offset + 4 <= len(names):
        kind, length = struct.unpack_from("<HH", names, offset)
        if kind == 1:
            addresses.add(".".join(map(str, names[offset + 4:offset + 8])))
        offset += 4 + (length + 3 & ~3)
    return addresses


def test_each_file_has_the_secrets(tool, captures, folder, tmp_path):
    keys = wire.pcapng_blocks((captures / "socks5.pcapng").read_bytes())
    with_keys = tmp_path / "keys.pcapng"
    secret = b"CLIENT_RANDOM " + b"0" * 64 + b" " + b"1" * 96 + b"\n"
    body = struct.pack("<II", 0x544C534B, len(secret)) + secret + b"\0" * (-len(secret) % 4)
    block = struct.pack("<II", wire.SECRETS, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))
    data = (captures / "socks5.pcapng").read_bytes()
    head = 12 + len(keys[0].body)
    with_keys.write_bytes(data[:head] + block + data[head:])
    in_utc(tool, with_keys, "--engine", "native", "-w", folder / "out.pcapng", "-b", "packets:20")
    files = ring_of(folder)
    kinds = [[block.kind for block in wire.pcapng_blocks(file.read_bytes())] for file in files]
    assert len(files) > 2
    assert all(of_file.index(wire.SECRETS) < of_file.index(wire.PACKET) for of_file in kinds)


def test_only_the_latest_are_kept(tool, captures, folder, tmp_path):
    """And what others have there under such a name."""
    in_utc(tool, captures / "socks5.pcapng", "-w", tmp_path / "whole.pcapng")
    other = folder / "out_00001_20200101000000.pcapng"
    other.write_text("not ours")
    words = in_utc(tool, captures / "socks5.pcapng", "-w", folder / "out.pcapng", "-b", "packets:7", "-b", "files:3")
    assert other.read_text() == "not ours"
    other.unlink()
    files, whole = ring_of(folder), packets_of(tmp_path / "whole.pcapng")
    assert len(files) == 3 and "of which 3 are kept" in words
    kept = [packet for file in files for packet in packets_of(file)]
    assert kept == whole[-len(kept):] and len(kept) > 14


def test_an_input_is_never_overwritten(tool, captures, folder):
    in_utc(tool, captures / "socks5.pcapng", "-w", folder / "out.pcapng", "-b", "packets:10000")
    name = ring_of(folder)[0]
    shutil.copy(captures / "socks5.pcapng", name)
    before = name.read_bytes()
    words = in_utc(tool, name, "-w", folder / "out.pcapng", "-b", "packets:10000", code=UNWRITABLE)
    assert "it is an input" in words and name.read_bytes() == before


def test_without_a_packet_there_is_a_file(tool, captures, folder):
    in_utc(tool, captures / "no_proxy.pcapng", "-w", folder / "out.pcapng", "-b", "packets:7")
    assert len(ring_of(folder)) == 1 and packets_of(ring_of(folder)[0]) == []


@pytest.mark.parametrize(("given", "made"), [("out", r"out_00001_\d{14}"), ("a.b/out", r"out_00001_\d{14}"),
                                             ("out.x.pcap", r"out\.x_00001_\d{14}\.pcap")])
def test_names(tool, captures, tmp_path, given, made):
    (tmp_path / given).parent.mkdir(exist_ok=True)
    in_utc(tool, captures / "socks5.pcapng", "-F", "pcap", "-w", tmp_path / given, "-b", "packets:100000")
    files = [file for file in (tmp_path / given).parent.iterdir() if file.is_file()]
    assert len(files) == 1 and re.fullmatch(made, files[0].name)


def test_what_is_unfinished_has_no_name(tool, captures, folder):
    """What ends the program at once leaves the finished ones, and at most a temporary name."""
    data = (captures / "socks5.pcapng").read_bytes()
    process = subprocess.Popen([tool, "-", "-w", folder / "out.pcapng", "-b", "packets:10"], stdin=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdin.write(data[:-100])
    process.stdin.flush()
    until(lambda: len(list(folder.iterdir())) >= 3, "third file", process)
    process.kill()
    process.communicate()
    named = [file for file in folder.iterdir() if NAME.fullmatch(file.name)]
    assert len(named) >= 3 and all(len(packets_of(file)) == 10 for file in named)
    assert all(NAME.match(file.name) for file in folder.iterdir())


def test_a_live_ring(lab, live, folder):  # noqa: F811
    capture = live("-w", folder / "out.pcapng", "-b", "packets:16", "-b", "files:100")
    lab.run_clients(10, 1000)
    report = capture.stop()
    files = ring_of(folder)
    assert len(files) > 2 and sum(len(packets_of(file)) for file in files) == report["counters"]["packets_written"]
    for file in files:
        assert "Number of stat entries = 1" in run_program("capinfos", file).text


def test_time_goes_on_without_packets(lab, live, folder):  # noqa: F811
    """A file ends when its time is over, not with the next packet."""
    capture = live("-w", folder / "out.pcapng", "-b", "duration:0.2")
    lab.run_clients(1, 1000)
    until(lambda: list(folder.iterdir()), "file", capture.process)
    capture.stop()
    assert len(ring_of(folder)) >= 1
