#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes proxy_protocol(_stacked).pcapng and the truth: haproxy telling nginx who the client is, PROXY v1, v2.
"""proxy_protocol.py [DIRECTORY]        as root; needs curl haproxy nginx-light openssl tshark tcpdump

The capture is taken at the origin, behind haproxy. The truth about payload comes from the clients' leg.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from haproxy import DEFAULTS, logged, start_haproxy
from lab import (CLIENT, ORIGIN, ORIGIN_6, ORIGIN_ADDRESS, OTHER_ORIGIN, PROXY, PROXY_6, PROXY_ADDRESS, PROXY_WAN, Lab,
                 Stream, certificate, finish, host, main, payload, run, streams, version)

NAME = "proxy_protocol"
LINE = "A line of the page.\\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
# port of haproxy, origin, words for haproxy
FRONTENDS = [
    (8101, f"{ORIGIN_ADDRESS}:8181", "send-proxy"), (8102, f"{ORIGIN_ADDRESS}:8181", "send-proxy-v2"),
    (8103, f"{OTHER_ORIGIN}:8181", "send-proxy-v2-ssl-cn proxy-v2-options unique-id,authority,crc32c"),
    (8104, f"{ORIGIN_ADDRESS}:8443", "send-proxy"), (8105, f"{ORIGIN_ADDRESS}:8443", "send-proxy-v2"),
    (8106, f"[{ORIGIN_6}]:8181", "send-proxy-v2"), (8107, f"{PROXY_WAN}:8207", "send-proxy"),
    (8207, f"{ORIGIN_ADDRESS}:8183", "send-proxy-v2"), (8109, f"{PROXY_WAN}:8209", "send-proxy-v2"),
    (8209, f"{ORIGIN_ADDRESS}:8183", "send-proxy")]
STACKED = (8107, 8109)
# What curl is asked for; IPv6 is a client's address, the origins' may be of the other kind.
URLS = [f"http://{PROXY_ADDRESS}:8101/v1", f"http://[{PROXY_6}]:8101/v1", f"http://{PROXY_ADDRESS}:8102/v2",
        f"http://[{PROXY_6}]:8102/v2", "https://www.origin.test:8103/tlvs", "https://www.origin.test:8104/v1",
        "https://www.origin.test:8105/v2", f"http://{PROXY_ADDRESS}:8106/v2", f"http://[{PROXY_6}]:8106/v2",
        f"http://{PROXY_ADDRESS}:8107/stacked", f"http://{PROXY_ADDRESS}:8109/stacked"]


Entries = list[dict[str, object]]
WORDS = ("haproxy to nginx: PROXY v1 and v2, TCP4 and TCP6, IPv6 client and IPv4 origin and the other way round, TLVs, "
         "a header in front of TLS")


def start_nginx(lab: Lab) -> None:
    answer = f"default_type text/plain; location / {{ return 200 '{LINE * 5}'; }}"
    listens = "".join(f"listen {place}:8181 proxy_protocol; " for place in (
        ORIGIN_ADDRESS, OTHER_ORIGIN, f"[{ORIGIN_6}]", "127.0.0.1"))
    lab.start(ORIGIN, "nginx", "-c", lab.file("nginx.conf", f"""user root; worker_processes 1; daemon off;
pid {lab.work}/nginx.pid; error_log {lab.work}/nginx.err; events {{}} http {{
log_format l '$remote_addr $remote_port $proxy_protocol_addr $proxy_protocol_port $uri $request_length $bytes_sent';
access_log {lab.work}/nginx.log l; ssl_certificate {lab.work}/certificate.pem; ssl_certificate_key {lab.work}/key.pem;
server {{ {listens} listen {ORIGIN_ADDRESS}:8443 ssl proxy_protocol; {answer} }} }}
"""), listens="127.0.0.1:8181")
    # takes the outer one of two headers away
    lab.start(ORIGIN, "haproxy", "-f", lab.file("inner.cfg", f"""{DEFAULTS}
listen inner
 bind {ORIGIN_ADDRESS}:8183 accept-proxy
 server s 127.0.0.1:8181
