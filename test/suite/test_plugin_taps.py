# SPDX-License-Identifier: GPL-2.0-or-later
# summary: the plugin's -z options: statistics, list, report, export; their files, and their exit codes.
from __future__ import annotations

import csv
import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from conftest import INSIDE, REPOSITORY
from test_list import on_a_terminal
from test_plugin_wire import (HTTP_REQUEST, HTTP_RESPONSE, SOCKS5_HELLO, SOCKS5_METHOD, WRAPPER, Connection, Tshark,
                              cannot_run, connect, connect_request, folder, http_through_socks5, socks5_request, tshark)

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

CAPTURES = REPOSITORY / "test/captures"


def test_statistics_of_refusals(tshark: Tshark):
    text = tshark.text("-r", CAPTURES / "connect_407.pcapng", "-q", "-z", "proxytunnel,tree")
    assert "auth-failed" in text and "refused" in text


def test_report(tshark: Tshark, folder: Path):
    capture = http_through_socks5(folder / "c.pcap")
    for way in ((), ("-2",)):
        tshark.text("-r", capture, "-q", *way, "-z", f"proxytunnel,report,{folder}/report.json")
        report = json.loads((folder / "report.json").read_text())
        tunnel, = report["tunnels"]
        assert report["schema"] == "proxytunnel-report/1" and tunnel["status"] == "established"
        assert tunnel["client_payload"]["bytes"] == len(HTTP_REQUEST)
        assert tunnel["server_payload"]["bytes"] == len(HTTP_RESPONSE)


@pytest.mark.parametrize("what", ["export", "report", "decrypted"])
def test_no_output_takes_the_place_of_the_capture(tshark: Tshark, folder: Path, what: str):
    capture = http_through_socks5(folder / "c.pcap")
    (folder / "link.pcap").symlink_to(capture)
    before = capture.read_bytes()
    for path in (capture, folder / "link.pcap"):
        done = tshark.run("-q", "-r", capture, "-z", f"proxytunnel,{what},{path}")
        assert "is open already" in done.stderr and capture.read_bytes() == before
    done = tshark.run("-q", "-r", capture, "-z", f"proxytunnel,{what},")
    assert f"-z proxytunnel,{what},FILE" in done.stderr


def test_export(tshark: Tshark, folder: Path):
    """The exported file, read without the plugin, is the virtual conversation."""
    capture, exported = http_through_socks5(folder / "c.pcap"), folder / "virtual.pcapng"
    tshark.text("-r", capture, "-q", "-z", f"proxytunnel,export,{exported}")
    read = lambda *arguments: tshark.run("-r", exported, *arguments, plugin="none").stdout  # noqa: E731
    frames = read("-n", "-T", "fields", "-e", "tcp.flags.syn", "-e", "tcp.seq_raw", "-e", "tcp.payload").splitlines()
    ours = tshark.fields(capture, "tcp.flags.syn", "tcp.seq_raw", "tcp.payload", options=("-Y", "proxytunnel.virtual"))
    virtual = [cell for row in ours for cell in zip(row[0][1:], row[1][1:])]
    assert [tuple(line.split("\t")[:2]) for line in frames] == virtual
    comments = read("-T", "fields", "-e", "frame.comment").splitlines()
    assert "SOCKS5 Connect www.example.com:80" in comments[0] and all("synthetic" in text for text in comments[:3])
    assert not any(comments[3:])
    assert read("-n", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y",
                "tcp.checksum.status == 0 || ip.checksum.status == 0") == ""
    assert "www.example.com" in read("-N", "n", "-q", "-z", "hosts")


def test_export_that_cannot_be_written(tshark: Tshark, folder: Path):
    done = tshark.run("-r", http_through_socks5(folder / "c.pcap"), "-q", "-z", "proxytunnel,export,/nowhere/x.pcapng")
    assert "/nowhere/x.pcapng" in done.stderr and done.returncode != 0


