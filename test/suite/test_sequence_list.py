# SPDX-License-Identifier: GPL-2.0-or-later
# summary: --list-files and --files-from: the files of a sequence in their order, as a list.
from __future__ import annotations

import json

import pytest

from workflow_run import cut


def test_a_list_has_the_order_and_is_taken(run, captures, tmp_path):
    """With what it says nobody looks into files: it is believed, here against the truth."""
    files = cut(captures / "socks5.pcapng", tmp_path / "ring", 40)
    names = "".join(f"{file}\n" for file in reversed(files)).encode()
    listed = run("--sequence", "--files-from", "-", "--list-files", stdin=names)
    head, *rows = listed.text.splitlines()
    assert listed.code == 0 and head == "first_time\tfile"
    assert [row.split("\t")[1] for row in rows] == [str(file) for file in files]
    assert all(len(row.split("\t")[0]) == len("2026-11-22T08:41:47.034469020Z") for row in rows)
    swapped = tmp_path / "swapped"
    swapped.write_text("\n".join([head, rows[0], f"2020-01-01T00:00:00Z\t{files[1]}"]))
    done = run("-q", "--sequence", "--files-from", swapped, "--list=csv", "--report", tmp_path / "report.json")
    assert done.code == 0
    told = json.loads((tmp_path / "report.json").read_text())["inputs"]
    assert [each["file"] for each in told] == [str(files[1]), str(files[0])]


def test_what_cannot_be_read_is_in_the_list(run, captures, tmp_path):
    files = cut(captures / "socks5.pcapng", tmp_path / "ring", 100)
    done = run("--sequence", *files, tmp_path / "missing", "--list-files")
    assert done.code == 3 and "cannot open" in done.stderr
    assert done.text.splitlines()[-1] == f"-\t{tmp_path / 'missing'}"


@pytest.mark.parametrize(("lines", "words", "complaint"), [
    ("a\n\nb\n", ["--sequence"], "line 2: names no file"),
    ("a\n-\n", ["--sequence"], "line 2: is standard input"),
    ("first_time\tfile\na\n", ["--sequence"], "line 2: is not a time, a tab and a file"),
    ("first_time\tfile\nyesterday\ta\n", ["--sequence"], "line 2: does not begin with a time"),
    ("a\n", [], "--files-from is for --sequence"),
    ("", ["--sequence"], "INPUT is required"),
])
def test_wrong_lists(run, tmp_path, lines, words, complaint):
    (tmp_path / "list").write_text(lines)
    done = run(*words, "--files-from", tmp_path / "list", "--list-files")
    assert done.code == 2 and complaint in done.stderr


def test_other_wrong_use_of_lists(run, tmp_path):
    done = run("--sequence", "--files-from", tmp_path / "none", "--list-files")
    assert done.code == 2 and "cannot open" in done.stderr
    done = run("--list-files", tmp_path / "none")
    assert done.code == 2 and "--list-files is for --sequence" in done.stderr
