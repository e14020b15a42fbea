#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes curl_socks5_connect.pcap and its truth: curl through microsocks and tinyproxy, in network namespaces.
"""curl_socks5_connect.py [DIRECTORY]        as root; needs: scripts/setup developer

    client 10.77.1.2 --- 10.77.1.1 proxy 10.77.2.1 --- 10.77.2.2 origin

The capture is taken at the client. The truth about payload comes from the other leg, where there is no handshake.
Nothing leaves the namespaces: none of them has a default route.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "curl_socks5_connect"
CLIENT, PROXY, ORIGIN = "pt-client", "pt-proxy", "pt-origin"
HOST, ORIGIN_ADDRESS, PROXY_ADDRESS = "www.origin.test", "10.77.2.2", "10.77.1.1"
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


def sh(text: str) -> None:
    for line in text.strip().splitlines():
        subprocess.run(line.split(), check=True)


def spawn(namespace: str, *command: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["ip", "netns", "exec", namespace, *map(str, command)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def build_network() -> None:
    for namespace in (CLIENT, PROXY, ORIGIN):
        sh(f"ip netns add {namespace}\nip -n {namespace} link set lo up")
    hosts = Path("/etc/netns") / PROXY / "hosts"
    hosts.parent.mkdir(parents=True, exist_ok=True)
    hosts.write_text(f"{ORIGIN_ADDRESS} {HOST}\n")
    for near, far, link in ((CLIENT, PROXY, 1), (ORIGIN, PROXY, 2)):
        sh(f"""ip link add leg{link} netns {near} type veth peer name leg{link} netns {far}
               ip -n {near} address add 10.77.{link}.2/24 dev leg{link}
               ip -n {far} address add 10.77.{link}.1/24 dev leg{link}
               ip -n {near} link set leg{link} up
               ip -n {far} link set leg{link} up""")


def remove_network() -> None:
    for namespace in (CLIENT, PROXY, ORIGIN):
        subprocess.run(["ip", "netns", "delete", namespace], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(Path("/etc/netns") / PROXY, ignore_errors=True)


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


def streams(capture: Path) -> list[tuple[bytes, bytes]]:
    """What both sides said on each connection that was accepted, in order, as tshark's Follow TCP tells it."""
    listing = subprocess.run(["tshark", "-r", capture, "-Y", "tcp.flags.syn==1 && tcp.flags.ack==1", "-Tfields",
                              "-etcp.stream"], check=True, capture_output=True, text=True).stdout
    found = []
    for stream in listing.split():
        text = subprocess.run(["tshark", "-r", capture, "-q", "-z", f"follow,tcp,raw,{stream}"], check=True,
                              capture_output=True, text=True).stdout
        lines = text.split("Node 1:")[1].splitlines()[1:-1]
        found.append((bytes.fromhex("".join(line for line in lines if line[0] != "\t")),
                      bytes.fromhex("".join(line for line in lines if line[0] == "\t"))))
    return found


def version(package: str) -> str:
    return subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}", package], check=True,
                          capture_output=True, text=True).stdout


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
            for side, payload in zip(("client", "server"), next(opened)):
                tunnel |= {f"{side}_payload_bytes": len(payload),
                           f"{side}_payload_sha256": hashlib.sha256(payload).hexdigest()}
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
    sh(f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN={HOST} "
       f"-addext subjectAltName=DNS:{HOST} -batch -keyout {work}/key.pem -out {work}/certificate.pem")
    tcpdump = ["tcpdump", "-Z", "root", "-U", "--immediate-mode"]
    running = [spawn(ORIGIN, sys.executable, Path(__file__).resolve(), "--serve", work),
               spawn(PROXY, "microsocks", "-i", PROXY_ADDRESS, "-p", "1080"),
               spawn(PROXY, "tinyproxy", "-d", "-c", work / "tinyproxy.conf"),
               spawn(CLIENT, *tcpdump, "-i", "leg1", "-w", work / "client.pcap", "tcp"),
               spawn(ORIGIN, *tcpdump, "-i", "leg2", "-w", work / "wan.pcap", "tcp")]
    time.sleep(2)
    for number, (_, _, words, port, app, listening) in enumerate(SESSIONS):
        curl = spawn(CLIENT, "curl", "--silent", "--insecure", "--max-time", "10", "--local-port", str(40001 + number),
                     *words, f"{'https' if app == 'tls' else 'http'}://{HOST}:{port}/")
        if (curl.wait() == 0) != listening:
            sys.exit(f"session {number}: curl ended with {curl.returncode}")
    time.sleep(1)
    for program in reversed(running):
        program.send_signal(signal.SIGTERM)
        program.wait()


def main(directory: Path) -> None:
    remove_network()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        try:
            build_network()
            record(work)
        finally:
            remove_network()
        (directory / f"{NAME}.truth.json").write_text(json.dumps(truth(work / "wan.pcap"), indent=1) + "\n")
        shutil.copyfile(work / "client.pcap", directory / f"{NAME}.pcap")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]))
