# SPDX-License-Identifier: GPL-2.0-or-later
# summary: both legs of HTTP proxies, CONNECT and absolute form: tinyproxy, squid with its cache and pool, privoxy.

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

from forwarding import PRIVOXY, SQUID, TINYPROXY, exchanges, forwarded, start_squid
from lab import HOST, ORIGIN_ADDRESS, OTHER_HOST, PROXY_ADDRESS, Stream, endpoint, version
from legs import (KNOWN, NOWHERE, REFUSED_PORT, SIX_HOST, Entry, LegsLab, Told, Visit, confirm, finish_legs, leg_of,
                  legs_by_thread, mark_ambiguous, requests_by_thread, spans_of, together, tunnel_entry, visit,
                  whole_streams)
from legs_origin import WAIT

WWW, API, SIX = f"http://{HOST}", f"http://{OTHER_HOST}:8080", f"http://{SIX_HOST}"
NOTES = ["cross_check: of CONNECT, the client's leg is a head and then the bytes of its WAN leg, in both directions; "
         "of requests in absolute form, the origin's log has the path and the proxy's end; no WAN connection is left "
         "over",
         "requests: wan_leg is the connection that served the request, and wan_index which of its requests it was; "
         "wan_shared: that connection served more than one client connection; forwarded_for: what the proxy told the "
         "origin", "wan_ambiguous: others with the same target and the same bytes both ways, and nothing in the "
         "request that the proxy made of them says which client it was, at the same time",
         "wan_attempts: connections of the proxy for this session that carried nothing",
         "origin_ip of requests without a leg: what the resolver says"]


class Account:
    """What the proxy's side says of each client connection: its tunnel's leg, and its requests' legs in order."""

    def __init__(self) -> None:
        self.tunnel: dict[str, str] = {}
        self.requests: dict[str, list[tuple[str, str]]] = defaultdict(list)      # leg ("": none), path

    @classmethod
    def of_threads(cls, lab: LegsLab, program: str, listens: str) -> Account:
        account = cls()
        account.tunnel = {client: legs[0] for client, legs in legs_by_thread(lab, program, listens).items() if legs}
        account.requests |= requests_by_thread(lab, program, listens)
        return account

    @classmethod
    def of_squid(cls, lab: LegsLab) -> Account:
        account = cls()
        for line in (lab.work / "legs.log").read_text().splitlines():
            client, own, own_port, origin, origin_port, method, url, *_ = line.split()
            if ":" in client.rsplit(":", 1)[0]:
                client = endpoint(*client.rsplit(":", 1))
            leg = "" if own_port in ("0", "-") else f"{endpoint(own, own_port)}->{endpoint(origin, origin_port)}"
            if method == "CONNECT":
                account.tunnel[client] = leg
            else:
                account.requests[client].append((leg, urlsplit(url).path))
        return account


def request_legs(lab: LegsLab, near: Stream, account: Account, log: list[Entry], served: dict[str, list[str]]) \
        -> list[Entry]:
    """The requests of one client connection, each with its leg. served: the paths that each leg still has to serve."""
    requests = exchanges(lab, near)
    told = list(account.requests[near.client])
    for request in requests:
        path = urlsplit(str(request["uri"])).path
        leg = ""
        if told and told[0][1] == path:
            leg = told.pop(0)[0]
        request |= {"path": path, "wan_leg": leg or None, "origin_ip": KNOWN.get(str(request["target_host"])),
                    "seen_by_origin": bool(leg)}
        if not leg:
            request["wan_why"] = ("cache" if request["status"] == 200 else
                                  "unresolved" if NOWHERE in str(request["uri"]) else "refused")
            continue
        own, origin = leg.split("->")
        seen = [each for each in log if endpoint(*each["from"]) == own and each["path"] == path]
        assert endpoint(*seen[0]["at"]) == origin, (seen, origin)
        log.remove(seen[0])
        assert request["origin_ip"] in (seen[0]["at"][0], None)
        request |= {"origin_ip": seen[0]["at"][0], "wan_index": served[leg].index(path), "origin_time": seen[0]["time"]}
        served[leg][served[leg].index(path)] = ""
        if "X-Forwarded-For" in seen[0]["told"]:
            request["forwarded_for"] = seen[0]["told"]["X-Forwarded-For"]
    assert not told, (near.client, told)
    return requests


