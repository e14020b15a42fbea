# SPDX-License-Identifier: GPL-2.0-or-later
# summary: the commands of docs/evidence.md are run, as they stand there, and prove what the page says.
from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest

import wire
from conftest import REPOSITORY
from test_tool import DAMAGED, DONE

PROGRAMS = ["tshark", "editcap", "jq", "xxd"]


@pytest.fixture(scope="module")
def evidence(tool, tmp_path_factory):
    """Where the commands ran, and what they said."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    folder = tmp_path_factory.mktemp("evidence")
    packed = REPOSITORY / "test/captures/both_legs_dns.pcapng.gz"
    (folder / "capture.pcapng").write_bytes(gzip.decompress(packed.read_bytes()))
    (folder / "bin").mkdir()
    (folder / "bin/pcap-unproxy").symlink_to(tool)
    commands = re.findall(r"^```sh\n(.*?)^```", (REPOSITORY / "docs/evidence.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(commands) == 8
    paths = f"{folder}/bin:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(commands)], cwd=folder, capture_output=True,
                          text=True, timeout=300, check=False, env={**os.environ, "PATH": paths})
    assert done.returncode == 0, done.stderr
    return folder, done.stdout, json.loads((folder / "report.json").read_text())


def test_the_report_names_its_input(evidence):
    folder, said, report = evidence
    digest = hashlib.sha256((folder / "capture.pcapng").read_bytes()).hexdigest()
    assert report["inputs"][0]["sha256"] == digest and f"{digest}  capture.pcapng" in said
    assert report["tool"]["command"] == ["pcap-unproxy", "capture.pcapng", "--hash"]


def test_a_virtual_packet_leads_to_its_frame(evidence):
    folder, said, report = evidence
    virtual, original = ((folder / f"{name}.hex").read_text().strip() for name in ("virtual", "original"))
    assert virtual and original.endswith(virtual)
    frame, = re.findall(r"^Frame (\d+):", (folder / "frame.txt").read_text(), re.MULTILINE)
    entry = report["tunnels"][0]
    assert f"\n{frame}" in said and entry["frames"]["first"] < int(frame) <= entry["frames"]["last"]


def test_the_other_leg_carried_the_same(evidence):
    folder, _, _ = evidence
    tunnel = json.loads((folder / "tunnel.json").read_text())
    assert (folder / "leg.sha256").read_text().split()[0] == tunnel["client_payload"]["sha256"]
    assert tunnel["client_payload"]["bytes"] > 0 and tunnel["wan_leg"]["client"] != tunnel["client"]


def test_the_hash_is_that_of_the_payload(evidence):
    _, said, report = evidence
    digests = re.findall(r"^([0-9a-f]{64})  -$", said, re.MULTILINE)
    assert digests == [report["tunnels"][0]["client_payload"]["sha256"]]


def test_an_address_leads_to_its_answer(evidence):
    folder, _, report = evidence
    entry = next(entry for entry in report["tunnels"] if entry["origin"]["provenance"] == "dns-in-capture")
    assert entry["target"]["host"].split(".")[0] in (folder / "request.txt").read_text().replace("\n", "")
    answers = (folder / "answer.txt").read_text()
    assert entry["origin"]["address"] in answers and "Standard query response" in answers


# ---------------------------------------------------------------- inputs that change

def large_session() -> list[bytes]:
    """More than pipes and buffers hold."""
    session = wire.Session()
    return [*session.open(), session.say(wire.CLIENT, b"CONNECT www.example.com:80 HTTP/1.1\r\n\r\n"),
            session.say(wire.SERVER, b"HTTP/1.1 200 OK\r\n\r\n"),
            *(session.say(wire.SERVER, b"x" * 1400) for _ in range(4000)), *session.close()]


@pytest.mark.parametrize("words", [[], ["--sequence"]])
@pytest.mark.parametrize(("change", "is_told"), [
    (lambda file: file.open("ab").write(b"\0" * 16), True),  # noqa: SIM115
    (lambda file: file.write_bytes(file.read_bytes()), True),
    (lambda file: shutil.copy(file, file.with_suffix(".new")).rename(file), True),
    (lambda file: file.unlink(), False),
    (lambda file: file.read_bytes(), False),
], ids=["longer", "written", "another", "gone", "read"])
def test_an_input_that_changes_while_it_is_read(tool, tmp_path, words, change, is_told):
    """It is read when the output waits for its reader. What was read is written."""
    capture = tmp_path / "capture.pcap"
    capture.write_bytes(wire.pcap(large_session()))
    process = subprocess.Popen([tool, *words, capture, "-w", "-", "--hash", "--report", tmp_path / "report.json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    begun = process.stdout.read(1000)
    change(capture)
    output, complaints = process.communicate(timeout=60)
    entry = json.loads((tmp_path / "report.json").read_text())["inputs"][0]
    said = "it changed while it was read: what was read is told"
    assert (said in complaints.decode()) == is_told and process.returncode == (DAMAGED if is_told else DONE)
    assert (entry["damaged"] or "").endswith(said) == is_told and entry["packets"] >= 4007
    assert len(begun + output) > 4000 * 1400
