# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: proxies inside TLS: pcap-unproxy with keys, without, and without the tshark that it needs; the plugin."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest
import wire
from replaced import read
from test_parity import ETHERNET, RAW, mutated, packets
from test_plugin_tls import SEGMENT, Talk
from test_plugin_wire import (CONNECT_REPLY, HTTP_REQUEST, HTTP_RESPONSE, Connection, Tshark, cannot_run, connect,
                              connect_request, folder, socks5, tshark, write_capture)
from test_tool import DAMAGED, DONE, UNREADABLE, USAGE
from test_ways import end_of, of_origin, streams, truth_of

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")


def reported(run, capture: Path, folder: Path, *options: object) -> list[dict]:  # noqa: F811
    done = run(capture, "-q", "--report", folder / "report.json", "-w", folder / "out.pcapng", *options)
    assert done.code == DONE, done.stderr
    return json.loads((folder / "report.json").read_text())["tunnels"]


def keys_of(capture: Path) -> Path:
    return capture.with_suffix(".keys")


# ---------------------------------------------------------------- pcap-unproxy

def test_a_key_log_and_secrets_in_the_capture_tell_the_same(run, captures, folder, tshark: Tshark):  # noqa: F811
    capture = captures / "tls_proxy.pcapng"
    by_log = reported(run, capture, folder, "--keylog", keys_of(capture), "--tshark", tshark.command)
    said = streams(folder / "out.pcapng")
    by_secrets = reported(run, captures / "tls_proxy_secrets.pcapng", folder, "--tshark", tshark.command)
    assert by_log == by_secrets
    assert said == streams(folder / "out.pcapng")
    assert {each["protocol"] for each in by_log if each["inside_tls"]} == {"socks5", "http-connect"}


def test_without_keys_nothing_is_claimed(run, captures, folder, tshark: Tshark):  # noqa: F811
    capture = captures / "tls_proxy.pcapng"
    assert reported(run, capture, folder, "--engine", "tshark", "--tshark", tshark.command) == []
    assert reported(run, capture, folder) == []
    assert reported(run, captures / "tls_proxy_secrets.pcapng", folder, "--engine", "native") == []


def test_without_tls_both_engines_tell_the_same(run, captures, folder, tshark: Tshark):  # noqa: F811
    for name in ("nested.pcapng", "http_forward.pcapng", "socks5_udp.pcapng"):
        native = reported(run, captures / name, folder, "--engine", "native")
        packets = (folder / "out.pcapng").read_bytes()
        assert reported(run, captures / name, folder, "--engine", "tshark", "--tshark", tshark.command) == native
        assert (folder / "out.pcapng").read_bytes() == packets


def test_requests_inside_tls_go_to_their_origins(run, captures, folder, tshark: Tshark):  # noqa: F811
    capture = captures / "tls_forward.pcapng"
    tunnels = reported(run, capture, folder, "--keylog", keys_of(capture), "--tshark", tshark.command)
    said = streams(folder / "out.pcapng")
    sessions = truth_of(capture)["forwarded_in_tls"]
    assert len(tunnels) == sum(len(session["targets"]) for session in sessions)
    for session in sessions:
        for target in session["targets"]:
            tunnel, = [each for each in tunnels if end_of(each["client"]) == session["client"] and
                       f"{each['target']['host']}:{each['target']['port']}" == target]
            wanted = [request for request in session["requests"]
                      if f"{request['target_host']}:{request['target_port']}" == target]
            asked, answered = of_origin(said, tunnel)
            assert asked.count(b"\r\n\r\n") == len(wanted)
            assert all(b" " + request["uri"].encode() + b" " in asked for request in wanted)
            assert (len(asked), len(answered)) == (sum(request["c2s_len"] for request in wanted),
                                                   sum(request["s2c_len"] for request in wanted))
            assert tunnel["inside_tls"]


@pytest.mark.parametrize(("command", "words"), [
    ("no-such-program", "there is no tshark"), ("/dev/null", "there is no tshark"),
    ("false", "no working proxytunnel plugin"), ("tshark -o no.such:1", "no working proxytunnel plugin")])