def mark_requests(tunnels: list[Entry]) -> None:
    """wan_shared and wan_ambiguous of requests."""
    users = defaultdict(set)
    groups = defaultdict(list)
    for each in tunnels:
        for request in each.get("requests", []):
            if request["wan_leg"]:
                users[request["wan_leg"]].add(each["client"])
                groups[request["target_host"], request["target_port"], request["c2s_sha256"],
                       request["response_body_sha256"], str(request.get("forwarded_for")),
                       str(request.get("forwarded"))].append(request)
    for group in groups.values():
        for request in group:
            wait = WAIT if request["path"].startswith("/together") else 0
            if any(abs(request["origin_time"] - other["origin_time"]) < wait for other in group
                   if other is not request):
                request["wan_ambiguous"] = True
            if len(users[request["wan_leg"]]) > 1:
                request["wan_shared"] = True
    for request in (request for group in groups.values() for request in group):
        del request["origin_time"]


def settle(lab: LegsLab, proxy: str, capture: Path, asked: list[tuple[Visit, list[Told]]], account: Account) \
        -> list[Entry]:
    found = whole_streams(capture)
    nears = {stream.client: stream for stream in found if stream.server == proxy}
    fars = {leg_of(stream): stream for stream in found if stream.server != proxy}
    tunnels, used = paired(lab, nears, fars, asked, account)
    assert not nears
    attempts = [leg for leg, stream in fars.items() if leg not in used]
    for leg in attempts:                         # in the order in which the clients were refused, one after the other
        assert leg.endswith(f":{REFUSED_PORT}") and not fars[leg].answered, leg
        wanting = [entry for each in tunnels for entry in each.get("requests", [each])
                   if entry.get("wan_why") == "refused" and "wan_attempts" not in entry]
        wanting[0]["wan_attempts"] = [leg]
    mark_requests(tunnels)
    mark_ambiguous(tunnels, spans_of(capture, list(fars.values())))
    return tunnels


def paired(lab: LegsLab, nears: dict[str, Stream], fars: dict[str, Stream], asked: list[tuple[Visit, list[Told]]],
           account: Account) -> tuple[list[Entry], set[str]]:
    """The clients' sessions, and the legs that served them. Takes the sessions' connections out of nears."""
    log = lab.origin_log()
    served = {leg: [each["path"] for each in log if endpoint(*each["from"]) == leg.split("->")[0]] for leg in fars}
    used: set[str] = set()
    tunnels: list[Entry] = []
    for each, rows in asked:
        if "-p" not in each.words:
            assert len({row.client for row in rows}) == 1
            near = nears.pop(rows[0].client)
            requests = request_legs(lab, near, account, log, served)
            assert [(request["uri"], request["status"]) for request in requests] == [row[2:0:-1] for row in rows]
            used |= {request["wan_leg"] for request in requests}
            tunnels.append(forwarded(near, requests, version("curl")))
            continue
        near, parts = nears.pop(rows[0].client), urlsplit(rows[0].url)
        secure = parts.scheme == "https"
        leg = account.tunnel.get(near.client)
        far = fars[leg] if leg else None
        assert bool(far) == (rows[0].status == 200), (rows, leg)
        why = "unresolved" if NOWHERE in rows[0].url else "refused"
        tunnels.append(tunnel_entry("http-connect", near, parts.hostname or "", parts.port or (443 if secure else 80),
                                    far, "tls" if secure else "http", why))
        if far:
            confirm(near, far)
            used.add(leg)
    return tunnels, used


def rounds(lab: LegsLab, parts: list[list[Visit]]) -> list[tuple[Visit, list[Told]]]:
    return [pair for part in parts for pair in zip(part, together(lab, part))]


