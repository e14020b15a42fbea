# SPDX-License-Identifier: GPL-2.0-or-later
# summary: pcap-unproxy on an interface: nothing is lost that the kernel did not drop, and that is told; how it ends;
#          Wireshark's list of interfaces.
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import wire
from conftest import REPOSITORY, run_program
from live_traffic import INTERFACE, ORIGIN_PORT, PATIENCE, PROXY, PROXY_PORT, Lab, NoNamespaces, until
from replaced import read, segment_of, streams_of
from test_tool import DAMAGED, DONE, UNREADABLE, UNWRITABLE, USAGE, tshark

STATISTICS = 5


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    try:
        lab = Lab()
    except NoNamespaces as reason:
        pytest.skip(f"no network namespaces: {reason}")
    yield lab
    lab.close()


class Live:
    """The tool on an interface, as soon as it captures."""
    def __init__(self, lab: Lab, tool: Path, folder: Path, *arguments: object, interface: str = INTERFACE):
        self.report_file = folder / "report.json"
        self.process = lab.client.start(tool, "-i", interface, "--report", self.report_file, *arguments,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.words = self.process.stderr.readline().decode()
        if self.words != f"pcap-unproxy: capturing on {interface}\n":
            raise AssertionError(self.words + self.process.stderr.read().decode())

    def stop(self) -> dict:
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self, code: int = DONE) -> dict:
        """The report, when it has ended."""
        output, words = self.process.communicate(timeout=PATIENCE)
        self.output, self.words = output, words.decode()
        assert self.process.returncode == code, self.words
        return json.loads(self.report_file.read_text())


@pytest.fixture
def live(lab, tool, tmp_path):
    started = []

    def start(*arguments: object, **options: object) -> Live:
        started.append(Live(lab, tool, tmp_path, *arguments, **options))
        return started[-1]
    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def what_there_was(report: dict) -> dict:
    """All of a report's tunnels that does not depend on when the capture began."""
    return {tunnel["client"]["port"]: {key: tunnel[key] for key in (
        "client", "proxy", "target", "origin", "status", "client_payload", "server_payload", "anomalies")}
        for tunnel in report["tunnels"]}


# ---------------------------------------------------------------- what it captures

def test_nothing_is_lost_under_load(lab, live, run, tmp_path):
    """Beside tcpdump on the same interface, whose file tells the same."""
    recorded, output = tmp_path / "recorded.pcap", tmp_path / "live.pcapng"
    capture = live("-B", "64", "--hash", "-w", output)
    # tcpdump becomes another user unless it is told not to, and in a user's own namespace there is only one.
    words = ["tcpdump", "-n", "-U", "-B", "65536", "-Z", "root"] if os.geteuid() == 0 else ["dumpcap", "-P", "-B", "64"]
    recorder = lab.client.start(*words, "-i", INTERFACE, "-w", recorded, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: re.match("File: |.*listening on ", recorder.stderr.readline()), "recorder that listens", recorder)
        lab.run_clients(200, 10_000)
        lab.run_clients(8, 500_000)
        report = capture.stop()
        settle(recorded)
    finally:
        recorder.send_signal(signal.SIGINT)
        words = recorder.communicate(timeout=PATIENCE)[1]
    assert re.search(r"^0 packets dropped by kernel|\b(\d+)/0 \(pcap:0/", words, re.MULTILINE), words
    entry, counters = report["inputs"][0], report["counters"]
    assert (entry["file"], entry["sha256"], entry["damaged"]) == (INTERFACE, None, None)
    # What came after the signal is received, too.
    received = entry["live"]["packets_received"]
    assert received >= entry["packets"] > 5000
    assert entry["live"] == {"packets_received": received, "packets_dropped": 0, "packets_dropped_by_interface": 0}
    assert not report["interrupted"] and "0 dropped by the kernel" in capture.words
    assert "packets are missing" not in capture.words
    tunnels = what_there_was(report)
    assert len(tunnels) == len(report["tunnels"]) == 208
    assert all(tunnel["server_payload"]["sha256"] for tunnel in tunnels.values())
    again = json.loads(run(recorded, "-q", "--hash", "--report", "-").stdout)
    assert what_there_was(again) == tunnels and "live" not in again["inputs"][0]

    blocks = wire.pcapng_blocks(output.read_bytes())
    assert len([block for block in blocks if block.kind == wire.PACKET]) == counters["packets_written"]
    counts = [received_and_dropped(block) for block in blocks if block.kind == STATISTICS]
    assert len(counts) == 1 and entry["packets"] <= counts[0][0] <= received and counts[0][1] == 0
    assert "Number of stat entries = 1" in run_program("capinfos", output).text
    assert INTERFACE.encode() in blocks[0].body and tshark("-r", output, "-Y", "tcp.analysis.lost_segment") == ""


