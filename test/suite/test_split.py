# SPDX-License-Identifier: GPL-2.0-or-later
# summary: --split: every packet is in the file of its group and nowhere else; names of files, limits, hostile captures.
from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

import wire
from test_logs import log
from test_tool import DAMAGED, DONE, UNWRITABLE, USAGE, one_tunnel, report_of, tshark  # noqa: F401  # a fixture

BY = ["tunnel", "client", "origin", "proxy", "target"]
CAPTURES = ["nested.pcapng", "socks5_udp.pcapng", "http_forward.pcapng", "proxy_protocol.pcapng", "connect.pcapng",
            "pp2_dnsdist_udp.pcap", "socks5.pcapng", "link_sll2.pcap"]


def packets_of(path: Path) -> list[wire.Block]:
    return [block for block in wire.pcapng_blocks(path.read_bytes()) if block.kind == 6]


def without_interface(block: wire.Block) -> bytes:
    """Its number is the file's own."""
    return block.body[4:]


def split(run, folder: Path, by: str, *words: str | Path) -> dict[str, Path]:
    done = run("-q", *words, "-d", folder, "--split", by)
    assert done.code in (DONE, DAMAGED), done.stderr
    return {path.name: path for path in sorted(folder.iterdir())} if folder.exists() else {}


def group_of(tunnel: dict, flow: dict | None, by: str) -> str:
    """As the contract has it, for what needs no cleaning up."""
    def end(of: dict) -> str:
        return f"{of['address']}_{of['port']}"
    asked = flow["target"] if flow else tunnel["target"]
    is_association = tunnel["command"] == "udp-associate" and not flow
    target = "" if is_association else f"{(asked['address'] or asked['host']).lower()}_{asked['port']}"
    return {"client": tunnel["client"]["address"], "proxy": end(tunnel["proxy"]), "target": target,
            "origin": end((flow or tunnel)["origin"] or {"address": "", "port": ""}),
            "tunnel": f"{tunnel['id']}.{end(tunnel['client'])}-{target or 'association'}"}[by].replace(":", "-")


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("name", CAPTURES)
def test_every_packet_is_in_one_file(run, captures, tmp_path, name, by):
    run("-q", captures / name, "-w", tmp_path / "all.pcapng", "--report", tmp_path / "report.json")
    files = split(run, tmp_path / "out", by, captures / name)
    everything = sorted(without_interface(block) for block in packets_of(tmp_path / "all.pcapng"))
    assert sorted(without_interface(block) for path in files.values() for block in packets_of(path)) == everything
    stem = name.split(".")[0]
    expected = set()
    for tunnel in json.loads((tmp_path / "report.json").read_text())["tunnels"]:
        flows = tunnel.get("flows") if by in ("origin", "target") else None
        if tunnel["packets"]["client"] + tunnel["packets"]["server"]:
            expected |= {group_of(tunnel, flow, by) for flow in flows or [None]}
    assert {re.fullmatch(rf"{stem}\.(.*)\.unproxied\.pcapng", file)[1] for file in files} == expected
    # In each file packets are in the order of the whole export.
    order = [without_interface(block) for block in packets_of(tmp_path / "all.pcapng")]
    for path in files.values():
        remaining = iter(order)
        assert all(without_interface(block) in remaining for block in packets_of(path))
    # However few are open.
    for few in ["1", "2"]:
        again = split(run, tmp_path / few, by, captures / name, "--max-open-files", few)
        assert {file: path.read_bytes() for file, path in again.items()} == \
            {file: path.read_bytes() for file, path in files.items()}


def test_a_file_can_be_read_alone(run, captures, tmp_path):
    for path in split(run, tmp_path / "out", "target", captures / "nested.pcapng").values():
        assert "[Malformed" not in tshark("-r", path, "-V")
        blocks = wire.pcapng_blocks(path.read_bytes())
        assert blocks[0].kind == 0x0A0D0D0A and 1 in {block.kind for block in blocks}


def test_names_come_with_the_addresses(run, tmp_path):
    """Two names, one synthetic address each; a file has the name of its own."""
    frames = []
    for index, host in enumerate([b"one.example", b"two.example"]):
        frames += wire.connect_session(host + b":80", client=("10.0.0.5", 40000 + index))
    (tmp_path / "two.pcap").write_bytes(wire.pcap(frames))
    files = split(run, tmp_path / "out", "target", tmp_path / "two.pcap")
    assert list(files) == ["two.one.example_80.unproxied.pcapng", "two.two.example_80.unproxied.pcapng"]
    for name, path in files.items():
        names = [block.body for block in wire.pcapng_blocks(path.read_bytes()) if block.kind == 4]
        assert (b"one.example" in b"".join(names)) == ("one" in name) and len(names) == 1


