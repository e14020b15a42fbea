# SPDX-License-Identifier: GPL-2.0-or-later
# summary: two network namespaces with a cable between them, a SOCKS5 proxy in one and clients in the other; run as a
#          program it is the clients, or the origin behind the proxy.
from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CLIENT, PROXY = "10.99.0.1", "10.99.0.2"
INTERFACE = "client0"   # the clients' end of the cable
PROXY_PORT, ORIGIN_PORT = 1080, 8080
PATIENCE = 60           # seconds until a wait is called a failure


class NoNamespaces(Exception):
    """Why there can be none here."""


def until(happened, what: str, process: subprocess.Popen | None = None):
    """The first true thing that happened() returns."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if result := happened():
            return result
        assert process is None or process.poll() is None, f"ended before {what}"
        time.sleep(0.02)
    raise AssertionError(f"no {what} in {PATIENCE} s")


class Namespace:
    """Lives as long as a process in it."""
    def __init__(self, parent: Namespace | None = None):
        words = ["unshare", "-n"] if parent or os.geteuid() == 0 else ["unshare", "-r", "-n"]
        words += ["sh", "-c", "echo there; exec sleep 3600"]
        self.holder = subprocess.Popen([*(parent.words() if parent else []), *words], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "there\n":
            raise NoNamespaces(self.holder.stderr.read().strip())

    def words(self) -> list[str]:
        """In front of a command that is to run in it."""
        users = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        return ["nsenter", "-t", str(self.holder.pid), *users, "-n"]

    def run(self, *command: object) -> str:
        done = subprocess.run([*self.words(), *map(str, command)], capture_output=True, text=True, timeout=PATIENCE,
                              check=False)
        if done.returncode != 0:
            raise NoNamespaces(f"{command}: {done.stderr.strip()}")
        return done.stdout

    def start(self, *command: object, **options: object) -> subprocess.Popen:
        return subprocess.Popen([*self.words(), *map(str, command)], **options)

    def close(self) -> None:
        self.holder.kill()
        self.holder.communicate()


class Lab:
    def __init__(self):
        for program in ("ip", "unshare", "nsenter", "microsocks"):
            if not shutil.which(program):
                raise NoNamespaces(f"there is no {program}")
        self.namespaces, self.processes = [], []
        try:
            self.client = self.new_namespace()
            self.proxy = self.new_namespace(self.client)
            self.client.run("ip", "link", "add", INTERFACE, "type", "veth", "peer", "name", "proxy0", "netns",
                            self.proxy.holder.pid)
            for namespace, interface, address in ((self.client, INTERFACE, CLIENT), (self.proxy, "proxy0", PROXY)):
                namespace.run("ip", "address", "add", f"{address}/24", "dev", interface)
                namespace.run("ip", "link", "set", interface, "up")
                namespace.run("ip", "link", "set", "lo", "up")
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            self.processes.append(self.proxy.start("microsocks", "-i", PROXY, "-p", PROXY_PORT, **quiet))
            self.processes.append(self.proxy.start(sys.executable, __file__, "origin"))
            self.run_clients(1, 1)  # once both listen
        except BaseException:
            self.close()
            raise

    def new_namespace(self, parent: Namespace | None = None) -> Namespace:
        self.namespaces.append(Namespace(parent))
        return self.namespaces[-1]

    def run_clients(self, sessions: int, size: int) -> None:
        """So many tunnels, each of which brings so many bytes and takes as many."""
        self.client.run(sys.executable, __file__, "clients", sessions, size)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        for namespace in reversed(self.namespaces):
            namespace.close()


# ---------------------------------------------------------------- the programs

def payload(seed: int, size: int) -> bytes:
    block = hashlib.sha256(str(seed).encode()).digest()
    return (block * (size // len(block) + 1))[:size]


def receive(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(f"{len(data)} of {size} bytes")
        data += piece
    return bytes(data)


def echo(connection: socket.socket) -> None:
    with connection, contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            connection.sendall(data)


def serve() -> None:
    with socket.create_server((PROXY, ORIGIN_PORT), backlog=256) as server:
        while True:
            threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()


def connect() -> socket.socket:
    """The proxy may not listen yet."""
    for _ in range(PATIENCE * 10):
        try:
            return socket.create_connection((PROXY, PROXY_PORT), timeout=PATIENCE)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise ConnectionError("no proxy")


def exchange(connection: socket.socket, data: bytes) -> None:
    """In pieces: a proxy that reads nothing while it writes would wait for the origin, which waits for it."""
    for begin in range(0, len(data), 65536):
        piece = data[begin:begin + 65536]
        connection.sendall(piece)
        assert receive(connection, len(piece)) == piece


def one_session(seed: int, size: int) -> None:
    request = b"\5\1\0\1" + socket.inet_aton(PROXY) + ORIGIN_PORT.to_bytes(2, "big")
    for _ in range(PATIENCE * 10):
        with connect() as connection:
            connection.sendall(b"\5\1\0")
            assert receive(connection, 2) == b"\5\0"
            connection.sendall(request)
            if receive(connection, 10)[1] == 0:
                exchange(connection, payload(seed, size))
                return
        time.sleep(0.1)  # the origin does not listen yet
    raise ConnectionError("no origin")


def run_sessions(sessions: int, size: int) -> None:
    with ThreadPoolExecutor(16) as pool:
        for result in [pool.submit(one_session, seed, size) for seed in range(sessions)]:
            result.result()


if __name__ == "__main__":
    if sys.argv[1] == "origin":
        serve()
    else:
        run_sessions(int(sys.argv[2]), int(sys.argv[3]))
