# SPDX-License-Identifier: GPL-2.0-or-later
"""summary: what ordinary protocols say over TCP, for scripts/ordinary-traffic: none of it goes through a proxy.

A dialogue is a function of a random generator: what each side says, turn by turn. It need not be complete, but what
stands in it is laid out as its specification has it, first bytes above all: they are what detection looks at.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from random import Random

from wire import CLIENT, SERVER

Turns = Iterator[tuple[int, bytes]]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


def word(chance: Random, least: int = 1, most: int = 24, letters: str = LETTERS) -> str:
    return "".join(chance.choice(letters) for _ in range(chance.randint(least, most)))


def blob(chance: Random, least: int = 0, most: int = 200) -> bytes:
    return chance.randbytes(chance.randint(least, most))


def text(chance: Random, least: int = 1, most: int = 24) -> bytes:
    return word(chance, least, most).encode()


def lines(*each: str) -> bytes:
    return "".join(f"{line}\r\n" for line in each).encode()


# ---------------------------------------------------------------- TLS

def tls_record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return struct.pack(">BHH", kind, version, len(body)) + body


def client_hello(chance: Random) -> bytes:
    name = text(chance, 4)
    server_name = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    body = (b"\x03\x03" + chance.randbytes(32) + b"\x20" + chance.randbytes(32) + b"\x00\x04\x13\x01\x13\x02\x01\x00"
            + struct.pack(">H", len(server_name)) + server_name)
    return tls_record(22, b"\x01" + struct.pack(">I", len(body))[1:] + body, 0x0301)


def server_hello(chance: Random) -> bytes:
    body = b"\x03\x03" + chance.randbytes(32) + b"\x00\x13\x01\x00"
    return tls_record(22, b"\x02" + struct.pack(">I", len(body))[1:] + body)


def tls(chance: Random) -> Turns:
    yield CLIENT, client_hello(chance)
    yield SERVER, server_hello(chance) + tls_record(20, b"\x01") + tls_record(23, blob(chance, 50, 900))
    for _ in range(chance.randint(0, 6)):
        yield chance.choice((CLIENT, SERVER)), tls_record(23, blob(chance, 17, 900))


# ---------------------------------------------------------------- databases

def tds_packet(kind: int, body: bytes, spid: int = 0, number: int = 1) -> bytes:
    return struct.pack(">BBHHBB", kind, 1, len(body) + 8, spid, number, 0) + body


def tds_login(chance: Random) -> bytes:
    """LOGIN7: offsets and lengths of texts in UTF-16, which may hold Z, [, \\ and ]: 5A to 5D, as SOCKS4 grants."""
    fields = [word(chance, 0, 12, LETTERS + "Z[\\]" * 8).encode("utf-16le") for _ in range(9)]
    at, table = 36 + 4 * 9 + 6, b""
    for value in fields:
        table += struct.pack("<HH", at, len(value) // 2)
        at += len(value)
    fixed = struct.pack("<IIIIIBBBBII", 0x74000004, 4096, 7, chance.randrange(2**16), 0, 0xE0, 3, 0, 0, 60, 0x409)
    body = fixed + table + chance.randbytes(6) + b"".join(fields)
    return tds_packet(16, struct.pack("<I", len(body) + 4) + body)


def tds(chance: Random) -> Turns:
    spid = chance.choice((chance.randint(51, 255), chance.randint(256, 32767)))
    options = bytes.fromhex("00001500060100 1b0001 02001c000c 0300280004 ff".replace(" ", ""))
    yield CLIENT, tds_packet(18, options + chance.randbytes(22), 0, chance.choice((0, 1)))
    yield SERVER, tds_packet(4, options + chance.randbytes(22), 0)
    if chance.random() < 0.5:  # the login inside TLS
        yield CLIENT, tds_packet(18, client_hello(chance))
        yield SERVER, tds_packet(18, server_hello(chance) + tls_record(22, blob(chance, 40)))
        yield CLIENT, tls_record(23, blob(chance, 60))
    else:
        yield CLIENT, tds_login(chance)
    environment = "".join(chance.choice("masterZ[\\]") for _ in range(12)).encode("utf-16le")
    yield SERVER, tds_packet(4, b"\xe3\x1b\x00\x01\x06" + environment + b"\xad" + blob(chance, 20, 60)
                             + b"\xfd" + bytes(12), spid)
    for number in range(chance.randint(1, 6)):
        query = ("select '" + word(chance, 1, 40, LETTERS + "Z[\\]") + "'").encode("utf-16le")
        headers = struct.pack("<IIHQI", 22, 18, 2, 0, 1)
        yield CLIENT, chance.choice((tds_packet(1, headers + query, 0, 1), tds_packet(3, headers + query, spid, 1),
                                     tds_packet(6, b"")))
        answer = b"\x81\x01\x00" + blob(chance, 0, 90) + b"\xd1" + query + b"\xfd\x10\x00\xc1\x00" + bytes(8)
        yield SERVER, tds_packet(4, answer, spid, number % 256)


def postgresql(chance: Random) -> Turns:
    if chance.random() < 0.4:
        yield CLIENT, struct.pack(">II", 8, 80877103)
        yield SERVER, chance.choice((b"S", b"N"))
    parameters = b"user\0" + text(chance) + b"\0database\0" + text(chance) + b"\0\0"
    yield CLIENT, struct.pack(">II", 8 + len(parameters), 196608) + parameters
    yield SERVER, b"R\0\0\0\x0c\0\0\0\x05" + chance.randbytes(4)
    yield CLIENT, b"p\0\0\0\x28md5" + text(chance, 32, 32) + b"\0"
    yield SERVER, b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"
    for _ in range(chance.randint(0, 4)):
        query = b"SELECT " + text(chance) + b"\0"
        yield CLIENT, b"Q" + struct.pack(">I", len(query) + 4) + query
        row = blob(chance, 4)
        yield SERVER, b"D" + struct.pack(">I", len(row) + 4) + row + b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I"


def mysql(chance: Random) -> Turns:
    def packet(number: int, body: bytes) -> bytes:
        return struct.pack("<I", len(body))[:3] + bytes([number % 256]) + body
    yield SERVER, packet(0, b"\x0a8.0." + text(chance, 1, 3) + b"\0" + chance.randbytes(4) + text(chance, 8, 8) + b"\0"
                         + chance.randbytes(18) + text(chance, 12, 12) + b"\0mysql_native_password\0")
    yield CLIENT, packet(1, chance.randbytes(4) + b"\0\0\0\x01\x21" + bytes(23) + text(chance) + b"\0\x14"
                         + chance.randbytes(20))
    yield SERVER, packet(2, b"\0\0\0\x02\0\0\0")
    for _ in range(chance.randint(0, 5)):
        yield CLIENT, packet(0, b"\x03select " + text(chance))
        yield SERVER, packet(1, b"\x01") + packet(2, b"\x03def" + blob(chance)) + packet(3, b"\xfe\0\0\x02\0")


def redis(chance: Random) -> Turns:
    for _ in range(chance.randint(1, 8)):
        words = [text(chance) for _ in range(chance.randint(1, 4))]
        inline = chance.random() < 0.1
        yield CLIENT, b"PING\r\n" if inline else b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(each), each) for each in words)
        value = blob(chance, 0, 40)
        yield SERVER, chance.choice((b"+OK\r\n", b"$-1\r\n", b":7\r\n", b"-ERR unknown\r\n",
                                     b"$%d\r\n" % len(value) + value + b"\r\n"))


def kafka(chance: Random) -> Turns:
    for number in range(chance.randint(1, 8)):
        client = text(chance)
        body = struct.pack(">HHIH", chance.choice((0, 1, 3, 4, 5, 18)), chance.randint(0, 12), number, len(client))
        body += client + blob(chance)
        yield CLIENT, struct.pack(">I", len(body)) + body
        answer = struct.pack(">I", number) + blob(chance)
        yield SERVER, struct.pack(">I", len(answer)) + answer


# ---------------------------------------------------------------- industry

def dnp3_crc(data: bytes) -> bytes:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA6BC if value & 1 else 0)
    return struct.pack("<H", ~value & 0xFFFF)


def dnp3_frame(control: int, destination: int, source: int, body: bytes) -> bytes:
    head = struct.pack("<BBBBHH", 5, 0x64, 5 + len(body), control, destination, source)
    blocks = [body[at:at + 16] for at in range(0, len(body), 16)]
    return head + dnp3_crc(head) + b"".join(block + dnp3_crc(block) for block in blocks)


def dnp3(chance: Random) -> Turns:
    master, outstation = chance.randint(0, 9), chance.randint(0, 1024)

    def ask(number: int) -> bytes:
        body = bytes([0xC0 | number, 0xC0 | number % 16, chance.choice((1, 2, 3, 5, 13))])
        return dnp3_frame(0xC4, outstation, master, body + bytes.fromhex("3c02063c03063c0406"))

    def answer(number: int, function: int) -> bytes:
        body = bytes([0xC0 | number, 0xE0 | number % 16, function, 0, 0]) + blob(chance, 0, 90)
        return dnp3_frame(0x44, master, outstation, body)

    for number in range(chance.randint(1, 10)):
        if chance.random() < 0.2:
            yield SERVER, answer(number, 130)  # unsolicited
            yield CLIENT, dnp3_frame(0xC4, outstation, master, bytes([0xC0, 0xD0 | number % 16, 0]))
        elif chance.random() < 0.2:
            yield CLIENT, dnp3_frame(0xC9, outstation, master, b"")  # link status
            yield SERVER, dnp3_frame(0x0B, master, outstation, b"")
        else:
            yield CLIENT, ask(number)
            yield SERVER, b"".join(answer(number, 129) for _ in range(chance.randint(1, 3)))


def modbus(chance: Random) -> Turns:
    first = chance.choice((0, 1, 0x0401, 0x0501, 0x0502, 0x005A, 0x0500, chance.randrange(2**16)))
    for number in range(first, first + chance.randint(1, 12)):
        function, unit = chance.choice((1, 2, 3, 4, 5, 6, 16)), chance.randint(0, 255)
        request = struct.pack(">BBHH", unit, function, chance.randrange(2**16), chance.randint(1, 125))
        yield CLIENT, struct.pack(">HHH", number % 2**16, 0, len(request)) + request
        values = chance.randbytes(2 * chance.randint(1, 20))
        answer = chance.choice((bytes([unit, function, len(values)]) + values, bytes([unit, function | 128, 2])))
        yield SERVER, struct.pack(">HHH", number % 2**16, 0, len(answer)) + answer


def openflow(chance: Random) -> Turns:
    """Version 1.3 begins with 04, 1.4 with 05; hello and error are 00 and 01."""
    version = chance.choice((1, 4, 5, 6))

    def message(kind: int, body: bytes = b"") -> bytes:
        return struct.pack(">BBHI", version, kind, 8 + len(body), chance.randrange(2**chance.choice((3, 32)))) + body
    speaks_first = chance.choice((CLIENT, SERVER))
    yield speaks_first, message(0, chance.choice((b"", b"\0\x01\0\x08\0\0\0\x12")))
    yield 1 - speaks_first, message(chance.choice((0, 0, 1)), chance.choice((b"", b"\0\0\0\0")))
    for _ in range(chance.randint(0, 6)):
        yield SERVER, message(chance.choice((2, 5, 7, 14, 18)), blob(chance, 0, 60))
        yield CLIENT, message(chance.choice((1, 3, 6, 8, 10, 19)), blob(chance, 0, 60))


# ---------------------------------------------------------------- messages

def variable(length: int) -> bytes:
    encoded = b""
    while True:
        length, digit = divmod(length, 128)
        encoded += bytes([digit | (128 if length else 0)])
        if not length:
            return encoded


def counted(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def mqtt(chance: Random) -> Turns:
    level = chance.choice((4, 5))
    properties = b"\0" if level == 5 else b""

    def packet(kind: int, body: bytes) -> bytes:
        return bytes([kind]) + variable(len(body)) + body
    yield CLIENT, packet(0x10, counted(b"MQTT") + bytes([level, 2, 0, 60]) + properties + counted(text(chance)))
    yield SERVER, packet(0x20, b"\0\0" + properties)
    for number in range(1, chance.randint(1, 8)):
        kind = chance.randrange(3)
        if kind == 0:
            yield CLIENT, packet(0x82, struct.pack(">H", number) + properties + counted(text(chance)) + b"\0")
            yield SERVER, packet(0x90, struct.pack(">H", number) + properties + b"\0")
        elif kind == 1:
            publish = packet(0x30, counted(text(chance)) + properties + blob(chance))
            yield chance.choice((CLIENT, SERVER)), publish
        else:
            yield CLIENT, b"\xc0\0"
            yield SERVER, b"\xd0\0"


def amqp(chance: Random) -> Turns:
    def frame(kind: int, body: bytes, channel: int = 0) -> bytes:
        return struct.pack(">BHI", kind, channel, len(body)) + body + b"\xce"
    yield CLIENT, b"AMQP\0\0\x09\x01"
    yield SERVER, frame(1, b"\0\x0a\0\x0a\0\x09" + blob(chance, 20))
    yield CLIENT, frame(1, b"\0\x0a\0\x0b" + blob(chance, 20))
    for _ in range(chance.randint(0, 6)):
        yield chance.choice((CLIENT, SERVER)), frame(chance.choice((1, 2, 3, 8)), blob(chance), chance.randint(0, 3))


def amqp1(chance: Random) -> Turns:
    def frame(body: bytes) -> bytes:
        return struct.pack(">IBBH", len(body) + 8, 2, 0, 0) + body
    if chance.random() < 0.5:
        yield CLIENT, b"AMQP\x03\x01\0\0"
        yield SERVER, b"AMQP\x03\x01\0\0" + frame(b"\0\x53\x40\xc0\x0c\x01\xe0\x09\x01\xa3" + text(chance, 6, 6))
    yield CLIENT, b"AMQP\0\x01\0\0" + frame(b"\0\x53\x10\xd0" + blob(chance))
    yield SERVER, b"AMQP\0\x01\0\0"
    for _ in range(chance.randint(0, 6)):
        yield chance.choice((CLIENT, SERVER)), frame(b"\0\x53" + blob(chance, 1))


def xmpp(chance: Random) -> Turns:
    host = word(chance)
    yield CLIENT, f"<?xml version='1.0'?><stream:stream to='{host}' xmlns='jabber:client'>".encode()
    yield SERVER, f"<stream:stream from='{host}' id='{word(chance)}'><stream:features/>".encode()
    for _ in range(chance.randint(0, 5)):
        yield chance.choice((CLIENT, SERVER)), f"<message to='{word(chance)}'><body>{word(chance)}</body>".encode()


# ---------------------------------------------------------------- text with absolute URIs, and other text

def rtsp(chance: Random) -> Turns:
    uri = f"rtsp://{chance.choice(('192.0.2.9', 'camera.example', '10.0.0.1'))}:554/{word(chance)}"
    for number, method in enumerate(("OPTIONS", "DESCRIBE", "SETUP", "PLAY")[:chance.randint(1, 4)], 1):
        yield CLIENT, lines(f"{method} {uri} RTSP/1.0", f"CSeq: {number}", "User-Agent: player",
                            *(["Proxy-Require: com.apple"] if chance.random() < 0.1 else []), "")
        body = lines("v=0", f"s={word(chance)}") if method == "DESCRIBE" else b""
        yield SERVER, lines("RTSP/1.0 200 OK", f"CSeq: {number}", f"Content-Length: {len(body)}", "") + body
    for _ in range(chance.randint(0, 4)):
        media = blob(chance, 12)
        yield SERVER, struct.pack(">BBH", 36, 0, len(media)) + media


def icap(chance: Random) -> Turns:
    uri = f"icap://{chance.choice(('icap.example', '192.0.2.4'))}:1344/{word(chance)}"
    for _ in range(chance.randint(1, 4)):
        method = chance.choice(("OPTIONS", "REQMOD", "RESPMOD"))
        if method == "OPTIONS":
            yield CLIENT, lines(f"OPTIONS {uri} ICAP/1.0", "Host: icap.example", "")
            yield SERVER, lines("ICAP/1.0 200 OK", "Methods: REQMOD", "ISTag: \"1\"", "Encapsulated: null-body=0", "")
            continue
        head = lines(chance.choice(("GET http://www.example.com/x HTTP/1.1", "CONNECT www.example.com:443 HTTP/1.1")),
                     "Host: www.example.com", "")
        yield CLIENT, lines(f"{method} {uri} ICAP/1.0", "Host: icap.example",
                            f"Encapsulated: req-hdr=0, null-body={len(head)}", "") + head
        yield SERVER, lines("ICAP/1.0 204 No modifications", "ISTag: \"1\"", "")


def sip(chance: Random) -> Turns:
    target = f"sip:{word(chance)}@{chance.choice(('example.com', '192.0.2.3:5060'))}"
    for number in range(1, chance.randint(2, 5)):
        head = [f"Via: SIP/2.0/TCP 10.0.0.5:{5060 + number};branch=z9hG4bK{word(chance)}", f"CSeq: {number} OPTIONS",
                f"To: <{target}>", f"Call-ID: {word(chance)}", "Content-Length: 0", ""]
        method = chance.choice(("OPTIONS", "REGISTER", "INVITE"))
        authorization = ["Proxy-Authorization: Digest username=\"a\""] if chance.random() < 0.3 else []
        yield CLIENT, lines(f"{method} {target} SIP/2.0", *authorization, *head)
        yield SERVER, lines(chance.choice(("SIP/2.0 200 OK", "SIP/2.0 407 Proxy Authentication Required")), *head)


def http(chance: Random) -> Turns:
    for _ in range(chance.randint(1, 4)):
        yield CLIENT, lines(f"GET /{word(chance)} HTTP/1.1", f"Host: {word(chance)}", "")
        body = blob(chance)
        yield SERVER, lines("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "") + body


def ftp(chance: Random) -> Turns:
    yield SERVER, lines("220 ready")
    for ask, answer in (("USER " + word(chance), "331 password"), ("PASS " + word(chance), "230 in"),
                        ("PASV", "227 Entering Passive Mode (10,0,0,1,4,1)"), ("QUIT", "221 bye")):
        yield CLIENT, lines(ask)
        yield SERVER, lines(answer)


def smtp(chance: Random) -> Turns:
    yield SERVER, lines(f"220 {word(chance)} ESMTP")
    for ask, answer in (("EHLO " + word(chance), "250-hello\r\n250 SIZE"), ("MAIL FROM:<a@example.com>", "250 ok"),
                        ("DATA", "354 go on"), ("CONNECT www.example.com:80 HTTP/1.1\r\n\r\n.", "250 queued")):
        yield CLIENT, lines(ask)
        yield SERVER, lines(answer)


def ssh(chance: Random) -> Turns:
    first = chance.choice((CLIENT, SERVER))
    yield first, lines("SSH-2.0-" + word(chance))
    yield 1 - first, lines("SSH-2.0-" + word(chance))
    for _ in range(chance.randint(1, 6)):
        body = blob(chance, 12)
        yield chance.choice((CLIENT, SERVER)), struct.pack(">IB", len(body) + 1, 5) + body


# ---------------------------------------------------------------- directories, files, peers

def ldap(chance: Random) -> Turns:
    def message(number: int, operation: int, body: bytes) -> bytes:
        inner = bytes([2, 1, number, operation]) + length(len(body)) + body
        return b"\x30" + length(len(inner)) + inner

    def length(size: int) -> bytes:
        return bytes([size]) if size < 128 else b"\x84" + struct.pack(">I", size)
    yield CLIENT, message(1, 0x60, b"\x02\x01\x03\x04\x00\x80\x00")
    yield SERVER, message(1, 0x61, b"\x0a\x01\x00\x04\x00\x04\x00")
    for number in range(2, chance.randint(2, 8)):
        yield CLIENT, message(number, 0x63, blob(chance))
        yield SERVER, message(number, 0x64, blob(chance)) + message(number, 0x65, b"\x0a\x01\x00\x04\x00\x04\x00")


def smb2(chance: Random) -> Turns:
    def message(command: int, number: int, flags: int) -> bytes:
        body = (b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ", 64, 0, 0, command, 1, flags, 0, number, 0xFEFF, 0, 0)
                + bytes(16) + blob(chance, 4))
        return struct.pack(">I", len(body)) + body
    for number in range(chance.randint(1, 8)):
        command = min(number, chance.randint(0, 18))
        yield CLIENT, message(command, number, 0)
        yield SERVER, message(command, number, 1)


def bittorrent(chance: Random) -> Turns:
    greeting = b"\x13BitTorrent protocol" + bytes(8)
    info = chance.randbytes(20)
    yield CLIENT, greeting + info + chance.randbytes(20)
    yield SERVER, greeting + info + chance.randbytes(20)
    for _ in range(chance.randint(0, 8)):
        kind, body = chance.randint(0, 9), blob(chance, 0, 40)
        yield chance.choice((CLIENT, SERVER)), struct.pack(">IB", len(body) + 1, kind) + body


def dce_rpc(chance: Random) -> Turns:
    """Begins with 05 00: two bytes that a SOCKS5 server might say."""
    def packet(kind: int, number: int) -> bytes:
        body = blob(chance, 12, 90)
        return struct.pack("<BBBBIHHI", 5, 0, kind, 3, 16, 16 + len(body), 0, number) + body
    yield CLIENT, packet(11, 1)
    yield SERVER, packet(12, 1)
    for number in range(2, chance.randint(2, 8)):
        yield CLIENT, packet(0, number)
        yield SERVER, packet(2, number)


def noise(chance: Random) -> Turns:
    """What no specification says: the first bytes look like SOCKS, what follows does not."""
    yield CLIENT, chance.choice((b"\x04\x01", b"\x04\x02", b"\x05\x01", b"\x05\x02\x00")) + blob(chance, 12)
    for _ in range(chance.randint(1, 6)):
        yield chance.choice((CLIENT, SERVER)), blob(chance, 3)


Dialogue = Callable[[Random], Turns]
# The port where each is at home.
DIALOGUES: dict[Dialogue, int] = {
    tds: 1433, dnp3: 20000, modbus: 502, mqtt: 1883, amqp: 5672, amqp1: 5672, redis: 6379, kafka: 9092, rtsp: 554,
    icap: 1344, sip: 5060, http: 80, ftp: 21, smtp: 25, ssh: 22, ldap: 389, smb2: 445, postgresql: 5432, mysql: 3306,
    openflow: 6653, xmpp: 5222, bittorrent: 6881, tls: 443, dce_rpc: 135, noise: 7777}