def test_secrets_are_in_every_file(run, captures, tmp_path):
    capture = captures / "nested.pcapng"
    block = b"KLST" + (20).to_bytes(4, "little") + b"CLIENT_RANDOM 00 00\n"
    size = (len(block) + 12).to_bytes(4, "little")
    data = capture.read_bytes()
    head = int.from_bytes(data[4:8], "little")
    (tmp_path / "in.pcapng").write_bytes(data[:head] + (10).to_bytes(4, "little") + size + block + size + data[head:])
    files = split(run, tmp_path / "out", "tunnel", tmp_path / "in.pcapng", "--engine", "native")
    assert len(files) > 1
    for path in files.values():
        assert sum(block.kind == 10 for block in wire.pcapng_blocks(path.read_bytes())) == 1


def test_with_select_and_leaf(run, captures, tmp_path):
    """Only groups of what is written."""
    everything = split(run, tmp_path / "all", "tunnel", captures / "nested.pcapng")
    inner = split(run, tmp_path / "inner", "tunnel", captures / "nested.pcapng", "--select", "layer == 1")
    twice = split(run, tmp_path / "twice", "tunnel", captures / "nested.pcapng", "--select",
                  "layer == 1 and status != null")
    assert {**everything, **inner}.keys() == everything.keys() and 0 < len(inner) < len(everything)
    for name, path in inner.items():
        assert path.read_bytes() == everything[name].read_bytes() == twice[name].read_bytes()
    assert inner.keys() == twice.keys()
    leaves = split(run, tmp_path / "leaf", "tunnel", captures / "nested.pcapng", "--layers", "leaf")
    assert 0 < len(leaves) < len(everything)


def test_pcap(run, captures, tmp_path):
    files = split(run, tmp_path / "out", "client", captures / "nested.pcapng", "-F", "pcap")
    assert files and all(name.endswith(".unproxied.pcap") for name in files)
    total = sum(len(tshark("-r", path).splitlines()) for path in files.values())
    run("-q", captures / "nested.pcapng", "-F", "pcap", "-w", tmp_path / "all.pcap")
    assert total == len(tshark("-r", tmp_path / "all.pcap").splitlines())


def test_no_tunnel_is_no_file(run, captures, tmp_path):
    assert split(run, tmp_path / "out", "client", captures / "no_proxy.pcapng") == {}


def test_several_inputs(run, captures, tmp_path):
    files = split(run, tmp_path / "out", "proxy", captures / "nested.pcapng", captures / "connect.pcapng")
    assert {name.split(".")[0] for name in files} == {"nested", "connect"}
    logs = log(run, tmp_path / "logs", captures / "nested.pcapng", captures / "connect.pcapng", "-d", tmp_path / "more",
               "--split", "proxy")
    assert len(logs) > 1 and {path.name for path in (tmp_path / "more").iterdir()} == set(files)


def test_the_summary_says_how_many(run, captures, tmp_path):
    done = run(captures / "nested.pcapng", "-d", tmp_path, "--split", "tunnel")
    assert f"{tmp_path}/nested.*.unproxied.pcapng, {len(list(tmp_path.iterdir()))} files" in done.stderr


# ---------------------------------------------------------------- hostile captures


HOSTS = [b"../../../../tmp/evil", b"/etc/passwd", b"..", b".hidden", b"a\x1b[2Jb", b"a b", b"a_b", b"-rf", b"\xff\xfe",
         b"con", b"A.Example", b"a.example", b"a.example.", b"a?b", b"a*b", b"n" * 250, b"n" * 249 + b"m"]


def socks_session(host: bytes, port: int) -> list[bytes]:
    session = wire.Session(client=("10.0.0.5", port))
    return [*session.open(), session.say(wire.CLIENT, b"\5\1\0"), session.say(wire.SERVER, b"\5\0"),
            session.say(wire.CLIENT, b"\5\1\0\3" + bytes([len(host)]) + host + b"\0\x50"),
            session.say(wire.SERVER, b"\5\0\0\1" + bytes(6)), session.say(wire.CLIENT, b"GET /"), *session.close()]