def words_for(proxy: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """curl's words for absolute form, and for CONNECT."""
    return ("-x", f"http://{proxy}"), ("-p", "-x", f"http://{proxy}")


def truth(name: str, description: str, pairing: str, tunnels: list[Entry]) -> Entry:
    return {"name": name, "description": description, "truth_source": f"pairing: {pairing}, and the origin's log (path "
            "and the proxy's end); payload of CONNECT: the WAN leg by tshark's Follow TCP; requests: a small splitter "
            "(forwarding.py) in the client's leg; the rest as asked of curl", "cross_check": "ok", "notes": NOTES,
            "tunnels": tunnels}


def tinyproxy(directory: Path) -> None:
    with LegsLab() as lab:
        lab.start_origin()
        config = lab.file("tinyproxy.conf", f"Port 8888\nListen {PROXY_ADDRESS}\nTimeout 20\nLogLevel Warning\n"
                          "ViaProxyName \"proxy.test\"\nMaxClients 100\n")
        lab.start_traced("tinyproxy", "-d", "-c", config, listens=TINYPROXY)
        capture = lab.capture_both("legs_tinyproxy")
        plain, tunnel = words_for(TINYPROXY)
        visits = [visit(plain, f"{WWW}/together/same", second=number % 2 == 1) for number in range(8)]
        visits += [visit(plain, f"{(WWW, API)[number % 2]}/together/{number}", second=number % 3 == 1)
                   for number in range(8)]
        visits += [visit(tunnel, f"https://{HOST}/together/page", second=number == 1) for number in range(3)]
        visits += [visit(tunnel, f"{WWW}/together/tunnel") for _ in range(2)]
        visits += [visit(tunnel, f"{API}/together/other"), visit(plain, f"{SIX}/together/six"),
                   visit(tunnel, f"https://{SIX_HOST}/together/six")]
        asked = rounds(lab, [visits, [visit(plain, f"{WWW}/kept")], [visit(plain, f"{WWW}/kept", second=True)],
                             [visit(plain, f"http://{ORIGIN_ADDRESS}:8080/literal")],
                             [visit(plain, f"{WWW}:{REFUSED_PORT}/refused")],
                             [visit(tunnel, f"{WWW}:{REFUSED_PORT}/refused", second=True)],
                             [visit(plain, f"http://{NOWHERE}/nowhere"), visit(tunnel, f"https://{NOWHERE}/nowhere")]])
        lab.end_all()
        tunnels = settle(lab, TINYPROXY, capture, asked, Account.of_threads(lab, "tinyproxy", TINYPROXY))
        finish_legs(lab, directory, capture, truth(
            "legs_tinyproxy", "24 curls at once through tinyproxy: absolute form (it makes a head of its own, adds "
            "Via, and asks for a connection each time), one path and several; CONNECT to TLS and to HTTP, IPv6; then "
            "one after the other: a page twice, an address, refused, a name that does not resolve",
            "strace of tinyproxy (one thread per client)", tunnels))


def squid(directory: Path) -> None:
    with LegsLab() as lab:
        lab.start_origin()
        start_squid(lab, more=f"logformat legs %>a:%>p %<la %<lp %<a %<p %rm %ru %>Hs %Ss\n"
                    f"access_log stdio:{lab.work}/legs.log legs\n")
        capture = lab.capture_both("legs_squid")
        plain, tunnel = words_for(SQUID)
        visits = [visit(plain, f"{WWW}/together/same", second=number % 2 == 1) for number in range(12)]
        visits += [visit(plain, f"{(WWW, API)[number % 2]}/together/{number}", second=number % 3 == 1)
                   for number in range(12)]
        visits += [visit(plain, f"{WWW}/together/first{number}", f"{API}/second{number}", second=number == 1)
                   for number in range(4)]
        visits += [visit(tunnel, f"https://{HOST}/together/page", second=number % 2 == 1) for number in range(6)]
        visits += [visit(tunnel, f"{WWW}/together/tunnel") for _ in range(2)]
        visits += [visit(tunnel, f"{API}/together/tunnel{number}") for number in range(2)]
        visits += [visit(plain, f"{SIX}/together/six"), visit(tunnel, f"https://{SIX_HOST}/together/six")]
        one_by_one = [visit(plain, f"{WWW}/kept/1"), visit(plain, f"{WWW}/kept/1", second=True),
                      visit(plain, f"{WWW}/later/1"), visit(plain, f"{WWW}/later/2", second=True),
                      visit(plain, f"{WWW}/kept/1", f"{WWW}/later/3", f"{API}/kept/2", f"{WWW}/kept/1"),
                      visit(plain, f"{API}/kept/2", second=True), visit(plain, f"{WWW}/later/1"),
                      visit(plain, f"http://{ORIGIN_ADDRESS}:8080/literal"),
                      visit(plain, f"{WWW}:{REFUSED_PORT}/refused"),
                      visit(tunnel, f"{WWW}:{REFUSED_PORT}/refused", second=True),
                      visit(plain, f"http://{NOWHERE}/nowhere"), visit(tunnel, f"https://{NOWHERE}/nowhere")]
        asked = rounds(lab, [visits, *([each] for each in one_by_one)])
        lab.end_all()
        tunnels = settle(lab, SQUID, capture, asked, Account.of_squid(lab))
        finish_legs(lab, directory, capture, truth(
            "legs_squid", "40 curls at once through squid: absolute form (one path and several, two origins on one "
            "client connection), CONNECT to TLS and to HTTP, IPv6; then one after the other: pages from the cache, "
            "pages over connections that served others before, refused, a name that does not resolve",
            "squid's log (%>a:%>p %<la %<lp %<a %<p)", tunnels), two_files=True)


def privoxy(directory: Path) -> None:
    with LegsLab() as lab:
        lab.start_origin()
        lab.file("legs.action", "{+change-x-forwarded-for{add} +hide-user-agent{Mozilla/5.0 (X11; Linux x86_64)} "
                 "+hide-accept-language{en-us} +crunch-client-header{X-Lab}}\n/\n")
        config = lab.file("privoxy.conf", f"confdir /etc/privoxy\nlogdir {lab.work}\nlisten-address {PRIVOXY}\n"
                          f"actionsfile {lab.work}/legs.action\nkeep-alive-timeout 5\ndefault-server-timeout 5\n"
                          "connection-sharing 1\ntolerate-pipelining 1\n")
        lab.start_traced("privoxy", "--no-daemon", config, listens=PRIVOXY)
        capture = lab.capture_both("legs_privoxy")
        plain, tunnel = words_for(PRIVOXY)
        more = (*plain, "-H", "X-Lab: away", "-H", "Accept-Language: de")
        visits = [visit(plain, f"{WWW}/together/same", second=number % 2 == 1) for number in range(6)]
        visits += [visit(more, f"{(WWW, API)[number % 2]}/together/{number}", second=number % 3 == 1)
                   for number in range(6)]
        visits += [visit(tunnel, f"https://{HOST}/together/page", second=number == 1) for number in range(3)]
        visits += [visit(tunnel, f"{WWW}/together/tunnel") for _ in range(2)]
        visits += [visit(tunnel, f"{API}/together/other"), visit(plain, f"{SIX}/together/six"),
                   visit(tunnel, f"https://{SIX_HOST}/together/six")]
        one_by_one = [visit(plain, f"{WWW}/later/1"), visit(plain, f"{WWW}/later/2", second=True),
                      visit(more, f"{WWW}/later/3", f"{WWW}/later/4", f"{API}/later/5", f"{WWW}/later/6"),
                      visit(plain, f"{WWW}/later/1", second=True),
                      visit(plain, f"http://{ORIGIN_ADDRESS}:8080/literal"),
                      visit(plain, f"{WWW}:{REFUSED_PORT}/refused"),
                      visit(tunnel, f"{WWW}:{REFUSED_PORT}/refused", second=True),
                      visit(plain, f"http://{NOWHERE}/nowhere"), visit(tunnel, f"https://{NOWHERE}/nowhere")]
        asked = rounds(lab, [visits, *([each] for each in one_by_one)])
        lab.end_all()
        tunnels = settle(lab, PRIVOXY, capture, asked, Account.of_threads(lab, "privoxy", PRIVOXY))
        finish_legs(lab, directory, capture, truth(
            "legs_privoxy", "20 curls at once through privoxy, which changes User-Agent and Accept-Language, removes a "
            "field and adds X-Forwarded-For: absolute form, one path and several; CONNECT to TLS and to HTTP, IPv6; "
            "then one after the other with connection-sharing on: connections that served others before, several "
            "requests on one, refused, a name that does not resolve", "strace of privoxy (one thread per client, and "
            "the connection to which it wrote each request)", tunnels))
