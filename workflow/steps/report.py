# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: reports of windows: read entry by entry, and merged into the report that the whole sequence would have.

pcap-unproxy writes an entry on a line of its own; so does what is written here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, Any

from files import written
from tables import FILE_COLUMNS, Renumber, json_text, merged

SCHEMA = '{"schema": "proxytunnel-report/1"'
ARRAYS = ("inputs", "tunnels", "skipped")
ARRAY = re.compile(r'"(\w+)": \[(\],?)?$')
VALUE = re.compile(r'"(\w+)": (.*?),?$')
SOCKS4 = {"socks4", "socks4a"}

Entry = dict[str, Any]
Place = tuple[int, int]   # a file and a frame in it


class Report:
    """A report on disk."""

    def __init__(self, path: Path):
        self.path = path
        self.values: Entry = {}   # what stands in front of the arrays
        for name, text in self.lines():
            if name == "inputs":
                break
            self.values[name] = json.loads(text)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Entries of arrays, and values, each with the name of what it is in or is; an array without entries is a line
        without text."""
        array = ""
        with self.path.open(errors="surrogateescape") as file:
            if not file.readline().startswith(SCHEMA):
                raise ValueError(f"{self.path} is no report of pcap-unproxy")
            for line in map(str.rstrip, file):
                if found := ARRAY.match(line):
                    array = "" if found[2] else found[1]
                    yield found[1], ""
                elif line in ("]", "],"):
                    array = ""
                elif array:
                    yield array, line.removesuffix(",")
                elif found := VALUE.match(line):
                    yield found[1], found[2].removesuffix("}") if found[1] == "counters" else found[2]

    def entries(self, array: str) -> Iterator[Entry]:
        return (json.loads(text) for name, text in self.lines() if name == array and text)

    def counters(self) -> Entry:
        return next(json.loads(text) for name, text in self.lines() if name == "counters")

    def keyed(self, place: Callable[[Entry], Place]) -> Iterator[tuple[Place, Entry]]:
        """Tunnels, each with a place that is not before that of the one before it."""
        latest: Place = (-1, -1)
        for entry in self.entries("tunnels"):
            latest = max(latest, place(entry))
            yield latest, entry


class ReportWriter:
    """Writes a report as pcap-unproxy does: values, then arrays in their order, then the counters."""

    def __init__(self, file: IO[str], values: Entry):
        self.file = file
        self.array = -1
        self.is_first = True
        file.write(SCHEMA + "".join(f',\n"{name}": {json_text(value)}' for name, value in values.items()))

    def advance_to(self, array: int) -> None:
        while self.array < array:
            self.close()
            self.array += 1
            self.is_first = True
            self.file.write(f',\n"{ARRAYS[self.array]}": [')

    def close(self) -> None:
        if self.array >= 0:
            self.file.write("]" if self.is_first else "\n]")

    def entry(self, array: str, text: str) -> None:
        self.advance_to(ARRAYS.index(array))
        self.file.write(("\n" if self.is_first else ",\n") + text)
        self.is_first = False

    def finish(self, counters: Entry) -> None:
        self.advance_to(len(ARRAYS) - 1)
        self.close()
        self.file.write(f',\n"counters": {json_text(counters)}}}\n')


# ---------------------------------------------------------------- of a window

def keep_window(path: Path) -> Entry:
    """Takes the files of other windows out of `inputs`: there may be a hundred thousand. What is left, in a few
    words."""
    report = Report(path)
    window = report.values["window"]
    seen = Counter[str]()
    told = Counter[str]()
    faults: list[str] = []
    with written(path) as file:
        writer = ReportWriter(file, report.values)
        for name, text in report.lines():
            if name not in ARRAYS or not text:
                continue
            seen[name] += 1
            if name == "inputs":
                if not window["first"] <= seen[name] <= window["last"]:
                    continue
                faults += faults_of(json.loads(text))
            told[name] += 1
            writer.entry(name, text)
        counters = report.counters()
        writer.finish(counters)
    return {"attempts": told["tunnels"], "tunnels": counters["tunnels"], "packets": counters["packets_read"],
            "packets_written": counters["packets_written"], "faults": faults,
            **{name: window[name] for name in ("unfinished", "silent", "midstream")}}


def faults_of(summary: Entry) -> list[str]:
    return [f"{summary['file']}: {summary[name]}" for name in ("damaged", "unreadable") if summary[name]]


# ---------------------------------------------------------------- of several

def request_place(entry: Entry) -> Place:
    """Where the attempt was understood, and so numbered (docs/decisions/0004): a request of SOCKS4 by its answer."""
    frames = entry["frames"]
    names = ("reply", "request", "last") if entry["protocol"] in SOCKS4 else ("request", "last")
    name = next((name for name in names if frames[name] is not None), "first")
    return entry.get("frame_inputs", {}).get(name, entry["input"]), frames[name] or 0


def numbered_place(entry: Entry) -> Place:
    """Of windows that looked back to the first file: they count as the whole does."""
    return 0, entry["id"]


class Numbering:
    """Which number an attempt of a window has in the whole. On disk: records in the order of the latter."""
    RECORD = 8

    def __init__(self, spool: IO[bytes], windows: int):
        self.spool = spool
        self.count = 0
        self.ranges: list[tuple[int, int]] = [(0, 0)] * windows   # in which records those of a window are
        self.of_window = lru_cache(maxsize=32)(self.read)

    def add(self, window: int, number: int) -> int:
        self.spool.write(window.to_bytes(self.RECORD, "little") + number.to_bytes(self.RECORD, "little"))
        begin, end = self.ranges[window]
        self.ranges[window] = (self.count if begin == end else begin, self.count + 1)
        self.count += 1
        return self.count - 1

    def read(self, window: int) -> dict[int, int]:
        begin, end = self.ranges[window]
        self.spool.flush()
        self.spool.seek(2 * self.RECORD * begin)
        data = memoryview(self.spool.read(2 * self.RECORD * (end - begin))).cast("Q")
        self.spool.seek(0, 2)
        return {number: begin + at // 2 for at, number in enumerate(data) if at % 2 == 1 and data[at - 1] == window}


def renumber(entry: Entry, numbers: Renumber) -> str:
    """The entry's text, with numbers of the whole."""
    for name in ("id", "parent", "input_id", "input"):
        if entry[name] is not None:
            entry[name] = numbers.number(name, entry[name])
    if "frame_inputs" in entry:
        inputs = entry["frame_inputs"]
        entry["frame_inputs"] = {name: numbers.number(FILE_COLUMNS[0], file) for name, file in inputs.items()}
    return json_text(entry)


