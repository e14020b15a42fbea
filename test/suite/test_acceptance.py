# SPDX-License-Identifier: GPL-2.0-or-later
# summary: the shared acceptance checker on the shared captures and on ours, one test for each capture.
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import NO_SHARED, REPOSITORY, SHARED
from test_plugin_wire import WRAPPER, Tshark, cannot_run

SUFFIXES = (".pcap", ".pcapng", ".cap", ".pcap.gz", ".pcapng.gz")
PLACES = [SHARED / "captures/lab", SHARED / "captures/suites", REPOSITORY / "test/captures"]
CHECKER = SHARED / "accept/check.py"


def capture_names() -> list:
    if not CHECKER.is_file():
        return [pytest.param("", marks=pytest.mark.skip(reason=NO_SHARED), id="all")]
    names = sorted({file.name for place in PLACES for file in place.rglob("*") if file.name.endswith(SUFFIXES)})
    return list(names)


# Where the checker has one word for two things: a conversation that got nothing but a 407 is "auth-failed" (contract).
# It knows no PROXY headers in front of datagrams; test_ways.py does.
EXCUSED = {"http_forward_407.pcapng": {"report.status"}, "pp2_dnsdist_udp.pcap": {"report.invented"}}


def judge(*programs: str | Path, env: dict[str, str] | None = None) -> dict[str, list[dict]]:
    """What the checker says, by the capture's file name (two folders may each have one of that name)."""
    done = subprocess.run([sys.executable, CHECKER, "all", *programs, "-j", "2", "--json", *PLACES],
                          capture_output=True, text=True, timeout=1500, check=False, env=env)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, list[dict]] = {}
    for result in json.loads(done.stdout)["results"]:
        found.setdefault(result["capture"], []).append(result)
    return found


# It decrypts with the plugin.
@pytest.fixture(scope="session")
def tool_verdicts(tool: Path) -> dict[str, list[dict]]:
    return judge("--tool", f"{tool} --tshark '{Tshark().command}'")


@pytest.fixture(scope="session")
def plugin_verdicts() -> dict[str, list[dict]]:
    plugin = Tshark()
    return judge("--tshark", f"{WRAPPER} {plugin.plugin}", env=plugin.environment)


def assert_faultless(capture: str, results: list[dict]) -> None:
    faults = [f"[{fault['check']}] {fault['where']}: {fault['message']}"
              for result in results for fault in result["failures"]
              if fault["check"] not in EXCUSED.get(capture, ())]
    assert faults == []
    if all(result["status"] == "SKIP" for result in results):
        pytest.skip(results[0]["reason"])


@pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")
@pytest.mark.parametrize("capture", capture_names())
def test_tool(capture: str, tool_verdicts: dict[str, list[dict]]):
    assert_faultless(capture, tool_verdicts[capture])


@pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")
@pytest.mark.parametrize("capture", capture_names())
def test_plugin(capture: str, plugin_verdicts: dict[str, list[dict]]):
    assert_faultless(capture, plugin_verdicts[capture])
