# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what is installed where, and that uninstalling takes it away and nothing else; completions for three shells.
from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import REPOSITORY, TOOL, Run, run_program

BUILD = TOOL.parents[2]
NOT_INSTALLABLE = None
if not (BUILD / "cmake_install.cmake").is_file():
    NOT_INSTALLABLE = f"{BUILD.name}/ is no build folder of CMake"
elif not (BUILD / "plugins/epan/proxytunnel/proxytunnel.so").is_file():
    NOT_INSTALLABLE = f"no plugin is built in {BUILD.name}/"
installs = pytest.mark.skipif(bool(NOT_INSTALLABLE), reason=NOT_INSTALLABLE or "")

COMPLETIONS = {"bash": "bash-completion/completions/pcap-unproxy", "zsh": "zsh/site-functions/_pcap-unproxy",
               "fish": "fish/vendor_completions.d/pcap-unproxy.fish"}
TOOL_FILES = {"bin/pcap-unproxy", "share/man/man1/pcap-unproxy.1",
              *(f"share/{file}" for file in COMPLETIONS.values())}
DOCUMENTS = {f"share/doc/proxytunnel/{name}" for name in ("README.md", "CHANGELOG.md", "LICENSE", "contract.md")}
# In Wireshark's list of interfaces. Its folder has moved.
EXTCAP = re.compile(r"(lib(/[^/]+)*|libexec)/wireshark/extcap/pcap-unproxy")
PERSONAL_EXTCAP = re.compile(r"(\.config|\.local/lib)/wireshark/extcap/pcap-unproxy")
PLUGIN = re.compile(r"lib(/[^/]+)*/wireshark/plugins/\d+\.\d+/epan/proxytunnel\.so")
# Where there is Qt. It does not lie where Wireshark looks for plugins.
WINDOW = "proxytunnel/proxytunnel-window.so"
HAS_WINDOW = (BUILD / "plugins/epan/proxytunnel/window/proxytunnel-window.so").is_file()
PROFILE = "share/wireshark/profiles/proxytunnel"
PERSONAL_PROFILE = ".config/wireshark/profiles/proxytunnel"
PERSONAL_PLUGIN = re.compile(r"\.local/lib/wireshark/plugins/\d+\.\d+/epan/proxytunnel\.so")


def files_below(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}


def cmake(*arguments: str | Path, **environment: str | Path) -> Run:
    settings = [f"{name}={value}" for name, value in environment.items()]
    return run_program("env", "-u", "DESTDIR", *settings, "cmake", *arguments)


def install(*arguments: str | Path, **environment: str | Path) -> None:
    done = cmake("--install", BUILD, *arguments, **environment)
    assert done.code == 0, done.stderr


def build(target: str, **environment: str | Path) -> Run:
    return cmake("--build", BUILD, "--target", target, **environment)


@pytest.fixture
def lists(tmp_path: Path) -> Iterator[Callable[[], set[str]]]:
    """The lists of what was installed. Those of real installations are put aside meanwhile."""
    def lists_there() -> set[str]:
        return {file.name for file in BUILD.glob("install_manifest*.txt")}

    aside = tmp_path / "aside"
    aside.mkdir()
    for name in lists_there():
        shutil.move(BUILD / name, aside)
    yield lists_there
    for name in lists_there():
        (BUILD / name).unlink()
    for file in aside.iterdir():
        shutil.move(file, BUILD)


def without_plugin(files: set[str], plugin: re.Pattern = PLUGIN, profile: str = PROFILE) -> set[str]:
    plugins = {file for file in files if plugin.fullmatch(file)}
    assert len(plugins) == 1, files
    assert with_window(plugins) | profile_in(profile) <= files
    return files - with_window(plugins) - profile_in(profile)


def without_extcap(files: set[str], extcap: re.Pattern = EXTCAP) -> set[str]:
    links = {file for file in files if extcap.fullmatch(file)}
    assert len(links) == 1, files
    return files - links


def with_window(plugins: set[str]) -> set[str]:
    return plugins | {file.replace("epan/proxytunnel.so", WINDOW) for file in plugins if HAS_WINDOW}


def profile_in(folder: str) -> set[str]:
    return {f"{folder}/{name}" for name in ("colorfilters", "dfilter_buttons", "preferences")}


# ---------------------------------------------------------------- installing

