# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: the other ways to be proxied, as users of tshark see them: relayed datagrams, BIND, forwarded requests,
PROXY headers, Tor's names."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_plugin_wire import Tshark, cannot_run, folder, tshark  # noqa: F401 (fixtures)
from test_ways import truth_of

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")


# ---------------------------------------------------------------- UDP

def test_relayed_datagrams_dissect(tshark: Tshark, captures):  # noqa: F811
    capture = captures / "socks5_udp.pcapng"
    names = tshark.values(capture, "dns.qry.name", ("-Y", "proxytunnel.virtual && dns"))
    assert "www.origin.test" in names
    wanted = {(each["target_host"], str(each["target_port"])) for each in truth_of(capture)["tunnels"]}
    rows = tshark.fields(capture, "proxytunnel.target.host", "proxytunnel.target.port",
                         options=("-Y", "udp && proxytunnel.virtual"))
    told = {target for hosts, ports in rows for target in zip(hosts, ports, strict=True)}
    by_name = ("echo.origin.test", "7777")  # the truth has its address
    assert by_name in told and told - {by_name} <= wanted
    assert {port for _, port in told} == {"53", "7777"} and any(":" in host for host, _ in told)
    judged = ("-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y", "proxytunnel.virtual && udp")
    for (statuses,) in tshark.fields(capture, "udp.checksum.status", options=judged):
        assert len(statuses) == 2 and statuses[1] in ("1", "Good")  # the parent's was left to the network card


def test_follow_takes_one_conversation_of_datagrams(tshark: Tshark, captures):  # noqa: F811
    capture = captures / "socks5_udp.pcapng"
    followed = {}
    for stream in (6, 7):
        text = tshark.text("-r", capture, "-q", "-z", f"follow,udp,raw,{stream}").splitlines()
        lines = [line.strip() for line in text if line.strip() and not line.startswith("=")]
        followed[stream] = lines[2:4], [bytes.fromhex(line) for line in lines[4:]]
    ends, outside = followed[6]
    assert any("10.77.1.1:1085" in end for end in ends)
    assert all(said[:3] == b"\0\0\0" for said in outside)
    ends, inside = followed[7]
    assert any(end.endswith(":7777") for end in ends) and not any("10.77.1.1" in end for end in ends)
    assert inside and [said[-len(inner):] for said, inner in zip(outside, inside, strict=True)] == inside


def test_quic_and_others_are_found_by_their_ports(tshark: Tshark, captures):  # noqa: F811
    capture = captures / "socks5_udp.pcapng"
    protocols = tshark.values(capture, "frame.protocols", ("-Y", "proxytunnel.virtual && udp.port == 53"))
    layers = tshark.fields(capture, "udp.stream", "dns.id", options=("-Y", "proxytunnel.virtual && udp.port == 53"))
    assert protocols and all(len(streams) == 2 and ids for streams, ids in layers)


# ---------------------------------------------------------------- BIND

def test_ftp_in_active_mode(tshark: Tshark, captures, folder: Path):  # noqa: F811
    capture = captures / "socks_bind.pcapng"
    opened = [each for each in truth_of(capture)["tunnels"]
              if each["proxy_protocol"].endswith("bind") and each["reply"] == "granted"]
    assert opened
    peers = tshark.distinct(capture, "proxytunnel.peer")
    assert set(peers) == {each["peer"] for each in opened}
    commands = tshark.values(capture, "ftp-data.command", ("-Y", "ftp-data"))
    assert sorted(commands) == sorted(["LIST", "RETR list.txt", "STOR put.txt"] * 2)
    tshark.text("-r", capture, "-q", "--export-objects", f"ftp-data,{folder}")
    files = sorted(folder.glob("*.txt"))
    assert len(files) == 4 and len({file.read_bytes() for file in files if file.name.startswith("list")}) == 1


# ---------------------------------------------------------------- forwarded requests

def test_requests_read_as_if_there_were_no_proxy(tshark: Tshark, captures):  # noqa: F811
    capture = captures / "http_forward.pcapng"
    asked = [request["uri"] for each in truth_of(capture)["tunnels"] for request in each["requests"]]
    show = ("-Y", "proxytunnel.virtual && http.request")
    assert sorted(tshark.values(capture, "http.request.uri", show)) == sorted(asked)
    codes = tshark.values(capture, "http.response.code", ("-Y", "proxytunnel.virtual && http.response"))
    final = [code for code in codes if code[0] != "1"]
    assert len(final) == len(asked)
    names = tshark.distinct(capture, "proxytunnel.anomaly")
    assert "maybe-answered-by-proxy" in names
    assert "Malformed" not in tshark.text("-r", capture, "-V")


