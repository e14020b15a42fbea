// SPDX-License-Identifier: GPL-2.0-or-later
// summary: makes segments of a byte stream that has none: the second policy, for decrypted TLS only.
#include "synth/packetize.hpp"

#include "base/layer_path.hpp"
#include "synth/ip_header.hpp"

namespace proxytunnel {
std::uint32_t packetized_isn(LayerPath path, std::uint32_t parent_isn, FrameNumber opening) noexcept {
  return static_cast<std::uint32_t>(mix_fixed(mix_fixed(path, parent_isn), opening));
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
