# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what a workflow over windows of a sensor gave, compared with what pcap-unproxy --sequence gives of all files.
from __future__ import annotations

import csv
import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import wire

# What tells of the run, not of the capture.
OF_THE_RUN = {"tool", "interrupted", "window", "schema"}
# The anomaly that asks what was said before, however long before. It stands behind another one.
OF_THE_PAST = "credentials-shared"


def run_sequence(tool: Path, files: list[Path], folder: Path, *options: str) -> None:
    """All that a workflow gives, in one run."""
    folder.mkdir(parents=True)
    command = [tool, "-q", "--sequence", *files, *options, "--log", "zeek,csv,ndjson", "--log-dir", folder,
               "--report", folder / "report.json", "-w", folder / "export.pcapng"]
    subprocess.run([str(word) for word in command], check=True)


def without_the_past(text: str) -> str:
    """Of a log or a report. A single word has no quotation marks in CSV."""
    text = re.sub(rf',("?){OF_THE_PAST}\1', "", text)
    return text.replace(f',{OF_THE_PAST}"', '"').replace(',"clear-text-credentials",', ",clear-text-credentials,")


def read(path: Path, forgets: bool) -> str:
    return without_the_past(path.read_text()) if forgets else path.read_text()


def report_of(folder: Path, forgets: bool) -> dict[str, Any]:
    report = json.loads(read(folder / "report.json", forgets))
    for key in OF_THE_RUN:
        report.pop(key, None)
    report["skipped"].sort(key=json.dumps)
    return report


def lines_of(log: Path, forgets: bool) -> list[str]:
    """Rows have another order in the workflow's."""
    return sorted(read(log, forgets).splitlines())


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


def differences(output: Path, sensor: str, sequence: Path, forgets: bool = False) -> list[str]:
    """In what the workflow's result of a sensor is not that of run_sequence(). `forgets`: windows looked back to a
    file that is not the first one."""
    merged = output / "sensors" / sensor
    ours, theirs = report_of(merged, forgets), report_of(sequence, forgets)
    found = [f"{sensor}: report: {key}" for key in theirs if ours.get(key) != theirs[key]]
    for log in sorted(path for path in sequence.iterdir() if path.suffix in {".log", ".csv", ".ndjson"}):
        if not (merged / log.name).exists() or lines_of(merged / log.name, forgets) != lines_of(log, forgets):
            found.append(f"{sensor}: {log.name}")
    if exported(output, sensor) != packets_in(sequence / "export.pcapng"):
        found.append(f"{sensor}: packets of the export")
    return found
