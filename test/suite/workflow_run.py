# SPDX-License-Identifier: GPL-2.0-or-later
# summary: steps of the workflow (docs/scale.md), run one by one as the workflow runs them, of a sensor `a`.
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from conftest import REPOSITORY, Run, run_program

WORKFLOW = REPOSITORY / "workflow"
sys.path.insert(0, str(WORKFLOW / "steps"))
import settings  # noqa: E402


def cut(whole: Path, folder: Path, packets: int) -> list[Path]:
    folder.mkdir(parents=True)
    done = run_program("editcap", "-F", "pcapng", "-c", str(packets), whole, folder / "ring.pcapng")
    assert done.code == 0, done.stderr
    return sorted(folder.iterdir())


def write_plan(folder: Path, tool: Path, files: list[Path], **others: Any) -> Path:
    """Of a sensor `a`, as the workflow does."""
    given = {"output": "out", "sensors": {"a": [str(file) for file in files]}, "tool": str(tool),
             "window_bytes": 20000, "look_back": None, "look_ahead": None, **others}
    read = settings.read_settings(given, folder)
    settings.list_files(read, folder / "plan")
    done = run_program(sys.executable, WORKFLOW / "steps/plan.py", "a", folder / "plan/settings",
                       *[folder / f"plan/a.{ending}" for ending in ("files", "order", "json")])
    assert done.code == 0, done.stderr
    return folder / "plan/a.json"


def do_window(plan_path: Path, number: int = 0, attempts_left: int = 0) -> tuple[Run, Path]:
    key = json.loads(plan_path.read_text())["windows"][number]["key"]
    result = plan_path.parent.parent / "windows/a" / f"{key}.json"
    done = run_program(sys.executable, WORKFLOW / "steps/window.py", plan_path, key, result, str(attempts_left))
    return done, result


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
