#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# summary: a slow wire: what the kernel routes into a new tun interface goes out by another one, after a while.
"""legs_slow.py TUN INTERFACE MAC ADDRESS=SECONDS...        MAC: of the next hop; ADDRESS: the packets' source"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
import threading
from ipaddress import ip_address

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def main(name: str, interface: str, mac: str, *slow: str) -> None:
    delays = {ip_address(address).packed: float(seconds) for address, seconds in (each.split("=") for each in slow)}
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    own = out.getsockname()[4]
    print("ready", flush=True)
    while True:
        packet = os.read(tun, 65535)
        six = packet[0] >> 4 == 6
        source = packet[8:24] if six else packet[12:16]
        frame = bytes.fromhex(mac.replace(":", "")) + own + (b"\x86\xdd" if six else b"\x08\x00") + packet
        if source in delays:
            threading.Timer(delays[source], out.send, [frame]).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
