# SPDX-License-Identifier: GPL-2.0-or-later
# summary: both legs where the proxy opens more than one connection for a session, and one of them carries it.

from __future__ import annotations

import sys
import time
from pathlib import Path

from forwarding import PRIVOXY, SQUID, TINYPROXY, start_squid
from lab import (ORIGIN, ORIGIN_6, OTHER_ORIGIN, PROXY, PROXY_ADDRESS, THIRD_ORIGIN, run, sh)
from legs import (LegsLab, Told, Visit, confirm, finish_legs, leg_of, together, visit, whole_streams)
from legs_http import NOTES, Account, mark_requests, paired, words_for
from legs_socks import DANTE, NAMED, dante_log, session
from socks import danted

SILENT, SLOW, SLOW_6, GOOD_6 = "10.77.2.65", "10.77.2.66", "fd77:2::67", "fd77:2::68"
PORT = 8088                                      # THIRD_ORIGIN and GOOD_6 are the only ones that listen there
# The resolver's answers, and what happens; the names below these have them, too: a proxy remembers what does not work.
NAMES = {"drop.test": (SILENT, GOOD_6), "slow.test": (SLOW, GOOD_6), "both.test": (SLOW, SLOW_6),
         "retry.test": (THIRD_ORIGIN, OTHER_ORIGIN), "six.test": (ORIGIN_6, THIRD_ORIGIN),
         "four.test": (OTHER_ORIGIN, GOOD_6)}


def slow_down(lab: LegsLab) -> None:
    """No answer from SILENT gets out, those of the slow ones are late."""
    mac = run(PROXY, "cat", "/sys/class/net/leg2/address").stdout.decode().strip()
    sh("\n".join(f"ip -n {ORIGIN} address add {address} dev leg2{' nodad' if ':' in address else ''}" for address in (
        f"{SILENT}/24", f"{SLOW}/24", f"{SLOW_6}/64", f"{GOOD_6}/64")))
    lab.start(ORIGIN, sys.executable, Path(__file__).with_name("legs_slow.py"), "late", "leg2", mac,
              f"{SLOW}=0.5", f"{SLOW_6}=0.35")
    for _ in range(50):
        if run(ORIGIN, "ip", "link", "show", "late", code=None).returncode == 0:
            break
        time.sleep(0.1)
    sh(f"""ip -n {ORIGIN} link set late up
           ip -n {ORIGIN} route add default dev late table 51
           ip -6 -n {ORIGIN} route add default dev late table 51
           ip -n {ORIGIN} rule add from {SLOW} lookup 51
           ip -6 -n {ORIGIN} rule add from {SLOW_6} lookup 51
           ip -n {ORIGIN} rule add from {SILENT} blackhole""")


def visits() -> list[Visit]:
    found = []
    for number, proxy in enumerate((SQUID, TINYPROXY, PRIVOXY)):
        plain, tunnel = words_for(proxy)
        if proxy == SQUID:
            found += [visit(plain, "http://a.drop.test/drop/1"), visit(tunnel, "http://b.drop.test/drop/2"),
                      visit(tunnel, "https://c.drop.test/drop/3"), visit(plain, "http://a.slow.test/slow/1"),
                      visit(tunnel, "http://b.slow.test/slow/2"), visit(plain, "http://a.both.test/both/1"),
                      visit(tunnel, "http://b.both.test/both/2"), visit(plain, "http://a.drop.test/drop/4"),
                      visit(plain, f"http://a.four.test:{PORT}/four/1"),
                      visit(tunnel, f"http://b.four.test:{PORT}/four/2")]
        found += [visit(plain, f"http://a{number}.retry.test:{PORT}/retry/1"),
                  visit(tunnel, f"http://b{number}.retry.test:{PORT}/retry/2"),
                  visit(plain, f"http://c{number}.six.test:{PORT}/six/1"),
                  visit(tunnel, f"http://d{number}.six.test:{PORT}/six/2")]
    return found + [visit(NAMED, f"http://a3.retry.test:{PORT}/retry/3"),
                    visit(NAMED, f"http://b3.six.test:{PORT}/six/3")]


