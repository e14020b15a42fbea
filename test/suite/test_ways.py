# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: the other ways to be proxied, where the acceptance checker has no words for them: 407 to forwarded requests,
GSSAPI, Tor's names, PROXY headers, ordinary servers that get an absolute URI; and datagrams that SOCKS relays."""

from __future__ import annotations

import hashlib
import json
import struct
from ipaddress import ip_address
from pathlib import Path

import pytest
import wire
from test_tool import DONE, report_of
from wire import CLIENT, SERVER

GET = b"GET %s HTTP/1.1\r\nHost: www.example.com\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def truth_of(capture: Path) -> dict:
    return json.loads(capture.with_suffix(".truth.json").read_text())


def joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def text_of(address: bytes, port: int) -> str:
    return joined(str(ip_address(address)), port)


def streams(capture: Path) -> dict[tuple[str, str], bytes]:
    """What each end of each TCP connection says to the other one: by (sender, receiver). Ethernet, nothing lost."""
    pieces: dict[tuple[str, str], dict[int, bytes]] = {}
    for block in wire.pcapng_blocks(capture.read_bytes()):
        if block.kind != wire.PACKET:
            continue
        packet = block.packet[14:]
        is_v6 = packet[0] >> 4 == 6
        protocol, start = (packet[6], 40) if is_v6 else (packet[9], (packet[0] & 15) * 4)
        if protocol != 6:
            continue
        end = 40 + int.from_bytes(packet[4:6], "big") if is_v6 else int.from_bytes(packet[2:4], "big")
        addresses = (packet[8:24], packet[24:40]) if is_v6 else (packet[12:16], packet[16:20])
        from_port, to_port, sequence = struct.unpack_from(">HHI", packet, start)
        ends = text_of(addresses[0], from_port), text_of(addresses[1], to_port)
        payload = packet[start + (packet[start + 12] >> 4) * 4:end]
        if payload:
            pieces.setdefault(ends, {})[sequence] = payload
    return {ends: b"".join(data for _, data in sorted(found.items())) for ends, found in pieces.items()}


def export(run, capture: Path, folder: Path, *options: str) -> tuple[dict[tuple[str, str], bytes], list[dict]]:
    output, report = folder / "out.pcapng", folder / "report.json"
    done = run(capture, "-q", "-w", output, "--report", report, *options)
    assert done.code == DONE, done.stderr
    return streams(output), json.loads(report.read_text())["tunnels"]


def end_of(said: dict) -> str:
    return joined(said["address"], said["port"])


def of_origin(said: dict[tuple[str, str], bytes], tunnel: dict) -> tuple[bytes, bytes]:
    """What client and origin say in the virtual conversation of a tunnel."""
    client, origin = end_of(tunnel["client"]), end_of(tunnel["origin"])
    return said.get((client, origin), b""), said.get((origin, client), b"")


def small(folder: Path, *frames: bytes) -> Path:
    capture = folder / "small.pcap"
    capture.write_bytes(wire.pcap(list(frames)))
    return capture


# ---------------------------------------------------------------- forwarded requests

def test_requests_are_inside_and_407_stays_outside(run, captures, tmp_path):
    capture = captures / "http_forward_407.pcapng"
    parents = streams(capture)
    said, tunnels = export(run, capture, tmp_path)
    expected = 0
    for session in truth_of(capture)["requests_407"]:
        ends = session["client"], session["proxy"]
        asked, answered = parents[ends], parents[ends[::-1]]
        for target in session["targets"]:
            messages = [request for request in session["requests"]
                        if f"{request['target_host']}:{request['target_port']}" == target]
            tunnel, = [each for each in tunnels if end_of(each["client"]) == session["client"] and
                       f"{each['target']['host']}:{each['target']['port']}" == target]
            requests = b"".join(asked[m["c2s_offset"]:m["c2s_offset"] + m["c2s_len"]] for m in messages)
            answers = b"".join(answered[m["s2c_offset"]:m["s2c_offset"] + m["s2c_len"]] for m in messages
                               if m["status"] != 407)
            assert requests and of_origin(said, tunnel) == (requests, answers)
            assert ("proxy-authentication-required" in tunnel["anomalies"]) == (407 in [m["status"] for m in messages])
            expected += 1
    assert len(tunnels) == expected


