// SPDX-License-Identifier: GPL-2.0-or-later
// summary: decrypted streams on their way from Wireshark, which reads TLS, to pcap-unproxy: the records of one pipe.
#include "base/chunk_record.hpp"

#include "base/limits.hpp"

namespace proxytunnel {
namespace {

void put64(std::uint8_t* at, std::uint64_t value) noexcept {
  put32(at, static_cast<std::uint32_t>(value >> 32));
  put32(at + 4, static_cast<std::uint32_t>(value));
}

std::uint64_t read64(Reader& reader) noexcept {
  const std::uint64_t high = reader.u32();
  return high << 32 | reader.u32();
}

}  // namespace

std::array<std::uint8_t, chunk_record_head> encode_chunk(const ChunkRecord& record) noexcept {
  std::array<std::uint8_t, chunk_record_head> head{};
  put64(head.data(), record.frame);
  put64(&head[8], record.path);
  put32(&head[16], record.sequence);
  put32(&head[20], record.size);
  head[24] = static_cast<std::uint8_t>(record.direction);
  head[25] = static_cast<std::uint8_t>(record.end);
  head[26] = record.of_session ? 1 : 0;
  return head;
}

Parsed<ChunkRecord> decode_chunk(Bytes bytes) noexcept {
  Reader reader(bytes);
  ChunkRecord record;
  record.frame = read64(reader);
  record.path = read64(reader);
  record.sequence = reader.u32();
  record.size = reader.u32();
  const std::uint8_t direction = reader.u8(), end = reader.u8(), of_session = reader.u8(), zero = reader.u8();
  if (!reader.complete()) return Parsed<ChunkRecord>::need_more();
  const bool is_known = record.size <= limits::chunk &&
                        direction <= static_cast<std::uint8_t>(Direction::from_server) &&
                        end <= static_cast<std::uint8_t>(StreamEnd::rst) && of_session <= 1 && zero == 0;
  if (!is_known) return Parsed<ChunkRecord>::malformed();
  record.direction = static_cast<Direction>(direction);
  record.end = static_cast<StreamEnd>(end);
  record.of_session = of_session == 1;
  return Parsed<ChunkRecord>::ok(record, reader.position());
}

}  // namespace proxytunnel
