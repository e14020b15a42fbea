# SPDX-License-Identifier: GPL-2.0-or-later
# summary: pcap-unproxy beside other tools: what it says on a terminal, and how signals and limits end it.
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import resource
import shutil
import signal
import struct
import subprocess
import termios
import time

import pytest

from test_tool import DAMAGED, UNWRITABLE, one_tunnel, tshark  # noqa: F401  # one_tunnel is a fixture

# ---------------------------------------------------------------- the terminal

def test_progress_when_asked_for(run, one_tunnel):
    """In a line of its own."""
    line, summary = run(one_tunnel, "--list", "--progress", "always").stderr.removeprefix("\r").splitlines()
    size = one_tunnel.stat().st_size
    assert line.endswith(f": 10 packets, {size} B of {size} B (100%)") and size < 1000
    assert "1 tunnel opened" in summary
    assert "10 packets" in run("-q", one_tunnel, "--list", "--progress", "always").stderr
    assert run("-q", one_tunnel, "--list").stderr == ""


def on_a_terminal(*command) -> str:
    """What a program says on standard error, a terminal of 40 columns."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=terminal) as process:
        os.close(terminal)
        said = b""
        with contextlib.suppress(OSError):  # the terminal is closed
            while chunk := os.read(ours, 4096):
                said += chunk
        assert process.wait(60) == 0
    os.close(ours)
    return said.decode()


def test_progress_on_a_terminal(tool, one_tunnel, tmp_path):
    """What is read in no time needs none. A line that would wrap is cut."""
    assert on_a_terminal(tool, one_tunnel, "--list").count("packets") == 1
    assert on_a_terminal(tool, one_tunnel, "--list", "-q") == ""
    long_name = tmp_path / f"{'n' * 100}.pcap"
    shutil.copy(one_tunnel, long_name)
    lines = on_a_terminal(tool, long_name, "--list", "-q", "--progress", "always").replace("\n", "\r").split("\r")
    assert any("10 packets" in line for line in lines) and all(len(line) < 40 for line in lines)


# ---------------------------------------------------------------- programs that read what we write

@pytest.mark.parametrize(("link", "shown"), [("keep", "Linux cooked-mode capture v2"), ("raw", "Raw IP"),
                                             ("ethernet", "Ethernet")])
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_link_layers(run, captures, tmp_path, link, shown, form):
    """The same packets, whatever carries them. pcap has no room for what pcapng says of them, and that is told."""
    output, kept = tmp_path / "out", tmp_path / "kept"
    done = run(captures / "link_sll2.pcap", "--link", link, "-F", form, "-w", output)
    run(captures / "link_sll2.pcap", "-w", kept)
    assert ("without names and comments" in done.stderr) == (form == "pcap")
    assert shown in subprocess.run(["capinfos", "-E", output], capture_output=True, text=True, check=True).stdout
    fields = ("-T", "fields", "-e", "ip.src", "-e", "tcp.seq_raw", "-e", "tcp.payload")
    packets = tshark("-r", output, *fields)
    assert packets == tshark("-r", kept, *fields) and packets.count("\n") > 10
    if link == "ethernet":
        ends = set(tshark("-r", output, "-T", "fields", "-e", "eth.src", "-e", "eth.dst", "-e", "ip.src").splitlines())
        assert {tuple(line.split("\t")[:2]) for line in ends} == {
            ("02:00:00:00:00:01", "02:00:00:00:00:02"), ("02:00:00:00:00:02", "02:00:00:00:00:01")}
        assert ends >= {"02:00:00:00:00:01\t02:00:00:00:00:02\t10.10.1.2"}


def test_ethernet_stays_ethernet(run, captures, tmp_path):
    """With its addresses and tags."""
    for name in ("link_ethernet.pcap", "link_vlan.pcap"):
        for link in ("keep", "ethernet"):
            run(captures / name, "--link", link, "-w", tmp_path / link)
        assert (tmp_path / "keep").read_bytes() == (tmp_path / "ethernet").read_bytes()


# ---------------------------------------------------------------- signals

@pytest.mark.parametrize("extra", [[], ["--layers", "leaf"]])
@pytest.mark.parametrize("packets", [0, 8])
def test_a_pipe_can_be_stopped_at_any_time(tool, one_tunnel, tmp_path, extra, packets):
    output = tmp_path / "out.pcapng"
    with subprocess.Popen([tool, "-", "-w", output, *extra], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        if packets:
            process.stdin.write(one_tunnel.read_bytes())
            process.stdin.flush()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == DAMAGED, process.stderr.read()
    assert len(tshark("-r", output).splitlines()) == packets


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_reading_and_completes_the_output(tool, one_tunnel, tmp_path, number):
    output, report = tmp_path / "out.pcapng", tmp_path / "r.json"
    with subprocess.Popen([tool, "-", "-w", output, "--report", report], stdin=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        process.stdin.write(one_tunnel.read_bytes())
        process.stdin.flush()
        time.sleep(1)          # the pipe stays open: the tool waits for more
        assert not output.exists()
        process.send_signal(number)
        assert process.wait(30) == DAMAGED
    assert len(tshark("-r", output).splitlines()) == 8
    assert json.loads(report.read_text())["interrupted"] is True


def test_what_comes_behind_a_signal_is_taken_along(tool, one_tunnel, tmp_path):
    """Ctrl-C stops tcpdump, too, which then writes what it has left."""
    output, whole = tmp_path / "out.pcapng", one_tunnel.read_bytes()
    with subprocess.Popen([tool, "-", "-w", output], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(whole[:200])
        process.stdin.flush()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        process.stdin.write(whole[200:])
        process.stdin.close()
        said = process.stderr.read().decode()
        assert process.wait(30) == DAMAGED
    assert "interrupted" in said and len(tshark("-r", output).splitlines()) == 8


def test_a_signal_stops_a_pipe_that_never_ends(tool, one_tunnel, tmp_path):
    endless = f"cat {one_tunnel} && while tail -c +25 {one_tunnel}; do :; done"
    with subprocess.Popen(["bash", "-c", endless], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
        with subprocess.Popen([tool, "-", "-q", "-w", tmp_path / "o"], stdin=writer.stdout) as process:
            writer.stdout.close()
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == DAMAGED
        writer.wait(30)  # its pipe is closed
    assert (tmp_path / "o").stat().st_size > 1000


def test_a_file_that_may_not_grow(tool, captures, tmp_path):
    """The system's signal for that (SIGXFSZ) would leave no message."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # noqa: E731
    done = subprocess.run([tool, captures / "socks5.pcapng", "-w", tmp_path / "out.pcapng"], preexec_fn=limit,
                          capture_output=True, text=True, check=False)
    assert done.returncode == UNWRITABLE and "File too large" in done.stderr and not list(tmp_path.iterdir())
