# SPDX-License-Identifier: GPL-2.0-or-later
# summary: --window: jobs that know nothing of each other find together what one finds that reads the whole sequence.
from __future__ import annotations

import collections
import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

import wire
from conftest import REPOSITORY, SHARED, run_program
from test_sequence import HEADER, block, cut, interface, packet
from test_tool import DAMAGED, DONE, UNREADABLE, USAGE
from wire import CLIENT, RST, SERVER, SYN, Session

CAPTURES = REPOSITORY / "test/captures"
FEW = ["socks5.pcapng", "nested.pcapng", "socks5_udp.pcapng", "http_forward.pcapng", "both_legs_dns.pcapng.gz",
       "pp2_dnsdist_udp.pcap", "proxy_protocol_stacked.pcapng", "socks_bind.pcapng", "tor_resolve.pcapng",
       "midstream.pcap", "back_connect.pcapng", "connect_407.pcapng"]


# ---------------------------------------------------------------- what a run gives

def packets_of(path: Path) -> list:
    """Of an export: with what tells of a packet, but for the number of its interface."""
    data = path.read_bytes()
    if path.suffix == ".pcap":
        found, at = [], 24
        while at < len(data):
            end = at + 16 + struct.unpack_from("<I", data, at + 8)[0]
            found.append(data[at:end])
            at = end
        return found
    interfaces, found = [], []
    for block in wire.pcapng_blocks(data):
        if block.kind == wire.INTERFACE:
            interfaces.append(block.body)
        elif block.kind == wire.PACKET:
            found.append((interfaces[struct.unpack_from("<I", block.body)[0]], block.body[4:]))
    return found


def rows_of(logs: Path) -> dict[str, list[str]]:
    heads = ("#", "id,input,")
    return {file.name: [row for row in file.read_text().splitlines() if not row.startswith(heads)]
            for file in logs.iterdir()}


def job(run, folder: Path, files: list[Path], *words: str | Path, form: str = "pcapng", code: int = DONE) -> dict:
    """All that a run says, and its words on standard error."""
    folder.mkdir()
    done = run("--sequence", *files, "--hash", "--report", folder / "report.json", "--log", "zeek,csv,ndjson",
               "--log-dir", folder / "logs", "-F", form, "-w", folder / f"out.{form}", *words)
    assert done.code == code, done.stderr
    report = json.loads((folder / "report.json").read_text())
    return {**report, "packets": packets_of(folder / f"out.{form}"), "logs": rows_of(folder / "logs"),
            "words": done.stderr}


def as_set(things: list) -> collections.Counter:
    return collections.Counter(json.dumps(each, sort_keys=True) if isinstance(each, dict) else each for each in things)


def put_together(jobs: list[dict]) -> dict:
    """As the sequential run has it; entries, rows and packets without an order."""
    counters: collections.Counter = collections.Counter()
    for each in jobs:
        counts = dict(each["counters"])
        counters.update(counts.pop("packets_passed_over"))
        counters.update(counts)
    names = jobs[0]["logs"]
    inputs = [[each["inputs"][i] for each in jobs if each["inputs"][i]["packets"] is not None]
              for i in range(len(jobs[0]["inputs"]))]
    assert all(len(told) == 1 for told in inputs), "each file is told of by one job"
    return {"inputs": [told[0] for told in inputs], "counters": +counters,
            "logs": {name: as_set([row for each in jobs for row in each["logs"][name]]) for name in names},
            **{key: as_set([entry for each in jobs for entry in each[key]])
               for key in ("tunnels", "skipped", "packets")}}


def windows(files: int, size: int) -> Iterator[tuple[int, int]]:
    for first in range(1, files + 1, size):
        yield first, min(first + size - 1, files)


