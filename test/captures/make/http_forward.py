#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes http_forward.pcapng and its truth: curl and wget through squid, privoxy and tinyproxy, absolute form.
"""http_forward.py [DIRECTORY]        as root; needs curl wget squid privoxy tinyproxy-bin tshark tcpdump"""

from __future__ import annotations

from pathlib import Path

from forwarding import (API, PASSWORD, PRIVOXY, SOURCE, SQUID, SQUID_AUTH, TINYPROXY, USER, WWW, basic_auth, exchanges,
                        forwarded, start_origin, start_privoxy, start_squid, start_tinyproxy)
from lab import CLIENT, Lab, finish, main, own_proxy_free_environment, run, streams, version

NAME = "http_forward"
CLOSED = WWW + ":81"
POST = ["-H", "Content-Type: text/plain", "--data-binary", "@post.txt", "-H", "Expect: 100-continue"]
CHUNKS = ["-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", "@post.txt"]
OLD = ["-H", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT"]
# proxy, user, program, then for each request: URL and the words for it
SESSIONS: list[tuple[str, str | None, str, list[tuple[str, list[str]]]]] = [
    (SQUID, None, "curl", [(f"{WWW}/length", []), (f"{API}/chunked", []), (f"{WWW}/head", ["--head"]),
                           (f"{WWW}/old", OLD), (f"{API}/post", POST), (f"{WWW}/empty", []), (f"{WWW}/kept", []),
                           (f"{API}/early", []), (f"{WWW}/kept", []), (f"{API}/chunks", CHUNKS), (f"{WWW}/close", []),
                           (f"{CLOSED}/closed", [])]),
    (SQUID, None, "wget", [(f"{WWW}/wget?first", []), (f"{API}/wget?second", []), (f"{WWW}/chunked?wget", [])]),
    (SQUID, None, "wget", [("http://10.77.2.3:8080/literal", []), ("http://[fd77:2::2]:8080/literal", [])]),
    (SQUID_AUTH, USER, "curl", [(f"{API}/user", []), (f"{WWW}/user", [])]),
    (PRIVOXY, None, "curl", [(f"{WWW}/privoxy", []), (f"{API}/chunked?privoxy", []),
                             (f"{WWW}/head?privoxy", ["--head"]), (f"{API}/post?privoxy", POST),
                             (f"{WWW}/old?privoxy", OLD), (f"{CLOSED}/privoxy", [])]),
    (PRIVOXY, None, "wget", [(f"{WWW}/wget?privoxy", []), (f"{API}/empty?privoxy", []), (f"{WWW}/close?privoxy", [])]),
    (TINYPROXY, None, "curl", [(f"{WWW}/tinyproxy", []), (f"{API}/chunked?tinyproxy", []),
                               (f"{CLOSED}/tinyproxy", [])]),
    (TINYPROXY, None, "wget", [(f"{WWW}/wget?tinyproxy", [])]),
]


def visit(lab: Lab, proxy: str, user: str | None, program: str, requests: list[tuple[str, list[str]]]) -> list[str]:
    """Asks for everything with one command. Gives back the client's port for each request, where curl tells it."""
    if program == "wget":
        run(CLIENT, "wget", "-q", "-O", lab.work / "wget.out", *(url for url, _ in requests), cwd=lab.work,
            env=own_proxy_free_environment(http_proxy=f"http://{proxy}"), code=None)
        return []
    words = []
    for url, more in requests:
        words += ["--next"] if words else []
        words += ["-s", "--max-time", "10", "-x", f"http://{proxy}", "-o", "curl.out", *more, url]
        words += ["-w", "%{local_port} %{http_code}\n"] + (["--proxy-user", f"{user}:{PASSWORD}"] if user else [])
    return run(CLIENT, "curl", *words, cwd=lab.work).stdout.decode().splitlines()


def make(directory: Path) -> None:
    with Lab() as lab:
        lab.file("post.txt", "A line that is posted.\n" * 12)
        start_origin(lab)
        start_squid(lab, auth=basic_auth(lab))
        start_privoxy(lab)
        start_tinyproxy(lab)
        capture = lab.capture(CLIENT, "leg1", name=f"{NAME}.pcapng")
        told = [visit(lab, *session) for session in SESSIONS]
        lab.end_all()
        opened = streams(capture)
        tunnels = []
        for (proxy, user, program, wanted), answers in zip(SESSIONS, told):
            asked = [url for url, _ in wanted]
            found: list[tuple[str, int]] = []
            while asked:
                stream = opened.pop(0)
                requests = exchanges(lab, stream)
                assert stream.server == proxy and [request["uri"] for request in requests] == asked[:len(requests)]
                del asked[:len(requests)]
                found += [(stream.client.rsplit(":", 1)[1], request["status"]) for request in requests]
                tunnels.append(forwarded(stream, requests, version(program), user))
            assert not answers or answers == [f"{port} {status:03}" for port, status in found], (answers, found)
        assert not opened
        finish(directory, capture, {
            "file": f"{NAME}.pcapng", "description": "absolute-form requests of curl and wget through squid, privoxy "
            "and tinyproxy to two origins, by name and by address, several on one connection: Content-Length, chunked "
            "in both directions, HEAD, 304, 100-continue, 204, 103, until close, an answer from squid's cache (the "
            "second /kept), a gateway error of each proxy, preemptive Basic", "truth_source": SOURCE,
            "tunnels": tunnels})


if __name__ == "__main__":
    main(make)
