# SPDX-License-Identifier: GPL-2.0-or-later
# summary: the workflow over windows (docs/scale.md): what is planned, what a job leaves, how results are put together; all
#          of it on a laptop, against the sequential run, where snakemake is installed.
from __future__ import annotations

import csv
import json
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wire
from conftest import REPOSITORY, Run, run_program
from sequences import differences, run_sequence

WORKFLOW = REPOSITORY / "workflow"
sys.path.insert(0, str(WORKFLOW / "steps"))
import capture  # noqa: E402
import merge  # noqa: E402
import plan  # noqa: E402
import report  # noqa: E402
import settings  # noqa: E402
import summary  # noqa: E402
import tables  # noqa: E402
import window  # noqa: E402

NO_SNAKEMAKE = "snakemake is not installed (Debian: apt-get install snakemake), so the workflow as a whole was not tried"


def ring(*sizes: int) -> list[settings.RingFile]:
    return [settings.RingFile(f"ring/{number}", size, 7) for number, size in enumerate(sizes)]


def settled(**others: Any) -> dict[str, Any]:
    given = {"output": "out", "sensors": {"a": "*.pcap"}, **others}
    return settings.read_settings(given, Path("here")).of_window()


# ---------------------------------------------------------------- what is planned

@pytest.mark.parametrize(("sizes", "windows"), [
    ([], []),
    ([5], [(1, 1)]),
    ([0, 0], [(1, 2)]),
    ([10] * 6, [(1, 3), (4, 6)]),
    ([10] * 7, [(1, 3), (4, 6), (7, 7)]),
    ([10, 500, 10, 10], [(1, 1), (2, 2), (3, 4)]),
    ([500], [(1, 1)]),
    ([29, 29], [(1, 1), (2, 2)]),
])
def test_windows(sizes, windows):
    assert [each[:2] for each in plan.windows_of(sizes, 30)] == windows


def test_windows_have_about_equal_bytes_and_each_file_once():
    sizes = [random.Random(1).randrange(1, 40) for _ in range(2000)]
    windows = plan.windows_of(sizes, 400)
    assert [number for each in windows for number in range(each.first, each.last + 1)] == list(range(1, 2001))
    assert all(each.bytes == sum(sizes[each.first - 1:each.last]) for each in windows)
    assert all(380 <= each.bytes <= 420 for each in windows[:-1]) and 0 < windows[-1].bytes <= 420


def keys(files: list[settings.RingFile], **others: Any) -> list[str]:
    made = plan.make_plan("a", files, 30, settled(**others))
    return [each["key"] for each in made["windows"]]


def changed(before: list[str], after: list[str]) -> set[int]:
    return {number for number, key in enumerate(after) if key not in before}


def test_what_a_changed_file_is_news_to():
    """The windows that read it. There are four of three files."""
    files = ring(*[10] * 12)
    before = keys(files, look_back=1, look_ahead=2)
    files[4] = files[4]._replace(changed=8)
    assert changed(before, keys(files, look_back=1, look_ahead=2)) == {0, 1}
    assert changed(keys(ring(*[10] * 12), look_back=0, look_ahead=0), keys(files, look_back=0, look_ahead=0)) == {1}
    assert changed(keys(ring(*[10] * 12), look_back=None, look_ahead=0),
                   keys(files, look_back=None, look_ahead=0)) == {1, 2, 3}


def test_what_an_added_file_is_news_to():
    """The last window, and those that can look further ahead now."""
    def grown(**others: Any) -> set[int]:
        return changed(keys(ring(*[10] * 12), **others), keys(ring(*[10] * 13), **others))
    assert grown(look_back=1, look_ahead=0) == {4}
    assert grown(look_back=1, look_ahead=2) == {3, 4}
    assert grown(look_back=1, look_ahead=None) == {0, 1, 2, 3, 4}
    assert changed(keys(ring(*[10] * 11), look_ahead=0), keys(ring(*[10] * 12), look_ahead=0)) == {3}