@pytest.mark.parametrize("by", ["target", "tunnel"])
def test_names_chosen_by_an_attacker(run, tmp_path, by):
    frames = [frame for index, host in enumerate(HOSTS) for frame in socks_session(host, 40000 + index)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/evil.pcap").write_bytes(wire.pcap(frames))
    files = split(run, tmp_path / "out/deep", by, tmp_path / "in/evil.pcap")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert all(re.fullmatch(r"evil\.[A-Za-z0-9._-]{1,130}\.unproxied\.pcapng", name) for name in files)
    hosts = {host.lower().removesuffix(b".") for host in HOSTS}
    assert len(files) == (len(HOSTS) if by == "tunnel" else len(hosts))
    again = split(run, tmp_path / "again", by, tmp_path / "in/evil.pcap")
    assert {name: path.read_bytes() for name, path in again.items()} == \
        {name: path.read_bytes() for name, path in files.items()}
    if by == "target":
        numbered = [name for name in files if name.startswith("evil.a-b")]
        assert numbered == ["evil.a-b_80-2.unproxied.pcapng", "evil.a-b_80-3.unproxied.pcapng",
                            "evil.a-b_80.unproxied.pcapng"]


def test_an_input_called_oddly(run, one_tunnel, tmp_path):
    odd = tmp_path / ".-\x1b[2J; rm.pcap"
    odd.write_bytes(one_tunnel.read_bytes())
    assert list(split(run, tmp_path / "out", "client", odd)) == ["----2J--rm.10.0.0.5.unproxied.pcapng"]


def test_many_targets_need_few_files_at_once(tool, tmp_path):
    """Ten times as many targets as files may be open, and by turns."""
    count = 2000
    sessions = [wire.Session(client=("10.0.0.5", 10000 + i)) for i in range(count)]
    frames = [frame for session in sessions for frame in session.open()]
    frames += [session.say(wire.CLIENT, b"CONNECT h%d.example:80 HTTP/1.1\r\n\r\n" % i)
               for i, session in enumerate(sessions)]
    frames += [session.say(wire.SERVER, b"HTTP/1.1 200 OK\r\n\r\n") for session in sessions]
    for said in [b"one", b"two"]:
        frames += [session.say(wire.CLIENT, said) for session in sessions]
    (tmp_path / "many.pcap").write_bytes(wire.pcap(frames))
    done = subprocess.run(
        [tool, "-q", tmp_path / "many.pcap", "-d", tmp_path / "out", "--split", "target", "--max-open-files", "16"],
        capture_output=True, timeout=120, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48)))
    assert done.returncode == DONE and done.stderr == b"", done.stderr
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == count and {len(packets_of(path)) for path in files} == {5}


# ---------------------------------------------------------------- what goes wrong


def test_a_full_name_leaves_nothing(run, captures, tmp_path):
    """One of the files cannot be made: none of them appears, and no temporary one stays."""
    names = list(split(run, tmp_path / "good", "tunnel", captures / "nested.pcapng"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / names[-1]).mkdir()
    done = run(captures / "nested.pcapng", "-d", tmp_path / "out", "--split", "tunnel", "--max-open-files", "1",
               "--report", tmp_path / "report.json")
    assert done.code == UNWRITABLE and names[-1] in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [names[-1]]
    assert json.loads((tmp_path / "report.json").read_text())["tunnels"] == []


def test_an_input_is_never_overwritten(run, captures, tmp_path):
    names = list(split(run, tmp_path / "out", "client", captures / "nested.pcapng"))
    victim = tmp_path / "out" / names[0]
    (tmp_path / "nested.pcapng").write_bytes((captures / "nested.pcapng").read_bytes())
    victim.unlink()
    victim.hardlink_to(tmp_path / "nested.pcapng")
    done = run(tmp_path / "nested.pcapng", "-d", tmp_path / "out", "--split", "client")
    assert done.code == UNWRITABLE and "it is an input" in done.stderr
    assert (tmp_path / "nested.pcapng").read_bytes() == (captures / "nested.pcapng").read_bytes()


def fed(tool: Path, folder: Path) -> subprocess.Popen:
    """The tool, waiting for more behind two tunnels of which one file is closed."""
    frames = [frame for i in range(3)
              for frame in wire.connect_session(b"h%d.example:80" % i, client=("10.0.0.5", 40000 + i))]
    process = subprocess.Popen([tool, "-", "-d", folder, "--split", "target", "--max-open-files", "1"],
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(wire.pcap(frames * 200))
    process.stdin.flush()
    until(lambda: folder.exists() and any(folder.iterdir()), "something is written")
    return process


def test_a_signal_completes_the_files(tool, tmp_path):
    with fed(tool, tmp_path / "out") as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == DAMAGED and b"interrupted" in said
    files = sorted((tmp_path / "out").iterdir())
    assert files and all(path.name.endswith(".unproxied.pcapng") and packets_of(path) for path in files)


def status_of(process: subprocess.Popen, field: str) -> int:
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"^{field}:\s*([0-9a-f]+)$", text, re.MULTILINE)[1], 16)


