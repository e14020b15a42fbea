// SPDX-License-Identifier: GPL-2.0-or-later
// summary: finds the IP packet in a captured frame, and makes the link header for another IP packet like it.
// spec: https://www.tcpdump.org/linktypes.html
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "capture/capture.hpp"
#include "decode/limits.hpp"
#include "decode/reason.hpp"

namespace unproxy {

struct LinkFrame {
  Bytes header;                   ///< every byte before the IP header; at most decode_limits::link_header
  Bytes packet;                   ///< the captured bytes from the IP header on, link trailer and padding included
  std::uint32_t wire_length = 0;  ///< the same on the wire; never less than packet.size()
  std::uint32_t network = 0;      ///< the VLAN identifiers: one as it is, two as first << 12 | second; 0 if none
  Reason reason = Reason::none;   ///< where it is not `none`, everything else is empty
};

/// Finds the IP packet in `frame`, `wire_length` bytes on the wire, of a LINKTYPE_ value. Both views of the result are
/// into `frame`. Known: Ethernet and 802.3 with any stack of VLAN tags, MPLS labels, PPPoE and LLC/SNAP; Linux cooked
/// v1 and v2 with the same behind them; NULL, LOOP, RAW, IPV4, IPV6.
/// Outcomes: `none` (packet has at least one byte, and its version is what the link layer says), `cut_short`,
/// `not_ip`, `too_many_headers`, `unsupported_link_type`.
LinkFrame find_ip(std::uint32_t link_type, Bytes frame, std::uint32_t wire_length) noexcept;

struct LinkHeader {
  std::uint32_t link_type = linktype::raw;
  Bytes bytes;
};
using LinkHeaderRoom = std::array<std::uint8_t, decode_limits::link_header>;

/// The link header for an IP packet of `version` 4 or 6 and `packet_length` bytes, modelled on `header` (as find_ip
/// gave it for `link_type`). Its protocol field (ethertype, PPP protocol, address family) names the version, its
/// length fields (802.3, PPPoE) the length; everything else, MPLS labels too, stays. The result is a view of `header`
/// where nothing differs, else of `room`.
/// A NULL or LOOP header keeps its byte order; an IPv6 family is kept as the capture has it, a new one is 30 (Darwin;
/// there is no common value, and Wireshark and tcpdump know this one on every system).
/// A header that cannot hold the packet (IPV4 for version 6, LLC's IPv4 SAP, a length beyond the field, bytes that are
/// no header of this type) becomes RAW with no header.
LinkHeader adapt(std::uint32_t link_type, Bytes header, unsigned version, std::size_t packet_length,
                 LinkHeaderRoom& room) noexcept;

}  // namespace unproxy
