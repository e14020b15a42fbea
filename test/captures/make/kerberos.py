#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes gssapi.pcapng and its truth: SOCKS5 with GSSAPI, payload in clear and wrapped.
"""kerberos.py [DIRECTORY]        as root; needs krb5-kdc krb5-admin-server krb5-user python3-gssapi tshark tcpdump

Debian 12 builds dante without GSSAPI, and its curl gives up behind the negotiation, so gssapi_socks.py is both ends.
(This script is not called gssapi.py, since that is the name of the library.)
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lab import (CLIENT, HOST, ORIGIN, ORIGIN_ADDRESS, PROXY, PROXY_ADDRESS, Lab, finish, main, payload, run, streams,
                 version)

NAME = "gssapi"
SCRIPTED = Path(__file__).with_name("gssapi_socks.py").resolve()
KDC = "127.0.0.1:8088"
CLEAR, INTEGRITY, SECRET = f"{PROXY_ADDRESS}:1080", f"{PROXY_ADDRESS}:1081", f"{PROXY_ADDRESS}:1082"
# proxy, level, port of the origin, what becomes of it
SESSIONS = [(CLEAR, 0, 80, "granted"), (CLEAR, 0, 81, "refused"), (INTEGRITY, 1, 80, "granted"),
            (SECRET, 2, 80, "granted")]


def start_kerberos(lab: Lab) -> dict[str, str]:
    """A realm in the client's namespace, a ticket for alice, a key for the proxy: the environment to use them."""
    lab.file("krb5.conf", "[libdefaults]\ndefault_realm = LAB.TEST\ndns_lookup_kdc = false\nrdns = false\n"
             "dns_canonicalize_hostname = false\n[realms]\nLAB.TEST = {\n kdc = " + KDC + "\n}\n")
    lab.file("kdc.conf", f"[kdcdefaults]\nkdc_listen = {KDC}\nkdc_tcp_listen = {KDC}\n[realms]\nLAB.TEST = {{\n"
             f" database_name = {lab.work}/principal\n key_stash_file = {lab.work}/stash\n"
             f" acl_file = {lab.work}/acl\n}}\n")
    environment = {"KRB5_CONFIG": f"{lab.work}/krb5.conf", "KRB5_KDC_PROFILE": f"{lab.work}/kdc.conf",
                   "KRB5CCNAME": f"FILE:{lab.work}/cache", "KRB5_KTNAME": f"FILE:{lab.work}/keytab",
                   "KRB5RCACHETYPE": "none"}
    words = {"env": os.environ | environment}
    run(CLIENT, "kdb5_util", "create", "-s", "-r", "LAB.TEST", "-P", "master", **words)
    for query in ("addprinc -pw s3cret alice", "addprinc -randkey rcmd/proxy.test",
                  f"ktadd -k {lab.work}/keytab rcmd/proxy.test"):
        run(CLIENT, "kadmin.local", "-r", "LAB.TEST", "-q", query, **words)
    lab.start(CLIENT, "krb5kdc", "-n", "-r", "LAB.TEST", listens=KDC, **words)
    run(CLIENT, "kinit", "alice", input=b"s3cret\n", **words)
    return environment


def make(directory: Path) -> None:
    with Lab() as lab:
        words = {"env": os.environ | start_kerberos(lab)}
        lab.start(ORIGIN, sys.executable, Path(__file__).with_name("origin.py"), lab.work / "origin.log",
                  f"{ORIGIN_ADDRESS},80", listens=f"{ORIGIN_ADDRESS}:80")
        for place, level in {(place, level) for place, level, *_ in SESSIONS}:
            lab.start(PROXY, sys.executable, SCRIPTED, "serve", *place.split(":"), str(level), listens=place, **words)
        capture = lab.capture(CLIENT, "leg1", name=f"{NAME}.pcapng")
        wan = lab.capture(ORIGIN, "leg2", name="wan.pcap")
        for proxy, _, port, _ in SESSIONS:
            run(CLIENT, sys.executable, SCRIPTED, "ask", *proxy.split(":"), HOST, str(port), **words)
        lab.end_all()
        opened = streams(wan)
        tunnels, encapsulated = [], []
        software = f"scripted Python with {version('python3-gssapi')} and {version('libgssapi-krb5-2')}"
        for (proxy, level, port, reply), near in zip(SESSIONS, streams(capture), strict=True):
            assert near.server == proxy
            entry: dict[str, object] = {
                "proxy_protocol": "socks5", "client": near.client, "proxy": proxy, "target_host": HOST,
                "target_port": port, "username": None, "reply": reply, "app": "http",
                "client_sw": software, "proxy_sw": software}
            if reply == "granted":
                far = opened.pop(0)
                entry |= {"origin_ip": ORIGIN_ADDRESS, "origin_port": port, **payload(far.sent, far.answered),
                          "wan_flow": f"{far.client}->{far.server}", "protection": level}
                if not level:
                    assert near.sent.endswith(far.sent) and near.answered.endswith(far.answered)
                    entry |= {"handshake_c2s_bytes": len(near.sent) - len(far.sent),
                              "handshake_s2c_bytes": len(near.answered) - len(far.answered)}
            (encapsulated if level else tunnels).append(entry)
        finish(directory, capture, {
            "file": f"{NAME}.pcapng", "description": "SOCKS5 with GSSAPI (Kerberos), scripted client and server, real "
            "tokens: payload in clear, with integrity, with confidentiality",
            "truth_source": "the leg between proxy and origin; the rest as asked of the clients",
            "notes": [
                "encapsulated_sessions: payload in messages 01 03 of RFC 1961, as are request and reply. Integrity "
                "leaves them readable, confidentiality does not"],
            "tunnels": tunnels, "encapsulated": [entry["client"] for entry in encapsulated],
            "encapsulated_sessions": encapsulated})


if __name__ == "__main__":
    main(make)
