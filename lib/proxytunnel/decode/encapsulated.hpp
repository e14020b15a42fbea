// SPDX-License-Identifier: GPL-2.0-or-later
// summary: finds the packet that an IP packet wraps.
// spec: RFC 2003, RFC 2473, RFC 4213 (IP in IP, 6in4), RFC 2784, RFC 2890 (GRE), RFC 2637 (PPTP's GRE), RFC 7348
// (VXLAN), RFC 8926 (GENEVE), draft-ietf-nvo3-vxlan-gpe, draft-foschiano-erspan, 3GPP TS 29.281 (GTP-U)
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/encapsulation.hpp"
#include "decode/ip.hpp"
#include "decode/link.hpp"

namespace proxytunnel {

/// What is wrapped. Where link.reason is not `none`, there is something, and no IP packet is found in it.
struct Inner {
  Wrapping wrapping;
  LinkFrame link;
};

/// What `ip`, a whole datagram, wraps: by its protocol number, or by a port that is assigned for that (VXLAN 4789, on
/// Linux 8472, and GPE 4790, GENEVE 6081, GTP-U 2152) and a header of that kind behind it. nullopt: nothing. A TCP
/// segment or a UDP datagram is what it is. GRE may be of version 1 (PPTP), and carry any ethertype, Ethernet, PPP,
/// ERSPAN I to III, or what WCCP redirects. All views are into `ip.payload`.
std::optional<Inner> find_inner(const IpPacket& ip) noexcept;

}  // namespace proxytunnel
