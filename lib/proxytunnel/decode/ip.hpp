// SPDX-License-Identifier: GPL-2.0-or-later
// summary: reads IPv4 and IPv6 headers, down to the transport header or to a fragment.
// spec: RFC 791, RFC 8200, RFC 2675 (jumbograms), RFC 4302 (AH), RFC 8754 (segment routing)
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/segment.hpp"
#include "decode/reason.hpp"

namespace proxytunnel {

/// Numbers of protocols and of IPv6 extension headers: https://www.iana.org/assignments/protocol-numbers
namespace ip_protocol {
constexpr std::uint8_t hop_by_hop = 0, ipip = 4, tcp = 6, udp = 17, ipv6 = 41, routing = 43, fragment = 44, gre = 47,
                       authentication = 51, destination_options = 60, mobility = 135, host_identity = 139, shim6 = 140;
}

/// Which part of its datagram a fragment is.
struct FragmentPlace {
  std::uint32_t identification = 0;
  std::uint32_t offset = 0;  ///< bytes
  bool more = false;         ///< another fragment follows this one
};

/// An IP packet, or what could be read of it.
struct IpPacket {
  Reason reason = Reason::none;  ///< `none`, `cut_short`, `malformed_ip` or `too_many_headers`
  bool is_beyond_frame = false;  ///< its length field says more than the frame had on the wire
  bool is_fragment = false;      ///< `payload` is a part of a datagram, the one that `place` tells
  std::uint8_t protocol = 0;     ///< of the first byte of `payload`; of a fragment: of the datagram's first byte
  Address sender, receiver;
  IpFields fields;
  Bytes payload;                  ///< captured bytes behind the headers; at most `wire_length`; no link padding
  std::uint32_t wire_length = 0;  ///< bytes behind the headers on the wire
  FragmentPlace place;
};

/// Reads the IP packet at the start of `bytes` (captured bytes, link padding included), which with that padding was
/// `wire_length` bytes on the wire. `payload` of the result is a view into `bytes`.
/// The packet ends where its length field says; at the end of the frame where the field says 0 (segmentation offload)
/// or more than the frame has. Extension headers, and AH also in IPv4, are skipped. The receiver is the final one that
/// a routing header names (types 0, 2 and 4; RFC 8200 section 4.4): the one that the TCP checksum covers.
IpPacket decode_ip(Bytes bytes, std::uint32_t wire_length) noexcept;

/// Skips the extension headers at the start of `packet.payload`, up to another protocol, a fragment or an error: for a
/// datagram put together from fragments, whose first bytes may be extension headers too.
void skip_extension_headers(IpPacket& packet) noexcept;

/// Whether a TCP segment or UDP datagram, or another packet, can be in what begins with this protocol number.
bool leads_on(std::uint8_t protocol) noexcept;

}  // namespace proxytunnel
