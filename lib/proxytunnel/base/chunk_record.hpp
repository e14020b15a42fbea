// SPDX-License-Identifier: GPL-2.0-or-later
// summary: decrypted streams on their way from Wireshark, which reads TLS, to pcap-unproxy: the records of one pipe.
// spec: docs/decisions/0008
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/segment.hpp"

namespace proxytunnel {

/// Stands once, before the first record.
constexpr std::string_view chunk_record_magic = "proxytunnel-chunks/1\n";

/// frame(8) parent(4) layer(4) length(4) sender port(2) receiver port(2) IP version(1) end(1) zero(2) sender(16)
/// receiver(16), all big-endian; then `length` bytes of payload. Both programs number their tunnels alike, so the
/// parent is the reader's, too.
constexpr std::size_t chunk_record_head = 60;

/// The head of a chunk's record: all but its IP fields and its time, which the reader knows from the frame.
[[nodiscard]] std::array<std::uint8_t, chunk_record_head> encode_chunk(const Chunk& chunk) noexcept;

/// The chunk without its payload, and the size of that. Outcomes: ok with the size of the head; need_more; malformed if
/// the bytes cannot have been written by encode_chunk().
struct ChunkHead {
  Chunk chunk;
  std::uint32_t size = 0;
};
[[nodiscard]] Parsed<ChunkHead> decode_chunk(Bytes bytes) noexcept;

}  // namespace proxytunnel
