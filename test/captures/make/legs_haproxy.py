# SPDX-License-Identifier: GPL-2.0-or-later
# summary: both legs of a reverse proxy: haproxy that tells the origin by a field or by PROXY v2 who the client is.

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from forwarding import messages
from haproxy import logged, start_haproxy
from lab import (ORIGIN, ORIGIN_6, ORIGIN_ADDRESS, OTHER_ORIGIN, PROXY_6, PROXY_ADDRESS, Lab, Stream, endpoint, fields,
                 hashed, host, version)
from legs import Entry, LegsLab, Visit, finish_legs, leg_of, mark_ambiguous, spans_of, visit, whole_streams
from legs_http import mark_requests, rounds
from proxy_protocol import SIGNATURE, entry

FORGED, FORGED_FIELD = "203.0.113.7", "for=203.0.113.9;proto=https"
QUOTED = """ acl six src fd77::/16
 http-request set-header Forwarded "for=%[src]" if !six
 http-request set-header Forwarded 'for="[%[src]]"' if six
"""
PORTS = """ acl six src fd77::/16
 http-request set-header Forwarded 'for="%[src]:%[src_port]";by=10.77.1.1' if !six
 http-request set-header Forwarded 'for="[%[src]]:%[src_port]";proto=http' if six
"""
# port, origin, words for haproxy
FIELDS = [(8201, f"{ORIGIN_ADDRESS}:80", " option forwardfor\n"), (8202, f"{OTHER_ORIGIN}:8080", QUOTED),
          (8203, f"{OTHER_ORIGIN}:8080", PORTS),
          (8204, f"{OTHER_ORIGIN}:80", " http-request set-header Forwarded for=unknown;proto=http\n"),
          (8205, f"{OTHER_ORIGIN}:80", " http-request set-header Forwarded for=_hidden;by=_proxy\n"),
          (8206, f"{OTHER_ORIGIN}:80", " http-request set-header Forwarded \"%[req.fhdr(forwarded)], for=%[src]\"\n"),
          (8207, f"{OTHER_ORIGIN}:80", " http-request add-header Forwarded \"for=%[src]\"\n"),
          (8208, f"{ORIGIN_ADDRESS}:8080", " option forwardfor if-none\n"),
          (8209, f"[{ORIGIN_6}]:80", " option forwardfor\n")]
PLAIN, SECURE = 8211, 8212                       # with PROXY v2

DESCRIPTION = ("curls through a reverse proxy, haproxy with http-reuse always: X-Forwarded-For, also behind a forged "
               "one; Forwarded (RFC 7239) with IPv4, IPv6 in quotes, with ports, unknown, obfuscated, behind a forged "
               "one in one field and in two; PROXY v2 to nginx, in front of HTTP and of TLS")
SOURCE = ("pairing: haproxy's log (%ci %cp %bi %bp %si %sp), and the origins' logs (path and haproxy's end; nginx: "
          "$proxy_protocol_addr); payload of PROXY v2: the client's leg by tshark's Follow TCP; forwarded_for and "
          "forwarded: the fields' lines as the origin got them")
NOTES = ["cross_check: PROXY v2: the WAN leg is a header and then the bytes of the client's, in both directions; "
         "fields: haproxy's log and the origin's name the same connection, which carried no other requests; none is "
         "left over",
         "tunnels: the connections with PROXY v2, client and target as the header declares them, proxy and origin the "
         "ends of the WAN connection",
         "reverse: client connections to a reverse proxy, which are no tunnels; their requests as in http-forward, "
         "forged: the field that the client itself sent",
         "wan_shared: the connection served more than one client connection; wan_ambiguous: others with the same "
         "bytes both ways and the same fields at the same time"]


def sections() -> str:
    text = ""
    for port, origin, words in FIELDS:
        text += (f"listen p{port}\n mode http\n http-reuse always\n log-format "
                 f"\"request %ci %cp %bi %bp %si %sp %HP %ST\"\n bind {PROXY_ADDRESS}:{port}\n"
                 f" bind [{PROXY_6}]:{port}\n{words} server s {origin}\n")
    for port, origin in ((PLAIN, f"{ORIGIN_ADDRESS}:8181"), (SECURE, f"{ORIGIN_ADDRESS}:8443")):
        text += (f"listen p{port}\n bind {PROXY_ADDRESS}:{port}\n bind [{PROXY_6}]:{port}\n"
                 f" server s {origin} send-proxy-v2\n")
    return text