def test_who_asks_for_keys_is_told_what_is_missing(run, captures, folder, command: str, words: str):  # noqa: F811
    capture = captures / "tls_proxy.pcapng"
    for option, code in ((("--keylog", keys_of(capture)), DONE), (("--engine", "tshark"), UNREADABLE)):
        done = run(capture, "-w", folder / "out.pcapng", *option, "--tshark", command)
        assert done.code == code
        assert words in done.stderr and "--tshark" in done.stderr
        assert ("going on without" in done.stderr) == (code == DONE)


def test_secrets_without_tshark_cost_nothing_else(run, captures, folder):  # noqa: F811
    capture = folder / "both.pcapng"
    secrets = (captures / "tls_proxy_secrets.pcapng").read_bytes()
    assert wire.SECRETS in [block.kind for block in wire.pcapng_blocks(secrets)]
    capture.write_bytes(secrets + (captures / "socks5.pcapng").read_bytes())
    done = run(capture, "--report", folder / "report.json", "--tshark", "no-such-program")
    assert done.code == DONE
    assert "there is no tshark" in done.stderr and "going on without" in done.stderr
    told = json.loads((folder / "report.json").read_text())["tunnels"]
    assert told and not any(each["inside_tls"] for each in told)


def test_a_key_log_that_is_not_there(run, captures, folder):  # noqa: F811
    done = run(captures / "tls_proxy.pcapng", "--report", "-", "--keylog", folder / "none.keys")
    assert done.code == USAGE and "none.keys" in done.stderr
    done = run(captures / "tls_proxy.pcapng", "--report", "-", "--engine", "native", "--keylog", folder)
    assert done.code == USAGE


def test_tshark_that_breaks_off_is_told_of(run, captures, folder, tshark: Tshark):  # noqa: F811
    cut = folder / "tshark-that-dies"
    cut.write_text(f'#!/bin/sh\n{tshark.command} "$@" | head -c 3000\nexit 9\n')
    cut.chmod(0o755)
    capture = captures / "tls_proxy.pcapng"
    done = run(capture, "--report", folder / "report.json", "--keylog", keys_of(capture), "--tshark", cut)
    assert done.code == DAMAGED
    assert "tshark ended with 9" in done.stderr
    assert json.loads((folder / "report.json").read_text())["tunnels"]


# What the plugin's tap says first; then it has nothing to say, or breaks off in the middle of a record.
READS = "printf 'proxytunnel-chunks/2\\n'"


@pytest.mark.parametrize(("script", "status", "words"), [
    (READS, "complete", None), (f"{READS}; exit 3", "incomplete", "tshark ended with 3"),
    (f"{READS}; echo half a record; echo Oh no >&2", "incomplete", "Oh no"),
    ("exit 1", "unavailable", "no working proxytunnel plugin"), ("exit 127", "unavailable", "there is no tshark")])
def test_the_report_tells_whether_keys_were_of_use(run, captures, folder, script: str, status: str,  # noqa: F811
                                                   words: str | None):
    fake = folder / "tshark"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    capture = captures / "tls_proxy.pcapng"
    done = run(capture, capture, "--report", folder / "report.json", "--keylog", keys_of(capture), "--tshark", fake)
    assert done.code == (DAMAGED if status == "incomplete" else DONE)
    for each in json.loads((folder / "report.json").read_text())["inputs"]:
        assert each["decryption"]["status"] == status
        assert (words or "") in (each["decryption"]["reason"] or "")
        assert (each["decryption"]["reason"] is None) == (words is None)


def test_keys_that_nobody_looks_for_are_told_of(run, captures, folder):  # noqa: F811
    secrets = (captures / "tls_proxy_secrets.pcapng").read_bytes()
    for options, status in (((), "unavailable"), (("--engine", "native"), None)):
        done = run("-", "--report", folder / "report.json", *options, stdin=secrets)
        told, = json.loads((folder / "report.json").read_text())["inputs"]
        assert (told["decryption"] and told["decryption"]["status"]) == status
        assert ("--engine tshark" in done.stderr) == (status is not None)


def test_without_keys_nothing_is_said_of_decryption(run, captures, folder):  # noqa: F811
    run(captures / "tls_proxy.pcapng", "--report", folder / "report.json")
    assert json.loads((folder / "report.json").read_text())["inputs"][0]["decryption"] is None


# ---------------------------------------------------------------- two programs, one identity

