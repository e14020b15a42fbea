# SPDX-License-Identifier: GPL-2.0-or-later
# summary: the profile that is installed with the plugin: its filters are right and find something.
from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import REPOSITORY
from test_inside import HTTP, hello
from test_plugin_wire import HTTP_REQUEST, Connection, Tshark, cannot_run, connect, folder, tshark  # noqa: F401

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

CAPTURES = REPOSITORY / "test/captures"
PROFILE = REPOSITORY / "plugins/epan/proxytunnel/profile"


def lines_of(name: str) -> list[str]:
    return [line for line in (PROFILE / name).read_text().splitlines() if not line.startswith("#")]


def filters() -> list[str]:
    """Of the colours and of the buttons."""
    colours = [re.fullmatch(r"@[^@]+@([^@]+)@\[[\d,]+\]\[[\d,]+\]", line)[1] for line in lines_of("colorfilters")]
    buttons = [re.fullmatch(r'"TRUE","[^"]+","([^"]+)","[^"]+"', line)[1] for line in lines_of("dfilter_buttons")]
    return [each.replace(r"\x22", '"') for each in colours + buttons]


def test_every_filter_finds_something(tshark: Tshark, folder: Path):  # noqa: F811
    wanted, found = sorted(set(filters())), set()
    assert len(wanted) > 5
    other_name = connect(Connection(), "a.example:80").say(HTTP_REQUEST).write(folder / "c.pcap")
    for name in ("curl_socks5_connect.pcap", "socks5_password.pcap", "connect_407.pcapng", "connect_userinfo.pcap",
                 other_name):
        options = [option for each in wanted for option in ("-z", f"io,stat,0,{each}")]
        text = tshark.text("-r", CAPTURES / name, "-q", *options)
        # A table for each, the last one first: its filter, and the one row with the number of frames.
        counts = {filter_of(table):
                  int(re.search(r"<> .*?\| +(\d+) ", table)[1]) for table in text.split("| IO Statistics")[1:]}
        assert set(counts) == set(wanted)
        found |= {each for each, count in counts.items() if count}
    assert found == set(wanted)


def filter_of(table: str) -> str:
    """A long one takes several lines."""
    lines = re.search(r"Col +1: (.*?)\|-", table, re.DOTALL)[1]
    return re.sub(r" *\|\n\| {2,}", " ", lines).strip(" |\n")


@pytest.mark.parametrize(("target", "said", "is_told"), [
    ("front.example:443", hello("b.example"), True), ("B.example:443", hello("b.example"), False),
    ("192.0.2.1:443", hello("b.example"), False), ("[2001:db8::1]:443", hello("b.example"), False),
    ("front.example:80", [(0, HTTP)], True), ("b.example:8080", [(0, HTTP)], False),
    ("front.example:443", hello(None), False)])
def test_another_name(tshark: Tshark, folder: Path, target: str, said: list, is_told: bool):  # noqa: F811
    """What the tool calls sni-differs and host-differs."""
    button = next(each for each in filters() if "tls.handshake.extensions_server_name" in each)
    capture = connect(Connection(), target).say(said[0][1]).write(folder / "c.pcap")
    assert bool(tshark.text("-r", capture, "-Y", button)) == is_told


def test_its_columns_are_fields(tshark: Tshark):
    columns = dict(re.findall(r'^\t"([^"]+)", "%Cus:([\w.]+):', (PROFILE / "preferences").read_text(), re.MULTILINE))
    assert columns == {"Target": "proxytunnel.target"}
    capture = CAPTURES / "curl_socks5_connect.pcap"
    assert tshark.text("-r", capture, "-Y", f"{columns['Target']} == \"www.origin.test:80\"")
