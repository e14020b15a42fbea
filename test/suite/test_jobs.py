# SPDX-License-Identifier: GPL-2.0-or-later
# summary: pcap-unproxy -j: side by side gives what one after another gives; an input that fails, or the process that
#          reads it, costs the others nothing.
from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import REPOSITORY
from test_tool import DAMAGED, DONE, UNREADABLE, UNWRITABLE, USAGE, one_tunnel  # noqa: F401  # a fixture

CAPTURES = sorted(file.name for file in (REPOSITORY / "test/captures").iterdir()
                  if file.name.endswith((".pcap", ".pcapng")))


def everything(run, folder: Path, captures: Path, names: list, *words: str) -> dict[str, bytes]:
    """All that a run over them writes; on standard error, too."""
    folder.mkdir()
    done = run(*names, "--engine", "native", "--hash", "--list", "-d", folder / "out", "--log", "zeek,csv,ndjson",
               "--log-dir", folder / "logs", "--report", folder / "report.json", *words, cwd=captures)
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return files | {"list": done.stdout, "words": done.stderr.replace(str(folder), "").encode(),
                    "code": str(done.code).encode()}


@pytest.mark.parametrize("jobs", ["2", "3", "64", "0"])
def test_side_by_side_is_one_after_another(run, captures, tmp_path, jobs):
    one = everything(run, tmp_path / "one", captures, CAPTURES)
    assert len(one) > len(CAPTURES) + 7 and one["code"] == b"0"
    assert everything(run, tmp_path / "many", captures, CAPTURES, "-j", jobs) == one


def test_forms_that_have_the_numbers_elsewhere(run, captures, tmp_path):
    """CSV on standard output, and Zeek's logs as JSON, which leave out what is unset."""
    for folder, jobs in [("one", "1"), ("many", "3")]:
        done = run("nested.pcapng", "connect.pcapng", "nested.pcapng", "--list=csv", "--log", "zeek", "--log-json",
                   "--log-dir", tmp_path / folder, "-j", jobs, cwd=captures)
        (tmp_path / folder / "list").write_bytes(done.stdout)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "many" / file.name).read_bytes()
    rows = [json.loads(line) for line in (tmp_path / "many/proxytunnel.log").read_text().splitlines()]
    numbers = sorted((row["id"], row["input"], row.get("parent"), row["input_id"]) for row in rows)
    assert [number[0] for number in numbers] == list(range(len(rows)))
    last = [number for number in numbers if number[1] == 2]
    assert last[0][3] == 0 and last[0][0] > 0 and last[1][2] == last[0][0]  # its tunnel inside a tunnel


def test_inputs_that_fail(run, captures, tmp_path):
    names = ["nested.pcapng", tmp_path / "none.pcap", "connect.pcapng", "README.md", "socks4.pcapng"]
    one = everything(run, tmp_path / "one", captures, names)
    assert one["code"] == str(UNREADABLE).encode()
    assert everything(run, tmp_path / "many", captures, names, "-j", "4") == one


def test_an_output_that_fails(run, captures, tmp_path):
    for folder, jobs in [("one", "1"), ("many", "3")]:
        (tmp_path / folder / "out/nested.unproxied.pcapng").mkdir(parents=True)
        done = run("-q", "nested.pcapng", "connect.pcapng", "-d", tmp_path / folder / "out", "-j", jobs, "--report",
                   tmp_path / folder / "report.json", cwd=captures)
        assert done.code == UNWRITABLE and "nested.unproxied.pcapng" in done.stderr
    reports = [json.loads((tmp_path / folder / "report.json").read_text()) for folder in ("one", "many")]
    assert reports[0] == reports[1] and reports[0]["tunnels"][0]["id"] == 0


@pytest.mark.parametrize("words", [["-j", "-1"], ["-j", "x"], ["-j", "1025"], ["-j"]])
def test_wrong_use(run, one_tunnel, words):
    assert run(one_tunnel, "--list", *words).code == USAGE


def test_temporary_files_that_cannot_be(run, captures, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/proc")
    done = run("nested.pcapng", "connect.pcapng", "--list", "-j", "2", cwd=captures)
    assert done.code == UNWRITABLE and "temporary file in /proc" in done.stderr


def readers_of(process: subprocess.Popen, count: int) -> list[int]:
    """The processes that it started, once there are as many."""
    for _ in range(500):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if len(children) == count:
            return [int(child) for child in children]
        time.sleep(0.02)
    raise AssertionError(f"{children} are not {count}")


@pytest.fixture
def waiting(tool, captures, one_tunnel, tmp_path):
    """A run with two jobs: a capture, a FIFO that we hold open, and another capture."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen([tool, "-q", captures / "nested.pcapng", fifo, captures / "connect.pcapng", "-j", "2",
                                "-d", tmp_path / "out", "--report", tmp_path / "report.json"], stderr=subprocess.PIPE)
    with fifo.open("wb") as writer:
        writer.write(one_tunnel.read_bytes())
        writer.flush()
        yield process, tmp_path, writer
    process.kill()
    process.communicate()


def test_a_reader_that_is_killed(waiting):
    process, folder, _ = waiting
    for _ in range(500):  # both captures are done
        if (folder / "out/connect.unproxied.pcapng").is_file():
            break
        time.sleep(0.02)
    child, = readers_of(process, 1)
    os.kill(child, signal.SIGKILL)
    words = process.communicate(timeout=60)[1].decode()
    assert process.returncode == UNREADABLE and "fifo: the process that read it ended by signal 9" in words
    report = json.loads((folder / "report.json").read_text())
    assert [bool(entry["unreadable"]) for entry in report["inputs"]] == [False, True, False]
    assert {entry["input"] for entry in report["tunnels"]} == {0, 2}
    assert [entry["id"] for entry in report["tunnels"]] == list(range(len(report["tunnels"])))
    assert not (folder / "out/fifo.unproxied.pcapng").exists()


def test_a_signal_stops_all_and_completes_what_there_is(waiting):
    process, folder, _ = waiting
    for _ in range(500):
        if (folder / "out/nested.unproxied.pcapng").is_file():
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    words = process.communicate(timeout=60)[1].decode()
    assert process.returncode == DAMAGED and "interrupted" in words
    report = json.loads((folder / "report.json").read_text())
    assert report["interrupted"] and {0, 1} <= {entry["input"] for entry in report["tunnels"]}
    assert (folder / "out/fifo.unproxied.pcapng").is_file()


def test_nobody_outlives_us(waiting):
    process, folder, _ = waiting
    for _ in range(500):
        if (folder / "out/connect.unproxied.pcapng").is_file():
            break
        time.sleep(0.02)
    child, = readers_of(process, 1)
    process.kill()
    process.wait()
    for _ in range(500):
        if not Path(f"/proc/{child}").exists() or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text():
            break
        time.sleep(0.02)
    else:
        raise AssertionError("it goes on")
    assert not (folder / "report.json").exists()


def test_progress(run, captures):
    done = run("nested.pcapng", "connect.pcapng", "--list", "-j", "2", "--progress", "always", cwd=captures)
    assert done.code == DONE and "\r2 of 2 inputs done, 0 being read" in done.stderr
    assert "packets," not in done.stderr.replace("pcap-unproxy: ", "\n").split("\n")[0]