def test_other_options_are_news_to_all():
    files = ring(*[10] * 12)
    assert changed(keys(files), keys(files, options=["--layers", "leaf"])) == {0, 1, 2, 3}
    assert keys(files, retries=7, minutes=3, parquet=True) == keys(files)


@pytest.mark.parametrize(("value", "number"), [(5, 5), ("4 GB", 4 * 10**9), ("1.5kb", 1500), ("2 MiB", 2**21)])
def test_bytes(value, number):
    assert settings.bytes_of(value) == number


@pytest.mark.parametrize(("wrong", "complaint"), [
    ({"output": None}, "output"), ({"sensors": None}, "sensors"), ({"sensors": {}}, "sensors"),
    ({"sensors": {"a/b": "x"}}, "'a/b'"), ({"sensors": {"..": "x"}}, "'..'"), ({"sensors": {"a": 5}}, "sensors: a"),
    ({"window_bytes": "many"}, "'many'"), ({"window_bytes": 0}, "'0'"), ({"look_back": -1}, "look_back"),
    ({"look_ahead": "2"}, "look_ahead"), ({"logs": ["syslog"]}, "'syslog'"), ({"window_byte": 5}, "'window_byte'"),
    ({"options": ["-w", "x"]}, "-w"), ({"options": ["--report=x"]}, "--report"), ({"options": ["-j4"]}, "-j4"),
    ({"options": "--correlate"}, "--correlate"),
])
def test_what_cannot_be_set(wrong, complaint):
    given = {"output": "out", "sensors": {"a": "*.pcap"}, **wrong}
    with pytest.raises(settings.ConfigError, match=complaint):
        settings.read_settings({key: value for key, value in given.items() if value is not None}, Path())


def test_the_example_can_be_set():
    yaml = pytest.importorskip("yaml", reason="there is no python3-yaml")
    given = yaml.safe_load((WORKFLOW / "config.yaml").read_text())
    read = settings.read_settings(given, Path("place"))
    assert read.sensors["office"] == ["place/captures/office/*.pcapng"] and read.tool == "pcap-unproxy"
    assert set(given) == set(settings.DEFAULTS) | {"output", "sensors"}
    assert {name: given[name] for name in settings.DEFAULTS if name != "options"} == {
        name: value for name, value in settings.DEFAULTS.items() if name != "options"}


def test_files_of_a_sensor(tmp_path):
    """Each once, no folders; the list is touched only where it says something else."""
    for name in ["b.pcap", "a.pcap", "c.txt"]:
        (tmp_path / name).write_bytes(b"12")
    (tmp_path / "d.pcap").mkdir()
    (tmp_path / "e.pcap").symlink_to("nowhere")
    given = {"output": "out", "sensors": {"a": ["*.pcap", "a.*"], "none": "x*"}}
    read = settings.read_settings(given, tmp_path)
    settings.list_files(read, tmp_path / "plan")
    listed = settings.read_files(tmp_path / "plan/a.files")
    assert [(Path(each.file).name, each.bytes) for each in listed] == [("a.pcap", 2), ("b.pcap", 2)]
    assert settings.read_files(tmp_path / "plan/none.files") == []
    before = (tmp_path / "plan/a.files").stat().st_ino
    settings.list_files(read, tmp_path / "plan")
    assert (tmp_path / "plan/a.files").stat().st_ino == before
    (tmp_path / "b.pcap").write_bytes(b"123")
    settings.list_files(read, tmp_path / "plan")
    assert (tmp_path / "plan/a.files").stat().st_ino != before


# ---------------------------------------------------------------- the order, as the tool tells it

def cut(whole: Path, folder: Path, packets: int) -> list[Path]:
    folder.mkdir(parents=True)
    done = run_program("editcap", "-F", "pcapng", "-c", packets, whole, folder / "ring.pcapng")
    assert done.code == 0, done.stderr
    return sorted(folder.iterdir())


