# SPDX-License-Identifier: GPL-2.0-or-later
# summary: the shared acceptance checker on the shared captures and on ours, one test for each capture.
from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from conftest import NO_SHARED, REPOSITORY, SHARED, run_program

KINDS = "socks4,socks4a,socks5,http-connect,nested,back-connect"
SUFFIXES = (".pcap", ".pcapng", ".cap", ".pcap.gz", ".pcapng.gz")
PLACES = [SHARED / "captures/lab", SHARED / "captures/suites", REPOSITORY / "test/captures"]
CHECKER = SHARED / "accept/check.py"


def capture_names() -> list:
    if not CHECKER.is_file():
        return [pytest.param("", marks=pytest.mark.skip(reason=NO_SHARED), id="all")]
    return sorted({file.name for place in PLACES for file in place.rglob("*") if file.name.endswith(SUFFIXES)})


@pytest.fixture(scope="session")
def verdicts(tool: Path) -> dict[str, list[dict]]:
    """What the checker says, by the capture's file name (two folders may each have one of that name)."""
    done = run_program(sys.executable, CHECKER, "all", "--tool", tool, "--kinds", KINDS, "-j", "2", "--json", *PLACES,
                       timeout=900)
    assert done.code in (0, 1), done.stderr
    found: dict[str, list[dict]] = {}
    for result in json.loads(done.stdout)["results"]:
        found.setdefault(result["capture"], []).append(result)
    return found


@pytest.mark.parametrize("capture", capture_names())
def test_acceptance(capture: str, verdicts: dict[str, list[dict]]):
    results = verdicts[capture]
    faults = [f"[{fault['check']}] {fault['where']}: {fault['message']}"
              for result in results for fault in result["failures"]]
    assert [result["reason"] for result in results if result["status"] == "FAIL"] == [], "\n".join(faults)
    if all(result["status"] == "SKIP" for result in results):
        pytest.skip(results[0]["reason"])
