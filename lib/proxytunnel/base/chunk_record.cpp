// SPDX-License-Identifier: GPL-2.0-or-later
// summary: decrypted streams on their way from Wireshark, which reads TLS, to pcap-unproxy: the records of one pipe.
#include "base/chunk_record.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace proxytunnel {

std::array<std::uint8_t, chunk_record_head> encode_chunk(const Chunk& chunk) noexcept {
  std::array<std::uint8_t, chunk_record_head> head{};
  put32(&head[0], static_cast<std::uint32_t>(chunk.frame.number >> 32));
  put32(&head[4], static_cast<std::uint32_t>(chunk.frame.number));
  put32(&head[8], chunk.parent);
  put32(&head[12], chunk.layer);
  put32(&head[16], static_cast<std::uint32_t>(chunk.payload.size()));
  put16(&head[20], chunk.sender.port);
  put16(&head[22], chunk.receiver.port);
  head[24] = chunk.sender.address.version;
  head[25] = static_cast<std::uint8_t>(chunk.end);
  std::copy(chunk.sender.address.octets.begin(), chunk.sender.address.octets.end(), head.begin() + 28);
  std::copy(chunk.receiver.address.octets.begin(), chunk.receiver.address.octets.end(), head.begin() + 44);
  return head;
}

Parsed<ChunkHead> decode_chunk(Bytes bytes) noexcept {
  Reader reader(bytes);
  ChunkHead head;
  Chunk& chunk = head.chunk;
  chunk.frame.number = static_cast<FrameNumber>(reader.u32()) << 32;
  chunk.frame.number |= reader.u32();
  chunk.parent = reader.u32();
  chunk.layer = reader.u32();
  head.size = reader.u32();
  chunk.sender.port = reader.u16();
  chunk.receiver.port = reader.u16();
  const std::uint8_t version = reader.u8(), end = reader.u8();
  reader.skip(2);
  const Bytes sender = reader.take(16), receiver = reader.take(16);
  if (!reader.complete()) return Parsed<ChunkHead>::need_more();
  const bool is_known = (version == 4 || version == 6) && end <= static_cast<std::uint8_t>(StreamEnd::rst) &&
                        head.size <= limits::chunk && chunk.layer <= limits::layers;
  if (!is_known) return Parsed<ChunkHead>::malformed();
  const std::size_t length = version == 4 ? 4 : 16;
  chunk.sender.address = Address::from(sender.first(length));
  chunk.receiver.address = Address::from(receiver.first(length));
  chunk.end = static_cast<StreamEnd>(end);
  return Parsed<ChunkHead>::ok(head, reader.position());
}

}  // namespace proxytunnel
