# SPDX-License-Identifier: GPL-2.0-or-later
# summary: haproxy as several scripts here start it, and what its log tells.

from __future__ import annotations

from lab import PROXY, Lab

DEFAULTS = """defaults
 mode tcp
 timeout connect 5s
 timeout client 5s
 timeout server 5s
"""


def start_haproxy(lab: Lab, sections: str, listens: str) -> None:
    """In the namespace of the proxy, in TCP mode unless a section says otherwise."""
    log = ' log stdout format raw local0\n log-format "connection %ci %cp %bi %bp"\n'
    lab.start(PROXY, "haproxy", "-f", lab.file("haproxy.cfg", DEFAULTS + log + sections), listens=listens)


def logged(lab: Lab) -> dict[tuple[str, int], tuple[str, int]]:
    """From the client's end of each connection to haproxy to haproxy's own end behind it, as haproxy logs them."""
    lines = [line.split() for file in lab.work.glob("*.haproxy.out") for line in file.read_text().splitlines()
             if line.startswith("connection ")]
    return {(client, int(client_port)): (own, int(own_port)) for _, client, client_port, own, own_port in lines}
