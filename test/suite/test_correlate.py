# SPDX-License-Identifier: GPL-2.0-or-later
# summary: both legs of real proxies: what --correlate claims is what logs of the proxy and of the origin say.
from __future__ import annotations

import ipaddress
import json
import subprocess
from pathlib import Path

import pytest

import wire
from conftest import REPOSITORY
from test_logs import rows_of
from test_tool import DONE, USAGE, one_tunnel, report_of  # noqa: F401  # one_tunnel is a fixture
from wire import CLIENT, SERVER, Session

CAPTURES = REPOSITORY / "test/captures"
ALONE = ["legs_dante", "legs_microsocks", "legs_tinyproxy", "legs_squid", "legs_privoxy", "legs_happy_eyeballs"]
APART = ["legs_dante", "legs_microsocks", "legs_squid"]


def capture(name: str) -> Path:
    return CAPTURES / f"{name}.pcapng.gz"


def truth(name: str) -> dict:
    return json.loads((CAPTURES / f"{name}.truth.json").read_text())


def end(it: dict) -> str:
    return f"[{it['address']}]:{it['port']}" if ":" in it["address"] else f"{it['address']}:{it['port']}"


def leg_of(it: dict) -> str:
    return f"{end(it['client'])}->{end(it['server'])}"


def legs_of(tunnel: dict) -> set[str]:
    found = tunnel["wan_leg"]
    return {leg_of(part) for part in [found, *found["more"]]} if found and found["client"] else set()


def compare(report: dict, expected: dict) -> dict[str, int]:
    """Counts of requests (of a tunnel that forwards none, itself) by what became of them."""
    counts = dict.fromkeys(["right", "wrong", "ambiguous", "missed", "none"], 0)
    for session in expected["tunnels"]:
        ours = [each for each in report["tunnels"] if end(each["client"]) == session["client"]
                and end(each["proxy"]) == session["proxy"]]
        requests = session["requests"] if isinstance(session.get("requests"), list) else [session]
        for request in requests:
            host = request.get("target_host", session["target_host"]).lower()
            port = request.get("target_port", session["target_port"])
            same = [each for each in ours if each["target"]["port"] == port
                    and host in [name.lower() for name in each.get("hosts", [each["target"]["host"]])]]
            found = set().union(*map(legs_of, same))
            wanted = request.get("wan_leg", request.get("wan_flow"))
            if wanted is None:
                # A connection that asked for more may have a leg for that.
                counts["wrong" if found and len(requests) == 1 else "none"] += 1
            elif wanted in found:
                counts["right"] += 1
            else:
                missing = "ambiguous" if request.get("wan_ambiguous") else "missed"
                counts["wrong" if found else missing] += 1
    return counts


def check(counts: dict[str, int]) -> None:
    """What is missed is what others carried byte for byte alike."""
    assert counts["wrong"] == counts["missed"] == 0 < counts["right"]


@pytest.mark.parametrize("name", ALONE)
def test_in_one_capture(run, tmp_path, name):
    report = report_of(run, capture(name), "--correlate")
    check(compare(report, truth(name)))
    plain = report_of(run, capture(name))
    # Nothing else changed: tunnels, their numbers and payload.
    others = ["id", "protocol", "client", "target", "status", "times", "client_payload", "server_payload", "packets"]
    assert [[each[key] for key in others] for each in report["tunnels"]] == \
        [[each[key] for key in others] for each in plain["tunnels"]]
    assert all(each["wan_leg"] is None for each in plain["tunnels"]) and "legs" not in plain


@pytest.mark.parametrize("skew", [[], ["--skew", "60"]])
@pytest.mark.parametrize("name", APART)
def test_in_two_captures_with_two_clocks(run, tmp_path, name, skew):
    report = report_of(run, capture(f"{name}_lan"), "--wan", capture(f"{name}_wan"), *skew)
    check(compare(report, truth(f"{name}_lan")))
    ahead = truth(f"{name}_lan")["wan_clock_ahead_seconds"]
    [source] = report["correlation"]
    assert abs(source["clock"]["ahead_seconds"] - ahead) < 0.01 and source["clock"]["conversations"] >= 3


def test_clocks_that_may_not_be_so_far_apart(run, tmp_path):
    report = report_of(run, capture("legs_dante_lan"), "--wan", capture("legs_dante_wan"), "--skew", "5")
    assert not any(legs_of(each) for each in report["tunnels"])