def add_counters(total: Entry, more: Entry) -> None:
    for name, value in more.items():
        if isinstance(value, dict):
            add_counters(total.setdefault(name, {}), value)
        else:
            total[name] = total.get(name, 0) + value


NOTHING: Entry = {"packets_read": 0, "packets_written": 0, "connections": 0, "tunnels": 0, "dropped_connections": 0,
                  "gave_way": 0, "names_dropped": 0, "secrets_dropped": 0, "packets_passed_over": {}}


def sum_of(reports: list[Report]) -> Entry:
    total: Entry = {**NOTHING, "packets_passed_over": {}}
    for report in reports:
        add_counters(total, report.counters())
    return total


def copy(reports: list[Report], array: str, writer: ReportWriter) -> None:
    for report in reports:
        for name, text in report.lines():
            if name == array and text:
                writer.entry(array, text)


def merge_windows(reports: list[Report], values: Entry, place: Callable[[Entry], Place], numbering: Numbering,
                  file: IO[str]) -> None:
    """The report of the sequence that these are windows of. `place` orders attempts. A tunnel inside another one is in
    the same connection, and so in the same window."""
    known: dict[int, dict[int, int]] = {}   # of windows that are open

    def opened(window: int) -> Iterator[tuple[Place, Entry]]:
        known[window] = {}
        yield from reports[window].keyed(place)
        del known[window]

    writer = ReportWriter(file, values)
    copy(reports, "inputs", writer)
    first = [next((key for key, _ in report.keyed(place)), None) for report in reports]
    for window, entry in merged([(key, partial(opened, at)) for at, key in enumerate(first)]):
        numbers = known[window]
        numbers[entry["id"]] = numbering.add(window, entry["id"])
        writer.entry("tunnels", renumber(entry, Renumber(numbers.__getitem__)))
    copy(reports, "skipped", writer)
    writer.finish(sum_of(reports))


def merge_sensors(reports: list[Report], values: Entry, file: IO[str]) -> list[Renumber]:
    """One sensor after the other, as pcap-unproxy reads several inputs; how each was renumbered."""
    writer = ReportWriter(file, values)
    copy(reports, "inputs", writer)
    numbers: list[Renumber] = []
    attempts = files = 0
    for report in reports:
        numbers.append(Renumber(int, attempts, files))
        for entry in report.entries("tunnels"):
            writer.entry("tunnels", renumber(entry, numbers[-1]))
            attempts += 1
        files += sum(1 for name, text in report.lines() if name == "inputs" and text)
    copy(reports, "skipped", writer)
    writer.finish(sum_of(reports))
    return numbers
