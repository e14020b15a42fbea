# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what is measured: the captures, and which command is compared with which one on them.
from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

SHAPES = [sys.executable, str(Path(__file__).resolve().parent / "shapes.py")]
LOSSY = ["--retransmit", "0.002", "--reorder", "0.002"]
NOISE = ["--flow-bytes", "50e3", "--concurrency", "200", "--dns", "0.2", *LOSSY]


def made(*options: str) -> list[str]:
    """By capgen."""
    return ["capgen", "--out", "OUT", *options]


def shaped(shape: str, *numbers: int) -> list[str]:
    return [*SHAPES, shape, "OUT", *map(str, numbers)]


# OUT is the capture; a capture of another one names it.
CAPTURES: dict[str, list[str]] = {
    "bulk.pcap": made("--bytes", "1e9", "--flow-bytes", "60e6", "--fixed", "--concurrency", "16", "--proxied", "1"),
    "many.pcap": made("--flows", "150000", "--bytes", "1e12", "--flow-bytes", "500", "--concurrency", "200",
                      "--proxied", "0.5"),
    "many2.pcap": made("--flows", "150000", "--bytes", "1e12", "--flow-bytes", "500", "--concurrency", "200",
                       "--proxied", "0.5", "--seed", "2"),
    "noise.pcap": made("--bytes", "1e9", "--proxied", "0.01", *NOISE),
    "noise20.pcap": made("--bytes", "20e6", "--proxied", "0.01", *NOISE),
    "mix.pcap": made("--bytes", "200e6", "--proxied", "0.5", *NOISE),
    "mix.pcapng": ["mergecap", "-F", "pcapng", "-w", "OUT", "mix.pcap"],
    "half1.pcap": made("--bytes", "100e6", "--proxied", "0.5", "--seed", "1", *NOISE),
    "half2.pcap": made("--bytes", "100e6", "--proxied", "0.5", "--seed", "2", *NOISE),
    "one-interface.pcapng": ["mergecap", "-I", "all", "-F", "pcapng", "-w", "OUT", "half1.pcap", "half2.pcap"],
    "two-interfaces.pcapng": ["mergecap", "-I", "none", "-F", "pcapng", "-w", "OUT", "half1.pcap", "half2.pcap"],
    "forward-1.pcap": shaped("forward", 100_000, 1),
    "forward-1000.pcap": shaped("forward", 100_000, 1000),
    "udp.pcap": shaped("udp", 1000, 200_000),
    "udp-one-port.pcap": shaped("udp-one-port", 1000, 200_000),
    "udp-bulk.pcap": shaped("udp-bulk", 10, 200_000),
    "bind.pcap": shaped("bind", 20_000),
    "deep.pcap": shaped("deep", 10_000, 5),
    "one-way.pcap": shaped("one-way", 20_000),
    "refused.pcap": shaped("refused", 50_000),
    "open-1k.pcap": shaped("open", 1000),
    "open-100k.pcap": shaped("open", 100_000),
    "idle-1k.pcap": shaped("idle", 1000),
    "idle-100k.pcap": shaped("idle", 100_000),
    "syns-5m.pcap": shaped("syns", 5_000_000),
}


class Row(NamedTuple):
    """`command` on a capture, and the peer that it is compared with. TOOL, FLOOR (floor.cpp), IN and OUT are filled in;
    a peer may name other captures. "> FILE" at the end is where its output goes."""
    capture: str
    what: str
    command: str
    peer_name: str
    peer: str
    goal: str = ""
    per_packet: bool = False  # the captures differ in size: of each, by the number of its packets


NULL, TCPDUMP_NULL = "TOOL -q IN -w /dev/null", "tcpdump -r IN -w /dev/null"
FILE, TCPDUMP_FILE = "TOOL -q IN -w OUT", "tcpdump -r IN -w OUT"


def null(capture: str, goal: str = "") -> Row:
    return Row(capture, "to /dev/null", NULL, "tcpdump", TCPDUMP_NULL, goal)


def file(capture: str, goal: str) -> Row:
    return Row(capture, "to a file", FILE, "tcpdump", TCPDUMP_FILE, goal)


def over_plain(capture: str, what: str, options: str, goal: str = "") -> Row:
    return Row(capture, what, f"{FILE} {options}", "plain export", FILE, goal)


ROWS = [
    *(Row(capture, "the floor, to /dev/null", "FLOOR IN /dev/null", "tcpdump", TCPDUMP_NULL)
      for capture in ("bulk.pcap", "many.pcap", "noise.pcap", "mix.pcap")),
    null("bulk.pcap", "0.75"), null("many.pcap", "1.0"), null("noise.pcap", "0.60"), null("mix.pcap", "0.9"),
    file("bulk.pcap", "0.50"), file("many.pcap", "0.60"), file("noise.pcap", "0.15"), file("mix.pcap", "0.50"),
    Row("bulk.pcap", "to a file", FILE, "cat", "cat IN > OUT", "1.3"),
    Row("bulk.pcap", "to /dev/null", NULL, "cat", "cat IN > /dev/null", "1.8"),
    Row("noise.pcap", "to /dev/null", NULL, "cat", "cat IN > /dev/null", "1.6"),
    Row("mix.pcap", "to /dev/null", NULL, "tshark -z conv,tcp", "tshark -n -q -r IN -z conv,tcp > /dev/null", "0.033"),
    Row("two-interfaces.pcapng", "to /dev/null", NULL, "one interface", "TOOL -q one-interface.pcapng -w /dev/null",
        "1.15"),
    Row("mix.pcapng", "to /dev/null", NULL, "as pcap", "TOOL -q mix.pcap -w /dev/null", "1.10"),
    null("forward-1.pcap", "4"), null("forward-1000.pcap", "6"), null("udp.pcap", "3"), null("udp-one-port.pcap", "4"),
    null("udp-bulk.pcap"), null("bind.pcap"), null("deep.pcap"), null("one-way.pcap"), null("refused.pcap"),
    *(over_plain(capture, "report", "--report OUT.json", "1.1") for capture in ("mix.pcap", "many.pcap", "bulk.pcap")),
    *(over_plain(capture, "hashes, report", "--hash --report OUT.json")
      for capture in ("mix.pcap", "many.pcap", "bulk.pcap")),
    over_plain("mix.pcap", "Zeek's logs", "--log zeek --log-dir OUT.logs"),
    over_plain("many.pcap", "Zeek's logs", "--log zeek --log-dir OUT.logs"),
    over_plain("mix.pcap", "legs", "--correlate"),
    over_plain("mix.pcap", "replace", "--mode replace"),
    Row("many.pcap", "two files, -j 2", "TOOL -q -j 2 many.pcap many2.pcap --output-dir OUT.dir", "-j 1",
        "TOOL -q -j 1 many.pcap many2.pcap --output-dir OUT.dir", "0.56"),
    Row("noise.pcap", "1 GB, per packet", NULL, "20 MB", "TOOL -q noise20.pcap -w /dev/null", "1.15", True),
    Row("idle-100k.pcap", "100,000 open, per packet", NULL, "1,000 open", "TOOL -q idle-1k.pcap -w /dev/null", "2",
        True),
    Row("open-100k.pcap", "100,000 handshakes, per packet", NULL, "1,000", "TOOL -q open-1k.pcap -w /dev/null", "2",
        True),
    null("syns-5m.pcap"),
]
