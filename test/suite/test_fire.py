# SPDX-License-Identifier: GPL-2.0-or-later
# summary: scripts/fire finds each kind of fault, tells which copy made it and keeps it, and blames nobody for tshark's.
from __future__ import annotations

from pathlib import Path

import pytest

from conftest import REPOSITORY, run_program
from test_plugin_wire import cannot_run, plugin_path

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

HAS_PLUGIN = '[ -e "$HOME/.local/lib/wireshark/plugins/any/epan/proxytunnel.so" ]'
PASSWORD, ABSOLUTE = (f'grep -qaF {word} "$5"' for word in ("alice", "http:"))


def fire(captures: Path, keep: Path, *options: str, tshark: Path | str = "tshark"):
    return run_program("env", f"TSHARK={tshark}", REPOSITORY / "scripts/fire", "--plugin", plugin_path(),
                       "--keep", keep, *options, captures / "socks5_password.pcap",
                       captures / "no_proxy_absolute_uri.pcap", timeout=300)


def fake_tshark(path: Path, script: str) -> Path:
    """Its fifth argument is the capture."""
    path.write_text(f"#!/bin/bash\n{script}\nexit 0\n")
    path.chmod(0o755)
    return path


def names(keep: Path) -> list[str]:
    return sorted(file.name for file in keep.iterdir()) if keep.is_dir() else []


def packets(capture: Path) -> str:
    return run_program("capinfos", "-T", "-r", "-m", "-c", capture).text.split(",")[-1].strip()


def test_no_faults(captures: Path, tmp_path: Path):
    done = fire(captures, tmp_path / "keep", "--runs", "3", "--batch", "2")
    assert done.code == 0, done.text
    assert done.text == "3 damaged copies of 2 captures read in 2 batches, 0 faults\n"
    assert names(tmp_path / "keep") == []


@pytest.mark.parametrize(("what", "fault"), [
    ("kill -SEGV $$", "ends with "),
    ('echo "  [Dissector bug, protocol TCP: epan/a.c:1]"', "[Dissector bug, protocol TCP: epan/a.c:1]"),
    ('echo "** (tshark:$$): WARNING **: text" >&2', "** : WARNING **: text"),
    ("exec sleep 60", "takes more than 1 seconds, or is killed")], ids=["crash", "bug", "warning", "hang"])
def test_faults_are_found_and_kept(captures: Path, tmp_path: Path, what: str, fault: str):
    fake = fake_tshark(tmp_path / "tshark", f"if {HAS_PLUGIN} && {PASSWORD}; then {what}; fi")
    done = fire(captures, tmp_path / "keep", "--runs", "2", "--timeout", "1", tshark=fake)
    assert done.code == 1
    kept, = names(tmp_path / "keep")
    assert kept == "seed1-E0.001-o54-socks5_password.pcapng"
    assert packets(tmp_path / "keep" / kept) == packets(captures / "socks5_password.pcap")
    faults = [line for line in done.text.splitlines() if line.startswith("FAULT: ")]
    for line, way in zip(faults, ("", "-2 -V"), strict=True):
        assert line.split(": tshark ")[1].startswith(f"{way}: {fault}")


def test_a_fault_of_several_copies_together(captures: Path, tmp_path: Path):
    fake = fake_tshark(tmp_path / "tshark", f"if {HAS_PLUGIN} && {PASSWORD} && {ABSOLUTE}; then kill -ABRT $$; fi")
    assert fire(captures, tmp_path / "keep", "--runs", "2", tshark=fake).code == 1
    assert names(tmp_path / "keep") == ["seed1-E0.001-o54-together.pcapng"]


def test_what_tshark_does_without_the_plugin_is_no_fault(captures: Path, tmp_path: Path):
    script = f'if {PASSWORD}; then echo "** (tshark:$$): WARNING **: text" >&2; exit 2; fi'
    fake = fake_tshark(tmp_path / "tshark", script)
    done = fire(captures, tmp_path / "keep", "--runs", "2", tshark=fake)
    assert (done.code, names(tmp_path / "keep")) == (0, [])


def test_what_tshark_says_of_the_export_is_no_fault(captures: Path, tmp_path: Path):
    """The fake exports what it reads, and says something of exports only, or with the plugin."""
    script = (f'if {HAS_PLUGIN}; then for word; do case $word in proxytunnel,export,*) cp "$5" "${{word##*,}}"; esac; '
              'done; fi; case $5 in *export*) saying=1; esac; '
              f'if {HAS_PLUGIN} || [ "$saying" ]; then echo "[Dissector bug, protocol TCP]"; fi')
    fake = fake_tshark(tmp_path / "tshark", script)
    assert fire(captures, tmp_path / "keep", "--runs", "2", tshark=fake).code == 0
