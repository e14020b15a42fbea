# SPDX-License-Identifier: GPL-2.0-or-later
# summary: the profile that is installed with the plugin: its filters are right and find something.
from __future__ import annotations

import re

import pytest

from conftest import REPOSITORY
from test_plugin_wire import Tshark, cannot_run, folder, tshark  # noqa: F401  # fixtures

pytestmark = pytest.mark.skipif(cannot_run() is not None, reason=cannot_run() or "")

CAPTURES = REPOSITORY / "test/captures"
PROFILE = REPOSITORY / "plugins/epan/proxytunnel/profile"


def lines_of(name: str) -> list[str]:
    return [line for line in (PROFILE / name).read_text().splitlines() if not line.startswith("#")]


def filters() -> list[str]:
    """Of the colours and of the buttons."""
    colours = [re.fullmatch(r"@[^@]+@([^@]+)@\[[\d,]+\]\[[\d,]+\]", line)[1] for line in lines_of("colorfilters")]
    buttons = [re.fullmatch(r'"TRUE","[^"]+","([^"]+)","[^"]+"', line)[1] for line in lines_of("dfilter_buttons")]
    return colours + buttons


def test_every_filter_finds_something(tshark: Tshark):
    wanted, found = sorted(set(filters())), set()
    assert len(wanted) > 5
    for name in ("curl_socks5_connect.pcap", "socks5_password.pcap", "connect_407.pcapng", "connect_userinfo.pcap"):
        options = [option for each in wanted for option in ("-z", f"io,stat,0,{each}")]
        text = tshark.text("-r", CAPTURES / name, "-q", *options)
        # A table for each, the last one first: its filter, and the one row with the number of frames.
        counts = {re.search(r"Col +1: (.*?) *\|$", table, re.MULTILINE)[1]:
                  int(re.search(r"<> .*?\| +(\d+) ", table)[1]) for table in text.split("| IO Statistics")[1:]}
        assert set(counts) == set(wanted)
        found |= {each for each, count in counts.items() if count}
    assert found == set(wanted)


def test_its_columns_are_fields(tshark: Tshark):
    columns = dict(re.findall(r'^\t"([^"]+)", "%Cus:([\w.]+):', (PROFILE / "preferences").read_text(), re.MULTILINE))
    assert columns == {"Target": "proxytunnel.target"}
    capture = CAPTURES / "curl_socks5_connect.pcap"
    assert tshark.text("-r", capture, "-Y", f"{columns['Target']} == \"www.origin.test:80\"")