def https_proxy_behind_socks5(folder: Path) -> list[bytes]:  # noqa: F811
    """Frames: another client's tunnel, then a session with a proxy inside TLS, inside a SOCKS5 tunnel to that proxy's
    name. A DNS answer tells its address. The keys are in keys.log."""
    talk = Talk(folder)
    for side, words in ((0, connect_request("www.example.com:80")), (1, CONNECT_REPLY), (0, HTTP_REQUEST),
                        (1, HTTP_RESPONSE)):
        talk.say(side, words)
    other = connect(Connection(client=("10.0.0.99", 41000), server=("10.0.0.1", 3128)), "www.example.org:80")
    carrier = socks5(Connection(), "proxy.example", 8443)
    for side, sent in talk.flights:
        for start in range(0, len(sent), SEGMENT):
            (carrier.say if side == 0 else carrier.hear)(sent[start:start + SEGMENT])
    lookup = wire.dns_lookup("proxy.example", "10.77.1.1")
    return [*lookup, *other.say(HTTP_REQUEST).hear(HTTP_RESPONSE).close().frames, *carrier.close().frames]


@pytest.mark.parametrize("options", [
    (), ("-f", "host 10.0.0.5 or udp"), ("-f", "tcp"), ("-f", "host 10.0.0.5 and tcp[13] & 2 = 0"),
    ("--names", "hosts=HOSTS"), ("--names", "capture,hosts=HOSTS"), ("--synthetic4", "10.99.0.0/16"),
    ("--synthetic4", "10.99.0.0/16", "--names", "hosts=/dev/null"), ("--max-connections", "1"),
    ("--disable", "proxy-protocol,socks4"), ("--forward-without-proof",), ("--layers", "leaf")],
    ids=lambda options: " ".join(options) or "none")
def test_no_option_parts_a_tunnel_from_what_carries_it(run, folder, tshark: Tshark,  # noqa: F811
                                                       options: tuple[str, ...]):
    capture = write_capture(folder / "inside.pcap", https_proxy_behind_socks5(folder))
    (folder / "hosts").write_text("203.0.113.9 proxy.example\n")
    words = [option.replace("HOSTS", str(folder / "hosts")) for option in options]
    tunnels = reported(run, capture, folder, "--keylog", folder / "keys.log", "--tshark", tshark.command, *words)
    inner, = [each for each in tunnels if each["inside_tls"]]
    carrier, = [each for each in tunnels if each["id"] == inner["parent"]]
    assert (carrier["protocol"], inner["protocol"], inner["status"]) == ("socks5", "http-connect", "established")
    assert inner["proxy"]["address"] == carrier["origin"]["address"]
    assert of_origin(streams(folder / "out.pcapng"), inner) == (HTTP_REQUEST, HTTP_RESPONSE)


def test_a_filter_takes_away_what_would_say_that_a_server_is_no_proxy(run, folder, tshark: Tshark):  # noqa: F811
    talk = Talk(folder)
    asked = [b"GET http://web.example:8443/%d HTTP/1.1\r\nHost: web.example\r\n\r\n" % number for number in (1, 2)]
    for request in asked:
        talk.say(0, request)
        talk.say(1, HTTP_RESPONSE)
    connection = Connection(server=("10.0.0.1", 8443)).open()
    for side, sent in talk.flights:
        (connection.say if side == 0 else connection.hear)(sent)
    capture = write_capture(folder / "c.pcap", [*wire.dns_lookup("web.example", "10.0.0.1"),
                                                *connection.close().frames])
    keys = ("--forward-without-proof", "--keylog", folder / "keys.log", "--tshark", tshark.command)
    assert reported(run, capture, folder, *keys) == []
    tunnel, = reported(run, capture, folder, *keys, "-f", "tcp")
    assert of_origin(streams(folder / "out.pcapng"), tunnel) == (b"".join(asked), HTTP_RESPONSE * 2)


def test_bytes_behind_an_end_that_came_too_early(run, folder, tshark: Tshark):  # noqa: F811
    frames = https_proxy_behind_socks5(folder)
    frames.insert(-5, frames.pop(-3))  # the client's FIN, before its request and the answer
    capture = write_capture(folder / "inside.pcap", frames)
    tunnels = reported(run, capture, folder, "--keylog", folder / "keys.log", "--tshark", tshark.command)
    inner, = [each for each in tunnels if each["inside_tls"]]
    assert of_origin(streams(folder / "out.pcapng"), inner) == (HTTP_REQUEST, HTTP_RESPONSE)


