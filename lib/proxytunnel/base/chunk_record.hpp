// SPDX-License-Identifier: GPL-2.0-or-later
// summary: decrypted streams on their way from Wireshark, which reads TLS, to pcap-unproxy: the records of one pipe.
// spec: docs/decisions/0012
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/direction.hpp"
#include "base/segment.hpp"

namespace proxytunnel {

/// Stands once, before the first record.
constexpr std::string_view chunk_record_magic = "proxytunnel-chunks/2\n";

/// One piece of a decrypted stream. It says which segment of its frame completed it, in words that do not depend on the
/// ids, names and addresses that either program gives; the reader knows the rest of that segment.
struct ChunkRecord {
  FrameNumber frame = 0;
  LayerPath path = 0;          ///< of the conversation that carries TLS
  std::uint32_t sequence = 0;  ///< of the segment
  std::uint32_t size = 0;      ///< bytes of payload; at most limits::chunk
  /// Of the segment in a virtual conversation; on the wire a frame has one segment, and this is from_client.
  Direction direction = Direction::from_client;
  StreamEnd end = StreamEnd::open;
  bool of_session = false;  ///< the writer found a session with a proxy in the stream

  bool operator==(const ChunkRecord&) const = default;
};

/// frame(8) path(8) sequence(4) size(4) direction(1) end(1) of_session(1) zero(1), all big-endian; then `size` bytes.
constexpr std::size_t chunk_record_head = 28;

[[nodiscard]] std::array<std::uint8_t, chunk_record_head> encode_chunk(const ChunkRecord& record) noexcept;

/// Outcomes: ok with the size of the head; need_more; malformed if the bytes cannot have been written by
/// encode_chunk().
[[nodiscard]] Parsed<ChunkRecord> decode_chunk(Bytes bytes) noexcept;

}  // namespace proxytunnel
