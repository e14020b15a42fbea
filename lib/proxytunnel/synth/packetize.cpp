// SPDX-License-Identifier: GPL-2.0-or-later
// summary: makes segments of a byte stream that has none: the second policy, for decrypted TLS only.
#include "synth/packetize.hpp"

#include <algorithm>

#include "base/siphash.hpp"
#include "synth/ip_header.hpp"

namespace proxytunnel {
namespace {

// Known to all: the numbers are the same in every program and every run, and nobody needs to be kept from guessing
// them.
constexpr HashKey public_key{};

}  // namespace

std::uint32_t packetized_isn(const Endpoint& sender, const Endpoint& receiver, std::uint32_t parent_isn,
                             FrameNumber opening) noexcept {
  std::array<std::uint8_t, 48> packed{};
  std::copy(sender.address.octets.begin(), sender.address.octets.end(), packed.begin());
  std::copy(receiver.address.octets.begin(), receiver.address.octets.end(), packed.begin() + 16);
  put16(&packed[32], sender.port);
  put16(&packed[34], receiver.port);
  put32(&packed[36], parent_isn);
  put32(&packed[40], static_cast<std::uint32_t>(opening >> 32));
  put32(&packed[44], static_cast<std::uint32_t>(opening));
  return static_cast<std::uint32_t>(siphash<1, 3>(public_key, packed));
}

void packetize(const Chunk& chunk, Bytes payload, unsigned flags, std::uint32_t sequence, std::uint32_t acknowledgment,
               Packetized& result) noexcept {
  constexpr std::uint32_t window = 0xffff;
  std::uint8_t* tcp = result.header.data();
  put16(tcp, chunk.sender.port);
  put16(tcp + 2, chunk.receiver.port);
  put32(tcp + 4, sequence);
  put32(tcp + 8, acknowledgment);
  tcp[12] = static_cast<std::uint8_t>(result.header.size() / 4 << 4);
  tcp[13] = static_cast<std::uint8_t>(flags);
  put16(tcp + 14, window);
  const auto length = static_cast<std::uint32_t>(payload.size());
  const auto tcp_length = static_cast<std::uint32_t>(result.header.size()) + length;
  put16(tcp + 16, pseudo_header(Transport::tcp, chunk.sender, chunk.receiver, tcp_length).folded());
  put16(tcp + 18, 0);

  Segment& segment = result.segment;
  segment.sender = chunk.sender;
  segment.receiver = chunk.receiver;
  segment.ip = chunk.ip;
  segment.header = result.header;
  segment.payload = payload;
  segment.length = length;
  segment.frame = chunk.frame;
  segment.parent = chunk.parent;
  segment.layer = chunk.layer;
  segment.decrypted = true;
}

}  // namespace proxytunnel