def test_what_finds_no_carrier_is_told(run, folder, tshark: Tshark):  # noqa: F811
    capture = write_capture(folder / "inside.pcap", https_proxy_behind_socks5(folder))
    keys = ("--report", folder / "report.json", "--keylog", folder / "keys.log", "--tshark", tshark.command)
    done = run(capture, *keys, "-f", "src host 10.0.0.5")  # the tunnel is never seen to open
    assert done.code == DAMAGED
    assert "2 decrypted pieces of sessions with proxies are left out" in done.stderr and "--filter" in done.stderr
    # What a filter takes away altogether is not missed.
    done = run(capture, *keys, "-f", "host 10.0.0.99")
    assert done.code == DONE and "left out" not in done.stderr


def record(frame: int, *, of_session: bool, payload: bytes = b"payload", path: int = 1) -> bytes:
    return struct.pack(">QQIIBBBx", frame, path, 0, len(payload), 0, 0, of_session) + payload


@pytest.mark.parametrize(("records", "options", "lost"), [
    ([record(2, of_session=True), record(3, of_session=True), record(3, of_session=True)], (), 3),
    ([record(2, of_session=True)], ("--layers", "leaf"), 1),
    ([record(2, of_session=True)], ("-f", "not tcp"), 0),
    ([record(2, of_session=False), record(2, of_session=True, payload=b"")], (), 0),
    ([record(1 << 40, of_session=True)], (), 0)])
def test_what_is_missed(run, captures, folder, records: list[bytes], options: tuple[str, ...],  # noqa: F811
                        lost: int):
    fake = said_by_tshark(folder, b"".join(records))
    done = run(captures / "curl_socks5_connect.pcap", "--report", folder / "report.json", "--engine", "tshark",
               "--tshark", fake, *options)
    assert done.code == (DAMAGED if lost else DONE)
    assert (f"{lost} decrypted pieces" in done.stderr) == bool(lost)


def said_by_tshark(folder: Path, records: bytes, then: str = "exit 0") -> Path:  # noqa: F811
    """A command in tshark's place."""
    (folder / "records").write_bytes(b"proxytunnel-chunks/2\n" + records)
    fake = folder / "fake-tshark"
    fake.write_text(f"#!/bin/sh\necho $$ > {folder}/pid\ncat {folder}/records\n{then}\n")
    fake.chmod(0o755)
    return fake


@pytest.mark.parametrize("mutation", ["as it is", "reordered", "doubled"])
@pytest.mark.parametrize("name", ["tls_proxy.pcapng", "tls_forward.pcapng"])
def test_both_programs_make_the_same_packets(run, captures, tshark: Tshark, folder: Path,  # noqa: F811
                                             name: str, mutation: str):
    capture, keys = folder / "capture.pcap", keys_of(captures / name)
    mutated(captures / name, capture, mutation)
    assert run(capture, "-q", "-w", folder / "tool.pcapng", "--keylog", keys, "--tshark", tshark.command).code == DONE
    tshark.text("-r", capture, "-q", "-o", f"tls.keylog_file:{keys}", "-o", "tcp.reassemble_out_of_order:TRUE",
                "-z", f"proxytunnel,export,{folder / 'plugin.pcapng'}")
    ours = packets(folder / "tool.pcapng", ETHERNET)
    assert ours and ours == packets(folder / "plugin.pcapng", RAW)


# ---------------------------------------------------------------- signals

