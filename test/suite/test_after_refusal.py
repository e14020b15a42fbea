# SPDX-License-Identifier: GPL-2.0-or-later
# summary: a client that goes on when the proxy refused is told, by both programs alike, and nothing else is.
from __future__ import annotations

import json
from pathlib import Path

import pytest

from test_plugin_wire import (Connection, Tshark, cannot_run, connect_request, folder, socks4_request,  # noqa: F401
                              socks5_reply, socks5_request, tshark)
from test_tool import DONE

NAME = "payload-after-refusal"
HELLO = bytes.fromhex("16030100050100000100")
PAGE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"


def refused_by_socks5() -> Connection:
    session = Connection().open().say(b"\5\1\0").hear(b"\5\0")
    return session.say(socks5_request("www.example.com", 443)).hear(socks5_reply(2))


def refused_login() -> Connection:
    return Connection().open().say(b"\5\1\2").hear(b"\5\2").say(b"\1\1a\1b").hear(b"\1\1")


def refused_by_socks4() -> Connection:
    return Connection().open().say(socks4_request("192.0.2.1", 443)).hear(b"\0\x5b" + bytes(6))


def refused_connect() -> Connection:
    return Connection().open().say(connect_request("www.example.com:443")).hear(FORBIDDEN)


REFUSED = [refused_by_socks5, refused_login, refused_by_socks4, refused_connect]
# What is ordinary: the client says nothing, it had sent its payload before it knew, it asks again.
ORDINARY = {
    "nothing": lambda: refused_by_socks5().close(),
    "optimistic": lambda: (Connection().open().say(b"\5\1\0").hear(b"\5\0").say(socks5_request("a.example", 443))
                           .say(HELLO).hear(socks5_reply(2)).close()),
    "another request": lambda: refused_connect().say(connect_request("a.example:443")).hear(FORBIDDEN).close(),
    "the proxy goes on": lambda: refused_by_socks5().hear(b"bye").close(),
    "no proxy": lambda: Connection().open().say(HELLO).hear(HELLO).say(HELLO).close(),
}


def told(run, tshark: Tshark, folder: Path, session: Connection) -> tuple[list[dict], list[str]]:  # noqa: F811
    """What the tool and the plugin, which has to agree, say; and the frames that the plugin marks."""
    capture = session.write(folder / "capture.pcap")
    done = run(capture, "-q", "--report", "-")
    assert done.code == DONE
    skipped = json.loads(done.text)["skipped"]
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    frames = tshark.text("-r", capture, "-Y", f'proxytunnel.anomaly == "{NAME}"', "-T", "fields", "-e", "frame.number",
                         "-z", f"proxytunnel,report,{report}").split()
    assert json.loads(report.read_text())["skipped"] == skipped
    return skipped, frames


@pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")
@pytest.mark.parametrize(("refused", "payload"), [*((each, HELLO) for each in REFUSED), (refused_connect, PAGE)])
def test_it_is_told_once(run, tshark, folder, refused, payload):  # noqa: F811
    """In the frame in which the client goes on; the attempt stays as it was."""
    session = refused().say(payload)
    frame = len(session.frames)
    skipped, frames = told(run, tshark, folder, session.hear(b"x").say(HELLO).close())
    assert [each["reason"] for each in skipped] == [NAME]
    assert skipped[0]["client"]["port"] == session.client[1] and skipped[0]["proxy"]["port"] == session.server[1]
    assert frames == [str(frame)]


@pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")
@pytest.mark.parametrize("session", ORDINARY.values(), ids=ORDINARY)
def test_nothing_else_is_told(run, tshark, folder, session):  # noqa: F811
    assert told(run, tshark, folder, session()) == ([], [])


@pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")
def test_a_repeated_request_is_no_payload(run, tshark, folder):  # noqa: F811
    session = refused_by_socks5()
    session.frames.append(session.frames[-2])
    assert told(run, tshark, folder, session) == ([], [])