@installs
def test_a_prefix_gets_everything_and_keeps_what_is_not_ours(lists, tmp_path):
    prefix = tmp_path / "prefix"
    others = {"bin/other", "share/man/man1/other.1"}
    for other in others:
        (prefix / other).parent.mkdir(parents=True)
        (prefix / other).touch()
    install("--prefix", prefix)
    assert without_extcap(without_plugin(files_below(prefix))) == TOOL_FILES | DOCUMENTS | others
    assert run_program(prefix / "bin/pcap-unproxy", "--version").code == 0
    link = next(file for file in files_below(prefix) if EXTCAP.fullmatch(file))
    assert run_program(prefix / link, "--extcap-interfaces").text.startswith("extcap {version=")
    assert build("uninstall").code == 0
    assert files_below(prefix) == others
    assert not (prefix / "share/doc/proxytunnel").exists() and not lists()


@installs
def test_by_default_the_plugin_goes_where_wireshark_looks(lists, tmp_path):
    folder = run_program("pkg-config", "--variable=plugindir", "wireshark").text.strip()
    install("--prefix", "/usr/local", DESTDIR=tmp_path / "stage")
    expected = {f"usr/local/{file}" for file in TOOL_FILES | DOCUMENTS}
    expected |= with_window({f"{folder[1:]}/epan/proxytunnel.so"})
    expected |= profile_in(f"{run_program('pkg-config', '--variable=prefix', 'wireshark').text.strip()[1:]}/{PROFILE}")
    staged = files_below(tmp_path / "stage")
    assert without_extcap(staged, re.compile("usr/" + EXTCAP.pattern)) == expected
    assert build("uninstall", DESTDIR=tmp_path / "elsewhere").code != 0
    assert files_below(tmp_path / "stage") == staged
    assert build("uninstall", DESTDIR=tmp_path / "stage").code == 0
    assert files_below(tmp_path / "stage") == set() and not lists()


@installs
def test_components(lists, tmp_path):
    install("--prefix", tmp_path / "tool", "--component", "tool")
    install("--prefix", tmp_path / "plugin", "--component", "plugin")
    assert without_extcap(files_below(tmp_path / "tool")) == TOOL_FILES
    assert without_plugin(files_below(tmp_path / "plugin")) == set()
    install("--prefix", tmp_path / "tool")  # a second list has the tool again
    assert build("uninstall").code == 0
    assert files_below(tmp_path / "tool") == files_below(tmp_path / "plugin") == set() and not lists()


@installs
def test_a_personal_installation_is_apart(lists, tmp_path):
    """By the script that the targets start: a target builds first what is not up to date."""
    home, prefix = tmp_path / "home", tmp_path / "prefix"
    home.mkdir()

    def personal(action: str, *arguments: str) -> None:
        script = REPOSITORY / "cmake/Installer.cmake"
        done = cmake("-D", f"ACTION={action}", "-D", f"BUILD={BUILD}", *arguments, "-P", script, HOME=home)
        assert done.code == 0, done.stderr

    def others() -> set[str]:
        return without_plugin(files_below(home), PERSONAL_PLUGIN, PERSONAL_PROFILE)

    def others_without_link() -> set[str]:
        links = [file for file in files_below(home) if PERSONAL_EXTCAP.fullmatch(file)]
        assert [run_program(home / link, "--version").code for link in links] == [0]
        return without_extcap(others(), PERSONAL_EXTCAP)

    tool_and_documents = {f".local/{file}" for file in TOOL_FILES | DOCUMENTS}
    install("--prefix", prefix, "--component", "tool")
    personal("install-personal")
    assert others_without_link() == tool_and_documents
    assert build("uninstall").code == 0
    assert files_below(prefix) == set() and others_without_link() == tool_and_documents
    personal("uninstall-personal")
    assert files_below(home) == set() and not lists()
    personal("install-personal", "-D", "COMPONENT=plugin")
    assert others() == set()
    # What the user has changed of the profile is the user's.
    changed = home / PERSONAL_PROFILE / "preferences"
    changed.write_text("gui.column.format: mine\n")
    personal("install-personal", "-D", "COMPONENT=plugin")
    personal("uninstall-personal")
    assert files_below(home) == {f"{PERSONAL_PROFILE}/preferences"} and "mine" in changed.read_text()


