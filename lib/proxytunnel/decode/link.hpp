// SPDX-License-Identifier: GPL-2.0-or-later
// summary: finds the IP packet in a captured frame, and makes the link header for another IP packet like it.
// spec: https://www.tcpdump.org/linktypes.html
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "decode/limits.hpp"
#include "decode/linktype.hpp"
#include "decode/reason.hpp"

namespace proxytunnel {

struct LinkFrame {
  std::uint32_t link_type = linktype::raw;  ///< of `header`
  Bytes header;  ///< every byte of the link layer itself before the IP header, and nothing of what a
                 ///< capturing system put before that (radiotap, ERF); at most decode_limits::link_header
  Bytes packet;  ///< the captured bytes from the IP header on, link trailer and padding included
  std::uint32_t wire_length = 0;  ///< the same on the wire; never less than packet.size()
  std::uint32_t vlan = 0;         ///< VLAN identifiers: one as it is, two as first << 12 | second; 0 if none
  Reason reason = Reason::none;   ///< where it is not `none`, everything else is empty
};

/// Finds the IP packet in `frame`, `wire_length` bytes on the wire, of a LINKTYPE_ value. Both views of the result are
/// into `frame`. Known: Ethernet and 802.3 with any stack of VLAN tags, MPLS labels, PPPoE and LLC/SNAP; Linux cooked
/// v1 and v2 and Cisco HDLC with the same behind them; PPP; FDDI; data frames of 802.11, also behind radiotap, Prism,
/// AVS and PPI headers; ERF records of these; NFLOG; NULL, LOOP, RAW, IPV4, IPV6.
/// Outcomes: `none` (packet has at least one byte, and its version is what the link layer says), `cut_short`,
/// `not_ip`, `encrypted`, `fragment_cut_short`, `too_many_headers`, `unsupported_link_type`.
LinkFrame find_ip(std::uint32_t link_type, Bytes frame, std::uint32_t wire_length) noexcept;

/// The same for what begins behind an ethertype, as GRE and GENEVE carry it.
LinkFrame find_ip_behind(std::uint16_t ethertype, Bytes bytes, std::uint32_t wire_length) noexcept;

/// True of nearly all packets that are TCP, by one look: it is over IP right behind an Ethernet header. What else there
/// is may be TCP, too.
[[nodiscard]] bool is_plainly_tcp(std::uint32_t link_type, Bytes frame) noexcept;

/// What an ERF record holds, by its type, and how many bytes stand before that in a file: link type `unknown` where it
/// is none of those above. `data` is what stands behind the record's headers.
struct ErfLink {
  std::uint32_t link_type = linktype::unknown;
  std::size_t skipped = 0;
};
ErfLink link_of_erf(unsigned type, Bytes data) noexcept;

struct LinkHeader {
  std::uint32_t link_type = linktype::raw;
  Bytes bytes;
};
using LinkHeaderRoom = std::array<std::uint8_t, decode_limits::link_header>;

/// The link header for an IP packet of `version` 4 or 6 and `packet_length` bytes, modelled on `link` (as find_ip()
/// gave it). Its protocol field (ethertype, PPP protocol, address family) names the version, its length fields (802.3,
/// PPPoE) the length; everything else, MPLS labels too, stays. The result is a view of `link.bytes` where nothing
/// differs, else of `room`. A NULL or LOOP header keeps its byte order; an IPv6 family is kept as the capture has it, a
/// new one is 30 (Darwin; there is no common value, and Wireshark and tcpdump know this one on every system). A header
/// that cannot hold the packet (IPV4 for version 6, LLC's IPv4 SAP, a length beyond the field, bytes that are no header
/// of this type) becomes RAW with no header.
LinkHeader adapt(const LinkHeader& link, unsigned version, std::size_t packet_length, LinkHeaderRoom& room) noexcept;

}  // namespace proxytunnel