def test_a_list_has_the_order_and_is_taken(run, captures, tmp_path):
    """With what it says nobody looks into files: it is believed, here against the truth."""
    files = cut(captures / "socks5.pcapng", tmp_path / "ring", 40)
    names = "".join(f"{file}\n" for file in reversed(files)).encode()
    listed = run("--sequence", "--files-from", "-", "--list-files", stdin=names)
    head, *rows = listed.text.splitlines()
    assert listed.code == 0 and head == "first_time\tfile"
    assert [row.split("\t")[1] for row in rows] == [str(file) for file in files]
    assert all(len(row.split("\t")[0]) == len("2026-11-22T08:41:47.034469020Z") for row in rows)
    swapped = tmp_path / "swapped"
    swapped.write_text("\n".join([head, rows[0], f"2020-01-01T00:00:00Z\t{files[1]}"]))
    done = run("-q", "--sequence", "--files-from", swapped, "--list=csv", "--report", tmp_path / "report.json")
    assert done.code == 0
    told = json.loads((tmp_path / "report.json").read_text())["inputs"]
    assert [each["file"] for each in told] == [str(files[1]), str(files[0])]


def test_what_cannot_be_read_is_in_the_list(run, captures, tmp_path):
    files = cut(captures / "socks5.pcapng", tmp_path / "ring", 100)
    done = run("--sequence", *files, tmp_path / "missing", "--list-files")
    assert done.code == 3 and "cannot open" in done.stderr
    assert done.text.splitlines()[-1] == f"-\t{tmp_path / 'missing'}"


@pytest.mark.parametrize(("lines", "words", "complaint"), [
    ("a\n\nb\n", ["--sequence"], "line 2: names no file"),
    ("a\n-\n", ["--sequence"], "line 2: is standard input"),
    ("first_time\tfile\na\n", ["--sequence"], "line 2: is not a time, a tab and a file"),
    ("first_time\tfile\nyesterday\ta\n", ["--sequence"], "line 2: does not begin with a time"),
    ("a\n", [], "--files-from is for --sequence"),
    ("", ["--sequence"], "INPUT is required"),
])
def test_wrong_lists(run, tmp_path, lines, words, complaint):
    (tmp_path / "list").write_text(lines)
    done = run(*words, "--files-from", tmp_path / "list", "--list-files")
    assert done.code == 2 and complaint in done.stderr


def test_other_wrong_use_of_lists(run, tmp_path):
    done = run("--sequence", "--files-from", tmp_path / "none", "--list-files")
    assert done.code == 2 and "cannot open" in done.stderr
    done = run("--list-files", tmp_path / "none")
    assert done.code == 2 and "--list-files is for --sequence" in done.stderr


def write_plan(folder: Path, tool: Path, files: list[Path], **others: Any) -> Path:
    """Of a sensor `a`, as the workflow does."""
    given = {"output": "out", "sensors": {"a": [str(file) for file in files]}, "tool": str(tool),
             "window_bytes": 20000, "look_back": None, "look_ahead": None, **others}
    read = settings.read_settings(given, folder)
    settings.list_files(read, folder / "plan")
    words = json.dumps({"sensor": "a", "window_bytes": read.window_bytes, **read.of_window()})
    done = run_program(sys.executable, WORKFLOW / "steps/plan.py", words, folder / "plan/a.files",
                       folder / "plan/a.order", folder / "plan/a.json")
    assert done.code == 0, done.stderr
    return folder / "plan/a.json"


def test_the_plan_is_the_same_each_time(tool, captures, tmp_path):
    files = cut(captures / "socks5.pcapng", tmp_path / "ring", 40)
    first = write_plan(tmp_path, tool, files).read_bytes()
    assert write_plan(tmp_path, tool, files[::-1]).read_bytes() == first
    made = json.loads(first)
    assert made["files"] == len(files) and len(made["windows"]) > 2
    assert made["bytes"] == sum(each["bytes"] for each in made["windows"]) == sum(f.stat().st_size for f in files)
    assert json.loads(write_plan(tmp_path, tool, []).read_text())["windows"] == []
    files[0].write_bytes(b"no capture")
    assert json.loads(write_plan(tmp_path, tool, files).read_text())["files"] == len(files)