def forwarded(uri: bytes, port: int = 80, *fields: bytes) -> list[bytes]:
    session = wire.Session(server=("93.184.216.34", port))
    request = (GET % uri)[:-2] + b"".join(field + b"\r\n" for field in fields) + b"\r\n"
    return [*session.open(), session.say(CLIENT, request), session.say(SERVER, OK), *session.close()]


@pytest.mark.parametrize(("uri", "port", "fields", "without_proof", "with_proof"), [
    (b"http://93.184.216.34/", 80, (), False, False),                # the server itself
    (b"http://93.184.216.34:8080/", 80, (), True, True),             # another port
    (b"http://198.51.100.7/", 80, (), True, True),                   # another address
    (b"http://www.example.com/", 80, (), True, False),               # a name: of this server, perhaps
    (b"http://www.example.com/", 8080, (), True, True),              # another port than the server's
    (b"http://www.example.com/", 80, (b"Proxy-Connection: close",), True, True)])
def test_what_makes_a_server_a_proxy(run, tmp_path, uri, port, fields, without_proof, with_proof):
    capture = small(tmp_path, *forwarded(uri, port, *fields))
    report = report_of(run, capture)
    assert bool(report["tunnels"]) == with_proof
    # What nothing proves is told.
    assert bool(report["skipped"]) == (without_proof and not with_proof)
    assert bool(report_of(run, capture, "--forward-without-proof")["tunnels"]) == without_proof


def test_dns_tells_an_ordinary_server_by_its_name(run, tmp_path):
    question, answer = wire.dns_lookup("www.example.com", "93.184.216.34", asker="10.0.0.5")
    asked = forwarded(b"http://www.example.com/")
    without_proof = "--forward-without-proof"
    assert report_of(run, small(tmp_path, question, answer, *asked), without_proof)["tunnels"] == []
    # Anybody may have sent it.
    assert len(report_of(run, small(tmp_path, answer, *asked), without_proof)["tunnels"]) == 1


# ---------------------------------------------------------------- GSSAPI

def test_what_gssapi_wraps_is_never_shown(run, captures, tmp_path):
    capture = captures / "gssapi.pcapng"
    said, tunnels = export(run, capture, tmp_path)
    truth = truth_of(capture)
    wrapped = {end_of(each["client"]) for each in tunnels if each["status"] == "encapsulated"}
    assert wrapped == set(truth["encapsulated"])
    assert not any(end in wrapped for ends in said for end in ends)
    clear, = [each for each in tunnels if each["status"] == "established"]
    asked, answered = of_origin(said, clear)
    wanted = truth["tunnels"][0]
    assert (hashlib.sha256(asked).hexdigest(), hashlib.sha256(answered).hexdigest()) == (
        wanted["client_payload_sha256"], wanted["server_payload_sha256"])


# ---------------------------------------------------------------- Tor

def test_tor_tells_names(run, captures, tmp_path):
    capture = captures / "tor_resolve.pcapng"
    said, tunnels = export(run, capture, tmp_path)
    assert said == {}
    told = {(each["protocol"], each["command"], each["target"]["host"], each["bound"]["address"]) for each in tunnels}
    assert told == {(each["spoken"], each["command"], each["target_host"], each["resolved"])
                    for each in truth_of(capture)["tunnels"]}
    names = b"".join(block.body for block in wire.pcapng_blocks((tmp_path / "out.pcapng").read_bytes())
                     if block.kind == wire.NAMES)
    assert all(each["target_host" if each["command"] == "resolve" else "resolved"].encode() in names
               for each in truth_of(capture)["tunnels"])


def test_a_resolved_name_leads_to_the_origin(run, tmp_path):
    tor, host = ("10.0.0.1", 9050), b"www.example.com"
    name = bytes([len(host)]) + host
    asks = wire.Session(server=tor)
    goes = wire.Session(server=tor, client=("10.0.0.5", 40001))
    frames = [*asks.open(), asks.say(CLIENT, b"\5\1\0"), asks.say(SERVER, b"\5\0"),
              asks.say(CLIENT, b"\5\xf0\0\3" + name + b"\0\0"), asks.say(SERVER, b"\5\0\0\1\xc0\0\2\7\0\0"),
              *asks.close(),
              *goes.open(), goes.say(CLIENT, b"\5\1\0"), goes.say(SERVER, b"\5\0"),
              goes.say(CLIENT, b"\5\1\0\3" + name + b"\0\x50"), goes.say(SERVER, b"\5\0\0\1\0\0\0\0\0\0"),
              goes.say(CLIENT, b"hello"), *goes.close()]
    tunnels = report_of(run, small(tmp_path, *frames))["tunnels"]
    assert [(each["command"], each["status"]) for each in tunnels] == [
        ("resolve", "established"), ("connect", "established")]
    origin = tunnels[1]["origin"]
    assert (origin["address"], origin["port"], origin["provenance"]) == ("192.0.2.7", 80, "socks-reply")


