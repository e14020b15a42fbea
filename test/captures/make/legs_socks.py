# SPDX-License-Identifier: GPL-2.0-or-later
# summary: both legs of SOCKS proxies: dante, which names its own end in each reply, and microsocks, which does not.

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from legs import (NOWHERE, REFUSED_PORT, SIX_HOST, Entry, LegsLab, Told, Visit, confirm, finish_legs, leg_of,
                  legs_by_thread, mark_ambiguous, spans_of, together, tunnel_entry, visit, whole_streams)
from lab import HOST, ORIGIN_6, ORIGIN_ADDRESS, OTHER_HOST, OTHER_ORIGIN, PROXY_ADDRESS, endpoint
from socks import danted

DANTE, MICROSOCKS = f"{PROXY_ADDRESS}:1080", f"{PROXY_ADDRESS}:1081"
NAMED, ADDRESSED, OLD = (("--socks5-hostname", DANTE), ("--socks5", DANTE), ("--socks4", DANTE))


def session(told: Told, words: tuple[str, ...], nears: dict[str, object], far: object, why: str = "") -> Entry:
    parts = urlsplit(told.url)
    secure = parts.scheme == "https"
    protocol = "socks4" if words[0] == "--socks4" else "socks5"
    return tunnel_entry(protocol, nears[told.client], parts.hostname or "", parts.port or (443 if secure else 80),
                        far, "tls" if secure else "http", why)


def dante_log(lab: LegsLab) -> tuple[dict[str, str], dict[str, str]]:
    """From the client's end to dante's own connection: opened, and refused."""
    opened, failed = {}, {}
    place = r"([0-9a-f.:]+)\.(\d+)"
    for line in (lab.work / "danted.1080.log").read_text().splitlines():
        found = re.search(rf"pass\(1\): tcp/connect \[: {place} \S+ -> {place} {place}$", line)
        if found:
            opened[endpoint(*found.groups()[:2])] = "->".join(endpoint(*found.groups()[at:at + 2]) for at in (2, 4))
        found = re.search(rf"tcp/connect \]: 0 -> {place} \S+ -> 0, 0 -> {place} {place} -> 0: remote peer error", line)
        if found:
            failed[endpoint(*found.groups()[:2])] = "->".join(endpoint(*found.groups()[at:at + 2]) for at in (2, 4))
    return opened, failed


def dante(directory: Path) -> None:
    with LegsLab() as lab:
        lab.start_origin()
        danted(lab)
        capture = lab.capture_both("legs_dante")
        rounds: list[list[Visit]] = [
            [visit(NAMED, f"http://{HOST}/one"), visit(NAMED, f"http://{OTHER_HOST}:8080/two", second=True),
             visit(ADDRESSED, f"http://{ORIGIN_ADDRESS}/three"), visit(OLD, f"http://{OTHER_ORIGIN}:8080/four")],
            [visit(NAMED, f"https://{HOST}/five"), visit(ADDRESSED, f"https://{OTHER_ORIGIN}/six"),
             visit(OLD, f"https://{ORIGIN_ADDRESS}/seven", second=True)],
            [visit(NAMED, f"http://{SIX_HOST}/eight"), visit(NAMED, f"https://{SIX_HOST}/nine"),
             visit(ADDRESSED, f"http://[{ORIGIN_6}]:8080/ten")],
            [visit(NAMED, f"http://{HOST}/together/same"), visit(NAMED, f"http://{HOST}/together/same", second=True)],
            # two clients with one port: dante has it for one of them only
            [visit((*NAMED, "--local-port", "45454"), f"http://{HOST}/together/port"),
             visit((*NAMED, "--local-port", "45454"), f"http://{HOST}/together/port", second=True)],
            [visit(NAMED, f"http://{HOST}:{REFUSED_PORT}/refused"), visit(NAMED, f"http://{NOWHERE}/nowhere"),
             visit(OLD, f"http://{ORIGIN_ADDRESS}:{REFUSED_PORT}/refused", second=True)]]
        told = [(each, row) for part in rounds for each, rows in zip(part, together(lab, part)) for row in rows]
        lab.end_all()
        opened, failed = dante_log(lab)
        found = whole_streams(capture)
        nears = {stream.client: stream for stream in found if stream.server == DANTE}
        fars = {leg_of(stream): stream for stream in found if stream.server != DANTE}
        tunnels = []
        for each, row in told:
            far = fars[opened[row.client]] if row.client in opened else None
            why = "unresolved" if NOWHERE in row.url else "refused"
            assert (row.status == 200) == bool(far), row
            entry = session(row, each.words, nears, far, why)
            if far:
                confirm(nears[row.client], far)
            elif row.client in failed:
                assert not fars[failed[row.client]].answered
                entry["wan_attempts"] = [failed[row.client]]
            assert (why == "refused") == (row.client in failed) or far
            tunnels.append(entry)
        mark_ambiguous(tunnels, spans_of(capture, list(fars.values())))
        assert {each["wan_leg"] for each in tunnels if each["wan_leg"]} | set(failed.values()) == set(fars)
        finish_legs(lab, directory, capture, {
            "name": "legs_dante", "description": "curl through dante by SOCKS5 (name, IPv4, IPv6) and SOCKS4 to HTTP "
            "and TLS, both legs; dante's replies name its own end, and it takes the client's port for it where that is "
            "free; two identical requests at once, twice; refused by SOCKS5 and SOCKS4; a name that does not resolve",
            "truth_source": "pairing: dante's log (client's end and its own connection); payload: the WAN leg by "
            "tshark's Follow TCP; the rest as asked of curl", "cross_check": "ok", "notes": [
                "cross_check: each client's leg is a handshake and then the bytes of its WAN leg, in both directions, "
                "and no WAN connection is left over",
                "wan_ambiguous: others with the same target and the same bytes both ways were open at the same time; "
                "what dante's reply names tells them apart",
                "wan_attempts: connections of the proxy for this session that carried nothing"],
            "tunnels": tunnels}, two_files=True, wan_dns=False)


