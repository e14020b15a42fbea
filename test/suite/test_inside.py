# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what is inside tunnels: service, sni, alpn, http_host by nDPI, and the anomalies of that and of who asks.
from __future__ import annotations

import json
import re
import ssl
import subprocess
from pathlib import Path

import pytest

import wire
from conftest import INSIDE, REPOSITORY
from test_logs import log, rows_of
from test_tool import DONE, USAGE, one_tunnel  # noqa: F401  # one_tunnel is a fixture
from wire import CLIENT, SERVER, Session

HTTP = b"GET / HTTP/1.1\r\nHost: b.example:8080\r\n\r\n"
FOUND = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.fixture
def ndpi(run, one_tunnel) -> str:
    libraries = json.loads(run("-q", one_tunnel, "--report", "-").stdout)["tool"]["libraries"]
    if "nDPI" not in libraries:
        pytest.skip("the tool was built without nDPI")
    return libraries["nDPI"]


def hello(name: str | None, *protocols: str, folder: Path | None = None) -> list[tuple[int, bytes]]:
    """What a real client of TLS says first, and what a real server answers."""
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    if protocols:
        client.set_alpn_protocols(list(protocols))
    to_client, from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = client.wrap_bio(to_client, from_client, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    said = [(CLIENT, from_client.read())]
    if folder is None:
        return said
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=certificate.example",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    to_server, from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    to_server.write(said[0][1])
    with pytest.raises(ssl.SSLWantReadError):
        server.wrap_bio(to_server, from_server, server_side=True).do_handshake()
    return [*said, (SERVER, from_server.read())]


def tunnel(target: str, port: int, said: list[tuple[int, bytes]], client: tuple[str, int] = ("10.0.0.5", 40000),
           login: bytes = b"", answer: bytes = b"\5\0\0\1" + bytes(6)) -> list[bytes]:
    """A session of SOCKS5; `login` is a user name and a password with their lengths."""
    session = Session(client=client)
    opening = [(CLIENT, b"\5\1\2"), (SERVER, b"\5\2"), (CLIENT, b"\1" + login), (SERVER, b"\1\0")] if login else \
        [(CLIENT, b"\5\1\0"), (SERVER, b"\5\0")]
    asked = b"\5\1\0\3" + bytes([len(target)]) + target.encode() + port.to_bytes(2, "big")
    return [*session.open(), *(session.say(*each) for each in [*opening, (CLIENT, asked), (SERVER, answer), *said]),
            *session.close()]


def write(folder: Path, *tunnels: list[bytes]) -> Path:
    path = folder / "in.pcap"
    path.write_bytes(wire.pcap([frame for each in tunnels for frame in each]))
    return path


def tunnels_of(run, *words: object) -> list[dict]:
    done = run("-q", *words, "--report", "-")
    assert done.code == DONE, done.stderr
    return json.loads(done.stdout)["tunnels"]


def facts(entry: dict) -> list[str | None]:
    return [entry[name] for name in INSIDE]


# ---------------------------------------------------------------- with nDPI


def test_domain_fronting(run, ndpi, tmp_path):
    """The proxy is asked for one name, and the origin for another, by a real client."""
    said = hello("Hidden.example", "h2", "http/1.1", folder=tmp_path)
    capture = write(tmp_path, tunnel("front.example", 443, said),
                    tunnel("HIDDEN.example.", 443, said, ("10.0.0.5", 40001)),
                    tunnel("192.0.2.1", 443, said, ("10.0.0.5", 40002)),
                    tunnel("front.example", 443, hello(None), ("10.0.0.5", 40003)))
    tunnels = log(run, tmp_path / "logs", capture)
    assert [facts(each) for each in tunnels] == [["ssl", "hidden.example", "h2,http/1.1", None]] * 3 + \
        [["ssl", None, None, None]]
    assert [each["anomalies"] for each in tunnels] == [["sni-differs"], [], [], []]
    rows = rows_of(tmp_path / "logs/proxytunnel.log")
    assert [[row[name] for name in INSIDE] for row in rows] == [facts(each) for each in tunnels]
    conns = rows_of(tmp_path / "logs/conn.log")
    assert [row["service"] for row in conns if row["tunnel_parents"]] == ["ssl"] * 4
    assert [row["service"] for row in conns if not row["tunnel_parents"]] == ["socks"] * 4
    listed = run("-q", capture, "--list").text
    assert listed.count("sni-differs") == 1
    chosen = tunnels_of(run, capture, "--select", 'anomalies contains "sni-differs" and sni matches "hidden*"')
    assert [each["id"] for each in chosen] == [0]


@pytest.mark.parametrize("target,port,said,expected,anomalies", [
    ("a.example", 8080, [(CLIENT, HTTP), (SERVER, FOUND)], ["http", None, None, "b.example"], ["host-differs"]),
    ("b.example", 443, [(CLIENT, HTTP)], ["http", None, None, "b.example"], ["service-differs-from-port"]),
    ("a.example", 8022, [(SERVER, b"SSH-2.0-x\r\n"), (CLIENT, b"SSH-2.0-y\r\n")], ["ssh", None, None, None], []),
    ("a.example", 443, [(SERVER, b"SSH-2.0-x\r\n"), (CLIENT, b"SSH-2.0-y\r\n")], ["ssh", None, None, None],
     ["service-differs-from-port"]),
    ("a.example", 443, [(CLIENT, b"\x99\x88zzzzzzzz"), (SERVER, b"qqqqqq")], [None] * 4, []),
    ("a.example", 25, [(SERVER, b"220 b.example ESMTP\r\n"), (CLIENT, b"EHLO x\r\n"), (SERVER, b"250 OK\r\n"),
                       (CLIENT, b"MAIL FROM:<a@b.example>\r\n")], ["smtp", None, None, None], []),
    # What a nested proxy is asked for is that one's target.
    ("proxy.example", 3128, [(CLIENT, b"CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"),
                             (SERVER, b"HTTP/1.1 200 OK\r\n\r\n")], ["http", None, None, None], []),
    # Nothing of a capture comes out as it is.
    ("a.example", 8080, [(CLIENT, b"GET / HTTP/1.1\r\nHost: \xff\x1b[31m\"b\r\n\r\n")], None, ["host-differs"]),
], ids=["host", "http-443", "ssh", "ssh-443", "unknown", "smtp", "nested", "hostile"])
def test_services(run, ndpi, tmp_path, target, port, said, expected, anomalies):
    capture = write(tmp_path, tunnel(target, port, said))
    done = run("-q", capture, "--report", "-")
    outer = json.loads(done.stdout)["tunnels"][0]
    assert outer["anomalies"] == anomalies
    assert expected is None and b"\x1b" not in done.stdout or facts(outer) == expected


def test_segments_may_come_in_any_order(run, ndpi, tmp_path):
    (_, said), = hello("b.example")
    session = tunnel("a.example", 443, [(CLIENT, said[at:at + 100]) for at in range(0, len(said), 100)])
    first = 3 + 4  # behind the opening and the handshake
    session[first:-3] = reversed(session[first:-3])
    assert [facts(each)[:2] for each in tunnels_of(run, write(tmp_path, session))] == [["ssl", "b.example"]]


def test_the_laboratory(run, ndpi, shared, tmp_path):
    """Clients of all kinds: the truth has what was carried; none of them hides anything."""
    expected = {"p01_socks4_dante.pcapng": {"http", "ssl"}, "p03c_connect_ssh_smtp_redis.pcap": {"ssh", "smtp"},
                "p05_http_forward.pcapng": {"http"}, "p06_socks5_udp_dig.pcapng": {"dns"},
                "p12a_lossy_reorder.pcapng": {"http"}, "p08a_nested_socks5_connect_tls.pcapng": {"http", "ssl"}}
    lab = shared / "captures/lab"
    log(run, tmp_path / "logs", *(lab / name for name in expected))
    tunnels = log(run, tmp_path / "parallel", *(lab / name for name in expected), "-j2")
    for index, services in enumerate(expected.values()):
        own = [each for each in tunnels if each["input"] == index]
        assert {each["service"] for entry in own for each in [entry, *entry.get("flows", [])]} - {None} >= services
        named = [each for each in own if each["target"]["address"] is None]
        assert all(each["sni"] in (None, each["target"]["host"]) for each in named)
        assert not {word for each in own for word in each["anomalies"]} & {"sni-differs", "host-differs",
                                                                         "service-differs-from-port"}
    for file in (tmp_path / "logs").iterdir():
        assert file.read_bytes() == (tmp_path / "parallel" / file.name).read_bytes()


# ---------------------------------------------------------------- with and without


def test_credentials_that_several_clients_use(run, tmp_path):
    login = b"\3ann\6hidden"
    capture = write(tmp_path, *(tunnel("a.example", 80, [], (client, 40000 + number), login) for number, client in
                                enumerate(["10.0.0.5", "10.0.0.5", "10.0.0.6", "10.0.0.5"])))
    told = [["credentials-shared" in each["anomalies"] for each in tunnels_of(run, *words)] for words in (
        (capture,), (capture, capture, "-j2"), (capture, "--select", 'anomalies contains "credentials-shared"'))]
    assert told == [[False, False, True, True], [False, False, True, True] * 2, [True, True]]
    for words in (["--list"], ["--report", "-"]):
        said = run("-q", capture, *words).stdout
        assert b"credentials-shared" in said and b"hidden" not in said


def test_wrong_use(run, one_tunnel):
    done = run("-q", one_tunnel, "--list", "--select", "sni > 3")
    assert done.code == USAGE and "sni" in done.stderr


def test_the_contract_names_the_services():
    contract = (REPOSITORY / "docs/contract.md").read_text()
    row, = re.findall(r"^\| `service` \| as Zeek names it: (.*?)\. What", contract, re.MULTILINE)
    table = (REPOSITORY / "tools/pcap-unproxy/inside/inspector_ndpi.cpp").read_text()
    assert set(re.findall(r"`(\w+)`", row)) == set(re.findall(r'Service\{NDPI_\w+, "(\w+)"\}', table))
    ports = (REPOSITORY / "tools/pcap-unproxy/inside/differences.cpp").read_text()
    row, = re.findall(r"^\| `service-differs-from-port` \| (.*?); and", contract, re.MULTILINE)
    said = set()
    for transport, words in zip(("tcp", "udp"), row.split("UDP")):
        for numbers, service in re.findall(r"((?:\d+(?:, | and )?)+)(?: of the target is)?(?: for)? `(\w+)`", words):
            said |= {(transport, port, service) for port in re.findall(r"\d+", numbers)}
    assert said == set(re.findall(r'WellKnown\{Transport::(\w+), (\d+), "(\w+)"\}', ports))