# ---------------------------------------------------------------- the PROXY protocol

def test_one_header_behind_another(run, captures, tmp_path):
    capture = captures / "proxy_protocol_stacked.pcapng"
    wanted = truth_of(capture)["tunnels"]
    said, tunnels = export(run, capture, tmp_path)
    assert len(tunnels) == len(wanted) == 4
    for each in wanted:
        tunnel, = [found for found in tunnels if end_of(found["client"]) == each["client"]]
        assert (tunnel["protocol"], tunnel["layer"]) == (each["proxy_protocol"], each["level"] - 1)
        asked, answered = of_origin(said, tunnel)
        assert (hashlib.sha256(asked).hexdigest(), hashlib.sha256(answered).hexdigest()) == (
            each["client_payload_sha256"], each["server_payload_sha256"])
    innermost, _ = export(run, capture, tmp_path, "--layers", "leaf")
    clients = {each["client"] for each in wanted if each["level"] == 2}
    assert {end for ends in innermost for end in ends} & {each["client"] for each in wanted} == clients


def test_headers_that_name_nobody(run, captures, tmp_path):
    capture = captures / "proxy_protocol.pcapng"
    report = report_of(run, capture)
    nobody = set(truth_of(capture)["no_client"])
    assert len(nobody) == 3
    assert not nobody & {end_of(each["client"]) for each in report["tunnels"]}
    skipped = [each for each in report["skipped"] if "names no client" in json.dumps(each)]
    assert len(skipped) == len(nobody)


def test_a_proxy_session_behind_a_header(run, tmp_path):
    session = wire.Session(server=("10.0.0.1", 1080))
    header = b"PROXY TCP4 203.0.113.9 10.0.0.1 51234 1080\r\n"
    frames = [*session.open(), session.say(CLIENT, header[:10]), session.say(CLIENT, header[10:] + b"\5\1\0"),
              session.say(SERVER, b"\5\0"), session.say(CLIENT, b"\5\1\0\1\xc0\0\2\7\0\x50"),
              session.say(SERVER, b"\5\0\0\1\0\0\0\0\0\0"), session.say(CLIENT, b"hello"), *session.close()]
    said, tunnels = export(run, small(tmp_path, *frames), tmp_path)
    assert [(each["protocol"], end_of(each["client"]), each["parent"]) for each in tunnels] == [
        ("proxy-v1", "203.0.113.9:51234", None), ("socks5", "203.0.113.9:51234", 0)]
    assert [each["origin"]["provenance"] for each in tunnels] == ["carrier", "literal"]
    assert said["203.0.113.9:51234", "192.0.2.7:80"] == b"hello"


def test_datagrams_behind_headers(run, captures, tmp_path):
    capture = captures / "pp2_dnsdist_udp.pcap"
    truth, output, report = truth_of(capture), tmp_path / "out.pcapng", tmp_path / "report.json"
    assert run(capture, "-q", "-w", output, "--report", report).code == DONE
    origin = truth["origin"]
    expected = [((each["client"], origin)[::1 if each["dir"] == "c2s" else -1], each["sha256"])
                for each in truth["datagrams"]]
    assert [((sender, receiver), hashlib.sha256(payload).hexdigest())
            for sender, receiver, payload in datagrams(output)] == expected
    said = json.loads(report.read_text())
    udp = [each for each in said["tunnels"] if each["transport"] == "udp"]
    assert {end_of(each["client"]) for each in udp} == {each["client"] for each in truth["datagrams"]}
    for each in udp:
        assert (each["protocol"], each["status"], each["anomalies"]) == ("proxy-v2", "established", [])
        assert (end_of(each["proxy"]), end_of(each["origin"])) == (truth["balancer"], origin)
        assert each["origin"]["provenance"] == "carrier"
        for direction, key in (("c2s", "client_payload"), ("s2c", "server_payload")):
            own = [d for d in truth["datagrams"] if d["client"] == end_of(each["client"]) and d["dir"] == direction]
            assert each[key]["bytes"] == sum(d["len"] for d in own) > 0
    assert [end_of(each["client"]) for each in said["skipped"]] == truth["no_client"]
    assert run(capture, "-q", "--list", "--disable", "proxy-protocol").text.count("\n") == 1