@pytest.mark.parametrize("what", ["export", "report", "decrypted"])
def test_an_output_that_fails_changes_the_exit_code(tshark: Tshark, folder: Path, what: str):
    """And costs nobody else's output."""
    capture = http_through_socks5(folder / "c.pcap")
    other = "report" if what == "export" else "export"
    done = tshark.run("-r", capture, "-z", f"proxytunnel,{what},/dev/full", "-z", f"proxytunnel,{other},{folder}/other")
    assert done.returncode == 2 and "/dev/full cannot be written" in done.stderr
    assert "GET /x" in done.stdout and (folder / "other").stat().st_size > 500


@pytest.mark.parametrize("option", ["list,http", "list,csv,", "listing", "report,", "exported,x", "decrypted"])
def test_a_wrong_argument_is_an_error(tshark: Tshark, folder: Path, option: str):
    done = tshark.run("-r", http_through_socks5(folder / "c.pcap"), "-q", "-z", f"proxytunnel,{option}")
    assert done.returncode != 0 and f"-z proxytunnel,{option.split(',')[0][:4]}" in done.stderr and not done.stdout


@pytest.mark.parametrize("name", ["connect_407.pcapng", "socks5.pcapng", "nested.pcapng"])
def test_a_list_is_that_of_the_tool(tshark: Tshark, run, name: str):
    """But for what is inside."""
    tables, lists = ([tshark.text("-r", CAPTURES / name, "-q", "-z", f"proxytunnel,list{form}"),
                       run("-q", f"--list{option}", CAPTURES / name).text]
                      for form, option in (("", ""), (",csv", "=csv")))
    assert tables[0] == tables[1]
    rows = [list(csv.DictReader(text.splitlines())) for text in lists]
    assert list(rows[0][0]) == list(rows[1][0]) and len(rows[0]) == len(tables[0].splitlines()) - 1
    for row in (*rows[0], *rows[1]):
        for fact in INSIDE:
            row.pop(fact)
    assert rows[0] == rows[1]


def test_a_list_fits_a_terminal(tshark: Tshark):
    command = [WRAPPER, tshark.plugin, "-n", "-r", CAPTURES / "connect_407.pcapng", "-q", "-z", "proxytunnel,list"]
    lines = on_a_terminal(100, *command, **tshark.environment)
    assert max(map(len, lines)) <= 100 and len(lines) == 10 and "www.origin.test:443" in lines[2]


def test_standard_output(tshark: Tshark, folder: Path):
    """A dash is standard output, for each of them."""
    capture = http_through_socks5(folder / "c.pcap")
    assert json.loads(tshark.text("-r", capture, "-q", "-z", "proxytunnel,report,-"))["tunnels"]
    tshark.text("-r", capture, "-q", "-z", f"proxytunnel,export,{folder}/virtual.pcapng")
    command = [WRAPPER, tshark.plugin, "-n", "-r", capture, "-q", "-z", "proxytunnel,export,-"]
    done = subprocess.run(command, capture_output=True, check=True, env=tshark.environment)
    assert done.stdout == (folder / "virtual.pcapng").read_bytes() and not Path("-").exists()


def test_unknown_figures_are_null(tshark: Tshark, folder: Path):
    report = json.loads(tshark.text("-r", http_through_socks5(folder / "c.pcap"), "-q", "-z", "proxytunnel,report"))
    source, counters = report["inputs"][0], report["counters"]
    assert all(source[name] is None for name in ("file", "sha256", "packets", "bytes"))
    assert all(counters[name] is None for name in ("packets_read", "packets_written", "packets_passed_over"))
    assert counters["tunnels"] == 1


def statistics(tshark: Tshark, capture: Path) -> Counter[str]:
    """Counts of -z proxytunnel,tree by item, summed over the protocols."""
    counts: Counter[str] = Counter()
    for line in tshark.text("-r", capture, "-q", "-z", "proxytunnel,tree").splitlines():
        row = re.match(r" *(\S.*?) {2,}(\d+) ", line)
        if row:
            counts[row[1]] += int(row[2])
    return counts


