#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes socks5_udp.pcapng and its truth: UDP ASSOCIATE of v2ray and dante's client, through v2ray and dante.
"""socks5_udp.py [DIRECTORY]    as root; needs v2ray dante-server dante-client ldnsutils bind9-dnsutils dnsmasq-base

Programs that know nothing of SOCKS speak to v2ray's dokodemo-door, whose outbound is SOCKS, or run under socksify. This
script is one of them where no other has one socket for several targets: socks5_udp.py --ask ADDRESS PORT [...]
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import NamedTuple

from lab import (CLIENT, CLIENT_ADDRESS, HOST, NAMES, ORIGIN, ORIGIN_6, ORIGIN_ADDRESS, OTHER_HOST, OTHER_ORIGIN,
                 PROXY_ADDRESS, THIRD_ORIGIN, Lab, endpoint, fields, finish, hashed, main, payload, run, streams,
                 tshark, version)
from socks import danted, socksify, v2ray_server

NAME = "socks5_udp"
ECHO_HOST, ECHO_PORT, USER, PASSWORD = "echo.origin.test", 7777, "alice", "s3cret"
DANTE, V2RAY, V2RAY_AUTH = (f"{PROXY_ADDRESS}:{port}" for port in (1080, 1085, 1086))
# local port, proxy, user, target
DOORS = [(5301, V2RAY, None, (ORIGIN_ADDRESS, 53)), (5302, V2RAY_AUTH, USER, (OTHER_ORIGIN, 53)),
         (5303, V2RAY, None, (ORIGIN_6, 53)), (5304, V2RAY, None, (ECHO_HOST, ECHO_PORT)),
         (5305, DANTE, None, (OTHER_ORIGIN, 53))]


class Session(NamedTuple):
    """One association."""
    command: list[str]
    proxy: str
    user: str | None
    client: str
    environment: dict[str, str] = {}


def start_doors(lab: Lab) -> None:
    inbounds, outbounds, rules = [], [], []
    for port, proxy, user, (address, target_port) in DOORS:
        server = {"address": PROXY_ADDRESS, "port": int(proxy.split(":")[1])}
        users = {"users": [{"user": user, "pass": PASSWORD}]} if user else {}
        inbounds.append({"listen": "127.0.0.1", "port": port, "protocol": "dokodemo-door", "tag": f"in{port}",
                         "settings": {"address": address, "port": target_port, "network": "tcp,udp"}})
        outbounds.append({"protocol": "socks", "tag": f"out{port}", "settings": {"servers": [server | users]}})
        rules.append({"type": "field", "inboundTag": [f"in{port}"], "outboundTag": f"out{port}"})
    lab.start(CLIENT, "v2ray", "-config", lab.file("client.json", json.dumps({
        "log": {"loglevel": "warning"}, "inbounds": inbounds, "outbounds": outbounds, "routing": {"rules": rules}})),
        listens=f"127.0.0.1:{DOORS[-1][0]}")


def sessions(lab: Lab) -> list[Session]:
    dig = ["dig", "+tries=1", "+time=2", "+noedns", HOST]
    ask = [sys.executable, str(Path(__file__).resolve()), "--ask"]
    v2ray, dante = version("v2ray"), version("dante-client")
    found = []
    for port, proxy, user, (_, target_port) in DOORS:
        words = [*dig, "@127.0.0.1", "-p", str(port)] if target_port == 53 else [*ask, "127.0.0.1", str(port)]
        found.append(Session(words, proxy, user, f"{v2ray} for {'dig' if target_port == 53 else 'scripted Python'}"))
    several = [ORIGIN_ADDRESS, "53", THIRD_ORIGIN, str(ECHO_PORT), OTHER_ORIGIN, "53"]
    for proxy in (DANTE, V2RAY):
        under = socksify(lab, proxy)
        found += [Session(["socksify", "drill", HOST, f"@{ORIGIN_ADDRESS}"], proxy, None, f"{dante} for drill", under),
                  Session(["socksify", *ask, *several], proxy, None, f"{dante} for scripted Python", under),
                  Session(["socksify", *ask, ECHO_HOST, str(ECHO_PORT)], proxy, None, f"{dante} for scripted Python",
                          under)]
    # Debian's dig uses calls that socksify does not follow: its question comes to the relay without a header.
    return [*found, Session(["socksify", *dig, f"@{ORIGIN_ADDRESS}"], V2RAY, None, f"{dante} for dig", under)]


def ask(*targets: str) -> None:
    """One socket, not connected, the targets in turn, twice."""
    talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    talk.settimeout(3)
    for number in (1, 2):
        for host, port in zip(targets[::2], targets[1::2]):
            question = bytes([0, number, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3]) + OTHER_HOST.replace(
                ".origin.", "\6origin\4").encode() + b"\0\0\1\0\1"
            talk.sendto(question if port == "53" else b"This is number %d." % number, (host, int(port)))
            talk.recv(2000)


def echo() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
        talk.bind((THIRD_ORIGIN, ECHO_PORT))
        while True:
            words, peer = talk.recvfrom(2000)
            talk.sendto(words[::-1], peer)


class Datagram(NamedTuple):
    when: float
    sender: str
    receiver: str
    data: bytes


def datagrams(capture: Path) -> list[Datagram]:
    condition = "udp && !icmp && !icmpv6"
    lines = fields(capture, condition, "frame.time_epoch", "ip.src", "ipv6.src", "udp.srcport", "ip.dst", "ipv6.dst",
                   "udp.dstport", "udp.length")
    raw = [bytes.fromhex(packet["_source"]["layers"]["frame_raw"][0]) for packet in json.loads(
        tshark(capture, "-Y", condition, "-Tjson", "-x", "-j", "frame"))]
    return [Datagram(round(float(when), 6), endpoint(a or b, port), endpoint(c or d, other),
                     data[len(data) - int(size) + 8:])
            for (when, a, b, port, c, d, other, size), data in zip(lines, raw, strict=True)]


def truth(capture: Path, wan: Path, done: list[Session]) -> dict[str, object]:
    """Each datagram of the origins' leg is the end of one on the client's leg; the header is the rest."""
    leg = datagrams(capture)
    left = dict(enumerate(leg))
    groups: dict[tuple[str, str, str], list[tuple[dict[str, object], bytes]]] = {}
    for far in datagrams(wan):
        target = far.receiver if far.receiver.endswith((":53", f":{ECHO_PORT}")) else far.sender
        asking = target == far.receiver
        index, near = next(
            (index, near) for index, near in left.items() if near.data.endswith(far.data) and
            len(near.data) > len(far.data) and abs(near.when - far.when) < 1 and
            near.sender.startswith(CLIENT_ADDRESS) == asking)
        del left[index]
        header = near.data[:len(near.data) - len(far.data)]
        client, relay = (near.sender, near.receiver) if asking else (near.receiver, near.sender)
        groups.setdefault((client, relay, target), []).append(({
            "dir": "c2s" if asking else "s2c", "t": near.when, "target": target, "hdr_bytes": len(header),
            "hdr": header.hex(), "len": len(far.data), "sha256": hashed(far.data)}, far.data))
    controls = streams(capture)
    assert len(controls) == len(done)
    entries: list[dict[str, object]] = []
    for (client, relay, target), members in groups.items():
        number, control = [(number, control) for number, control in enumerate(controls)
                           if control.start <= float(str(members[0][0]["t"]))][-1]
        assert int.from_bytes(control.answered[-2:], "big") == int(relay.rsplit(":", 1)[1])
        session = done[number]
        assert session.proxy == control.server
        said = [b"".join(data for datagram, data in members if datagram["dir"] == way) for way in ("c2s", "s2c")]
        address, port = target.rsplit(":", 1)
        by_name = str(members[0][0]["hdr"])[6:8] == "03"
        entries.append({
            "proxy_protocol": "socks5-udp", "client": client, "proxy": control.server, "relay": relay,
            "control": control.client, "target_host": ECHO_HOST if by_name else address.strip("[]"),
            "target_port": int(port), "origin_ip": address.strip("[]"), "targets": [target], "username": session.user,
            "reply": "granted", "app": "dns" if port == "53" else "raw", **payload(*said),
            "datagrams": [datagram for datagram, _ in members], "client_sw": session.client,
            "proxy_sw": version("dante-server" if control.server == DANTE else "v2ray")})
    named = [entry for entry in entries if entry["target_host"] == ECHO_HOST]
    strays = [{"from": datagram.sender, "to": datagram.receiver, "t": datagram.when, "bytes": len(datagram.data),
               "head": datagram.data[:10].hex(), "sha256": hashed(datagram.data)} for datagram in left.values()]
    return {
        "file": f"{NAME}.pcapng", "description": "UDP ASSOCIATE: v2ray and dante's client through v2ray and dante; DNS "
        "and an echo, several targets on one association, IPv6, a target by name, user and password",
        "truth_source": "the leg between proxy and origins: each datagram there is the end of exactly one on the "
        "client's leg; the associations are in the order in which the driver made them",
        "notes": [
            "one entry for each association and target; those with one control have one association",
            "tunnels_by_name has the associations whose client names the target. v2ray answers with that name, dante "
            "with the address: whether the answers are of the same conversation the capture alone does not say",
            "undelivered: dante drops what v2ray sends, since v2ray puts the target into its ASSOCIATE request, where "
            "dante expects the client's own address; and dig under socksify sends its question without any header"],
        "tunnels": [entry for entry in entries if entry not in named], "tunnels_by_name": named, "undelivered": strays,
        "unmatched_client_leg_datagrams": len(strays) + sum(len(entry["datagrams"]) for entry in named)}  # type: ignore


def make(directory: Path) -> None:
    with Lab(NAMES | {ECHO_HOST: THIRD_ORIGIN}) as lab:
        for address, more in ((ORIGIN_ADDRESS, f",{ORIGIN_6}"), (OTHER_ORIGIN, "")):
            lab.start(ORIGIN, "dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                      "--pid-file=", f"--listen-address={address}{more}", "--bind-interfaces",
                      "--local=/test/", *(f"--address=/{name}/{place}" for name, place in NAMES.items()),
                      listens=f"{address}:53")
        lab.start(ORIGIN, sys.executable, Path(__file__).resolve(), "--echo")
        v2ray_server(lab, {1085: None, 1086: (USER, PASSWORD)})
        danted(lab)
        start_doors(lab)
        capture = lab.capture(CLIENT, "leg1", name=f"{NAME}.pcapng", condition="tcp or udp")
        wan = lab.capture(ORIGIN, "leg2", name="wan.pcap", condition="udp")
        done = sessions(lab)
        for session in done:
            run(CLIENT, *session.command, code=None, env=os.environ | session.environment)
        lab.end_all()
        finish(directory, capture, truth(capture, wan, done))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--echo"]:
        echo()
    elif sys.argv[1:2] == ["--ask"]:
        ask(*sys.argv[2:])
    else:
        main(make)