def until(holds, what: str) -> None:
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError(f"never: {what}")


def test_a_second_signal_leaves_nothing(tool, tmp_path):
    """It waits for a log that nobody reads, with files that are closed."""
    frames = [frame for i in range(1500)
              for frame in wire.connect_session(b"h%d.example:80" % (i % 5), client=("10.0.0.5", 10000 + i))]
    (tmp_path / "in.pcap").write_bytes(wire.pcap(frames))
    (tmp_path / "logs").mkdir()
    os.mkfifo(tmp_path / "logs/proxytunnel.ndjson")
    log_end = os.open(tmp_path / "logs/proxytunnel.ndjson", os.O_RDWR)
    with subprocess.Popen([tool, tmp_path / "in.pcap", "-d", tmp_path / "out", "--split", "target",
                           "--max-open-files", "1", "--log", "ndjson", "--log-dir", tmp_path / "logs"]) as process:
        until(lambda: Path(f"/proc/{process.pid}/syscall").read_text().startswith("1 "), "a full pipe")
        until(lambda: len(list((tmp_path / "out").iterdir())) >= 4, "files that are closed")
        process.send_signal(signal.SIGINT)
        until(lambda: not status_of(process, "ShdPnd") & 1 << signal.SIGINT - 1, "the first signal is taken")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
    os.close(log_end)
    assert list((tmp_path / "out").iterdir()) == []


def test_wrong_use(run, one_tunnel, tmp_path):
    for words, complaint in [
        (["--split", "client", "-w", "out.pcapng"], "--split needs -d DIR"),
        (["--split", "client", "--list"], "--split needs -d DIR"),
        (["--split", "client", "-w", "out.pcapng", "-b", "packets:5"], "-b and --split cannot be given together"),
        (["--split", "colour", "-d", "out"], "'colour' is none of client, origin, proxy, target, tunnel"),
        (["--max-open-files", "5", "-d", "out"], "--max-open-files is for --split"),
        (["--max-open-files", "0", "-d", "out", "--split", "client"], "--max-open-files"),
        (["--split", "client", "-d", "out", "--report", "out/x.unproxied.pcapng"], "no report may be called"),
    ]:
        done = run(one_tunnel, *words, cwd=tmp_path)
        assert done.code == USAGE and complaint in done.stderr
    assert list(tmp_path.iterdir()) == [one_tunnel]


def test_report_is_as_without(run, captures, tmp_path):
    with_split = report_of(run, captures / "socks5_udp.pcapng", "-d", tmp_path / "out", "--split", "origin")
    assert with_split == report_of(run, captures / "socks5_udp.pcapng", "-w", tmp_path / "all.pcapng")


def test_a_full_disk(tool, tmp_path):
    """While several files are open: none of them stays, and what is complete elsewhere does."""
    session = [frame for i in range(40) for frame in
               wire.connect_session(b"%d.example:80" % i, answered=b"x" * 20000, client=("10.0.0.5", 40000 + i))]
    (tmp_path / "in.pcap").write_bytes(wire.pcap(session))
    (tmp_path / "disk").mkdir()
    script = ('mount -t tmpfs -o size=256k tmpfs "$1/disk" || exit 77\n'
              '"$2" "$1/in.pcap" -d "$1/disk" --split tunnel --log csv --log-dir "$1/logs"\n'
              'code=$?; find "$1/disk" -type f; exit $code')
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", tmp_path, tool], capture_output=True, text=True,
                          check=False)
    if done.returncode in (1, 77):
        pytest.skip(f"no file system of our own: {done.stderr.strip()}")
    assert done.returncode == UNWRITABLE and "No space left on device" in done.stderr
    assert done.stdout == "" and (tmp_path / "logs/proxytunnel.csv").read_text().count("\n") == 1
