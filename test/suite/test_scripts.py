# SPDX-License-Identifier: GPL-2.0-or-later
# summary: scripts/sum-results, whose line CI reads, adds up and never calls a broken run a good one;
#          scripts/tshark-with-plugin reads and writes wherever its caller may; every script's syntax is its shell's.
from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from conftest import REPOSITORY, run_program
from test_repository import repository_files

GOOD = "<testsuites><testsuite><testcase name='a'/><testcase name='b'/></testsuite></testsuites>"
MIXED = ("<testsuite><testcase name='a'/><testcase name='b'><failure/></testcase><testcase name='c'><error/></testcase>"
         "<testcase name='d'><skipped/></testcase></testsuite>")
NONE = "<testsuite/>"


def last_line(tmp_path: Path, *programs: tuple[int, str | None]) -> tuple[int, str]:
    arguments = []
    for number, (code, text) in enumerate(programs):
        file = tmp_path / f"{number}.xml"
        if text is not None:
            file.write_text(text)
        arguments.append(f"program={code}={file}")
    done = run_program(REPOSITORY / "scripts/sum-results", *arguments)
    return done.code, done.text.splitlines()[-1]


@pytest.mark.parametrize(("programs", "code", "line"), [
    ([(0, GOOD)], 0, "2 passed, 0 failed"),
    ([(0, GOOD), (0, GOOD)], 0, "4 passed, 0 failed"),
    ([(0, GOOD), (1, MIXED)], 1, "3 passed, 2 failed, 1 skipped"),
    ([(0, GOOD), (139, GOOD)], 1, "4 passed, 1 failed"),
    ([(0, GOOD), (0, None)], 1, "2 passed, 1 failed"),
    ([(0, GOOD), (0, "<testsuite>")], 1, "2 passed, 1 failed"),
    ([(0, GOOD), (5, NONE)], 1, "2 passed, 1 failed"),
    ([(0, GOOD), (0, NONE)], 1, "2 passed, 1 failed"),
    ([], 1, "0 passed, 0 failed"),
])
def test_sum_results(tmp_path: Path, programs: list[tuple[int, str | None]], code: int, line: str):
    assert last_line(tmp_path, *programs) == (code, line)


def shell_of(file: Path) -> str | None:
    found = re.match(rb"#!\S*[/ ](sh|bash)\n", file.read_bytes()[:64])
    return found[1].decode() if found else "bash" if file.suffix == ".sh" else None


def test_shells_accept_their_scripts(tmp_path: Path):
    scripts = {file: shell_of(file) for file in repository_files() if shell_of(file)}
    assert {"scripts/setup", "scripts/chroot.sh"} <= {str(file.relative_to(REPOSITORY)) for file in scripts}
    broken = tmp_path / "broken.sh"
    broken.write_text("if (\n")
    results = {file: run_program(shell, "-n", file) for file, shell in {**scripts, broken: "bash"}.items()}
    assert [file for file, done in results.items() if done.code != 0 or done.stderr] == [broken]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's tshark becomes another user")
@pytest.mark.skipif(not shutil.which("tshark"), reason="there is no tshark")
def test_roots_tshark_reads_and_writes_where_only_root_may(tmp_path: Path, captures: Path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    capture = closed / "capture"
    shutil.copy(captures / "socks5.pcapng", capture)
    wrapper = REPOSITORY / "scripts/tshark-with-plugin"
    done = run_program(wrapper, "none", "-n", "-r", capture, "-w", closed / "copy")
    assert done.code == 0, done.stderr
    assert (closed / "copy").stat().st_size > 0
    # Whoever asks before must get the same answer.
    asks = "import os, sys; sys.exit(not os.access(sys.argv[1], os.R_OK | os.W_OK))"
    assert run_program("env", "TSHARK=/usr/bin/python3", wrapper, "none", "-c", asks, capture).code == 0
