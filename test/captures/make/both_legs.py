#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: makes the legs_*.pcapng.gz and their truth: both sides of a proxy at once, and whose connection is whose.
"""both_legs.py [DIRECTORY [NAME...]]        as root

Needs curl dante-server microsocks tinyproxy-bin squid privoxy haproxy nginx-light dnsmasq-base strace openssl iproute2
tshark. NAME: dante microsocks tinyproxy squid privoxy haproxy happy_eyeballs; without one, all of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import legs_eyeballs
import legs_haproxy
import legs_http
import legs_socks

CAPTURES = {"dante": legs_socks.dante, "microsocks": legs_socks.microsocks, "tinyproxy": legs_http.tinyproxy,
            "squid": legs_http.squid, "privoxy": legs_http.privoxy, "haproxy": legs_haproxy.haproxy,
            "happy_eyeballs": legs_eyeballs.happy_eyeballs}


def main(directory: str = "", *names: str) -> None:
    where = Path(directory) if directory else Path(__file__).resolve().parents[1]
    for name in names or CAPTURES:
        CAPTURES[name](where)


if __name__ == "__main__":
    main(*sys.argv[1:])