# ---------------------------------------------------------------- a job

def do_window(plan_path: Path, number: int = 0, attempts_left: int = 0) -> tuple[Run, Path]:
    key = json.loads(plan_path.read_text())["windows"][number]["key"]
    result = plan_path.parent.parent / "windows/a" / f"{key}.json"
    done = run_program(sys.executable, WORKFLOW / "steps/window.py", plan_path, key, result, attempts_left)
    return done, result


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


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


# ---------------------------------------------------------------- put together

def test_sources_are_open_only_while_they_are_needed():
    opened: list[int] = []
    most = 0

    def items(number: int) -> Iterator[tuple[int, int]]:
        nonlocal most
        opened.append(number)
        most = max(most, len(opened))
        yield from ((at, at) for at in range(10 * number, 10 * number + 12))
        opened.remove(number)

    sources = [(10 * number, lambda number=number: items(number)) for number in range(100)]
    random.Random(1).shuffle(sources)
    found = [item for _, item in tables.merged([*sources, (None, lambda: items(0))])]
    assert found == sorted(found) and len(found) == 1200 and most == 2 and not opened


def entry(number: int, file: int, frame: int, **others: Any) -> dict[str, Any]:
    return {"id": number, "input": file, "parent": None, "protocol": "socks5", "input_id": number, "layer": 0,
            "frames": {"first": 1, "request": frame, "reply": frame + 1, "last": 90}, **others}


def write_report(path: Path, tunnels: list[dict[str, Any]], **values: Any) -> report.Report:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        writer = report.ReportWriter(file, {"tool": {"name": "x"}, "interrupted": False})
        for array, entries in [("inputs", values.get("inputs", [])), ("tunnels", tunnels),
                               ("skipped", values.get("skipped", []))]:
            for each in entries:
                writer.entry(array, json.dumps(each))
        writer.finish(values.get("counters", report.NOTHING))
    return report.Report(path)


def merged_report(folder: Path, reports: list[report.Report], place: Callable) -> dict[str, Any]:
    with (folder / "spool").open("w+b") as spool, (folder / "merged.json").open("w") as file:
        numbering = report.Numbering(spool, len(reports))
        report.merge_windows(reports, {"tool": {"name": "x"}}, place, numbering, file)
        maps = [numbering.of_window(number) for number in range(len(reports))]
    read = json.loads((folder / "merged.json").read_text())
    assert sorted(new for each in maps for new in each.values()) == [each["id"] for each in read["tunnels"]]
    return read


def test_numbers_follow_the_requests_of_all_windows(tmp_path):
    """A session may ask in a later file than another window's; a tunnel inside goes with the one outside."""
    first = write_report(tmp_path / "1.json", [
        entry(4, 0, 10), entry(5, 0, 20, frame_inputs={"request": 1}), entry(9, 0, 21, parent=5,
                                                                             frame_inputs={"request": 1, "last": 2}),
    ], inputs=[{"file": "a"}], skipped=[{"reason": "r"}], counters={"tunnels": 3, "packets_passed_over": {"arp": 1}})
    second = write_report(tmp_path / "2.json", [
        entry(2, 1, 5), entry(3, 1, 30, protocol="socks4"), entry(7, 1, 31), entry(8, 1, 40, parent=3)],
        inputs=[{"file": "b"}], counters={"tunnels": 4, "packets_passed_over": {"arp": 2, "gre": 1}})
    read = merged_report(tmp_path, [first, second], report.request_place)
    assert [(each["id"], each["input"], each["parent"], each["frames"]["request"]) for each in read["tunnels"]] == [
        (0, 0, None, 10), (1, 1, None, 5), (2, 0, None, 20), (3, 0, 2, 21), (4, 1, None, 30), (5, 1, None, 31),
        (6, 1, 4, 40)]
    assert all(each["input_id"] == each["id"] for each in read["tunnels"])
    assert read["inputs"] == [{"file": "a"}, {"file": "b"}] and read["skipped"] == [{"reason": "r"}]
    assert read["counters"]["tunnels"] == 7 and read["counters"]["packets_passed_over"] == {"arp": 3, "gre": 1}


