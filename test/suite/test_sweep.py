# SPDX-License-Identifier: GPL-2.0-or-later
# summary: scripts/sweep lists claims and finds faults; in what scripts/ordinary-traffic writes nothing is claimed.
from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from conftest import REPOSITORY, run_program
from test_plugin_wire import cannot_run, plugin_path

SWEEP = REPOSITORY / "scripts/sweep"
needs_plugin = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")


def sweep(tool: Path, *places: Path):
    return run_program(SWEEP, "--tool", tool, "--plugin", plugin_path(), *places, timeout=300)


def fake_tool(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return path


@needs_plugin
def test_claims_are_listed_and_counted(tool: Path, captures: Path, tmp_path: Path):
    (tmp_path / "below").mkdir()
    for name in ("curl_socks5_connect.pcap", "no_proxy_dnp3.pcap"):
        shutil.copy(captures / name, tmp_path / "below" / name.replace(".pcap", ""))  # told by the first bytes
        shutil.copy(captures / name, tmp_path / name)
    (tmp_path / "words.pcap").write_text("no capture")
    (tmp_path / "words").write_text("none, and does not claim to be one")
    done = sweep(tool, tmp_path)
    assert done.code == 0, done.text
    assert "socks5 refused: 10.77.1.2 40005 by 10.77.1.1 1080 to www.origin.test 81" in done.text
    counts = dict(reversed(line.strip().split(" ", 1)) for line in done.text.split("== counts\n")[1].splitlines()
                  if line.startswith(" "))
    assert counts.pop("packets")
    assert counts == {"captures": "5", "the same as another one": "2", "cannot be read": "1", "with claims": "1",
                      "with claims, both agree": "1", "nothing claimed, same output of tshark": "1",
                      "claims: socks5 established": "2", "claims: socks5 refused": "1",
                      "claims: http-connect established": "2", "claims: http-connect refused": "1"}


@needs_plugin
@pytest.mark.parametrize(("script", "fault"), [
    ('args=("$@"); args[-1]={other}; exec {tool} "${{args[@]}}"', "nothing claimed, but tshark's output differs"),
    ('{tool} "$@"; for ((i = 1; i < $#; i++)); do [ "${{!i}}" = --report ] && j=$((i + 1)); done; '
     'sed -i s/www.origin/other.origin/ "${{!j}}"', "entry 0: target is "),
    ('{tool} "$@"; kill -SEGV $$', "pcap-unproxy ends with -11"),
    ("exit 3", "tshark can read it, pcap-unproxy cannot")])
def test_faults_are_found(tool: Path, captures: Path, tmp_path: Path, script: str, fault: str):
    fake = fake_tool(tmp_path / "tool", script.format(tool=tool, other=captures / "no_proxy_dnp3.pcap"))
    done = sweep(fake, captures / "curl_socks5_connect.pcap")
    assert done.code == 1
    assert f"FAULT: {fault}" in done.text


def test_nothing_is_claimed_in_ordinary_traffic(run, tmp_path: Path):
    assert run_program(REPOSITORY / "scripts/ordinary-traffic", "--connections", "6", tmp_path / "made").code == 0
    made = sorted((tmp_path / "made").iterdir())
    assert len(made) == 100
    assert run("-q", "--report", tmp_path / "report.json", *made).code == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["counters"]["packets_read"] > 4000
    assert [(made[entry["input"]].name, entry["protocol"], entry["client"]) for entry in report["tunnels"]] == []


def test_ordinary_traffic_is_the_same_each_time(tmp_path: Path):
    for name in ("one", "two"):
        run_program(REPOSITORY / "scripts/ordinary-traffic", "--connections", "2", "--only", "tds", tmp_path / name)
    one, two = ({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert len(one) == 4
