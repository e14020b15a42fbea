#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes back_connect.pcapng and its truth: the SOCKS proxy dials out to its client (socat to socat).
"""back_connect.py [DIRECTORY]        as root; needs curl microsocks socat tshark tcpdump

    curl --> socat <== TCP from the proxy's side == socat --> microsocks --> origin
"""

from __future__ import annotations

import sys
from pathlib import Path

from lab import (CLIENT, CLIENT_ADDRESS, HOST, ORIGIN, ORIGIN_ADDRESS, PROXY, Lab, certificate, end, finish, main,
                 payload, run, streams, version)

NAME = "back_connect"
LOCAL, MICROSOCKS, OPEN_MICROSOCKS = "127.0.0.1:1080", "127.0.0.1:1081", "127.0.0.1:1082"
USER, PASSWORD = "alice", "s3cret"
# where the client's side listens, the SOCKS server behind the proxy's side, curl's proxy, URL, does it listen there
SESSIONS = [(4444, OPEN_MICROSOCKS, f"socks5h://{LOCAL}", f"http://{HOST}/", True),
            (4445, OPEN_MICROSOCKS, f"socks5h://{LOCAL}", f"https://{HOST}/", True),
            (443, MICROSOCKS, f"socks5h://{USER}:{PASSWORD}@{LOCAL}", f"http://{ORIGIN_ADDRESS}/", True),
            (4446, OPEN_MICROSOCKS, f"socks5h://{LOCAL}", f"http://{HOST}:81/", False)]


def make(directory: Path) -> None:
    with Lab() as lab:
        secret, key = certificate(lab.work, HOST)
        lab.start(ORIGIN, sys.executable, Path(__file__).with_name("origin.py"), lab.work / "origin.log",
                  f"{ORIGIN_ADDRESS},80", f"{ORIGIN_ADDRESS},443,{secret},{key}", listens=f"{ORIGIN_ADDRESS}:443")
        lab.start(PROXY, "microsocks", "-i", "127.0.0.1", "-p", "1082", listens=OPEN_MICROSOCKS)
        lab.start(PROXY, "microsocks", "-i", "127.0.0.1", "-p", "1081", "-u", USER, "-P", PASSWORD, listens=MICROSOCKS)
        capture = lab.capture(CLIENT, "leg1", name=f"{NAME}.pcapng")
        wan = lab.capture(ORIGIN, "leg2", name="wan.pcap")
        for port, socks, proxy, url, listening in SESSIONS:
            # the listening side first; it opens its local port when the other has called
            near = lab.start(CLIENT, "socat", f"TCP-LISTEN:{port},bind={CLIENT_ADDRESS},reuseaddr",
                             "TCP-LISTEN:1080,bind=127.0.0.1,reuseaddr", listens=f"{CLIENT_ADDRESS}:{port}")
            far = lab.start(PROXY, "socat", f"TCP:{CLIENT_ADDRESS}:{port}", f"TCP:{socks}")
            lab.wait(CLIENT, LOCAL)
            run(CLIENT, "curl", "-sk", "--http1.1", "--max-time", "10", "--proxy", proxy, url,
                code=0 if listening else None)
            end(near, far)
        lab.end_all()
        opened = streams(wan)
        tunnels = []
        for (port, socks, proxy, url, listening), stream in zip(SESSIONS, streams(capture), strict=True):
            assert stream.server == f"{CLIENT_ADDRESS}:{port}"
            scheme, _, authority = url.split("/")[:3]
            target, _, target_port = authority.partition(":")
            number = int(target_port or (443 if scheme == "https:" else 80))
            entry: dict[str, object] = {
                "proxy_protocol": "socks5", "client": stream.server, "proxy": stream.client, "tcp_initiator": "proxy",
                "target_host": target, "target_port": number, "username": USER if "@" in proxy else None,
                "reply": "granted" if listening else "refused", "app": "tls" if number == 443 else "http",
                "client_sw": f"{version('curl')} behind {version('socat')}",
                "proxy_sw": f"{version('microsocks')} behind socat"}
            if listening:
                other = opened.pop(0)
                assert stream.answered.endswith(other.sent) and stream.sent.endswith(other.answered)
                entry |= {"origin_ip": ORIGIN_ADDRESS, "origin_port": number, **payload(other.sent, other.answered),
                          "wan_flow": f"{other.client}->{other.server}",
                          "handshake_c2s_bytes": len(stream.answered) - len(other.sent),
                          "handshake_s2c_bytes": len(stream.sent) - len(other.answered)}
            tunnels.append(entry)
        finish(directory, capture, {
            "file": f"{NAME}.pcapng", "description": "the acceptor of the TCP connection is the SOCKS5 client: HTTP, "
            "TLS, user and password, a port on which nobody listens",
            "truth_source": "the leg between proxy and origin; the rest as asked of curl and socat",
            "tunnels": tunnels})


if __name__ == "__main__":
    main(make)
