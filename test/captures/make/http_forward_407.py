#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes http_forward_407.pcapng and its truth: requests in absolute form that a proxy first answers with 407.
"""http_forward_407.py [DIRECTORY]        as root; needs curl wget squid tinyproxy-bin tshark tcpdump"""

from __future__ import annotations

from pathlib import Path

from forwarding import (API, PASSWORD, SOURCE, SQUID_AUTH, SQUID_DIGEST, TINYPROXY, USER, WWW, basic_auth, exchanges,
                        forwarded, start_origin, start_squid, start_tinyproxy)
from lab import CLIENT, Lab, finish, main, own_proxy_free_environment, run, streams, version

NAME = "http_forward_407"
KNOWN, WRONG = ["-U", f"{USER}:{PASSWORD}"], ["-U", f"{USER}:guess"]
# proxy, user, curl's words, the status codes of each connection
SESSIONS: list[tuple[str, str | None, list[str], list[list[int]]]] = [
    (SQUID_AUTH, USER, ["--proxy-anyauth", *KNOWN, f"{WWW}/one", f"{API}/two"], [[407, 200, 407, 200]]),
    (SQUID_DIGEST, USER, ["--proxy-anyauth", *KNOWN, f"{WWW}/digest", f"{API}/digest"], [[407, 200, 407, 200]]),
    (SQUID_AUTH, USER, ["--proxy-anyauth", *KNOWN, "--data-binary", "a line of text", f"{API}/post"], [[407, 201]]),
    (SQUID_AUTH, USER, [*WRONG, f"{WWW}/wrong"], [[407]]),
    (SQUID_AUTH, None, [f"{WWW}/nobody", f"{API}/nobody"], [[407, 407]]),
    (TINYPROXY, USER, ["--proxy-anyauth", *KNOWN, f"{WWW}/tinyproxy"], [[407], [200]]),
]


def make(directory: Path) -> None:
    with Lab() as lab:
        start_origin(lab)
        digest = lab.file("digest", f"{USER}:{PASSWORD}\n")
        start_squid(lab, auth=f"auth_param digest program /usr/lib/squid/digest_file_auth {digest}\n"
                    f"auth_param digest realm lab\nauth_param digest children 1\n{basic_auth(lab)}")
        start_tinyproxy(lab, f"BasicAuth {USER} {PASSWORD}\n")
        capture = lab.capture(CLIENT, "leg1", name=f"{NAME}.pcapng")
        for proxy, _, words, _ in SESSIONS:
            run(CLIENT, "curl", "-s", "--max-time", "10", "-x", f"http://{proxy}", *words)
        run(CLIENT, "wget", "-q", "-O", "-", f"{WWW}/wget", code=8,
            env=own_proxy_free_environment(http_proxy=f"http://{SQUID_AUTH}"))
        lab.end_all()
        opened = streams(capture)
        connections = []
        for proxy, user, words, connection in [*SESSIONS, (SQUID_AUTH, None, [], [[407]])]:
            for codes in connection:
                stream = opened.pop(0)
                requests = exchanges(lab, stream)
                found = [request["status"] for request in requests]
                assert (stream.server, found) == (proxy, codes), (stream.server, found, proxy, codes)
                connections.append(forwarded(stream, requests, version("curl" if words else "wget"), user))
        assert not opened
        finish(directory, capture, {
            "file": f"{NAME}.pcapng", "description": "curl and wget in absolute form through proxies that want a user: "
            "407 and the same request again (Basic, Digest, POST) on one connection or a new one; wrong and no "
            "password",
            "truth_source": SOURCE, "notes": [
                "requests_407 has the shape of tunnels. It is not called so, since a 407 stays outside the virtual "
                "conversation while the request that it answers is inside, which ranges up to the end of each message "
                "cannot say", "a request with the status 407 and no user name in it is listed with the user that curl "
                "was given and held back"],
            "tunnels": [], "requests_407": connections})


if __name__ == "__main__":
    main(make)
