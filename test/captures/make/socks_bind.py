#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes socks_bind.pcapng and its truth: FTP in active mode through dante, data by SOCKS5 and SOCKS4 BIND.
"""socks_bind.py [DIRECTORY]        as root; needs dante-server dante-client tnftp python3-pyftpdlib tshark tcpdump"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from lab import (CLIENT, ORIGIN, ORIGIN_ADDRESS, PROXY_ADDRESS, PROXY_WAN, Lab, finish, main, payload, run, streams,
                 version)
from socks import danted, socksify

NAME = "socks_bind"
OPEN, NO_BIND = f"{PROXY_ADDRESS}:1080", f"{PROXY_ADDRESS}:1081"
BRIEF = b"user anonymous guest@test\nls\nquit\n"
TALK = b"user anonymous guest@test\nls\nbinary\nget list.txt got.txt\nput got.txt put.txt\nquit\n"
# protocol, proxy, what the user types
SESSIONS = [("socks_v5", OPEN, TALK), ("socks_v4", OPEN, TALK), ("socks_v5", NO_BIND, BRIEF),
            ("socks_v4", NO_BIND, BRIEF)]


def truth(lab: Lab, capture: Path, wan: Path) -> list[dict[str, object]]:
    """Which far connection belongs to which near one is dante's word: its log has both ports of both."""
    log = "".join(file.read_text() for file in lab.work.glob("danted.*.log"))
    far = {(stream.client, stream.server): stream for stream in streams(wan)}
    entries = []
    for near in streams(capture):
        client, proxy = (place.replace(":", ".") for place in (near.client, near.server))
        kind = "socks4" if near.sent[:1] == b"\4" else "socks5"
        bind = near.sent[1 if kind == "socks4" else 4] == 2
        entry: dict[str, object] = {
            "proxy_protocol": kind + ("-bind" if bind else ""), "client": near.client, "proxy": near.server,
            "target_host": ORIGIN_ADDRESS, "target_port": 21, "origin_ip": ORIGIN_ADDRESS, "username": None,
            "reply": "granted", "app": "raw" if bind else "ftp", "client_sw": f"tnftp under {version('dante-client')}",
            "proxy_sw": version("dante-server")}
        logged = re.search(rf"tcp/bindreply \[: (\S+) (\S+) -> {proxy} {client}\n" if bind else
                           rf"tcp/connect \[: {client} {proxy} -> (\S+) (\S+)", log)
        if not logged:
            assert near.server == NO_BIND and bind
            entries.append(entry | {"reply": "refused", "origin_ip": None, **payload(b"", b""),
                                    "client_leg_c2s_bytes": len(near.sent), "client_leg_s2c_bytes": len(near.answered)})
            continue
        ends = [re.sub(r"\.(\d+)$", r":\1", place) for place in logged.groups()]
        other = far.pop((ends[0], ends[1]))
        said = (other.answered, other.sent) if bind else (other.sent, other.answered)
        assert near.sent.endswith(said[0]) and near.answered.endswith(said[1])
        if bind:
            address, port = other.client.split(":")
            entry |= {"target_host": address, "target_port": int(port), "origin_ip": address, "bound": other.server,
                      "peer": other.client}
        entries.append(entry | {
            "wan_flow": f"{other.client}->{other.server}", **payload(*said),
            "handshake_c2s_bytes": len(near.sent) - len(said[0]),
            "handshake_s2c_bytes": len(near.answered) - len(said[1]),
            "handshake_c2s": near.sent[:len(near.sent) - len(said[0])].hex(),
            "handshake_s2c": near.answered[:len(near.answered) - len(said[1])].hex()})
    assert not far
    return entries


def make(directory: Path) -> None:
    with Lab() as lab:
        (lab.work / "served").mkdir()
        lab.file("served/list.txt", "A line of the file.\n" * 10)
        lab.start(ORIGIN, sys.executable, "-m", "pyftpdlib", "-i", ORIGIN_ADDRESS, "-p", "21", "-w", "-d",
                  lab.work / "served", listens=f"{ORIGIN_ADDRESS}:21")
        danted(lab)
        danted(lab, 1081, commands="connect")
        capture = lab.capture(CLIENT, "leg1", name=f"{NAME}.pcapng")
        wan = lab.capture(ORIGIN, "leg2", name="wan.pcap")
        for protocol, proxy, typed in SESSIONS:
            run(CLIENT, "socksify", "tnftp", "-A", "-n", ORIGIN_ADDRESS, code=None, input=typed, cwd=lab.work,
                env=os.environ | socksify(lab, proxy, protocol))
        lab.end_all()
        finish(directory, capture, {
            "file": f"{NAME}.pcapng", "description": "FTP in active mode under socksify: control by CONNECT, a list, a "
            "file each way by BIND; SOCKS5 and SOCKS4; a proxy that refuses BIND",
            "truth_source": f"the leg between proxy ({PROXY_WAN}) and origin, and dante's log, which says what belongs "
            "together. target_* of a BIND is the peer that connected; client payload is what the proxy said to it",
            "tunnels": truth(lab, capture, wan)})


if __name__ == "__main__":
    main(make)
