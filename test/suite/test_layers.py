# SPDX-License-Identifier: GPL-2.0-or-later
# summary: who may include whom (docs/architecture.md), checked on every #include of the library and the tool.
from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from conftest import REPOSITORY

LIBRARY = REPOSITORY / "lib/proxytunnel"
TOOL = REPOSITORY / "tools/pcap-unproxy"
SUFFIXES = {".c", ".cpp", ".h", ".hpp"}

# The arrows, written out: each layer and the layers that it may see besides itself.
BELOW = {
    "base": set(),
    "handshake": {"base"},
    "tcp": {"base"}, "udp": {"base", "handshake"}, "synth": {"base"}, "names": {"base"},
    "tunnel": {"base", "handshake"}, "decode": {"base"},
    "correlate": {"base", "handshake", "tcp", "names", "tunnel"},
    "tracker": {"base", "handshake", "tunnel", "tcp", "udp", "synth", "names"},
    "report": {"base", "handshake", "tcp", "names", "tunnel", "correlate"},
    "select": {"base", "handshake", "tcp", "names", "tunnel", "correlate", "report"},
    "capi": {"base", "handshake", "tunnel", "tcp", "udp", "synth", "names", "tracker", "correlate", "report",
             "decode"},
}
TOOL_BELOW = {"capture": {"base", "decode"}, "inside": {"base", "tcp", "synth", "names", "tunnel", "report"}}

# The core has no I/O, clock, environment, log or global lock, and knows no host program.
FORBIDDEN_HEADERS = {
    "fstream", "iostream", "ostream", "istream", "sstream", "syncstream", "print", "filesystem", "cstdio", "stdio.h",
    "chrono", "thread", "mutex", "future", "random", "locale", "regex", "unistd.h", "fcntl.h",
}
FORBIDDEN_WORDS = re.compile(
    r"\b(getenv|fopen|printf|cout|cerr|gettimeofday|clock_gettime|system_clock|localtime|localtime_r|throw)\b")
# Everything else in angle brackets is C++'s own (no dot, no slash), C's own in the C interface, or stands here.
THIRD_PARTY = {"llhttp.h": {"handshake/http_framing.cpp"}, "nlohmann/json.hpp": {"report/report.cpp"},
               "nettle/sha1.h": {"report/community_id.cpp"}, "nettle/base64.h": {"report/community_id.cpp"}}
C_OWN = {"stdbool.h": {"capi/proxytunnel.h"}, "stddef.h": {"capi/proxytunnel.h"}, "stdint.h": {"capi/proxytunnel.h"}}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def code_of(text: str) -> str:
    return COMMENT_OR_TEXT.sub(" ", text)


def layer_of(path: str) -> str:
    return path.split("/")[0] if "/" in path else ""


def library_faults(path: str, text: str) -> list[str]:
    """What is wrong with one file of the library; `path` is relative to lib/proxytunnel."""
    layer = layer_of(path)
    if layer not in BELOW:
        return [f"{path}: {layer or 'the top folder'} is not a layer"]
    faults = []
    for ours, system in INCLUDE.findall(text):
        if ours and layer_of(ours) != layer and layer_of(ours) not in BELOW[layer]:
            faults.append(f"{path}: {layer} must not see {ours}")
        foreign = re.search(r"[./]", system) and path not in (THIRD_PARTY | C_OWN).get(system, set())
        if system in FORBIDDEN_HEADERS or foreign:
            faults.append(f"{path}: the library must not include <{system}>")
    faults += [f"{path}: {word} has no place in the library" for word in FORBIDDEN_WORDS.findall(code_of(text))]
    if layer == "tunnel" and re.search(r"\b[Ss]equence", code_of(text)):
        faults.append(f"{path}: tunnel/ speaks offsets, never sequence numbers")
    return faults


