# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what the scripts of forward proxying share: the proxies, and the truth about requests in absolute form.

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from lab import (HOST, ORIGIN, ORIGIN_6, ORIGIN_ADDRESS, OTHER_ORIGIN, PROXY, PROXY_ADDRESS, Lab, Stream, hashed,
                 payload, run, version)

SQUID, PRIVOXY, TINYPROXY = (f"{PROXY_ADDRESS}:{port}" for port in (3128, 8118, 8888))
SQUID_AUTH, SQUID_DIGEST = f"{PROXY_ADDRESS}:3129", f"{PROXY_ADDRESS}:3130"
USER, PASSWORD = "alice", "s3cret"
WWW, API = f"http://{HOST}", "http://api.origin.test:8080"
SOURCE = ("URLs, ports and status codes as the driver asked and the client told; the origin of each request from the "
          "origin's log (null: it never got there); boundaries of messages by a small splitter (forwarding.py) in the "
          "bytes of tshark's Follow TCP. Payload is the whole stream, the requests have their ranges in it")
PACKAGES = {SQUID: "squid", SQUID_AUTH: "squid", SQUID_DIGEST: "squid", PRIVOXY: "privoxy", TINYPROXY: "tinyproxy-bin"}


def start_origin(lab: Lab) -> None:
    """www.origin.test:80, api.origin.test:8080 and port 8080 of the IPv6 address."""
    lab.start(ORIGIN, sys.executable, Path(__file__).with_name("origin.py"), lab.work / "origin.log",
              f"{ORIGIN_ADDRESS},80", f"{OTHER_ORIGIN},8080", f"{ORIGIN_6},8080",
              listens=f"[{ORIGIN_6}]:8080")


def start_squid(lab: Lab, more: str = "", auth: str = "") -> None:
    """The open port 3128 and, with auth, others that want a user name: one by Basic, one by all that auth says."""
    if auth:
        more += (f"http_port {SQUID_AUTH} name=basic\nhttp_port {SQUID_DIGEST} name=digest\n{auth}"
                 "acl basic myportname basic\nauth_schemes basic basic\nacl known proxy_auth REQUIRED\n")
    lab.start(PROXY, "squid", "-N", "-f", lab.file("squid.conf", f"""http_port {SQUID} name=open
{more}
acl open myportname open
http_access allow open
{"http_access allow known" if auth else ""}
http_access deny all
access_log stdio:{lab.work}/squid.log
cache_log {lab.work}/squid.cache.log
cache_mem 4 MB
pid_filename {lab.work}/squid.pid
coredump_dir {lab.work}
shutdown_lifetime 1 second
connect_timeout 5 seconds
visible_hostname proxy.test
httpd_suppress_version_string on
pinger_enable off
netdb_filename none
max_filedescriptors 1024
"""), listens=SQUID)


def basic_auth(lab: Lab) -> str:
    """Squid's words for Basic authentication of one user."""
    secret = run(PROXY, "openssl", "passwd", "-apr1", PASSWORD).stdout.decode().strip()
    return (f"auth_param basic program /usr/lib/squid/basic_ncsa_auth {lab.file('passwords', f'{USER}:{secret}')}\n"
            "auth_param basic realm lab\nauth_param basic children 1\n")


def start_privoxy(lab: Lab) -> None:
    lab.start(PROXY, "privoxy", "--no-daemon", lab.file("privoxy.conf", f"confdir /etc/privoxy\nlogdir {lab.work}\n"
              f"listen-address {PRIVOXY}\nkeep-alive-timeout 10\ntolerate-pipelining 1\n"), listens=PRIVOXY)


def start_tinyproxy(lab: Lab, more: str = "") -> None:
    lab.start(PROXY, "tinyproxy", "-d", "-c", lab.file("tinyproxy.conf", f"Port 8888\nListen {PROXY_ADDRESS}\n"
              f"Timeout 20\nLogLevel Warning\nViaProxyName \"proxy.test\"\n{more}"), listens=TINYPROXY)