@installs
def test_what_cannot_be_removed_is_told(lists, tmp_path):
    install("--prefix", tmp_path, "--component", "tool")
    stubborn = tmp_path / "bin/pcap-unproxy"
    stubborn.unlink()
    (stubborn / "inside").mkdir(parents=True)  # root may remove any file; a folder in its place is not one
    done = build("uninstall")
    assert done.code != 0 and str(stubborn) in done.text + done.stderr
    assert files_below(tmp_path) == set() and (stubborn / "inside").is_dir() and lists()


# ---------------------------------------------------------------- completions

def options_of(help_text: str) -> set[str]:
    heads = re.findall(r"^  (-[^\s\[]+)", help_text, re.MULTILINE)
    return {name for head in heads for name in head.split(",")}


def completed_names(shell: str, text: str) -> set[str]:
    if shell == "bash":
        return set(re.search(r"\*\).* words='([^']*)'", text)[1].split())
    if shell == "zsh":
        return set(re.findall(r"^  '\([^)]*\)(--?[\w-]+?)(?:\+|=-?)?\[", text, re.MULTILINE))
    return {"-" * len(kind) + name for short, long in re.findall(r" -s (\S+)| -l (\S+)", text)
            for kind, name in (("s", short), ("ll", long)) if name}


@pytest.mark.parametrize("shell", COMPLETIONS)
def test_completions_have_every_option_of_the_help(run, shell):
    help_text = run("--help").text
    done = run("--completion", shell)
    assert done.code == 0
    assert completed_names(shell, done.text) == options_of(help_text) > {"-w", "--write", "--disable"}
    for choices in ("pcap pcapng", "socks4 socks5 http-connect http-forward proxy-protocol", "all leaf"):
        assert choices in done.text
    assert "--completion" not in help_text


@pytest.mark.parametrize("shell", COMPLETIONS)
def test_shells_accept_their_completions(run, tmp_path, shell):
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    file = tmp_path / "completion"
    file.write_bytes(run("--completion", shell).stdout)
    done = run_program(shell, "-n", file)
    assert (done.code, done.stderr) == (0, "")
    file.write_text(file.read_text() + "\nif (")
    assert run_program(shell, "-n", file).code != 0


def test_there_is_no_completion_for_another_shell(run):
    done = run("--completion", "csh")
    assert done.code == 2 and done.stdout == b""


class Terminal:
    """A bash that thinks somebody is typing."""
    def __init__(self, folder: Path, completion: bytes):
        (folder / "rc").write_bytes(completion + b"\nPS1='ready> '\n")
        self.master, slave = pty.openpty()
        self.bash = subprocess.Popen(["bash", "--noprofile", "--rcfile", folder / "rc", "-i"], cwd=folder,
                                     stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                     env={**os.environ, "TERM": "dumb", "INPUTRC": os.devnull})
        os.close(slave)
        self.read_until("ready> ")

    def read_until(self, expected: str) -> str:
        text, end = "", time.monotonic() + 10
        while expected not in text and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                text += os.read(self.master, 65536).decode(errors="replace")
        return text

    def close(self) -> None:
        self.bash.kill()
        self.bash.wait()
        os.close(self.master)


@pytest.mark.parametrize(("typed", "completed"), [
    ("pcap-unproxy --disa", "pcap-unproxy --disable "),
    ("pcap-unproxy --disable socks4,http-c", "pcap-unproxy --disable socks4,http-connect "),
    ("pcap-unproxy --layers=le", "pcap-unproxy --layers=leaf "),
    ("pcap-unproxy --names capture,ho", "pcap-unproxy --names capture,hosts="),
    ("pcap-unproxy --output-dir fol", "pcap-unproxy --output-dir folder/"),
    ("pcap-unproxy --keylog fil", "pcap-unproxy --keylog file.keys "),
    ("pcap-unproxy --list fil", "pcap-unproxy --list file.keys "),
    ("pcap-unproxy --list=c", "pcap-unproxy --list=csv "),
    ("pcap-unproxy --list --layers le", "pcap-unproxy --list --layers leaf "),
])
@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_a_real_bash_completes(run, tmp_path, typed, completed):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.keys").touch()
    terminal = Terminal(tmp_path, run("--completion", "bash").stdout)
    try:
        os.write(terminal.master, typed.encode() + b"\t")
        assert completed in terminal.read_until(completed)
    finally:
        terminal.close()
