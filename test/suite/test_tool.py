# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: pcap-unproxy as its users meet it: options, outputs, exit codes, damaged and hostile inputs."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import stat
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import wire
from wire import CLIENT, SERVER

DONE, DAMAGED, USAGE, UNREADABLE, UNWRITABLE = range(5)


@pytest.fixture
def one_tunnel(tmp_path: Path) -> Path:
    path = tmp_path / "one.pcap"
    path.write_bytes(wire.pcap(wire.connect_session()))
    return path


def report_of(run: Callable, *arguments: object) -> dict:
    done = run(*arguments, "-q", "--report", "-")
    assert done.code in (DONE, DAMAGED), done.stderr
    return json.loads(done.stdout)


def tshark(*arguments: object) -> str:
    return subprocess.run(["tshark", "-n", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


# ---------------------------------------------------------------- what comes out

def test_an_export_reads_as_if_there_were_no_proxy(run, captures, tmp_path):
    output = tmp_path / "out.pcapng"
    assert run(captures / "socks5.pcapng", "-w", output).code == DONE
    requests = tshark("-r", output, "-Y", "http.request", "-T", "fields", "-e", "ip.dst", "-e", "http.request.uri")
    assert "10.10.2.2\t/10k.bin" in requests.splitlines()
    hellos = tshark("-r", output, "-Y", "tls.handshake.type == 1", "-T", "fields", "-e", "tcp.dstport")
    assert hellos.split() == ["443"] * 2
    assert "10.10.1.1" not in tshark("-r", output, "-T", "fields", "-e", "ip.src", "-e", "ip.dst")


@pytest.mark.parametrize("name", ["socks4.pcapng", "socks5.pcapng", "connect.pcapng", "connect_ssh_smtp_redis.pcap.gz",
                                  "nested.pcapng", "optimistic_fragmented.pcapng"])
def test_tshark_finds_nothing_wrong_with_an_export(run, captures, tmp_path, name):
    output = tmp_path / "out.pcapng"
    assert run(captures / name, "-w", output).code == DONE
    checks = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]
    wrong = "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || tcp.analysis.lost_segment"
    assert tshark("-r", output, *checks, "-Y", wrong) == ""


def test_applications_are_recognised(run, captures, tmp_path):
    output = tmp_path / "out.pcapng"
    run(captures / "connect_ssh_smtp_redis.pcap.gz", "-w", output)
    protocols = set(tshark("-r", output, "-T", "fields", "-e", "_ws.col.Protocol").split())
    assert {"SSH", "SMTP"} <= protocols
    assert b"+OK" in output.read_bytes() or b"+PONG" in output.read_bytes()


def test_pcapng_says_where_everything_comes_from(run, one_tunnel, tmp_path):
    output = tmp_path / "out.pcapng"
    run(one_tunnel, "-w", output)
    blocks = wire.pcapng_blocks(output.read_bytes())
    section = wire.read_options(blocks[0].body[16:])
    assert section[4][0].startswith(b"pcap-unproxy ")
    assert b"one.pcap" in section[1][0]
    packets = [block for block in blocks if block.kind == wire.PACKET]
    sources = [struct.unpack("<Q", packet.options[5][0])[0] for packet in packets]
    assert sources == [5, 5, 5, 6, 7, 8, 9, 10]
    syn = packets[0].options[1][0].decode()
    for fact in ("http-connect", "10.0.0.1:1080", "www.example.com:80", "synthetic", "frame 4", "frame 5"):
        assert fact in syn
    assert all(b"synthetic" in packet.options[1][0] for packet in packets[:3])
    assert all(1 not in packet.options for packet in packets[3:])
    names = [block.body for block in blocks if block.kind == wire.NAMES]
    assert any(b"www.example.com" in body for body in names)


def test_the_same_input_gives_the_same_bytes(run, captures, tmp_path):
    digests = set()
    for index in range(2):
        output = tmp_path / f"{index}.pcapng"
        run(captures / "connect.pcapng", "-w", output)
        digests.add(hashlib.sha256(output.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_pcap_output(run, one_tunnel, tmp_path):
    output = tmp_path / "out.pcap"
    assert run(one_tunnel, "-F", "pcap", "-w", output).code == DONE
    assert output.read_bytes()[:4] == struct.pack("<I", 0xA1B23C4D)
    assert len(tshark("-r", output).splitlines()) == 8


def test_pcap_output_of_several_link_types_is_bare(run, tmp_path):
    frames = wire.connect_session()
    interface = lambda link: struct.pack("<IIHHII", 1, 20, link, 0, 0, 20)  # noqa: E731
    data = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28) + interface(1) + interface(101)
    for index, frame in enumerate(frames):
        body = frame if index % 2 == 0 else frame[14:]
        padded = body + bytes(-len(body) % 4)
        total = 32 + len(padded)
        data += struct.pack("<IIIIIII", 6, total, index % 2, 0, index, len(body), len(body)) + padded
        data += struct.pack("<I", total)
    path, output = tmp_path / "two.pcapng", tmp_path / "out.pcap"
    path.write_bytes(data)
    assert run(path, "-F", "pcap", "-w", output).code == DONE
    assert len(tshark("-r", output, "-Y", "!_ws.malformed && tcp").splitlines()) == 8


def test_standard_input_and_output(run, one_tunnel, tmp_path):
    run(one_tunnel, "-w", tmp_path / "file.pcapng")
    piped = run("-", "-w", "-", stdin=one_tunnel.read_bytes())
    assert piped.code == DONE
    packets = [b.body for b in wire.pcapng_blocks(piped.stdout) if b.kind == wire.PACKET]
    from_file = [b.body for b in wire.pcapng_blocks((tmp_path / "file.pcapng").read_bytes()) if b.kind == wire.PACKET]
    assert packets == from_file


@pytest.mark.parametrize("command", [["gzip", "-c"], ["zstd", "-qc"], ["lz4", "-qc"]])
@pytest.mark.parametrize("how", ["file", "pipe"])
def test_compressed_input(run, one_tunnel, tmp_path, command, how):
    squeezed = tmp_path / "squeezed"
    squeezed.write_bytes(subprocess.run([*command, one_tunnel], check=True, capture_output=True).stdout)
    done = run(squeezed if how == "file" else "-", "--list", stdin=squeezed.read_bytes() if how == "pipe" else b"")
    assert done.code == DONE, done.stderr
    assert "www.example.com:80" in done.text


def test_list_shows_every_attempt(run, captures):
    lines = run(captures / "socks5.pcapng", "--list").text.splitlines()
    assert lines[0].split()[:4] == ["id", "time", "(UTC)", "protocol"]
    assert [line.split()[0] for line in lines[1:]] == [str(i) for i in range(10)]
    assert "refused (5)" in lines[4]


def test_no_tunnel_is_no_error_and_is_said(run, captures, tmp_path):
    done = run(captures / "no_proxy.pcapng", "-w", tmp_path / "out.pcapng")
    assert done.code == DONE
    assert "no tunnel opened" in done.stderr
    assert tshark("-r", tmp_path / "out.pcapng") == ""


def test_quiet_is_quiet(run, one_tunnel, tmp_path):
    done = run("-q", one_tunnel, "-w", tmp_path / "out.pcapng")
    assert (done.code, done.stdout, done.stderr) == (DONE, b"", "")


def test_one_output_for_each_input(run, captures, tmp_path):
    inputs = [captures / "socks4.pcapng", captures / "connect_ssh_smtp_redis.pcap.gz"]
    report = report_of(run, *inputs, "-d", tmp_path / "new")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["connect_ssh_smtp_redis.unproxied.pcapng",
                                                                   "socks4.unproxied.pcapng"]
    assert [entry["id"] for entry in report["tunnels"]] == list(range(len(report["tunnels"])))
    assert {entry["input"] for entry in report["tunnels"]} == {0, 1}
    assert len(report["inputs"]) == 2


def test_leaf_leaves_out_what_carries_a_tunnel(run, captures, tmp_path):
    report = report_of(run, captures / "nested.pcapng", "-w", tmp_path / "all.pcapng")
    run(captures / "nested.pcapng", "--layers", "leaf", "-w", tmp_path / "leaf.pcapng")
    carriers = {entry["parent"] for entry in report["tunnels"] if entry["status"] == "established"} - {None}
    opened = [entry for entry in report["tunnels"] if entry["status"] == "established"]
    files = (tmp_path / "all.pcapng", tmp_path / "leaf.pcapng")
    syns = [len(tshark("-r", file, "-Y", "tcp.flags == 2").splitlines()) for file in files]
    assert carriers and syns == [len(opened), len(opened) - len(carriers)]
    piped = run("-", "--layers", "leaf", "-w", "-", stdin=(captures / "nested.pcapng").read_bytes())
    assert piped.stdout[-200:] == (tmp_path / "leaf.pcapng").read_bytes()[-200:]


def test_a_capture_filter_selects_packets(run, captures):
    everything = report_of(run, captures / "socks5.pcapng")
    some = report_of(run, captures / "socks5.pcapng", "-f", "port 1080")
    assert {e["proxy"]["port"] for e in everything["tunnels"]} == {1080, 1083}
    assert {e["proxy"]["port"] for e in some["tunnels"]} == {1080}
    assert some["counters"]["packets_passed_over"]["filter"] > 0


@pytest.mark.parametrize("protocols, left", [("socks4", {"socks5", "http-connect"}), ("socks5", {"http-connect"}),
                                             ("socks5,http-connect", set())])
def test_protocols_can_be_disabled(run, captures, protocols, left):
    report = report_of(run, captures / "link_ethernet.pcap", "--disable", protocols)
    assert {entry["protocol"] for entry in report["tunnels"]} == left


def test_the_limit_counts_connections_on_the_wire(run, one_tunnel):
    report = report_of(run, one_tunnel, "--max-connections", "1")
    assert report["counters"]["dropped_connections"] == 0
    assert report["tunnels"][0]["server_payload"]["bytes"] == 24


def test_idle_connections_are_dropped_beyond_the_limit(run, captures):
    done = run(captures / "socks5.pcapng", "--max-connections", "1", "--report", "-")
    report = json.loads(done.stdout)
    assert report["counters"]["dropped_connections"] > 0
    assert "--max-connections" in done.stderr


# ---------------------------------------------------------------- names and origins

def only_origin(run, tmp_path: Path, frames: list[bytes], *options: object) -> dict:
    path = tmp_path / "names.pcap"
    path.write_bytes(wire.pcap(frames))
    (entry,) = report_of(run, path, *options)["tunnels"]
    return entry["origin"]


def test_a_dns_answer_in_the_capture_tells_the_origin(run, tmp_path):
    frames = [*wire.dns_lookup("www.example.com", "192.0.2.80", "192.0.2.81"), *wire.connect_session()]
    origin = only_origin(run, tmp_path, frames)
    assert (origin["address"], origin["provenance"]) == ("192.0.2.80", "dns-in-capture")
    assert [c["address"] for c in origin["candidates"]] == ["192.0.2.81"]


def test_answers_given_to_the_proxy_come_first(run, tmp_path):
    frames = [*wire.dns_lookup("www.example.com", "192.0.2.80"),
              *wire.dns_lookup("WWW.example.com", "192.0.2.99", asker="10.0.0.8"), *wire.connect_session()]
    origin = only_origin(run, tmp_path, frames)
    assert origin["address"] == "192.0.2.80"
    assert origin["candidates"][0] == {"address": "192.0.2.99", "provenance": "dns-in-capture", "answered": "10.0.0.8"}


def test_an_answer_that_nobody_asked_for_is_a_candidate(run, tmp_path):
    _, answer = wire.dns_lookup("www.example.com", "192.0.2.80")
    origin = only_origin(run, tmp_path, [answer, *wire.connect_session()])
    assert origin["provenance"] == "synthetic"
    assert origin["candidates"] == [{"address": "192.0.2.80", "provenance": "dns-unasked", "answered": "10.0.0.1"}]


def test_an_answer_after_the_opening_is_too_late(run, tmp_path):
    assert only_origin(run, tmp_path, [*wire.connect_session(), *wire.dns_lookup("www.example.com", "192.0.2.80")]
                       )["provenance"] == "synthetic"


def test_names_can_be_kept_out(run, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("# ours\n192.0.2.7 other www.example.com # web\n")
    frames = [*wire.dns_lookup("www.example.com", "192.0.2.80"), *wire.connect_session()]
    assert only_origin(run, tmp_path, frames, "--names", f"hosts={hosts}")["provenance"] == "hosts-file"
    assert only_origin(run, tmp_path, frames, "--names", f"capture,hosts={hosts}")["provenance"] == "dns-in-capture"


def test_synthetic_addresses_are_stable_and_can_be_moved(run, tmp_path):
    first = only_origin(run, tmp_path, wire.connect_session())
    again = only_origin(run, tmp_path, wire.connect_session(b"WWW.Example.COM:80"))
    assert first["address"] == again["address"] and first["address"].startswith(("198.18.", "198.19."))
    moved = only_origin(run, tmp_path, wire.connect_session(), "--synthetic4", "100.64.0.0/10")
    assert moved["provenance"] == "synthetic" and moved["address"].startswith("100.")


def test_a_client_of_the_other_family_is_shown_mapped(run, tmp_path):
    path, output = tmp_path / "v6.pcap", tmp_path / "v6.pcapng"
    path.write_bytes(wire.pcap(wire.connect_session(b"[2001:db8::25]:25")))
    run(path, "-w", output)
    assert set(tshark("-r", output, "-T", "fields", "-e", "ipv6.src").split()) == {"::ffff:10.0.0.5", "2001:db8::25"}


def test_passwords_are_shown_only_when_asked_for(run, captures):
    quiet = report_of(run, captures / "socks5_password.pcap")["tunnels"]
    loud = report_of(run, captures / "socks5_password.pcap", "--show-credentials")["tunnels"]
    assert {entry["username"] for entry in quiet} >= {"alice"}
    assert {entry["password"] for entry in quiet} == {None}
    assert any(entry["password"] for entry in loud)


def test_hashes_only_when_asked_for(run, one_tunnel):
    (entry,) = report_of(run, one_tunnel)["tunnels"]
    assert entry["server_payload"] == {"bytes": 24, "missing_bytes": 0, "sha256": None}
    report = report_of(run, one_tunnel, "--hash")
    expected = hashlib.sha256(b"HTTP/1.0 200 OK\r\n\r\nhello").hexdigest()
    assert report["tunnels"][0]["server_payload"]["sha256"] == expected
    assert report["inputs"][0]["sha256"] == hashlib.sha256(one_tunnel.read_bytes()).hexdigest()


def test_a_payload_with_holes_has_no_hash(run, tmp_path):
    session = wire.Session()
    frames = [*session.open(), session.say(CLIENT, b"CONNECT a:80 HTTP/1.1\r\n\r\n"),
              session.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n"), session.say(CLIENT, b"before")]
    session.say(CLIENT, b"lost")
    frames.append(session.say(CLIENT, b"after"))
    path = tmp_path / "holes.pcap"
    path.write_bytes(wire.pcap(frames))
    (entry,) = report_of(run, path, "--hash")["tunnels"]
    assert entry["client_payload"] == {"bytes": 11, "missing_bytes": 4, "sha256": None}


def test_a_report_survives_hostile_text(run, tmp_path):
    path = tmp_path / "hostile.pcap"
    session, name = wire.Session(), b"\xff\x1b[31m\"evil\xc3\xa4\\"
    path.write_bytes(wire.pcap([
        *session.open(), session.say(CLIENT, b"\x05\x01\x00"), session.say(SERVER, b"\x05\x00"),
        session.say(CLIENT, b"\x05\x01\x00\x03" + bytes([len(name)]) + name + b"\x00\x50"),
        session.say(SERVER, b"\x05\x00\x00\x01\0\0\0\0\0\0")]))
    (entry,) = report_of(run, path)["tunnels"]
    assert entry["target"]["host"] == "\\xff\\x1b[31m\"evil\xe4\\\\"
    assert "\x1b" not in run(path, "--list").text


# ---------------------------------------------------------------- usage

@pytest.mark.parametrize("arguments, complaint", [
    ([], "INPUT"), (["in.pcap"], "nothing to do"), (["in.pcap", "--list", "--bogus"], "--bogus"),
    (["in.pcap", "-w", "a", "-d", "b"], "-d"), (["a", "b", "-w", "out"], "-d"),
    (["in.pcap", "-w", "same", "--report", "same"], "same"), (["in.pcap", "-w", "-", "--list"], "standard output"),
    (["-", "-", "-d", "x"], "standard input"), (["in.pcap", "--list", "--disable", "gopher"], "gopher"),
    (["in.pcap", "--list", "--names", "rumours"], "rumours"),
    (["in.pcap", "--list", "--layers", "some"], "--layers: 'some' is none of all, leaf"),
    (["in.pcap", "--list", "--layers", "0"], "'0' is none of"), (["in.pcap", "--list", "-F", "cap"], "pcap, pcapng"),
    (["in.pcap", "--list", "--synthetic4", "10.0.0.0/30"], "--synthetic4"),
    (["in.pcap", "--list", "--max-connections", "0"], "--max-connections"),
    (["x/one.pcap", "y/one.pcapng", "-d", "out"], "two outputs"),
    (["in.pcap", "-w", "new", "--report", "./new"], "two outputs"),
    (["in.pcap", "-w", "new", "--report", "link"], "two outputs"),
    (["in.pcap", "-w", "in.pcap"], "overwritten"), (["in.pcap", "--keylog", "keys", "--report", "keys"], "overwritten"),
    (["in.pcap", "--names", "hosts=keys", "-w", "./keys"], "overwritten"),
])
def test_usage_errors(run, tmp_path, arguments, complaint):
    (tmp_path / "in.pcap").write_bytes(wire.pcap([]))
    (tmp_path / "keys").touch()
    (tmp_path / "link").symlink_to("new")
    done = run(*arguments, cwd=tmp_path)
    assert done.code == USAGE and complaint in done.stderr and done.stdout == b""
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1


def test_a_filter_that_is_none(run, one_tunnel):
    done = run(one_tunnel, "--list", "-f", "port banana")
    assert done.code == USAGE and "banana" in done.stderr


def test_help_names_every_option_of_the_contract(run):
    text = run("--help").text
    for option in ("--write", "--output-dir", "--format", "--layers", "--report", "--list", "--names", "--synthetic4",
                   "--synthetic6", "--disable", "--hash", "--show-credentials", "--fix-checksums", "--filter",
                   "--max-connections", "--quiet", "--verbose", "--progress", "--version"):
        assert option in text
    assert re.fullmatch(r"pcap-unproxy \d+\.\d+\.\d+\n", run("--version").text)
    assert max(map(len, text.splitlines())) <= 80 and "Examples:" in text


def test_an_input_is_never_overwritten(run, one_tunnel, tmp_path):
    before = one_tunnel.read_bytes()
    link = tmp_path / "link.pcap"
    link.symlink_to(one_tunnel)
    for output in (one_tunnel, link):
        assert run(one_tunnel, "-w", output).code == USAGE
        assert run(one_tunnel, "--report", output).code == USAGE
    assert one_tunnel.read_bytes() == before


# ---------------------------------------------------------------- inputs that cannot be read

@pytest.mark.parametrize("content", [b"", b"not a capture at all, whatever you may think", b"\xd4\xc3\xb2\xa1"])
def test_what_is_no_capture(run, tmp_path, content):
    path, output = tmp_path / "odd.bin", tmp_path / "out.pcapng"
    path.write_bytes(content)
    done = run(path, "-w", output)
    assert done.code in (UNREADABLE, DAMAGED) and "odd.bin" in done.stderr
    assert done.code == DAMAGED or not output.exists()


@pytest.mark.parametrize(("content", "advice"), [
    (b"\xfd7zXZ\0" + bytes(100), "xz -dc"), (b"BZh91AY&SY" + bytes(100), "bzip2 -dc"),
    (b"PK\3\4" + bytes(100), "unzip"), (b"\x7fELF\2\1\1" + bytes(100), "is a program"),
    (b"<html>\n<body>\n</body></html>\n", "a pcap or pcapng file"),
    (b"Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8\n", "a pcap or pcapng file")])
def test_what_is_given_by_mistake_is_told_with_advice(run, tmp_path, content, advice):
    path = tmp_path / "odd.bin"
    path.write_bytes(content)
    done = run(path, "--list", "-q")
    assert done.code == UNREADABLE and advice in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_hosts_files_that_are_none(run, one_tunnel, tool, tmp_path):
    for path, why in ((tmp_path, "is a directory"), (tool, "is no text"), (tmp_path / "absent", "cannot be read")):
        done = run(one_tunnel, "--list", "-q", "--names", f"hosts={path}")
        assert done.code == UNREADABLE and why in done.stderr and "hosts file" in done.stderr


def test_inputs_that_are_not_there(run, tmp_path):
    for path in (tmp_path / "absent.pcap", tmp_path):
        done = run(path, "-w", tmp_path / "out.pcapng")
        assert done.code == UNREADABLE and path.name in done.stderr
        assert not (tmp_path / "out.pcapng").exists()


def test_a_bad_input_costs_the_others_nothing(run, one_tunnel, tmp_path):
    done = run(tmp_path / "absent.pcap", one_tunnel, "-d", tmp_path / "out", "--report", tmp_path / "r.json")
    assert done.code == UNREADABLE
    assert (tmp_path / "out/one.unproxied.pcapng").exists()
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["inputs"][0]["unreadable"] and len(report["tunnels"]) == 1


def test_a_file_cut_anywhere_gives_what_was_before_the_cut(run, one_tunnel, tmp_path):
    whole = one_tunnel.read_bytes()
    ends, offset = {24}, 24
    while offset < len(whole):
        offset += 16 + struct.unpack_from("<I", whole, offset + 8)[0]
        ends.add(offset)
    written = []
    for size in [*range(24, len(whole), 41), *sorted(ends)]:
        path, output = tmp_path / "cut.pcap", tmp_path / "cut.pcapng"
        path.write_bytes(whole[:size])
        done = run(path, "-w", output, "--report", tmp_path / "r.json")
        report = json.loads((tmp_path / "r.json").read_text())
        assert done.code == (DONE if size in ends else DAMAGED), (size, done.stderr)
        assert bool(report["inputs"][0]["damaged"]) == (size not in ends)
        if size not in ends:
            assert "cut.pcap" in done.stderr and re.search(r"\d", done.stderr)
        written.append((size, report["counters"]["packets_written"]))
    counts = [count for _, count in sorted(written)]
    assert counts == sorted(counts) and counts[-1] == 8


@pytest.mark.parametrize("position, value", [(8, 0xFFFFFFFF), (8, 0x7FFFFFFF), (12, 0xFFFFFFFF)])
def test_absurd_lengths(run, one_tunnel, tmp_path, position, value):
    content = bytearray(one_tunnel.read_bytes())
    last = 24
    for _ in range(8):
        last += 16 + struct.unpack_from("<I", content, last + 8)[0]
    struct.pack_into("<I", content, last + position, value)
    path = tmp_path / "absurd.pcap"
    path.write_bytes(content)
    done = run(path, "-w", tmp_path / "out.pcapng", "--report", tmp_path / "r.json")
    assert done.code in (DONE, DAMAGED)
    assert json.loads((tmp_path / "r.json").read_text())["counters"]["packets_written"] >= 6


def test_a_link_type_that_is_not_known_is_counted(run, tmp_path):
    path = tmp_path / "odd.pcap"
    path.write_bytes(wire.pcap(wire.connect_session(), link=147))
    report = report_of(run, path)
    assert report["counters"]["packets_passed_over"] == {"unsupported-link-type": 10}


# ---------------------------------------------------------------- outputs that cannot be written

@pytest.mark.parametrize("option", ["-w", "--report"])
def test_outputs_that_cannot_be_made(run, one_tunnel, tmp_path, option):
    done = run(one_tunnel, option, tmp_path / "no/such/dir/out")
    assert done.code == UNWRITABLE and "no/such/dir/out" in done.stderr
    done = run(one_tunnel, option, "/dev/full")
    assert done.code == UNWRITABLE and "/dev/full" in done.stderr


def test_nothing_is_left_behind(run, one_tunnel, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    run(one_tunnel, "-w", place / "out.pcapng", "--report", "/dev/full")
    assert [p.name for p in place.iterdir()] == ["out.pcapng"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((place / "out.pcapng").stat().st_mode) == 0o666 & ~mask


def test_a_closed_pipe_is_an_output_that_cannot_be_written(tool, captures):
    with subprocess.Popen([tool, captures / "lossy.pcapng", "-q", "-w", "-"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"standard output" in process.stderr.read()
        assert process.wait(60) == UNWRITABLE


def test_answers_are_read_ahead_whatever_the_format(run, captures, tmp_path):
    plain = tmp_path / "plain.pcapng"
    plain.write_bytes(gzip.decompress((captures / "both_legs_dns.pcapng.gz").read_bytes()))
    reports = [report_of(run, path) for path in (plain, captures / "both_legs_dns.pcapng.gz")]
    provenances = [[entry["origin"]["provenance"] for entry in report["tunnels"]] for report in reports]
    assert provenances[0] == provenances[1]
    assert "dns-in-capture" in provenances[0]
