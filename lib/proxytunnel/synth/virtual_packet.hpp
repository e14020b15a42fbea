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
  translated,  ///< a segment or datagram of the parent, with other addresses
  held         ///< likewise, but (some of) its payload was carried by an earlier frame than the one it is shown at
};

struct VirtualPacket {
  VirtualKind kind = VirtualKind::translated;
  Transport transport = Transport::tcp;
  TunnelId tunnel = no_tunnel;
  unsigned layer = 0;
  std::uint32_t flow = 0;                        ///< UDP: which of the attempt's flows
  Direction direction = Direction::from_client;  ///< from the client's end to the origin's, or back
  Endpoint sender, receiver;
  IpFields ip;
  /// IPv4 (20) or IPv6 (40 bytes) header, then the TCP or UDP header.
  std::array<std::uint8_t, 100> headers{};
  std::uint8_t ip_size = 0, transport_size = 0;
  /// A part of the parent's payload. Valid as long as what it was made from: the caller's segment, or the Outcome.
  Bytes payload;
  std::uint32_t length = 0;  ///< bytes of payload on the wire
  Offset offset = 0;         ///< of the first byte of payload: from the base; of UDP, behind all datagrams before it
  /// The frame it stands for. What waited for its conversation to open stands for
  /// the frame that carried it; later in a conversation a held packet stands for the frame at which it is shown, so
  /// that frames of a conversation are in order.
  Frame frame;
  Time time = 0;  ///< at which it is shown: the frame's, but never before what was shown of its conversation before it
  FrameNumber carried_in = 0;  ///< held: the frame that carried it
  LayerPath path = 0;          ///< TCP: of the virtual conversation

  [[nodiscard]] bool is_synthetic() const noexcept { return kind < VirtualKind::translated; }
  [[nodiscard]] Bytes header_bytes() const noexcept {
    return Bytes(headers).first(static_cast<std::size_t>(ip_size) + transport_size);
  }
  /// The same packet as the next layer's segment: a virtual connection is a connection. TCP only.
  [[nodiscard]] Segment as_segment() const noexcept {
    return {sender,    receiver, ip,  Bytes(headers).subspan(ip_size, transport_size), payload, length, frame, tunnel,
            layer + 1, false,    path};
  }
  /// The same packet as the next layer's datagram. UDP only.
  [[nodiscard]] Datagram as_datagram() const noexcept {
    return {sender, receiver, ip, payload, length, get16(&headers[ip_size + 6U]), frame, tunnel, layer + 1};
  }
};

}  // namespace proxytunnel