def table(tshark: Tshark, capture: Path, *following: str) -> list[list[str]]:
    """The rows of -z proxytunnel,table: protocol, command, client, proxy, target, origin, status, packets, bytes."""
    text = tshark.text("-r", capture, "-q", "-z", ",".join(["proxytunnel,table", *following]))
    lines = [line for line in text.splitlines() if line.endswith("|")]
    assert lines[0] == "Protocol |Command |Client |Proxy |Target |Origin |Status |Packets |Bytes |"
    return [[cell.strip() for cell in line.split("|")[:-1]] for line in lines[1:]]


def unfinished(path: Path) -> Path:
    """One attempt has an answer, one none, and one is over without."""
    asked = Connection().open().say(SOCKS5_HELLO).hear(SOCKS5_METHOD).say(socks5_request("192.0.2.9", 80))
    over = Connection(client=("10.0.0.5", 2), frames=asked.frames).open().say(connect_request("www.example.com:443"))
    over.close()
    return connect(Connection(client=("10.0.0.5", 3), frames=over.frames), "192.0.2.9:80").write(path)


@pytest.mark.parametrize("name", ["socks5_udp.pcapng", "connect_407.pcapng", "nested.pcapng", "gssapi.pcapng",
                                  "http_forward.pcapng", "proxy_protocol.pcapng", "made"])
def test_statistics_count_what_the_list_counts(tshark: Tshark, folder: Path, name: str):
    capture = unfinished(folder / "c.pcap") if name == "made" else CAPTURES / name
    attempts = json.loads(tshark.text("-r", capture, "-q", "-z", "proxytunnel,report"))["tunnels"]
    counts = statistics(tshark, capture)
    assert counts["Attempts to open a tunnel"] == len(attempts) > 0
    for status, count in Counter(attempt["status"] for attempt in attempts).items():
        assert counts[status] == count, status
    flows = sum(len(attempt.get("flows") or []) for attempt in attempts)
    assert counts["Targets of relayed datagrams"] == flows
    rows = table(tshark, capture)
    assert len(rows) == len(attempts) + flows
    described = Counter((attempt["client"]["port"], attempt["status"]) for attempt in attempts)
    described.subtract((int(row[2].rpartition(":")[2]), row[6]) for row in rows)
    assert -sum(described.values()) == flows and max(described.values()) == 0


def test_the_table_is_what_is_exported(tshark: Tshark, folder: Path):
    """Its counts; those of a filter; and Wireshark's own export of PDUs, which has the same packets."""
    capture = CAPTURES / "nested.pcapng"
    tshark.text("-r", capture, "-q", "-z", f"proxytunnel,export,{folder}/export.pcapng")
    tshark.run("-r", capture, "-U", "Virtual conversations (proxytunnel)", "-w", folder / "packets.pcapng")
    tshark.run("-r", capture, "-U", "Virtual conversations (proxytunnel, as PDUs)", "-w", folder / "pdus.pcapng")
    names = ("frame.time_epoch", "ip.id", "ip.src", "ip.dst", "tcp.seq_raw", "tcp.flags", "tcp.payload", "frame.len")
    fields = ("-T", "fields", *(word for name in names for word in ("-e", name)))
    packets, stripped, pdus = (tshark.run("-n", "-r", folder / name, *fields, plugin="none").stdout.splitlines()
                               for name in ("export.pcapng", "packets.pcapng", "pdus.pcapng"))
    assert packets == stripped and len(packets) > 30
    # A PDU has a header of its own in front.
    assert [line.rpartition("\t")[0] for line in packets] == [line.rpartition("\t")[0] for line in pdus]
    rows = table(tshark, capture)
    assert sum(int(row[7]) for row in rows) == len(packets)
    assert sum(int(row[8]) for row in rows) == sum(int(line.split("\t")[-1]) for line in packets)
    port = rows[0][2].rpartition(":")[2]
    some = table(tshark, capture, f"tcp.port == {port}")
    assert 0 < len(some) < len(rows) and all(row in rows for row in some)
