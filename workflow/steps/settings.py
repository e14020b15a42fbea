# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: what the configuration asks for, checked; the files of a sensor as they are now."""

from __future__ import annotations

import glob
import json
import os
import re
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from files import write_if_new

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
LOGS = ("zeek", "csv", "ndjson")
UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30}
# What the workflow says itself, or what only a whole capture can tell.
TAKEN = {"-w", "--write", "-d", "--output-dir", "--split", "--max-open-files", "-b", "--ring-buffer", "-F", "--format",
         "--report", "--list", "--log", "--log-dir", "--log-json", "-j", "--jobs", "-i", "--interface", "--sequence",
         "--window", "--look-back", "--look-ahead", "--files-from", "--list-files", "--correlate", "--wan", "--view",
         "--select", "--progress", "-q", "--quiet"}


class ConfigError(Exception):
    """The configuration asks for what cannot be; the text says what."""


@dataclass(frozen=True)
class Settings:
    output: str
    tool: str
    options: list[str]
    logs: list[str]
    log_json: bool
    export: bool
    window_bytes: int
    look_back: int | None   # files; None: all
    look_ahead: int | None  # files; None: until the connections of the window are over
    parquet: bool
    together: bool  # all sensors in one set of files, too
    retries: int
    memory_mb: int
    minutes: int
    sensors: dict[str, list[str]]  # absolute globs

    def of_window(self) -> dict[str, Any]:
        """What the result of a window depends on, besides its files."""
        kept = ("tool", "options", "logs", "log_json", "export", "look_back", "look_ahead")
        return {name: value for name, value in asdict(self).items() if name in kept}


DEFAULTS: dict[str, Any] = {
    "tool": "pcap-unproxy", "options": [], "logs": ["zeek", "ndjson"], "log_json": False, "export": True,
    "window_bytes": "4 GB", "look_back": 1, "look_ahead": 2, "parquet": False, "together": True, "retries": 2,
    "memory_mb": 2000, "minutes": 240,
}


def bytes_of(value: object) -> int:
    """4000000000, "4 GB", "500 MiB"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value).strip().lower())
    if not found or found[2] not in UNITS or float(found[1]) <= 0:
        raise ConfigError(f"'{value}' is no number of bytes: 4000000000, 4 GB, 500 MiB")
    return int(float(found[1]) * UNITS[found[2]])


def count_of(name: str, value: object, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} is a number, {least} or more: {value!r}")
    return value


def files_or_none(name: str, value: object) -> int | None:
    return None if value is None else count_of(name, value)


def words_of(name: str, value: object) -> list[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, (str, int, float)) for word in words):
        raise ConfigError(f"{name} is a list of words")
    return [str(word) for word in words]


def take_options(value: object) -> list[str]:
    options = words_of("options", value)
    for word in options:
        if word.split("=")[0] in TAKEN or re.match(r"-[wdbFjiq].", word):
            raise ConfigError(f"options: {word} is not for a workflow, which says itself what a window writes")
    return options


def take_logs(value: object) -> list[str]:
    logs = words_of("logs", value)
    if unknown := [log for log in logs if log not in LOGS]:
        raise ConfigError(f"logs: '{unknown[0]}' is none of {', '.join(LOGS)}")
    return logs


def take_sensors(value: object, folder: Path) -> dict[str, list[str]]:
    if not isinstance(value, dict) or not value:
        raise ConfigError("sensors: a name and globs of files for each")
    for name in value:
        if not NAME.fullmatch(str(name)):
            raise ConfigError(f"sensors: '{name}' becomes the name of a folder: letters, digits, '_', '-' and '.'")
    return {str(name): [str(folder / word) for word in words_of(f"sensors: {name}", globs)]
            for name, globs in value.items()}


def read_settings(config: dict[str, Any], folder: Path) -> Settings:
    """`folder`: that of the configuration, which relative names are seen from."""
    if unknown := sorted(set(config) - set(DEFAULTS) - {"output", "sensors"}):
        raise ConfigError(f"'{unknown[0]}' is nothing that can be set")
    if "output" not in config:
        raise ConfigError("output: the folder for what comes out is missing")
    given = {**DEFAULTS, **config}
    tool = str(given["tool"])
    return Settings(
        output=str(folder / str(given["output"])),
        tool=str(folder / tool) if "/" in tool else tool,
        options=take_options(given["options"]),
        logs=take_logs(given["logs"]),
        log_json=bool(given["log_json"]),
        export=bool(given["export"]),
        window_bytes=bytes_of(given["window_bytes"]),
        look_back=files_or_none("look_back", given["look_back"]),
        look_ahead=files_or_none("look_ahead", given["look_ahead"]),
        parquet=bool(given["parquet"]),
        together=bool(given["together"]),
        retries=count_of("retries", given["retries"]),
        memory_mb=count_of("memory_mb", given["memory_mb"], 1),
        minutes=count_of("minutes", given["minutes"], 1),
        sensors=take_sensors(given["sensors"] if "sensors" in given else None, folder))


class RingFile(NamedTuple):
    file: str
    bytes: int
    changed: int  # nanoseconds


def files_of(globs: list[str]) -> list[RingFile]:
    """Each file once, in order of name. What goes away meanwhile is left out."""
    found = []
    for name in sorted({name for pattern in globs for name in glob.iglob(pattern, recursive=True)}):
        try:
            state = os.stat(name)
        except FileNotFoundError:
            continue
        if "\n" in name:
            raise ConfigError(f"a list of files cannot name {name!r}, which has a line break")
        if stat.S_ISREG(state.st_mode):
            found.append(RingFile(name, state.st_size, state.st_mtime_ns))
    return found


def list_files(settings: Settings, place: Path) -> None:
    """Writes place/SENSOR.files for each sensor, and place/settings, what plans depend on besides: where that is news,
    whoever depends on it is done again."""
    depends = {"window_bytes": settings.window_bytes, **settings.of_window()}
    write_if_new(place / "settings", json.dumps(depends, indent=1) + "\n")
    for sensor, globs in settings.sensors.items():
        rows = [f"{ring.bytes}\t{ring.changed}\t{ring.file}\n" for ring in files_of(globs)]
        write_if_new(place / f"{sensor}.files", "".join(rows))


def read_files(path: Path) -> list[RingFile]:
    rows = [line.rstrip("\n").split("\t", 2) for line in path.open()]
    return [RingFile(name, int(size), int(changed)) for size, changed, name in rows]
