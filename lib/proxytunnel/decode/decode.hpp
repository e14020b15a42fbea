// SPDX-License-Identifier: GPL-2.0-or-later
// summary: from a captured packet to the TCP segment or UDP datagram in it.
// spec: RFC 9293 section 3.1 (TCP), RFC 768 (UDP)
#pragma once

#include <cstdint>

#include <array>
#include <span>

#include "base/bytes.hpp"
#include "base/encapsulation.hpp"
#include "base/segment.hpp"
#include "decode/fragments.hpp"
#include "decode/innermost.hpp"
#include "decode/ip.hpp"
#include "decode/link.hpp"
#include "decode/reason.hpp"

namespace proxytunnel {

/// A packet as a capture has it.
struct CapturedFrame {
  FrameNumber number = 0;  ///< from 1, as Wireshark counts
  Time time = 0;
  std::uint32_t link_type = linktype::raw;
  Bytes data;
  std::uint32_t wire_length = 0;  ///< never less than data.size()
};

struct Decoded {
  enum class Kind : std::uint8_t { tcp, udp, other };

  Kind kind = Kind::other;
  Reason reason = Reason::none;  ///< why it is `other`
  Segment segment;               ///< if kind is tcp
  Datagram datagram;             ///< if kind is udp
  /// The link layer of the IP packet that has it, the innermost one; no bytes where no IP packet was found.
  LinkHeader link;
  LinkHeader
      outer_link;  ///< likewise, of the outermost one: of the capture's own link type, but for what stood before it
  Bytes packet;    ///< the innermost IP packet of the frame, from its header on; of a fragment, that
  /// The frames that the datagram came in, if it was put together from fragments; with this one.
  std::span<const FrameNumber> fragments;
};

/// Decodes the packets of one capture, in file order. Keeps nothing but fragments.
class Decoder {
 public:
  /// Decodes `frame`, down to the innermost packet. Number, time, VLAN, network and encapsulation are filled in; the
  /// frame's envelope is left empty. The length of a segment or datagram is what was on the wire, its payload what was
  /// captured of that. A datagram put together from fragments has the frame, the link layer and the IP fields of the
  /// fragment that completed it; the other fragments are `other`, with the reason `fragment`. Of a TCP segment, the
  /// whole header must be captured, of a UDP datagram its 8 bytes; else the reason is `cut_short`. The result is valid
  /// until the next call, and its views as long as frame.data is as well.
  const Decoded& decode(const CapturedFrame& frame);

  /// Fragmented datagrams not put together so far: parts are missing, or there were too many at once.
  [[nodiscard]] std::uint64_t unfinished_datagrams() const noexcept { return fragments_.unfinished(); }
  /// Those of them that wait no longer.
  [[nodiscard]] std::uint64_t given_up_datagrams() const noexcept { return fragments_.given_up(); }

 private:
  Reason decode_frame(const CapturedFrame& frame);
  Reason put_together(IpPacket& ip, std::uint32_t vlan, const CapturedFrame& frame);
  void keep_link() noexcept;
  Reason decode_tcp(const IpPacket& ip) noexcept;
  Reason decode_udp(const IpPacket& ip) noexcept;

  Decoded decoded_;
  Encapsulation encapsulation_;
  LinkHeaderRoom link_room_{};  ///< of a packet in fragments
  FragmentTable fragments_;
};

}  // namespace proxytunnel
