#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: a small SOCKS5 server and client with GSSAPI (RFC 1961) for gssapi.py; Debian has no such server.
"""gssapi_socks.py serve ADDRESS PORT LEVEL
gssapi_socks.py ask PROXY PORT HOST PORT          plain HTTP to the host, wrapped as the server wants it

LEVEL: what the server answers to the client's wish: 0 clear, 1 integrity, 2 confidentiality. Kerberos by MIT's library.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading

import gssapi

SERVICE = gssapi.Name("rcmd/proxy.test@LAB.TEST", gssapi.NameType.kerberos_principal)


def take(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def send_token(connection: socket.socket, kind: int, token: bytes) -> None:
    connection.sendall(struct.pack(">BBH", 1, kind, len(token)) + token)


def take_token(connection: socket.socket, kind: int) -> bytes:
    version, got, size = struct.unpack(">BBH", take(connection, 4))
    if (version, got) != (1, kind):
        raise ValueError(f"message {version} {got}")
    return take(connection, size)


class Wrapped:
    """A connection behind the handshake: every message wrapped at the agreed level (0: not at all)."""

    def __init__(self, connection: socket.socket, context: gssapi.SecurityContext, level: int) -> None:
        self.connection, self.context, self.level = connection, context, level

    def send(self, data: bytes) -> None:
        if self.level:
            send_token(self.connection, 3, self.context.wrap(data, self.level == 2).message)
        else:
            self.connection.sendall(data)

    def take(self) -> bytes:
        if not self.level:
            return self.connection.recv(65536)
        try:
            return self.context.unwrap(take_token(self.connection, 3)).message
        except EOFError:
            return b""


def relay(data_from, data_to, last) -> None:
    while data := data_from():
        data_to(data)
    last()


def serve_one(connection: socket.socket, level: int) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if 1 not in take(connection, take(connection, 2)[1]):
        return connection.sendall(b"\5\xff")
    connection.sendall(b"\5\1")
    context = gssapi.SecurityContext(creds=gssapi.Credentials(name=SERVICE, usage="accept"), usage="accept")
    while not context.complete:
        if token := context.step(take_token(connection, 1)):
            send_token(connection, 1, token)
    context.unwrap(take_token(connection, 2))
    send_token(connection, 2, context.wrap(bytes([level]), False).message)
    wrapped = Wrapped(connection, context, level)
    request = wrapped.take()
    size = request[4] + 5 if request[3] == 3 else 8
    host = request[5:size].decode() if request[3] == 3 else socket.inet_ntoa(request[4:8])
    try:
        far = socket.create_connection((host, int.from_bytes(request[size:size + 2], "big")), 5)
    except OSError:
        wrapped.send(b"\5\5\0\1" + bytes(6))
        return connection.close()
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bound, port = far.getsockname()
    wrapped.send(b"\5\0\0\1" + socket.inet_aton(bound) + struct.pack(">H", port))
    threading.Thread(target=relay, args=(lambda: far.recv(65536), wrapped.send,
                                         lambda: connection.shutdown(socket.SHUT_WR))).start()
    relay(wrapped.take, far.sendall, lambda: far.shutdown(socket.SHUT_WR))


def serve(address: str, port: str, level: str) -> None:
    with socket.create_server((address, int(port))) as server:
        while True:
            threading.Thread(target=serve_one, args=(server.accept()[0], int(level))).start()


def ask(proxy: str, proxy_port: str, host: str, port: str) -> None:
    connection = socket.create_connection((proxy, int(proxy_port)), 5)
    connection.sendall(b"\5\1\1")
    take(connection, 2)
    context = gssapi.SecurityContext(name=SERVICE, usage="initiate")
    token = context.step()
    while token or not context.complete:
        if token:
            send_token(connection, 1, token)
        token = None if context.complete else context.step(take_token(connection, 1))
    send_token(connection, 2, context.wrap(b"\2", False).message)
    wrapped = Wrapped(connection, context, context.unwrap(take_token(connection, 2)).message[0])
    wrapped.send(b"\5\1\0\3" + bytes([len(host)]) + host.encode() + struct.pack(">H", int(port)))
    if wrapped.take()[1] == 0:
        wrapped.send(f"GET /wrapped HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        while wrapped.take():
            pass
    connection.close()


if __name__ == "__main__":
    {"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
