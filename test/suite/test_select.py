# SPDX-License-Identifier: GPL-2.0-or-later
# summary: --select: what is chosen is the same in report, list, logs and export, whether it takes one pass or two.
from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import wire
from conftest import REPOSITORY, SHARED
from test_goldens import CAPTURES as GOLDEN
from test_list import hostile
from test_logs import log, rows_of
from test_tool import DONE, UNREADABLE, USAGE, one_tunnel, report_of  # noqa: F401  # one_tunnel is a fixture

PLACES = [REPOSITORY / "test/captures", SHARED / "captures/lab"]
ALL = [file for place in PLACES if place.is_dir() for file in sorted(place.iterdir())
       if file.name.endswith((".pcap", ".pcapng", ".gz"))]
# Each is read four times: all of them take minutes, and PROXYTUNNEL_ALL_CAPTURES=1.
CAPTURES = ALL if os.environ.get("PROXYTUNNEL_ALL_CAPTURES") else [PLACES[0] / name for name in GOLDEN]
# What is true of every attempt, and takes a first pass.
TWICE = " and (status != null or status == null)"
# Facts of a tunnel that are known when it opens: facts.cpp.
EARLY = ["id", "input", "parent", "layer", "protocol", "command", "transport", "inside_tls", "encapsulation",
         "client.address", "client.port", "proxy.address", "proxy.port", "target.host", "target.address",
         "target.port", "origin.address", "origin.port", "origin.provenance", "origin.answered",
         "virtual_client.address", "virtual_client.port", "times.request", "frames.first", "frames.request",
         "parent_community_id", "input_id", "frame_inputs.request"]


