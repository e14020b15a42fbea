# SPDX-License-Identifier: GPL-2.0-or-later
# summary: --log: Zeek's logs, CSV and NDJSON against the report, against tshark and against each other; Community IDs.
from __future__ import annotations

import collections
import csv
import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from conftest import NO_SHARED, REPOSITORY, SHARED
from test_list import hostile
from test_tool import DONE, UNREADABLE, UNWRITABLE, USAGE, one_tunnel  # noqa: F401  # one_tunnel is a fixture

ZEEK = ["conn.log", "proxytunnel.log", "socks.log", "tunnel.log"]
PLACES = [REPOSITORY / "test/captures", SHARED / "captures/lab"]
CAPTURES = sorted({file.name: file for place in PLACES if place.is_dir() for file in place.iterdir()
                   if file.name.endswith((".pcap", ".pcapng"))}.values()) + \
    [pytest.param(Path(), marks=pytest.mark.skip(reason=NO_SHARED), id="lab")] * (not PLACES[1].is_dir())
TYPES = {"bool", "count", "double", "time", "interval", "string", "enum", "addr", "port", "vector[string]",
         "set[string]"}


def rows_of(path: Path) -> list[dict[str, str | None]]:
    """As zeek-cut reads it: columns by name, "-" is unset."""
    lines = path.read_text().splitlines()
    heads = {words[0]: words[1:] for words in (line.split("\t") for line in lines) if words[0].startswith("#")}
    assert lines[0] == "#separator \\x09" and lines[-1].startswith("#close\t") and heads["#path"] == [path.stem]
    assert set(heads["#types"]) <= TYPES and len(heads["#types"]) == len(heads["#fields"])
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert all(len(row) == len(heads["#fields"]) for row in rows)
    return [{name: None if cell == "-" else cell for name, cell in zip(heads["#fields"], row)} for row in rows]


def log(run, folder: Path, *words: str | Path, forms: str = "zeek,csv,ndjson") -> list[dict]:
    """Logs in `folder`; gives the report's tunnels."""
    done = run("-q", *words, "--log", forms, "--log-dir", folder, "--report", folder.with_suffix(".json"))
    assert done.code == DONE, done.stderr
    return json.loads(folder.with_suffix(".json").read_text())["tunnels"]


# ---------------------------------------------------------------- how they are asked for


@pytest.mark.parametrize("words,complaint", [
    (["--log", "zeek"], "--log needs --log-dir DIR"),
    (["--log-dir", "logs", "--list"], "--log-dir needs --log FORMS"),
    (["--log", "xml", "--log-dir", "logs"], "'xml' is none of csv, ndjson, zeek"),
    (["--log", "csv", "--log-dir", "logs", "--log-json"], "--log-json needs --log zeek"),
    (["--log", "csv", "--log-dir", "logs", "--report", "logs/proxytunnel.csv"], "two outputs would be written to"),
    (["--log", "zeek", "--log-dir", "."], "conn.log is an input"),
])
def test_wrong_use(run, one_tunnel, tmp_path, words, complaint):
    (tmp_path / "conn.log").write_bytes(one_tunnel.read_bytes())
    done = run("conn.log", *words, cwd=tmp_path)
    assert done.code == USAGE and complaint in done.stderr
    assert sorted(tmp_path.iterdir()) == sorted({tmp_path / "conn.log", one_tunnel} & set(tmp_path.iterdir()))


def test_forms_and_files(run, one_tunnel, tmp_path):
    log(run, tmp_path / "deep/logs", one_tunnel)
    assert sorted(file.name for file in (tmp_path / "deep/logs").iterdir()) == sorted(
        [*ZEEK, "proxytunnel.csv", "proxytunnel.ndjson"])
    log(run, tmp_path / "one", one_tunnel, forms="csv")
    assert [file.name for file in (tmp_path / "one").iterdir()] == ["proxytunnel.csv"]
    assert (tmp_path / "one/proxytunnel.csv").read_bytes() == (tmp_path / "deep/logs/proxytunnel.csv").read_bytes()


def test_without_tunnels_there_are_titles(run, captures, tmp_path):
    assert log(run, tmp_path / "logs", captures / "no_proxy.pcapng") == []
    assert [rows_of(tmp_path / "logs" / name) for name in ZEEK] == [[], [], [], []]
    assert (tmp_path / "logs/proxytunnel.csv").read_text().startswith("id,input,parent,")
    assert (tmp_path / "logs/proxytunnel.ndjson").read_bytes() == b""


