# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what the documents and the programs say of protocols is what the rows of base/vocabulary.h say.
from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from conftest import REPOSITORY
from test_plugin_wire import Tshark, cannot_run

TABLE = REPOSITORY / "lib/proxytunnel/base/vocabulary.h"
CONTRACT = (REPOSITORY / "docs/contract.md").read_text()
WORD = re.compile(r"`([^`]+)`")
# Planned: the contract says so among what is not there yet.
PLANNED: set[str] = set()
# Of origin.candidates only; the contract says so below its table.
NEVER_CHOSEN = {"dns-unasked"}


def rows_of(table: str, text: str) -> list[list[str]]:
    """The columns of each row of #define PT_table(ROW), without quotes."""
    body = re.search(rf"#define PT_{table}\(ROW\)((?:.*\\\n)*.*\n)", text)
    assert body, table
    rows = re.findall(r"ROW\((\w+), (.*?)\)(?= +(?:/\*|\\)|\n)", body[1].replace("\\\n      ", ""))
    return [[name, *(column.strip('" ') for column in re.findall(r'"[^"]*"|[^,"]+', rest) if column.strip())]
            for name, rest in rows]


ROWS = {table: rows_of(table, TABLE.read_text())
        for table in ("FAMILIES", "PROTOCOLS", "COMMANDS", "STATUSES", "PROVENANCES", "MESSAGES")}


def names_of(table: str) -> set[str]:
    return {row[1] for row in ROWS[table]} - {'""', ""}


def words_of_row(key: str, text: str) -> set[str]:
    """The words in backquotes of the last column of the row that begins with `key`."""
    row = re.search(rf"^\| `{re.escape(key)}.*$", text, re.MULTILINE)
    assert row, key
    return set(WORD.findall(row[0].strip(" |").split(" | ")[-1]))


def missing_from(text: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word not in text]


@pytest.mark.parametrize(("table", "key"), [("FAMILIES", "--disable PROTOCOLS"), ("PROTOCOLS", "protocol"),
                                            ("COMMANDS", "command"), ("STATUSES", "status")])
def test_the_contract_lists_the_words_of(table: str, key: str):
    assert words_of_row(key, CONTRACT) == names_of(table)


def test_the_contract_explains_each_provenance():
    section = CONTRACT.split("## The address of the origin")[1].split("\n## ")[0]
    explained = set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE))
    assert explained == names_of("PROVENANCES") - PLANNED - NEVER_CHOSEN
    assert missing_from(section, NEVER_CHOSEN) == []
    assert missing_from(CONTRACT.split("## Not there yet")[1], PLANNED) == []


def test_the_contract_names_the_heuristics():
    line = next(line for line in CONTRACT.splitlines() if line.startswith("- **Preferences**"))
    suffixes = [row[2].removeprefix("proxytunnel") for row in ROWS["FAMILIES"]]
    assert missing_from(line, [f"{suffix}`" for suffix in suffixes]) == []


def test_the_manual_and_the_help_list_what_can_be_disabled(run):
    manual = (REPOSITORY / "docs/pcap-unproxy.1").read_text()
    listed = re.search(r"^\.It Fl -disable.*\n.*\n\.Cm (.*) \.$", manual, re.MULTILINE)
    assert listed and set(listed[1].split(" , ")) == names_of("FAMILIES")
    help_text = "".join(run("--help").text.split())
    assert ",".join(row[1] for row in ROWS["FAMILIES"]) in help_text


def test_transcripts_know_each_family():
    text = (REPOSITORY / "test/transcripts/README.md").read_text()
    assert missing_from(text, [f"`no_{row[0]}`" for row in ROWS["FAMILIES"]]) == []


@pytest.mark.parametrize("table", ["PROTOCOLS", "MESSAGES"])
def test_each_is_in_a_transcript(table: str):
    """Whoever adds a protocol shows its messages."""
    text = "".join(file.read_text() for file in (REPOSITORY / "test/transcripts").glob("*.txt"))
    suites = "".join(file.read_text() for file in (REPOSITORY / "test").rglob("*.py") if file.name != __file__)
    said = text + suites
    untold = {"http_other", "http_forward_body"}  # bodies
    assert missing_from(said, {row[0 if table == "MESSAGES" else 1] for row in ROWS[table]} - untold) == []


@pytest.mark.skipif(bool(cannot_run()), reason=cannot_run() or "")
def test_the_plugin_has_a_switch_for_each_family(captures):
    tshark = Tshark()

    def knows(*switches: tuple[str, str]) -> bool:
        words = [word for preference, heuristic in switches
                 for word in ("-o", f"proxytunnel.{preference}:TRUE", "--enable-heuristic", heuristic)]
        done = tshark.run("-r", captures / "no_proxy.pcapng", "-c", "1", *words)
        return done.returncode == 0 and "No such protocol" not in done.stderr

    assert knows(*[(row[0], row[2]) for row in ROWS["FAMILIES"]])
    assert not knows(("socks6", "proxytunnel_socks5"))
    assert not knows(("socks5", "proxytunnel_socks6"))


def test_rows_are_read():
    tables = TABLE.read_text().split("/* Codes in messages")[0]
    assert sum(map(len, ROWS.values())) == len(re.findall(r"^  ROW\(", tables, re.MULTILINE))
    text = ('#define PT_PAIRS(ROW) \\\n  ROW(a, "b", 1 | 2, "c, d)") /* e */ \\\n'
            '  ROW(f, g, \\\n      "h")\n\nROW(i, j)\n')
    assert rows_of("PAIRS", text) == [["a", "b", "1 | 2", "c, d)"], ["f", "g", "h"]]
