# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what inputs may be: directories; what the report says of how it was made.
from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from test_tool import DONE, UNREADABLE, USAGE, one_tunnel  # noqa: F401  # one_tunnel is a fixture


@pytest.fixture
def day(captures, tmp_path) -> Path:
    """A directory as sensors leave it."""
    top = tmp_path / "day"
    (top / "a/deep").mkdir(parents=True)
    (top / ".hidden").mkdir()
    shutil.copy(captures / "socks4.pcapng", top / "b.pcapng")
    shutil.copy(captures / "nested.pcapng", top / "a/deep/trace.0001")
    (top / "a/x.pcap.gz").write_bytes(gzip.compress((captures / "socks5_password.pcap").read_bytes()))
    shutil.copy(captures / "connect.pcapng", top / ".hidden/c.pcapng")
    shutil.copy(captures / "connect.pcapng", top / ".d.pcapng")
    (top / "a/README").write_text("no capture\n")
    (top / "z").symlink_to(top)
    return top


def files_of(report: Path) -> list[str]:
    return [entry["file"] for entry in json.loads(report.read_text())["inputs"]]


def test_every_capture_below_a_directory(run, day, tmp_path):
    done = run("-q", "day", "-d", "out", "--report", "report.json", cwd=tmp_path)
    assert done.code == DONE, done.stderr
    assert files_of(tmp_path / "report.json") == ["day/a/deep/trace.0001", "day/a/x.pcap.gz", "day/b.pcapng"]
    assert sorted(str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*.pcapng")) == [
        "a/deep/trace.0001.unproxied.pcapng", "a/x.unproxied.pcapng", "b.unproxied.pcapng"]
    side_by_side = run("-q", "day", "-d", "out2", "--report", "report2.json", "-j", "3", cwd=tmp_path)
    assert side_by_side.code == DONE
    assert (tmp_path / "report.json").read_bytes() == (tmp_path / "report2.json").read_bytes()


def test_our_own_outputs_are_no_inputs(run, day, tmp_path):
    for _ in range(2):
        done = run("-q", "day", "-d", "day/unproxied", "--log", "csv", "--log-dir", "day/logs", "--report", "r.json",
                   cwd=tmp_path)
        assert done.code == DONE, done.stderr
        assert len(files_of(tmp_path / "r.json")) == 3


def test_directories_and_files(run, day, tmp_path, one_tunnel):
    run("-q", one_tunnel, "day/a", "--report", "r.json", cwd=tmp_path)
    assert files_of(tmp_path / "r.json") == [str(one_tunnel), "day/a/deep/trace.0001", "day/a/x.pcap.gz"]


def test_what_is_named_as_a_capture_and_is_none_is_told(run, day, tmp_path):
    (day / "broken.pcap").write_text("nothing")
    (day / "empty.pcap.zst").touch()
    done = run("-q", "day", "--report", "r.json", cwd=tmp_path)
    assert done.code == UNREADABLE and "broken.pcap" in done.stderr and "empty.pcap.zst" in done.stderr
    unreadable = [bool(entry["unreadable"]) for entry in json.loads((tmp_path / "r.json").read_text())["inputs"]]
    assert unreadable == [False, False, False, True, True]


def test_a_directory_without_captures(run, tmp_path):
    (tmp_path / "none").mkdir()
    done = run("-q", "none", "--list", cwd=tmp_path)
    assert done.code == UNREADABLE and "none is a directory" in done.stderr


def test_one_name_twice(run, day, tmp_path, captures):
    """Side by side in one folder of outputs they would be one; below a directory they are not."""
    (day / "e").mkdir()
    shutil.copy(captures / "socks4.pcapng", day / "e/b.pcapng")
    assert run("-q", "day", "-d", "out", cwd=tmp_path).code == DONE
    assert (tmp_path / "out/e/b.unproxied.pcapng").is_file() and (tmp_path / "out/b.unproxied.pcapng").is_file()
    done = run("-q", "day/e/b.pcapng", "day/b.pcapng", "-d", "out", cwd=tmp_path)
    assert done.code == USAGE and "two outputs" in done.stderr


# ---------------------------------------------------------------- how a report was made


def test_the_report_says_how_it_was_made(run, captures, tmp_path):
    done = run("-qv", "nested.pcapng", "--hash", "-d", tmp_path / "out", f"--report={tmp_path}/r.json", "--names",
               "capture", "-j2", "--progress=never", "-F", "pcap", cwd=captures)
    assert done.code == DONE, done.stderr
    told = json.loads((tmp_path / "r.json").read_text())["tool"]
    assert told["command"] == ["pcap-unproxy", "nested.pcapng", "--hash", "--names", "capture", "-F", "pcap"]
    assert f"pcap-unproxy {told['version']}" == run("--version").text.strip()
    assert told["libraries"]["libpcap"].startswith("libpcap") and "Wireshark" in told["libraries"]["wiretap"]
    again = run(*told["command"][1:], "--report", tmp_path / "again.json", cwd=captures)
    assert again.code == DONE
    first, second = (json.loads((tmp_path / name).read_text()) for name in ("r.json", "again.json"))
    assert first["counters"].pop("packets_written") > 0 == second["counters"].pop("packets_written")
    assert first == second


def test_what_stands_behind_two_dashes_is_kept(run, tmp_path, one_tunnel):
    shutil.copy(one_tunnel, tmp_path / "-q")
    done = run("--report", "r.json", "--", "-q", cwd=tmp_path)
    assert done.code == DONE
    assert json.loads((tmp_path / "r.json").read_text())["tool"]["command"] == ["pcap-unproxy", "--", "-q"]