def test_a_tunnel_on_a_connection_that_forwarded(tshark: Tshark, captures):  # noqa: F811
    capture = captures / "http_forward_odd.pcapng"
    commands = tshark.distinct(capture, "proxytunnel.command")
    assert {"forward", "connect"} <= set(commands)
    assert tshark.text("-r", capture, "-Y", "proxytunnel.virtual && websocket") != ""
    connects = [each for each in truth_of(capture)["tunnels"] if each["proxy_protocol"] == "http-connect"]
    inside = tshark.values(capture, "tcp.dstport", ("-Y", "proxytunnel.virtual && tcp.port == 8080"))
    assert connects and "8080" in inside


def test_407_is_not_the_origins(tshark: Tshark, captures):  # noqa: F811
    capture = captures / "http_forward_407.pcapng"
    refused = tshark.values(capture, "http.response.code", ("-Y", "http.response.code == 407"))
    assert refused and set(refused) == {"407"}
    assert tshark.text("-r", capture, "-Y", "http.response.code == 407 && proxytunnel.virtual") == ""
    assert "proxy-authentication-required" in tshark.distinct(capture, "proxytunnel.anomaly")


def test_preferences_switch_them_off(tshark: Tshark, captures):  # noqa: F811
    off = ("-o", "proxytunnel.http_forward:FALSE", "-o", "proxytunnel.proxy_protocol:FALSE")
    for name in ("http_forward.pcapng", "proxy_protocol.pcapng"):
        assert tshark.text("-r", captures / name, "-Y", "proxytunnel") != ""
        assert tshark.text("-r", captures / name, *off, "-Y", "proxytunnel") == ""


# ---------------------------------------------------------------- PROXY, Tor

def test_the_real_client_is_a_field(tshark: Tshark, captures):  # noqa: F811
    capture = captures / "proxy_protocol.pcapng"
    assert set(tshark.distinct(capture, "proxytunnel.client")) == {
        each["client"] for each in truth_of(capture)["tunnels"]}
    assert tshark.values(capture, "http.response.code", ("-Y", "proxytunnel.virtual && http.response"))


def test_datagrams_behind_headers_dissect(tshark: Tshark, captures):  # noqa: F811
    capture = captures / "pp2_dnsdist_udp.pcap"
    truth = truth_of(capture)
    clients = {each["client"] for each in truth["datagrams"]}
    assert clients == set(tshark.distinct(capture, "proxytunnel.client")) - {truth["tunnels"][0]["client"]}
    show = ("-Y", "proxytunnel.virtual && udp")
    rows = tshark.fields(capture, "frame.number", "dns.qry.name", "ip.src", "udp.srcport", "ip.dst", "udp.dstport",
                         options=show)
    assert [int(frame[0]) for frame, *_ in rows] == [each["frame"] for each in truth["datagrams"]]
    for (_, names, *ends), told in zip(rows, truth["datagrams"], strict=True):
        shown = [":".join(end[-1] for end in ends[at:at + 2]) for at in (0, 2)]
        assert shown == [told["client"], truth["origin"]][::1 if told["dir"] == "c2s" else -1]
        assert len(names) == 1 and names[0] in truth["names"]
    assert set(tshark.values(capture, "proxytunnel.origin.provenance", show)) == {"carrier"}
    assert "Malformed" not in tshark.text("-r", capture, "-V", "-Y", "proxytunnel")
    off = tshark.text("-r", capture, "-o", "proxytunnel.proxy_protocol:FALSE", "-Y", "proxytunnel")
    assert off == ""


def test_what_tor_resolved_is_a_name(tshark: Tshark, captures):  # noqa: F811
    capture = captures / "tor_resolve.pcapng"
    hosts = tshark.run("-r", capture, "-N", "dnN", "-q", "-z", "hosts").stdout
    resolved = {each["resolved"]: each["target_host"] for each in truth_of(capture)["tunnels"]
                if each["command"] == "resolve"}
    assert resolved
    assert set(tshark.distinct(capture, "proxytunnel.command")) == {"resolve", "resolve-ptr"}
    assert all(f"{address}\t{name}" in hosts for address, name in resolved.items())
