# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what a workflow over windows of a sensor gave, compared with what pcap-unproxy --sequence gives of all files.
from __future__ import annotations

import csv
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import wire

# What tells of the run, not of the capture.
OF_THE_RUN = {"tool", "interrupted", "window", "schema"}


def run_sequence(tool: Path, files: list[Path], folder: Path, *options: str) -> None:
    """All that a workflow gives, in one run."""
    folder.mkdir(parents=True)
    command = [tool, "-q", "--sequence", *files, *options, "--log", "zeek,csv,ndjson", "--log-dir", folder,
               "--report", folder / "report.json", "-w", folder / "export.pcapng"]
    subprocess.run([str(word) for word in command], check=True)


def report_of(folder: Path) -> dict[str, Any]:
    report = json.loads((folder / "report.json").read_text())
    for key in OF_THE_RUN:
        report.pop(key, None)
    report["skipped"].sort(key=json.dumps)
    return report


def lines_of(log: Path) -> list[str]:
    """Rows have another order in the workflow's."""
    return sorted(log.read_text().splitlines())


def packets_in(capture: Path) -> Counter[tuple[bytes, ...]]:
    """Times, bytes, and the frame of each in its file."""
    found: Counter[tuple[bytes, ...]] = Counter()
    for block in wire.pcapng_blocks(capture.read_bytes()):
        if block.kind == wire.PACKET:
            found[block.body[4:12] + block.packet, b"".join(block.options.get(5, []))] += 1
    return found


def exported(output: Path, sensor: str) -> Counter[tuple[bytes, ...]]:
    with (output / "sensors" / sensor / "captures.csv").open(newline="") as rows:
        return sum((packets_in(output / row["file"]) for row in csv.DictReader(rows)), Counter())


def differences(output: Path, sensor: str, sequence: Path) -> list[str]:
    """In what the workflow's result of a sensor is not that of run_sequence()."""
    merged = output / "sensors" / sensor
    ours, theirs = report_of(merged), report_of(sequence)
    found = [f"{sensor}: report: {key}" for key in theirs if ours.get(key) != theirs[key]]
    for log in sorted(path for path in sequence.iterdir() if path.suffix in {".log", ".csv", ".ndjson"}):
        if not (merged / log.name).exists() or lines_of(merged / log.name) != lines_of(log):
            found.append(f"{sensor}: {log.name}")
    if exported(output, sensor) != packets_in(sequence / "export.pcapng"):
        found.append(f"{sensor}: packets of the export")
    return found
