// SPDX-License-Identifier: GPL-2.0-or-later
// summary: packets for tests: TCP connections and UDP datagrams with whole headers and right checksums, and chunks.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/segment.hpp"
#include "synth/checksum.hpp"

namespace wire {

using proxytunnel::Address;
using proxytunnel::Bytes;
using proxytunnel::Endpoint;
using proxytunnel::Segment;

inline Endpoint endpoint(std::string_view address, std::uint16_t port) {
  return {*Address::parse(address), port};
}

inline std::vector<std::uint8_t> bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

inline proxytunnel::Sum pseudo_sum(const Endpoint& sender, const Endpoint& receiver, std::uint32_t protocol,
                                   std::uint32_t length) {
  using proxytunnel::Sum;
  return Sum::of(sender.address.bytes()) + Sum::of(receiver.address.bytes()) + Sum(protocol) + Sum(length >> 16) +
         Sum(length & 0xffff);
}

/// The right TCP checksum for a header (whose own field is not counted) and a payload.
inline std::uint16_t tcp_checksum(const Endpoint& sender, const Endpoint& receiver, std::vector<std::uint8_t> header,
                                  Bytes payload) {
  using proxytunnel::Sum;
  header[16] = header[17] = 0;
  const auto length = static_cast<std::uint32_t>(header.size() + payload.size());
  return (pseudo_sum(sender, receiver, 6, length) + Sum::of(header) + Sum::of(payload)).checksum();
}

/// The right UDP checksum; 0 stands for none and becomes 0xffff (RFC 768).
inline std::uint16_t udp_checksum(const Endpoint& sender, const Endpoint& receiver, Bytes payload) {
  using proxytunnel::Sum;
  const auto length = static_cast<std::uint32_t>(8 + payload.size());
  const std::uint16_t checksum = (pseudo_sum(sender, receiver, 17, length) + Sum(sender.port) + Sum(receiver.port) +
                                  Sum(length) + Sum::of(payload))
                                     .checksum();
  return checksum == 0 ? 0xffff : checksum;
}

enum class End { client, server };

/// A connection whose segments count frames and time by themselves. Segments stay valid as long as the object.
class Connection {
 public:
  Connection(Endpoint client, Endpoint server, std::uint32_t client_isn = 1000, std::uint32_t server_isn = 5000)
      : ends_{client, server}, next_{client_isn, server_isn} {}

  /// Where the next segment's frame number continues, when several connections share one capture.
  std::uint64_t frame = 0;

  Segment syn() { return make(End::client, proxytunnel::tcp_flag::syn, "", syn_options); }
  Segment syn_ack() {
    return make(End::server, proxytunnel::tcp_flag::syn | proxytunnel::tcp_flag::ack, "", syn_options);
  }
  Segment ack(End from) { return make(from, proxytunnel::tcp_flag::ack, "", ""); }
  Segment say(End from, std::string_view payload) {
    return make(from, proxytunnel::tcp_flag::ack | proxytunnel::tcp_flag::psh, payload, "");
  }
  Segment fin(End from) { return make(from, proxytunnel::tcp_flag::fin | proxytunnel::tcp_flag::ack, "", ""); }
  Segment rst(End from) { return make(from, proxytunnel::tcp_flag::rst, "", ""); }

  /// Any segment; sequence numbers move on by what it carries.
  Segment make(End from, unsigned flags, std::string_view payload, std::string_view options) {
    const std::size_t own = from == End::client ? 0 : 1;
    const std::uint32_t sequence = next_[own];
    next_[own] += static_cast<std::uint32_t>(payload.size()) +
                  ((flags & (proxytunnel::tcp_flag::syn | proxytunnel::tcp_flag::fin)) != 0 ? 1 : 0);
    return at(from, flags, sequence, next_[1 - own], payload, options);
  }

  /// A segment with sequence and acknowledgment numbers of its own; the connection's do not move.
  Segment at(End from, unsigned flags, std::uint32_t sequence, std::uint32_t acknowledgment, std::string_view payload,
             std::string_view options = "") {
    const std::size_t own = from == End::client ? 0 : 1;
    auto& header = kept_.emplace_back(20 + options.size());
    proxytunnel::put16(header.data(), ends_[own].port);
    proxytunnel::put16(header.data() + 2, ends_[1 - own].port);
    proxytunnel::put32(header.data() + 4, sequence);
    if ((flags & proxytunnel::tcp_flag::ack) != 0) proxytunnel::put32(header.data() + 8, acknowledgment);
    header[12] = static_cast<std::uint8_t>(header.size() / 4 << 4);
    header[13] = static_cast<std::uint8_t>(flags);
    proxytunnel::put16(header.data() + 14, 501);
    std::copy(options.begin(), options.end(), header.begin() + 20);
    const auto& body = kept_.emplace_back(bytes(payload));
    Segment segment;
    segment.sender = ends_[own];
    segment.receiver = ends_[1 - own];
    segment.ip.version = segment.sender.address.version;
    proxytunnel::put16(header.data() + 16, tcp_checksum(segment.sender, segment.receiver, header, body));
    segment.header = header;
    segment.payload = body;
    segment.length = static_cast<std::uint32_t>(body.size());
    segment.frame.number = ++frame;
    segment.frame.time = 1'000'000'000 + static_cast<std::int64_t>(frame) * 1000;
    return segment;
  }

  [[nodiscard]] std::uint32_t next(End from) const { return next_[from == End::client ? 0 : 1]; }

  /// MSS 1460, SACK permitted, window scale 7.
  static constexpr std::string_view syn_options{"\x02\x04\x05\xb4\x01\x01\x04\x02\x01\x03\x03\x07", 12};

 private:
  Endpoint ends_[2];
  std::uint32_t next_[2];
  std::deque<std::vector<std::uint8_t>> kept_;
};

/// Datagrams and chunks that count frames on from a connection's. They stay valid as long as the object.
class Sender {
 public:
  /// Frames continue those of `connection`, and the other way round.
  explicit Sender(Connection& connection) : frame_(connection.frame) {}

  proxytunnel::Datagram datagram(const Endpoint& from, const Endpoint& to, std::string_view payload) {
    proxytunnel::Datagram datagram;
    datagram.sender = from;
    datagram.receiver = to;
    datagram.ip.version = from.address.version;
    datagram.payload = keep(payload);
    datagram.length = static_cast<std::uint32_t>(payload.size());
    datagram.checksum = udp_checksum(from, to, datagram.payload);
    stamp(datagram.frame);
    return datagram;
  }

  proxytunnel::Chunk chunk(const Endpoint& from, const Endpoint& to, std::string_view payload,
                           proxytunnel::StreamEnd end = proxytunnel::StreamEnd::open) {
    proxytunnel::Chunk chunk;
    chunk.sender = from;
    chunk.receiver = to;
    chunk.ip.version = from.address.version;
    chunk.payload = keep(payload);
    chunk.end = end;
    stamp(chunk.frame);
    return chunk;
  }

 private:
  Bytes keep(std::string_view payload) { return kept_.emplace_back(bytes(payload)); }
  void stamp(proxytunnel::Frame& frame) {
    frame.number = ++frame_;
    frame.time = 1'000'000'000 + static_cast<std::int64_t>(frame_) * 1000;
  }

  std::uint64_t& frame_;
  std::deque<std::vector<std::uint8_t>> kept_;
};

}  // namespace wire
