# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: runs both programs in turn and prints the ratio of their times and the tool's peak memory."""

import os
import statistics
import sys
import time


def run(arguments: list[str]) -> tuple[float, int]:
    """Seconds and peak memory in KiB of one run."""
    started = time.monotonic()
    child = os.posix_spawnp(arguments[0], arguments, os.environ)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise SystemExit(f"{arguments[0]} failed")
    return time.monotonic() - started, usage.ru_maxrss


def main() -> None:
    tool, directory, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    capture = f"{directory}/mix.pcap"
    commands = {
        "tcpdump": ["tcpdump", "-r", capture, "-w", f"{directory}/copy.pcap"],
        "pcap-unproxy": [tool, "-q", capture, "-w", f"{directory}/virtual.pcapng"],
        "pcap-unproxy --hash --report": [tool, "-q", capture, "--hash", "-w", f"{directory}/virtual.pcapng",
                                         "--report", f"{directory}/report.json"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    memory: dict[str, int] = {}
    for _ in range(rounds):
        for name, arguments in commands.items():
            elapsed, peak = run(arguments)
            seconds[name].append(elapsed)
            memory[name] = max(memory.get(name, 0), peak)
    base = statistics.median(seconds["tcpdump"])
    for name in commands:
        median = statistics.median(seconds[name])
        print(f"{name:30} {median:7.3f} s  {median / base:5.2f} times tcpdump  {memory[name] / 1024:6.1f} MiB at most")


if __name__ == "__main__":
    main()
