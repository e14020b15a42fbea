// SPDX-License-Identifier: GPL-2.0-or-later
// summary: from a captured packet to the TCP segment or UDP datagram in it.
// spec: RFC 9293 section 3.1 (TCP), RFC 768 (UDP)
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/segment.hpp"
#include "capture/capture.hpp"
#include "decode/fragments.hpp"
#include "decode/ip.hpp"
#include "decode/link.hpp"
#include "decode/reason.hpp"

namespace unproxy {

enum class Transport : std::uint8_t { tcp, udp, other };

struct Decoded {
  Transport kind = Transport::other;
  Reason reason = Reason::none;    ///< why it is `other`
  proxytunnel::Segment segment;    ///< if kind is tcp
  proxytunnel::Datagram datagram;  ///< if kind is udp
  Bytes link_header;               ///< every byte before the IP header; empty where no IP packet was found
};

/// Decodes the packets of one capture, in file order. Keeps nothing but fragments.
class Decoder {
 public:
  /// Decodes `packet`, captured on `interface`. Frame number, time and network are filled in; the frame's envelope is
  /// left empty. The length of a segment or datagram is what was on the wire, its payload what was captured of that.
  /// A datagram put together from fragments has the frame, the link header and the IP fields of the fragment that
  /// completed it; the other fragments are `other`, with the reason `fragment`.
  /// Of a TCP segment, the whole header must be captured, of a UDP datagram its 8 bytes; else the reason is
  /// `cut_short`. The result is valid until the next call, and its views as long as packet.data is as well.
  const Decoded& decode(const Packet& packet, const Interface& interface);

  /// Fragmented datagrams not put together so far: parts are missing, or there were too many at once.
  [[nodiscard]] std::uint64_t unfinished_datagrams() const noexcept { return fragments_.unfinished(); }

 private:
  Reason decode_frame(const Packet& packet, std::uint32_t link_type);
  Reason put_together(IpPacket& ip, std::uint32_t network, Time time);
  Reason decode_tcp(const IpPacket& ip) noexcept;
  Reason decode_udp(const IpPacket& ip) noexcept;

  Decoded decoded_;
  FragmentTable fragments_;
};

}  // namespace unproxy
