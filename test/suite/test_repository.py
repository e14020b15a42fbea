# SPDX-License-Identifier: GPL-2.0-or-later
# summary: house rules that a reader of the repository relies on: heads of files, sizes, links, rows, no machine paths.
from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from conftest import REPOSITORY, run_program

SOURCES = {".c", ".h", ".cpp", ".hpp", ".py", ".lua"}
CAPTURE = re.compile(r"\.(pcap|pcapng|cap)(\.(gz|zst|lz4))?$")
MOST_LINES = 500
# Why each of these may be longer. An alarm, not a law: split the file before you add a line here.
LONG_FILES: dict[str, str] = {"bench/capgen.cpp": "a generator in one file, to be compiled by itself"}

MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|farm|tmp|root|home)/\w")
NOT_OURS = {"build", ".git", ".pytest_cache", "__pycache__"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| *`([^`]+)`", re.MULTILINE)


def repository_files() -> list[Path]:
    """Tracked files and new ones that are not ignored; without git, all but build/."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = run_program(*command, cwd=REPOSITORY) if shutil.which("git") else None
    if listed and listed.code == 0:
        files = [REPOSITORY / name for name in listed.text.split("\0") if name]
    else:
        files = [file for file in REPOSITORY.rglob("*") if not NOT_OURS & set(file.relative_to(REPOSITORY).parts)]
    return sorted(file for file in files if file.is_file())


FILES = repository_files()


def named(file: Path) -> str:
    return str(file.relative_to(REPOSITORY))


def is_script(file: Path) -> bool:
    return not file.suffix and file.read_bytes().startswith(b"#!")


def head_faults(text: str) -> list[str]:
    head = text.splitlines()[:6]
    faults = []
    if not any("SPDX-License-Identifier: GPL-2.0-or-later" in line for line in head):
        faults.append("no SPDX line")
    if not any(re.search(r"(//|#|\*|\"{3}) ?summary: \S", line) for line in head):
        faults.append("no summary")
    return faults


def machine_paths(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if MACHINE_PATH.search(line)]


def broken_links(page: Path, text: str) -> list[str]:
    broken = []
    for link in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        path = link.split("#")[0]
        if path and "://" not in link and not link.startswith("mailto:") and not (page.parent / path).exists():
            broken.append(link)
    return broken


def faults_in(files: Iterable[Path], check) -> list[str]:
    return [f"{named(file)}: {fault}" for file in files for fault in check(file.read_text())]


def source_files() -> list[Path]:
    return [file for file in FILES if file.suffix in SOURCES or is_script(file)]


def text_files() -> list[Path]:
    return [file for file in FILES if b"\0" not in file.read_bytes()[:4096] and not CAPTURE.search(file.name)]


def test_heads():
    assert faults_in(source_files(), head_faults) == []


def test_no_machine_paths():
    files = [file for file in text_files() if file != Path(__file__).resolve() and file.name != "LICENSE"]
    assert faults_in(files, machine_paths) == []


def test_sizes():
    long = {named(file): len(file.read_text().splitlines()) for file in source_files()}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES and name not in LONG_FILES} == {}


def test_lines_fit():
    assert faults_in(source_files(), lambda text: [line for line in text.splitlines() if len(line) > 120]) == []


def test_links():
    pages = [file for file in FILES if file.suffix == ".md"]
    assert pages
    assert [f"{named(page)}: {link}" for page in pages for link in broken_links(page, page.read_text())] == []


def test_every_capture_has_a_row():
    captures = {file.name for file in (REPOSITORY / "test/captures").iterdir() if CAPTURE.search(file.name)}
    assert captures
    assert set(ROW.findall((REPOSITORY / "test/captures/README.md").read_text())) == captures


def test_every_capture_has_a_truth():
    for file in (REPOSITORY / "test/captures").iterdir():
        if CAPTURE.search(file.name):
            truth = json.loads((file.parent / f"{file.name.split('.')[0]}.truth.json").read_text())
            assert truth["file"] == file.name


def test_every_decision_is_listed():
    folder = REPOSITORY / "docs/decisions"
    index = (folder / "README.md").read_text()
    decisions = [file.name for file in folder.glob("[0-9]*.md")]
    assert decisions
    assert [name for name in decisions if name not in index] == []


def test_scripts_can_be_run():
    assert [named(file) for file in FILES if is_script(file) and not file.stat().st_mode & 0o100] == []


@pytest.mark.parametrize("text", ["", "// SPDX-License-Identifier: GPL-2.0-or-later\n", "// summary: nothing else\n"])
def test_head_rule_can_fail(text: str):
    assert head_faults(text)


@pytest.mark.parametrize("text", ['open("/tmp/x")', "see /work/main/lib", "cd /root/x", "in /home/someone/x"])
def test_path_rule_can_fail(text: str):
    assert machine_paths(text)


@pytest.mark.parametrize("text", ["$work/tmp/x", "a/tmp/x", "https://example.org/tmp", "${base}/work/x", "HOME=/root"])
def test_path_rule_lets_pass(text: str):
    assert machine_paths(text) == []


def test_link_rule_can_fail():
    page = REPOSITORY / "README.md"
    assert broken_links(page, "[a](docs/no-such-page.md)") == ["docs/no-such-page.md"]
    assert broken_links(page, "[a](LICENSE#x) [b](https://example.org/) [c](#here)") == []
