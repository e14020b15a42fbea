// SPDX-License-Identifier: GPL-2.0-or-later
// summary: when a SOCKS reply's BND may be taken for the address of the origin.
// spec: RFC 1928 section 6; the SOCKS4 memo, "CONNECT"
#pragma once

#include <cstdint>

#include "base/endpoint.hpp"
#include "names/synthetic_prefixes.hpp"

namespace proxytunnel {

/// RFC 1928 makes BND the proxy's own socket towards the origin; the SOCKS4 memo leaves it open for CONNECT, and many
/// proxies fill in zeros, an address of their own, or the origin. Only the last is evidence, and it is known by its
/// port: that of the origin is the one that was asked for, while a socket of the proxy has a port of its own. So
/// `bound` can be the origin if
///  - its port is the target's, not 0, and not also the client's (some proxies bind the port that the client has);
///  - its address is neither the proxy's nor the client's, as seen on the client's leg;
///  - a connection over the network can lead to it: not unspecified or 0.0.0.0/8, loopback, multicast, broadcast or
///    240.0.0.0/4 (what is at 127.0.0.1 for the proxy is the proxy);
///  - it is not in the synthetic prefixes (there are proxies that make up addresses in 198.18.0.0/15, too).
/// ::ffff:a.b.c.d counts as a.b.c.d throughout. The captures behind the rules: socks4-https, socks.pcap, socks-auth.
[[nodiscard]] bool can_be_origin(const Endpoint& bound, std::uint16_t target_port, const Endpoint& client,
                                 const Endpoint& proxy, const SyntheticPrefixes& synthetic = {}) noexcept;

}  // namespace proxytunnel
