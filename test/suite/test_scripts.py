# SPDX-License-Identifier: GPL-2.0-or-later
# summary: the summary line that CI reads: scripts/sum-results adds up, and never calls a broken run a good one.
from __future__ import annotations

from pathlib import Path

import pytest

from conftest import REPOSITORY, run_program

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