def settle(file: Path) -> None:
    """tcpdump leaves behind what the kernel still holds when it is stopped; the kernel holds nothing for longer than
    the second that tcpdump asks for."""
    size, since = -1, time.monotonic()
    while time.monotonic() - since < 1.5:
        if file.stat().st_size != size:
            size, since = file.stat().st_size, time.monotonic()
        time.sleep(0.05)


def received_and_dropped(block: wire.Block) -> tuple[int, int]:
    options = wire.read_options(block.body[12:])
    begun, ended = (struct.unpack("<II", options[code][0]) for code in (2, 3))
    assert block.body[4:12] == options[3][0] and begun <= ended
    return struct.unpack("<Q", options[4][0])[0], struct.unpack("<Q", options[5][0])[0]


def test_packets_come_out_while_it_runs(lab, live):
    """They do not wait until a buffer is full."""
    capture = live("-w", "-")
    lab.run_clients(1, 64)
    os.set_blocking(capture.process.stdout.fileno(), False)
    output = b""

    def has_payload() -> bool:
        nonlocal output
        output += capture.process.stdout.read() or b""
        packets = [block for block in wire.pcapng_blocks(output) if block.kind == wire.PACKET]
        return any(len(packet.body) > 100 + 64 for packet in packets)
    until(has_payload, "payload", capture.process)
    os.set_blocking(capture.process.stdout.fileno(), True)
    assert len(capture.stop()["tunnels"]) == 1


def test_the_whole_capture_is_replaced(lab, live, tmp_path):
    """Every byte of payload is in a virtual conversation, and in no connection with the proxy."""
    capture = live("--mode", "replace", "-w", tmp_path / "out.pcapng")
    lab.run_clients(4, 5000)
    tunnels = capture.stop()["tunnels"]
    assert len(tunnels) == 4
    packets = read(tmp_path / "out.pcapng")
    assert {(seen.interface, seen.name) for seen in packets} == {(0, INTERFACE.encode())}
    segments = [(seen.is_virtual, segment) for seen in packets if (segment := segment_of(seen))]
    remains, moved = ([len(stream.bytes) for stream in streams_of([segment for is_virtual, segment in segments
                                                                  if is_virtual == wanted]).values()]
                      for wanted in (False, True))
    assert sum(moved) == sum(tunnel[f"{who}_payload"]["bytes"] for tunnel in tunnels for who in ("client", "server"))
    assert max(remains) < 64 and min(remains) > 0
    lost = "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment"
    assert tshark("-r", tmp_path / "out.pcapng", "-Y", lost) == ""


def test_the_kernel_filters(lab, live):
    capture = live("-f", "tcp port 1")
    lab.run_clients(1, 10)
    report = capture.stop()
    assert report["inputs"][0]["live"]["packets_received"] == report["inputs"][0]["packets"] == 0
    capture = live("-f", f"tcp port {PROXY_PORT}")
    lab.run_clients(1, 10)
    assert len(capture.stop()["tunnels"]) == 1


def test_all_interfaces_at_once(lab, live):
    capture = live("-f", f"tcp port {PROXY_PORT}", interface="any")
    lab.run_clients(2, 1000)
    tunnels = capture.stop()["tunnels"]
    assert [tunnel["server_payload"]["bytes"] for tunnel in tunnels] == [1000, 1000]