class Message(NamedTuple):
    start: int
    end: int
    line: str
    body: bytes


def messages(data: bytes, methods: list[str] | None = None) -> list[Message]:
    """The HTTP/1 messages in what one side said: requests, or the answers to requests with these methods. CONNECT
    and an upgrade take all that follows."""
    found: list[Message] = []
    position = 0
    final = 0
    while position < len(data):
        stop = data.index(b"\r\n\r\n", position) + 4
        line, *rest = data[position:stop].decode("latin-1").split("\r\n")
        headers = {name.lower(): text.strip() for name, _, text in (field.partition(":") for field in rest)}
        status = line.split()[1] if methods is not None else ""
        body = b""
        if status == "101" or line.startswith("CONNECT ") or not status and "upgrade" in headers:
            stop = len(data)
        elif status[:1] == "1" or status in ("204", "304"):
            pass
        elif methods is not None and methods[final] == "HEAD":
            pass
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            while True:
                after = data.index(b"\r\n", stop) + 2
                size = int(data[stop:after].split(b";")[0], 16)
                if not size:
                    break
                body += data[after:after + size]
                stop = after + size + 2
            stop = data.index(b"\r\n\r\n", after - 2) + 4        # behind the trailer
        elif "content-length" in headers:
            body = data[stop:stop + int(headers["content-length"])]
            stop += len(body)
        elif methods is not None:
            body, stop = data[stop:], len(data)
        found.append(Message(position, stop, line, body))
        final += status[:1] != "1" or status == "101"
        position = stop
    return found


def exchanges(lab: Lab, stream: Stream) -> list[dict[str, object]]:
    """The requests of one connection to the proxy, each with its final answer."""
    log = [json.loads(line) for line in (lab.work / "origin.log").read_text().splitlines()]
    asked = messages(stream.sent)
    answers = [answer for answer in messages(stream.answered, [request.line.split()[0] for request in asked])
               if not answer.line.split()[1].startswith("1") or answer.line.split()[1] == "101"]
    assert len(asked) == len(answers), (asked, answers)
    found: list[dict[str, object]] = []
    for request, answer in zip(asked, answers):
        method, uri, _ = request.line.split()
        if method == "CONNECT":
            break
        parts = urlsplit(uri)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        wanted = {"method": method, "path": path, "host": parts.netloc}
        status = int(answer.line.split()[1])
        seen = [entry for entry in log if wanted.items() <= entry.items() and status != 407]
        if seen:
            log.remove(seen[0])                  # the next one may come from a cache
        found.append({
            "method": method, "uri": uri, "target_host": parts.hostname, "target_port": parts.port or 80,
            "status": status,
            "origin_ip": seen[0]["at"][0] if seen else None, "seen_by_origin": bool(seen),
            "c2s_offset": request.start, "c2s_len": request.end - request.start,
            "c2s_sha256": hashed(stream.sent[request.start:request.end]),
            "s2c_offset": answer.start, "s2c_len": answer.end - answer.start,
            "s2c_sha256": hashed(stream.answered[answer.start:answer.end]),
            "request_body_sha256": hashed(request.body), "response_body_bytes": len(answer.body),
            "response_body_sha256": hashed(answer.body)})
    return found


def forwarded(stream: Stream, requests: list[dict[str, object]], client: str, user: str | None = None,
              **more: object) -> dict[str, object]:
    """A truth's entry for one connection of a client to a forward proxy."""
    return {"proxy_protocol": "http-forward", "client": stream.client, "proxy": stream.server,
            "target_host": requests[0]["target_host"], "target_port": requests[0]["target_port"],
            "origin_ip": requests[0]["origin_ip"], "username": user, "reply": "granted", "app": "http",
            "targets": sorted({f"{request['target_host']}:{request['target_port']}" for request in requests}),
            "requests": requests, **payload(stream.sent, stream.answered), "client_sw": client,
            "proxy_sw": version(PACKAGES[stream.server]), **more}
