# SPDX-License-Identifier: GPL-2.0-or-later
# summary: a job of the workflow does one window: what it leaves when it is done, when it fails, when it was killed.
from __future__ import annotations

import json

import pytest

import wire
from conftest import run_program
from workflow_run import cut, do_window, script, write_plan
import report
import summary


def test_a_job_tells_what_it_did(tool, captures, tmp_path):
    files = cut(captures / "socks5.pcapng", tmp_path / "ring", 40)
    done, result = do_window(write_plan(tmp_path, tool, files, options=["--hash"]))
    assert done.code == 0, done.stderr
    told = json.loads(result.read_text())
    folder = result.with_suffix("")
    assert sorted(path.name for path in result.parent.iterdir()) == [folder.name, result.name]
    inputs = list(report.Report(folder / "report.json").entries("inputs"))
    assert told["packets"] == sum(each["packets"] for each in inputs) > 0
    assert len(inputs) == told["last"] - told["first"] + 1 and all(each["sha256"] for each in inputs)
    assert json.loads((folder / "report.json").read_text())["counters"]["tunnels"] == told["tunnels"] > 0
    packets = [each for each in wire.pcapng_blocks((folder / "export.pcapng").read_bytes()) if each.kind == wire.PACKET]
    assert len(packets) == told["packets_written"] > 0
    capinfos = run_program("capinfos", "-Tm", "-ae", folder / "export.pcapng").text.splitlines()[1].split(",")
    for name, text in zip(("first_time", "last_time"), capinfos[1:]):
        assert told["capture"][name][:19].replace("T", " ") == text[:19]
    assert told["capture"]["bytes"] == (folder / "export.pcapng").stat().st_size


@pytest.mark.parametrize(("does", "complaint"), [
    ("exit 4", "ended with 4"),
    ("kill -9 $$", "ended with -9"),
    ("'{tool}' \"$@\"; exit 4", "ended with 4"),
    ("'{tool}' \"$@\"; exit 3", "a file cannot be read"),
    ("'{tool}' \"$@\"; for word; do case $word in */report.json) "
     "sed -i 's/\"interrupted\": false/\"interrupted\": true/' $word;; esac; done; exit 1", "interrupted"),
])
def test_a_job_that_fails_leaves_nothing(tool, captures, tmp_path, does, complaint):
    files = cut(captures / "socks5.pcapng", tmp_path / "ring", 40)
    path = write_plan(tmp_path, tool, files)
    made = json.loads(path.read_text())
    made["settings"]["tool"] = str(script(tmp_path / "tool", does.format(tool=tool)))
    path.write_text(json.dumps(made))
    done, result = do_window(path, attempts_left=1)
    assert done.code == 1 and complaint in done.stderr
    assert list(result.parent.iterdir()) == []


def test_what_a_killed_job_left_is_taken_away(tool, captures, tmp_path):
    path = write_plan(tmp_path, tool, cut(captures / "socks5.pcapng", tmp_path / "ring", 40))
    key = json.loads(path.read_text())["windows"][0]["key"]
    for left in [f"{key}.elsewhere.7.part", key]:   # before the result had its name, and after
        (tmp_path / "windows/a" / left).mkdir(parents=True)
        (tmp_path / "windows/a" / left / "export.pcapng").write_bytes(b"half of i")
    done, result = do_window(path)
    assert done.code == 0, done.stderr
    assert sorted(each.name for each in result.parent.iterdir()) == [key, f"{key}.json"]
    assert (result.with_suffix("") / "export.pcapng").stat().st_size > 100


def test_a_file_that_cannot_be_read_is_told_in_the_end(tool, captures, tmp_path):
    files = cut(captures / "socks5.pcapng", tmp_path / "ring", 40)
    path = write_plan(tmp_path, tool, files)
    files[0].unlink()
    done, result = do_window(path, attempts_left=1)
    assert done.code == 1 and "No such file" in done.stderr and not result.exists()
    done, result = do_window(path, attempts_left=0)
    assert done.code == 0, done.stderr
    assert "No such file" in json.loads(result.read_text())["faults"][0]
    row = summary.sum_up(tmp_path, "a")
    assert row["done"] == 1 and len(row["faults"]) == row["windows"] > 1
    assert f"{len(row['faults'])} faults" in summary.write_summary(tmp_path, ["a"])
