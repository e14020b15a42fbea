#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: an origin that answers the same path with the same bytes each time, and writes down who asked.
"""legs_origin.py LOG ADDRESS,PORT[,CERTIFICATE,KEY]...        the log has one JSON object per request

/together waits before it answers, so that parallel requests overlap; /kept has a date, and may be cached for a while.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from http.server import BaseHTTPRequestHandler

from origin import main

TOLD = ("X-Forwarded-For", "Forwarded", "Via")
WAIT = 0.4


def page(path: str) -> bytes:
    """200 bytes to 4 KB, by the path alone."""
    digest = hashlib.sha256(path.encode()).hexdigest()
    lines = int(digest[:4], 16) % 56 + 3
    return "".join(f"{number:02} {digest[number % 8:][:48]:<48} of {len(path):3}\n" for number in range(lines)).encode()


class Legs(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        record = {"at": self.connection.getsockname()[:2], "from": self.client_address[:2], "method": self.command,
                  "path": self.path, "host": self.headers.get("Host"), "time": time.time(),
                  "told": {name: self.headers.get_all(name) for name in TOLD if self.headers.get_all(name)}}
        with self.server.lock:                                              # type: ignore[attr-defined]
            self.server.log.write(json.dumps(record) + "\n")                # type: ignore[attr-defined]
            self.server.log.flush()                                         # type: ignore[attr-defined]
        if self.path.startswith("/together"):
            time.sleep(WAIT)
        body = page(self.path)
        life = "max-age=600" if self.path.startswith("/kept") else "no-store"
        head = (f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
                f"Cache-Control: {life}\r\n")
        if life != "no-store":                   # squid keeps nothing that has no Date
            head += f"Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\nDate: {self.date_time_string()}\r\n"
        self.wfile.write(f"{head}\r\n".encode() + (b"" if self.command == "HEAD" else body))

    do_GET = do_HEAD = do_POST = handle_one

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    main(*sys.argv[1:], handler=Legs)