"""), listens=f"{ORIGIN_ADDRESS}:8183")


def sections(lab: Lab) -> str:
    text = ""
    for port, origin, words in FRONTENDS:
        tls = f" ssl crt {lab.work}/both.pem ca-file {lab.work}/certificate.pem verify optional" if port == 8103 else ""
        places = [PROXY_WAN] if port > 8200 else [PROXY_ADDRESS, f"[{PROXY_6}]"]
        text += f"listen p{port}\n unique-id-format %{{+X}}o\\ %ci:%cp_%Ts_%rt\n" + "".join(
            f" bind {place}:{port}{tls}\n" for place in places) + f" server s {origin} {words}" + (
            f" source {PROXY_ADDRESS}\n" if port in STACKED else "\n")
    for version_, words in ((1, "send-proxy"), (2, "send-proxy-v2")):
        text += (f"listen unix{version_}\n bind unix@{lab.work}/unix{version_}\n"
                 f" server s {ORIGIN_ADDRESS}:8181 {words}\n")
    # (with v1 a health check names haproxy itself as the client)
    return text + ("backend check\n option httpchk GET /check\n"
                   f" server s {OTHER_ORIGIN}:8181 send-proxy-v2 check check-send-proxy inter 2s\n")


def entry(head: bytes, far: Stream, client: str, target: str, said: tuple[bytes, bytes], **more: object) \
        -> dict[str, object]:
    address, port = host(target)
    origin, origin_port = host(far.server)
    return {"proxy_protocol": "proxy-v2" if head.startswith(SIGNATURE) else "proxy-v1", "client": client,
            "proxy": far.client, "target_host": address, "target_port": port, "origin_ip": origin,
            "origin_port": origin_port, "username": None, "reply": "n/a",
            "app": "tls" if far.server.endswith(":8443") else "http", "header_bytes": len(head), "header": head.hex(),
            **payload(*said), "client_sw": version("curl"), "proxy_sw": version("haproxy"), **more}


def truth(lab: Lab, capture: Path, leg: Path) -> tuple[Entries, Entries, dict[str, object]]:
    behind = logged(lab)
    nginx = [line.split() for line in (lab.work / "nginx.log").read_text().splitlines()]
    left = {host(stream.client): stream for stream in streams(capture)}
    tunnels: list[dict[str, object]] = []
    for near in streams(leg):
        port = host(near.server)[1]
        own = behind[host(near.client)]
        first = "%s:%d" % own
        if port in STACKED:
            own = behind[own]
        far = left.pop(own)
        if port == 8103:                             # TLS ends here: length by the header itself, and as nginx counted
            rest = far.sent[16 + int.from_bytes(far.sent[14:16], "big"):]
            assert [str(len(rest)), str(len(far.answered))] == next(line[5:] for line in nginx if line[4] == "/tlvs")
            tunnels.append(entry(far.sent[:-len(rest)], far, near.client, near.server, (rest, far.answered)))
            continue
        assert far.sent.endswith(near.sent) and far.answered == near.answered
        heads = far.sent[:-len(near.sent)]
        if port in STACKED:
            inner = heads.index(b"PROXY ") if heads.startswith(SIGNATURE) else heads.index(SIGNATURE)
            tunnels.append(entry(heads[:inner], far, first, f"{PROXY_WAN}:{port + 100}",
                                 (heads[inner:] + near.sent, near.answered), level=1, id=f"t{port}"))
            tunnels.append(entry(heads[inner:], far, near.client, near.server, (near.sent, near.answered), level=2,
                                 nested_in=f"t{port}"))
            continue
        tunnels.append(entry(heads, far, near.client, near.server, (near.sent, near.answered)))
        if ":8443" not in far.server:
            told = [line[2:4] for line in nginx if line[:2] == [own[0], str(own[1])]]
            assert told == [list(map(str, host(near.client)))], (told, near.client)
    assert len(tunnels) == len(URLS) + len(STACKED)
    common: dict[str, object] = {
        "truth_source": "payload from the clients' leg (8103: as the header says, with nginx's counts); which "
        "connection belongs to which from haproxy's log; the declared client also from nginx ($proxy_protocol_addr)",
        "notes": [
            "tunnels: client and target are what the header declares, proxy and origin the ends of the connection in "
            "the capture. Stacked headers: the outer one declares the first haproxy as client",
            "no_client: haproxy's health check (v2 LOCAL) and clients of a unix socket (v1 UNKNOWN, v2 LOCAL)"],
        "no_client": [stream.client for stream in left.values()],
        "no_client_headers": [stream.sent[:24].hex() for stream in left.values()]}
    stacked = [entry for entry in tunnels if "level" in entry]
    return [entry for entry in tunnels if entry not in stacked], stacked, common


def part(lab: Lab, capture: Path, name: str, keep: str) -> Path:
    """The packets of a capture that a display filter keeps."""
    result = lab.work / f"{name}.pcapng"
    subprocess.run(["tshark", "-r", capture, "-Y", keep, "-w", result], check=True, capture_output=True)
    return result


def make(directory: Path) -> None:
    with Lab() as lab:
        certificate(lab.work, "www.origin.test")
        start_nginx(lab)
        capture = lab.capture(ORIGIN, "leg2", name="far.pcapng")
        leg = lab.capture(CLIENT, "leg1", name="leg.pcap")
        start_haproxy(lab, sections(lab), f"{PROXY_WAN}:8209")
        for url in URLS:
            words = ["--resolve", re.sub(r"https://([^/]+)/.*", rf"\1:{PROXY_ADDRESS}", url)] if "https" in url else []
            words += ["--cert", lab.work / "both.pem"] if "tlvs" in url else []
            run(CLIENT, "curl", "-sgk", "--http1.1", "--max-time", "10", *words, url)
        for number in (1, 2):
            run(PROXY, "curl", "-s", "--unix-socket", lab.work / f"unix{number}", "http://www.origin.test/unix")
        lab.end_all()
        plain, stacked, common = truth(lab, capture, leg)
        finish(directory, part(lab, capture, NAME, "!(tcp.port == 8183)"), {
            "file": f"{NAME}.pcapng", "description": f"{WORDS}; LOCAL and UNKNOWN", **common, "tunnels": plain})
        finish(directory, part(lab, capture, f"{NAME}_stacked", "tcp.port == 8183"), {
            "file": f"{NAME}_stacked.pcapng", "description": f"{WORDS}; one header behind another, both orders",
            **common, "tunnels": stacked, "no_client": [], "no_client_headers": []})


if __name__ == "__main__":
    main(make)