# ---------------------------------------------------------------- relayed datagrams

def association(relay: tuple[str, int]) -> list[bytes]:
    session = wire.Session()
    answer = b"\5\0\0\1" + ip_address(relay[0]).packed + struct.pack(">H", relay[1])
    return [*session.open(), session.say(CLIENT, b"\5\1\0"), session.say(SERVER, b"\5\0"),
            session.say(CLIENT, b"\5\3\0\1\0\0\0\0\0\0"), session.say(SERVER, answer)]


def relayed(payload: bytes, fragment: int = 0, target: bytes = b"\1\xc0\0\2\7\0\x35") -> bytes:
    return b"\0\0" + bytes([fragment]) + target + payload


def datagrams(capture: Path) -> list[tuple[str, str, bytes]]:
    found = []
    for block in wire.pcapng_blocks(capture.read_bytes()):
        packet = block.packet[14:] if block.kind == wire.PACKET else b""
        if packet and packet[9] == 17:
            ports = struct.unpack_from(">HHH", packet, 20)
            whole = wire.pseudo_header(str(ip_address(packet[12:16])), str(ip_address(packet[16:20])), 17, ports[2])
            assert wire.checksum(whole + packet[20:20 + ports[2]]) == 0
            found.append((text_of(packet[12:16], ports[0]), text_of(packet[16:20], ports[1]),
                          packet[28:20 + ports[2]]))
    return found


@pytest.mark.parametrize("bound", ["10.0.0.1", "0.0.0.0"])
def test_datagrams_go_to_their_targets(run, tmp_path, bound):
    here, relay = ("10.0.0.5", 50000), ("10.0.0.1", 4000)
    stranger = ("10.0.0.6", 50000)
    frames = [*association((bound, 4000)), wire.udp(here, relay, relayed(b"first")),
              wire.udp(stranger, relay, relayed(b"not of this association")),
              wire.udp(here, relay, relayed(b"second", target=b"\1\xc0\0\2\x08\x01\xbb")),
              wire.udp(relay, here, relayed(b"answer"))]
    output = tmp_path / "out.pcapng"
    assert run(small(tmp_path, *frames), "-q", "-w", output).code == DONE
    assert datagrams(output) == [("10.0.0.5:50000", "192.0.2.7:53", b"first"),
                                 ("10.0.0.5:50000", "192.0.2.8:443", b"second"),
                                 ("192.0.2.7:53", "10.0.0.5:50000", b"answer")]


def test_fragments_are_put_together(run, tmp_path):
    here, relay = ("10.0.0.5", 50000), ("10.0.0.1", 4000)
    frames = [*association(relay), *(wire.udp(here, relay, relayed(part, number)) for number, part in
                                     ((1, b"one "), (2, b"two "), (0x83, b"three"))),
              wire.udp(here, relay, relayed(b"whole")),
              *(wire.udp(here, relay, relayed(b"lost", number)) for number in (1, 3))]
    output, report = tmp_path / "out.pcapng", tmp_path / "report.json"
    assert run(small(tmp_path, *frames), "-q", "-w", output, "--report", report).code == DONE
    assert [payload for _, _, payload in datagrams(output)] == [b"one two three", b"whole"]
    tunnel, = json.loads(report.read_text())["tunnels"]
    assert "fragments-lost" in tunnel["anomalies"]
    assert [(flow["target"]["host"], flow["origin"]["port"]) for flow in tunnel["flows"]] == [("192.0.2.7", 53)]


def test_an_association_ends_with_its_connection(run, tmp_path):
    here, relay = ("10.0.0.5", 50000), ("10.0.0.1", 4000)
    frames = association(relay)
    closing = wire.Session(numbers=[1000 + 1 + 3 + 10, 5000 + 1 + 2 + 10])
    frames += [wire.udp(here, relay, relayed(b"before")), *closing.close(), wire.udp(here, relay, relayed(b"after"))]
    output = tmp_path / "out.pcapng"
    assert run(small(tmp_path, *frames), "-q", "-w", output).code == DONE
    assert [payload for _, _, payload in datagrams(output)] == [b"before"]