def start_nginx(lab: Lab) -> None:
    lab.start(ORIGIN, "nginx", "-c", lab.file("nginx.conf", f"""user root; worker_processes 1; daemon off;
pid {lab.work}/nginx.pid; error_log {lab.work}/nginx.err; events {{}} http {{
log_format l '$remote_addr $remote_port $proxy_protocol_addr $proxy_protocol_port $uri';
access_log {lab.work}/nginx.log l; ssl_certificate {lab.work}/certificate.pem; ssl_certificate_key {lab.work}/key.pem;
server {{ listen {ORIGIN_ADDRESS}:8181 proxy_protocol; listen {ORIGIN_ADDRESS}:8443 ssl proxy_protocol;
default_type text/plain; location / {{ return 200 'A line of the page.\\n'; }} }} }}
"""), listens=f"{ORIGIN_ADDRESS}:8443")


def visits() -> list[list[Visit]]:
    four, six = f"http://{PROXY_ADDRESS}", f"http://[{PROXY_6}]"
    forged = ("-H", f"X-Forwarded-For: {FORGED}")
    forged_field = ("-H", f"Forwarded: {FORGED_FIELD}")
    together = [visit((), f"{four}:8201/together/same", second=number % 2 == 1) for number in range(6)]
    together += [visit((), f"{(four, six)[number % 2]}:8201/together/{number}") for number in range(6)]
    together += [visit((), f"{four}:{port}/together/{port}", second=port % 2 == 1) for port in (8202, 8203, 8204, 8205)]
    one_by_one = [visit((), f"{four}:8201/one"), visit((), f"{four}:8201/two", f"{four}:8201/three", second=True),
                  visit((), f"{six}:8201/four"), visit(forged, f"{four}:8201/forged"),
                  visit(forged, f"{four}:8208/forged"), visit((), f"{four}:8208/honest", second=True)]
    for port in (8202, 8203):
        one_by_one += [visit((), f"{four}:{port}/four/{port}"), visit((), f"{six}:{port}/six/{port}"),
                       visit((), f"{four}:{port}/second/{port}", second=True)]
    for port in (8204, 8205):
        one_by_one += [visit((), f"{four}:{port}/one/{port}"), visit((), f"{four}:{port}/two/{port}", second=True)]
    one_by_one += [visit(forged_field, f"{four}:8206/forged"), visit(forged_field, f"{four}:8207/forged", second=True),
                   visit((), f"{four}:8209/four"), visit((), f"{six}:8209/six"), visit((), f"{four}:{PLAIN}/plain"),
                   visit((), f"{six}:{PLAIN}/plain"), visit((), f"https://{PROXY_ADDRESS}:{SECURE}/secure"),
                   visit((), f"{four}:{PLAIN}/plain", second=True)]
    return [together, *([each] for each in one_by_one)]


def request_log(lab: Lab) -> dict[str, list[tuple[str, str]]]:
    """From the client's end to its requests: haproxy's connection, and the path."""
    found = defaultdict(list)
    for file in lab.work.glob("*.haproxy.out"):
        for line in re.findall(r"request (\S+ \S+ \S+ \S+ \S+ \S+ \S+) 200", file.read_text()):
            client, port, own, own_port, origin, origin_port, path = line.split()
            found[endpoint(client, port)].append((f"{endpoint(own, own_port)}->{endpoint(origin, origin_port)}", path))
    return found


