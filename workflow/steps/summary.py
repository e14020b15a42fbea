# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: what was done: a row for each sensor, then what went wrong, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from files import written

COLUMNS = ["sensor", "windows", "done", "files", "bytes", "packets", "tunnels", "attempts", "unfinished", "seconds"]
MOST_WORDS = 20   # faults in the text; JSON has all


def results_of(output: Path, plan: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Each window, and what came of it."""
    for window in plan["windows"]:
        path = output / "windows" / plan["sensor"] / f"{window['key']}.json"
        yield window, json.loads(path.read_text()) if path.exists() else None


def stale_results(output: Path, plan: dict[str, Any]) -> list[str]:
    """What earlier plans left: whoever wants them no more may remove them."""
    needed = {window["key"] for window in plan["windows"]}
    found = sorted((output / "windows" / plan["sensor"]).glob("*.json"))
    return [str(path.with_suffix("").relative_to(output)) for path in found if path.stem not in needed]


def sum_up(output: Path, sensor: str) -> dict[str, Any]:
    path = output / "plan" / f"{sensor}.json"
    if not path.exists():
        return {**dict.fromkeys(COLUMNS, 0), "sensor": sensor, "faults": ["there is no plan"], "too_short": [],
                "stale": []}
    plan = json.loads(path.read_text())
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS, 0), "sensor": sensor, "windows": len(plan["windows"]),
                           "files": plan["files"], "bytes": plan["bytes"], "faults": [], "too_short": [],
                           "stale": stale_results(output, plan)}
    if not plan["files"]:
        row["faults"].append("there are no files")
    for window, result in results_of(output, plan):
        if result is None:
            row["faults"].append(f"window {window['key']} failed: logs/{sensor}/{window['key']}.log")
            continue
        row["done"] += 1
        for name in ("packets", "tunnels", "attempts", "unfinished", "seconds"):
            row[name] = round(row[name] + result[name], 3)
        row["faults"] += result["faults"]
        if result["unfinished"]:
            row["too_short"].append(window["key"])
    return row


def table_of(rows: list[dict[str, Any]]) -> list[str]:
    cells = [COLUMNS, *[[str(row[name]) for name in COLUMNS] for row in rows]]
    widths = [max(len(line[at]) for line in cells) for at in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) if at == 0 else cell.rjust(width)
                      for at, (cell, width) in enumerate(zip(line, widths))) for line in cells]


def summary_text(rows: list[dict[str, Any]]) -> str:
    total = {name: round(sum(row[name] for row in rows), 3) for name in COLUMNS[1:]}
    lines = table_of([*rows, {**total, "sensor": "all"}])
    short = sum(len(row["too_short"]) for row in rows)
    if short:
        lines.append(f"{short} windows looked ahead too short for {total['unfinished']} sessions, of which more may "
                     "have come; see look_ahead")
    if stale := sum(len(row["stale"]) for row in rows):
        lines.append(f"{stale} results of earlier plans are needed no more: see summary.json")
    faults = [f"{row['sensor']}: {fault}" for row in rows for fault in row["faults"]]
    lines += [f"{len(faults)} faults"] if faults else ["no faults"]
    lines += faults[:MOST_WORDS]
    if len(faults) > MOST_WORDS:
        lines.append(f"... and {len(faults) - MOST_WORDS} more in summary.json")
    return "\n".join(lines) + "\n"


def write_summary(output: Path, sensors: list[str]) -> str:
    rows = [sum_up(output, sensor) for sensor in sensors]
    with written(output / "summary.json") as file:
        json.dump({"sensors": rows}, file, indent=1)
        file.write("\n")
    text = summary_text(rows)
    with written(output / "summary.txt") as file:
        file.write(text)
    return text
