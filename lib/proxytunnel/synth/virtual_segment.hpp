// SPDX-License-Identifier: GPL-2.0-or-later
// summary: one packet of a virtual conversation: headers that were built, and the payload they stand in front of.
#pragma once

#include <array>
#include <cstdint>

#include "base/direction.hpp"
#include "base/segment.hpp"
#include "base/streams.hpp"

namespace proxytunnel {

enum class VirtualKind : std::uint8_t {
  syn,         ///< synthetic, at the frame that opened the tunnel
  syn_ack,     ///< synthetic, likewise
  ack,         ///< synthetic, likewise
  translated,  ///< a segment of the parent, with other addresses
  held         ///< likewise, but carried by an earlier frame than the one that opened the tunnel
};

struct VirtualSegment {
  VirtualKind kind = VirtualKind::translated;
  TunnelId tunnel = no_tunnel;
  unsigned layer = 0;
  Direction direction = Direction::from_client;  ///< from the client's end to the origin's, or back
  Endpoint sender, receiver;
  IpFields ip;
  /// IPv4 (20) or IPv6 (40 bytes) header, then the TCP header.
  std::array<std::uint8_t, 100> headers{};
  std::uint8_t ip_size = 0, tcp_size = 0;
  /// A part of the parent's payload. Valid as long as what it was made from: the caller's segment, or the Outcome.
  Bytes payload;
  std::uint32_t length = 0;  ///< bytes of payload on the wire
  Offset offset = 0;         ///< of the first byte of payload, counted from the base
  /// The frame that carried it, and the time at which it is shown.
  Frame frame;

  [[nodiscard]] bool is_synthetic() const noexcept { return kind < VirtualKind::translated; }
  [[nodiscard]] Bytes header_bytes() const noexcept {
    return Bytes(headers).first(static_cast<std::size_t>(ip_size) + tcp_size);
  }
  /// The same packet as the next layer's segment: a virtual connection is a connection.
  [[nodiscard]] Segment as_segment() const noexcept {
    return {sender, receiver, ip, Bytes(headers).subspan(ip_size, tcp_size), payload, length, frame, tunnel, layer + 1};
  }
};

}  // namespace proxytunnel