def test_numbers_of_windows_that_saw_all_before_are_kept(tmp_path):
    """Whatever their requests: an attempt is numbered when it was understood."""
    first = write_report(tmp_path / "1.json", [entry(0, 0, 10), entry(3, 0, 1)])
    second = write_report(tmp_path / "2.json", [entry(1, 1, 50), entry(2, 1, 60)])
    read = merged_report(tmp_path, [first, second], report.numbered_place)
    assert [(each["id"], each["frames"]["request"]) for each in read["tunnels"]] == [(0, 10), (1, 50), (2, 60), (3, 1)]


def test_no_windows_and_no_tunnels(tmp_path):
    read = merged_report(tmp_path, [], report.request_place)
    assert read["tunnels"] == read["inputs"] == read["skipped"] == [] and read["counters"] == report.NOTHING
    empty = write_report(tmp_path / "1.json", [], inputs=[{"file": "a"}])
    assert merged_report(tmp_path, [empty, empty], report.request_place)["tunnels"] == []


def test_sensors_one_after_the_other(tmp_path):
    reports = [write_report(tmp_path / f"{name}.json", [entry(0, 0, 1), entry(1, 1, 2, parent=0)],
                            inputs=[{"file": name}, {"file": name}]) for name in "ab"]
    with (tmp_path / "all.json").open("w") as file:
        numbers = report.merge_sensors(reports, {"tool": {}}, file)
    read = json.loads((tmp_path / "all.json").read_text())
    assert [(each["id"], each["input_id"], each["input"], each["parent"]) for each in read["tunnels"]] == [
        (0, 0, 0, None), (1, 1, 1, 0), (2, 0, 2, None), (3, 1, 3, 2)]
    assert [each["file"] for each in read["inputs"]] == ["a", "a", "b", "b"]
    assert numbers[1].number("id", 1) == 3 and numbers[1].number("input_id", 1) == 1


ZEEK = "#path\tx\n#open\t{open}\n#fields\tts\tid\tparent\tinput\tinput_id\n#types\ttime\tcount\tcount\tcount\tcount\n"
LOGS = {
    "x.log": ((ZEEK.format(open="2026-01-02"), "#close\t2026-01-03\n"), "{0}.5\t{1}\t-\t{2}\t{1}\n"),
    "x.csv": (("id,input,parent,times.request,username,input_id\n", ""),
              '{1},{2},,2026-01-01T00:00:0{0}Z,"a,""b",{1}\n'),
    "x.ndjson": (("", ""), '{{"id":{1},"input":{2},"times.request":"2026-01-01T00:00:0{0}Z","username":"{{\\"id\\":5",'
                 '"input_id":{1},"frame_inputs.last":{2}}}\n'),
    "j.log": (("", ""), '{{"ts":{0}.5,"id":{1},"input":{2},"port":5}}\n'),
}


@pytest.mark.parametrize("name", LOGS)
def test_logs_in_one_order_with_one_head(tmp_path, monkeypatch, name):
    """Rows in the order of their ends are put in the order of time, more of them than are kept in memory."""
    monkeypatch.setattr(tables, "ROWS_IN_MEMORY", 2)
    (head, tail), row = LOGS[name]
    times = [[4, 1, 3, 1, 2], [9, 5, 7, 3], []]
    for number, of_log in enumerate(times):
        path = tmp_path / str(number) / name
        path.parent.mkdir()
        path.write_text(head + "".join(row.format(time, at, number) for at, time in enumerate(of_log)) + tail)
        tables.sort_log(path)
        assert tables.sort_log(path) is None and path.read_text().startswith(head) and path.read_text().endswith(tail)
    with (tmp_path / name).open("w") as file:
        rows = tables.merge_logs([tmp_path / str(number) / name for number in range(3)],
                                 lambda number: tables.Renumber(lambda own: own + 10 * number, 100, 50), file)
    ordered = sorted((time, number, at) for number, of_log in enumerate(times) for at, time in enumerate(of_log))
    expected = [row.format(time, 100 + at + 10 * number, number + 50) for time, number, at in ordered]
    if "input_id" in row + head:   # which does not count other sensors
        expected = [with_own_number(text, name, at + 10 * number) for text, (_, number, at) in zip(expected, ordered)]
    assert rows == 9 and (tmp_path / name).read_text() == head + "".join(expected) + tail


