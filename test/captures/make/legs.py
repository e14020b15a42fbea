# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what the captures of both legs share: the lab with a resolver, many clients at once, whose leg is whose.
"""One capture is taken in the proxy's namespace on both interfaces. Which connection of the proxy belongs to which
client comes from the proxy's log, from the origin's log or from strace; the capture itself only confirms it."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from lab import (CLIENT, HOST, ORIGIN, ORIGIN_6, ORIGIN_ADDRESS, OTHER_HOST, OTHER_ORIGIN, PROXY, Lab,
                 Stream, certificate, endpoint, fields, own_proxy_free_environment, payload, run, sh, tshark, version)

RESOLVER = "10.77.2.53"
SECOND_CLIENT = "10.77.1.3"
SIX_HOST, REFUSED_PORT, NOWHERE = "six.origin.test", 81, "nowhere.origin.test"
KNOWN = {HOST: ORIGIN_ADDRESS, OTHER_HOST: OTHER_ORIGIN, SIX_HOST: ORIGIN_6}     # what the resolver says
CLOCK = 37                                       # seconds by which the recorder of the WAN side is wrong
PACKAGES = {1080: "dante-server", 1081: "microsocks", 3128: "squid", 8118: "privoxy", 8888: "tinyproxy-bin"}
Entry = dict[str, Any]


class LegsLab(Lab):
    """Lab, with a resolver on the WAN side, a second client's address, and an origin on 80, 8080 and 443 (TLS)."""

    def __init__(self, records: Iterable[str] = ()) -> None:
        super().__init__({})
        self.records = list(records)             # more words for dnsmasq

    def __enter__(self) -> LegsLab:
        super().__enter__()
        try:
            sh(f"ip -n {ORIGIN} address add {RESOLVER}/24 dev leg2\n"
               f"ip -n {CLIENT} address add {SECOND_CLIENT}/24 dev leg1")
            (Path("/etc/netns") / PROXY / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
            certificate(self.work, HOST, OTHER_HOST, SIX_HOST)
            self.start(ORIGIN, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--no-resolv",
                       "--bind-interfaces", f"--listen-address={RESOLVER}", "--local=/test/", "--log-facility=-",
                       "--log-queries", "--user=root", f"--pid-file={self.work}/dnsmasq.pid",
                       *(f"--host-record={name},{address}" for name, address in KNOWN.items()), *self.records,
                       listens=f"{RESOLVER}:53")
        except BaseException:
            self.__exit__()
            raise
        return self

    def start_origin(self, *more: str) -> None:
        secret = f"{self.work}/certificate.pem,{self.work}/key.pem"
        places = [f"{address},{port}" for address in (ORIGIN_ADDRESS, OTHER_ORIGIN, ORIGIN_6) for port in (80, 8080)]
        places += [f"{address},443,{secret}" for address in (ORIGIN_ADDRESS, OTHER_ORIGIN, ORIGIN_6)]
        places += more
        last = places[-1].split(",")
        self.start(ORIGIN, sys.executable, Path(__file__).with_name("legs_origin.py"), self.work / "origin.log",
                   *places, listens=endpoint(*last[:2]))

    def start_traced(self, *command: str | Path, listens: str, calls: str = "network,read,write,close") -> None:
        """Under strace, which writes trace.PROGRAM.TID for each thread."""
        self.start(PROXY, "strace", "-ff", "-ttt", "-yy", "-s", "400", "-e", f"trace={calls}", "-o",
                   self.work / f"trace.{command[0]}", *command, listens=listens)

    def capture_both(self, name: str) -> Path:
        file = self.work / f"{name}.raw.pcapng"
        self.start(PROXY, "dumpcap", "-q", "-i", "leg1", "-f", "tcp", "-i", "leg2", "-f", "tcp or udp port 53",
                   "-w", file)
        for _ in range(50):
            if file.exists() and file.stat().st_size:
                break
            subprocess.run(["sleep", "0.1"], check=True)
        subprocess.run(["sleep", "0.7"], check=True)
        return file

    def origin_log(self) -> list[Entry]:
        return [json.loads(line) for line in (self.work / "origin.log").read_text().splitlines()]


class Visit(NamedTuple):
    """One client: a program's words, and what it asks for."""
    words: tuple[str, ...]
    urls: tuple[str, ...]
    second: bool = False                         # from the other address of the client's host


class Told(NamedTuple):
    client: str
    status: int
    url: str
    error: int


def visit(words: Iterable[str], *urls: str, second: bool = False) -> Visit:
    return Visit(tuple(words), urls, second)


def together(lab: LegsLab, visits: list[Visit], environment: dict[str, str] | None = None) -> list[list[Told]]:
    """All of them at once, each a curl of its own. Gives back what each client was told, request by request."""
    lines = []
    for number, each in enumerate(visits):
        words = ["curl", "-skg", "--http1.1", "--max-time", "15"]
        words += ["--interface", SECOND_CLIENT] if each.second else []
        words += ["-w", "%{local_ip} %{local_port} %{http_code} %{exitcode} %{url_effective}\\n", *each.words]
        words += [word for url in each.urls for word in ("-o", "/dev/null", url)]
        lines.append(f"{shlex.join(words)} > visit.{number} 2>&1 < /dev/null &")
    run(CLIENT, "sh", "-c", "\n".join([*lines, "wait"]), cwd=lab.work, timeout=60,
        env=own_proxy_free_environment(**(environment or {})))
    told = []
    for number, each in enumerate(visits):
        rows = [line.split() for line in (lab.work / f"visit.{number}").read_text().splitlines()]
        assert len(rows) == len(each.urls), (each, rows)
        told.append([Told(endpoint(row[0], row[1]), int(row[2]), row[4], int(row[3])) for row in rows])
    return told


# ---------------------------------------------------------------- captures

def whole_streams(capture: Path) -> list[Stream]:
    """As lab.streams, of all connections in one run of tshark, and those that nobody accepted, too."""
    opened = fields(capture, "tcp.flags.syn==1 && tcp.flags.ack==0", "tcp.stream", "ip.src", "ipv6.src", "tcp.srcport",
                    "ip.dst", "ipv6.dst", "tcp.dstport", "frame.time_epoch")
    first: dict[int, list[str]] = {}
    for row in opened:
        first.setdefault(int(row[0]), row[1:])
    words = [word for number in first for word in ("-z", f"follow,tcp,raw,{number}")]
    parts = re.split(r"Filter: tcp\.stream eq (\d+)\n", tshark(capture, "-q", *words)) if first else []
    found = []
    for number, text in zip(map(int, parts[1::2]), parts[2::2]):
        source4, source6, port, destination4, destination6, server_port, when = first[number]
        client, server = endpoint(source4 or source6, port), endpoint(destination4 or destination6, server_port)
        node = re.search(r"Node 0: (.*)\nNode 1: (.*)\n", text)
        lines = text[node.end():].splitlines() if node else []
        lines = [line for line in lines if not line.startswith(("=", "Follow"))]
        said = [bytes.fromhex("".join(line.strip() for line in lines if line.startswith("\t") == tabbed))
                for tabbed in (False, True)]
        if node and plain(node[1]) != plain(client):
            said.reverse()
        found.append(Stream(client, server, *said, float(when), number))
    assert sorted(stream.number for stream in found) == sorted(first)
    return sorted(found, key=lambda stream: stream.start)


def plain(place: str) -> str:
    return place.replace("[", "").replace("]", "")


def dns_answers(capture: Path) -> list[Entry]:
    rows = fields(capture, "dns.flags.response==1", "frame.time_epoch", "dns.qry.name", "dns.a", "dns.aaaa")
    return [{"t": round(float(when), 6), "name": name, "a": a, "aaaa": aaaa} for when, name, a, aaaa in rows]


def side(lab: LegsLab, capture: Path, name: str, keep: str, *words: str) -> Path:
    """The packets that a display filter keeps, as a file of one interface; words for editcap."""
    part, result = lab.work / f"{name}.part.pcap", lab.work / f"{name}.pcapng"
    subprocess.run(["tshark", "-r", capture, "-Y", keep, "-F", "nsecpcap", "-w", part], check=True, capture_output=True)
    subprocess.run(["editcap", "-F", "pcapng", *words, part, result], check=True, capture_output=True)
    return result


def publish(directory: Path, capture: Path, truth: Entry) -> None:
    target = directory / f"{truth['file']}"
    target.write_bytes(gzip.compress(capture.read_bytes(), 9, mtime=0))
    path = directory / f"{truth['file'].split('.')[0]}.truth.json"
    path.write_text(json.dumps(truth, indent=1) + "\n")
    entries = [each for each in truth["tunnels"] for each in each.get("requests", [each])]
    print(f"{truth['file']}: {target.stat().st_size} bytes, {len(truth['tunnels'])} tunnels, {len(entries)} requests, "
          f"{sum(bool(each.get('wan_leg')) for each in entries)} with a leg, "
          f"{sum(bool(each.get('wan_shared')) for each in entries)} shared, "
          f"{sum(bool(each.get('wan_ambiguous')) for each in entries)} ambiguous")


def finish_legs(lab: LegsLab, directory: Path, capture: Path, truth: Entry, two_files: bool = False,
                wan_dns: bool = True) -> None:
    """One file with both legs and, if wanted, one file for each side, the WAN one by another clock."""
    name = truth["name"]
    truth = {"file": f"{name}.pcapng.gz", **{key: text for key, text in truth.items() if key != "name"}}
    publish(directory, capture, truth | {"wan_dns_answers": dns_answers(capture)})
    if not two_files:
        return
    lan, wan = f"{name}_lan", f"{name}_wan"
    clock = f"the clock of the other one is {CLOCK} s ahead"
    publish(directory, side(lab, capture, lan, "frame.interface_id==0"), truth | {
        "file": f"{lan}.pcapng.gz", "description": f"the clients' side of {name}, as a file of its own; "
        f"{wan}.pcapng.gz is the other side, and {clock}", "wan_file": f"{wan}.pcapng.gz",
        "wan_clock_ahead_seconds": CLOCK})
    keep = "frame.interface_id==1" + ("" if wan_dns else " && !dns")
    publish(directory, side(lab, capture, wan, keep, "-t", str(CLOCK)), {
        "file": f"{wan}.pcapng.gz", "description": f"the origins' side of {name}, time stamps moved by {CLOCK} s"
        + ("" if wan_dns else ", without the proxy's DNS") + ": no tunnel by itself; which connection belongs to which "
        f"tunnel says {lan}.truth.json", "truth_source": truth["truth_source"], "lan_file": f"{lan}.pcapng.gz",
        "clock_ahead_seconds": CLOCK, "tunnels": []})


# ---------------------------------------------------------------- whose leg

SOCKET = re.compile(r"<TCP(?:v6)?:\[(.+?)->(.+?)\]>")
SAYING = ("read", "recv", "recvfrom", "recvmsg", "readv", "write", "send", "sendto", "sendmsg", "writev")


def traced(lab: LegsLab, program: str, listens: str) -> list[tuple[float, str, str, str, str]]:
    """What strace saw of connections, in order: time, thread, call's line, own end, other end."""
    found = []
    for file in lab.work.glob(f"trace.{program}.*"):
        for line in file.read_text(errors="replace").splitlines():
            socket = SOCKET.search(line)
            if socket:
                found.append((float(line.split()[0]), file.suffix, line, *socket.groups()))
    return sorted(found)


def legs_by_thread(lab: LegsLab, program: str, listens: str) -> dict[str, list[str]]:
    """For a proxy with one thread per client: from the client's end to the proxy's connections of that thread. A number
    of a thread is used once only."""
    client: dict[str, str] = {}
    legs: dict[str, list[str]] = defaultdict(list)
    for _, thread, line, own, other in traced(lab, program, listens):
        call = line.split()[1].split("(")[0]
        if own == listens:
            if call in SAYING:
                assert client.setdefault(thread, other) == other, (thread, client[thread], line)
        elif thread in client and f"{own}->{other}" not in legs[client[thread]]:
            legs[client[thread]].append(f"{own}->{other}")
    return {each: legs.get(each, []) for each in client.values()}


def requests_by_thread(lab: LegsLab, program: str, listens: str) -> dict[str, list[tuple[str, str]]]:
    """Likewise, for each request in absolute form that a thread passed on: the connection and the path."""
    client: dict[str, str] = {}
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for _, thread, line, own, other in traced(lab, program, listens):
        call = line.split()[1].split("(")[0]
        if own == listens:
            if call in SAYING:
                assert client.setdefault(thread, other) == other, (thread, client[thread], line)
        elif thread in client:
            asked = re.search(r'>, (?:\[\{iov_base=)?"(?:GET|HEAD|POST) (/\S*) HTTP/1', line)
            if asked and call in SAYING:
                found[client[thread]].append((f"{own}->{other}", asked[1]))
    return {each: found.get(each, []) for each in client.values()}


def confirm(near: Stream, far: Stream) -> None:
    """A tunnel: both legs carry the same bytes, the near one behind a handshake."""
    assert near.sent.endswith(far.sent) and near.answered.endswith(far.answered), (near.client, far.client)
    assert far.sent and far.answered, far.client


def mark_ambiguous(tunnels: list[Entry], spans: dict[str, tuple[float, float]]) -> None:
    """Tunnels to one target with the same bytes both ways, on connections that overlap in time."""
    groups = defaultdict(list)
    for each in tunnels:
        if each.get("wan_leg") and "client_payload_sha256" in each:
            groups[each["target_host"], each["target_port"], each["client_payload_sha256"],
                   each["server_payload_sha256"]].append(each)
    for group in groups.values():
        for each in group:
            start, stop = spans[each["wan_leg"]]
            each["wan_ambiguous"] = any(spans[other["wan_leg"]][0] < stop and start < spans[other["wan_leg"]][1]
                                        for other in group if other is not each)
            if not each["wan_ambiguous"]:
                del each["wan_ambiguous"]


def spans_of(capture: Path, opened: list[Stream]) -> dict[str, tuple[float, float]]:
    times = defaultdict(list)
    for number, when in fields(capture, "tcp", "tcp.stream", "frame.time_epoch"):
        times[int(number)].append(float(when))
    return {leg_of(stream): (min(times[stream.number]), max(times[stream.number])) for stream in opened}


def leg_of(stream: Stream) -> str:
    return f"{stream.client}->{stream.server}"


def tunnel_entry(protocol: str, near: Stream, host: str, port: int, far: Stream | None, app: str, why: str = "") \
        -> Entry:
    """A SOCKS or CONNECT session. Without far it was refused, and why says how."""
    entry: Entry = {"proxy_protocol": protocol, "client": near.client, "proxy": near.server, "target_host": host,
                    "target_port": port, "username": None, "reply": "granted" if far else "refused", "app": app}
    if far:
        address, origin_port = far.server.rsplit(":", 1)
        entry |= {"origin_ip": address.strip("[]"), "origin_port": int(origin_port),
                  **payload(far.sent, far.answered), "wan_leg": leg_of(far)}
    else:
        entry |= {"wan_leg": None, "wan_why": why}
    package = PACKAGES[int(near.server.rsplit(":", 1)[1])]
    return entry | {"client_sw": version("curl"), "proxy_sw": version(package)}
