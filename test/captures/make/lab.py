# SPDX-License-Identifier: GPL-2.0-or-later
# summary: what the scripts here share: three network namespaces, programs started in them, streams read by tshark.
"""Nothing leaves the namespaces: none of them has a default route.

    client 10.77.1.2 --- 10.77.1.1 proxy 10.77.2.1 --- 10.77.2.2, .3, .4 origin          and fd77:1::, fd77:2:: likewise
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

CLIENT, PROXY, ORIGIN = "pt-client", "pt-proxy", "pt-origin"
CLIENT_ADDRESS, PROXY_ADDRESS, PROXY_WAN = "10.77.1.2", "10.77.1.1", "10.77.2.1"
ORIGIN_ADDRESS, OTHER_ORIGIN, THIRD_ORIGIN = "10.77.2.2", "10.77.2.3", "10.77.2.4"
PROXY_6, ORIGIN_6 = "fd77:1::1", "fd77:2::2"
HOST, OTHER_HOST = "www.origin.test", "api.origin.test"
NAMES = {HOST: ORIGIN_ADDRESS, OTHER_HOST: OTHER_ORIGIN}
TCPDUMP = ["tcpdump", "-Z", "root", "-U", "--immediate-mode"]


def sh(text: str) -> None:
    for line in text.strip().splitlines():
        subprocess.run(line.split(), check=True)


def spawn(namespace: str, *command: str | Path, **options: Any) -> subprocess.Popen[bytes]:
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
    return subprocess.Popen(["ip", "netns", "exec", namespace, *map(str, command)], **options)


def end(*programs: subprocess.Popen[bytes]) -> None:
    for program in reversed(programs):
        if program.poll() is None:
            program.send_signal(signal.SIGTERM)
        try:
            program.wait(5)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def build_network(names: dict[str, str], more: bool = False) -> None:
    """The names are those that the proxy knows. More: further origin addresses, and IPv6."""
    for namespace in (CLIENT, PROXY, ORIGIN):
        sh(f"ip netns add {namespace}\nip -n {namespace} link set lo up")
    hosts = Path("/etc/netns") / PROXY / "hosts"
    hosts.parent.mkdir(parents=True, exist_ok=True)
    hosts.write_text("".join(f"{address} {name}\n" for name, address in names.items()))
    for near, far, link in ((CLIENT, PROXY, 1), (ORIGIN, PROXY, 2)):
        sh(f"""ip link add leg{link} netns {near} type veth peer name leg{link} netns {far}
               ip -n {near} address add 10.77.{link}.2/24 dev leg{link}
               ip -n {far} address add 10.77.{link}.1/24 dev leg{link}""")
        if more:
            sh(f"""ip -n {near} address add fd77:{link}::2/64 dev leg{link} nodad
                   ip -n {far} address add fd77:{link}::1/64 dev leg{link} nodad""")
        sh(f"ip -n {near} link set leg{link} up\nip -n {far} link set leg{link} up")
    if more:
        for address in (OTHER_ORIGIN, THIRD_ORIGIN):
            sh(f"ip -n {ORIGIN} address add {address}/24 dev leg2")


def remove_network() -> None:
    for namespace in (CLIENT, PROXY, ORIGIN):
        subprocess.run(["ip", "netns", "delete", namespace], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(Path("/etc/netns") / PROXY, ignore_errors=True)


class Lab:
    """The network and a directory for scratch files, while the block lasts. Programs started here end with it."""

    def __init__(self, names: dict[str, str] | None = None) -> None:
        self.names = NAMES if names is None else names
        self.running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Lab:
        remove_network()
        self.folder = tempfile.TemporaryDirectory()
        self.work = Path(self.folder.name)
        self.work.chmod(0o777)                   # some proxies change their user
        try:
            build_network(self.names, more=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end_all()
        remove_network()
        self.folder.cleanup()

    def file(self, name: str, text: str) -> Path:
        (self.work / name).write_text(text)
        return self.work / name

    def start(self, namespace: str, *command: str | Path, listens: str | None = None, **options: Any) \
            -> subprocess.Popen[bytes]:
        """A program that runs on. listens: wait until somebody listens at this "address:port" (TCP)."""
        said = (self.work / f"{len(self.running)}.{Path(str(command[0])).name}.out").open("wb")
        program = spawn(namespace, *command, **{"cwd": self.work, "stdout": said, "stderr": said} | options)
        said.close()
        self.running.append(program)
        if listens and not self.wait(namespace, listens, program):
            sys.exit(f"{command[0]} does not listen: {Path(said.name).read_text(errors='replace')}")
        return program

    def wait(self, namespace: str, place: str, program: subprocess.Popen[bytes] | None = None) -> bool:
        """Until somebody listens there, the program still being alive."""
        for _ in range(100):
            if place in run(namespace, "ss", "-Hltn").stdout.decode().split():
                return not program or program.poll() is None
            time.sleep(0.1)
        return False

    def capture(self, namespace: str, *interfaces: str, name: str, condition: str = "tcp") -> Path:
        """Starts dumpcap (for a name in .pcapng) or tcpdump. They end with all others."""
        file = self.work / name
        if file.suffix == ".pcapng":
            words = [word for interface in interfaces for word in ("-i", interface)]
            self.start(namespace, "dumpcap", "-q", *words, "-f", condition, "-w", file)
        else:
            self.start(namespace, *TCPDUMP, "-i", interfaces[0], "-w", file, condition)
        for _ in range(50):
            if file.exists() and file.stat().st_size:
                break
            time.sleep(0.1)
        time.sleep(0.5)
        return file

    def end_all(self) -> None:
        time.sleep(1)
        end(*self.running)
        self.running.clear()


def run(namespace: str, *command: str | Path, code: int | None = 0, timeout: float = 30, **options: Any) \
        -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(["ip", "netns", "exec", namespace, *map(str, command)], check=False, timeout=timeout,
                          **{"input": b"", "capture_output": True} | options)
    if code is not None and done.returncode != code:
        sys.exit(f"{command} ended with {done.returncode}: {done.stdout!r} {done.stderr!r}")
    return done


def own_proxy_free_environment(**more: str | Path) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {name: str(text) for name, text in more.items()}


def certificate(work: Path, *names: str) -> tuple[Path, Path]:
    """A self-signed certificate for these names and its key; both.pem has the two."""
    sh(f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN={names[0]} "
       f"-addext subjectAltName={','.join('DNS:' + name for name in names)} -batch "
       f"-keyout {work}/key.pem -out {work}/certificate.pem")
    (work / "both.pem").write_text((work / "certificate.pem").read_text() + (work / "key.pem").read_text())
    for name in ("key.pem", "both.pem"):
        (work / name).chmod(0o644)
    return work / "certificate.pem", work / "key.pem"


class Stream(NamedTuple):
    client: str                                  # "address:port" of the end that sent the SYN
    server: str
    sent: bytes                                  # what the client's end said
    answered: bytes
    start: float
    number: int


def endpoint(address: str, port: str | int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def host(place: str) -> tuple[str, int]:
    address, port = place.rsplit(":", 1)
    return address.strip("[]"), int(port)


def tshark(capture: Path, *words: str) -> str:
    return subprocess.run(["tshark", "-n", "-r", capture, *words], check=True, capture_output=True, text=True).stdout


def fields(capture: Path, condition: str, *names: str) -> list[list[str]]:
    lines = tshark(capture, "-Y", condition, "-Tfields", *[f"-e{name}" for name in names]).splitlines()
    return [line.split("\t") for line in lines]


def streams(capture: Path, kind: str = "tcp", *words: str, only: int | None = None) -> list[Stream]:
    """What both sides said on each connection that was accepted (or on one), in order, as tshark's Follow tells it."""
    found = []
    wanted = "tcp.flags.syn==1 && tcp.flags.ack==1" + ("" if only is None else f" && tcp.stream=={only}")
    listing = fields(capture, wanted, "tcp.stream", "ip.src", "ipv6.src", "tcp.srcport",
                     "ip.dst", "ipv6.dst", "tcp.dstport", "frame.time_epoch")
    for number, source4, source6, port, destination4, destination6, client_port, when in listing:
        text = tshark(capture, *words, "-q", "-z", f"follow,{kind},raw,{number}")
        head, _, body = text.partition("Node 1:")
        lines = body.splitlines()[1:-1]
        said = [bytes.fromhex("".join(line for line in lines if line.startswith("\t") == tabbed))
                for tabbed in (False, True)]
        client = endpoint(destination4 or destination6, client_port)
        if client.replace("[", "").replace("]", "") not in head.replace("[", "").replace("]", ""):
            said.reverse()
        found.append(Stream(client, endpoint(source4 or source6, port), *said, float(when), int(number)))
    return found


def hashed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def payload(sent: bytes, answered: bytes) -> dict[str, object]:
    return {"client_payload_bytes": len(sent), "client_payload_sha256": hashed(sent),
            "server_payload_bytes": len(answered), "server_payload_sha256": hashed(answered)}


def version(package: str) -> str:
    return subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}", package], check=True,
                          capture_output=True, text=True).stdout


def finish(directory: Path, capture: Path, truth: dict[str, object]) -> None:
    """Puts the capture and its truth into the directory, under the capture's name."""
    target = directory / str(truth["file"])
    shutil.copyfile(capture, target)
    target.with_suffix("").with_suffix(".truth.json").write_text(json.dumps(truth, indent=1) + "\n")


def main(make: Callable[[Path], None]) -> None:
    """A script's command line: SCRIPT [DIRECTORY]."""
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