def test_a_directory_that_is_a_file(run, one_tunnel, tmp_path):
    (tmp_path / "logs").write_text("here")
    done = run(one_tunnel, "-w", tmp_path / "out.pcapng", "--log", "csv", "--log-dir", tmp_path / "logs")
    assert done.code == UNWRITABLE and "logs" in done.stderr and not (tmp_path / "out.pcapng").exists()
    assert (tmp_path / "logs").read_text() == "here"


def test_a_log_that_cannot_be_written(run, one_tunnel, tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/conn.log").symlink_to("/dev/full")
    done = run("-q", one_tunnel, "--log", "zeek,csv", "--log-dir", tmp_path / "logs")
    assert done.code == UNWRITABLE and "conn.log: No space left" in done.stderr
    assert len(rows_of(tmp_path / "logs/socks.log")) == 0  # complete, and so are the others
    assert (tmp_path / "logs/proxytunnel.csv").read_text().count("\n") == 2


def test_an_input_that_fails_leaves_nothing_in_logs(run, captures, tmp_path):
    """Its own output fails when everything was read: what it gave before is not half told."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/nested.unproxied.pcapng").mkdir()
    done = run("-q", captures / "nested.pcapng", captures / "connect.pcapng", "-d", tmp_path / "out", "--log",
               "zeek,csv,ndjson", "--log-dir", tmp_path / "logs")
    assert done.code == UNWRITABLE
    log(run, tmp_path / "alone", captures / "connect.pcapng")
    for name in ["socks.log", "tunnel.log", "conn.log"]:
        assert rows_of(tmp_path / "logs" / name) == rows_of(tmp_path / "alone" / name)
    ids = [json.loads(line)["id"] for line in (tmp_path / "logs/proxytunnel.ndjson").read_text().splitlines()]
    assert sorted(ids) == list(range(len(ids)))
    done = run("-q", tmp_path / "none.pcap", captures / "connect.pcapng", "--log", "csv", "--log-dir", tmp_path / "l")
    assert done.code == UNREADABLE
    assert (tmp_path / "l/proxytunnel.csv").read_text().count("\n") == len(ids) + 1


def test_two_runs_are_equal(run, captures, tmp_path):
    for folder in ["one", "two"]:
        log(run, tmp_path / folder, captures / "nested.pcapng", captures / "socks5_udp.pcapng")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


# ---------------------------------------------------------------- what they say


def check_attempts(folder: Path, tunnels: list[dict]):
    rows = [json.loads(line) for line in (folder / "proxytunnel.ndjson").read_text().splitlines()]
    assert sorted(row["id"] for row in rows) == [entry["id"] for entry in tunnels]
    for row in rows:
        entry = tunnels[row["id"] - tunnels[0]["id"]]
        for column, value in row.items():
            if column == "encapsulation":
                continue
            place = entry
            for step in column.split("."):
                place = place.get(step) if place is not None else None
            assert value == place, column
    table = list(csv.DictReader(io.StringIO((folder / "proxytunnel.csv").read_text(), newline=""), strict=True))
    assert [list(row) for row in table] == [list(row) for row in rows]
    assert [row["id"] for row in table] == [str(row["id"]) for row in rows]


def check_connections(folder: Path, tunnels: list[dict], conns: list[dict], told: list[dict]):
    """Parents and virtual conversations are linked, and have the bytes and packets of the report."""
    uids = {row["uid"]: row for row in conns}
    assert len(uids) == len(conns) and len(told) == len(tunnels)
    flows = collections.Counter()
    for row in told:
        entry = next(entry for entry in tunnels if str(entry["id"]) == row["id"])
        if entry["transport"] == "tcp" or entry["command"] == "udp-associate":  # else it is in datagrams
            assert uids[row["uid"]]["community_id"] == entry["parent_community_id"]
        if entry["command"] == "udp-associate":
            for flow in entry["flows"]:
                flows[flow["community_id"], str(flow["client_payload"]["bytes"])] += 1
        if row["virtual_uid"] is None:
            assert entry["community_id"] is None
            continue
        virtual = uids[row["virtual_uid"]]
        assert virtual["community_id"] == entry["community_id"]
        if entry["transport"] == "tcp":
            assert virtual["tunnel_parents"] == row["uid"]
        # Of BIND the peer is the originator.
        sides = ("orig", "resp") if virtual["id.orig_h"].endswith(entry["client"]["address"]) else ("resp", "orig")
        if entry["command"] == "bind" or entry["client"]["address"] == entry["origin"]["address"]:
            sides = sorted(sides, key=lambda side: virtual[f"id.{side}_p"] != str(
                (entry.get("virtual_client") or entry["client"])["port"]))
            if entry["command"] == "bind":
                sides = ("resp", "orig")
        for side, end in zip(sides, ["client", "server"]):
            payload = entry[f"{end}_payload"]
            assert virtual[f"{side}_pkts"] == str(entry["packets"][end])
            if virtual["duration"] is not None:
                assert int(virtual[f"{side}_bytes"]) == payload["bytes"] + payload["missing_bytes"]
    of_datagrams = collections.Counter((row["community_id"], row["orig_bytes"]) for row in conns
                                       if row["proto"] == "udp" and row["tunnel_parents"] is not None)
    assert {key for key, _ in of_datagrams} == {key for key, _ in flows}
    for row in conns:
        assert row["tunnel_parents"] is None or row["tunnel_parents"] in uids
        assert float(row["ts"]) > 0 and re.fullmatch(r"C[0-9A-Za-z]{17}", row["uid"])


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda file: file.name)
def test_logs_say_what_the_report_says(run, tmp_path, capture):
    """Of the lab's captures test_acceptance.py compares the report with the truth."""
    folder = tmp_path / "logs"
    done = run("-q", capture, "--engine", "native", "--log", "zeek,csv,ndjson", "--log-dir", folder, "--report",
               tmp_path / "report.json")
    assert done.code in (0, 1), done.stderr
    tunnels = json.loads((tmp_path / "report.json").read_text())["tunnels"]
    if tunnels:
        check_attempts(folder, tunnels)
    conns, told = rows_of(folder / "conn.log"), rows_of(folder / "proxytunnel.log")
    check_connections(folder, tunnels, conns, told)
    socks = [entry for entry in tunnels if entry["protocol"].startswith("socks") and entry["times"]["request"]]
    assert len(rows_of(folder / "socks.log")) == len(socks)


def tshark_conns(capture: Path) -> dict[str, dict]:
    """By Community ID of each TCP connection: packets and bytes of IP of both ends, and the first time."""
    fields = ["communityid", "frame.time_epoch", "ip.src", "ipv6.src", "tcp.srcport", "ip.len", "ipv6.plen",
              "tcp.stream"]
    text = subprocess.run(["tshark", "-n", "-r", str(capture), "-Y", "tcp && !icmp && !icmpv6", "--enable-protocol",
                           "communityid", "-T", "fields", *[word for field in fields for word in ("-e", field)]],
                          capture_output=True, text=True, check=True).stdout
    conns: dict[str, dict] = {}
    streams = collections.defaultdict(set)
    for line in text.splitlines():
        key, time, four, six, port, length, payload, stream = line.split("\t")
        conn = conns.setdefault(key, {"ts": float(time), "ends": collections.Counter(), "bytes": collections.Counter()})
        streams[key].add(stream)
        conn["ends"][(four or six, port)] += 1
        conn["bytes"][(four or six, port)] += int(length) if four else int(payload) + 40
    return {key: conn for key, conn in conns.items() if len(streams[key]) == 1}  # else ports were used again


@pytest.mark.parametrize("name", ["nested.pcapng", "connect.pcapng", "socks5_ipv6.pcapng", "connect_407.pcapng",
                                  "socks4.pcapng", "http_forward_odd.pcapng", "socks_bind.pcapng", "midstream.pcap"])
def test_connections_are_those_that_tshark_sees(run, captures, tmp_path, name):
    """Parents in the capture, virtual conversations in the export; the Community ID is the key."""
    log(run, tmp_path / "logs", captures / name, "-w", tmp_path / "out.pcapng")
    conns = rows_of(tmp_path / "logs/conn.log")
    compared = 0
    for capture, is_virtual in [(captures / name, False), (tmp_path / "out.pcapng", True)]:
        seen = tshark_conns(capture)
        for row in conns:
            if (row["tunnel_parents"] is not None) != is_virtual or row["proto"] != "tcp":
                continue
            if row["community_id"] not in seen:
                continue
            conn = seen[row["community_id"]]
            compared += 1
            assert abs(float(row["ts"]) - conn["ts"]) < 0.00001
            for side in ["orig", "resp"]:
                end = (row[f"id.{side}_h"], row[f"id.{side}_p"])
                assert row[f"{side}_pkts"] == str(conn["ends"][end])
                assert row[f"{side}_ip_bytes"] == str(conn["bytes"][end])
    assert compared >= len(conns) - 2 and compared >= 2


def test_states_and_histories(run, captures, tmp_path):
    log(run, tmp_path / "a", captures / "connect.pcapng")
    rows = rows_of(tmp_path / "a/conn.log")
    assert {row["service"] for row in rows if row["tunnel_parents"] is None} == {"http"}
    assert {row["conn_state"] for row in rows} <= {"SF", "S1", "RSTO", "RSTR", "S2", "S3"}
    assert all(re.match("S.*h", row["history"]) for row in rows)


def test_zeeks_json_is_its_table(run, captures, tmp_path):
    log(run, tmp_path / "table", captures / "nested.pcapng")
    log(run, tmp_path / "json", captures / "nested.pcapng", "--log-json")
    for name in ZEEK:
        rows = rows_of(tmp_path / "table" / name)
        objects = [json.loads(line) for line in (tmp_path / "json" / name).read_text().splitlines()]
        assert [list(each) for each in objects] == [[key for key, cell in row.items() if cell is not None]
                                                    for row in rows]
        for row, each in zip(rows, objects):
            assert each["uid"] == row["uid"] and f"{each['ts']:.6f}" == row["ts"]


def test_hostile_words(run, tmp_path):
    path = hostile(tmp_path, b"-", b"a,b\t\n\x1b[31m")
    log(run, tmp_path / "logs", path)
    row, = rows_of(tmp_path / "logs/proxytunnel.log")
    assert row["target.host"] == "a,b\\x09\\x0a\\x1b[31m" and row["username"] == "\\x2d"
    for file in (tmp_path / "logs").iterdir():
        assert not any(byte < 0x20 and byte not in (0x09, 0x0a) for byte in file.read_bytes())
        assert b"secret" not in file.read_bytes()


def test_passwords_are_for_who_asks(run, captures, tmp_path):
    for words, shown in [([], False), (["--show-credentials"], True)]:
        folder = tmp_path / str(shown)
        log(run, folder, captures / "socks5_password.pcap", *words)
        passwords = [row["password"] for row in rows_of(folder / "socks.log")]
        assert any(password is not None for password in passwords) == shown


def test_several_inputs_are_one_log(run, captures, tmp_path):
    tunnels = log(run, tmp_path / "logs", captures / "connect.pcapng", captures / "nested.pcapng")
    rows = rows_of(tmp_path / "logs/proxytunnel.log")
    assert [row["input"] for row in rows] == sorted(row["input"] for row in rows)
    assert sorted(int(row["id"]) for row in rows) == [entry["id"] for entry in tunnels]
    log(run, tmp_path / "alone", captures / "nested.pcapng")
    uids = {row["uid"] for row in rows_of(tmp_path / "alone/conn.log")}
    assert uids <= {row["uid"] for row in rows_of(tmp_path / "logs/conn.log")}


def test_the_contract_has_the_columns(run, captures, tmp_path):
    """Each with its type, in their order."""
    log(run, tmp_path / "logs", captures / "no_proxy.pcapng")
    lines = (tmp_path / "logs/proxytunnel.log").read_text().splitlines()
    names, types = (next(line for line in lines if line.startswith(head)).split("\t")[1:]
                    for head in ("#fields", "#types"))
    first = names.index("id")
    section = (REPOSITORY / "docs/contract.md").read_text().split("\n## Columns\n")[1].split("\n## ")[0]
    table = re.findall(r"^\| ((?:`[^`]+`,? ?)+) \| `([^`]+)` \|", section, re.MULTILINE)
    told = [(name, kind) for words, kind in table for name in re.findall(r"`([^`]+)`", words)]
    assert told == list(zip(names, types))[first:]


# ---------------------------------------------------------------- Community IDs


@pytest.mark.parametrize("name", ["nested.pcapng", "socks5_udp.pcapng", "socks5_ipv6.pcapng", "socks_bind.pcapng"])
def test_community_ids_are_those_of_wireshark(run, captures, tmp_path, name):
    tunnels = log(run, tmp_path / "logs", captures / name, "-w", tmp_path / "out.pcapng")
    assert tunnels
    parents, virtual = set(), set()
    for capture, seen in [(captures / name, parents), (tmp_path / "out.pcapng", virtual)]:
        text = subprocess.run(["tshark", "-n", "-r", str(capture), "--enable-protocol", "communityid", "-T", "fields",
                               "-e", "communityid"], capture_output=True, text=True, check=True).stdout
        seen |= set(text.replace(",", "\n").split())
    for entry in tunnels:
        assert entry["parent_community_id"] in (parents if entry["parent"] is None else virtual)
        ids = {entry["community_id"], *(flow["community_id"] for flow in entry.get("flows", []))} - {None}
        assert ids <= virtual
    shown = {entry["community_id"] for entry in tunnels} | {
        flow["community_id"] for entry in tunnels for flow in entry.get("flows", [])}
    assert virtual == shown - {None}
