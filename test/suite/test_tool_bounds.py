# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: memory that does not grow with what is reported, and what happens where a temporary file cannot be kept."""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import wire
from test_tool import DONE, UNWRITABLE, report_of
from wire import CLIENT, SERVER

CONNECTIONS, EACH = 12, 500


@pytest.fixture(scope="module")
def many_attempts(tmp_path_factory) -> Path:
    """6,000 refused attempts with long names: two megabytes of entries, more than that of records in memory."""
    frames = []
    for number in range(CONNECTIONS):
        session = wire.Session(client=("10.0.0.5", 10000 + number))
        frames += session.open()
        for index in range(EACH):
            name = b"%s.%d-%d" % (b"long" * 40, number, index)
            frames += [session.say(CLIENT, b"CONNECT %s:80 HTTP/1.1\r\n\r\n" % name),
                       session.say(SERVER, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")]
        frames += session.close()
    path = tmp_path_factory.mktemp("many") / "many.pcap"
    path.write_bytes(wire.pcap(frames))
    return path


def peak(tool: Path, *arguments: str | Path) -> float:
    """Of the resident memory, in MiB. A sanitizer's quarantine would grow with everything that was ever freed."""
    environment = os.environ | {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}
    process = subprocess.Popen([tool, "-q", *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == DONE
    return usage.ru_maxrss / 1024


def test_memory_does_not_grow_with_what_is_reported(tool, many_attempts):
    without = peak(tool, many_attempts, "-w", "/dev/null")
    assert peak(tool, many_attempts, "--report", "/dev/null") < without + 6
    for form in ("table", "csv"):
        assert peak(tool, many_attempts, f"--list={form}") < without + 6


def test_many_attempts_are_reported_in_order(run, many_attempts):
    tunnels = report_of(run, many_attempts)["tunnels"]
    assert [entry["id"] for entry in tunnels] == list(range(CONNECTIONS * EACH))
    assert [entry["target"]["host"].split(".")[1] for entry in tunnels[EACH - 1:EACH + 1]] == ["0-499", "1-0"]
    lines = run(many_attempts, "-q", "--list").text.splitlines()
    assert [int(line.split()[0]) for line in lines[1:]] == list(range(CONNECTIONS * EACH))


def test_attempts_that_end_in_another_order_than_they_began(run, tmp_path):
    sessions = [wire.Session(client=("10.0.0.5", 20000 + number)) for number in range(3)]
    frames = [frame for session in sessions for frame in [
        *session.open(), session.say(CLIENT, b"CONNECT h:80 HTTP/1.1\r\n\r\n")]]
    frames += [session.say(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n") for session in reversed(sessions)]
    path = tmp_path / "reversed.pcap"
    path.write_bytes(wire.pcap(frames))
    tunnels = report_of(run, path)["tunnels"]
    assert [(entry["id"], entry["client"]["port"]) for entry in tunnels] == [(0, 20000), (1, 20001), (2, 20002)]


def test_without_room_for_entries_the_capture_is_written_all_the_same(tool, many_attempts, tmp_path):
    output = tmp_path / "out.pcapng"
    done = subprocess.run([tool, many_attempts, "-w", output, "--report", "/dev/null"], stderr=subprocess.PIPE,
                          env=os.environ | {"TMPDIR": "/no/such/directory"}, text=True, check=False)
    assert done.returncode == UNWRITABLE
    assert "/no/such/directory" in done.stderr
    assert output.exists()


def test_what_an_input_gave_before_its_output_failed_is_not_reported(run, tmp_path):
    names, report = ("first", "second", "third"), tmp_path / "report.json"
    (tmp_path / "out").mkdir()
    (tmp_path / "out/second.unproxied.pcapng").symlink_to("/dev/full")
    health_check = wire.Session(server=("10.0.0.1", 80))
    frames = [*wire.connect_session(), *health_check.open(), health_check.say(CLIENT, b"PROXY UNKNOWN\r\n")]
    for name in names:
        (tmp_path / f"{name}.pcap").write_bytes(wire.pcap(frames))
    done = run(*(tmp_path / f"{name}.pcap" for name in names), "-q", "-d", tmp_path / "out", "--report", report)
    assert done.code == UNWRITABLE and "second" in done.stderr
    told = json.loads(report.read_text())
    assert [(entry["id"], entry["input"]) for entry in told["tunnels"]] == [(0, 0), (1, 2)]
    assert len(told["skipped"]) == 2


# ---------------------------------------------------------------- names

NAMES = 65536


def test_names_that_are_forgotten_are_told_of(run, tmp_path):
    capture, hosts = tmp_path / "one.pcap", tmp_path / "hosts"
    capture.write_bytes(wire.pcap(wire.connect_session(b"n0:80")))
    for count, dropped, provenance in ((NAMES, 0, "hosts-file"), (NAMES + 3, 3, "synthetic")):
        hosts.write_text("".join(f"192.0.2.7 n{number}\n" for number in range(count)))
        done = run(capture, "--report", tmp_path / "report.json", "--names", f"hosts={hosts}")
        report = json.loads((tmp_path / "report.json").read_text())
        assert report["counters"]["names_dropped"] == dropped
        assert report["tunnels"][0]["origin"]["provenance"] == provenance
        assert ("3 names were left out or forgotten" in done.stderr) == (dropped > 0)


def name_records(numbers: Iterable[int]) -> bytes:
    """Blocks of a pcapng file."""
    records = [struct.pack("<HH", 1, 12) + b"\xc0\0\2\7" + b"n%06d\0" % number for number in numbers]
    blocks = b""
    for first in range(0, len(records), 1000):
        body = b"".join(records[first:first + 1000]) + bytes(4)
        size = struct.pack("<I", len(body) + 12)
        blocks += struct.pack("<I", wire.NAMES) + size + body + size
    return blocks


@pytest.mark.parametrize(("others", "times"), [(NAMES - 1, 1), (NAMES, 2)])
def test_of_names_that_were_written_as_many_are_remembered(run, tmp_path, others, times):
    capture, output = tmp_path / "names.pcapng", tmp_path / "out.pcapng"
    section = struct.pack("<IIIHHqI", wire.SECTION, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    packet = (struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20) + struct.pack("<IIIII", 3, 20, 1, 0, 20))
    capture.write_bytes(section + name_records([0, *range(1, 60001)]) + packet + name_records(range(60001, others + 1))
                        + name_records([0]))
    assert run(capture, "-q", "-w", output).code == DONE
    assert output.read_bytes().count(b"n000000\0") == times


# ---------------------------------------------------------------- whatever ends the program

def size_while_waiting(tool: Path, *arguments: str | Path) -> int:
    """Bytes of address space of the tool before it reads anything."""
    with subprocess.Popen([tool, "-", *arguments], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        time.sleep(1)
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.kill()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmSize")) * 1024


def test_memory_that_runs_out_ends_like_a_full_disk(tool, tmp_path):
    if b"__asan_init" in tool.read_bytes():
        pytest.skip("AddressSanitizer wants all address space there is; test_unfinished_output.cpp does it in part")
    half_open = [wire.Session(client=("10.0.0.5", 10000 + number)).say(CLIENT, b"CONNECT " + b"a" * 100)
                 for number in range(5000)]
    arguments = ("-q", "-w", tmp_path / "out.pcapng", "--report", tmp_path / "report.json")
    little = size_while_waiting(tool, *arguments) + (512 << 10)
    done = subprocess.run([tool, "-", *arguments], input=wire.pcap(half_open), stderr=subprocess.PIPE, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (little, little)))
    assert done.returncode == UNWRITABLE
    assert b"out of memory" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_killed_program_leaves_nothing(tool, tmp_path):
    try:
        os.close(os.open(tmp_path, os.O_TMPFILE | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system knows no files without a name")
    with subprocess.Popen([tool, "-", "-q", "-w", tmp_path / "out.pcapng"], stdin=subprocess.PIPE) as process:
        process.stdin.write(wire.pcap(wire.connect_session()))
        process.stdin.flush()
        time.sleep(1)          # the pipe stays open: the tool waits for more
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
