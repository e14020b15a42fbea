# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: makes captures, runs each command and its peer on them in turn, prints their ratios and peak memory.

Usage: compare.py CAPGEN DIRECTORY ROUNDS PATTERN TOOL...     (bench/run does it; what is measured: cases.py)
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cases import CAPTURES, ROWS, Row


class Usage(NamedTuple):
    seconds: float
    cpu: float
    peak: int  # KiB


class Bench:
    def __init__(self, capgen: str, directory: Path, rounds: int) -> None:
        self.capgen, self.directory, self.rounds = os.path.abspath(capgen), directory, rounds
        self.packets: dict[str, int] = {}

    def make(self, capture: str) -> None:
        path = self.directory / capture
        if path.exists():
            return
        words = [self.capgen if word == "capgen" else word for word in CAPTURES[capture]]
        for word in words:
            if word in CAPTURES:
                self.make(word)
        subprocess.run([word.replace("OUT", str(path)) for word in words], check=True, cwd=self.directory,
                       stderr=subprocess.DEVNULL)

    def remove_outputs(self) -> None:
        for path in self.directory.glob("out*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def run(self, command: str, tool: str, capture: str) -> Usage:
        floor = os.path.join(os.path.dirname(self.capgen), "floor")
        filled = command.replace("TOOL", tool).replace("FLOOR", floor).replace("IN", capture).replace("OUT", "out")
        line, _, output = filled.partition(" > ")
        actions = [(os.POSIX_SPAWN_OPEN, 1, output or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666),
                   (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
        words = line.split()
        started = time.monotonic()
        child = os.posix_spawnp(words[0], words, os.environ, file_actions=actions)
        _, status, usage = os.wait4(child, 0)
        if status != 0:
            raise SystemExit(f"{filled} failed")
        return Usage(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)

    def packets_of(self, capture: str) -> int:
        if capture not in self.packets:
            told = subprocess.run(["capinfos", "-Tmc", capture], capture_output=True, text=True, check=True).stdout
            self.packets[capture] = int(told.split()[-1].split(",")[-1])
        return self.packets[capture]

    def measure(self, row: Row, tools: list[str]) -> None:
        others = [capture for capture in CAPTURES if capture in row.peer.split() + row.command.split()]
        for capture in [row.capture, *others]:
            self.make(capture)
        share = self.packets_of(others[0]) / self.packets_of(row.capture) if row.per_packet else 1
        for number, tool in enumerate(tools, 1):
            pairs = []
            for _ in range(self.rounds):
                peer = self.run(row.peer, tool, row.capture)
                pairs.append((peer, self.run(row.command, tool, row.capture)))
                self.remove_outputs()
            seconds, cpu = (median(getattr(ours, quantity) / getattr(peer, quantity) for peer, ours in pairs) * share
                            for quantity in ("seconds", "cpu"))
            ours = median(ours.seconds for _, ours in pairs)
            peak = max(ours.peak for _, ours in pairs)
            name = row.capture if len(tools) == 1 else f"{row.capture} ({number})"
            print(f"| {name} | {row.what} | {ours:.3f} s | {row.peer_name} | {seconds:.2f} | {cpu:.2f} | {row.goal} "
                  f"| {peak / 1024:.0f} MiB |", flush=True)


def main() -> None:
    capgen, place, rounds, pattern, *tools = sys.argv[1:]
    if os.environ.get("REALTIME"):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    bench = Bench(capgen, Path(place), int(rounds))
    tools = [os.path.abspath(tool) for tool in tools]
    os.chdir(place)
    for number, tool in enumerate(tools, 1):
        print(f"{number}: {tool}")
    print("\n| capture | what | takes | against | times its time | times its CPU | goal | memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in ROWS:
        if re.search(pattern, f"{row.capture} {row.what} {row.peer_name}"):
            bench.measure(row, tools)


if __name__ == "__main__":
    main()