def microsocks(directory: Path) -> None:
    with LegsLab() as lab:
        lab.start_origin()
        lab.start_traced("microsocks", "-i", PROXY_ADDRESS, "-p", "1081", listens=MICROSOCKS)
        capture = lab.capture_both("legs_microsocks")
        words = ("--socks5-hostname", MICROSOCKS)
        visits = [visit(words, f"http://{HOST}/together/same", second=number % 2 == 1) for number in range(20)]
        visits += [visit(words, f"http://{HOST if number % 3 else OTHER_HOST}/together/{number}",
                         second=number % 2 == 1) for number in range(20)]
        visits += [visit(words, f"https://{HOST}/together/page", second=number % 2 == 1) for number in range(6)]
        visits = [visits[number * 17 % len(visits)] for number in range(len(visits))]
        told = [(each, row) for each, rows in zip(visits, together(lab, visits)) for row in rows]
        last = [visit(words, f"http://{HOST}:{REFUSED_PORT}/refused"), visit(words, f"http://{HOST}/together/same"),
                visit(words, f"http://{NOWHERE}/nowhere")]
        told += [(each, row) for each, rows in zip(last, together(lab, last)) for row in rows]
        lab.end_all()
        legs = legs_by_thread(lab, "microsocks", MICROSOCKS)
        found = whole_streams(capture)
        nears = {stream.client: stream for stream in found if stream.server == MICROSOCKS}
        fars = {leg_of(stream): stream for stream in found if stream.server != MICROSOCKS}
        tunnels = []
        for each, row in told:
            mine = legs[row.client]
            assert len(mine) == (row.status == 200), (row, mine)
            far = fars[mine[0]] if mine else None
            tunnels.append(session(row, each.words, nears, far, "unresolved" if NOWHERE in row.url else "refused"))
            if far:
                confirm(nears[row.client], far)
            elif NOWHERE not in row.url:
                tunnels[-1]["wan_attempts"] = [leg for leg, stream in fars.items()
                                               if stream.server == f"{ORIGIN_ADDRESS}:{REFUSED_PORT}"]
        mark_ambiguous(tunnels, spans_of(capture, list(fars.values())))
        carried = [each["wan_leg"] for each in tunnels if each["wan_leg"]]
        assert len(set(carried)) == len(carried) == len(fars) - 1
        finish_legs(lab, directory, capture, {
            "name": "legs_microsocks", "description": "46 curls at once from two addresses through microsocks, whose "
            "replies name 0.0.0.0:0: 20 ask for one object with the same bytes, 20 for different ones, 6 for one page "
            "by TLS; then one more for that object, alone; a refused connection, a name that does not resolve",
            "truth_source": "pairing: strace of microsocks (one thread per client: the connection that it was given "
            "and the one that it opened); payload: the WAN leg by tshark's Follow TCP; the rest as asked of curl",
            "cross_check": "ok", "notes": [
                "cross_check: each client's leg is a handshake and then the bytes of its WAN leg, in both directions, "
                "and no WAN connection is left over",
                "wan_ambiguous: others with the same target and the same bytes both ways were open at the same time",
                "wan_attempts: connections of the proxy for this session that carried nothing"],
            "tunnels": tunnels}, two_files=True)