def assert_exact(run, folder: Path, files: list[Path], *words: str | Path, sizes: tuple[int, ...] = (1, 2, 3),
                 form: str = "pcapng", code: int = DONE) -> dict:
    """However the sequence is parted. Gives what the sequential run says."""
    whole = job(run, folder / "whole", files, *words, form=form, code=code)
    wanted = put_together([whole])
    for size in sizes:
        jobs = []
        for first, last in windows(len(files), size):
            each = job(run, folder / f"{size}.{first}", files, *words, "--window", f"{first}..{last}", form=form,
                       code=code)
            assert each["window"] == {"first": first, "last": last, "look_back": None, "look_ahead": None,
                                      "unfinished": 0, "silent": 0, "midstream": each["window"]["midstream"]}
            assert [entry["file"] for entry in each["inputs"]] == [entry["file"] for entry in whole["inputs"]]
            jobs.append(each)
        assert put_together(jobs) == wanted, f"windows of {size}"
    return whole


def ring_of(folder: Path, frames: list[bytes], packets: int) -> list[Path]:
    (folder / "made.pcap").write_bytes(wire.pcap(frames))
    return cut(folder / "made.pcap", folder / "ring", packets)


# ---------------------------------------------------------------- captures

@pytest.mark.parametrize("name", FEW)
def test_windows_of_a_capture(run, name, tmp_path):
    """With 7 files of it, in any order on the command line."""
    count = int(run_program("capinfos", "-T", "-r", "-c", CAPTURES / name).text.split("\t")[1].replace(",", ""))
    files = cut(CAPTURES / name, tmp_path / "ring", -(-count // 7))
    random.Random(name).shuffle(files)
    assert assert_exact(run, tmp_path, files)["tunnels"]


@pytest.mark.parametrize("name", ["nested.pcapng", "socks5_udp.pcapng"])
def test_windows_of_short_files(run, name, tmp_path):
    """Cuts go through openings, handshakes and ends."""
    files = cut(CAPTURES / name, tmp_path / "ring", 9)
    assert_exact(run, tmp_path, files, sizes=(1,))


def test_an_export_as_pcap(run, tmp_path):
    assert_exact(run, tmp_path, cut(CAPTURES / "nested.pcapng", tmp_path / "ring", 13), form="pcap")


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared captures")
@pytest.mark.parametrize("name", ["p04_parallel_keepalive.pcapng", "p17_holes.pcapng", "p12a_lossy_reorder.pcapng",
                                  "p06_socks5_udp_dig.pcapng"])
def test_windows_of_the_lab(run, shared, name, tmp_path):
    capture = shared / "captures/lab" / name
    count = int(run_program("capinfos", "-T", "-r", "-c", capture).text.split("\t")[1].replace(",", ""))
    assert_exact(run, tmp_path, cut(capture, tmp_path / "ring", -(-count // 5)), sizes=(1, 2))


@pytest.mark.parametrize("words", [["--select", "server_payload.bytes > 400"], ["--select", "origin.port == 80"],
                                   ["--layers", "leaf"], ["-f", "tcp port 1080 or udp"],
                                   ["--select", 'anomalies contains "credentials-shared"']], ids=" ".join)
def test_what_reads_twice_or_less(run, words, tmp_path):
    files = cut(CAPTURES / "nested.pcapng", tmp_path / "ring", 15)
    assert_exact(run, tmp_path, files, *words, sizes=(1, 2))


# ---------------------------------------------------------------- made ones

def socks5(*, name: bytes = b"www.example.com", user: tuple[bytes, bytes] | None = None, code: int = 0,
           close: bool = True, **ends: tuple[str, int]) -> list[bytes]:
    session = Session(**ends)
    frames = session.open()
    frames += [session.say(CLIENT, b"\5\1\2" if user else b"\5\1\0"), session.say(SERVER, b"\5\2" if user else b"\5\0")]
    if user:
        login = b"\1" + b"".join(bytes([len(each)]) + each for each in user)
        frames += [session.say(CLIENT, login), session.say(SERVER, b"\1\0")]
    frames += [session.say(CLIENT, b"\5\1\0\3" + bytes([len(name)]) + name + b"\0\x50"),
               session.say(SERVER, b"\5" + bytes([code]) + b"\0\1\0\0\0\0\0\0")]
    if code == 0:
        frames += [session.say(CLIENT, b"GET / HTTP/1.0\r\n\r\n"), session.say(SERVER, b"HTTP/1.0 200 OK\r\n\r\nhello")]
    else:
        frames.append(session.say(CLIENT, b"SSH-2.0-going on\r\n"))
    return frames + (session.close() if close else [])


def test_a_cut_at_every_packet(run, tmp_path):
    """Each packet a file: a session, another one inside it, a refusal that the client does not heed."""
    outer = Session()
    frames = [*outer.open(), outer.say(CLIENT, b"CONNECT 10.9.9.9:80 HTTP/1.1\r\n\r\n"),
              outer.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n"),
              outer.say(CLIENT, b"CONNECT www.example.com:443 HTTP/1.1\r\n\r\n"),
              *socks5(code=2, client=("10.0.0.6", 4))[:5],
              outer.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n"), outer.say(CLIENT, b"hello"),
              *socks5(code=2, client=("10.0.0.6", 4))[5:], *outer.close()]
    whole = assert_exact(run, tmp_path, ring_of(tmp_path, frames, 1), sizes=(1, 5))
    assert [each["status"] for each in whole["tunnels"]].count("established") == 2 and len(whole["skipped"]) == 1


def test_ports_that_are_used_again(run, tmp_path):
    """By who closed, and by who did not: then the new connection is one when its SYN is answered, which may be in a
    later file than that."""
    first, again = socks5(close=True), Session(numbers=[700000, 900000])
    third = Session(numbers=[5000000, 8000000])
    frames = [*first, *again.open(), again.say(CLIENT, b"CONNECT a.example:80 HTTP/1.1\r\n\r\n"),
              again.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n"), again.say(CLIENT, b"one"),
              *third.open(), third.say(CLIENT, b"CONNECT b.example:80 HTTP/1.1\r\n\r\n"),
              third.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n"), third.say(CLIENT, b"two")]
    files = ring_of(tmp_path, frames, 1)
    whole = assert_exact(run, tmp_path, files, sizes=(1, 2, 3))
    assert len(whole["tunnels"]) == 3
    assert sorted(each["input"] for each in whole["tunnels"]) == [0, len(first), len(first) + 6]


def test_late_segments_of_a_connection_that_closed(run, tmp_path):
    """They count until a thousand others closed behind it; then they are another connection's."""
    session = Session()
    frames = [*session.open(), session.say(CLIENT, b"CONNECT a.example:80 HTTP/1.1\r\n\r\n"),
              session.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n"), session.say(CLIENT, b"one"), *session.close()]
    late = session.segment(CLIENT, wire.ACK | wire.PSH, b"one", sequence=session.numbers[CLIENT] - 4)
    def others(count: int, port: int) -> list[bytes]:
        made = []
        for i in range(count):
            other = Session(client=("10.1.0.1", port + i), server=("10.1.0.2", 9))
            made += [other.segment(CLIENT, SYN), other.segment(SERVER, RST | wire.ACK)]
        return made
    frames += others(600, 1000) + [late] + others(600, 2000) + [late] + socks5(client=("10.0.0.7", 1)) + [late]
    files = ring_of(tmp_path, frames, 500)
    whole = assert_exact(run, tmp_path, files, sizes=(1, 2))
    told = job(run, tmp_path / "bounded", files, "--window", "1..1", "--look-ahead", "5")
    assert told["window"]["unfinished"] == 0 and told["tunnels"] == [whole["tunnels"][0]]
    told = job(run, tmp_path / "short", files, "--window", "1..1", "--look-ahead", "1")
    assert told["window"]["unfinished"] == 1


def test_credentials_that_are_shared(run, tmp_path):
    """Whose they were first is known from files before, and from those behind, too: who ends first has it not."""
    user = (b"anna", b"secret")
    longest = socks5(user=user, client=("10.0.0.9", 9))
    frames = [*longest[:-3]]
    for i in range(3):
        frames += socks5(user=user, client=(f"10.0.0.{i + 1}", 1000), code=0)
    whole = assert_exact(run, tmp_path, ring_of(tmp_path, frames + longest[-3:], 8))
    assert sum("credentials-shared" in each["anomalies"] for each in whole["tunnels"]) == 3


def test_a_day_between_files(run, tmp_path):
    """Of quiet sessions, some of which nobody ever ends, some of which say nothing for long."""
    quiet, silent = socks5(client=("10.0.0.1", 1)), socks5(client=("10.0.0.2", 2), close=False)
    frames = silent[:3] + quiet[:6] + socks5(client=("10.0.0.3", 3)) + quiet[6:] + silent[3:]
    files = ring_of(tmp_path, frames, 6)
    for number, file in enumerate(files):
        done = run_program("editcap", "-t", str(86400 * number), file, tmp_path / "moved.pcapng")
        assert done.code == 0
        (tmp_path / "moved.pcapng").replace(file)
    assert len(assert_exact(run, tmp_path, files)["tunnels"]) == 3


def test_damaged_and_missing_files(run, tmp_path):
    """Each is told of by the job whose window has it, with its exit code, and by no other."""
    files = cut(CAPTURES / "socks5.pcapng", tmp_path / "ring", 35)
    files[2].write_bytes(files[2].read_bytes()[:-50])
    files[4].unlink()
    whole = job(run, tmp_path / "whole", files, code=UNREADABLE)
    jobs = []
    for number in range(1, len(files) + 1):
        code = {3: DAMAGED, 5: UNREADABLE}.get(number, DONE)
        each = job(run, tmp_path / str(number), files, "--window", f"{number}..{number}", code=code)
        assert ("No such file" in each["words"]) == (number == 5) and ("at byte" in each["words"]) == (number == 3)
        others = [entry for i, entry in enumerate(each["inputs"], 1) if i != number]
        assert all(value is None for entry in others for key, value in entry.items() if key != "file")
        assert number == 1 or number == 5 or "gap" in each["inputs"][number - 1]
        jobs.append(each)
    assert put_together(jobs) == put_together([whole])


def test_requests_of_one_segment_have_names_of_their_own(run, tmp_path):
    """Two conversations that one segment of one connection began."""
    session = Session(server=("10.0.0.1", 3128))
    asked = b"".join(b"GET http://%s/ HTTP/1.1\r\nHost: %s\r\nProxy-Connection: keep-alive\r\n\r\n" % (name, name)
                     for name in (b"a.example", b"b.example"))
    frames = [*session.open(), session.say(CLIENT, asked),
              session.say(SERVER, b"HTTP/1.1 204 No Content\r\n\r\n" * 2), *session.close()]
    whole = assert_exact(run, tmp_path, ring_of(tmp_path, frames, 2), sizes=(1,))
    assert len(whole["tunnels"]) == 2
    uids = [row.split("\t")[1] for row in whole["logs"]["conn.log"]]
    assert len(uids) == len(set(uids)) == 3


@pytest.mark.parametrize("is_session", [False, True])
def test_reading_ends_when_all_is_over(run, is_session, tmp_path):
    """The last file has a name, and the export has it if that was read: not where a connection of the window is an
    ordinary one."""
    session = Session()
    opening = [*session.open(), session.say(CLIENT, b"CONNECT a.example:80 HTTP/1.1\r\n\r\n" if is_session else
                                            b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
               session.say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
               session.say(CLIENT, b"\x16\x03\x01 and so on")]
    other = wire.udp(("10.0.0.1", 9), ("10.0.0.2", 9), b"x")
    name = struct.pack("<HH", 1, 14) + b"\xc6\x33\x64\x09" + b"read.test\0" + b"\0\0" + struct.pack("<HH", 0, 0)
    files = []
    contents = [(b"", opening), (b"", [other]), (block(wire.NAMES, name), [other])]
    for number, (side_blocks, frames) in enumerate(contents):
        files.append(tmp_path / f"{number}.pcapng")
        files[-1].write_bytes(HEADER + interface(b"a") + side_blocks + b"".join(
            packet(0, frame, 1000 * number + at) for at, frame in enumerate(frames)))
    done = run("--sequence", *files, "--window", "1..1", "-w", tmp_path / "out.pcapng")
    assert done.code == DONE and (b"read.test" in (tmp_path / "out.pcapng").read_bytes()) == is_session


# ---------------------------------------------------------------- less is read

def test_less_is_read(run, tmp_path):
    """What was not looked at is told: connections that may have begun before, and that are not over; `uid` is what it
    is for who read everything."""
    one, two = socks5(client=("10.0.0.1", 1)), socks5(client=("10.0.0.2", 2))
    files = ring_of(tmp_path, one + two[:9] + Session(client=("10.0.0.3", 3)).open() + two[9:], 6)
    whole = job(run, tmp_path / "whole", files)
    assert [each["id"] for each in whole["tunnels"]] == [0, 1] and len(files) == 5

    def told(first: int, last: int, **looks: int) -> dict:
        words = [word for name, count in looks.items() for word in (f"--look-{name}", str(count))]
        return job(run, tmp_path / f"{first}.{last}.{len(list(tmp_path.iterdir()))}", files, "--window",
                   f"{first}..{last}", *words)

    each = told(2, 2, back=0, ahead=0)
    assert each["window"] == {"first": 2, "last": 2, "look_back": 0, "look_ahead": 0, "unfinished": 0, "silent": 0,
                              "midstream": 1}
    assert "1 connections began without a SYN: they may be of an earlier one; see --look-back" in each["words"]
    assert "gap" not in each["inputs"][1] and each["counters"]["packets_read"] == 6
    each = told(3, 3, back=1, ahead=1)
    assert each["window"]["unfinished"] == 1 and each["window"]["midstream"] == 0 and "gap" in each["inputs"][2]
    assert "1 sessions with proxies, or what may be some, were not over where reading ended" in each["words"]
    assert [tunnel["times"]["closed"] for tunnel in each["tunnels"]] == [None]
    assert told(4, 4, ahead=0)["window"]["silent"] == 1
    each = told(3, 4, back=0)
    assert (each["window"]["unfinished"], each["window"]["silent"]) == (0, 0)
    assert [tunnel["id"] for tunnel in each["tunnels"]] == [0]
    rows = [row for row in whole["logs"]["conn.log"] if "10.0.0.2" in row]
    assert len(rows) == 2 and sorted(rows) == sorted(each["logs"]["conn.log"])
    quiet = run("-q", "--sequence", *files, "--window", "3..3", "--look-ahead", "0", "--report", tmp_path / "r.json")
    assert quiet.code == DONE and not quiet.stderr


# ---------------------------------------------------------------- wrong use

@pytest.mark.parametrize(("words", "complaint"), [
    (["--window", "0..1"], "'0..1' begins before the first file, which is 1"),
    (["--window", "3..2"], "'3..2' ends before it begins"),
    (["--window", "2..4"], "'2..4' ends behind the last file: the sequence has 3 files"),
    (["--window", "2"], "'2' is not FIRST..LAST"),
    (["--window", "1..2x"], "is not FIRST..LAST"),
    (["--window", "1..99999999999999999999"], "is not FIRST..LAST"),
    (["--window", "1..-1"], "is not FIRST..LAST"),
    (["--look-back", "1"], "--look-back and --look-ahead are for --window"),
    (["--window", "1..1", "--mode", "replace"], "it needs the whole --sequence"),
    (["--window", "1..1", "--correlate"], "they need the whole --sequence"),
    (["--window", "1..1", "--look-ahead", "-1"], "--look-ahead"),
])
def test_usage(run, captures, tmp_path, words, complaint):
    files = [captures / name for name in ("socks5.pcapng", "connect.pcapng", "nested.pcapng")]
    done = run("--sequence", *files, "-w", tmp_path / "out.pcapng", *words)
    assert done.code == USAGE and complaint in done.stderr, done.stderr


def test_a_window_is_of_a_sequence(run, captures):
    done = run(captures / "socks5.pcapng", "--window", "1..1", "--list")
    assert done.code == USAGE and "--window is for --sequence" in done.stderr
