# SPDX-License-Identifier: GPL-2.0-or-later
# summary: results of windows put together: numbers, order, heads, and all of it against the sequential run.
from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sequences import differences, run_sequence
from workflow_run import WORKFLOW, cut, do_window, script, write_plan
import capture
import merge
import report
import tables


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


def test_parquet_by_the_command_and_without_any(tmp_path):
    """What has no rows, and what is no JSON, is left out."""
    for name, text in [("a.ndjson", "{}\n"), ("b.ndjson", ""), ("c.log", '{"ts":1}\n'), ("d.log", "#fields\n")]:
        (tmp_path / name).write_text(text)
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin/duckdb", 'echo "$2" | tr ";" "\\n" | sed "s/.* TO \'\\([^\']*\\)\'.*/\\1/" | '
                                    'while read -r file; do echo made >"$file"; done')
    command = [sys.executable, str(WORKFLOW / "steps/parquet.py"), "told", str(tmp_path)]
    for path, told in [(str(tmp_path / "none"), "no DuckDB"),
                       (f"{tmp_path}/bin:{os.environ['PATH']}", "c.log.parquet")]:
        done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0 and told in (tmp_path / "told").read_text(), done.stderr
    made = sorted(path.name for path in tmp_path.glob("*.parquet"))
    assert made == ["a.ndjson.parquet", "c.log.parquet"] and (tmp_path / made[0]).read_text() == "made\n"


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