def with_own_number(row: str, name: str, number: int) -> str:
    if name.endswith(".ndjson"):
        return row.replace(f'"input_id":{number + 100}', f'"input_id":{number}')
    mark = "," if name.endswith(".csv") else "\t"
    return mark.join([*row.rstrip("\n").split(mark)[:-1], str(number)]) + "\n"


def test_first_and_last_times_of_zeeks_logs(tmp_path):
    for number, day in enumerate([5, 2]):
        (tmp_path / f"{number}.log").write_text(ZEEK.format(open=f"2026-01-0{day}") + f"#close\t2026-01-0{day + 1}\n")
    with (tmp_path / "x.log").open("w") as file:
        tables.merge_logs([tmp_path / "0.log", tmp_path / "1.log"], lambda _: tables.Renumber(int), file)
    assert (tmp_path / "x.log").read_text() == ZEEK.format(open="2026-01-02") + "#close\t2026-01-06\n"


def test_times_of_captures(tmp_path):
    """Of any resolution and interface; none where there is no packet."""
    def option(code: int, value: bytes) -> bytes:
        return (code.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value + b"\0" * (-len(value) % 4))

    def block(kind: int, body: bytes) -> bytes:
        size = (12 + len(body)).to_bytes(4, "little")
        return kind.to_bytes(4, "little") + size + body + size

    def packet(interface: int, units: int) -> bytes:
        return block(6, b"".join(number.to_bytes(4, "little") for number in (
            interface, units >> 32, units & 0xFFFFFFFF, 4, 4)) + b"abcd")

    head = block(0x0A0D0D0A, b"\x4d\x3c\x2b\x1a\1\0\0\0" + b"\xff" * 8)
    micro, nano = b"\1\0\0\0\0\0\0\0", b"\1\0\0\0\0\0\0\0" + option(9, b"\x09")
    path = tmp_path / "x.pcapng"
    path.write_bytes(head + block(1, micro) + packet(0, 1_700_000_000_000_001) + block(1, nano) +
                     packet(1, 1_700_000_001_000_000_002) + block(5, b"\0" * 12))
    told = capture.describe(path)
    assert told["first_time"] == "2023-11-14T22:13:20.000001000Z"
    assert told["last_time"] == "2023-11-14T22:13:21.000000002Z"
    path.write_bytes(head)
    assert capture.describe(path)["first_time"] is None