def test_a_leg_that_is_not_there_is_not_claimed(run, tmp_path):
    """Of each of dante's legs in turn: with its packets gone, nobody else's is given in its place."""
    expected = truth("legs_dante")
    whole = report_of(run, capture("legs_dante"), "--correlate")
    known = [each for each in whole["tunnels"] if legs_of(each)]
    assert len(known) == 14
    for tunnel in known[::3]:
        gone = tunnel["wan_leg"]
        server, port = gone["server"]["address"], gone["client"]["port"]
        family = "ipv6" if ":" in server else "ip"
        made = tmp_path / "without.pcapng"
        subprocess.run(["tshark", "-r", capture("legs_dante"), "-w", made, "-Y",
                        f"not ({family}.addr == {server} and tcp.port == {port})"], check=True, capture_output=True)
        report = report_of(run, made, "--correlate")
        [same] = [each for each in report["tunnels"] if each["client"] == tunnel["client"]]
        assert not legs_of(same)
        assert compare(report, expected)["wrong"] == 0


def test_addresses_of_origins(run, tmp_path):
    """A name that only the other leg explains: report, names and packets have the true address."""
    wan = capture("legs_dante_wan")
    plain = report_of(run, capture("legs_dante_lan"))
    done = run("-q", "--wan", wan, "-w", tmp_path / "out.pcapng", "--report", tmp_path / "report.json",
               capture("legs_dante_lan"))
    assert done.code == DONE, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert "synthetic" in {each["origin"]["provenance"] for each in plain["tunnels"] if each["origin"]}
    shown = subprocess.run(["tshark", "-n", "-r", tmp_path / "out.pcapng", "-T", "fields", "-e", "ip.dst",
                            "-e", "ipv6.dst"], check=True, capture_output=True, text=True).stdout.split()
    for each in report["tunnels"]:
        if not legs_of(each):
            continue
        origin, leg = each["origin"], each["wan_leg"]["server"]
        assert (origin["address"], origin["port"]) == (leg["address"], leg["port"])
        assert origin["address"] in shown or f"::ffff:{origin['address']}" in shown
        assert origin["provenance"] == ("literal" if each["target"]["address"] else "wan-leg")
    named = subprocess.run(["capinfos", "-M", tmp_path / "out.pcapng"], check=True, capture_output=True).stdout
    assert named


def test_three_rows_are_linked(run, tmp_path):
    done = run("-q", "--wan", capture("legs_dante_wan"), "--log", "zeek", "--log-dir", tmp_path,
               capture("legs_dante_lan"))
    assert done.code == DONE, done.stderr
    rows = {row["uid"]: row for row in rows_of(tmp_path / "conn.log")}
    legs = [row for row in rows.values() if row["id.orig_h"] in ("10.77.2.1", "fd77:2::1")]
    assert len(legs) == 14
    for leg in legs:
        virtual = rows[leg["tunnel_parents"]]
        parent = rows[virtual["tunnel_parents"]]
        assert virtual["id.resp_h"].removeprefix("::ffff:") == leg["id.resp_h"]
        assert parent["tunnel_parents"] is None and parent["id.orig_h"] == virtual["id.orig_h"].removeprefix("::ffff:")
        assert leg["orig_bytes"] == virtual["orig_bytes"] and leg["conn_state"] == "SF"


def test_a_pooled_connection_is_nobodys_alone(run, tmp_path):
    report = report_of(run, capture("legs_squid"), "--correlate")
    shared = [each["wan_leg"] for each in report["tunnels"] if each["wan_leg"] and each["wan_leg"]["shared"]]
    assert len({leg_of(each) for each in shared}) >= 2
    taken: dict[str, list[tuple[int, int]]] = {}
    for each in shared:
        for part in [each, *each["more"]]:
            taken.setdefault(leg_of(part), []).extend(map(tuple, part["ranges"] or []))
    for ranges in taken.values():
        ranges.sort()
        assert ranges and all(one[1] <= other[0] for one, other in zip(ranges, ranges[1:]))
    several = [leg for leg in report["legs"] if leg["served"] == "shared"]
    assert several and any(len({end(each["client"]) for each in leg["clients"]}) > 1 for leg in several)


