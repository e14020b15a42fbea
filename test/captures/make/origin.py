#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: an HTTP/1.1 origin with answers of every shape, for the scripts here; writes down what it was asked.
"""origin.py LOG ADDRESS,PORT[,CERTIFICATE,KEY]...        the log has one JSON object per request"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

PAGE = b"<!doctype html><title>Origin</title>\n" + b"<p>A line of the page.</p>\n" * 12
CHANGED = 1_700_000_000


class Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "origin", ""

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

    def answer(self, status: int, body: bytes | None = b"", **headers: str) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        if body is not None and status >= 200 and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(body)

    def handle_one(self) -> None:
        body = self.body()
        record = {"at": self.connection.getsockname()[:2], "from": self.client_address[:2], "method": self.command,
                  "path": self.path, "host": self.headers.get("Host"), "body_sha256": hashlib.sha256(body).hexdigest()}
        with self.server.lock:                                              # type: ignore[attr-defined]
            self.server.log.write(json.dumps(record) + "\n")                # type: ignore[attr-defined]
            self.server.log.flush()                                         # type: ignore[attr-defined]
        if self.path.startswith("/chunked"):
            self.answer(200, None, Content_Type="text/html", Transfer_Encoding="chunked", Trailer="X-Lines")
            for piece in (PAGE[:100], PAGE[100:]):
                self.wfile.write(b"%x;some=extension\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\nX-Lines: 13\r\n\r\n")
        elif self.path.startswith("/close"):
            self.answer(200, None, Content_Type="text/html", Connection="close")
            self.wfile.write(PAGE)
        elif self.path.startswith("/empty"):
            self.answer(204)
        elif self.path.startswith("/early"):
            self.answer(103, Link="</style.css>; rel=preload; as=style")
            self.answer(200, PAGE, Content_Type="text/html")
        elif self.path.startswith("/socket"):
            self.websocket()
        elif self.command == "POST":
            self.answer(201, b"stored\n", Content_Type="text/plain")
        elif "If-Modified-Since" in self.headers:
            self.answer(304, Last_Modified=formatdate(CHANGED, usegmt=True))
        else:
            life = "max-age=600" if self.path.startswith("/kept") else "no-store"
            self.answer(200, PAGE, Content_Type="text/html", Last_Modified=formatdate(CHANGED, usegmt=True),
                        Cache_Control=life)

    do_GET = do_HEAD = do_POST = do_PUT = handle_one

    def websocket(self) -> None:
        """Answers two masked text frames with their text, then closes."""
        key = (self.headers.get("Sec-WebSocket-Key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()
        self.send_response(101)
        for name, text in (("Connection", "Upgrade"), ("Upgrade", "websocket"),
                           ("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key).digest()).decode())):
            self.send_header(name, text)
        self.end_headers()
        for _ in range(2):
            head = self.rfile.read(2)
            mask = self.rfile.read(4)
            text = bytes(octet ^ mask[index % 4] for index, octet in enumerate(self.rfile.read(head[1] & 0x7F)))
            self.wfile.write(bytes([head[0], len(text)]) + text)
            time.sleep(0.05)
        self.wfile.write(b"\x88\x02\x03\xe8")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128

    def server_bind(self) -> None:                # without a look at DNS
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]        # type: ignore[assignment]


def main(log: str, *places: str, handler: type[BaseHTTPRequestHandler] = Origin) -> None:
    lock = threading.Lock()
    with open(log, "a", encoding="ascii") as file:
        for place in places:
            address, port, *secrets = place.split(",")
            Server.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
            server = Server((address, int(port)), handler)
            server.log, server.lock = file, lock                            # type: ignore[attr-defined]
            if secrets:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*secrets)
                server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever).start()
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
