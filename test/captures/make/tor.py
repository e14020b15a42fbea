#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes tor and tor_resolve (.pcapng, truth): tor's RESOLVE, isolation by user and password, what fails.
"""tor.py [DIRECTORY]        as root; needs curl tor torsocks tshark

There is no way out, so tor gives what needs none: the addresses that it makes up for onion names, and refusals.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import NamedTuple

from lab import (CLIENT, HOST, ORIGIN_ADDRESS, PROXY, PROXY_ADDRESS, Lab, finish, main, payload, run, sh, streams,
                 tshark, version)

TOR = f"{PROXY_ADDRESS}:9050"
USER, PASSWORD = "alice", "s3cret"


class Session(NamedTuple):
    protocol: str
    command: str                    # the report's word
    target: str
    port: int
    user: str | None                # "*": made up by torsocks
    granted: bool
    words: list[str]


def onion_name(lab: Lab) -> str:
    """A name that is in order, of a service that does not exist."""
    sh(f"openssl genpkey -algorithm ed25519 -out {lab.work}/onion.pem")
    key = run(CLIENT, "openssl", "pkey", "-in", lab.work / "onion.pem", "-pubout", "-outform", "DER").stdout[-32:]
    check = hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2]
    return base64.b32encode(key + check + b"\3").decode().lower() + ".onion"


def sessions(onion: str, address4: str, address6: str) -> list[Session]:
    curl = ["curl", "-sS", "--max-time", "10"]
    torsocks = ["torsocks", "-a", PROXY_ADDRESS, "-P", "9050"]
    known = ["-u", USER, "-p", PASSWORD]
    return [
        Session("socks5", "resolve-ptr", address4, 0, None, False, ["tor-resolve", "-x", address4, TOR]),
        Session("socks5", "resolve-ptr", address6, 0, None, False, ["tor-resolve", "-x", address6, TOR]),
        Session("socks5", "resolve", HOST, 0, None, False, ["tor-resolve", HOST, TOR]),
        Session("socks4a", "resolve", HOST, 0, None, False, ["tor-resolve", "-4", HOST, TOR]),
        Session("socks5", "resolve-ptr", ORIGIN_ADDRESS, 0, None, True, ["tor-resolve", "-x", ORIGIN_ADDRESS, TOR]),
        Session("socks5", "connect", HOST, 80, USER, False, [
            *curl, "--proxy", f"socks5h://{USER}:{PASSWORD}@{TOR}", f"http://{HOST}/"]),
        Session("socks5", "connect", ORIGIN_ADDRESS, 80, None, False, [
            *curl, "--socks5", TOR, f"http://{ORIGIN_ADDRESS}/"]),
        Session("socks4a", "connect", HOST, 80, None, False, [*curl, "--socks4a", TOR, f"http://{HOST}/"]),
        Session("socks5", "connect", onion, 80, USER, False, [*torsocks, *known, *curl, f"http://{onion}/"]),
        Session("socks5", "resolve", HOST, 42, "*", False, [*torsocks, "-i", *curl, f"http://{HOST}/"]),
        Session("socks5", "connect", ORIGIN_ADDRESS, 80, USER, False, [
            *torsocks, *known, *curl, f"http://{ORIGIN_ADDRESS}/"])]


def entry(session: Session, client: str, sent: bytes, answered: bytes, said: bytes) -> dict[str, object]:
    """A name for which tor has made an address up is no conversation, so there is no payload."""
    protocol = "socks5-tor-resolve" if session.granted else session.protocol
    software = version({"tor-resolve": "tor"}.get(session.words[0], session.words[0]))
    user = sent[5:5 + sent[4]].decode() if session.user == "*" else session.user
    return {"proxy_protocol": protocol, "client": client, "proxy": TOR, "command": session.command,
            "spoken": session.protocol, "target_host": session.target, "target_port": session.port, "username": user,
            "reply": "granted" if session.granted else "refused", "app": "none", "origin_ip": None,
            "resolved": said.decode().strip() or None, **payload(b"", b""), "client_leg_c2s_bytes": len(sent),
            "client_leg_s2c_bytes": len(answered), "client_sw": software, "proxy_sw": version("tor")}


def make(directory: Path) -> None:
    with Lab() as lab:
        (lab.work / "tor").mkdir(mode=0o700)
        # the last line and UseDNSCache are for the RESOLVE_PTR: as if tor had learnt the name before
        lab.start(PROXY, "tor", "-f", lab.file("torrc", f"SocksPort {TOR} UseDNSCache\nDataDirectory {lab.work}/tor\n"
                  "UseBridges 1\nBridge 10.77.2.99:9001\nSocksTimeout 2\nAutomapHostsOnResolve 1\nLog notice stdout\n"
                  f"VirtualAddrNetworkIPv4 10.192.0.0/10\nMapAddress REVERSE[{ORIGIN_ADDRESS}] {HOST}\n"), listens=TOR)
        capture = lab.capture(CLIENT, "leg1", name="all.pcapng")
        onion = onion_name(lab)
        done = [Session("socks5", "resolve", onion, 0, None, True, ["tor-resolve", onion, TOR]),
                Session("socks4a", "resolve", onion, 0, None, True, ["tor-resolve", "-4", onion, TOR])]
        said = [run(CLIENT, *session.words).stdout for session in done]
        done += sessions(onion, said[1].decode().strip(), said[0].decode().strip())
        said += [run(CLIENT, *session.words, code=0 if session.granted else None).stdout for session in done[2:]]
        lab.end_all()
        opened = streams(capture)
        entries = [entry(session, stream.client, stream.sent, stream.answered, words)
                   for session, stream, words in zip(done, opened, said, strict=True)]
        assert all(bool(words) == session.granted for session, words in zip(done, said))
        apart = [granted for granted in entries if granted["reply"] == "granted" and granted is not entries[0]]
        there = "tcp.port in {" + ",".join(str(granted["client"]).rsplit(":", 1)[1] for granted in apart) + "}"
        common = {"truth_source": "what the driver asked and what the clients printed (resolved); the user name that "
                  "torsocks makes up, from the capture"}
        for name, condition, members, words in (
                ("tor", f"not {there}", [some for some in entries if some not in apart],
                 "tor: RESOLVE of an onion name, which tor maps to an address of its own; RESOLVE, RESOLVE_PTR and "
                 "CONNECT that fail, SOCKS5 and SOCKS4a; users that isolate circuits, one made up by torsocks"),
                ("tor_resolve", there, apart, "tor: RESOLVE by SOCKS4a and RESOLVE_PTR by SOCKS5 that succeed")):
            tshark(capture, "-Y", condition, "-w", lab.work / f"{name}.pcapng")
            finish(directory, lab.work / f"{name}.pcapng", {
                "file": f"{name}.pcapng", "description": words, "notes": [
                    "socks5-tor-resolve stands for every RESOLVE that succeeds; spoken and command say which it was"],
                "tunnels": members} | common)


if __name__ == "__main__":
    main(make)