def test_what_the_kernel_drops_is_told(lab, live, tmp_path):
    """No exit code of its own: what came is complete."""
    output = tmp_path / "out.pcapng"
    capture = live("-B", "1", "-p", "-w", output)
    capture.process.send_signal(signal.SIGSTOP)
    lab.run_clients(8, 1_000_000)
    capture.process.send_signal(signal.SIGCONT)
    counts = capture.stop()["inputs"][0]["live"]
    assert counts["packets_dropped"] > 0
    assert f"{counts['packets_dropped']} dropped by the kernel" in capture.words
    assert "packets are missing" in capture.words and "-B" in capture.words
    statistics = [block for block in wire.pcapng_blocks(output.read_bytes()) if block.kind == STATISTICS]
    received, dropped = received_and_dropped(statistics[0])
    assert 0 < dropped <= counts["packets_dropped"] < received <= counts["packets_received"]


# ---------------------------------------------------------------- how it ends

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_waits_in_the_kernel_is_taken(lab, live, number):
    capture = live()
    capture.process.send_signal(signal.SIGSTOP)
    lab.run_clients(3, 5000)
    capture.process.send_signal(number)
    capture.process.send_signal(signal.SIGCONT)
    report = capture.end()
    assert [tunnel["server_payload"]["bytes"] for tunnel in report["tunnels"]] == [5000] * 3
    assert not report["interrupted"] and "interrupted" not in capture.words


def test_traffic_does_not_keep_it_from_ending(lab, live):
    flood = lab.client.start("ping", "-q", "-i", "0.002", PROXY, stdout=subprocess.DEVNULL) if shutil.which(
        "ping") else None
    try:
        live("-c", "1000000").stop()
    finally:
        if flood:
            flood.kill()
            flood.wait()


def test_it_ends_after_so_many_packets(lab, live):
    capture = live("-c", "20")
    lab.run_clients(3, 5000)
    assert capture.end()["inputs"][0]["packets"] == 20


def test_it_ends_after_so_much_time(lab, live, tmp_path):
    output = tmp_path / "empty.pcapng"
    report = live("-a", "duration:0.3", "-f", "tcp port 1", "-w", output).end()
    assert report["inputs"][0]["packets"] == 0
    assert f"Name = {INTERFACE}" in run_program("capinfos", output).text


def test_an_interface_that_goes_away(lab, live, tmp_path):
    lab.client.run("ip", "link", "add", "short0", "type", "veth", "peer", "name", "short1")
    for end in ("short0", "short1"):
        lab.client.run("ip", "link", "set", end, "up")
    output = tmp_path / "out.pcapng"
    capture = live("-w", output, interface="short0")
    lab.client.run("ip", "link", "set", "short0", "down")
    lab.client.run("ip", "link", "set", "short0", "up")
    lab.client.run("ip", "link", "delete", "short0")
    report = capture.end(DAMAGED)
    assert "capturing ended" in report["inputs"][0]["damaged"] and "at byte" not in capture.words
    assert "short0: capturing ended" in capture.words
    assert run_program("capinfos", output).code == 0


def test_an_interface_that_is_down(lab, tool):
    lab.client.run("ip", "link", "add", "down0", "type", "veth", "peer", "name", "down1")
    done = run_program(*lab.client.words(), tool, "-i", "down0", "--list")
    lab.client.run("ip", "link", "delete", "down0")
    assert done.code == UNREADABLE and "the interface down0 is down" in done.stderr


def test_a_link_type_that_nobody_knows(lab, tool):
    """Told at once, not with the last packet. Netlink's own monitor has one, where the kernel has that monitor."""
    made = run_program(*lab.client.words(), "ip", "link", "add", "netlink0", "type", "nlmon")
    if made.code != 0:
        pytest.skip(f"no interface of another kind: {made.stderr.strip()}")
    lab.client.run("ip", "link", "set", "netlink0", "up")
    done = run_program(*lab.client.words(), tool, "-i", "netlink0", "-a", "duration:0.1", "--list")
    lab.client.run("ip", "link", "delete", "netlink0")
    assert done.stderr.splitlines()[1].startswith("pcap-unproxy: nobody here knows the link type of netlink0, ")


def test_nothing_comes_from_a_socket_of_netlink(lab, tool):
    done = run_program(*lab.client.words(), tool, "-i", "nflog", "-a", "duration:0.1", "--list")
    if "capturing on nflog" not in done.stderr:
        pytest.skip(f"no interface of another kind: {done.stderr.strip()}")
    assert done.code == DONE


