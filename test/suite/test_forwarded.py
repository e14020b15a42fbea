# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: Forwarded and X-Forwarded-For: claims are columns, and of peers that are believed conversations of the
clients; heads as haproxy and nginx write them. Both programs agree."""

from __future__ import annotations

import csv
import json
import re
from ipaddress import IPv6Address
from pathlib import Path

import pytest

import wire
from test_parity import RAW, packets
from test_plugin_wire import Tshark, cannot_run, folder, tshark  # noqa: F401 (fixtures)
from test_tool import DONE, USAGE, report_of
from test_ways import end_of, of_origin, small, streams
from wire import CLIENT, SERVER

BALANCER, WEB = ("10.0.0.1", 40000), ("192.0.2.80", 8080)
TRUST = ("--trust-forwarded", "10.0.0.0/8")
needs_plugin = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

# haproxy: option forwardfor puts its field behind all others, in lower case.
HAPROXY = (b"GET /%s HTTP/1.1\r\nhost: www.example.com\r\nuser-agent: curl/7.88.1\r\naccept: */*\r\n"
           b"x-forwarded-for: %s\r\n\r\n")
# nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for comes first, and the rest is the client's.
NGINX = (b"POST /%s HTTP/1.0\r\nX-Forwarded-For: %s\r\nHost: backend\r\nConnection: close\r\nContent-Length: 4\r\n\r\n"
         b"form")
# haproxy: option forwardfor if-none is off and option forwarded is on.
RFC7239 = b"GET /%s HTTP/1.1\r\nhost: a\r\nforwarded: %s\r\n\r\n"
HEALTH = b"OPTIONS / HTTP/1.0\r\n\r\n"


def answer(body: bytes, *fields: bytes) -> bytes:
    head = b"".join(field + b"\r\n" for field in fields)
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


def exchanges(*messages: tuple[bytes, bytes], client: tuple[str, int] = BALANCER,
              server: tuple[str, int] = WEB) -> list[bytes]:
    session = wire.Session(client=client, server=server)
    frames = session.open()
    for asked, answered in messages:
        frames += [session.say(CLIENT, asked), session.say(SERVER, answered)]
    return frames + session.close()


def as_shown(tunnel: dict) -> dict:
    """With the ends that its packets have: synthetic ports, and IPv4 as ::ffff:a.b.c.d where the other end is IPv6."""
    ends = {"client": tunnel.get("virtual_client", tunnel["client"]), "origin": tunnel["origin"]}
    if any(":" in end["address"] for end in ends.values()):
        ends = {name: end | {"address": str(IPv6Address(end["address"] if ":" in end["address"] else
                                                        f"::ffff:{end['address']}"))} for name, end in ends.items()}
    return tunnel | ends


def seen(run, capture: Path, folder: Path, *options: str) -> list[tuple[str, int | None, bytes, bytes]]:  # noqa: F811
    """Of each conversation: the client, the port that was told, what it says and what the server says."""
    output, report = folder / "out.pcapng", folder / "report.json"
    done = run(capture, "-q", "-w", output, "--report", report, *options)
    assert done.code == DONE, done.stderr
    said, found = streams(output), []
    for tunnel in json.loads(report.read_text())["tunnels"]:
        found.append((tunnel["client"]["address"], tunnel["client"]["port"], *of_origin(said, as_shown(tunnel))))
    return found


# ---------------------------------------------------------------- conversations

def test_each_client_of_a_pooled_connection(run, tmp_path):
    one, two = HAPROXY % (b"1", b"198.51.100.1"), NGINX % (b"2", b"198.51.100.2")
    again = RFC7239 % (b"3", b'for=198.51.100.1;proto=https')
    capture = small(tmp_path, *exchanges((one, answer(b"first")), (HEALTH, answer(b"")), (two, answer(b"second")),
                                         (again, answer(b"third"))))
    assert seen(run, capture, tmp_path, *TRUST) == [
        ("198.51.100.1", None, one + again, answer(b"first") + answer(b"third")),
        ("198.51.100.2", None, two, answer(b"second"))]
    tunnel = report_of(run, capture, *TRUST)["tunnels"][1]
    assert {key: tunnel[key] for key in ("protocol", "command", "status", "reply_code", "proxy", "target",
                                         "forwarded_for", "forwarded_for_provenance", "anomalies")} == {
        "protocol": "http-forwarded", "command": None, "status": "established", "reply_code": 200,
        "proxy": {"address": "10.0.0.1", "port": 40000},
        "target": {"host": "192.0.2.80", "address": "192.0.2.80", "port": 8080},
        "forwarded_for": ["198.51.100.2"], "forwarded_for_provenance": "claimed-by-peer", "anomalies": []}
    assert tunnel["origin"]["provenance"] == "carrier"
    assert tunnel["virtual_client"]["address"] == "198.51.100.2" and tunnel["virtual_client"]["port"] >= 49152


def test_without_the_option_nothing_is_claimed(run, tmp_path):
    capture = small(tmp_path, *exchanges((HAPROXY % (b"1", b"198.51.100.1"), answer(b"first"))))
    for options in ((), ("--trust-forwarded", "192.0.2.80"), (*TRUST, "--disable", "http-forwarded")):
        report = report_of(run, capture, *options)
        assert report["tunnels"] == [] and report["skipped"] == []


def test_pipelined_requests(run, tmp_path):
    one, two = HAPROXY % (b"1", b"198.51.100.1"), HAPROXY % (b"2", b"198.51.100.2")
    session = wire.Session(client=BALANCER, server=WEB)
    capture = small(tmp_path, *session.open(), session.say(CLIENT, one + two + one),
                    session.say(SERVER, answer(b"1") + answer(b"2") + answer(b"3")), *session.close())
    assert seen(run, capture, tmp_path, *TRUST) == [
        ("198.51.100.1", None, one + one, answer(b"1") + answer(b"3")), ("198.51.100.2", None, two, answer(b"2"))]


@pytest.mark.parametrize(("claims", "client", "port"), [
    (b"198.51.100.1", "198.51.100.1", None),
    (b"203.0.113.66, 198.51.100.1", "198.51.100.1", None),                          # the client wrote the first one
    (b"10.9.9.9, 198.51.100.1", "198.51.100.1", None),
    (b"<script>, unknown, 198.51.100.1", "198.51.100.1", None),
    (b"203.0.113.66, 198.51.100.1, 10.0.0.2, 10.0.0.3", "198.51.100.1", None),      # proxies that are believed, too
    (b"10.0.0.9, 10.0.0.2", "10.0.0.9", None),                                      # a client among them
    (b"198.51.100.1:4711", "198.51.100.1", 4711),
    (b"2001:db8::1", "2001:db8::1", None),
    (b"[2001:db8::1]:4711", "2001:db8::1", 4711)])
def test_who_is_the_client(run, tmp_path, claims, client, port):
    request = HAPROXY % (b"", claims)
    capture = small(tmp_path, *exchanges((request, answer(b"yes"))))
    (address, told, asked, _), = seen(run, capture, tmp_path, *TRUST)
    assert (address, told, asked) == (client, port, request)


@pytest.mark.parametrize("field", [
    b"X-Forwarded-For: unknown", b"X-Forwarded-For: 198.51.100.1, _hidden", b"Forwarded: for=unknown",
    b"Forwarded: for=198.51.100.1, for=_hidden", b'Forwarded: for="evil, for="198.51.100.1"',
    b"X-Forwarded-For: 10.0.0.1:99999", b"Forwarded: for=203.0.113.66\r\nX-Forwarded-For: 198.51.100.1"])
def test_who_is_no_address_is_nobody(run, tmp_path, field):
    request = b"GET / HTTP/1.1\r\n" + field + b"\r\n\r\n"
    report = report_of(run, small(tmp_path, *exchanges(*[(request, answer(b""))] * 3)), *TRUST)
    assert report["tunnels"] == []
    skipped, = report["skipped"]
    assert skipped["client"] == {"address": "10.0.0.1", "port": 40000}
    assert skipped["reason"] == ("the forwarded fields name different clients" if b"\r\n" in field else
                                 "the forwarded fields name no client")


def test_over_ipv6(run, tmp_path):
    request = RFC7239 % (b"", b'for="[2001:db8::1]:4711"')
    capture = small(tmp_path, *exchanges((request, answer(b"yes")), client=("fd00::1", 40000), server=("fd00::80", 80)))
    assert seen(run, capture, tmp_path, "--trust-forwarded", "fd00::1") == [
        ("2001:db8::1", 4711, request, answer(b"yes"))]


def test_behind_a_proxy_header(run, tmp_path):
    """Each is a layer: the header names the balancer outside, and its own request the client."""
    request = HAPROXY % (b"", b"198.51.100.1")
    header = b"PROXY TCP4 203.0.113.5 192.0.2.80 5000 8080\r\n"
    capture = small(tmp_path, *exchanges((header + request, answer(b"yes"))))
    tunnels = report_of(run, capture, "--trust-forwarded", "203.0.113.5")["tunnels"]
    assert [(each["protocol"], each["layer"], each["client"]["address"]) for each in tunnels] == [
        ("proxy-v1", 0, "203.0.113.5"), ("http-forwarded", 1, "198.51.100.1")]
    assert len(report_of(run, capture, *TRUST)["tunnels"]) == 1


# ---------------------------------------------------------------- haproxy

def named_by_haproxy(exchange: dict, client: str) -> tuple[str, int | None] | None:
    """Whom haproxy names, by what its configuration says of the client that the truth knows."""
    claims = "".join(exchange.get("forwarded", []))
    if "unknown" in claims or "_hidden" in claims:
        return None
    host, _, port = client.rpartition(":")
    if exchange.get("forwarded_for") == ["203.0.113.7"]:  # if-none: it left the client's own field
        return "203.0.113.7", None
    return host.strip("[]"), int(port) if f":{port}" in claims else None


def test_clients_behind_haproxy(run, captures, tmp_path):
    capture = captures / "legs_haproxy.pcapng.gz"
    expected: dict[tuple[str, tuple[str, int | None]], dict[int, bytes]] = {}
    for session in json.loads((captures / "legs_haproxy.truth.json").read_text())["reverse"]:
        for exchange in session["requests"]:
            who = named_by_haproxy(exchange, session["client"])
            path = exchange["path"].encode()
            if who:
                expected.setdefault((exchange["wan_leg"], who), {})[exchange["wan_index"]] = path
    output, report = tmp_path / "out.pcapng", tmp_path / "report.json"
    done = run(capture, "-q", "-w", output, "--report", report, "--trust-forwarded", "10.77.2.1,fd77:2::1")
    assert done.code == DONE, done.stderr
    said, found = streams(output), {}
    for tunnel in json.loads(report.read_text())["tunnels"]:
        if tunnel["protocol"] != "http-forwarded":
            continue
        client, leg = tunnel["client"], f"{end_of(tunnel['proxy'])}->{end_of(tunnel['origin'])}"
        asked = of_origin(said, as_shown(tunnel))[0]
        found[leg, (client["address"], client["port"])] = re.findall(rb"^GET (\S+)", asked, re.MULTILINE)
        assert tunnel["anomalies"] == [] and tunnel["server_payload"]["missing_bytes"] == 0
    assert found == {key: [path for _, path in sorted(paths.items())] for key, paths in expected.items()}


# ---------------------------------------------------------------- columns

def test_claims_are_columns_of_other_requests(run, tmp_path):
    absolute = b"GET http://198.51.100.7:81/ HTTP/1.1\r\nX-Forwarded-For: 10.1.1.1, a\x1bb\r\n\r\n"
    quoted = b'CONNECT a:443 HTTP/1.1\r\nForwarded: for="x,y", for=unknown\r\n\r\n'
    plain = b"GET http://198.51.100.8:81/ HTTP/1.1\r\n\r\n"
    capture = small(tmp_path, *exchanges((absolute, answer(b"")), (plain, answer(b""))),
                    *exchanges((quoted, b"HTTP/1.1 200 OK\r\n\r\n"), client=("10.0.0.2", 40000)))
    tunnels = report_of(run, capture)["tunnels"]
    assert [each["forwarded_for"] for each in tunnels] == [["10.1.1.1", "a\\x1bb"], None, ["x\\x2cy", "unknown"]]
    assert [each["forwarded_for_provenance"] for each in tunnels] == ["claimed-by-peer", None, "claimed-by-peer"]
    rows = list(csv.DictReader(run(capture, "-q", "--list=csv").text.splitlines()))
    assert [row["forwarded_for"] for row in rows] == ["10.1.1.1,a\\x1bb", "", "x\\x2cy,unknown"]
    chosen = report_of(run, capture, "--select", "forwarded_for contains 'unknown'")["tunnels"]
    assert [each["id"] for each in chosen] == [2]


def test_a_port_that_was_not_told_is_null(run, tmp_path):
    capture = small(tmp_path, *exchanges((HAPROXY % (b"", b"198.51.100.1"), answer(b""))))
    row, = csv.DictReader(run(capture, "-q", "--list=csv", *TRUST).text.splitlines())
    assert row["client.address"] == "198.51.100.1" and row["client.port"] == ""
    assert int(row["virtual_client.port"]) >= 49152
    line = run(capture, "-q", "--list", *TRUST).text.splitlines()[1]
    assert " 198.51.100.1 " in line and "198.51.100.1:" not in line
    comment = run(capture, "-q", "-w", tmp_path / "out.pcapng", *TRUST)
    assert comment.code == DONE
    assert b"whose port is not told" in (tmp_path / "out.pcapng").read_bytes()


# ---------------------------------------------------------------- the option

@pytest.mark.parametrize("networks", ["", "10.0.0.0/33", "10.0.0", "here", "10.0.0.1,here", "fd00::/129"])
def test_what_is_no_network_is_a_usage_error(run, tmp_path, networks):
    done = run(small(tmp_path, *exchanges((HEALTH, answer(b"")))), "--list", "--trust-forwarded", networks)
    assert done.code == USAGE and "--trust-forwarded" in done.stderr and "see --help" in done.stderr


def test_networks_add_up(run, tmp_path):
    capture = small(tmp_path, *[frame for last in (1, 2, 3) for frame in exchanges(
        (HAPROXY % (b"", b"198.51.100.%d" % last), answer(b"")), client=(f"10.0.0.{last}", 40000))])
    assert len(report_of(run, capture, "--trust-forwarded", "10.0.0.1,10.0.0.2")["tunnels"]) == 2
    assert len(report_of(run, capture, "--trust-forwarded", "10.0.0.1", "--trust-forwarded", "10.0.0.2/31")["tunnels"]
               ) == 3


# ---------------------------------------------------------------- the whole capture

def test_replace_moves_the_requests(run, tmp_path):
    request = HAPROXY % (b"1", b"198.51.100.1")
    capture = small(tmp_path, *exchanges((request, answer(b"first")), (HEALTH, answer(b"ok"))))
    done = run(capture, "-q", "--mode", "replace", "-w", tmp_path / "out.pcapng", *TRUST)
    assert done.code == DONE, done.stderr
    said = streams(tmp_path / "out.pcapng")
    assert said[("10.0.0.1:40000", "192.0.2.80:8080")] == HEALTH
    assert said[("192.0.2.80:8080", "10.0.0.1:40000")] == answer(b"ok")
    assert request in said.values() and len(said) == 4


# ---------------------------------------------------------------- the plugin

@needs_plugin
def test_the_plugin_shows_the_same(run, tshark: Tshark, folder: Path):  # noqa: F811
    session = wire.Session(client=BALANCER, server=WEB)
    one, two = HAPROXY % (b"1", b"198.51.100.1"), RFC7239 % (b"2", b'for="[2001:db8::1]:4711"')
    frames = [*session.open(), session.say(CLIENT, one + two[:20]), session.say(CLIENT, two[20:] + HEALTH + one),
              session.say(SERVER, answer(b"1") + answer(b"2") + answer(b"3") + answer(b"4")), *session.close()]
    capture = small(folder, *frames)
    report, export, ours = folder / "plugin.json", folder / "plugin.pcapng", folder / "tool.pcapng"
    trust = ("-o", "proxytunnel.trust_forwarded:10.0.0.0/8")
    tshark.text("-r", capture, *trust, "-q", "-z", f"proxytunnel,report,{report}", "-z", f"proxytunnel,export,{export}")
    done = run(capture, "-q", "-w", ours, "--report", folder / "tool.json", *TRUST)
    assert done.code == DONE
    tool, plugin = (json.loads(file.read_text())["tunnels"] for file in (folder / "tool.json", report))
    assert len(tool) == 2
    for mine, its in zip(tool, plugin, strict=True):
        differing = {key for key in mine if mine[key] != its[key]}
        assert differing <= {"packets", "client_payload", "server_payload", "http_host", "service"}
    assert packets(export, RAW) == packets(ours, 14)
    show = (*trust, "-Y", "proxytunnel.virtual && http.request")
    assert sorted(tshark.values(capture, "http.request.uri", show)) == ["/1", "/1", "/2"]
    assert set(tshark.distinct(capture, "proxytunnel.client", trust)) == {"198.51.100.1", "[2001:db8::1]:4711"}
    assert "proxytunnel" not in tshark.text("-r", capture, "-T", "fields", "-e", "frame.protocols")
    assert "Malformed" not in tshark.text("-r", capture, *trust, "-V")


@needs_plugin
def test_a_wrong_preference_is_told(tshark: Tshark, folder: Path):  # noqa: F811
    capture = small(folder, *exchanges((HAPROXY % (b"1", b"198.51.100.1"), answer(b""))))
    done = tshark.run("-r", capture, "-o", "proxytunnel.trust_forwarded:10.0.0.0/8,here", "-Y", "proxytunnel")
    assert "proxytunnel.trust_forwarded" in done.stderr and done.stdout == ""
