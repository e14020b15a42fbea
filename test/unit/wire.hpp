// SPDX-License-Identifier: GPL-2.0-or-later
// summary: TCP segments for tests: a connection between two ends that builds whole headers with right checksums.
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

/// The right TCP checksum for a header (whose own field is not counted) and a payload.
inline std::uint16_t tcp_checksum(const Endpoint& sender, const Endpoint& receiver, std::vector<std::uint8_t> header,
                                  Bytes payload) {
  using proxytunnel::Sum;
  header[16] = header[17] = 0;
  const auto length = static_cast<std::uint32_t>(header.size() + payload.size());
  const Sum pseudo = Sum::of(sender.address.bytes()) + Sum::of(receiver.address.bytes()) + Sum(6) + Sum(length >> 16) +
                     Sum(length & 0xffff);
  return (pseudo + Sum::of(header) + Sum::of(payload)).checksum();
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

}  // namespace wire
