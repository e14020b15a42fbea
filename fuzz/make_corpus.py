#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: writes the seeds of fuzz_capture, fuzz_correlate, fuzz_dns and fuzz_tool: small captures, conversations and
# DNS responses, byte by byte.
from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test/suite"))

import wire  # noqa: E402

REQUEST, ANSWER = b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nhello"


def talk(*turns: tuple[int, bytes], port: int = 40000) -> list[bytes]:
    session = wire.Session(client=("10.0.0.5", port))
    return [*session.open(), *(session.say(side, said) for side, said in turns), *session.close()]


def name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def response(*records: bytes, question: str = "www.example.com") -> bytes:
    return (struct.pack(">HHHHHH", 7, 0x8180, 1, len(records), 0, 0) + name(question) + b"\0\x01\0\x01"
            + b"".join(records))


def record(owner: bytes, kind: int, content: bytes) -> bytes:
    return owner + struct.pack(">HHIH", kind, 1, 60, len(content)) + content


POINTER = b"\xc0\x0c"
A, AAAA = record(POINTER, 1, b"\xc0\0\2\7"), record(POINTER, 28, bytes.fromhex("20010db8") + bytes(11) + b"\7")
ALIAS = record(POINTER, 5, name("other.example")) + record(name("other.example"), 1, b"\xc0\0\2\x08")
MESSAGES = {"a": response(A), "several": response(A, AAAA, A), "none": response(),
            "alias": response(ALIAS[:31], ALIAS[31:]), "refused": response(A).replace(b"\x81\x80", b"\x81\x85"),
            "upper_case": response(A, question="WWW.Example.COM"), "cut": response(A, AAAA)[:-3]}

CLIENT, SERVER = wire.CLIENT, wire.SERVER
SOCKS5 = ((CLIENT, b"\x05\x01\0"), (SERVER, b"\x05\0"), (CLIENT, b"\x05\x01\0\x03\x0fwww.example.com\0\x50"),
          (SERVER, b"\x05\0\0\x01\x0a\0\0\1\0\x50"), (CLIENT, REQUEST), (SERVER, ANSWER))
SOCKS4 = ((CLIENT, b"\x04\x01\0\x50\xc0\0\2\7me\0"), (SERVER, b"\0\x5a" + bytes(6)), (CLIENT, REQUEST),
          (SERVER, ANSWER))
