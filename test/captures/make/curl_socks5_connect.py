#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes curl_socks5_connect.pcap and its truth: curl through microsocks and tinyproxy, in network namespaces.
"""curl_socks5_connect.py [DIRECTORY]        as root; needs: scripts/setup developer

    client 10.77.1.2 --- 10.77.1.1 proxy 10.77.2.1 --- 10.77.2.2 origin

The capture is taken at the client. The truth about payload comes from the other leg, where there is no handshake.
Nothing leaves the namespaces: none of them has a default route.
"""

from __future__ import annotations

import ssl
import sys
import tempfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lab import (CLIENT, HOST, ORIGIN, ORIGIN_ADDRESS, PROXY, PROXY_ADDRESS, TCPDUMP, build_network, certificate, end,
                 finish, main, payload, remove_network, spawn, streams, version)

NAME = "curl_socks5_connect"
SOCKS = ["--socks5-hostname", f"{PROXY_ADDRESS}:1080"]
CONNECT = ["--proxytunnel", "--proxy", f"http://{PROXY_ADDRESS}:8888"]
# protocol, proxy, curl's words for it, target's port, what is inside, does the origin listen there
SESSIONS = [
    ("socks5", "microsocks", SOCKS, 80, "http", True),
    ("http-connect", "tinyproxy", CONNECT, 443, "tls", True),
    ("socks5", "microsocks", SOCKS, 443, "tls", True),
    ("http-connect", "tinyproxy", CONNECT, 80, "http", True),
    ("socks5", "microsocks", SOCKS, 81, "http", False),
    ("http-connect", "tinyproxy", CONNECT, 81, "http", False),
]


def serve(directory: Path) -> None:
    """The origin: one page, on port 80 and, with TLS, on port 443."""
    class Page(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(directory / "www"))

    plain, secure = (ThreadingHTTPServer((ORIGIN_ADDRESS, port), Page) for port in (80, 443))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "certificate.pem", directory / "key.pem")
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    secure.serve_forever()


def truth(wan: Path) -> dict[str, object]:
    opened = iter(streams(wan))
    tunnels = []
    for number, (protocol, proxy, _, port, app, listening) in enumerate(SESSIONS):
        tunnel = {"proxy_protocol": protocol, "client": f"10.77.1.2:{40001 + number}",
                  "proxy": f"{PROXY_ADDRESS}:{1080 if protocol == 'socks5' else 8888}", "target_host": HOST,
                  "target_port": port, "username": None, "reply": "granted" if listening else "refused", "app": app,
                  "client_sw": version("curl"), "proxy_sw": version(proxy.replace("tinyproxy", "tinyproxy-bin"))}
        if listening:
            tunnel |= {"origin_ip": ORIGIN_ADDRESS, "origin_port": port}
            stream = next(opened)
            tunnel |= payload(stream.sent, stream.answered)
        tunnels.append(tunnel)
    return {"file": f"{NAME}.pcap", "description": "curl by name through SOCKS5 (microsocks) and CONNECT (tinyproxy): "
            "HTTP, TLS and a refused port each; checksums and segmentation left to the (virtual) network card",
            "truth_source": "the leg between proxy and origin, as tshark's Follow TCP reassembles it; the rest as "
            "asked of curl", "tunnels": tunnels}


def record(work: Path) -> None:
    (work / "www").mkdir()
    page = "<!doctype html><title>Origin</title>\n" + "<p>A line of the page.</p>\n" * 200
    (work / "www/index.html").write_text(page)
    (work / "tinyproxy.conf").write_text(f"Port 8888\nListen {PROXY_ADDRESS}\nTimeout 60\nLogLevel Warning\n")
    certificate(work, HOST)
    running = [spawn(ORIGIN, sys.executable, Path(__file__).resolve(), "--serve", work),
               spawn(PROXY, "microsocks", "-i", PROXY_ADDRESS, "-p", "1080"),
               spawn(PROXY, "tinyproxy", "-d", "-c", work / "tinyproxy.conf"),
               spawn(CLIENT, *TCPDUMP, "-i", "leg1", "-w", work / "client.pcap", "tcp"),
               spawn(ORIGIN, *TCPDUMP, "-i", "leg2", "-w", work / "wan.pcap", "tcp")]
    time.sleep(2)
    for number, (_, _, words, port, app, listening) in enumerate(SESSIONS):
        curl = spawn(CLIENT, "curl", "--silent", "--insecure", "--max-time", "10", "--local-port", str(40001 + number),
                     *words, f"{'https' if app == 'tls' else 'http'}://{HOST}:{port}/")
        if (curl.wait() == 0) != listening:
            sys.exit(f"session {number}: curl ended with {curl.returncode}")
    time.sleep(1)
    end(*running)


def make(directory: Path) -> None:
    remove_network()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        try:
            build_network({HOST: ORIGIN_ADDRESS})
            record(work)
        finally:
            remove_network()
        finish(directory, work / "client.pcap", truth(work / "wan.pcap"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]))
    else:
        main(make)