def protocols_of(names: Iterable[str]) -> set[str]:
    """The protocols in handshake/: a file pair each, less what all share."""
    return {Path(name).stem for name in names} - {"families", "handshake", "message"}


def handshake_faults(path: str, text: str, protocols: set[str]) -> list[str]:
    """Nobody in handshake/ includes the header of a protocol but its own files."""
    stem = Path(path).stem   # socks5_messages.cpp belongs to socks5.hpp
    others = {protocol for protocol in protocols if stem != protocol and not stem.startswith(protocol + "_")}
    return [f"{path}: only its own files may include {ours}" for ours, _ in INCLUDE.findall(text)
            if layer_of(ours) == "handshake" and Path(ours).stem in others]


def tool_faults(path: str, text: str) -> list[str]:
    """capture/ does not know the program around it; `path` is relative to tools/pcap-unproxy."""
    layer = layer_of(path)
    if layer not in TOOL_BELOW:
        return []
    return [f"{path}: {layer} must not see {ours}" for ours, _ in INCLUDE.findall(text)
            if ours and layer_of(ours) != layer and layer_of(ours) not in TOOL_BELOW[layer]]


def plugin_faults(path: str, text: str) -> list[str]:
    """The plugin is C and knows one header of ours; its window is Qt, and knows one header of the plugin. `path` is
    relative to plugins."""
    if "/window/" in path:
        return [f"{path}: the window must not see {ours or system}" for ours, system in INCLUDE.findall(text)
                if "/" in ours + system or (ours.endswith(".h") and ours != "window_host.h")]
    faults = [f"{path}: the plugin is C: epan leaves by longjmp, past destructors"] * path.endswith((".cpp", ".hpp"))
    return faults + [f"{path}: the plugin must not see {ours}" for ours, _ in INCLUDE.findall(text)
                     if layer_of(ours) in BELOW and ours != "capi/proxytunnel.h"]


def circle_in(files: dict[str, str]) -> list[str]:
    """Files that know each other in a circle, x.c and x.h being one; empty if there is none."""
    knows = {Path(path).stem: set() for path in files}
    for path, text in files.items():
        known = {Path(ours).stem for ours, _ in INCLUDE.findall(text)} & knows.keys()
        knows[Path(path).stem] |= known - {Path(path).stem}
    while lowest := [stem for stem, known in knows.items() if not known]:
        knows = {stem: known.difference(lowest) for stem, known in knows.items() if known}
    return sorted(knows)


def sources(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in sorted(folder.rglob("*"))
            if file.suffix in SUFFIXES}


def test_library_arrows():
    files = sources(LIBRARY)
    assert files
    assert [fault for path, text in files.items() for fault in library_faults(path, text)] == []


def test_protocols_do_not_include_each_other():
    handshakes = {path: text for path, text in sources(LIBRARY).items() if layer_of(path) == "handshake"}
    protocols = protocols_of(path for path in handshakes if path.endswith(".hpp"))
    helpers = {stem for stem in protocols if f"handshake/{stem}.hpp" in handshakes
               and "public Handshake" not in handshakes[f"handshake/{stem}.hpp"] + handshakes.get(
                   f"handshake/{stem}.cpp", "")}
    assert protocols - helpers
    assert [fault for path, text in handshakes.items()
            for fault in handshake_faults(path, text, protocols - helpers)] == []


def test_tool_arrows():
    files = sources(TOOL)
    assert files
    assert [fault for path, text in files.items() for fault in tool_faults(path, text)] == []


def test_plugin_arrows():
    files = sources(REPOSITORY / "plugins")
    assert [fault for path, text in files.items() for fault in plugin_faults(path, text)] == []
    assert circle_in(files) == []


def test_entries_are_on_top():
    """The shims are called by epan; nobody else but the plugin's entry knows them."""
    files = sources(REPOSITORY / "plugins/epan/proxytunnel")
    for stem in ("tcp", "udp", "taps", "export_option", "follow", "menu"):
        knowing = {path for path, text in files.items() if f'#include "{stem}.h"' in text}
        assert knowing == {"packet-proxytunnel.c", f"{stem}.c"}


