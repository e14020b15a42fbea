# SPDX-License-Identifier: GPL-2.0-or-later
# summary: Tools > Proxy Tunnel and the window of tunnels in a real Wireshark, by keyboard, on a screen of their own.
from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import REPOSITORY
from test_plugin_wire import WRAPPER, Tshark, cannot_run, folder, plugin_path, tshark

CAPTURES = REPOSITORY / "test/captures"
CAPTURE = CAPTURES / "curl_socks5_connect.pcap"
PROGRAMS = ("wireshark", "Xvfb", "openbox", "xdotool")
PATIENCE = 30   # seconds, for machines with much else to do


def why_not() -> str | None:
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if cannot_run() or missing:
        return cannot_run() or f"no window without {', '.join(missing)}"
    window = plugin_path().parent / "window/proxytunnel-window.so"
    return None if window.is_file() else "the window is not built: there was no Qt"


pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


def until(happens: Callable[[], object], what: str, patience: float = PATIENCE) -> object:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := happens():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {patience} s")


# ---------------------------------------------------------------- a screen, and Wireshark on it

class Screen:
    def __init__(self) -> None:
        reading, writing = os.pipe()
        self.programs = [subprocess.Popen(["Xvfb", "-displayfd", str(writing), "-screen", "0", "1400x900x24"],
                                          pass_fds=[writing], stderr=subprocess.DEVNULL)]
        os.close(writing)
        with os.fdopen(reading) as display:
            self.environment = {"DISPLAY": f":{display.readline().strip()}"}
        self.programs.append(subprocess.Popen(["openbox"], env=os.environ | self.environment,
                                              stderr=subprocess.DEVNULL))

    def close(self) -> None:
        for program in reversed(self.programs):
            program.terminate()
            program.wait(timeout=PATIENCE)

    def do(self, *words: object) -> str:
        done = subprocess.run(["xdotool", *map(str, words)], env=os.environ | self.environment, capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        return done.stdout

    def windows(self, title: str) -> list[str]:
        return self.do("search", "--onlyvisible", "--name", f"^{title}$").split()

    def active(self) -> str:
        return self.do("getactivewindow", "getwindowname").strip()

    def key(self, *keys: str) -> None:
        for key in keys:
            self.do("key", key)
            time.sleep(0.2)

    def activate(self, title: str) -> None:
        window = until(lambda: self.windows(title), title)[-1]
        self.do("windowactivate", "--sync", window)
        time.sleep(0.3)


class Wireshark:
    """Ended, with all that it started, when the test is over."""
    NO_INTERFACES = ("-o", "capture.no_interface_load:TRUE")

    def __init__(self, screen: Screen, tshark: Tshark, title: str, *arguments: object, plugin: Path | None = None,
                 **options: object):
        self.screen = screen
        self.title = title
        # Programs that Wireshark looks for captures with are none of ours, and hang with a sanitizer's runtime.
        environment = tshark.environment | screen.environment | {"TSHARK": "wireshark", "WIRESHARK_EXTCAP_DIR": "/none"}
        command = [WRAPPER, plugin or tshark.plugin, *self.NO_INTERFACES, *arguments]
        self.process = subprocess.Popen([str(word) for word in command], env=environment, stderr=subprocess.PIPE,
                                        text=True, start_new_session=True, **options)

    def menu(self, entry: str, opened: Callable[[], object]) -> None:
        """Of Tools > Proxy Tunnel. A slow program may miss a key."""
        for _ in range(5):
            self.screen.activate(self.title)
            self.screen.key("alt+t", "p", entry)
            try:
                until(opened, entry, PATIENCE / 5)
                return
            except AssertionError:
                self.screen.key("Escape", "Escape", "Escape")
        raise AssertionError(f"the menu's {entry} does nothing")

    def open(self, entry: str, title: str) -> None:
        self.menu(entry, lambda: self.screen.windows(title))
        self.screen.activate(title)

    def save(self, path: Path | str, says: str = "Proxy Tunnel") -> None:
        """In the dialog that was opened."""
        self.screen.activate("Export Virtual Conversations")
        self.screen.key("ctrl+a")
        self.screen.do("type", "--delay", "10", path)
        self.screen.key("Return")
        self.screen.activate(says)
        self.screen.key("Return")
        until(lambda: not self.screen.windows(says), "a message that goes")

    def quit(self) -> None:
        self.screen.activate(self.title)
        self.screen.key("ctrl+q")
        _, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0 and "Sanitizer" not in errors and "runtime error" not in errors, errors

    def end(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(timeout=PATIENCE)


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    made = Screen()
    yield made
    made.close()


@pytest.fixture
def wireshark(screen: Screen, tshark: Tshark) -> Iterator[Callable[..., Wireshark]]:
    started = []

    def start(title: str, *arguments: object, **options: object) -> Wireshark:
        started.append(Wireshark(screen, tshark, title, *arguments, **options))
        screen.activate(title)
        return started[-1]

    yield start
    for program in started:
        program.end()


def exported(tshark: Tshark, capture: Path, path: Path) -> bytes:
    tshark.text("-r", capture, "-q", "-z", f"proxytunnel,export,{path}")
    return path.read_bytes()


def conversations(tshark: Tshark, capture: Path) -> set[str]:
    return set(tshark.text("-r", capture, "-T", "fields", "-e", "tcp.stream").split())


# ---------------------------------------------------------------- tests

def test_the_option_exports_as_in_tshark(wireshark, screen: Screen, tshark: Tshark, folder: Path):
    """Wireshark obeys it after it has read the file."""
    ours = folder / "ours.pcapng"
    program = wireshark(CAPTURE.name, "-r", CAPTURE, "-z",
                        f"proxytunnel,export,{ours}")
    until(lambda: ours.is_file() and ours.stat().st_size > 1000, "packets in a file that is not closed yet")
    assert len(conversations(tshark, ours)) == 4
    screen.key("ctrl+r")   # begins anew
    program.quit()
    assert ours.read_bytes() == exported(tshark, CAPTURE, folder / "tshark.pcapng")


def test_exports_from_the_menu_and_from_the_table(wireshark, screen: Screen, tshark: Tshark, folder: Path):
    program = wireshark(CAPTURE.name, "-r", CAPTURE)
    program.open("e", "Export Virtual Conversations")
    program.save(folder / "all.pcapng")
    assert (folder / "all.pcapng").read_bytes() == exported(tshark, CAPTURE, folder / "tshark.pcapng")

    program.open("t", "Proxy Tunnels")
    screen.key("Home", "Down", "alt+e")
    program.save(folder / "one.pcapng")
    assert conversations(tshark, folder / "one.pcapng") == {"0"}
    assert "10.77.1.2\t40002" in tshark.text("-r", folder / "one.pcapng", "-T", "fields", "-e", "ip.src", "-e",
                                             "tcp.srcport")
    screen.activate("Proxy Tunnels")
    screen.key("alt+e")
    program.save(folder / "nowhere" / "x.pcapng")
    screen.activate("Proxy Tunnels")
    screen.key("alt+o")   # Follow
    screen.activate(r"Wireshark · Follow TCP Stream \(tcp.stream eq [0-9]*\) · " + CAPTURE.name)
    program.quit()


def test_the_table_fills_while_packets_come(wireshark, screen: Screen, tshark: Tshark, folder: Path):
    data = CAPTURE.read_bytes()
    at, ends = 24, []
    while at < len(data):
        at += 16 + struct.unpack("<I", data[at + 8:at + 12])[0]
        ends.append(at)
    reading, writing = os.pipe()
    os.write(writing, data[:ends[39]])
    program = wireshark("Capturing from .*", "-k", "-i", "-", stdin=reading)
    os.close(reading)
    program.open("t", "Proxy Tunnels")
    os.write(writing, data[ends[39]:])
    time.sleep(5)   # Wireshark draws statistics every three seconds
    screen.activate("Proxy Tunnels")
    screen.key("alt+e")
    program.save(folder / "live.pcapng")
    assert conversations(tshark, folder / "live.pcapng") == {"0", "1", "2", "3"}
    os.close(writing)


def test_without_its_library_the_menu_says_so(wireshark, screen: Screen, tshark: Tshark, folder: Path):
    """And the option exports all the same."""
    shutil.copy(tshark.plugin, folder / "proxytunnel.so")
    program = wireshark(CAPTURE.name, "-r", CAPTURE, "-z", f"proxytunnel,export,{folder}/ours.pcapng",
                        plugin=folder / "proxytunnel.so")
    program.menu("t", lambda: screen.active() not in ("", CAPTURE.name))
    assert not screen.windows("Proxy Tunnels")
    screen.key("Return")
    program.quit()
    assert (folder / "ours.pcapng").read_bytes() == exported(tshark, CAPTURE, folder / "tshark.pcapng")
