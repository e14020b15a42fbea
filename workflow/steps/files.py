# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: files that have their name when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def written(path: Path) -> Iterator[IO[str]]:
    """A file that gets its name at the end, if there was no exception."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", newline="", errors="surrogateescape") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_if_new(path: Path, text: str) -> None:
    """Leaves a file as it is, with its time, that says the same already."""
    if path.exists() and path.read_text(errors="surrogateescape") == text:
        return
    with written(path) as file:
        file.write(text)