def start_proxies(lab: LegsLab) -> None:
    start_squid(lab, more=f"logformat legs %>a:%>p %<la %<lp %<a %<p %rm %ru %>Hs %Ss\n"
                f"access_log stdio:{lab.work}/legs.log legs\n")
    lab.start_traced("tinyproxy", "-d", "-c", lab.file("tinyproxy.conf", f"Port 8888\nListen {PROXY_ADDRESS}\n"
                     "Timeout 20\nLogLevel Warning\nViaProxyName \"proxy.test\"\n"), listens=TINYPROXY)
    lab.start_traced("privoxy", "--no-daemon", lab.file("privoxy.conf", f"confdir /etc/privoxy\nlogdir {lab.work}\n"
                     f"listen-address {PRIVOXY}\n"), listens=PRIVOXY)
    danted(lab)


def told_by_proxies(lab: LegsLab) -> Account:
    account = Account.of_squid(lab)
    for program, place in (("tinyproxy", TINYPROXY), ("privoxy", PRIVOXY)):
        other = Account.of_threads(lab, program, place)
        account.tunnel |= other.tunnel
        account.requests |= other.requests
    return account


def happy_eyeballs(directory: Path) -> None:
    records = [f"--address=/{name}/{address}" for name, addresses in NAMES.items() for address in addresses]
    with LegsLab(records) as lab:
        slow_down(lab)
        lab.start_origin(f"{SILENT},80", f"{SLOW},80", f"{SLOW_6},80", f"{GOOD_6},80", f"{GOOD_6},{PORT}",
                         f"{GOOD_6},443,{lab.work}/certificate.pem,{lab.work}/key.pem", f"{THIRD_ORIGIN},{PORT}")
        start_proxies(lab)
        capture = lab.capture_both("legs_happy_eyeballs")
        asked: list[tuple[Visit, list[Told]]] = []
        times: list[tuple[float, float]] = []
        for each in visits():
            start = time.time()
            asked.append((each, together(lab, [each])[0]))
            time.sleep(0.6)                      # what comes late
            times.append((start, time.time()))
        lab.end_all()
        found = whole_streams(capture)
        proxies = (SQUID, TINYPROXY, PRIVOXY, DANTE)
        nears = {stream.client: stream for stream in found if stream.server in proxies}
        fars = {leg_of(stream): stream for stream in found if stream.server not in proxies}
        web = [pair for pair in asked if pair[0].words != NAMED]
        tunnels, used = paired(lab, nears, fars, web, told_by_proxies(lab))
        opened, failed = dante_log(lab)
        for each, (row,) in asked[len(web):]:
            far = fars[opened[row.client]] if row.client in opened else None
            tunnels.append(session(row, each.words, nears, far, "refused"))
            if far:
                confirm(nears[row.client], far)
                used.add(leg_of(far))
            assert (row.status == 200) == bool(far) != (row.client in failed)
        assert len(tunnels) == len(asked)
        for tunnel, (start, stop) in zip(tunnels, times):
            entry = tunnel.get("requests", [tunnel])[0]
            tried = [leg for leg, stream in fars.items() if start <= stream.start < stop and leg not in used]
            assert not any(fars[leg].sent or fars[leg].answered for leg in tried), tried
            if tried:
                entry["wan_attempts"] = tried
                used |= set(tried)
        assert used == set(fars), set(fars) - used
        mark_requests(tunnels)
        finish_legs(lab, directory, capture, {
            "name": "legs_happy_eyeballs", "description": "one curl after the other, to names with two addresses. "
            "Squid: the IPv4 address does not answer (drop), answers late (slow), both answer late (both), it refuses "
            "(four), the first of two IPv4 addresses refuses (retry); tinyproxy, privoxy, dante: the first of two IPv4 "
            "addresses refuses (retry), IPv6 refuses (six; dante leaves it at that, squid asks IPv4 first)",
            "truth_source": "pairing: squid's log (%>a:%>p %<la %<lp %<a %<p), strace of tinyproxy and privoxy, "
            "dante's log, and the origin's log (path and the proxy's end); wan_attempts: WAN connections between the "
            "start of this client and of the next one, which are in none of these logs and carried nothing; payload of "
            "CONNECT and SOCKS5: the WAN leg by tshark's Follow TCP", "cross_check": "ok", "notes": [
                *NOTES, "nobody but one client was there at a time, so that an attempt is its own"],
            "tunnels": tunnels})