def is_running(process: int) -> bool:
    """Whether it does anything any more: nobody may have asked for its exit code."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(holds) -> bool:
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


class Waiting:
    """pcap-unproxy that waits for a tshark that has no more to say."""

    def __init__(self, tool: Path, capture: Path, folder: Path, fake: Path) -> None:  # noqa: F811
        self.folder = folder
        self.process = subprocess.Popen([tool, capture, "-w", folder / "out.pcapng", "--report",
                                         folder / "report.json", "--engine", "tshark", "--tshark", fake],
                                        stderr=subprocess.PIPE, text=True)
        assert eventually(lambda: (folder / "pid").is_file() and (folder / "pid").read_text().strip())
        self.tshark = int((folder / "pid").read_text())
        time.sleep(0.3)

    def end(self) -> tuple[int, str]:
        said = self.process.communicate(timeout=20)[1]
        return self.process.returncode, said


SLEEPS, CLOSES = "exec sleep 100", "exec >&-; exec sleep 100"
HALF = record(3, of_session=False)[:20]


@pytest.mark.parametrize(("number", "records", "then"), [
    (signal.SIGTERM, None, SLEEPS), (signal.SIGINT, b"", SLEEPS), (signal.SIGTERM, HALF, SLEEPS),
    (signal.SIGINT, None, CLOSES), (signal.SIGTERM, b"", CLOSES), (signal.SIGINT, HALF, CLOSES),
    (signal.SIGTERM, b"", "sleep 100"), (signal.SIGINT, b"", "trap '' TERM INT; sleep 100; sleep 100")])
def test_a_signal_ends_the_wait_for_tshark(tool, captures, folder, number, records, then):  # noqa: F811
    fake = said_by_tshark(folder, records or b"", then)
    if records is None:
        (folder / "records").write_bytes(b"")
    waiting = Waiting(tool, captures / "curl_socks5_connect.pcap", folder, fake)
    waiting.process.send_signal(number)
    code, said = waiting.end()
    assert code == DAMAGED and "plugin" not in said and "tshark ended" not in said, said
    assert json.loads((folder / "report.json").read_text())["interrupted"]
    assert wire.pcapng_blocks((folder / "out.pcapng").read_bytes())
    assert not is_running(waiting.tshark)


def test_a_signal_also_ends_the_wait_behind_a_pipe(tool, captures, folder):  # noqa: F811
    fake = said_by_tshark(folder, b"", "exec sleep 100")
    with (captures / "curl_socks5_connect.pcap").open("rb") as capture:
        process = subprocess.Popen([tool, "-", "-w", folder / "out.pcapng", "--engine", "tshark", "--tshark", fake],
                                   stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(capture.read())
        process.stdin.close()
    assert eventually(lambda: (folder / "pid").is_file())
    time.sleep(0.3)
    process.terminate()
    assert process.wait(timeout=20) == DAMAGED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_tshark_does_not_outlive_a_tool_that_is_ended(tool, captures, folder, number):  # noqa: F811
    fake = said_by_tshark(folder, b"", "trap '' TERM; exec sleep 100")
    waiting = Waiting(tool, captures / "curl_socks5_connect.pcap", folder, fake)
    waiting.process.send_signal(number)
    time.sleep(0.3)
    waiting.process.send_signal(number)  # the second one ends it at once
    assert waiting.end()[0] == -number
    assert eventually(lambda: not is_running(waiting.tshark))


# ---------------------------------------------------------------- the plugin

def test_tls_inside_a_proxy_inside_tls(tshark: Tshark, captures):  # noqa: F811
    capture = captures / "tls_proxy.pcapng"
    options = ("-o", f"tls.keylog_file:{keys_of(capture)}")
    https = [each for each in truth_of(capture)["tunnels"] if each["app"] == "tls"]
    assert https
    hellos = tshark.values(capture, "tls.handshake.extensions_server_name", ("-Y", "proxytunnel.virtual", *options))
    assert set(hellos) >= {each["target_host"] for each in https}
    assert tshark.values(capture, "http.response.code", ("-Y", "proxytunnel.virtual && http.response", *options))
    assert tshark.values(capture, "proxytunnel.protocol") == []
    assert tshark.text("-r", capture, "-Y", "http.request") == ""


def test_tls_stays_where_the_capture_is_replaced(run, captures, folder, tshark: Tshark):  # noqa: F811
    """All of the capture, and the virtual packets of what tshark decrypted besides; tunnels in them are moved on."""
    capture = captures / "tls_proxy.pcapng"
    options = ["--keylog", keys_of(capture), "--tshark", tshark.command]
    assert run(capture, "--mode", "replace", "-w", folder / "replaced.pcapng", *options).code == DONE
    assert run(capture, "-w", folder / "virtual.pcapng", *options).code == DONE
    replaced = read(folder / "replaced.pcapng")
    assert [seen for seen in replaced if not seen.is_virtual] == read(capture)
    assert [seen.data for seen in replaced if seen.is_virtual] == [
        seen.data for seen in read(folder / "virtual.pcapng")]