def test_windows_put_together_are_the_sequence(tool, captures, tmp_path):
    """Without snakemake: with tunnels inside tunnels, which are in one window, and looking back to the first file."""
    files = cut(captures / "nested.pcapng", tmp_path / "ring", 15)
    path = write_plan(tmp_path, tool, files, options=["--hash", "--engine", "native"], logs=["zeek", "csv", "ndjson"],
                      window_bytes=sum(file.stat().st_size for file in files) // 5)
    windows = json.loads(path.read_text())["windows"]
    for number in range(len(windows)):
        done, _ = do_window(path, number)
        assert done.code == 0, done.stderr
    merge.merge_sensor(path, tmp_path / "sensors/a")
    run_sequence(tool, files, tmp_path / "sequence", "--hash", "--engine", "native")
    assert differences(tmp_path, "a", tmp_path / "sequence") == []
    merged = json.loads((tmp_path / "sensors/a/report.json").read_text())
    assert len(windows) > 3 and any(each["parent"] is not None for each in merged["tunnels"])
    rows = (tmp_path / "sensors/a/conn.log").read_text().splitlines()
    times = [float(row.split("\t")[0]) for row in rows if not row.startswith("#")]
    assert times == sorted(times) and len(times) > 4
    damaged = tmp_path / "sensors/a/socks.log"
    damaged.write_text(damaged.read_text().replace("10.10", "10.11", 1))
    assert differences(tmp_path, "a", tmp_path / "sequence") == ["a: socks.log"]


# ---------------------------------------------------------------- what a scheduler says

@pytest.mark.parametrize(("told", "word"), [
    ("JobId=7 JobName=x JobState=COMPLETED Reason=None", "success"),
    ("JobId=7 JobState=RUNNING", "running"), ("JobId=7 JobState=NODE_FAIL", "running"),
    ("JobId=7 JobState=PENDING", "running"), ("JobId=7 JobState=FAILED", "failed"),
    ("JobId=7 JobState=TIMEOUT", "failed"), ("slurm_load_jobs error: Invalid job id specified", "failed"),
    ("slurm_load_jobs error: Unable to contact slurm controller", "running"),
])
def test_states_of_slurm(tmp_path, told, word):
    script(tmp_path / "scontrol", f"echo '{told}'")
    script(tmp_path / "sacct", "exit 1")
    done = subprocess.run([WORKFLOW / "profiles/slurm/status", "7"], capture_output=True, text=True, check=True,
                          env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.stdout.strip() == word


def test_profiles_can_be_run():
    assert (WORKFLOW / "profiles/slurm/status").stat().st_mode & stat.S_IXUSR


# ---------------------------------------------------------------- all of it

def snakemake(folder: Path) -> str:
    done = run_program("snakemake", "-s", WORKFLOW / "Snakefile", "--profile", WORKFLOW / "profiles/laptop",
                       "--configfile", folder / "config.yaml", "--cores", "2", cwd=folder, timeout=300)
    assert done.code == 0, done.text + done.stderr
    return done.text + done.stderr


@pytest.mark.skipif(not shutil.which("snakemake"), reason=NO_SNAKEMAKE)
def test_the_workflow_gives_what_the_sequence_gives(tool, captures, tmp_path):
    """Two sensors, and one without files; then nothing is done again, but for a file that is added."""
    rings = {"border": cut(captures / "socks5.pcapng", tmp_path / "border", 60),
             "office": cut(captures / "http_forward.pcapng", tmp_path / "office", 60)}
    kept = rings["border"].pop()
    kept.rename(tmp_path / kept.name)
    (tmp_path / "config.yaml").write_text(json.dumps({
        "output": "out", "tool": str(tool), "options": ["--hash"], "logs": ["zeek", "csv", "ndjson"],
        "window_bytes": 40000, "look_back": None, "look_ahead": 1,
        "sensors": {"border": "border/*.pcapng", "office": "office/*.pcapng", "none": "none/*"}}))
    told = snakemake(tmp_path)
    assert "no files" in told and told.count("rule window:") >= 4
    for sensor, files in rings.items():
        run_sequence(tool, files, tmp_path / "sequences" / sensor, "--hash")
        assert differences(tmp_path / "out", sensor, tmp_path / "sequences" / sensor) == []
    whole = json.loads((tmp_path / "out/all/report.json").read_text())
    assert [each["id"] for each in whole["tunnels"]] == list(range(len(whole["tunnels"])))
    with (tmp_path / "out/all/captures.csv").open(newline="") as rows:
        assert all((tmp_path / "out" / row["file"]).exists() for row in csv.DictReader(rows))
    assert "Nothing to be done" in snakemake(tmp_path)
    (tmp_path / kept.name).rename(kept)
    again = snakemake(tmp_path)
    assert 0 < again.count("rule window:") <= 2 and again.count("rule sensor:") == 1
    run_sequence(tool, [*rings["border"], kept], tmp_path / "sequences/grown", "--hash")
    assert differences(tmp_path / "out", "border", tmp_path / "sequences/grown") == []
