# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: makes each case's capture, runs tcpdump and the tools on it in turn, prints their ratios and peak memory.

Usage: compare.py CAPGEN DIRECTORY ROUNDS CASES TOOL...     (bench/run does it; what the cases are: README.md)
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

LOSSY = ["--retransmit", "0.002", "--reorder", "0.002"]
CASES = {
    "bulk": ["--bytes", "300e6", "--flow-bytes", "20e6", "--fixed", "--concurrency", "8", "--proxied", "1"],
    "many": ["--flows", "150000", "--bytes", "1e12", "--flow-bytes", "500", "--concurrency", "200", "--proxied", "0.5"],
    "noise": ["--bytes", "200e6", "--concurrency", "200", "--proxied", "0", "--dns", "0.2", *LOSSY],
    "mix": ["--bytes", "200e6", "--concurrency", "200", "--proxied", "0.5", "--dns", "0.2", *LOSSY],
}
# Where the output goes, and what else a tool is to do there.
WAYS = {"/dev/null": ("/dev/null", []), "file": ("out", []), "file, report": ("out", ["--hash", "--report", "report"]),
        "file, legs": ("out", ["--correlate"])}


class Usage(NamedTuple):
    seconds: float
    cpu: float
    peak: int  # KiB


def run(arguments: list[str | Path]) -> Usage:
    words = [str(word) for word in arguments]
    started = time.monotonic()
    child = os.posix_spawnp(words[0], words, os.environ,
                            file_actions=[(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(words)} failed")
    return Usage(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def measure(capture: Path, way: str, tools: list[str], rounds: int) -> list[list[Usage]]:
    """Of tcpdump, then of each tool: one usage for each round."""
    output, options = WAYS[way]
    directory = capture.parent
    target = directory / output   # of an absolute name, that name
    options = [directory / word if word == "report" else word for word in options]
    commands = [["tcpdump", "-r", capture, "-w", target]]
    commands += [[tool, "-q", capture, "-w", target, *options] for tool in tools]
    used: list[list[Usage]] = [[] for _ in commands]
    for _ in range(rounds):
        for command, results in zip(commands, used):
            results.append(run(command))
    return used


def ratio(used: list[Usage], base: list[Usage], quantity: str) -> float:
    """The median over the rounds: what disturbs the machine for a while disturbs both."""
    return median(getattr(ours, quantity) / getattr(theirs, quantity) for ours, theirs in zip(used, base))


def main() -> None:
    capgen, place, rounds, cases, *tools = sys.argv[1:]
    directory = Path(place)
    for number, tool in enumerate(tools, 1):
        print(f"{number}: {tool}")
    print("\n| case | output | tool | tcpdump | tool takes | times tcpdump | of its CPU | memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for case in cases.split():
        capture = directory / f"{case}.pcap"
        subprocess.run([capgen, "--out", capture, *CASES[case]], check=True)
        for way in WAYS:
            base, *others = measure(capture, way, tools, int(rounds))
            for number, used in enumerate(others, 1):
                print(f"| {case} | {way} | {number} | {median(u.seconds for u in base):.3f} s "
                      f"| {median(u.seconds for u in used):.3f} s | {ratio(used, base, 'seconds'):.2f} "
                      f"| {ratio(used, base, 'cpu'):.2f} | {max(u.peak for u in used) / 1024:.0f} MiB |", flush=True)
        for file in (capture, directory / "out", directory / "report"):
            file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
