# SPDX-License-Identifier: GPL-2.0-or-later
# summary: the packages' lists agree with what is installed, with each other and with the project's version.
from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from conftest import REPOSITORY
from test_install import HAS_WINDOW, files_below, install, installs, lists  # noqa: F401  # lists is a fixture

DEBIAN = REPOSITORY / "packaging/debian"
SPEC = (REPOSITORY / "packaging/proxytunnel.spec").read_text()
MACROS = {"_bindir": "usr/bin", "_mandir": "usr/share/man", "_datadir": "usr/share",
          "wireshark_plugins": "usr/lib*/wireshark/plugins/*", "wireshark_extcap": "usr/lib*/wireshark/extcap"}


def patterns(text: str) -> list[str]:
    """Of an install list: the first word of each line that is no comment. Braces are a choice (dh_install(1)), here as
    one pattern, in which a star is also a slash."""
    words = [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [re.sub(r"\{[^}]*\}", "*", word) for word in words]


def debian_lists() -> dict[str, list[str]]:
    """By package; under "not-installed" what belongs to none."""
    files = [*DEBIAN.glob("*.install"), DEBIAN / "not-installed"]
    return {file.stem: patterns(file.read_text()) for file in files}


def rpm_lists() -> dict[str, list[str]]:
    sections = re.findall(r"^%files -n (\S+)\n(.*?)(?=^%\w+ -n|^%changelog)", SPEC, re.MULTILINE | re.DOTALL)
    return {package: [re.sub(r"%\{(\w+)\}", lambda macro: MACROS[macro[1]], line)
                      for line in section.splitlines() if line.startswith("%{")] for package, section in sections}


def owners(file: str, listed: dict[str, list[str]]) -> list[str]:
    return [package for package, globs in listed.items() if any(fnmatchcase(file, glob) for glob in globs)]


def packages_of_control() -> set[str]:
    return set(re.findall(r"^Package: (\S+)$", (DEBIAN / "control").read_text(), re.MULTILINE))


@installs
def test_every_installed_file_is_in_one_package(lists, tmp_path: Path):  # noqa: F811
    install("--prefix", "/usr", DESTDIR=tmp_path)
    files = files_below(tmp_path)
    assert files
    assert {file: owners(file, debian_lists()) for file in files if len(owners(file, debian_lists())) != 1} == {}
    rpm = {"not-installed": debian_lists()["not-installed"], **rpm_lists()}
    assert {file: owners(file, rpm) for file in files if len(owners(file, rpm)) != 1} == {}
    for listed in (debian_lists(), rpm):
        globs = [glob for package in listed.values() for glob in package]
        unused = [glob for glob in globs if not any(fnmatchcase(file, glob) for file in files)]
        assert [glob for glob in unused if HAS_WINDOW or not glob.endswith("-window.so")] == []


def test_both_kinds_of_packages_have_the_same_names():
    assert packages_of_control() == debian_lists().keys() - {"not-installed"} == rpm_lists().keys() != set()


def test_all_packages_are_tested():
    depends = re.search(r"^Depends: (.*)$", (DEBIAN / "tests/control").read_text(), re.MULTILINE)[1]
    assert packages_of_control() <= set(depends.split(", "))


def test_versions_are_that_of_the_project():
    version = re.search(r"project\(proxytunnel VERSION (\S+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]
    assert re.match(r"proxytunnel \((\S+)-\d+\) unstable;", (DEBIAN / "changelog").read_text())[1] == version
    assert re.search(r"^Version: +(\S+)$", SPEC, re.MULTILINE)[1] == version
    assert f" {version}-" in SPEC.split("%changelog")[1].splitlines()[1]


@pytest.mark.parametrize(("file", "packages"), [
    ("usr/bin/pcap-unproxy", ["pcap-unproxy"]),
    ("usr/bin/another", []),
    ("usr/lib/aarch64-linux-gnu/wireshark/extcap/pcap-unproxy", ["pcap-unproxy"]),
    ("usr/libexec/wireshark/extcap/pcap-unproxy", ["pcap-unproxy"]),
    ("usr/lib/aarch64-linux-gnu/wireshark/plugins/4.4/epan/proxytunnel.so", ["wireshark-plugin-proxytunnel"]),
])
def test_owner_rule_can_fail(file: str, packages: list[str]):
    assert owners(file, debian_lists()) == owners(file, rpm_lists()) == packages
