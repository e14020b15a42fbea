// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what comes in through the door: one TCP segment or one UDP datagram, as a capture shows it.
// spec: RFC 9293 section 3.1 (TCP header), RFC 791, RFC 8200
#pragma once

#include <cstdint>
#include <limits>

#include "base/bytes.hpp"
#include "base/encapsulation.hpp"
#include "base/endpoint.hpp"
#include "base/frame_number.hpp"

namespace proxytunnel {

/// Nanoseconds since 1970-01-01T00:00:00Z.
using Time = std::int64_t;
/// Names an opened tunnel for as long as its Tracker lives.
using TunnelId = std::uint32_t;
constexpr TunnelId no_tunnel = std::numeric_limits<TunnelId>::max();
/// Names a conversation, the same in every program that reads the capture (base/layer_path.hpp).
using LayerPath = std::uint64_t;

/// What a packet is called by whoever puts it in and wants to know what remains of it; 0: nobody wants to.
using Ticket = std::uint64_t;

enum class Transport : std::uint8_t { tcp, udp };

/// The fields of the IP header that a virtual packet keeps. Addresses are in the endpoints.
struct IpFields {
  std::uint8_t version = 4;
  std::uint8_t traffic_class = 0;    ///< DSCP and ECN
  std::uint8_t hop_limit = 64;       ///< TTL
  bool dont_fragment = false;        ///< IPv4 only
  std::uint16_t identification = 0;  ///< IPv4 only
  std::uint32_t flow_label = 0;      ///< IPv6 only
  /// How far the IPv4 header checksum was off, as a one's complement difference; 0 when right or left to the card.
  std::uint16_t checksum_error = 0;
};

/// The captured frame that a segment or datagram came in.
struct Frame {
  FrameNumber number = 0;
  Time time = 0;
  /// Opaque to the core: what the feeder needs to write a packet of this direction (its link-layer header).
  /// Handed back with each virtual packet of the same direction. Valid during the call; the core copies it to keep it.
  Bytes envelope;
  /// VLAN tags, as one number; a connection that changes it is an anomaly, not another connection.
  std::uint32_t vlan = 0;
  /// The network that what wraps the packet names: a connection is known by its ends and this.
  NetworkId network = 0;
  /// What wraps the packet, as Encapsulation::packed(); borrowed as the envelope is.
  Bytes encapsulation;
  /// What came in an earlier frame and is taken at this one: what carried it, and when. 0: this frame carried it.
  FrameNumber carried_in = 0;
  Time carried_at = 0;
};

namespace tcp_flag {
constexpr unsigned fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10;
}

/// One TCP segment. All views are borrowed for the duration of the call it is passed to.
struct Segment {
  Endpoint sender, receiver;
  IpFields ip;
  /// The whole TCP header with options: 20 to 60 bytes, never less than its data offset says.
  Bytes header;
  /// The captured bytes behind the header; at most `length`.
  Bytes payload;
  /// Bytes behind the header on the wire, captured or not.
  std::uint32_t length = 0;
  Frame frame;
  /// The tunnel that carries this segment, and the layer of proxies outside it: `no_tunnel` and 0 on the wire.
  TunnelId parent = no_tunnel;
  unsigned layer = 0;
  /// True for what was packetized from the decrypted stream of the TLS connection between these ends.
  bool decrypted = false;
  LayerPath path = 0;  ///< of its conversation; 0 on the wire, where the ends say it
  Ticket ticket = 0;

  [[nodiscard]] bool is_on_wire() const noexcept { return parent == no_tunnel && !decrypted; }
  [[nodiscard]] std::uint32_t sequence() const noexcept { return get32(&header[4]); }
  [[nodiscard]] std::uint32_t acknowledgment() const noexcept { return get32(&header[8]); }
  [[nodiscard]] unsigned flags() const noexcept { return header[13]; }
  [[nodiscard]] bool has(unsigned mask) const noexcept { return (header[13] & mask) == mask; }
  [[nodiscard]] bool closes() const noexcept { return (header[13] & (tcp_flag::fin | tcp_flag::rst)) != 0; }
  [[nodiscard]] std::uint16_t window() const noexcept { return get16(&header[14]); }
  [[nodiscard]] std::uint16_t checksum() const noexcept { return get16(&header[16]); }
  [[nodiscard]] Bytes options() const noexcept { return header.subspan(20); }
};

/// One UDP datagram, whole (IP fragments already put together). Views are borrowed as those of a segment.
struct Datagram {
  Endpoint sender, receiver;
  IpFields ip;
  Bytes payload;               ///< captured bytes
  std::uint32_t length = 0;    ///< bytes on the wire
  std::uint16_t checksum = 0;  ///< 0: the sender computed none
  Frame frame;
  TunnelId parent = no_tunnel;  ///< as of a segment
  unsigned layer = 0;
  Ticket ticket = 0;
};

/// How a stream without segments goes on.
enum class StreamEnd : std::uint8_t { open, fin, rst };

/// The next bytes of a byte stream that has no segments of its own: what TLS carried, decrypted. In order, without
/// holes.
struct Chunk {
  Endpoint sender, receiver;  ///< of the TCP connection that carries the TLS session
  IpFields ip;                ///< of the segment that completed the bytes
  Bytes payload;              ///< at most limits::chunk; may be empty if the stream ends
  StreamEnd end = StreamEnd::open;
  Frame frame;
  TunnelId parent = no_tunnel;  ///< as of the segments that carried it
  unsigned layer = 0;
};

}  // namespace proxytunnel