def test_every_include_of_ours_exists():
    roots = {LIBRARY: [LIBRARY], TOOL: [LIBRARY, TOOL]}
    missing = [f"{path}: {ours}" for folder, places in roots.items() for path, text in sources(folder).items()
               for ours, _ in INCLUDE.findall(text)
               if ours and not any((place / ours).is_file() for place in [*places, (folder / path).parent])]
    assert missing == []


@pytest.mark.parametrize(("path", "text"), [
    ("base/a.hpp", '#include "tcp/sequence.hpp"'),
    ("handshake/a.cpp", '#include "tunnel/event.hpp"'),
    ("tcp/a.cpp", '#include "handshake/message.hpp"'),
    ("tunnel/a.hpp", '  #  include "tcp/sequence.hpp"'),
    ("names/a.cpp", "#include <fstream>"),
    ("synth/a.cpp", "#include <epan/packet.h>"),
    ("udp/a.cpp", "#include <glib.h>"),
    ("handshake/socks5.cpp", "#include <llhttp.h>"),
    ("tracker/a.cpp", "const char* home = std::getenv(name);"),
    ("tunnel/a.cpp", "Sequence base;"),
    ("tunnel/a.cpp", "auto first = segment.sequence();"),
    ("a.cpp", ""),
    ("odd/a.cpp", ""),
])
def test_library_rule_can_fail(path: str, text: str):
    assert library_faults(path, text)


@pytest.mark.parametrize(("path", "text"), [
    ("tracker/a.cpp", '#include "tcp/sequence.hpp"\n#include "handshake/handshake.hpp"\n#include <vector>'),
    ("tunnel/a.cpp", '#include "tunnel/event.hpp"\n// never a sequence number\nauto text = "sequence";'),
])
def test_library_rule_lets_pass(path: str, text: str):
    assert library_faults(path, text) == []


def test_other_rules_can_fail():
    protocols = protocols_of(["handshake/handshake.hpp", "handshake/socks4.hpp", "handshake/socks5.hpp"])
    assert protocols == {"socks4", "socks5"}
    include = '#include "handshake/socks5.hpp"'
    assert handshake_faults("handshake/socks4.cpp", include, protocols)
    assert handshake_faults("handshake/handshake.hpp", include, protocols)
    assert not handshake_faults("handshake/socks5.cpp", include, protocols)
    assert not handshake_faults("handshake/socks5_messages.cpp", include, protocols)
    assert handshake_faults("handshake/detect.cpp", include, protocols)
    assert tool_faults("capture/open.cpp", '#include "tracker/tracker.hpp"')
    assert tool_faults("capture/open.cpp", '#include "options.hpp"')
    assert not tool_faults("capture/open.cpp", '#include "decode/decode.hpp"')
    assert plugin_faults("epan/a.c", '#include "tracker/tracker.hpp"')
    assert plugin_faults("epan/a.cpp", "")
    assert plugin_faults("epan/window/a.cpp", '#include "export.h"')
    assert plugin_faults("epan/window/a.cpp", "#include <epan/tap.h>")
    assert not plugin_faults("epan/window/a.cpp", '#include <QWidget>\n#include "window_host.h"\n#include "b.hpp"')
    assert circle_in({"a.c": '#include "b.h"', "b.h": '#include "c.h"', "c.c": '#include "a.h"', "a.h": "", "c.h": "",
                      "d.c": '#include "a.h"', "e.c": ""}) == ["a", "b", "c", "d"]
    assert circle_in({"a.c": '#include "a.h"\n#include "b.h"', "a.h": '#include "b.h"', "b.h": ""}) == []
    assert not plugin_faults("epan/a.c", '#include "capi/proxytunnel.h"\n#include "shim.h"')