def reverse(lab: Lab, near: Stream, each: Visit, told: list[tuple[str, str]], log: list[Entry],
            served: dict[str, list[str]]) -> Entry:
    """A client connection to the reverse proxy, which is no tunnel, and its requests."""
    parts = messages(near.sent)
    answers = messages(near.answered, ["GET"] * len(parts))
    assert [path for _, path in told] == [part.line.split()[1] for part in parts]
    requests = []
    for (leg, path), part, answer in zip(told, parts, answers):
        seen = next(line for line in log if endpoint(*line["from"]) == leg.split("->")[0] and line["path"] == path)
        log.remove(seen)
        address, port = host(near.server)
        request = {"method": "GET", "host": seen["host"], "path": path, "target_host": address, "target_port": port,
                   "c2s_sha256": hashed(near.sent[part.start:part.end]),
                   "response_body_sha256": hashed(answer.body), "wan_leg": leg,
                   "wan_index": served[leg].index(path), "origin_time": seen["time"]}
        served[leg][served[leg].index(path)] = ""
        request |= {name: seen["told"][field] for name, field in (
            ("forwarded_for", "X-Forwarded-For"), ("forwarded", "Forwarded")) if field in seen["told"]}
        if each.words:
            request["forged"] = each.words[1]
        requests.append(request)
    return {"client": near.client, "proxy": near.server, "requests": requests, "client_sw": version("curl"),
            "proxy_sw": version("haproxy")}


def declared(near: Stream, far: Stream, nginx: list[list[str]]) -> Entry:
    """A connection with a PROXY header in front."""
    assert far.sent.startswith(SIGNATURE) and far.sent.endswith(near.sent) and far.answered == near.answered
    assert [*map(str, host(far.client)), *map(str, host(near.client))] in [line[:4] for line in nginx]
    return entry(far.sent[:-len(near.sent)], far, near.client, near.server, (near.sent, near.answered),
                 wan_leg=leg_of(far))


def haproxy(directory: Path) -> None:
    with LegsLab() as lab:
        lab.start_origin()
        start_nginx(lab)
        start_haproxy(lab, sections(), f"{PROXY_ADDRESS}:{SECURE}")
        capture = lab.capture_both("legs_haproxy")
        asked = rounds(lab, visits())
        lab.end_all()
        found = whole_streams(capture)
        nears = {stream.client: stream for stream in found if host(stream.server)[0] in (PROXY_ADDRESS, PROXY_6)}
        fars = {leg_of(stream): stream for stream in found if stream.client not in nears}
        by_end = {host(stream.client): stream for stream in fars.values()}
        told, connections, log = request_log(lab), logged(lab), lab.origin_log()
        nginx = [line.split() for line in (lab.work / "nginx.log").read_text().splitlines()]
        served = {leg: [each["path"] for each in log if endpoint(*each["from"]) == leg.split("->")[0]] for leg in fars}
        tunnels: list[Entry] = []
        sessions: list[Entry] = []
        for each, rows in asked:
            near = nears.pop(rows[0].client)
            assert all(row.status == 200 for row in rows), rows
            if host(near.server)[1] in (PLAIN, SECURE):
                tunnels.append(declared(near, by_end[connections[host(near.client)]], nginx))
            else:
                sessions.append(reverse(lab, near, each, told[near.client], log, served))
        assert not nears and not any(any(paths) for paths in served.values())
        # haproxy's log against the wire: each connection carried as many requests as the origin's log says
        count: dict[int, int] = defaultdict(int)
        for number, in fields(capture, "http.request", "tcp.stream"):
            count[int(number)] += 1
        every = [request for session in sessions for request in session["requests"]]
        used = {request["wan_leg"] for request in every}
        assert used | {each["wan_leg"] for each in tunnels} == set(fars)
        assert all(count[fars[leg].number] == len(served[leg]) for leg in used)
        mark_requests(sessions)
        mark_ambiguous(tunnels, spans_of(capture, list(fars.values())))
        finish_legs(lab, directory, capture, {
            "name": "legs_haproxy", "description": DESCRIPTION, "truth_source": SOURCE, "cross_check": "ok",
            "notes": NOTES, "reverse": sessions, "tunnels": tunnels})
        print(f"reverse: {len(sessions)} sessions, {len(every)} requests, "
              f"{sum('wan_shared' in each for each in every)} shared, "
              f"{sum('wan_ambiguous' in each for each in every)} ambiguous")
