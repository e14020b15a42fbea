# SPDX-License-Identifier: GPL-2.0-or-later
# summary: pcap-unproxy --list: how it is asked for, its table on terminals and elsewhere, its CSV; files named "-".
from __future__ import annotations

import csv
import fcntl
import gzip
import io
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
from pathlib import Path

import pytest

import wire
from conftest import REPOSITORY
from test_tool import DONE, USAGE, one_tunnel  # noqa: F401  # one_tunnel is a fixture
from wire import CLIENT, SERVER

TITLES = ["id", "time", "(UTC)", "protocol", "command", "tls", "client", "proxy", "user", "target", "origin", "status",
          "sent", "received", "anomalies"]

# ---------------------------------------------------------------- how it is asked for


@pytest.mark.parametrize("words", [["--list", "in.pcap"], ["in.pcap", "--list"], ["--list=table", "in.pcap"],
                                   ["in.pcap", "--list=table"], ["--list", "--", "in.pcap"],
                                   ["--list=csv", "--list", "in.pcap"]])
def test_a_table_is_asked_for(run, one_tunnel, tmp_path, words):
    shutil.copy(one_tunnel, tmp_path / "in.pcap")
    done = run("-q", *words, cwd=tmp_path)
    title, line = done.text.splitlines()
    assert title.split() == TITLES
    assert line.split()[:4] == ["0", "2023-11-14", "22:13:20", "http-connect"]


def test_csv_is_asked_for(run, one_tunnel):
    for words in (["--list=csv", one_tunnel], [one_tunnel, "--list=csv"], ["--list", "--list=csv", one_tunnel]):
        assert len(rows_of(run("-q", *words).stdout)) == 1


def test_inputs_around_it_are_inputs(run, captures):
    for words in (["--list", "connect.pcapng", "socks4.pcapng"], ["connect.pcapng", "--list", "socks4.pcapng"]):
        listed = run("-q", *words, cwd=captures).text
        assert "http-connect" in listed and "socks4" in listed


@pytest.mark.parametrize("word", ["json", "CSV", "true", "0", "csv,table"])
def test_another_word_is_an_error(run, one_tunnel, word):
    done = run(f"--list={word}", one_tunnel)
    assert done.code == USAGE and f"--list: '{word}' is none of csv, table" in done.stderr and done.stdout == b""


# ---------------------------------------------------------------- the table

def hostile(tmp_path: Path, user: bytes, host: bytes) -> Path:
    """One session of SOCKS5 with a password."""
    session = wire.Session()
    path = tmp_path / "hostile.pcap"
    path.write_bytes(wire.pcap([
        *session.open(), session.say(CLIENT, b"\5\1\2"), session.say(SERVER, b"\5\2"),
        session.say(CLIENT, b"\1" + bytes([len(user)]) + user + b"\6secret"), session.say(SERVER, b"\1\0"),
        session.say(CLIENT, b"\5\1\0\3" + bytes([len(host)]) + host + b"\x01\xbb"),
        session.say(SERVER, b"\5\0\0\1" + bytes(6)), session.say(CLIENT, b"x"), *session.close()]))
    return path