FORWARD = ((CLIENT, b"GET http://192.0.2.7/ HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n"),
           (SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
ASSOCIATE = ((CLIENT, b"\x05\x01\0"), (SERVER, b"\x05\0"), (CLIENT, b"\x05\x03\0\x01" + bytes(6)),
             (SERVER, b"\x05\0\0\x01\x0a\0\0\1\x1f\x90"))
HEADER = ((CLIENT, b"PROXY TCP4 192.0.2.9 10.0.0.1 40001 80\r\n" + REQUEST), (SERVER, ANSWER))
DNS = wire.udp(("10.0.0.53", 53), ("10.0.0.1", 5000), MESSAGES["a"])
RELAYED = wire.udp(("10.0.0.5", 5001), ("10.0.0.1", 8080), b"\0\0\0\x01\xc0\0\2\x35\0\x35question")
SESSIONS = {"socks5": [DNS, *talk(*SOCKS5)], "socks4": talk(*SOCKS4), "connect": wire.connect_session(),
            "forward": talk(*FORWARD), "udp": [*talk(*ASSOCIATE)[:-3], RELAYED], "header": talk(*HEADER),
            "inside": talk(*SOCKS5[:4], *SOCKS4), "two": [*talk(*SOCKS5), *talk(*FORWARD, port=40001)]}


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(frames: list[bytes], order: str = "<") -> bytes:
    section = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    nanoseconds = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
    data = block(wire.SECTION, section, order)
    data += block(wire.INTERFACE, struct.pack(order + "HHI", 1, 0, 65535) + nanoseconds, order)
    data += block(wire.NAMES, struct.pack(order + "HH", 1, 20) + b"\xc0\0\2\7www.example.com\0" + bytes(4), order)
    for number, frame in enumerate(frames):
        head = struct.pack(order + "IIIII", 0, 0x17ABCDEF, number * 1000, len(frame), len(frame))
        data += block(wire.PACKET, head + frame, order)
    return data + block(3, struct.pack(order + "I", 60) + frames[0][:60], order)


def captures() -> dict[str, bytes]:
    frames = wire.connect_session()
    plain = wire.pcap(frames)
    return {"pcap": plain, "pcapng": pcapng(frames), "pcapng_big_endian": pcapng(frames, ">"),
            "gzip": gzip.compress(plain, mtime=0), "cut": plain[:-9], "header_only": plain[:24],
            "nanoseconds": b"\x4d\x3c\xb2\xa1" + plain[4:], "raw": wire.pcap([frame[14:] for frame in frames], 101)}


def hello(kind: int) -> bytes:
    """The first message of a TLS client (1) or server (2), with an SNI."""
    extension = b"\0\0\0\x10\0\x0e\0\0\x0bwww.example"
    body = b"\3\3" + bytes(range(32)) + b"\0\0\2\x13\1\1\0" + struct.pack(">H", len(extension)) + extension
    message = bytes([kind, 0]) + struct.pack(">H", len(body)) + body
    return b"\x16\3\1" + struct.pack(">H", len(message)) + message


def conversations() -> dict[str, bytes]:
    """Of fuzz_correlate: 0 and 4 are forwarded, 2 and 6 tunnels, the odd ones legs."""
    def say(number: int, side: int, words: bytes, after: int = 1) -> bytes:
        return bytes([number | (8 if side == SERVER else 0)]) + struct.pack(">HB", len(words), after) + words

    def both(numbers: tuple[int, int], said: bytes, answer: bytes) -> bytes:
        one, other = numbers
        return say(one, CLIENT, said) + say(other, CLIENT, said) + say(other, SERVER, answer) + say(one, SERVER, answer)

    def get(target: str) -> bytes:
        return f"GET {target} HTTP/1.1\r\nHost: www.example\r\nContent-Length: 2\r\n\r\nhi".encode()
    shared = b"".join(say(number, CLIENT, get(f"http://www.example/{number}")) + say(1, CLIENT, get(f"/{number}"))
                      + say(1, SERVER, ANSWER) + say(number, SERVER, ANSWER) for number in (0, 4))
    return {"bytes": both((2, 1), b"a question", b"an answer") + both((6, 3), b"another", b"answer"),
            "alike": both((2, 1), b"the same", b"of all") + both((6, 3), b"the same", b"of all"),
            "tls": both((2, 1), hello(1), hello(2)), "shared": shared,
            "moved": bytes([0x21]) + struct.pack(">HB", 4, 1) + b"late" + shared}


def legs() -> list[bytes]:
    """A tunnel, and the proxy's own connection for it."""
    leg = wire.Session(client=("10.0.0.1", 80), server=("192.0.2.7", 80))
    return [*talk(*SOCKS5), *leg.open(), leg.say(CLIENT, REQUEST), leg.say(SERVER, ANSWER), *leg.close()]


def main() -> int:
    dns = {key: b"\0" + struct.pack(">H", len(message)) + message for key, message in MESSAGES.items()}
    dns["all"] = b"".join(bytes([number % 8]) + seed[1:] for number, seed in enumerate(dns.values()))
    tool = {key: bytes([number]) + wire.pcap(frames) for number, (key, frames) in enumerate(SESSIONS.items())}
    tool |= {"legs": b"\x80" + wire.pcap(legs()), "legs_view": b"\x88" + wire.pcap(legs()),
             "legs_replace": b"\xc0" + wire.pcap(legs())}
    tool |= {f"file_{key}": b"\0" + data for key, data in captures().items()}
    for target, seeds in {"fuzz_capture": captures(), "fuzz_correlate": conversations(), "fuzz_dns": dns,
                          "fuzz_tool": tool}.items():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        for key, data in seeds.items():
            (CORPUS / target / key).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
