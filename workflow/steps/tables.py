# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: the logs of windows: put in order of time, and merged, with the numbers of attempts in the whole.

A log is lines: some in front (Zeek's head, the names of CSV), rows, and perhaps one behind (#close). Rows are read and
written one by one; what is kept in memory does not grow with them.
"""

from __future__ import annotations

import csv
import heapq
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

SUFFIXES = {".log", ".csv", ".ndjson"}
ROWS_IN_MEMORY = 100_000
# What of a row changes in the whole: its number, the number of its parent, its files, its number in the sensor.
FILE_COLUMNS = ("input", *(f"frame_inputs.{name}" for name in ("request", "reply", "first_payload", "last")))
NUMBERS = re.compile(rf'(?<=[{{,])"(id|parent|input_id|{"|".join(map(re.escape, FILE_COLUMNS))})":(\d+)')
TIME = re.compile(r'(?<=[{,])"(?:ts|times\.request)":(?:"([^"]*)"|([-0-9.e+]+))')

Key = tuple[float, str]
Item = TypeVar("Item")


class Renumber(NamedTuple):
    """From the numbers of a window to those of the whole."""
    of_sensor: Callable[[int], int]
    base: int = 0        # the sensor's first attempt in the whole
    first_file: int = 0  # the sensor's first file in the whole

    def number(self, column: str, value: int) -> int:
        if column in FILE_COLUMNS:
            return value + self.first_file
        own = self.of_sensor(value)
        return own if column == "input_id" else self.base + own


def log_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES)


def open_log(path: Path, mode: str = "r") -> IO[str]:
    return path.open(mode, newline="", errors="surrogateescape")


class Form:
    """How rows are read: Zeek's columns, CSV, or an object in each line."""

    def __init__(self, name: str, head: list[str]):
        self.head = head
        self.columns: list[str] = []
        self.is_csv = name.endswith(".csv")
        if self.is_csv:
            self.columns = next(csv.reader(head), [])
        for line in head:
            if line.startswith("#fields\t"):
                self.columns = line.rstrip("\n").split("\t")[1:]

    def split(self, row: str) -> list[str]:
        row = row.rstrip("\n")
        return next(csv.reader([row])) if self.is_csv else row.split("\t")

    def join(self, values: list[str]) -> str:
        if not self.is_csv:
            return "\t".join(values) + "\n"
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(values)
        return text.getvalue()

    def key(self, row: str) -> Key:
        """When it was; what has no time stands in front."""
        if not self.columns:
            found = TIME.search(row)
            return key_of_time(found[1] or found[2]) if found else (0.0, "")
        return key_of_time(self.split(row)[self.columns.index("times.request" if self.is_csv else "ts")])

    def renumbered(self, row: str, numbers: Renumber) -> str:
        if not self.columns:
            return NUMBERS.sub(lambda found: f'"{found[1]}":{numbers.number(found[1], int(found[2]))}', row)
        places = [(at, name) for at, name in enumerate(self.columns) if name in NUMBERED]
        if not places:
            return row
        values = self.split(row)
        for at, name in places:
            if values[at].isdigit():
                values[at] = str(numbers.number(name, int(values[at])))
        return self.join(values)


NUMBERED = {"id", "parent", "input_id", *FILE_COLUMNS}


def key_of_time(text: str) -> Key:
    """Seconds since 1970 are a number, RFC 3339 is a text that has the order of time."""
    try:
        return float(text), ""
    except ValueError:
        return 0.0, text


class Log:
    """One file of rows."""

    def __init__(self, path: Path):
        self.path = path
        self.has_names = path.suffix == ".csv"
        with open_log(path) as file:
            head = self.take_head(file)
            self.form = Form(path.name, head)
            first = file.readline()
        self.opened = next((line for line in head if line.startswith("#open\t")), "")
        self.first = self.form.key(first) if self.is_row(first) else None

    @staticmethod
    def is_row(line: str) -> bool:
        return bool(line) and not line.startswith("#close")

    def take_head(self, file: IO[str]) -> list[str]:
        if self.has_names:
            return [file.readline()]
        head = []
        at = file.tell()
        while (line := file.readline()).startswith("#") and not line.startswith("#close"):
            head.append(line)
            at = file.tell()
        file.seek(at)
        return head

    def rows(self) -> Iterator[str]:
        with open_log(self.path) as file:
            self.take_head(file)
            yield from (line for line in iter(file.readline, "") if self.is_row(line))

    def keyed(self) -> Iterator[tuple[Key, str]]:
        return ((self.form.key(row), row) for row in self.rows())

    def closed(self) -> str:
        """The line behind the rows, if there is one."""
        with self.path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 200))
            last = file.read().splitlines(keepends=True)[-1:]
        return last[0].decode() if last and last[0].startswith(b"#close\t") else ""


def in_runs(log: Log) -> Iterator[Iterator[tuple[Key, str]]]:
    """Rows in order, so many at a time, on disk."""
    rows = log.keyed()
    while run := sorted(islice(rows, ROWS_IN_MEMORY), key=lambda each: each[0]):
        spool = tempfile.TemporaryFile("w+", newline="", errors="surrogateescape")
        spool.writelines(row for _, row in run)
        spool.seek(0)
        yield ((log.form.key(row), row) for row in spool)


def sort_log(path: Path) -> None:
    """Rows in the order of their times; those of one time keep theirs."""
    log = Log(path)
    closed = log.closed()
    part = path.with_name(f".{path.name}.part")
    with open_log(part, "w") as file:
        file.writelines(log.form.head)
        file.writelines(row for _, row in heapq.merge(*in_runs(log), key=lambda each: each[0]))
        file.write(closed)
    part.replace(path)


def merged(sources: list[tuple[Any, Callable[[], Iterator[tuple[Any, Item]]]]]) -> Iterator[tuple[int, Item]]:
    """The items of several ordered sources in one order, each with the number of its source. A source is its first key
    (None: it has none) and what opens it: pairs of key and item. It is open only between its first item and its last,
    so of windows only those that overlap are open at once."""
    waiting = sorted(((first, number) for number, (first, _) in enumerate(sources) if first is not None), reverse=True)
    heap: list[tuple[Any, int, Item, Iterator[tuple[Any, Item]]]] = []
    while waiting or heap:
        while waiting and (not heap or waiting[-1] <= heap[0][:2]):
            number = waiting.pop()[1]
            items = sources[number][1]()
            key, item = next(items)
            heapq.heappush(heap, (key, number, item, items))
        _, number, item, items = heap[0]
        yield number, item
        following = next(items, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following[0], number, following[1], items))


def merge_logs(paths: list[Path], numbers: Callable[[int], Renumber], file: IO[str]) -> int:
    """Logs of one name, each in order, in one; `numbers` of each. The number of rows."""
    logs = [Log(path) for path in paths]
    opened = min((log.opened for log in logs if log.opened), default="")
    head = logs[0].form.head if logs else []
    file.writelines(opened if line.startswith("#open\t") else line for line in head)
    rows = 0
    current: dict[int, Renumber] = {}
    for number, row in merged([(log.first, log.keyed) for log in logs]):
        if number not in current:
            current[number] = numbers(number)
        file.write(logs[number].form.renumbered(row, current[number]))
        rows += 1
    file.write(max((log.closed() for log in logs), default=""))
    return rows


def json_text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