def on_a_terminal(columns: int, *command: str | Path, **environment: str) -> list[str]:
    """The lines that a program writes on one."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | environment
    with subprocess.Popen(command, stdout=terminal, env=variables) as process:
        os.close(terminal)
        said = b""
        while True:
            try:
                said += os.read(ours, 65536)
            except OSError:  # the terminal is closed
                break
        assert process.wait(60) == 0
    os.close(ours)
    return said.decode().splitlines()


def test_names_are_cut_and_ports_are_not(run, tmp_path):
    path = hostile(tmp_path, b"u" * 200, b"n" * 200 + b".example")
    title, line = run("-q", "--list", path).text.splitlines()
    assert "nnn...nnn" in line and ".example:443  " in line and "uuu...  " in line and len(line) < 320
    assert title.index("client") == line.index("10.0.0.5:40000")


@pytest.mark.parametrize("columns", [72, 80, 100, 132, 180])
def test_a_terminal_is_not_too_narrow(tool, run, captures, columns):
    for name in ("connect_407.pcapng", "socks5.pcapng", "nested.pcapng"):
        whole = run("-q", "--list", captures / name).text.splitlines()
        lines = on_a_terminal(columns, tool, "-q", "--list", captures / name)
        assert max(map(len, lines)) <= columns < max(map(len, whole)) and len(lines) == len(whole)
        assert {"id", "client", "target", "status"} <= set(lines[0].split())
        for line, cells in zip(lines[1:], reports(run, captures / name)):
            assert f" {cells['client']['address']}:{cells['client']['port']} " in line
            assert f":{cells['target']['port']} " in line and cells["status"] in line


def test_the_variable_goes_before_the_terminal(tool, captures, run):
    whole = run("-q", "--list", captures / "connect_407.pcapng").text.splitlines()
    command = (tool, "-q", "--list", captures / "connect_407.pcapng")
    assert on_a_terminal(80, *command, COLUMNS="1000") == whole
    assert max(map(len, on_a_terminal(1000, *command, COLUMNS="80"))) <= 80
    for odd in ("some", "0", str(2**64 - 1), str(2**64)):
        assert on_a_terminal(1000, *command, COLUMNS=odd) == whole
    assert max(map(len, on_a_terminal(0, *command))) <= 80  # a terminal that does not say


def test_what_is_no_terminal_has_no_width(tool, captures, run):
    command = [tool, "-q", "--list", captures / "connect_407.pcapng"]
    piped = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"COLUMNS": "80"}).stdout
    assert piped == run(*command[1:]).stdout and max(map(len, piped.splitlines())) > 180


# ---------------------------------------------------------------- CSV

def rows_of(text: bytes) -> list[dict[str, str]]:
    assert b"\r" not in text and text.endswith(b"\n")
    return list(csv.DictReader(io.StringIO(text.decode(), newline=""), strict=True))


def reports(run, path: Path) -> list[dict]:
    return json.loads(run("-q", "--report", "-", path).stdout)["tunnels"]


def expected(entry: object, name: str) -> str:
    """What the report has at a place, as text."""
    for key in name.split("."):
        entry = entry.get(key) if isinstance(entry, dict) else None
    if entry is None:
        return ""
    if isinstance(entry, list):
        return ",".join(entry)
    return entry if isinstance(entry, str) else json.dumps(entry)


@pytest.mark.parametrize("name", ["connect_407.pcapng", "http_forward_odd.pcapng", "socks5_udp.pcapng", "nested.pcapng",
                                  "socks_bind.pcapng", "socks5_password.pcap", "proxy_protocol_stacked.pcapng",
                                  "snaplen_96.pcap", "no_proxy.pcapng"])
def test_csv_is_what_the_report_says(run, captures, name):
    rows, entries = rows_of(run("-q", "--list=csv", captures / name).stdout), reports(run, captures / name)
    assert len(rows) == len(entries)
    for row, entry in zip(rows, entries):
        assert "password" not in row and None not in row
        for column, text in row.items():
            if column == "connect_ms" and text:
                assert float(text) == entry["connect_ms"]
            else:
                assert text == expected(entry, column), column


def test_the_contract_has_the_columns():
    section = (REPOSITORY / "docs/contract.md").read_text().split("\n## The list\n")[1].split("\n## ")[0]
    first_column = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert " ".join(re.findall(r"`([^`]+)`", " ".join(first_column))).split() == TITLES


def test_csv_of_hostile_names(run, tmp_path):
    path = hostile(tmp_path, b"=cmd|'/c calc'!A0", b'a,"b"\r\n\x1b[31m\xc2\x9b')
    text = run("-q", "--list=csv", "--show-credentials", path).stdout
    row, = rows_of(text)
    assert row["target.host"] == 'a,"b"\\x0d\\x0a\\x1b[31m\\xc2\\x9b' and row["target.port"] == "443"
    assert row["username"] == "'=cmd|'/c calc'!A0"
    assert not any(byte < 0x20 and byte != 0x0a for byte in text) and b"secret" not in text
    assert "secret" not in run("-q", "--list", "--show-credentials", path).text


def test_csv_of_several_inputs(run, one_tunnel):
    rows = rows_of(run("-q", "--list=csv", one_tunnel, one_tunnel).stdout)
    assert [(row["id"], row["input"]) for row in rows] == [("0", "0"), ("1", "1")]


# ---------------------------------------------------------------- files named "-"

@pytest.mark.parametrize("squeezed", [False, True])
def test_a_dash_with_a_folder_is_a_file(run, one_tunnel, tmp_path, squeezed):
    content = one_tunnel.read_bytes()
    (tmp_path / "-").write_bytes(gzip.compress(content) if squeezed else content)
    for extra in ((), ("--layers", "leaf")):
        assert "www.example.com:80" in run("./-", "-q", "--list", *extra, cwd=tmp_path).text
    run("./-", "-q", "-d", ".", cwd=tmp_path)
    assert run("./-.unproxied.pcapng", "-q", "--list", cwd=tmp_path).code == DONE
    assert run("./-", "-w", "-", "--report", "./-", cwd=tmp_path).code == USAGE
    assert "overwritten" in run("./-", "-w", "./-", cwd=tmp_path).stderr


def test_an_output_named_dash(run, one_tunnel, tmp_path):
    done = run(one_tunnel, "-q", "-w", "./-", "--report", "-", cwd=tmp_path)
    assert json.loads(done.stdout)["tunnels"] and wire.pcapng_blocks((tmp_path / "-").read_bytes())
    done = run(one_tunnel, "-q", "-w", "-", "--report", "./-", cwd=tmp_path)
    assert json.loads((tmp_path / "-").read_text())["tunnels"] and wire.pcapng_blocks(done.stdout)
    assert "two outputs" in run(one_tunnel, "-w", "./-", "--report", f"{tmp_path}/-", cwd=tmp_path).stderr
    (tmp_path / "-").unlink()
    run("-", "-q", "-d", "-", stdin=one_tunnel.read_bytes(), cwd=tmp_path)
    assert [file.name for file in (tmp_path / "-").iterdir()] == ["stdin.unproxied.pcapng"]
