# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: puts the results of windows together: of a sensor, and of all sensors.

Usage: merge.py sensor PLAN OUTPUT      reads windows/SENSOR beside the folder of the plan, writes into OUTPUT
       merge.py all OUTPUT SENSOR...    reads the merged sensors, which are folders, and writes into OUTPUT

Written are report.json, the logs, captures.csv (which export is where), and at last merged.json.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from files import written
from report import Numbering, Report, merge_sensors, merge_windows, numbered_place, request_place
from tables import Renumber, log_files, merge_logs

CAPTURE_COLUMNS = ["sensor", "window", "file", "first_time", "last_time", "packets", "bytes", "sha256"]
MERGED = "merged.json"


def head_of(reports: list[Report], options: list[str]) -> dict[str, Any]:
    """The words that would have found the same without windows."""
    tool = dict(reports[0].values["tool"]) if reports else {"name": "pcap-unproxy", "version": None, "libraries": {}}
    tool["command"] = [tool["name"], "--sequence", *options]
    return {"tool": tool, "interrupted": False}


def merge_all_logs(folders: list[Path], numbers: Callable[[int], Renumber], output: Path) -> dict[str, int]:
    """Each log of the folders; how many rows it has."""
    rows = {}
    for name in sorted({file.name for folder in folders for file in log_files(folder)} - {"captures.csv"}):
        having = [at for at, folder in enumerate(folders) if (folder / name).exists()]
        with written(output / name) as file:
            rows[name] = merge_logs([folders[at] / name for at in having], lambda at: numbers(having[at]), file)
    return rows


def write_captures(rows: Iterable[dict[str, Any]], path: Path) -> None:
    with written(path) as file:
        table = csv.DictWriter(file, CAPTURE_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def finish(output: Path, told: dict[str, Any]) -> None:
    with written(output / MERGED) as file:
        json.dump(told, file)
        file.write("\n")


def merge_sensor(plan_path: Path, output: Path) -> None:
    plan = json.loads(plan_path.read_text())
    place = plan_path.parent.parent / "windows" / plan["sensor"]
    folders = [place / window["key"] for window in plan["windows"]]
    results = [json.loads(folder.with_suffix(".json").read_text()) for folder in folders]
    reports = [Report(folder / "report.json") for folder in folders]
    counts_all = plan["settings"]["look_back"] is None
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=output) as spool:
        numbering = Numbering(spool, len(reports))
        with written(output / "report.json") as file:
            merge_windows(reports, head_of(reports, plan["settings"]["options"]),
                          numbered_place if counts_all else request_place, numbering, file)
        rows = merge_all_logs(folders, lambda at: Renumber(numbering.of_window(at).__getitem__), output)
    write_captures(({"sensor": plan["sensor"], "window": result["key"], "packets": result["packets_written"],
                     "file": f"windows/{plan['sensor']}/{result['key']}/export.pcapng", **result["capture"]}
                    for result in results if result["capture"]), output / "captures.csv")
    finish(output, {"sensor": plan["sensor"], "options": plan["settings"]["options"], "attempts": numbering.count,
                    "rows": rows})


def merge_all(output: Path, folders: list[Path]) -> None:
    merged = [json.loads((folder / MERGED).read_text()) for folder in folders]
    reports = [Report(folder / "report.json") for folder in folders]
    output.mkdir(parents=True, exist_ok=True)
    with written(output / "report.json") as file:
        numbers = merge_sensors(reports, head_of(reports, merged[0]["options"]), file)
    rows = merge_all_logs(folders, numbers.__getitem__, output)
    write_captures((row for folder in folders for row in csv.DictReader((folder / "captures.csv").open(newline=""))),
                   output / "captures.csv")
    finish(output, {"attempts": sum(each["attempts"] for each in merged), "rows": rows})


def main() -> None:
    what, first, *others = sys.argv[1:]
    if what == "sensor":
        merge_sensor(Path(first), Path(others[0]))
    else:
        merge_all(Path(first), [Path(folder) for folder in others])


if __name__ == "__main__":
    main()
