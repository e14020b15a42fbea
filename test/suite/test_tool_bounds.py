# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: memory that does not grow with what is reported, and what happens where a temporary file cannot be kept."""

from __future__ import annotations

import json
import os
import subprocess
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
    assert peak(tool, many_attempts, "--list") < without + 6


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
