# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: logs in lines of JSON as Parquet beside them, by DuckDB: its command, Python's module, or node's, which npm
fetches. Where there is none, that is told, and nothing fails.

Usage: parquet.py TOLD FOLDER...
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from files import written

MODULE = "@duckdb/node-api"
NODE = f"""
import {{ DuckDBInstance }} from '{MODULE}';
const connection = await (await DuckDBInstance.create()).connect();
for (const sql of process.argv.slice(2)) await connection.run(sql);
"""
Runner = Callable[[list[str]], None]


def quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def statement(source: Path, target: Path) -> str:
    return (f"COPY (SELECT * FROM read_json({quoted(source)}, format = 'newline_delimited', sample_size = -1)) "
            f"TO {quoted(target)} (FORMAT parquet, COMPRESSION zstd)")


def by_command(statements: list[str]) -> None:
    subprocess.run(["duckdb", "-c", "; ".join(statements)], check=True)


def by_python(statements: list[str]) -> None:
    connection = importlib.import_module("duckdb").connect()
    for sql in statements:
        connection.execute(sql)


def by_node(place: Path) -> Runner:
    def run(statements: list[str]) -> None:
        (place / "run.mjs").write_text(NODE)
        subprocess.run(["node", str(place / "run.mjs"), *statements], check=True)
    return run


def find_duckdb(place: Path) -> Runner | str:
    """What runs statements, or why nothing does. `place` is a folder for npm's module."""
    if shutil.which("duckdb"):
        return by_command
    if importlib.util.find_spec("duckdb"):
        return by_python
    if not shutil.which("node") or not shutil.which("npm"):
        return "there is no DuckDB: neither duckdb, nor Python's module, nor node with npm to fetch one"
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "node_modules" / MODULE).is_dir():
        fetched = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", MODULE], cwd=place,
                                 capture_output=True, text=True, check=False)
        if fetched.returncode != 0:
            return f"npm did not fetch {MODULE}: {(fetched.stderr or fetched.stdout).strip()}"
    return by_node(place.resolve())


def is_json_lines(file: Path) -> bool:
    """NDJSON, or Zeek's logs as JSON; with a row at least."""
    if file.suffix not in {".ndjson", ".log"}:
        return False
    with file.open("rb") as rows:
        return rows.read(1) == b"{"


def convert(folders: list[Path], runner: Runner) -> list[Path]:
    sources = [file for folder in folders for file in sorted(folder.iterdir()) if is_json_lines(file)]
    targets = [source.with_name(f"{source.name}.parquet") for source in sources]
    parts = [target.with_name(f".{target.name}.part") for target in targets]
    if sources:
        runner([statement(source, part) for source, part in zip(sources, parts)])
    for part, target in zip(parts, targets):
        part.replace(target)
    return targets


def main() -> None:
    told, *folders = map(Path, sys.argv[1:])
    found = find_duckdb(Path("duckdb"))
    words = found if isinstance(found, str) else "".join(f"{file}\n" for file in convert(folders, found))
    with written(told) as file:
        file.write(words.rstrip("\n") + "\n")
    if isinstance(found, str):
        print(f"no Parquet: {found}", file=sys.stderr)


if __name__ == "__main__":
    main()