def outputs(run, folder: Path, expression: str | None, *words: str | Path) -> dict[str, bytes]:
    """All that the tool writes, by name."""
    folder.mkdir()
    chosen = [] if expression is None else ["--select", expression]
    for listed in ["csv", "table"]:
        done = run("-q", *words, *chosen, f"--list={listed}", "--report", folder / "report.json", "-w",
                   folder / "out.pcapng", "--log", "zeek,csv,ndjson", "--log-dir", folder / "logs", "--hash")
        assert done.code in (0, 1), done.stderr
        (folder / listed).write_bytes(done.stdout)
    files = {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
    report = json.loads(files["report.json"])
    del report["tool"]["command"]  # it has the expression
    return files | {"report.json": json.dumps(report).encode()}


def ids_of(made: dict[str, bytes]) -> list[int]:
    """Those in the report; all other outputs have the same."""
    tunnels = json.loads(made["report.json"])["tunnels"]
    ids = [each["id"] for each in tunnels]
    assert [int(row["id"]) for row in csv.DictReader(made["csv"].decode().splitlines())] == ids
    assert len(made["table"].decode().splitlines()) == len(ids) + 1
    assert sorted(int(row["id"]) for row in csv.DictReader(made["logs/proxytunnel.csv"].decode().splitlines())) == ids
    rows = [json.loads(line) for line in made["logs/proxytunnel.ndjson"].splitlines()]
    assert sorted(row["id"] for row in rows) == ids
    packets = sum(row["packets.client"] + row["packets.server"] for row in rows)
    blocks = [block for block in wire.pcapng_blocks(made["out.pcapng"]) if block.kind == 6]
    assert len(blocks) == packets
    comments = [comment.decode() for block in blocks for comment in block.options.get(1, [])]
    shown = {int(found[1]) for found in (re.match(r"tunnel (\d+)", comment) for comment in comments) if found}
    assert shown == {row["id"] for row in rows if row["packets.client"] + row["packets.server"]}
    return ids


def literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def is_like(row: dict) -> str:
    """An expression that is true of attempts that are like this one in all that is known early."""
    types = {"protocol", "command", "transport", "target.host", "origin.provenance", "parent_community_id"}
    parts = []
    for name in EARLY:
        value = row[name]
        if row["command"] == "udp-associate" and name.startswith("target."):
            value = None  # the contract: it may get others
        if isinstance(value, list):
            parts += [f'{name} contains "{word}"' for word in value] or [f"{name} == null"]
        elif value is None:
            parts.append(f"{name} == null")
        elif name in types:
            quote = "'" if '"' in value else '"'
            parts.append(f"{name} == {quote}{value}{quote}")
        else:
            parts.append(f"{name} == {literal(value)}")
    return "(" + " and ".join(parts) + ")"


# ---------------------------------------------------------------- what is chosen


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_one_pass_and_two_choose_the_same(run, tmp_path, capture):
    """Every second attempt, by all that is known when it opens: that nothing of it changes is what the table says."""
    done = run("-q", capture, "--log", "ndjson", "--log-dir", tmp_path / "all")
    assert done.code in (0, 1), done.stderr
    rows = sorted(map(json.loads, (tmp_path / "all/proxytunnel.ndjson").read_text().splitlines()),
                  key=lambda row: row["id"])
    chosen = rows[::2][:40]
    expression = " or ".join(map(is_like, chosen)) or "id == 0"
    one = outputs(run, tmp_path / "one", expression, capture)
    assert ids_of(one) == [row["id"] for row in chosen]
    two = outputs(run, tmp_path / "two", f"({expression})" + TWICE, capture)
    assert one == two


@pytest.mark.parametrize("expression", [
    'status == "refused" or status == "incomplete"', "client_payload.bytes > 100", "anomalies == null",
    "layer == 1", 'protocol matches "socks*" and not origin.port == 80', "times.closed != null"])
@pytest.mark.parametrize("name", ["nested.pcapng", "http_forward_407.pcapng", "socks5_udp.pcapng", "socks4.pcapng",
                                  "connect_407.pcapng"])
def test_what_is_left_is_what_is_asked_for(run, captures, tmp_path, name, expression):
    made = outputs(run, tmp_path / "some", expression, captures / name)
    ids = ids_of(made)
    everything = json.loads(outputs(run, tmp_path / "all", None, captures / name)["report.json"])
    report = json.loads(made["report.json"])
    by_id = {each["id"]: each for each in everything["tunnels"]}
    assert [by_id[i] for i in ids] == report["tunnels"]
    says = {
        "status": lambda it: it["status"] in ("refused", "incomplete"),
        "client": lambda it: it["client_payload"]["bytes"] > 100,
        "anomal": lambda it: not it["anomalies"], "layer ": lambda it: it["layer"] == 1,
        "protoc": lambda it: it["protocol"].startswith("socks") and (it["origin"] or {}).get("port") != 80,
        "times.": lambda it: it["times"]["closed"] is not None}[expression[:6]]
    assert ids == [i for i in by_id if says(by_id[i])]
    # What is said of the capture is said of all of it.
    assert report["skipped"] == everything["skipped"] and report["inputs"] == everything["inputs"]
    written = report["counters"].pop("packets_written"), everything["counters"].pop("packets_written")
    assert written[0] <= written[1] and report["counters"] == everything["counters"]


def test_all_and_nothing(run, captures, tmp_path):
    everything = outputs(run, tmp_path / "all", None, captures / "nested.pcapng")
    assert outputs(run, tmp_path / "true", "id >= 0", captures / "nested.pcapng") == everything
    assert outputs(run, tmp_path / "twice", "id >= 0" + TWICE, captures / "nested.pcapng") == everything
    assert ids_of(outputs(run, tmp_path / "none", "id < 0", captures / "nested.pcapng")) == []


@pytest.mark.parametrize("twice", ["", TWICE])
def test_packets_are_those_of_the_whole_export(run, captures, tmp_path, twice):
    """The chosen tunnel's packets, byte for byte, comments and all."""
    def packets(made: dict[str, bytes]) -> list[bytes]:
        return [block.body for block in wire.pcapng_blocks(made["out.pcapng"]) if block.kind == 6]
    everything = packets(outputs(run, tmp_path / "all", None, captures / "nested.pcapng"))
    inner = packets(outputs(run, tmp_path / "inner", "layer == 1" + twice, captures / "nested.pcapng"))
    outer = packets(outputs(run, tmp_path / "outer", "layer != 1" + twice, captures / "nested.pcapng"))
    assert inner and outer and sorted(inner + outer) == sorted(everything)


def test_hashes_can_be_asked_for(run, captures, tmp_path):
    report = report_of(run, captures / "socks5.pcapng", "--hash")
    digest = report["tunnels"][0]["server_payload"]["sha256"]
    made = outputs(run, tmp_path / "some", f'server_payload.sha256 == "{digest}"', captures / "socks5.pcapng")
    assert ids_of(made) == [each["id"] for each in report["tunnels"] if each["server_payload"]["sha256"] == digest]


def test_a_name_from_the_capture(run, tmp_path):
    """As the report has it, and so without a terminal's control characters."""
    capture = hostile(tmp_path, b"me\x1b[2J", b"EVIL\xff.Example.com")
    report = report_of(run, capture)["tunnels"][0]
    assert report["username"] == "me\\x1b[2J"
    for expression in ["username == 'me\\x1b[2J'", "username matches '*2j'", "target.host matches 'evil*.EXAMPLE.com'",
                       f"target.host == '{report['target']['host']}'"]:
        assert len(report_of(run, capture, "--select", expression)["tunnels"]) == 1
    assert report_of(run, capture, "--select", "target.host == 'evil.example.com'")["tunnels"] == []


# ---------------------------------------------------------------- rows of connections


@pytest.mark.parametrize("twice", ["", TWICE])
@pytest.mark.parametrize("expression", ["layer == 1", "layer == 0", "id == 0", "id == 1", "id < 0"])
def test_a_conversation_has_its_parents(run, captures, tmp_path, expression, twice):
    log(run, tmp_path / "all", captures / "nested.pcapng")
    tunnels = log(run, tmp_path / "logs", captures / "nested.pcapng", "--select", expression + twice)
    rows, everything = (rows_of(tmp_path / where / "conn.log") for where in ["logs", "all"])
    assert all(row in everything for row in rows)
    uids = {row["uid"] for row in rows}
    # From the rows of what was chosen up to the connection on the wire, and nothing else.
    attempts = rows_of(tmp_path / "logs/proxytunnel.log")
    assert len(attempts) == len(tunnels)
    parent_of = {row["uid"]: row["tunnel_parents"] for row in everything}
    wanted = set()
    for attempt in attempts:
        uid = attempt["virtual_uid"] or attempt["uid"]
        while uid:
            wanted.add(uid)
            uid = parent_of[uid]
    assert uids == wanted


def refused_inside() -> bytes:
    """A CONNECT through a CONNECT, which the second proxy refuses; and a refusal on a connection of its own."""
    outer, other = wire.Session(), wire.Session(client=("10.0.0.6", 40001))
    say, answer = wire.CLIENT, wire.SERVER
    return wire.pcap([
        *outer.open(), outer.say(say, b"CONNECT 192.0.2.1:3128 HTTP/1.1\r\n\r\n"),
        outer.say(answer, b"HTTP/1.1 200 OK\r\n\r\n"), outer.say(say, b"CONNECT www.example.com:443 HTTP/1.1\r\n\r\n"),
        outer.say(answer, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), *outer.close(), *other.open(),
        other.say(say, b"CONNECT www.example.net:443 HTTP/1.1\r\n\r\n"),
        other.say(answer, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), *other.close()])


@pytest.mark.parametrize("twice", ["", TWICE])
@pytest.mark.parametrize("expression,rows", [
    ("target.host matches '*.com'", 2), ("target.host matches '*.net'", 1), ("target.port == 3128", 2),
    ("target.port == 443", 3), ("target.port == 80", 0)])
def test_what_was_refused_has_its_connection(run, tmp_path, expression, rows, twice):
    (tmp_path / "refused.pcap").write_bytes(refused_inside())
    assert len(log(run, tmp_path / "all", tmp_path / "refused.pcap")) == 3
    log(run, tmp_path / "logs", tmp_path / "refused.pcap", "--select", expression + twice)
    assert len(rows_of(tmp_path / "logs/conn.log")) == rows


# ---------------------------------------------------------------- pipes, files, several inputs


@pytest.mark.parametrize("expression,passes", [("layer == 1", 1), ("client_payload.bytes > 0", 2)])
def test_a_pipe(run, captures, tmp_path, expression, passes):
    capture = captures / "nested.pcapng"
    done = run("-q", "-", "--select", expression, "-w", "-", stdin=capture.read_bytes())
    assert done.code == DONE, done.stderr
    run("-q", capture, "--select", expression, "-w", tmp_path / "out.pcapng")
    packets = [[block.body for block in wire.pcapng_blocks(data) if block.kind == 6]
               for data in (done.stdout, (tmp_path / "out.pcapng").read_bytes())]
    assert packets[0] == packets[1] != []


def test_what_is_known_early_streams(tool, captures, tmp_path):
    """Packets come out before the pipe ends; nothing is copied (there is no room for it)."""
    with subprocess.Popen([tool, "-q", "-", "--select", "layer == 0", "-w", tmp_path / "out.pcapng"],
                          stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=os.environ | {"TMPDIR": str(tmp_path / "none")}) as process:
        _, said = process.communicate((captures / "nested.pcapng").read_bytes(), timeout=60)
    assert process.returncode == DONE and said == b"" and (tmp_path / "out.pcapng").exists()
    with subprocess.Popen([tool, "-q", "-", "--select", "times.closed != null", "-w", tmp_path / "late.pcapng"],
                          stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=os.environ | {"TMPDIR": str(tmp_path / "none")}) as process:
        _, said = process.communicate((captures / "nested.pcapng").read_bytes(), timeout=60)
    assert process.returncode == UNREADABLE and b"none" in said


def test_several_inputs_count_on(run, captures, tmp_path):
    names = [captures / "nested.pcapng", captures / "connect.pcapng"]
    everything = report_of(run, *names)["tunnels"]
    for twice in ["", TWICE]:
        some = report_of(run, *names, "--select", "input == 1 and id != 100" + twice)["tunnels"]
        assert some == [each for each in everything if each["input"] == 1] != []


def test_leaf_and_select_in_one_first_pass(run, captures, tmp_path):
    done = run(captures / "nested.pcapng", "--layers", "leaf", "--select", "client_payload.bytes > 0", "-w",
               tmp_path / "both.pcapng", "--report", tmp_path / "report.json")
    assert done.code == DONE, done.stderr
    run(captures / "nested.pcapng", "--layers", "leaf", "-w", tmp_path / "leaf.pcapng")
    assert (tmp_path / "both.pcapng").read_bytes() == (tmp_path / "leaf.pcapng").read_bytes()
    layers = {each["layer"] for each in json.loads((tmp_path / "report.json").read_text())["tunnels"]}
    assert layers > {max(layers)}  # the report has all that was selected, as it has with all layers


def test_the_summary_says_how_many(run, captures):
    done = run(captures / "nested.pcapng", "--select", "layer == 1", "--list")
    chosen = len(done.text.splitlines()) - 1
    assert f"; {chosen} of them selected" in done.stderr
    assert "selected" not in run(captures / "nested.pcapng", "--list").stderr


# ---------------------------------------------------------------- wrong use


@pytest.mark.parametrize("expression,place,words", [
    ("", 0, "the name of a fact is expected here"),
    ("origin.prt == 443", 0, "the nearest are origin.port"),
    ("id == 1 and origin.port matches \"4*\"", 24, "origin.port is a port"),
    ("protocol == socks5", 12, "a text in quotes"),
    ("(id == 1", 0, "this bracket is never closed"),
    ("target.host == \"\xe4\xf6\" and nme == 1", 24, "there is no 'nme'"),
    ("id == 1 \x1b[2J", 8, "not '\\x1b[2J'"),
    ("id ==\n1 and\n", 12, "not the end"),
])
def test_a_mistake_is_pointed_at(run, one_tunnel, expression, place, words):
    done = run(one_tunnel, "--list", "--select", expression)
    first, line, caret = done.stderr.splitlines()
    assert done.code == USAGE and done.stdout == b""
    assert first.startswith(f"pcap-unproxy: --select: column {place + 1}: ") and words in first
    assert line == "  " + expression.replace("\n", " ").replace("\x1b", "\\x1b")
    assert caret == " " * (place + 2) + "^" and "\x1b" not in done.stderr


def test_a_mistake_in_a_long_expression(run, one_tunnel):
    expression = "id == 1 or " * 1000 + "nme == 1" + " or id == 1" * 1000
    done = run(one_tunnel, "--list", "--select", expression)
    _, line, caret = done.stderr.splitlines()
    assert done.code == USAGE and "column 11001:" in done.stderr and len(line) < 150
    assert line[caret.index("^"):].startswith("nme == 1 or") and line.startswith("  ...") and line.endswith("...")


@pytest.mark.parametrize("words,complaint", [
    (["--select", "client_payload.sha256 != null"], "client_payload.sha256 needs --hash"),
    (["--select", "id == 1 and server_payload.sha256 == 'ab'"], "server_payload.sha256 needs --hash"),
])
def test_wrong_use(run, one_tunnel, words, complaint):
    done = run(one_tunnel, "--list", *words)
    assert done.code == USAGE and complaint in done.stderr


def test_an_interface_comes_once(run):
    done = run("-i", "lo", "-w", "-", "--select", "origin.port == 443 and client_payload.bytes > 5")
    assert done.code == USAGE and "client_payload.bytes is known when a tunnel is over" in done.stderr
    done = run("-i", "no such interface", "-w", "-", "--select", "origin.port == 443")
    assert done.code == UNREADABLE


def test_every_column_can_be_asked_for(run, one_tunnel, tmp_path):
    done = run("-q", one_tunnel, "--list=csv")
    names = done.text.splitlines()[0].split(",")
    expression = " or ".join(f"{name} == null or {name} != null" for name in names)
    assert len(report_of(run, one_tunnel, "--hash", "--select", expression)["tunnels"]) == 1
    for name in set(names) - set(EARLY) - {"client_payload.sha256", "server_payload.sha256"}:
        late = run("-i", "lo", "-w", "-", "--select", f"{name} == null")
        assert late.code == USAGE and f"{name} is known when" in late.stderr
