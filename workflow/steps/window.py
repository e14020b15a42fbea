# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: one window: pcap-unproxy reads it, logs are put in order of time, the result gets its name at the end.

Usage: window.py PLAN KEY RESULT ATTEMPTS_LEFT

RESULT is windows/SENSOR/KEY.json, written last; beside it lies the folder KEY with report.json, logs and export.pcapng.
Whatever ends this before, nothing has these names, and whoever does the window anew begins anew. A file that cannot be
read is a failure as long as attempts are left, since a server may be gone for a while; then the window is done without
it, and that is told.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from capture import describe
from files import written
from report import Report, keep_window
from tables import log_files, sort_log

DONE, DAMAGED, UNREADABLE = 0, 1, 3


class WindowError(Exception):
    """The window is not done."""


def command_of(plan: dict[str, Any], window: dict[str, Any], order: Path, folder: Path) -> list[str]:
    settings = plan["settings"]
    words = [settings["tool"], "-q", *settings["options"], "--sequence", "--files-from", str(order),
             "--window", f"{window['first']}..{window['last']}", "--report", str(folder / "report.json")]
    for option in ("look_back", "look_ahead"):
        if settings[option] is not None:
            words += [f"--{option.replace('_', '-')}", str(settings[option])]
    if settings["logs"]:
        words += ["--log", ",".join(settings["logs"]), "--log-dir", str(folder)]
        words += ["--log-json"] if settings["log_json"] and "zeek" in settings["logs"] else []
    return words + (["-w", str(folder / "export.pcapng")] if settings["export"] else [])


def run_tool(command: list[str], words: Path) -> int:
    """Its exit code; what it says is kept. It ends with us."""
    with words.open("w") as said:
        tool = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            return tool.wait()
        finally:
            if tool.poll() is None:
                tool.kill()
                tool.wait()


def check(code: int, report: Path, attempts_left: int, said: str) -> None:
    if code not in (DONE, DAMAGED, UNREADABLE) or not report.exists():
        raise WindowError(f"pcap-unproxy ended with {code}: {said}")
    if Report(report).values["interrupted"]:
        raise WindowError(f"pcap-unproxy was interrupted: {said}")
    if code == UNREADABLE and attempts_left > 0:
        raise WindowError(f"a file cannot be read: {said}")


def finish(folder: Path, window: dict[str, Any], code: int, seconds: float) -> dict[str, Any]:
    """The logs in order; what there is, in a few words."""
    for log in log_files(folder):
        sort_log(log)
    capture = folder / "export.pcapng"
    return {**window, "exit_code": code, "seconds": round(seconds, 3), "host": socket.gethostname(),
            "node": os.environ.get("SLURMD_NODENAME"), **keep_window(folder / "report.json"),
            "capture": describe(capture) if capture.exists() else None}


def name_result(part: Path, folder: Path) -> None:
    """Where another job did the same meanwhile, its result is as good."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        part.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def do_window(plan_path: Path, key: str, result: Path, attempts_left: int) -> dict[str, Any]:
    plan = json.loads(plan_path.read_text())
    window = next(each for each in plan["windows"] if each["key"] == key)
    folder = result.with_name(key)
    remove(result.parent.glob(f"{key}.*.part"))   # of who was killed
    part = result.with_name(f"{key}.{socket.gethostname()}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        words = part / "words"
        begun = time.monotonic()
        code = run_tool(command_of(plan, window, plan_path.with_suffix(".order"), part), words)
        check(code, part / "report.json", attempts_left, words.read_text(errors="replace").strip())
        told = finish(part, window, code, time.monotonic() - begun)
        name_result(part, folder)
    finally:
        remove([part])
    with written(result) as file:
        json.dump(told, file)
        file.write("\n")
    return told


def main() -> None:
    plan, key, result, attempts_left = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        told = do_window(Path(plan), key, Path(result), int(attempts_left))
    except WindowError as error:
        sys.exit(f"window {key}: {error}")
    print(f"window {key}: {told['bytes']} bytes, {told['attempts']} attempts in {told['seconds']} s")


if __name__ == "__main__":
    main()
