#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes tls_proxy and tls_forward (.pcapng, .keys, truth): curl's proxy protocols inside TLS.
"""tls_proxy.py [DIRECTORY]     as root; needs curl haproxy squid tinyproxy-bin microsocks socat openssl tshark tcpdump

What is inside TLS is known from the clear leg between haproxy and the proxy behind it.
tls_proxy_secrets.pcapng is tls_proxy.pcapng with the keys in it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from forwarding import SQUID, TINYPROXY, exchanges, forwarded, start_squid, start_tinyproxy
from haproxy import logged, start_haproxy
from lab import (CLIENT, HOST, ORIGIN, ORIGIN_ADDRESS, OTHER_HOST, OTHER_ORIGIN, PROXY, PROXY_ADDRESS, Lab, Stream,
                 certificate, finish, host, main, own_proxy_free_environment, payload, run, streams, tshark, version)

ALPN, OLD, SOCKS, SQUID_TLS = (f"{PROXY_ADDRESS}:{port}" for port in (8443, 8444, 1443, 3130))
LOCAL, MICROSOCKS = "127.0.0.1:1080", f"{PROXY_ADDRESS}:1080"
WWW, API, TLS_URL = f"http://{HOST}/", f"http://{OTHER_HOST}:8080/", f"https://{HOST}/"
# proxy, its protocol, curl's words
SESSIONS: list[tuple[str, str, list[str]]] = [
    (ALPN, "http-connect", ["-x", f"https://{ALPN}", TLS_URL]),
    (ALPN, "http-connect", ["-p", "-x", f"https://{ALPN}", API]),
    (OLD, "http-connect", ["-x", f"https://{OLD}", TLS_URL]),
    (OLD, "http-connect", ["-p", "-x", f"https://alice:s3cret@{OLD}", API]),
    (SOCKS, "socks5", ["--socks5-hostname", LOCAL, WWW]),
    (SOCKS, "socks5", ["--socks5-hostname", LOCAL, TLS_URL]),
    (SQUID_TLS, "http-connect", ["-x", f"https://{SQUID_TLS}", TLS_URL]),
    (OLD, "http-forward", ["-x", f"https://{OLD}", WWW + "one", API + "chunked"]),
    (SQUID_TLS, "http-forward", ["-x", f"https://{SQUID_TLS}", WWW + "three", API + "four", WWW + "five"])]
BEHIND = {ALPN: TINYPROXY, OLD: SQUID, SOCKS: MICROSOCKS}
PACKAGES = {ALPN: "tinyproxy-bin", OLD: "squid", SOCKS: "microsocks", SQUID_TLS: "squid"}


def start(lab: Lab) -> None:
    secret, key = certificate(lab.work, HOST, "proxy.test")
    lab.start(ORIGIN, sys.executable, Path(__file__).with_name("origin.py"), lab.work / "origin.log",
              f"{ORIGIN_ADDRESS},80", f"{OTHER_ORIGIN},8080", f"{ORIGIN_ADDRESS},443,{secret},{key}",
              listens=f"{ORIGIN_ADDRESS}:443")
    start_squid(lab, f"https_port {SQUID_TLS} tls-cert={secret} tls-key={key} name=tls\nacl tls myportname tls\n"
                "http_access allow tls\n")
    start_tinyproxy(lab)
    lab.start(PROXY, "microsocks", "-i", PROXY_ADDRESS, "-p", "1080", listens=MICROSOCKS)
    start_haproxy(lab, "".join(
        f"listen p{number}\n bind {place} ssl crt {lab.work}/both.pem {words}\n server s {BEHIND[place]}\n"
        for number, (place, words) in enumerate(((ALPN, "alpn http/1.1"), (OLD, "ssl-max-ver TLSv1.2"), (SOCKS, "")))),
        SOCKS)
    # curl cannot do it alone: socat hands each connection to openssl
    lab.start(CLIENT, "socat", "TCP-LISTEN:1080,bind=127.0.0.1,fork,reuseaddr", f"EXEC:openssl s_client -quiet "
              f"-connect {SOCKS.replace(':', chr(92) + ':')} -keylogfile {lab.work}/keys", listens=LOCAL)


def truth(lab: Lab, capture: Path, clear: Path, wan: Path) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    behind = logged(lab)
    inside = {host(stream.client): stream for stream in streams(clear)}
    far = streams(wan)
    tunnels: list[dict[str, object]] = []
    forwards: list[dict[str, object]] = []
    for near, (proxy, protocol, words) in zip(streams(capture), SESSIONS, strict=True):
        assert near.server == proxy
        decrypted = streams(capture, "tls", "-otls.keylog_file:" + str(lab.work / "keys"), only=near.number)[0]
        plain = decrypted if proxy == SQUID_TLS else inside[behind[host(near.client)]]
        user = "alice" if "alice" in "".join(words) else None
        software = {"client_sw": version("curl") + (", " + version("openssl") if protocol == "socks5" else ""),
                    "proxy_sw": version(PACKAGES[proxy]) + (" behind " + version("haproxy") if proxy in BEHIND else "")}
        if protocol == "http-forward":
            assert (decrypted.sent, decrypted.answered) == (plain.sent, plain.answered)
            stream = Stream(near.client, SQUID, plain.sent, plain.answered, near.start, near.number)
            forwards.append(forwarded(stream, exchanges(lab, stream), "", user) | software |
                            {"proxy": proxy, "proxy_tls": True})
            continue
        port = 443 if words[-1] == TLS_URL else 8080 if words[-1] == API else 80
        other = next(stream for stream in far if host(stream.server)[1] == port and stream.start > near.start)
        far.remove(other)
        if proxy in BEHIND:                       # (what Follow TLS shows of TLS in TLS is the inner one)
            assert plain.sent.endswith(other.sent) and plain.answered.endswith(other.answered)
        heads = [] if proxy == SQUID_TLS else [plain.sent[:len(plain.sent) - len(other.sent)],
                                               plain.answered[:len(plain.answered) - len(other.answered)]]
        address, origin_port = host(other.server)
        tunnels.append({
            "proxy_protocol": protocol, "proxy_tls": True, "client": near.client, "proxy": proxy,
            "target_host": OTHER_HOST if port == 8080 else HOST, "target_port": port, "origin_ip": address,
            "origin_port": origin_port, "username": user, "reply": "granted", "app": "tls" if port == 443 else "http",
            "wan_flow": f"{other.client}->{other.server}", **payload(other.sent, other.answered),
            **{f"inner_handshake_{way}": head.hex() for way, head in zip(("c2s", "s2c"), heads)}} | software)
    return tunnels, forwards


def make(directory: Path) -> None:
    with Lab() as lab:
        start(lab)
        capture = lab.capture(CLIENT, "leg1", name="tls.pcapng")
        clear = lab.capture(PROXY, "lo", name="clear.pcap")
        wan = lab.capture(ORIGIN, "leg2", name="wan.pcap")
        for _, _, words in SESSIONS:
            run(CLIENT, "curl", "-skg", "--http1.1", "--proxy-insecure", "--max-time", "10", "-o",
                lab.work / "curl.out", *words, env=own_proxy_free_environment(SSLKEYLOGFILE=lab.work / "keys"))
        lab.end_all()
        tunnels, forwards = truth(lab, capture, clear, wan)
        ports = ",".join(str(host(str(entry["client"]))[1]) for entry in forwards)
        common = {"truth_source": "the clear leg between haproxy and the proxy behind it, and that to the origin; for "
                  "squid's own TLS port what tshark decrypts; the rest as asked of curl"}
        in_ports = f"tcp.port in {{{ports}}}"
        for name, condition in (("tls_proxy", f"not {in_ports}"), ("tls_forward", in_ports)):
            tshark(capture, "-Y", condition, "-w", lab.work / f"{name}.pcapng")
            shutil.copyfile(lab.work / "keys", directory / f"{name}.keys")
        words = "curl: CONNECT inside TLS 1.3 (with ALPN) and TLS 1.2, TLS inside it again; SOCKS5 inside TLS"
        finish(directory, lab.work / "tls_proxy.pcapng", {
            "file": "tls_proxy.pcapng", "description": words, "tunnels": tunnels} | common)
        finish(directory, lab.work / "tls_forward.pcapng", {
            "file": "tls_forward.pcapng", "description": "curl: requests in absolute form inside TLS, to two "
            "origins on one connection", "notes": [
                "forwarded_in_tls has the shape of tunnels; its ranges are in the decrypted stream"],
            "tunnels": [], "forwarded_in_tls": forwards} | common)
        subprocess.run(["editcap", "--inject-secrets", f"tls,{lab.work}/keys", lab.work / "tls_proxy.pcapng",
                        lab.work / "secrets.pcapng"], check=True)
        finish(directory, lab.work / "secrets.pcapng", {
            "file": "tls_proxy_secrets.pcapng", "description": f"{words}; tls_proxy.pcapng with its keys in it",
            "tunnels": tunnels} | common)


if __name__ == "__main__":
    main(make)
