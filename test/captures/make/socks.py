# SPDX-License-Identifier: GPL-2.0-or-later
# summary: dante's server and client and v2ray's SOCKS server, as several scripts here start them.

from __future__ import annotations

import json

from lab import PROXY, PROXY_ADDRESS, Lab


def danted(lab: Lab, port: int = 1080, method: str = "none", more: str = "",
           commands: str = "connect bind udpassociate bindreply udpreply") -> None:
    """dante's server on the proxy's address. Its log is danted.PORT.log in the lab's directory."""
    lab.start(PROXY, "danted", "-f", lab.file(f"danted.{port}.conf", f"""logoutput: {lab.work}/danted.{port}.log
internal: {PROXY_ADDRESS} port = {port}
external: leg2
socksmethod: {method}
clientmethod: none
user.privileged: root
user.unprivileged: root
timeout.connect: 5
{more}
client pass {{
 from: 0/0 to: 0/0
}}
socks pass {{
 from: 0/0 to: 0/0
 command: {commands}
 log: connect disconnect error
}}
"""), "-p", lab.work / f"danted.{port}.pid", listens=f"{PROXY_ADDRESS}:{port}")


def socksify(lab: Lab, proxy: str, protocol: str = "socks_v5", method: str = "none") -> dict[str, str]:
    """The environment in which socksify's program uses this proxy for everything but its own loopback. Names are left
    to the proxy."""
    address, port = proxy.split(":")
    name = f"socksify.{protocol}.{method}.{port}"
    return {"SOCKS_CONF": str(lab.file(name, f"""logoutput: {lab.work}/{name}.log
resolveprotocol: fake
route {{
 from: 0.0.0.0/0 to: 127.0.0.0/8 via: direct
}}
route {{
 from: 0.0.0.0/0 to: 0.0.0.0/0 via: {address} port = {port}
 proxyprotocol: {protocol}
 command: bind connect udpassociate
 method: {method}
}}
route {{
 from: 0.0.0.0/0 to: . via: {address} port = {port}
 proxyprotocol: {protocol}
 command: bind connect udpassociate
 method: {method}
}}
"""))}


def v2ray_server(lab: Lab, users: dict[int, tuple[str, str] | None]) -> None:
    """SOCKS with UDP on each of these ports, for everybody or for one user."""
    inbounds = []
    for port, user in users.items():
        known = {"auth": "password", "accounts": [{"user": user[0], "pass": user[1]}]} if user else {"auth": "noauth"}
        inbounds.append({"listen": PROXY_ADDRESS, "port": port, "protocol": "socks",
                         "settings": known | {"udp": True, "ip": PROXY_ADDRESS}})
    lab.start(PROXY, "v2ray", "-config", lab.file("server.json", json.dumps({
        "log": {"loglevel": "warning"}, "inbounds": inbounds, "outbounds": [{"protocol": "freedom"}]})),
        listens=f"{PROXY_ADDRESS}:{max(users)}")
