// SPDX-License-Identifier: GPL-2.0-or-later
// summary: packets built byte by byte for the decoder's tests, in buffers that end where the packet ends.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "decode/decode.hpp"

namespace test_packets {

using proxytunnel::Bytes;
using Buffer = std::vector<std::uint8_t>;

inline Buffer hex(std::initializer_list<int> values) {
  Buffer buffer;
  for (const int value : values) buffer.push_back(static_cast<std::uint8_t>(value));
  return buffer;
}
inline Buffer operator+(Buffer first, const Buffer& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}
inline Buffer operator*(std::size_t count, const Buffer& part) {
  Buffer all;
  while (count-- != 0) all = std::move(all) + part;
  return all;
}
inline Buffer be16(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}
inline Buffer be32(std::uint32_t value) {
  return be16(value >> 16) + be16(value & 0xffff);
}
inline Buffer filled(std::size_t size, int value = 'x') {
  return Buffer(size, static_cast<std::uint8_t>(value));
}

/// 40000 -> 1080, sequence 1000, acknowledgment 2000, ACK and PSH
inline Buffer tcp(std::size_t payload = 10, const Buffer& options = {}) {
  return be16(40000) + be16(1080) + be32(1000) + be32(2000) +
         hex({static_cast<int>((20 + options.size()) / 4) << 4, 0x18}) + be16(8192) + be16(0xabcd) + be16(0) + options +
         filled(payload);
}
inline Buffer udp_of_length(std::uint32_t length, std::size_t payload) {
  return be16(5000) + be16(53) + be16(length) + be16(0x1234) + filled(payload, 'y');
}
inline Buffer udp(std::size_t payload = 10) {
  return udp_of_length(static_cast<std::uint32_t>(8 + payload), payload);
}

struct Ipv4 {
  int protocol = 6;
  int total_length = -1;  ///< -1: the right one
  std::uint32_t flags_and_offset = 0x4000;
  std::uint32_t identification = 0x1234;
  Buffer options{};
  int checksum_off_by = 0;
};
/// 10.0.0.1 -> 10.0.0.2, TOS 0x2e, TTL 63
inline Buffer ipv4(const Buffer& payload, const Ipv4& with = {}) {
  const std::size_t header_size = 20 + with.options.size();
  const std::size_t total =
      with.total_length < 0 ? header_size + payload.size() : static_cast<std::size_t>(with.total_length);
  Buffer header = hex({0x40 + static_cast<int>(header_size / 4), 0x2e}) + be16(static_cast<std::uint32_t>(total)) +
                  be16(with.identification) + be16(with.flags_and_offset) + hex({63, with.protocol, 0, 0}) +
                  hex({10, 0, 0, 1, 10, 0, 0, 2}) + with.options;
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < header.size(); at += 2) sum += proxytunnel::get16(&header[at]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  proxytunnel::put16(&header[10], (~sum & 0xffff) + static_cast<std::uint32_t>(with.checksum_off_by));
  return header + payload;
}
/// fd00::1 -> fd00::2, traffic class 0x2e, flow label 0x12345, hop limit 62
inline Buffer ipv6(const Buffer& payload, int next_header = 6, int payload_length = -1) {
  const std::size_t length = payload_length < 0 ? payload.size() : static_cast<std::size_t>(payload_length);
  return be32(0x62e12345) + be16(static_cast<std::uint32_t>(length)) + hex({next_header, 62}) + hex({0xfd}) +
         filled(14, 0) + hex({1, 0xfd}) + filled(14, 0) + hex({2}) + payload;
}
inline Buffer ethernet(std::uint32_t type) {
  return hex({2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}) + be16(type);
}

/// A copy that AddressSanitizer guards on both sides.
class Exact {
 public:
  explicit Exact(Bytes bytes) : Exact(bytes, bytes.size()) {}
  /// The first `size` bytes.
  Exact(Bytes bytes, std::size_t size) : bytes_(std::make_unique<std::uint8_t[]>(size)), size_(size) {
    std::copy_n(bytes.begin(), size, bytes_.get());
  }
  operator Bytes() const noexcept { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_;
};

inline bool within(Bytes part, Bytes whole) noexcept {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}
inline bool equal(Bytes a, Bytes b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

/// Decodes one frame as a capture with an interface of this link type would give it; wire length 0 means all captured.
inline const proxytunnel::Decoded& decode(proxytunnel::Decoder& decoder, std::uint32_t link_type, Bytes frame,
                                          std::size_t wire_length = 0, proxytunnel::Time time = 0) {
  return decoder.decode({.number = 7,
                         .time = time,
                         .link_type = link_type,
                         .data = frame,
                         .wire_length = static_cast<std::uint32_t>(wire_length == 0 ? frame.size() : wire_length)});
}

/// Decodes every beginning of `frame`, as cut by a snapshot length and as a short frame; false where a view of the
/// result leaves the frame, or something was read that is not there.
inline bool holds_at_every_cut(std::uint32_t link_type, const Buffer& frame) {
  for (std::size_t size = 0; size <= frame.size(); ++size) {
    const Exact cut(frame, size);
    for (const std::size_t wire_length : {frame.size(), std::max<std::size_t>(size, 1)}) {
      proxytunnel::Decoder decoder;
      const proxytunnel::Decoded& decoded = decode(decoder, link_type, cut, wire_length);
      if ((decoded.kind == proxytunnel::Decoded::Kind::other) != (decoded.reason != proxytunnel::Reason::none))
        return false;
      if (decoded.link.bytes.size() > size) return false;
      if (decoded.kind == proxytunnel::Decoded::Kind::tcp) {
        const proxytunnel::Segment& segment = decoded.segment;
        if (!within(segment.header, cut) || !within(segment.payload, cut)) return false;
        if (segment.header.size() < 20 || segment.payload.size() > segment.length) return false;
        if (segment.length > wire_length) return false;
      }
      if (decoded.kind == proxytunnel::Decoded::Kind::udp) {
        const proxytunnel::Datagram& datagram = decoded.datagram;
        if (!within(datagram.payload, cut) || datagram.payload.size() > datagram.length) return false;
        if (datagram.length > wire_length) return false;
      }
    }
  }
  return true;
}

}  // namespace test_packets
