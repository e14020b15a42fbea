# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: the windows of a sensor: consecutive files of about as many bytes, and what each result depends on.

Usage: plan.py SENSOR SETTINGS FILES ORDER PLAN

SETTINGS  and
FILES     what list_files() wrote: what a plan depends on; names, sizes and times of the sensor's files
ORDER     written: the files in the order of pcap-unproxy --sequence, as it told it
PLAN      written: the windows. The same files and settings give the same bytes.

A window's key names its result: the numbers of its files, and a hash of the settings and of name, size and time of each
file that it reads. So what is there already is what would come out, and a file that changed is news only to the windows
that read it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from files import written
from settings import RingFile, read_files

SCHEMA = "proxytunnel-plan/1"
DONE, UNREADABLE = 0, 3   # what cannot be read has its place all the same, and is told by the window that has it


class Window(NamedTuple):
    """Numbers count the files in their order, from 1, as --window does."""
    first: int
    last: int
    bytes: int


def windows_of(sizes: list[int], window_bytes: int) -> list[Window]:
    """A window is full when the next file would lead further away from window_bytes than it is. What comes behind a
    window changes nothing in it, so files that are added make new windows, and change no more than the last one."""
    windows: list[Window] = []
    first, total = 1, 0
    for number, size in enumerate(sizes, 1):
        if number > first and 2 * total + size > 2 * window_bytes:
            windows.append(Window(first, number - 1, total))
            first, total = number, 0
        total += size
    if sizes:
        windows.append(Window(first, len(sizes), total))
    return windows


def reads(window: Window, count: int, look_back: int | None, look_ahead: int | None) -> tuple[int, int]:
    """The first and the last file that a window may read."""
    begin = 1 if look_back is None else max(1, window.first - look_back)
    end = count if look_ahead is None else min(count, window.last + look_ahead)
    return begin, end


def key_of(window: Window, files: list[RingFile], settings: dict[str, Any]) -> str:
    begin, end = reads(window, len(files), settings["look_back"], settings["look_ahead"])
    depends = {"settings": settings, "begin": begin, "files": files[begin - 1:end]}
    digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
    return f"{window.first:06}-{window.last:06}-{digest[:12]}"


def make_plan(sensor: str, files: list[RingFile], window_bytes: int, settings: dict[str, Any]) -> dict[str, Any]:
    """`files` are in the order of the sequence."""
    windows = windows_of([ring.bytes for ring in files], window_bytes)
    return {"schema": SCHEMA, "sensor": sensor, "files": len(files), "bytes": sum(ring.bytes for ring in files),
            "settings": settings,
            "windows": [{"key": key_of(window, files, settings), **window._asdict()} for window in windows]}


def ask_order(tool: str, files: list[RingFile], order: Path) -> list[RingFile]:
    """The tool knows the order; what it said is kept, so that no window has to look into all files for it."""
    names = "".join(f"{ring.file}\n" for ring in files)
    with written(order) as told:
        command = [tool, "-q", "--sequence", "--files-from", "-", "--list-files"]
        if files:
            done = subprocess.run(command, check=False, stdout=told, input=names.encode(errors="surrogateescape"))
            if done.returncode not in (DONE, UNREADABLE):
                sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    by_name = {ring.file: ring for ring in files}
    with order.open(errors="surrogateescape") as rows:
        next(rows, None)
        return [by_name[row.rstrip("\n").split("\t", 1)[1]] for row in rows]


def main() -> None:
    sensor, given, listed, order, plan = sys.argv[1:]
    settings = json.loads(Path(given).read_text())
    window_bytes = settings.pop("window_bytes")
    files = ask_order(settings["tool"], read_files(Path(listed)), Path(order))
    with written(Path(plan)) as file:
        json.dump(make_plan(sensor, files, window_bytes, settings), file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
