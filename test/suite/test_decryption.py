# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: proxies inside TLS: pcap-unproxy with keys, without, and without the tshark that it needs; the plugin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wire
from test_plugin_wire import Tshark, cannot_run, folder, tshark  # noqa: F401 (fixtures)
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