def test_the_view_from_outside(run, tmp_path):
    """--view wan: the legs, as of their clients; byte for byte what is on the wire there."""
    wan = capture("legs_dante_wan")
    done = run("--view", "wan", "--wan", wan, "-w", tmp_path / "out.pcapng", "--report", tmp_path / "report.json",
               capture("legs_dante_lan"))
    assert done.code == DONE, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert {leg["served"] for leg in report["legs"]} <= {"known", "unknown"}
    known = [leg for leg in report["legs"] if leg["served"] == "known"]
    assert len(known) == 14

    def payload(file: Path, names: str) -> list[tuple[str, ...]]:
        text = subprocess.run(["tshark", "-n", "-r", file, "-o", "tcp.desegment_tcp_streams:false", "-Y", names, "-T",
                               "fields", "-e", "frame.time_epoch", "-e", "tcp.seq_raw", "-e", "tcp.flags", "-e",
                               "tcp.payload", "-e", "tcp.checksum.status"], check=True, capture_output=True,
                              text=True).stdout
        return [tuple(line.split("\t")) for line in text.splitlines()]
    for leg in known:
        [client] = leg["clients"]

        def names(client: dict) -> str:
            ip = "ipv6" if ":" in leg["server"]["address"] else "ip"
            shown = client["address"] if ip == "ip" or ":" in client["address"] else f"::ffff:{client['address']}"
            return (f"{ip}.addr == {leg['server']['address']} and tcp.port == {leg['server']['port']} and "
                    f"{ip}.addr == {shown} and tcp.port == {client['port']}")
        theirs = payload(wan, names(leg["client"]))
        ours = payload(tmp_path / "out.pcapng", names(client["client"]))
        assert ours == theirs and ours


def test_nobody_is_known_without_the_other_side(run, tmp_path):
    """The capture of the border alone: it has no sessions with proxies, so no leg is anybody's."""
    report = report_of(run, capture("legs_squid_wan"), "--correlate")
    assert report["tunnels"] == [] and report.get("legs", []) == []


def test_a_bound_socket_is_enough(run, shared, tmp_path):
    report = report_of(run, shared / "captures/suites/zeek/socks-auth.pcap", "--correlate")
    [found] = [each["wan_leg"] for each in report["tunnels"]]
    assert "bound-socket" in found["reasons"] and end(found["server"]) == "192.168.0.2:22"


def test_both_legs_of_the_lab(run, shared, tmp_path):
    lab = shared / "captures/lab"
    counts = compare(report_of(run, lab / "p14_both_legs_dns.pcapng", "--correlate"),
                     json.loads((lab / "p14_both_legs_dns.truth.json").read_text()))
    assert counts == {"right": 6, "wrong": 0, "ambiguous": 0, "missed": 0, "none": 0}


def socks5(client: tuple[str, int], said: bytes, answer: bytes) -> list[bytes]:
    session = Session(client=client, server=("10.0.0.1", 1080))
    opening = [(CLIENT, b"\5\1\0"), (SERVER, b"\5\0"), (CLIENT, b"\5\1\0\3\x0bwww.example\0\x50"),
               (SERVER, b"\5\0\0\1" + bytes(6))]
    turns = [*opening, (CLIENT, said), (SERVER, answer)]
    return [*session.open(), *(session.say(side, words) for side, words in turns), *session.close()]


def test_datagrams_have_a_leg_too(run, tmp_path):
    """A relay that sends from a port of its own, to two targets: one flow each, and what others said is nobody's."""
    relay, outside, client = ("10.0.0.1", 5300), ("192.0.2.1", 6000), ("10.0.0.5", 5001)
    session = Session(server=("10.0.0.1", 1080))
    packets = [*session.open(), *(session.say(side, words) for side, words in [
        (CLIENT, b"\5\1\0"), (SERVER, b"\5\0"), (CLIENT, b"\5\3\0\1" + bytes(6)),
        (SERVER, b"\5\0\0\1" + ipaddress.ip_address(relay[0]).packed + relay[1].to_bytes(2, "big"))])]
    for number, target in enumerate([("198.51.100.1", 7000), ("198.51.100.2", 7000)]):
        header = b"\0\0\0\1" + ipaddress.ip_address(target[0]).packed + target[1].to_bytes(2, "big")
        said, answer = b"question %d" % number, b"answer %d" % number
        packets += [wire.udp(client, relay, header + said), wire.udp(outside, target, said),
                    wire.udp(target, outside, answer), wire.udp(relay, client, header + answer),
                    wire.udp(("192.0.2.9", 6000), target, b"something else")]
    file = tmp_path / "relayed.pcap"
    file.write_bytes(wire.pcap([*packets, *session.close()]))
    report = report_of(run, file, "--correlate")
    [association] = report["tunnels"]
    assert association["wan_leg"] is None
    assert [leg_of(flow["wan_leg"]) for flow in association["flows"]] == \
        [f"192.0.2.1:6000->198.51.100.{number}:7000" for number in (1, 2)]
    assert {leg["served"] for leg in report["legs"] if leg["client"]["address"] == "192.0.2.1"} == {"known"}


