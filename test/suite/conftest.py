# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what every test of the suite may ask for: the tool, a way to run it, our captures, the shared captures.
"""Fixtures.

tool      path of pcap-unproxy: $PROXYTUNNEL_TOOL, or the one of the dev preset
run       run(*arguments, stdin=b"", timeout=120, cwd=None) runs the tool and returns a Run
captures  test/captures
shared    the shared captures and the acceptance checker ($PROXYTUNNEL_SHARED, or "shared" beside the repository);
          a test that asks for it is skipped where there is none
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("PROXYTUNNEL_SHARED", REPOSITORY.parent / "shared")).resolve()
NO_SHARED = f"no shared captures at {SHARED.name}/ beside the repository; PROXYTUNNEL_SHARED names another place"
TOOL = Path(os.environ.get("PROXYTUNNEL_TOOL", REPOSITORY / "build/dev/tools/pcap-unproxy/pcap-unproxy")).resolve()

# What only pcap-unproxy says, and only where it was built with nDPI; it depends on nDPI's release.
INSIDE = ["service", "sni", "alpn", "http_host"]


@dataclass(frozen=True)
class Run:
    """A finished program. A negative code is the signal that ended it, as in subprocess."""
    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")


def run_program(*command: str | Path, stdin: bytes = b"", timeout: float = 120, cwd: Path | None = None) -> Run:
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, timeout=timeout, cwd=cwd,
                          check=False)
    return Run(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def tool() -> Path:
    if not TOOL.is_file():
        pytest.fail(f"{TOOL} is not built: run scripts/test, or set PROXYTUNNEL_TOOL", pytrace=False)
    return TOOL


@pytest.fixture(scope="session")
def run(tool: Path) -> Callable[..., Run]:
    def run_tool(*arguments: str | Path, **options: object) -> Run:
        return run_program(tool, *arguments, **options)
    return run_tool


@pytest.fixture(scope="session")
def captures() -> Path:
    return REPOSITORY / "test/captures"


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(NO_SHARED)
    return SHARED