def test_no_such_interface(lab, tool):
    done = run_program(*lab.client.words(), tool, "-i", "no\33such", "--list")
    assert done.code == UNREADABLE and "there is no interface no\\x1bsuch; -D lists" in done.stderr


def test_no_rights(tool):
    """As somebody who may read the program, but may not capture."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copy = shutil.copy(tool, folder)
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
        done = run_program(*nobody, copy, "-i", "lo", "--list", cwd=Path(folder))
    if done.code == DONE:
        pytest.skip("everybody may capture here")
    assert done.code == UNREADABLE
    for advice in ("no right to capture on lo", "as root", "setcap cap_net_raw", "dumpcap -i lo -w - | pcap-unproxy -"):
        assert advice in done.stderr


@pytest.mark.parametrize(("arguments", "complaint"), [
    (["in.pcap"], "cannot be given together"),
    (["--layers", "leaf"], "reads its input twice"),
    (["--engine", "tshark"], "capture first"),
    (["--keylog", __file__], "capture first"),
    (["-c", "0"], "-c"),
    (["-B", "4000"], "--buffer-size"),
    (["-a", "files:3"], "is not duration:SECONDS"),
    (["-a", "duration:-1"], "is not duration:SECONDS"),
    (["-a", "duration:1e300"], "is not duration:SECONDS"),
    (["-f", "no filter"], "--filter 'no filter'"),
    (["-b", "files:3"], "says how many"),
    (["-b", "filesize:1"], "give -w FILE"),
    (["-b", "filesize:1", "-w", "-"], "give -w FILE"),
    (["-b", "interval:1", "-w", "out"], "none of filesize:KB"),
    (["-b", "packets:1x", "-w", "out"], "none of filesize:KB"),
    (["-b", "filesize:99999999999999999999", "-w", "out"], "none of filesize:KB"),
])
def test_usage(lab, tool, arguments, complaint, tmp_path):
    done = run_program(*lab.client.words(), tool, "-i", "lo", "--report", "report", *arguments, cwd=tmp_path)
    assert done.code == USAGE and complaint in done.stderr


@pytest.mark.parametrize("arguments", [["-c", "3"], ["-a", "duration:3"], ["-B", "3"], ["-p"]])
def test_what_only_an_interface_has(run, captures, arguments):
    done = run(captures / "socks5.pcapng", "--list", *arguments)
    assert done.code == USAGE and "give -i IFACE" in done.stderr


def test_nothing_to_read_is_told(run):
    done = run("--list")
    assert done.code == USAGE and "INPUT is required" in done.stderr


def test_documents_have_every_option_of_the_help(run):
    options = set(re.findall(r"^  (?:(-\w)\b,?)?(--[\w-]+)?", run("--help").text, re.MULTILINE)) - {("", "")}
    assert {("-i", "--interface"), ("-c", ""), ("-b", "--ring-buffer")} <= options
    manual, contract = ((REPOSITORY / f"docs/{name}").read_text() for name in ("pcap-unproxy.1", "contract.md"))
    for short, long in options:
        assert not short or re.search(rf"^\.It Fl {short[1:]}\b", manual, re.MULTILINE) or long == "--help"
        assert not long or f"Fl -{long[2:]}" in manual
        assert f"`{short or long}" in contract or long == "--help"


def test_interfaces_are_those_of_tcpdump(lab, tool):
    listed = lab.client.run(tool, "-D")
    assert listed == lab.client.run("tcpdump", "-D") and f".{INTERFACE} [Up, Running" in listed
    number = re.search(rf"^(\d+)\.{INTERFACE} ", listed, re.MULTILINE)[1]
    done = run_program(*lab.client.words(), tool, "-i", number, "-a", "duration:0.1", "--report", "-")
    assert json.loads(done.stdout)["inputs"][0]["file"] == INTERFACE


# ---------------------------------------------------------------- Wireshark's list of interfaces

def test_what_wireshark_asks(lab, tool):
    interfaces = lab.client.run(tool, "--extcap-interfaces", "--extcap-version=4.0")
    assert re.match(r"extcap \{version=[\d.]+\}\{help=", interfaces)
    name = f"proxytunnel-{INTERFACE}"
    assert f"interface {{value={name}}}{{display=Proxy tunnels on {INTERFACE}}}\n" in interfaces
    assert lab.client.run(tool, "--extcap-interface", name, "--extcap-dlts").startswith("dlt {number=")
    options = re.findall(r"\{call=(--[\w-]+)\}", lab.client.run(tool, "--extcap-interface", name, "--extcap-config"))
    help_text = lab.client.run(tool, "--help")
    assert options and all(option in help_text for option in options)
    assert lab.client.run(tool, "--extcap-interface", name, "--extcap-capture-filter", "tcp") == ""
    assert "syntax error" in lab.client.run(tool, "--extcap-interface", name, "--extcap-capture-filter", "no filter")


@pytest.mark.parametrize("arguments", [["--extcap-dlts"], ["--extcap-interface", "lo", "--extcap-dlts"],
                                       ["--capture", "--extcap-interface", "proxytunnel-lo"],
                                       ["--capture", "--extcap-interface"]])
def test_what_wireshark_would_not_say(run, arguments):
    done = run(*arguments)
    assert done.code == USAGE and done.stderr.startswith("pcap-unproxy: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="tshark takes no folder for extcap from root, and only root may give "
                                              "another user the right to capture")
def test_tshark_captures_through_extcap(lab, tool):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "extcap").mkdir()
        shutil.copy(tool, folder / "extcap/pcap-unproxy")
        rights = "+net_raw,+net_admin"
        words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", rights,
                 "--ambient-caps", rights, "env", f"HOME={folder}", f"WIRESHARK_EXTCAP_DIR={folder}/extcap", "tshark"]
        extcap = f"proxytunnel-{INTERFACE}"
        assert f"{extcap} (Proxy tunnels on {INTERFACE})" in lab.client.run(*words, "-D")
        output = folder / "out.pcapng"
        capture = lab.client.start(*words, "-i", extcap, "-f", f"tcp port {PROXY_PORT}", "-a", "packets:6",
                                   "-a", f"duration:{PATIENCE}", "-w", output, stderr=subprocess.PIPE, text=True)
        try:
            # When it captures nobody tells. The first tunnels may be missed.
            while capture.poll() is None:
                lab.run_clients(1, 100)
        finally:
            capture.kill()
            words = capture.communicate(timeout=PATIENCE)[1]
        assert capture.returncode == 0 and "Error" not in words, words
        packets = tshark("-r", output, "-T", "fields", "-e", "ip.dst", "-e", "tcp.dstport", "-e", "frame.comment")
        assert f"{PROXY}\t{ORIGIN_PORT}\ttunnel 0: socks5 through proxy" in packets
        assert packets.count("\n") >= 6 and f"\t{PROXY_PORT}\t" not in packets
        # One that cannot capture says why, and does not keep Wireshark waiting.
        wrong = subprocess.run([*lab.client.words(), *words_without_rights(folder), "-i", extcap, "-a", "packets:6"],
                               capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert "no right to capture" in wrong.stderr


def words_without_rights(folder: Path) -> list[str]:
    return ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "env", f"HOME={folder}",
            f"WIRESHARK_EXTCAP_DIR={folder}/extcap", "tshark"]


def test_a_reader_that_goes_away(lab, tool, tmp_path):
    """Wireshark closes its FIFO to end a capture: nothing to complain about. Any other reader is missed."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    words = [tool, "--capture", "--extcap-interface", f"proxytunnel-{INTERFACE}", "--fifo", fifo]
    capture = lab.client.start(*words, stderr=subprocess.PIPE, text=True)
    with fifo.open("rb") as reader:
        assert reader.read(4) == b"\x0a\x0d\x0d\x0a"
    until(lambda: lab.run_clients(1, 100) or capture.poll() is not None, "end")
    assert capture.communicate(timeout=PATIENCE)[1] == ""

    pipe = Live(lab, tool, tmp_path, "-w", "-")
    pipe.process.stdout.close()
    pipe.process.stdout = None
    until(lambda: lab.run_clients(1, 100) or pipe.process.poll() is not None, "end")
    pipe.end(UNWRITABLE)
    assert "cannot write standard output" in pipe.words