@pytest.mark.parametrize("words, why", [
    (["--skew", "3"], "--skew is for"), (["--correlate", "--skew", "-1"], "--skew"),
    (["--wan", "nowhere.pcap"], "nowhere.pcap"), (["--view", "wan", "--correlate"], "needs -w"),
    (["--view", "wan", "-w", "out.pcap"], "--correlate, or --wan"), (["--view", "east"], "none of lan, wan")])
def test_wrong_use(run, one_tunnel, tmp_path, words, why):
    done = run(*words, "--report", tmp_path / "report.json", one_tunnel, cwd=tmp_path)
    assert done.code == USAGE and why in done.stderr


def test_an_evidence_file_is_never_overwritten(run, one_tunnel, tmp_path):
    wan = tmp_path / "wan.pcapng"
    wan.write_bytes(one_tunnel.read_bytes())
    done = run("--wan", wan, "-w", wan, one_tunnel)
    assert done.code == USAGE and "is an input" in done.stderr


def test_a_pipe_is_read_twice(run, tmp_path):
    done = run("-q", "--correlate", "--report", "-", "-", stdin=capture("legs_dante").read_bytes())
    assert done.code == DONE, done.stderr
    assert compare(json.loads(done.stdout), truth("legs_dante"))["right"] == 14


@pytest.mark.parametrize("expression, count", [
    ('origin.provenance == "wan-leg"', 9), ('wan_leg.reasons contains "tls-random"', 4), ("wan_leg.score == null", 3),
    ('origin.provenance == "wan-leg" and wan_leg.server.port == 443', 2)])
def test_what_a_leg_tells_can_be_selected(run, expression, count):
    """In one pass or, where it is known late, in two more."""
    words = ["--wan", capture("legs_dante_wan"), capture("legs_dante_lan")]
    report = report_of(run, *words, "--select", expression)
    every = report_of(run, *words)
    chosen = [each["id"] for each in report["tunnels"]]
    assert len(chosen) == count and chosen == sorted(chosen)
    assert [each for each in every["tunnels"] if each["id"] in chosen] == report["tunnels"]


def test_side_by_side(run, tmp_path):
    """Inputs at once, each with its own legs and clocks: as one after another."""
    made = {}
    for jobs in ["1", "2"]:
        folder = tmp_path / jobs
        folder.mkdir()
        inputs = map(capture, ["legs_dante_lan", "legs_dante", "legs_squid_lan"])
        done = run("-j", jobs, "--wan", capture("legs_dante_wan"), "--report", folder / "report.json", "--log",
                   "zeek,csv", "--log-dir", folder / "logs", "-d", folder, *inputs)
        assert done.code == DONE, done.stderr
        made[jobs] = {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*"))
                      if file.is_file()} | {"words": done.stderr.replace(str(folder), "")}
    assert made["1"] == made["2"]
    report = json.loads(made["1"]["report.json"])
    assert [source["input"] for source in report["correlation"]] == [0, 1, 2]
    ahead = [source["clock"] and round(source["clock"]["ahead_seconds"]) for source in report["correlation"]]
    assert ahead[:2] == [37, 37]


def test_many_at_once_are_ambiguous_and_bounded(run, tmp_path):
    """A hundred alike: nobody is mixed up with anybody, and no list is longer than the contract says."""
    packets: list[bytes] = []
    for number in range(100):
        packets += socks5(("10.0.0.5", 20000 + number), b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n")
        leg = Session(client=("10.0.0.1", 40000 + number), server=("192.0.2.80", 80))
        packets += [*leg.open(), leg.say(CLIENT, b"GET / HTTP/1.0\r\n\r\n"),
                    leg.say(SERVER, b"HTTP/1.0 200 OK\r\n\r\n"), *leg.close()]
    file = tmp_path / "alike.pcap"
    file.write_bytes(wire.pcap(packets))
    report = report_of(run, file, "--correlate")
    assert len(report["tunnels"]) == 100 and not any(legs_of(each) for each in report["tunnels"])
    assert all(len(each["wan_leg"]["candidates"]) <= 8 for each in report["tunnels"] if each["wan_leg"])
